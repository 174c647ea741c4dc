"""Predictions are summed up where they lie, on every kind of backend."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow.parquet
import pytest

from backends.base import CommandFailed
from backends.predicting import Predicted
from backends.predictions import main
from specs.model import Predictions
from tests.backends.predicting import classified, written
from trainboard.predictions.asking import Place, compared, errors
from trainboard.predictions.summary import Comparison, Refusal, Summary

if TYPE_CHECKING:
    from pathlib import Path

    from tests.backends.conftest import Desk

WRITE = "printf 'target,prediction,age\\n1,1,20\\n0,1,30\\n1,1,40\\n' > out/p.csv"


def place(desk: Desk, path: Path | str, directory: str = "") -> Place:
    return Place(desk.backend, Predictions(str(path)), directory, "a")


async def test_a_file_is_summed_up_where_it_lies_on_every_kind(desk: Desk, tmp_path: Path) -> None:
    columns = classified(1200, 1, lambda x: x["device"] == "B", worse=0.5)
    path = await asyncio.to_thread(written, tmp_path / "p.csv", columns)
    assert isinstance(desk.backend, Predicted)
    found = await errors(place(desk, path))
    assert isinstance(found, Summary)
    assert (found.rows, found.path) == (1200, str(path))
    assert found.slices[0].text == "device = B"


async def test_what_a_run_wrote_is_found_by_its_pattern_and_no_older_file_is(
    local_desk: Desk, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/old.csv").write_text("target,prediction\n1,1\n")
    watched = await local_desk.start(local_desk.plan(WRITE))
    await local_desk.ended(watched)
    found = await errors(place(local_desk, "out/*.csv", watched.directory))
    assert isinstance(found, Summary)
    assert found.path.endswith("/out/p.csv")
    assert found.classification is not None
    assert found.classification.accuracy == pytest.approx(2 / 3)
    refused = await errors(place(local_desk, "out/old.csv", watched.directory))
    assert isinstance(refused, Refusal)
    assert "it is older than the run" in refused.text
    refused = await errors(place(local_desk, "out/none.csv", watched.directory))
    assert isinstance(refused, Refusal)
    assert "the run has not written it" in refused.text


async def test_a_file_is_read_again_only_when_it_has_changed(local_desk: Desk, tmp_path: Path) -> None:
    path = await asyncio.to_thread(written, tmp_path / "p.csv", classified(100, 1))
    first, second = await errors(place(local_desk, path)), await errors(place(local_desk, path))
    assert isinstance(first, Summary)
    assert first == second  # the seconds that it took, too
    await asyncio.to_thread(written, path, classified(101, 1))
    third = await errors(place(local_desk, path))
    assert isinstance(third, Summary)
    assert third.rows == 101


async def test_a_file_that_is_not_there_is_a_refusal(local_desk: Desk, tmp_path: Path) -> None:
    found = await errors(place(local_desk, tmp_path / "none.csv"))
    assert isinstance(found, Refusal)
    assert found.text == f"{tmp_path}/none.csv: No such file or directory"


async def test_parquet_is_read_by_an_interpreter_that_has_its_library(local_desk: Desk, tmp_path: Path) -> None:
    columns = {name: list(each) for name, each in classified(300, 1).items()}
    table = pyarrow.table(
        {name: [getattr(x, "item", lambda x=x: x)() for x in each] for name, each in columns.items()}
    )
    await asyncio.to_thread(pyarrow.parquet.write_table, table, tmp_path / "p.parquet")
    found = await errors(place(local_desk, tmp_path / "p.parquet"))
    same = await errors(place(local_desk, await asyncio.to_thread(written, tmp_path / "p.csv", columns)))
    assert isinstance(found, Summary)
    assert isinstance(same, Summary)
    assert found.format == "Parquet"
    assert (found.classification, found.features) == (same.classification, same.features)


async def test_parquet_that_is_damaged_is_a_refusal(local_desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    await asyncio.to_thread(path.write_bytes, b"PAR1 and so on PAR1")
    found = await errors(place(local_desk, path))
    assert isinstance(found, Refusal)
    assert "cannot be read as Parquet" in found.text


async def test_without_numpy_it_is_said_that_it_takes_longer(local_desk: Desk, tmp_path: Path) -> None:
    path = await asyncio.to_thread(written, tmp_path / "p.csv", classified(50, 1))
    assert isinstance(local_desk.backend, Predicted)
    told = await local_desk.backend.predicted({"ask": "summary", "path": str(path), "plain": True})
    assert not told["fast"]
    assert any("numpy" in note for note in told["notes"])


def test_an_interpreter_of_the_runs_set_up_is_tried_first(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("source envs/mine/bin/activate\n/opt/python/bin/python3 train.py\n")
    (tmp_path / "plan.json").write_text(f'{{"workdir": "{tmp_path}"}}')
    found = [*main.of_run(str(tmp_path))]
    assert found[:2] == ["/opt/python/bin/python3", f"{tmp_path}/envs/mine/bin/python"]
    assert main.tried(sys.executable)
    assert main.tried("/bin/false") == []


async def test_two_runs_are_compared_by_id_wherever_their_rows_stand(local_desk: Desk, tmp_path: Path) -> None:
    columns = classified(900, 1, usual=0.3)
    columns = {"id": [f"s{at}" for at in range(900)], **columns}
    better = {**columns, "prediction": columns["prediction"].copy()}
    fixed = (columns["device"] == "A") & (columns["prediction"] != columns["target"])
    better["prediction"][fixed] = columns["target"][fixed]
    one = await asyncio.to_thread(written, tmp_path / "a.csv", columns)
    other = await asyncio.to_thread(
        written, tmp_path / "b.csv", {key: list(each)[::-1] for key, each in better.items()}
    )
    found = await compared(place(local_desk, one), place(local_desk, other))
    assert isinstance(found, Comparison)
    assert (found.matched, found.n, found.better, found.worse) == ("by id", 900, int(fixed.sum()), 0)
    assert found.p < 1e-6
    assert found.lower < found.after - found.before < found.upper < 0
    assert len(found.improved) == 25
    assert all(each.after == each.target != each.before for each in found.improved)
    assert found.worsened == ()


async def test_rows_without_ids_are_matched_by_order_where_their_targets_are_the_same(
    local_desk: Desk, tmp_path: Path
) -> None:
    columns = classified(60, 1)
    one = await asyncio.to_thread(written, tmp_path / "a.csv", columns)
    other = await asyncio.to_thread(written, tmp_path / "b.csv", columns | {"prediction": columns["target"]})
    found = await compared(place(local_desk, one), place(local_desk, other))
    assert isinstance(found, Comparison)
    assert (found.matched, found.after) == ("by row", 0)
    await asyncio.to_thread(written, other, columns | {"target": (columns["target"] + 1) % 4})
    refused = await compared(place(local_desk, one), place(local_desk, other))
    assert isinstance(refused, Refusal)
    assert "60 of 60 rows that are the same have different targets" in refused.text
    await asyncio.to_thread(written, other, classified(50, 1))
    refused = await compared(place(local_desk, one), place(local_desk, other))
    assert isinstance(refused, Refusal)
    assert "without ids rows must be the same, and they are 60 and 50" in refused.text


async def test_a_comparison_says_which_file_is_no_table(local_desk: Desk, tmp_path: Path) -> None:
    one = await asyncio.to_thread(written, tmp_path / "a.csv", classified(60, 1))
    second = replace(place(local_desk, tmp_path / "none.csv"), name="other-3")
    refused = await compared(place(local_desk, one), second)
    assert isinstance(refused, Refusal)
    assert refused.reason.startswith("other-3: ")


async def test_words_of_a_host_that_are_no_answer_are_a_failure(local_desk: Desk) -> None:
    assert isinstance(local_desk.backend, Predicted)
    with pytest.raises(CommandFailed):
        await local_desk.backend.predicted({"ask": "summary", "path": 3})
