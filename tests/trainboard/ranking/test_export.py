"""What is on the screen, written to a file."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import TYPE_CHECKING

import pytest
from openpyxl import load_workbook

from tests.trainboard.ranking.a_sweep import a_sweep, an_entry, compared
from trainboard.actions import Exists, Refused
from trainboard.ranking import export
from trainboard.ranking.columns import Column, Source, Words
from trainboard.ranking.table import View, arrange
from trainboard.ranking.where import read

if TYPE_CHECKING:
    from pathlib import Path

LOSS = Column(Source.METRIC, "val_loss", "best")
NASTY = compared(
    an_entry(0, {"=cmd|' /C calc'!A0": "@SUM(1)", "p": "-2+3"}, 0.5),
    an_entry(1, {"p": "a_b & 50% <b>\x1b[31m ^~\\"}, math.nan),
)


def test_csv_has_what_is_seen_in_its_order() -> None:
    found = a_sweep()
    view = View(read("lr<0.01 seed<2", Words(found)), sort=LOSS, columns=(LOSS, Column(Source.PARAM, "lr")))
    rows = list(csv.reader(io.StringIO(export.as_csv(arrange(found, view)).decode())))
    assert rows[0] == ["[run]", "val_loss [best]", "lr"]
    assert [(row[0], row[2]) for row in rows[1:]] == [
        ("x-1.4", "0.003"), ("x-1.5", "0.003"), ("x-1.0", "0.001"), ("x-1.1", "0.001"),
    ]  # fmt: skip


def test_folded_runs_have_mean_deviation_and_number_in_cells_of_their_own() -> None:
    view = View(by=("lr",), columns=(Column(Source.PARAM, "lr"), LOSS))
    rows = list(csv.reader(io.StringIO(export.as_csv(arrange(a_sweep(), view)).decode())))
    assert rows[0] == ["[runs]", "lr", "val_loss [best]", "val_loss [best sd]", "val_loss [best n]"]
    assert rows[1][:2] == ["4", "0.003"]
    assert float(rows[1][2]) == pytest.approx(0.411)
    assert rows[1][4] == "4"


def test_nothing_becomes_a_formula() -> None:
    table = arrange(NASTY, View())
    for row in csv.reader(io.StringIO(export.as_csv(table).decode())):
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row), row
    book = load_workbook(io.BytesIO(export.as_xlsx(table)))
    cells = [cell for row in book["results"].iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} <= {"s", "n", "b"}
    assert any("SUM" in str(cell.value) for cell in cells)


def test_latex_specials_are_escaped_and_the_best_is_bold() -> None:
    text = export.as_latex(arrange(a_sweep(), View(by=("lr",), columns=(Column(Source.PARAM, "lr"), LOSS)))).decode()
    assert text == (
        "% \\usepackage{booktabs}\n"
        "\\begin{tabular}{rrr}\n"
        "\\toprule\n"
        "runs & lr & val\\_loss (best) \\\\\n"
        "\\midrule\n"
        "4 & 0.003 & \\textbf{$0.4110 \\pm 0.0093$} \\\\\n"
        "4 & 0.001 & $0.4510 \\pm 0.0093$ \\\\\n"
        "4 & 0.03 & $0.8010 \\pm 0.0093$ \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}\n"
    )
    nasty = export.as_latex(arrange(NASTY, View())).decode()
    assert r"a\_b \& 50\% \textless{}b\textgreater{}[31m \textasciicircum{}\textasciitilde{}\textbackslash{}" in nasty
    assert "\x1b" not in nasty


def test_json_has_words_for_numbers_that_are_not_finite() -> None:
    runs = json.loads(export.as_json(arrange(NASTY, View())))
    assert runs[1]["metrics"]["val_loss"] == {"final": "nan", "best": "nan", "last": "nan"}
    groups = json.loads(export.as_json(arrange(a_sweep(), View(by=("lr",)))))
    assert groups["by"] == ["lr"]
    assert groups["groups"][0]["runs"] == ["x-1.4", "x-1.5", "x-1.6", "x-1.7"]
    assert groups["best"]["best"]["group"] == "lr=0.003"


@pytest.mark.parametrize("name", ["r.csv", "r.xlsx", "r.tex", "r.json"])
def test_a_file_is_written_by_its_name_and_never_over_another(tmp_path: Path, name: str) -> None:
    table = arrange(a_sweep(), View())
    export.write(table, tmp_path / name)
    before = (tmp_path / name).read_bytes()
    assert before
    with pytest.raises(Exists, match="there is such a file already"):
        export.write(table, tmp_path / name)
    assert (tmp_path / name).read_bytes() == before


def test_an_unknown_kind_of_file_and_a_folder_that_is_not_there_are_refused(tmp_path: Path) -> None:
    table = arrange(a_sweep(), View())
    with pytest.raises(Refused, match=r"must end with \.csv, \.xlsx, \.tex, \.json"):
        export.write(table, tmp_path / "r.pdf")
    with pytest.raises(Refused, match="No such file"):
        export.write(table, tmp_path / "gone" / "r.csv")
    assert list(tmp_path.iterdir()) == []
