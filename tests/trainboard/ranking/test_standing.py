"""Experiments with all that is known of their runs, and what is kept so that they are not read again."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest

from backends.base import JobState
from tests.trainboard.fakes import an_attempt
from trainboard.actions import Refused
from trainboard.documents import Records
from trainboard.paths import paths
from trainboard.ranking.digests import Digests, Extent
from trainboard.ranking.standing import Standings
from trainboard.recording import series_path
from trainboard.records import Diagnosed, Experiment, Mute, Run
from trainboard.results import read
from trainboard.series import Sample
from trainboard.seriesfile import SeriesFile
from trainboard.stored import Mark

if TYPE_CHECKING:
    from pathlib import Path

    from trainboard.paths import Paths

SPEC = """\
name: x
command: train {lr}
sweep: {lr: [1, 2, 3]}
resources: {gpus: 2}
metrics: {objective: val_acc, goal: maximize}
"""
STATES = (JobState.COMPLETED, JobState.RUNNING, JobState.FAILED)
NOW = 10_000.0


def home(folder: Path) -> Paths:
    return paths({"TRAINBOARD_HOME": str(folder)})


def store(where: Paths, run: str, values: list[float], attempt: int = 1, start: int = 0) -> None:
    """What the log of an attempt said."""
    samples = [
        Sample(name, sign * value, float(start + step), "step", None)
        for step, value in enumerate(values)
        for name, sign in (("val_acc", 1), ("loss", -1))
    ]
    SeriesFile(series_path(where.series, run, attempt)).append("stdout", samples, Mark(len(values)))


def records(folder: Path) -> Records:
    """Three runs, of which the last has no samples."""
    found = Experiment("x-1", "x", str(folder / "x.yaml"), SPEC, 1.0, objective="val_acc", goal="maximize")
    runs = {f"x-1.{n}": Run(f"x-1.{n}", "x-1", n, f"lr={n + 1}", {"lr": n + 1}) for n in range(3)}
    attempts = [
        an_attempt(f"t{n}", state, run=f"x-1.{n}", started=NOW - 7200, ended=NOW - 3600 if state.ended else None)
        for n, state in enumerate(STATES)
    ]
    return Records({"x-1": found}, runs, {each.id: each for each in attempts})


async def test_values_are_those_that_the_series_have(tmp_path: Path) -> None:
    where, known = home(tmp_path), records(tmp_path)
    store(where, "x-1.0", [0.5, 0.9, math.nan, 0.7])
    store(where, "x-1.1", [math.nan, math.nan])
    standing = await Standings(where, lambda: NOW).of(known, ["x"])
    first, second, third = standing.found.entries
    assert (first.metrics["val_acc"].best, first.metrics["val_acc"].final) == (0.9, 0.7)
    assert (first.metrics["loss"].best, first.metrics["loss"].last) == (-0.9, -0.7)
    assert second.metrics["val_acc"].best is None
    assert math.isnan(second.metrics["val_acc"].last or 0)
    assert (second.metrics["val_acc"].final, third.metrics) == (None, {})
    assert (first.seconds, first.gpu_hours, second.seconds, second.gpu_hours) == (3600, 2.0, 7200, 4.0)
    assert standing.found.metrics[0] == "val_acc"
    members = [(known.experiments["x-1"], known.runs[e.run], e) for e in known.attempts.values()]
    for result, entry in zip(read(where.series, where.results, members), standing.found.entries, strict=True):
        assert str(result.metrics) == str(entry.metrics)


async def test_what_a_resume_replaced_does_not_count(tmp_path: Path) -> None:
    where, known = home(tmp_path), records(tmp_path)
    store(where, "x-1.0", [0.5, 0.9, 0.99])
    store(where, "x-1.0", [0.6, 0.7], attempt=2, start=1)
    again = an_attempt("t0", JobState.COMPLETED, run="x-1.0", number=2)
    known = Records(known.experiments, known.runs, {**known.attempts, "t0": again})
    standing = await Standings(where, lambda: NOW).of(known, ["x-1.0"])
    assert standing.found.entries[0].metrics["val_acc"].best == 0.7


async def test_a_series_is_read_again_only_when_it_has_changed(tmp_path: Path) -> None:
    where, known = home(tmp_path), records(tmp_path)
    store(where, "x-1.0", [0.5])
    store(where, "x-1.1", [0.6])
    left: list[int] = []
    await Standings(where).of(known, ["x"], left.append)
    assert left == [3]
    # Another process, with nothing in memory.
    standings = Standings(where)
    await standings.of(known, ["x"], left.append)
    assert left == [3]
    store(where, "x-1.1", [0.8], start=1)
    standing = await standings.of(known, ["x"], left.append)
    assert left == [3, 1]
    assert standing.found.entries[1].metrics["val_acc"].best == 0.8


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"version": 1}', '{"version": 2, "names": [], "runs": {}}', "\xff"]
)
async def test_what_was_kept_and_is_damaged_is_made_anew(tmp_path: Path, damage: str) -> None:
    where, known = home(tmp_path), records(tmp_path)
    store(where, "x-1.0", [0.5])
    await Standings(where).of(known, ["x"])
    [kept] = where.digests.iterdir()
    assert oct(kept.stat().st_mode & 0o777) == "0o600"
    kept.write_text(damage, "latin-1")
    standing = await Standings(where).of(known, ["x"])
    assert standing.found.entries[0].metrics["val_acc"].best == 0.5
    assert json.loads(kept.read_text())["version"] == 1


async def test_where_nothing_can_be_kept_it_is_read_each_time(tmp_path: Path) -> None:
    where, known = home(tmp_path), records(tmp_path)
    store(where, "x-1.0", [0.5])
    where.digests.write_text("in the way")
    for _ in range(2):
        standing = await Standings(where).of(known, ["x"])
        assert standing.found.entries[0].metrics["val_acc"].best == 0.5


def test_numbers_that_are_not_finite_are_kept_too(tmp_path: Path) -> None:
    where, known = home(tmp_path), records(tmp_path)
    store(where, "x-1.0", [math.inf, -math.inf])
    members = [(known.experiments["x-1"], known.runs["x-1.0"], known.attempts["t0"])]
    for _ in range(2):
        found = Digests(where.series, where.digests).of("x-1", members)["x-1.0"].metrics["val_acc"]
        assert found == Extent(-math.inf, -math.inf, math.inf)
    assert [each.name for each in where.digests.iterdir()] == ["x-1.json"]


async def test_the_worst_finding_that_is_not_muted_is_told(tmp_path: Path) -> None:
    where, known = home(tmp_path), records(tmp_path)
    found = {
        f"x-1.0#1:{rule}": Diagnosed(f"x-1.0#1:{rule}", "x-1.0", 1, rule, severity, "", "m", "a", 0.0, 0.0, spec="x")
        for rule, severity in (("plateau", "info"), ("non_finite", "error"), ("overfit", "warning"))
    }
    known = Records(known.experiments, known.runs, known.attempts, found)
    standing = await Standings(where).of(known, ["x"])
    assert [entry.finding for entry in standing.found.entries] == ["error: non_finite", "", ""]
    mute = Mute("non_finite@spec:x", "non_finite", "spec", "x", 0.0)
    muted = Records(known.experiments, known.runs, known.attempts, found, {mute.id: mute})
    standing = await Standings(where).of(muted, ["x"])
    assert standing.found.entries[0].finding == "warning: overfit"


async def test_a_word_that_names_nothing_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r'no run or experiment "x-2" \(did you mean "x-1'):
        await Standings(home(tmp_path)).of(records(tmp_path), ["x-1.0", "x-2"])
