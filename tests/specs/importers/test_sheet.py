"""Sheets of experiments as specs: a row a run."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from specs import cells
from specs.braces import as_text
from specs.expand import expand
from specs.importers.convert import turn
from specs.load import loads
from specs.model import SpecError
from tests.specs.importers.outcome import keeps_its_promise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from specs.importers.imported import Imported
    from specs.model import Scalar

HERE = Path("/tmp")
SHEET = """\
[run],lr,optim.name,steps,nesterov,val_loss [best]
a.0,0.001,adam,100,TRUE,0.5
a.1,1e-2,sgd,100,false,0.4

a.2,0.01,,100,true,
"""


def imported(text: str | bytes, name: str = "sheet.csv", command: str | None = "train {args}") -> Imported:
    return turn(text.encode() if isinstance(text, str) else text, HERE / name, HERE, command)


def params(found: Imported) -> list[Mapping[str, Scalar]]:
    return [run.params for run in expand(loads(found.text, HERE / "spec.yaml"))]


def workbook(rows: Sequence[list[Any]], formats: Mapping[str, str] | None = None) -> bytes:
    book, file = Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    for place, form in (formats or {}).items():
        sheet[place].number_format = form
    book.save(file)
    return file.getvalue()


def test_a_sheet_becomes_a_spec_that_a_person_could_have_written() -> None:
    found = imported(SHEET)
    assert (
        found.text
        == """\
# The experiments of sheet.csv: a row a run, a column a parameter.

name: sheet
command: train {args}
workdir: .  # the project folder

params: {steps: 100}  # the same in every row
sweep:
  method: list
  points:
    - {lr: 0.001, optim.name: adam, nesterov: true}
    - {lr: 0.01, optim.name: sgd, nesterov: false}
    - {lr: 0.01, nesterov: true}
"""
    )
    assert (found.notes, found.runs) == ((), 3)


def test_a_row_without_a_value_is_a_run_without_that_parameter() -> None:
    commands = [run.command for run in expand(loads(imported(SHEET).text, HERE / "s.yaml"))]
    assert "optim.name" in commands[1]
    assert "optim.name" not in commands[2]


def test_without_a_command_a_usual_one_is_put_there_and_said() -> None:
    found = imported("lr\n0.1\n", command=None)
    assert "command: python train.py {args}\n" in found.text
    assert "does not say what to run" in found.notes[0]


def test_one_row_needs_no_sweep() -> None:
    assert "sweep" not in imported("lr,name\n0.1,x\n").text


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbflr,name\n0.5,a b\n",
        "lr;name\n0,5;a b\n".encode("utf-16"),
        b"sep=;\r\nlr;name\r\n0,5;a b\r\n",
        b'"lr"\tname\n0.5\t"a b"\n',
        b"\n lr , name\n 0.5 , a b \n",
    ],
)
def test_all_forms_in_which_spreadsheets_write_text_are_read(data: bytes) -> None:
    assert params(imported(data)) == [{"lr": 0.5, "name": "a b"}]


def test_decimal_commas_are_told_of() -> None:
    assert imported("a;b\n1,5;2\n").notes == ("numbers with a decimal comma, as 0,1, are read as 0.1",)
    assert params(imported('a,b\n"1,5",2\n')) == [{"a": "1,5", "b": 2}]


def test_the_same_row_twice_is_one_run_and_is_told_of() -> None:
    found = imported("lr,seed\n0.1,1\n0.2,1\n0.10,1\n")
    assert found.runs == 2
    assert found.notes == ("row 4 is the same as row 2: left out; for several runs of one setting give each a seed",)


def test_a_column_gets_a_name_that_a_parameter_can_have() -> None:
    found = imported("learning rate,2nd,%\n0.1,x,1\n0.2,y,2\n")
    assert params(found)[0] == {"learning_rate": 0.1, "nd": "x"}
    assert found.notes == (
        'column "learning rate" is the parameter learning_rate',
        'column "2nd" is the parameter nd',
        'column "%" has no name that a parameter can have: left out',
    )


def test_a_title_above_the_names_of_the_columns_is_left_out_and_told_of() -> None:
    found = imported(workbook([["Experiments of May"], [], ["lr", "batch"], [0.1, 32], [0.2, 32]]), "s.xlsx")
    assert params(found) == [{"lr": 0.1, "batch": 32}, {"lr": 0.2, "batch": 32}]
    assert found.notes == ("row 1 is taken for a title: left out",)


def test_one_named_column_beside_one_without_a_name_is_no_title() -> None:
    found = imported("lr\n0.1,good\n0.2,bad\n")
    assert params(found) == [{"lr": 0.1}, {"lr": 0.2}]
    assert found.notes == ("column 2 has no name in the first row: left out",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("lr\n", "no rows"),
        ("[run]\na.0\n", "no column is a parameter"),
        ("lr,lr\n1,2\n", 'two columns are the parameter "lr"'),
        ('lr\n"0.1\n', "is no table"),
        (b"lr\n\xff\n", "not UTF-8 text: byte 0xff; save the sheet as CSV UTF-8"),
        (b"\xff\xfe\x00", "not UTF-16"),
    ],
)
def test_what_is_no_sheet_is_an_error(text: str | bytes, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        imported(text)


def test_a_command_that_names_what_a_row_lacks_is_an_error() -> None:
    with pytest.raises(SpecError, match=r"sheet\.csv: cannot be a spec as it is: .*optim\.name"):
        imported(SHEET, command="train --optim {optim.name}")


def test_a_workbook_keeps_its_types() -> None:
    rows: list[list[Any]] = [
        ["lr", "n", "whole", "on", "name", "day"],
        [0.1, 3, 1.0, True, "007", None],
        [0.2, 3, 2, False, "'3", "x"],
    ]
    found = imported(workbook(rows, {"C2": "0.0", "C3": "0.0"}), "sheet.xlsx")
    assert params(found) == [
        {"lr": 0.1, "n": 3, "whole": 1.0, "on": True, "name": "007"},
        {"lr": 0.2, "n": 3, "whole": 2.0, "on": False, "name": "3", "day": "x"},
    ]
    assert [type(each["whole"]) for each in params(found)] == [float, float]


def test_a_formula_without_its_result_is_an_error_at_its_cell() -> None:
    with pytest.raises(SpecError, match=r"sheet\.xlsx:2: cell B2 has a formula"):
        imported(workbook([["a", "b"], [1, "=1+1"]]), "sheet.xlsx")


def test_other_sheets_of_a_workbook_are_told_of() -> None:
    book, file = Workbook(), io.BytesIO()
    assert book.active is not None
    for row in (["lr"], [0.1]):
        book.active.append(row)
    book.create_sheet("notes").append(["x"])
    book.save(file)
    assert imported(file.getvalue(), "s.xlsx").notes == ('of several sheets only "Sheet" is read',)


SCALARS = st.one_of(
    st.booleans(), st.integers(-(10**9), 10**9), st.floats(allow_nan=False), st.none(),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
    st.sampled_from(["1e-3", "true", "null", "=1", "${x}", "$${", "{lr}", "", " ", "'", "a\nb", "😀"]),
)  # fmt: skip
ROWS = st.lists(
    st.dictionaries(st.sampled_from(["lr", "a.b", "seed", "points", "null", "x-1"]), SCALARS, min_size=1),
    min_size=1, max_size=4, unique_by=lambda row: frozenset((key, as_text(v)) for key, v in row.items()),
)  # fmt: skip


def typed(rows: Sequence[Mapping[str, Scalar]]) -> list[set[tuple[str, str, str]]]:
    return [{(key, type(value).__name__, repr(value)) for key, value in row.items()} for row in rows]


def test_what_a_spreadsheet_program_escaped_is_read_as_it_was() -> None:
    found = imported(workbook([["a", "b"], ["x_x000d_y", "_x005F_x000D__xD800_"]]), "s.xlsx")
    assert params(found) == [{"a": "x\ry", "b": "_x000D__xD800_"}]


@settings(max_examples=80)
@given(ROWS)
def test_the_runs_are_the_rows_of_a_csv_file(rows: list[dict[str, Scalar]]) -> None:
    keys = sorted({key for row in rows for key in row})
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(keys)
    writer.writerows([cells.written(row[key]) if key in row else "" for key in keys] for row in rows)
    assert typed(params(imported(file.getvalue(), command="train"))) == typed(rows)


@settings(max_examples=40)
@given(ROWS)
def test_the_runs_are_the_rows_of_a_workbook(rows: list[dict[str, Scalar]]) -> None:
    keys = sorted({key for row in rows for key in row})
    book, file = Workbook(), io.BytesIO()
    assert book.active is not None
    book.active.append(keys)
    for number, row in enumerate(rows, 2):
        for column, key in enumerate(keys, 1):
            if key in row:
                cell = book.active.cell(number, column)
                cell.value = cells.typed(row[key])
                cell.data_type = "s" if isinstance(cells.typed(row[key]), str) else cell.data_type
                cell.number_format = cells.number_format(row[key]) or "General"
    book.save(file)
    assert typed(params(imported(file.getvalue(), "s.xlsx", command="train"))) == typed(rows)


@settings(max_examples=100)
@given(
    st.binary(max_size=60)
    | st.lists(st.sampled_from(['"', ",", ";", "\n", "\r", "a", "1", "'", "=", "\0", "\t", "é"]))
)
def test_any_csv_file_is_a_right_spec_or_one_error(data: bytes | list[str]) -> None:
    keeps_its_promise(data if isinstance(data, bytes) else "".join(data).encode(), "x.csv")


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.binary(max_size=3))
def test_a_damaged_workbook_is_a_right_spec_or_one_error(at: int, noise: bytes) -> None:
    whole = workbook([["lr", "name"], [0.1, "a"], [0.2, "b"]])
    at %= len(whole)
    keeps_its_promise(whole[:at] + noise + whole[at + len(noise) + (at % 2) :], "x.xlsx")
