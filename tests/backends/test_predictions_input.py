"""Files of predictions as people write them: what is odd is said, what is no table is refused in one line."""

from __future__ import annotations

import gzip
import json
import pickle
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.predictions import lines as reading
from backends.predictions import store
from backends.predictions.refused import Refused
from tests.backends.predicting import classified, lines, predicted, summed, written

if TYPE_CHECKING:
    from pathlib import Path

SMALL = "target,prediction,age\n1,1,20\n0,1,30\n1,0,40\n"


def text(folder: Path, content: str | bytes, name: str = "p.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(path: Path, **said: Any) -> str:  # noqa: ANN401
    with pytest.raises(Refused) as caught:
        summed(path, **said)
    assert "\n" not in str(caught.value)
    return f"{caught.value}: {caught.value.advice}"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"\n\n", "it is empty"),
        (b"target,prediction\n", "it has no rows, only the names of columns"),
        (pickle.dumps([1, 2]), "it is a pickle, which is never loaded"),
        (b"PK\x03\x04 and so on", "it is a ZIP archive"),
        (b"\x93NUMPY\x01\x00", "it is an array of numpy"),
        ("target,prediction\n1,1\n".encode("utf-16"), "it is UTF-16 text"),
        (b"target,prediction\n1,\0\n", "no text: it has NUL bytes"),
        (b"1,2\n3,4\n", "its first line has numbers, not the names of columns"),
        (b"label,answer\n1,2\n", "no column is the prediction: it has label, answer: name it"),
        (b"label,predicton\n1,2\n", "no column is the prediction, predicton is the nearest"),
        (b"truht,pred\n1,2\n", "no column is the target, truht is the nearest"),
        (b"target;prediction\n1,5;1,7\n2,5;2,5\n", 'target has decimal commas ("1,5"): write numbers with a point'),
        (b"target,prediction\n,1\nNA,2\n", "none of its 2 rows can be used: 2 without a target"),
        (b'target,prediction\n1,"2\n' + b"x" * 2_000_000, "a quote may not be closed"),
        (b'[{"target": 1}]', "it is a JSON array: write JSON lines"),
        (b'{"target": 1,\n"prediction": 2}\n', "line 1 is no JSON object"),
    ],
)
def test_what_is_no_table_of_predictions_is_refused_in_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    assert words in refusal(text(tmp_path, content))


def test_a_line_without_end_is_not_read_into_memory(tmp_path: Path) -> None:
    assert "a line of more than 8 MB" in refusal(
        text(tmp_path, b"target,prediction\n" + b"1" * (reading.LONGEST + 9))
    )


def test_a_pickle_within_gzip_is_refused_too(tmp_path: Path) -> None:
    assert "a pickle" in refusal(text(tmp_path, gzip.compress(pickle.dumps({})), "p.csv.gz"))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"target": "agee"}, "no column is called agee (outputs.predictions.target): did you mean age?"),
        ({"inputs": ["old"]}, "no column is called old (outputs.predictions.inputs): it has target, prediction, age"),
        ({"scores": ["p_*"]}, "no column is called p_* (outputs.predictions.scores)"),
        ({"weight": "prediktion"}, "did you mean prediction?"),
    ],
)
def test_a_column_that_is_named_and_not_there_names_the_nearest(
    tmp_path: Path, said: dict[str, Any], words: str
) -> None:
    assert words in refusal(text(tmp_path, SMALL), **said)


@pytest.mark.parametrize("name", ["p.csv", "p.tsv", "p.jsonl", "p.csv.gz", "p.jsonl.gz"])
def test_every_format_says_the_same(tmp_path: Path, name: str) -> None:
    columns = {key: [str(each) for each in value] for key, value in classified(300, 1).items()}
    expected = summed(written(tmp_path / "whole.csv", columns))
    if "jsonl" in name:
        content = lines(tmp_path / "x", columns).read_bytes()
    else:
        content = (tmp_path / "whole.csv").read_bytes().replace(b",", b"\t" if "tsv" in name else b",")
    found = summed(text(tmp_path, gzip.compress(content) if name.endswith("gz") else content, name))
    assert found["format"] == {"csv": "CSV", "tsv": "TSV", "jsonl": "JSONL"}[name.split(".")[1]]
    for key in ("classification", "features", "slices", "rows"):
        assert found[key] == expected[key]


def test_a_mark_of_the_order_of_bytes_and_line_ends_of_windows_change_nothing(tmp_path: Path) -> None:
    plain = summed(text(tmp_path, SMALL))
    other = summed(text(tmp_path, b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode(), "q.csv"))
    assert other["classification"] == plain["classification"]
    assert other["columns"] == plain["columns"]


def test_a_torn_last_line_is_left_out_and_said(tmp_path: Path) -> None:
    found = summed(text(tmp_path, SMALL + "1,1"))
    assert found["rows"] == 3
    assert any("its last line is torn" in note for note in found["notes"])
    rows = lines(tmp_path / "p.jsonl", {"target": ["a", "b"], "prediction": ["a", "a"]})
    rows.write_text(rows.read_text() + '{"target": "a", "pre')
    found = summed(rows)
    assert found["rows"] == 2
    assert any("its last line is torn" in note for note in found["notes"])


def test_a_file_packed_by_gzip_that_is_torn_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = written(tmp_path / "w.csv", classified(3000, 1)).read_bytes()
    found = summed(text(tmp_path, gzip.compress(whole)[:-2000], "p.csv.gz"))
    assert 100 < found["rows"] < 3000
    assert any("it is torn" in note for note in found["notes"])


def test_lines_with_other_fields_are_counted_and_left_out(tmp_path: Path) -> None:
    found = summed(text(tmp_path, SMALL + "1,1\n1,1,1,1\n1,1,50\n"))
    assert found["rows"] == 4
    assert "2 lines have not 3 fields as the first one: they are left out" in found["notes"]


def test_rows_without_values_are_counted_and_said(tmp_path: Path) -> None:
    found = summed(text(tmp_path, SMALL + ",1,20\nnan,0,30\n1,,40\n1,1,\n"))
    assert (found["rows"], found["used"]) == (7, 4)
    assert "2 of 7 rows have no target: they are left out" in found["notes"]
    assert "1 of 7 rows have no prediction: they are left out" in found["notes"]


def test_words_among_numbers_count_as_empty_and_are_said(tmp_path: Path) -> None:
    columns = classified(400, 2)
    columns["age"] = ["old" if at % 100 == 0 else str(each) for at, each in enumerate(columns["age"])]
    found = summed(written(tmp_path / "p.csv", columns))
    assert "4 cells of age are no numbers: they count as empty" in found["notes"]
    assert next(each for each in found["features"] if each["name"] == "age")["empty"] == 4


def test_classes_that_only_one_side_has_are_said(tmp_path: Path) -> None:
    found = summed(text(tmp_path, "target,prediction\ncat,dog\ndog,dog\nowl,emu\n"))
    assert "2 classes are never predicted: cat, owl" in found["notes"]
    assert "1 class is predicted that is no target: emu" in found["notes"]


def test_one_class_written_in_two_ways_is_one_class(tmp_path: Path) -> None:
    found = summed(text(tmp_path, "target,prediction\n1,1.0\n0,0.0\n1.0,1\n0,1\n"))
    assert found["classification"]["accuracy"] == 0.75
    found = summed(
        lines(tmp_path / "p.jsonl", {"target": [True, False, True], "prediction": ["True", "false", "TRUE"]})
    )
    assert found["classification"]["accuracy"] == 1.0


def test_probabilities_that_do_not_sum_to_one_are_divided_and_said(tmp_path: Path) -> None:
    found = summed(text(tmp_path, "target,prob_a,prob_b\na,0.9,0.1\nb,0.8,0.4\n"))
    assert "probabilities of 1 rows do not sum to 1: divided by their sums" in found["notes"]
    assert found["worst"][0]["confidence"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("header", ["target,logit_a,logit_b", "target,prob_a,prob_b"])
def test_logits_are_recognised_by_name_or_by_value(tmp_path: Path, header: str) -> None:
    found = summed(text(tmp_path, f"{header}\na,3.0,-1.0\nb,0.5,2.5\n"))
    assert any("softmax" in note for note in found["notes"])
    assert found["classification"]["accuracy"] == 1.0
    assert found["classification"]["log_loss"] == pytest.approx((0.01814992791780978 + 0.12692801104297263) / 2)


def test_one_score_is_that_of_the_second_of_two_classes(tmp_path: Path) -> None:
    found = summed(text(tmp_path, "label,score\n1,0.9\n0,0.2\n0,0.6\n"))
    assert found["classification"]["accuracy"] == pytest.approx(2 / 3)
    assert found["classification"]["brier"] == pytest.approx((0.01 + 0.04 + 0.36) / 3)


def test_scores_of_json_may_be_an_object(tmp_path: Path) -> None:
    scores = [{"cat": 0.7, "dog": 0.3}, {"cat": 0.6, "dog": 0.4}]
    found = summed(lines(tmp_path / "p.jsonl", {"target": ["cat", "dog"], "scores": scores}))
    assert found["classification"]["accuracy"] == 0.5
    assert found["worst"][0]["prediction"] == "cat"


def test_ids_and_other_columns_that_tell_all_rows_apart_are_left_aside(tmp_path: Path) -> None:
    columns = classified(500, 3) | {"name": [f"row {at}" for at in range(500)]}
    found = summed(written(tmp_path / "p.csv", columns))
    assert "name has 500 different values in 500 rows: it is left aside" in found["notes"]
    assert "name" not in [each["name"] for each in found["features"]]


def test_a_column_of_very_many_levels_costs_no_memory(tmp_path: Path) -> None:
    rows = store.LEVELS + 50
    columns = {"target": ["a", "b"] * (rows // 2), "prediction": ["a", "a"] * (rows // 2)}
    found = summed(written(tmp_path / "p.csv", columns | {"name": [f"n{at}" for at in range(rows)]}))
    assert any(f"name has more than {store.LEVELS} different values" in note for note in found["notes"])


def test_few_whole_numbers_are_classes_unless_said_otherwise(tmp_path: Path) -> None:
    path = text(tmp_path, SMALL)
    assert summed(path)["task"] == "classification"
    assert any("few whole numbers are taken for classes" in note for note in summed(path)["notes"])
    assert summed(path, task="regression")["regression"]["mae"] == pytest.approx(2 / 3)


def test_bytes_that_are_no_text_are_shown_and_counted(tmp_path: Path) -> None:
    found = summed(text(tmp_path, b"target,prediction,place\na,a,\xff\xfe\nb,a,K\xf6ln\n"))
    assert any("bytes are no UTF-8" in note for note in found["notes"])


def test_of_very_many_rows_some_are_kept_by_lot_and_the_metrics_are_of_all(tmp_path: Path) -> None:
    from backends.predictions.fast import kernel
    from backends.predictions.reading import Reading
    from backends.predictions.tables import Table

    path = written(tmp_path / "p.csv", predicted(4000, 1))
    reader = Reading(kernel(), Table(str(path), fast=True), {})
    reader.store.cells = 20000
    reader.run()
    assert reader.used == 4000
    assert reader.store.part >= 2
    assert 0.3 < reader.store.count * reader.store.part / 4000 < 3
    assert reader.metrics.answer()["mae"] == pytest.approx(summed(path)["regression"]["mae"], rel=1e-12)


def test_the_worst_samples_come_first_with_their_inputs(tmp_path: Path) -> None:
    found = summed(text(tmp_path, "id,y_true,y_pred,place\nu,1.5,1.5,x\nv,2.5,9.5,y\nw,3.5,3.0," + "z" * 500 + "\n"))
    first, second = found["worst"]
    assert (first["id"], first["row"], first["error"], first["inputs"]) == ("v", 2, 7.0, [["place", "y"]])
    assert second["inputs"][0][1] == "z" * 79 + "…"


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_break_the_program(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "p.csv"
    path.write_bytes(b"target,prediction,x\n" + content)
    with suppress(Refused):
        json.dumps(summed(path), allow_nan=False)


CELLS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers()))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(["target", "pred", "scores", "x", "weight"]), CELLS), max_size=12))
def test_no_json_breaks_the_program(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> None:
    path = tmp_path_factory.mktemp("any") / "p.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with suppress(Refused):
        json.dumps(summed(path), allow_nan=False)


def test_a_target_without_a_score_counts_as_a_class_of_its_own(tmp_path: Path) -> None:
    found = summed(text(tmp_path, "target,prob_cat,prob_dog\ncat,0.9,0.1\ndog,0.2,0.8\nemu,0.5,0.5\n"))
    wanted = ((0.1**2 + 0.1**2) + (0.2**2 + 0.2**2) + (0.5**2 + 0.5**2 + 1.0)) / 3
    assert found["classification"]["brier"] == pytest.approx(wanted)
