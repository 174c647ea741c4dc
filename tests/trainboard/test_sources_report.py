"""`trainboard metrics FILE` for files that are no logs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tensorboardX import SummaryWriter

from trainboard.cli.main import run
from trainboard.metrics import MetricsError, read_file

if TYPE_CHECKING:
    from pathlib import Path


def event_file(folder: Path) -> Path:
    with SummaryWriter(str(folder)) as writer:
        for step in range(5):
            writer.add_scalar("loss", 5 - step, step)
    return next(folder.glob("events.*"))


def test_an_event_file_is_reported_as_a_log_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["metrics", str(event_file(tmp_path)), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["metrics"] == [
        {"name": "loss", "index": "step", "count": 5, "first": 5, "last": 1, "min": 1, "max": 5}
    ]  # fmt: skip


def test_what_is_damaged_is_told_beside_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = event_file(tmp_path)
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    assert run(["metrics", str(path)]) == 0
    written = capsys.readouterr()
    assert "loss" in written.out
    assert written.err == f"trainboard: {path}: 1 damaged record was passed over\n"


def test_a_table_and_a_history_are_reported(tmp_path: Path) -> None:
    table, history = tmp_path / "metrics.csv", tmp_path / "trainer_state.json"
    table.write_text("step,loss\n1,0.5\n2,0.25\n")
    history.write_text(json.dumps({"global_step": 4, "max_steps": 8, "log_history": [{"step": 4, "loss": 0.5}]}))
    assert read_file(table).series["loss"].last == 0.25
    progress = read_file(history).progress
    assert progress is not None
    assert progress.fraction == 0.5


def test_a_document_that_is_no_json_is_read_as_a_log(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.write_text("{'epoch': 3,\n'validation_loss': 0.25}\n")
    assert read_file(path).series["validation_loss"].last == 0.25


def test_a_binary_file_under_the_name_of_a_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_bytes(b"PK\0\0")
    with pytest.raises(MetricsError, match="is no text"):
        read_file(path)


def test_names_are_those_of_the_file_also_where_two_kinds_of_rows_share_one(tmp_path: Path) -> None:
    path = tmp_path / "run.log.json"
    path.write_text('{"mode": "train", "step": 1, "loss": 2}\n{"mode": "val", "step": 1, "loss": 3}\n')
    found = read_file(path)
    assert list(found.series) == ["loss", "loss [val]"]
    assert [(each["name"], each["last"]) for each in found.as_json()["metrics"]] == [("loss", 2), ("loss", 3)]
