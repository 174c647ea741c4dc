"""`trainboard replay` as it is typed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from backends.base import JobState
from specs.model import LOG
from tests.trainboard.test_cli import shell as shell
from tests.trainboard.test_hopeless import samples, sweep
from trainboard.paths import paths
from trainboard.recording import series_path
from trainboard.records import Attempt, Experiment, Run
from trainboard.seriesfile import SeriesFile
from trainboard.store import Store
from trainboard.stored import Mark

if TYPE_CHECKING:
    from pathlib import Path

    from tests.trainboard.test_cli import Shell

KEYS = {"rule", "group", "runs", "good", "stopped", "lost", "false_stop_rate", "saved", "best_kept", "stops"}


def table(folder: Path) -> str:
    """A sheet with the curves of a sweep, as somebody else's program may have written it."""
    lines = ["run,epoch,value,total"]
    for curve in sweep():
        lines += [
            f"{curve.name},{step:g},{loss:.6f},60" for step, loss in zip(curve.steps, curve.losses, strict=True)
        ]
    (folder / "curves.csv").write_text("\n".join(lines))
    return "curves.csv"


async def fill(state: Path, series: Path) -> None:
    """Completed runs of a spec, one of them FAILED, and of one without an objective."""
    store = Store(state)
    for name, objective in (("fit", "val_loss"), ("blind", None)):
        id = f"{name}-1"
        await store.put(Experiment(id, name, "/s.yaml", "", 0.0, objective, total={"epochs": 60}))
        for at, curve in enumerate(sweep(8)):
            key = f"{id}.{at}"
            state_of_it = JobState.FAILED if at == 7 else JobState.COMPLETED
            attempt = Attempt(
                f"t{key}", key, 1, "here", state_of_it, 0.0, f"/{key}", started=1.0, ended=9.0, sent=1.0
            )
            await store.put(Run(key, id, at, f"lr={at}", {}), attempt)
            path = series_path(series, key, 1)
            path.parent.mkdir(parents=True, exist_ok=True)
            SeriesFile(path).append(LOG, samples(curve.losses.tolist()), Mark(), True)


def test_a_table_of_curves_is_replayed_under_every_rule_that_needs_no_numbers(shell: Shell) -> None:
    found = shell.json("replay", table(shell.folder))
    assert [each["rule"] for each in found] == ["median", "percentile", "patience", "extrapolation", "history"]
    assert all(each.keys() == KEYS and each["runs"] == 24 for each in found)
    [by_history] = [each for each in found if each["rule"] == "history"]
    assert by_history["stopped"] > 0
    assert by_history["lost"] <= 1, "one is at the edge of the best quarter"
    assert 0 < by_history["saved"] < 0.7
    assert by_history["best_kept"] is True


def test_people_get_a_table(shell: Shell) -> None:
    said = shell.done("replay", table(shell.folder), "--rule", "percentile", "--option", "keep=0.5")
    title, line = said.splitlines()
    assert title.split("  ")[0] == "GROUP"
    assert line.split()[:4] == ["–", "percentile", "24", "6"]


def test_completed_runs_on_record_are_replayed_by_spec(shell: Shell) -> None:
    where = paths(shell.environ)
    asyncio.run(fill(where.state, where.series))
    found = shell.json("replay", "--rule", "threshold", "--option", "upper=1.0", "--option", "grace=0.9")
    assert [(each["group"], each["runs"]) for each in found] == [("fit", 7)]
    assert found[0]["stopped"] == sum(curve.losses[-5:].min() > 1.0 for curve in sweep(8)[:7])
    assert shell.json("replay", "fit-1", "--rule", "median")[0]["runs"] == 7


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rule", "medain"], 'no rule "medain" (did you mean "median"?)'),
        (["--rule", "median", "--option", "keep=0.5"], 'the rule median has no option "keep"'),
        (["--rule", "percentile", "--option", "keep=2"], "keep of the rule percentile must be from 0 to 1"),
        (["--rule", "percentile", "--option", "keep"], '"keep" is no name=number'),
        (["--rule", "percentile", "--option", "keep=nan"], '"keep=nan" is no name=number'),
        (["none.csv"], "none.csv: No such file or directory"),
        ([], "there is no completed run with an objective to replay"),
    ],
)
def test_what_cannot_be_replayed_is_one_line(shell: Shell, words: list[str], message: str) -> None:
    assert shell.refused("replay", *words).startswith(message)
