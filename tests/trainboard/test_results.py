"""What came of runs, and the sheet that it is written to and read from."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from backends.base import JobState
from specs.expand import expand
from specs.importers.convert import turn
from specs.load import loads
from tests.trainboard.fakes import an_attempt, records_of
from trainboard import results, sheets
from trainboard.documents import Records
from trainboard.recording import series_path
from trainboard.records import Attempt, Experiment, Run
from trainboard.results import Result, Value, goal_of, members, values
from trainboard.series import Sample, by_metric
from trainboard.seriesfile import SeriesFile
from trainboard.stored import Mark

if TYPE_CHECKING:
    from collections.abc import Mapping

    from specs.model import Scalar

EXPERIMENT = Experiment("x-1", "x", "/x.yaml", "name: x\n", 1.0, "acc", "maximize")
PARAMETERS = st.dictionaries(
    st.from_regex(r"\A[a-z][a-z0-9_.]{0,9}\Z"),
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    min_size=1,
    max_size=4,
)


def a_result(params: Mapping[str, Scalar], metrics: Mapping[str, Value] | None = None, number: int = 0) -> Result:
    run = Run(f"x-1.{number}", "x-1", number, f"n={number}", params)
    attempt = an_attempt(f"t{number}", JobState.COMPLETED, run=run.id, started=10.0, ended=22.5, exit_code=0)
    return Result(EXPERIMENT, run, attempt, metrics or {})


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode())))


def workbook(content: bytes) -> list[list[object]]:
    sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


def imported(content: bytes, suffix: str) -> list[dict[str, Scalar]]:
    """The parameters of the runs of the spec that a sheet is made into."""
    found = turn(content, Path(f"sheet{suffix}"), Path("/tmp"), "train {args}")
    return [dict(setting.params) for setting in expand(loads(found.text, Path("/tmp/x.yaml")))]


def alike(value: object) -> tuple[str, str]:
    return type(value).__name__, repr(value)


# --- metrics


def samples(metric: str, *numbers: float) -> list[Sample]:
    return [Sample(metric, value, step, "step") for step, value in enumerate(numbers)]


def test_of_each_metric_the_final_the_best_and_the_last_value() -> None:
    series = by_metric([*samples("loss", 3.0, 1.0, 2.0), *samples("acc", 0.5, 0.9, 0.7)])
    assert values(series, EXPERIMENT, JobState.COMPLETED) == {
        "acc": Value(last=0.7, best=0.9, final=0.7),
        "loss": Value(last=2.0, best=1.0, final=2.0),
    }
    assert list(values(series, EXPERIMENT, JobState.COMPLETED)) == ["acc", "loss"], "the objective comes first"
    assert values(series, EXPERIMENT, JobState.FAILED)["loss"] == Value(last=2.0, best=1.0, final=None)


def test_the_quantiles_of_a_distribution_are_no_columns() -> None:
    names = ("acc", "fc.norm", "fc.q.05", "fc.grad_q.100")
    series = by_metric([sample for name in names for sample in samples(name, 0.5)])
    assert list(values(series, EXPERIMENT, JobState.COMPLETED)) == ["acc", "fc.norm"]


@pytest.mark.parametrize(
    ("name", "goal"),
    [
        ("val_acc", "maximize"),
        ("eval/F1", "maximize"),
        ("acc@1", "maximize"),
        ("mAP", "maximize"),
        ("val_loss", "minimize"),
        ("reward_loss", "minimize"),
        ("accelerator_time", "minimize"),
        ("lr", "minimize"),
    ],
)
def test_which_way_a_metric_is_better(name: str, goal: str) -> None:
    assert goal_of(name, replace(EXPERIMENT, objective=None)) == goal
    assert goal_of(name, replace(EXPERIMENT, objective=name, goal="maximize")) == "maximize"


def test_results_are_read_from_what_is_stored(tmp_path: Path) -> None:
    records = stored(an_attempt("t0", JobState.COMPLETED, run="x-1.0"), an_attempt("t1", run="x-1.1"))
    SeriesFile(series_path(tmp_path / "series", "x-1.0", 1)).append("stdout", samples("loss", 2.0, 1.5), Mark(10))
    (tmp_path / "results/x-1.0/1").mkdir(parents=True)
    first, second = results.read(tmp_path / "series", tmp_path / "results", members(records, ["x-1"]))
    assert first.metrics == {"loss": Value(1.5, 1.5, 1.5)}
    assert (first.folder, second.folder) == (tmp_path / "results/x-1.0/1", None)
    assert second.metrics == {}
    assert first.as_json()["params"] == {"lr": 0}


def stored(*attempts: Attempt) -> Records:
    by_kind: dict[type, dict[str, object]] = {}
    for each in records_of(*attempts):
        by_kind.setdefault(type(each), {})[each.id] = each
    return Records(by_kind[Experiment], by_kind[Run], by_kind[Attempt])  # type: ignore[arg-type]  # by kind


def test_members_are_named_by_run_experiment_or_the_name_of_several() -> None:
    records = stored(an_attempt("t0", run="x-1.0"), an_attempt("t1", run="x-1.1"))
    for names in (["x-1"], ["x"], ["x-1.1", "x-1.0"], ["x", "x-1.0"]):
        assert [run.id for _, run, _ in members(records, names)] == ["x-1.0", "x-1.1"]
    assert members(records, ["y", "x-1.10"]) == []


# --- sheets


def test_the_columns_of_a_sheet() -> None:
    found = [
        a_result({"lr": 0.1, "momentum": 0.9}, {"loss": Value(0.25, 0.125, 0.25)}),
        a_result({"lr": 0.2}, {"acc": Value(math.nan, None, None)}, 1),
    ]
    titles, first, second = rows_of(sheets.as_csv(found))
    assert titles == [
        "[run]", "[experiment]", "[name]", "[state]", "lr", "momentum",
        "loss [final]", "loss [best]", "loss [last]", "acc [final]", "acc [best]", "acc [last]",
        "[backend]", "[started]", "[ended]", "[seconds]", "[exit code]", "[reason]", "[results]",
    ]  # fmt: skip
    assert first[:12] == ["x-1.0", "x-1", "n=0", "COMPLETED", "0.1", "0.9", "0.25", "0.125", "0.25", "", "", ""]
    assert second[:12] == ["x-1.1", "x-1", "n=1", "COMPLETED", "0.2", "", "", "", "", "", "", "nan"]
    assert (first[12], first[15:]) == ("fake", ["12.5", "0", "", ""])


def test_the_cells_of_a_workbook_have_types() -> None:
    found = [a_result({"n": 3, "lr": 0.1, "on": True, "opt": "adam"}, {"loss": Value(0.25, math.inf, None)})]
    titles, row = workbook(sheets.as_xlsx(found))
    cells = dict(zip(titles, row, strict=True))
    assert (cells["n"], cells["lr"], cells["on"], cells["opt"]) == (3, 0.1, True, "adam")
    assert [type(cells[name]) for name in ("n", "lr", "on", "opt")] == [int, float, bool, str]
    assert (cells["loss [last]"], cells["loss [best]"], cells["loss [final]"]) == (0.25, "inf", None)
    assert type(cells["[started]"]).__name__ == "datetime"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "=cmd|' /C calc'!A0"])
def test_nothing_in_a_sheet_is_taken_for_a_formula(text: str) -> None:
    found = [a_result({"p": text}, {text: Value(1.0, 1.0, 1.0)})]
    found = [replace(each, attempt=replace(each.attempt, reason=text)) for each in found]
    for line in rows_of(sheets.as_csv(found)):
        assert not any(cell.startswith(("=", "+", "@", "\t")) for cell in line)
        assert not any(cell.startswith("-") for cell in line if cell != "-1.0")
    book = openpyxl.load_workbook(io.BytesIO(sheets.as_xlsx(found))).worksheets[0]
    assert "f" not in {cell.data_type for row in book.iter_rows() for cell in row}


ODD = (
    "x\ry",
    "\r",
    "x\r\ny",
    "\n",
    "a\x01b",
    "\x1f",
    "\x7f\x85\u2028",
    "\ufffe\uffff",
    "_x000D_",
    "_x0000\r",
    "_xD800_",
)


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_every_character_of_a_text_comes_back_from_a_sheet(text: str, suffix: str) -> None:
    found = [a_result({"p": text, "q": 1}), a_result({"p": f"{text}2"}, {text: Value(1.0, 1.0, 1.0)}, 1)]
    content = sheets.as_csv(found) if suffix == ".csv" else sheets.as_xlsx(found)
    assert imported(content, suffix) == [{"p": text, "q": 1}, {"p": f"{text}2"}]


def test_a_workbook_escapes_what_it_cannot_hold_as_spreadsheets_do() -> None:
    titles, row = workbook(sheets.as_xlsx([a_result({"p": "x\ry\n_x000D_"})]))
    assert dict(zip(titles, row, strict=True))["p"] == "x_x000D_y\n_x005F_x000D_"


@settings(max_examples=60, deadline=None)
@given(st.lists(PARAMETERS, min_size=1, max_size=4), st.sampled_from([".csv", ".xlsx"]))
def test_a_sheet_of_results_is_imported_as_the_same_runs(params: list[dict[str, Scalar]], suffix: str) -> None:
    distinct = {tuple(sorted((key, alike(v)) for key, v in each.items())): each for each in params}
    texts = [{key: str(v) for key, v in each.items()} for each in distinct.values()]
    # Two rows that are the same to the program are one run.
    assume(distinct and not any(texts.count(each) > 1 for each in texts))
    found = [a_result(each, number=number) for number, each in enumerate(distinct.values())]
    content = sheets.as_csv(found) if suffix == ".csv" else sheets.as_xlsx(found)
    back = [{key: alike(v) for key, v in each.items()} for each in imported(content, suffix)]
    assert back == [{key: alike(v) for key, v in each.items()} for each in distinct.values()]
