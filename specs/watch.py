"""The `watch` part of a spec: which rules look at its runs, when a run is stopped, and what the user is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OFF = "off"
SEVERITIES = ("info", "warning", "error")
"""The milder before the worse."""
LEVELS = (OFF, *SEVERITIES)
FINDINGS: tuple[str, ...] = (
    *("loss_sign", "update_missing", "bad_initialisation", "loss_scale", "double_softmax", "weights_collapsing"),
    *("lr_too_high", "non_finite", "exploding_gradients", "saturated", "dead_units", "vanishing_gradients"),
    *("divergence", "lr_too_low", "stuck_at_chance", "no_learning", "memorised_noise", "overfitting", "frozen_layer"),
    "clipping",
    *("oscillation", "spikes", "weights_growing", "update_ratio", "throughput_drop", "memory_growth", "plateau"),
    *(
        "val_better_than_train",
        "node_failure",
        "host_oom",
        "preempted",
        "time_limit",
        "killed",
        "ended_early",
        "failed",
    ),
    *("lost", "cancelled", "gpu_hardware", "cuda_missing", "cuda_oom", "cuda_fault", "half_precision", "disk_full"),
    *("quota_exceeded", "shared_memory", "loader_died", "loader_workers", "port_taken", "crash", "nccl_timeout"),
    *("nccl_error", "segfault", "child_failed", "stalled", "time_limit_ahead", "memory_filling", "disk_filling"),
    *("gpu_idle", "gpu_unused", "throttled", "input_bound", "gpu_low", "gpu_fluctuating", "hopeless"),
    *("validation_mismatch", "data_order"),
)
"""The ids of all rules, which `docs/findings.md` describes."""
NOTICES = ("finished", "failed", "finding", "first_sample", "host_down", "disk_low")
"""The kinds of notices."""


@dataclass(frozen=True, slots=True)
class EarlyStop:
    """When a run that is hopeless against others is stopped."""

    rule: str
    """The rule that judges it."""
    options: Mapping[str, float] = field(default_factory=dict)
    """The rule's own numbers, by name; those that are missing have the rule's defaults."""
    act: bool = False
    """Whether such a run is stopped; false: it is told as a warning only."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What watches the runs of a spec."""

    rules: Mapping[str, str] = field(default_factory=dict)
    """Rules with `off`, or with the severity that their findings have here."""
    stop_on: tuple[str, ...] = ()
    """Rules whose findings stop the run, and severities: findings that are as bad, or worse, but for `hopeless`,
    which is a forecast and stops a run where it is named only, or by `early_stop`."""
    early_stop: EarlyStop | None = None
    """How hopeless runs are judged, and whether they are stopped; without it they are judged and never stopped."""
    notify: tuple[str, ...] = ()
    """Kinds of notices, and severities, that the user is told of these runs; empty: as the config says."""

    def severity(self, rule: str, usual: str) -> str | None:
        """The severity of a rule's findings here; None where it is off."""
        said = self.rules.get(rule, usual)
        return None if said == OFF else said

    def stops(self, rule: str, severity: str) -> str | None:
        """The word of `stop_on` by which a finding stops the run; None: it does not."""
        if rule in self.stop_on:
            return rule
        worst = SEVERITIES.index(severity)
        return next((each for each in self.stop_on if each in SEVERITIES[: worst + 1]), None)


def document(watch: Watch) -> dict[str, Any]:
    """What is kept of it with an experiment: JSON values, and nothing of what is as usual."""
    early = watch.early_stop
    found: dict[str, Any] = {
        "rules": dict(watch.rules),
        "stop_on": list(watch.stop_on),
        "early_stop": early and {"rule": early.rule, "options": dict(early.options), "act": early.act},
        "notify": list(watch.notify),
    }
    return {name: value for name, value in found.items() if value}


def watch_of(document: Mapping[str, Any]) -> Watch:
    """The same read back; what another version wrote and this one does not know is left out."""
    early = document.get("early_stop")
    return Watch(
        {str(name): str(level) for name, level in _mapping(document.get("rules")).items()},
        _words(document.get("stop_on")),
        _early_stop(early) if isinstance(early, Mapping) and early.get("rule") else None,
        _words(document.get("notify")),
    )


def _early_stop(found: Mapping[str, Any]) -> EarlyStop:
    options = _mapping(found.get("options"))
    numbers = {str(name): float(value) for name, value in options.items() if isinstance(value, int | float)}
    return EarlyStop(str(found["rule"]), numbers, found.get("act") is True)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _words(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()
