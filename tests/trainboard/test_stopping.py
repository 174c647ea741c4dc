"""Runs that their spec wants stopped: when, by which words, and what is left of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from backends.base import Found, JobState
from specs.watch import EarlyStop, Watch, document
from tests.trainboard.test_cli import shell as shell
from tests.trainboard.test_cli_control import watches as watches
from trainboard.control import cancelled, requeued, stopped
from trainboard.origin import lineage, origin_of
from trainboard.records import Attempt, Diagnosed, Experiment, Mute, Run
from trainboard.stopping import reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.trainboard.test_cli import Shell
    from tests.trainboard.test_cli_control import Watching

NAN = Diagnosed(
    *("r1#1:non_finite", "r1", 1, "non_finite", "error", "nan", "loss is nan since step 12", "stop"),
    first=2.0,
    changed=2.0,
    spec="exp",
)
HOPELESS = replace(NAN, id="r1#1:hopeless", rule="hopeless", severity="warning", message="it ends at 2", first=1.0)
RUN = Run("r1", "exp-1", 0, "lr=1", {})
ATTEMPT = Attempt("t1", "r1", 1, "here", JobState.RUNNING, 0.0, "/a", sent=1.0)

PROGRAM = """
import os, signal, sys, time
os.makedirs("ckpt", exist_ok=True)
def save(step):
    with open(f"ckpt/{step:04}.pt", "w") as file:
        file.write("weights")
def end(*_):
    save(9999)
    print("saved", flush=True)
    sys.exit(1)
signal.signal(signal.SIGTERM, end)
for step in range(1, 100_000):
    print(f"step {step} loss {VALUE if step > 40 else 2 / step}", flush=True)
    if step == 40:
        save(step)
    time.sleep(0.001 if step < 60 else 0.1)
"""


# --- which findings stop a run


def test_nothing_is_stopped_that_the_spec_does_not_name() -> None:
    assert reason(Watch(), [NAN, HOPELESS], []) == ""
    assert reason(Watch(stop_on=("divergence",)), [NAN, HOPELESS], []) == ""
    assert reason(Watch(early_stop=EarlyStop("median")), [HOPELESS], []) == ""
    assert reason(Watch(stop_on=("non_finite",)), [replace(NAN, over=True)], []) == ""


def test_the_reason_names_the_word_of_the_spec_and_what_was_found() -> None:
    said = "stopped by its spec (stop_on: non_finite): loss is nan since step 12"
    assert reason(Watch(stop_on=("non_finite",)), [HOPELESS, NAN], []) == said
    assert reason(Watch(stop_on=("error",)), [HOPELESS, NAN], []) == said.replace("non_finite", "error")
    both = Watch(stop_on=("warning", "hopeless"))
    assert "loss is nan" in reason(both, [HOPELESS, NAN], []), "the worst goes first"
    assert "it ends at 2" in reason(both, [HOPELESS, replace(NAN, root=HOPELESS.id)], []), "and the root cause"
    assert reason(Watch(stop_on=("info",)), [HOPELESS], []) == "", "a forecast stops a run where it is named only"
    early = Watch(early_stop=EarlyStop("median", act=True))
    assert reason(early, [HOPELESS], []) == "stopped by its spec (early_stop: median): it ends at 2"
    assert "\x1b" not in reason(both, [replace(NAN, message="\x1b[2J nan\n")], [])


@pytest.mark.parametrize(
    ("rule", "scope", "subject"), [("non_finite", "run", "r1"), ("*", "spec", "exp"), ("non_finite", "all", "")]
)
def test_what_the_user_has_muted_stops_nothing(rule: str, scope: str, subject: str) -> None:
    mute = Mute("m", rule, scope, subject, 1.0)
    wanted = Watch(stop_on=("error",))
    assert reason(wanted, [NAN], [mute]) == ""
    assert reason(wanted, [NAN], [replace(mute, on=False)])
    assert reason(wanted, [NAN], [replace(mute, scope="run", subject="r2")])


# --- what the records say then


def test_a_stop_is_a_cancel_that_keeps_why() -> None:
    [run] = stopped(RUN, ATTEMPT, "t1", 5.0, "why")
    assert run == replace(RUN, cancelled=5.0, stopped="why")


def test_what_the_user_did_meanwhile_goes_before_it() -> None:
    assert list(stopped(RUN, ATTEMPT, "t0", 5.0, "why")) == [], "a newer attempt"
    assert list(stopped(replace(RUN, cancelled=4.0), ATTEMPT, "t1", 5.0, "why")) == []
    assert list(stopped(replace(RUN, requeued=4.0), ATTEMPT, "t1", 5.0, "why")) == []
    assert list(stopped(RUN, replace(ATTEMPT, state=JobState.COMPLETED), "t1", 5.0, "why")) == []


def test_a_requeue_forgets_the_stop_and_a_cancel_of_what_was_stopped_keeps_why() -> None:
    was = replace(RUN, cancelled=4.0, stopped="why")
    ended = replace(ATTEMPT, state=JobState.CANCELLED)
    assert list(requeued(was, ended, 6.0)) == [replace(RUN, requeued=6.0)]
    assert list(cancelled(was, ended, 6.0)) == [replace(was, cancelled=6.0)]
    assert list(cancelled(was, ATTEMPT, 6.0)) == [replace(RUN, cancelled=6.0)], "the user was about to do it anyway"


def test_what_the_spec_wants_is_found_again_by_a_rebuild() -> None:
    watch = Watch({"plateau": "off"}, ("error",), EarlyStop("median", {"runs": 7.0}, act=True))
    experiment = Experiment("exp-1", "exp", "/s.yaml", "text", 1.0, watch=document(watch), folder="exp-1-ab")
    plan = {
        "token": "t1",
        "experiment": "exp-1",
        "run": "000-lr=1",
        "attempt": 1,
        "origin": origin_of(experiment, RUN),
    }
    found = lineage(Found("/w/exp-1-ab/000-lr=1/1", json.loads(json.dumps(plan)), "text"), "here")
    assert found is not None
    assert found.experiment.watch == document(watch)


# --- on this machine


def submitted(shell: Shell, value: str, watch: str) -> str:
    """The run of a program that prints this value for ever once it has saved."""
    shell.write("train.py", PROGRAM.replace("VALUE", value))
    shell.write(
        "s.yaml",
        "name: doomed\ncommand: python train.py\nmetrics: {objective: loss, total: {steps: 100}}\n"
        f"outputs: {{checkpoint: 'ckpt/*.pt', keep: 1}}\nretry: {{on: [FAILED], max: 1}}\nwatch: {watch}\n",
    )
    run: str = shell.json("submit", "s.yaml")[0]["run"]
    return run


@pytest.mark.parametrize(
    ("value", "watch", "why"),
    [
        ("float('nan')", "{stop_on: [non_finite]}", "stopped by its spec (stop_on: non_finite): "),
        (
            "7.5",
            "{early_stop: {rule: threshold, options: {upper: 5}, act: true}}",
            "stopped by its spec (early_stop: threshold): This run looks hopeless to the rule threshold: "
            "its newest value, 7.5, is above 5.",
        ),
    ],
)
def test_a_run_is_stopped_as_its_spec_wants_and_saves_before(
    shell: Shell, watches: Callable[..., Watching], value: str, watch: str, why: str
) -> None:
    watching = watches()
    watching.drives()
    run = submitted(shell, value, watch)
    ended = watching.until(lambda line: line["subject"] == run and line.get("state") == "CANCELLED", patience=60)
    assert why in ended["text"]
    [row] = [row for row in shell.json("ls") if row["run"] == run]
    assert row["reason"].startswith(why)
    assert row["state"] == "CANCELLED"
    assert [path.name for path in (shell.folder / "ckpt").iterdir()] == ["9999.pt"], "the last one stays"
    assert "saved" in shell.done("logs", run)
    assert len([line for line in watching.lines if line["subject"] == run and line.get("attempt") == 2]) == 0


def test_a_run_whose_spec_does_not_want_it_goes_on(shell: Shell, watches: Callable[..., Watching]) -> None:
    watching = watches()
    watching.drives()
    run = submitted(shell, "float('nan')", "{stop_on: [divergence], early_stop: {rule: median, act: true}}")
    watching.until(lambda line: "non_finite" in json.dumps(line), patience=60)
    assert [row["state"] for row in shell.json("ls") if row["run"] == run] == ["RUNNING"]
    shell.done("cancel", run)
    ended = watching.until(lambda line: line["subject"] == run and line.get("state") == "CANCELLED")
    assert "stopped by its spec" not in ended["text"]
