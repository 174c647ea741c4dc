"""The two that are measured, and what class of cause each of their findings names."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from trainboard.diagnose.finding import Severity
from trainboard.diagnose.training import Diagnosis
from trainboard.layernames import of_a_layer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trainboard.diagnose.finding import Finding
    from trainboard.series import Sample

    Theirs = Any


class Ours:
    """The rules over the training."""

    def __init__(self) -> None:
        self._diagnosis = Diagnosis()

    def take(self, samples: Sequence[Sample]) -> None:
        self._diagnosis.take(samples)

    def findings(self) -> list[Finding]:
        """Those that a researcher is told of."""
        return [each for each in self._diagnosis.findings() if each.severity.level >= Severity.WARNING.level]

    def complaints(self) -> list[frozenset[str]]:
        return [classes(each) for each in self.findings()]


def classes(finding: Finding) -> frozenset[str]:
    """The classes of the cause that a finding names."""
    return frozenset(OURS.get(finding.id, finding.id).split())


OURS: Mapping[str, str] = {
    "bad_initialisation": "bad_init",
    "data_order": "order",
    "double_softmax": "softmax_twice",
    "exploding_gradients": "exploding",
    "loss_scale": "loss_scale input_scale",  # "inputs or targets are far too large"
    "lr_too_high": "lr_high",
    "lr_too_low": "lr_low",
    "memorised_noise": "memorised_noise mismatch",  # its advice: the labels, or a validation of another kind
    "stuck_at_chance": "at_chance",
    "update_missing": "no_update",
    "validation_mismatch": "mismatch",
    "vanishing_gradients": "vanishing",
    "weights_collapsing": "weight_decay",  # its advice is to lower it
}
"""Rule → classes, where they are not of one name."""


class Runmedic:
    """runmedic 0.1.1 with all that has come so far, as rows of a CSV: a validation is on the row of its last step."""

    def __init__(self) -> None:
        self._run: Any = import_module("runmedic.model").Run("run", "csv", "log")
        self._row, self._seen = 0, set[str]()

    def take(self, samples: Sequence[Sample]) -> None:
        for sample in samples:
            if of_a_layer(sample.metric):
                continue
            if sample.metric in self._seen:
                self._row, self._seen = self._row + 1, set()
            self._seen.add(sample.metric)
            self._run.get(sample.metric).add(self._row, sample.value)

    def complaints(self) -> list[frozenset[str]]:
        run = self._run
        if not any(map(len, run.series.values())):
            return []
        found = import_module("runmedic.checks").run_checks(run, import_module("runmedic.roles").detect(run))
        return [_of_runmedic(each) for each in found if each.severity != "info"]


def _of_runmedic(finding: Theirs) -> frozenset[str]:
    """Its check, and the cause that it tells first: of the others it only says that they may be."""
    first = finding.causes[0] if finding.causes else ""
    return RUNMEDIC.get(finding.check, frozenset()) | {word for text, word in CAUSES.items() if text in first}


RUNMEDIC: Mapping[str, frozenset[str]] = {
    "non_finite": frozenset(("non_finite",)),
    "divergence": frozenset(("divergence",)),
    "loss_spikes": frozenset(("spikes",)),
    "grad_spikes": frozenset(("exploding",)),
    "no_learning": frozenset(("no_learning", "at_chance")),
    "overfitting": frozenset(("overfitting",)),
}
CAUSES = {
    "Learning rate too high": "lr_high",
    "learning rate is too high": "lr_high",
    "LR schedule never stops": "lr_high",
    "learning rate is zero": "lr_low",
    "bad initialization": "bad_init",
    "Weights are not updated": "no_update",
    "memorizes the training set": "memorised_noise",
}
"""Words of its causes → class."""
