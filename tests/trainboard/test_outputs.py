"""What a run wrote is found, recognised and put together."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.base import HostUnreachable, Result
from tests.trainboard.outputfakes import NOW, SPEC, Place, wrote
from trainboard.actions import Refused
from trainboard.outputs import Kind, finds, grouped, named_by, recognise, step_of
from trainboard.plans import Planner
from trainboard.profile.traced import PATTERNS
from trainboard.records import Experiment, Run
from trainboard.written import Written, extent, facts, row_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trainboard.archive import Archives
    from trainboard.rows import Row

NUMPY = b"\x93NUMPY\x01\x00v\x00{'descr': '%s', 'fortran_order': False, 'shape': (90, 8), }"
SEQUENCE = b'{"t": "a", "p": 0.31, "top": [["a", 0.31]]}\n'


@pytest.mark.parametrize(
    ("path", "head", "kind"),
    [
        ("a.jsonl", SEQUENCE, Kind.SEQUENCES),
        ("a.jsonl", b'{"text": "hallo", "logprob": [-1, ', Kind.SEQUENCES),
        ("a.jsonl", b'{"tokens": ["a"], "probs": [0.5]}', Kind.SEQUENCES),
        ("preds.csv", b"id,target,pred\n1,2,3\n", Kind.PREDICTIONS),
        ("out.tsv", b"y_true\ty_pred\n0\t1\n", Kind.PREDICTIONS),
        ("out.jsonl", b'{"label": 1, "scores": [0.1, 0.9]}\n', Kind.PREDICTIONS),
        ("predictions.parquet", b"PAR1", Kind.PREDICTIONS),
        ("metrics.csv", b"step,loss\n1,2\n", Kind.OTHER),
        ("metrics.jsonl", b'{"step": 1, "loss": 0.5}\n', Kind.OTHER),
        ("samples/step_100.txt", None, Kind.SAMPLES),
        ("samples.jsonl", b'{"step": 100, "text": "once upon"}\n', Kind.SAMPLES),
        ("img/3.PNG", None, Kind.SAMPLES),
        ("notes.txt", None, Kind.OTHER),
        ("embeddings_100.npy", None, Kind.EMBEDDINGS),
        ("x.npy", NUMPY % b"<f4", Kind.EMBEDDINGS),
        ("x.npy", NUMPY % b"|O", Kind.OTHER),
        ("trace/a.trace.json.gz", None, Kind.TRACES),
        ("ckpt/model.pt", None, Kind.OTHER),
    ],
)
def test_files_are_recognised_by_name_and_by_how_they_begin(path: str, head: bytes | None, kind: Kind) -> None:
    assert recognise(path, head) is kind


def test_every_trace_that_the_profile_screen_lists_is_recognised() -> None:
    assert {recognise(each.replace("**", "a").replace("*", "b")) for each in PATTERNS} == {Kind.TRACES}


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30), st.binary(max_size=200))
def test_no_name_and_no_beginning_is_too_odd(path: str, head: bytes) -> None:
    for end in ("", ".jsonl", ".csv", ".npy"):
        assert recognise(path + end, head) in Kind
        assert recognise(path + end, b'{"t": ' + head) in Kind


def test_files_that_differ_in_numbers_are_one_output_in_the_order_of_their_steps() -> None:
    files = [Result(f"samples/step_{step}/{n}.png", 10, float(step)) for step in (900, 1000) for n in (2, 10)]
    (found,) = grouped((each, Kind.SAMPLES, False) for each in files)
    assert found.name == "samples/step_*/*.png"
    assert found.steps == (900, 1000)
    assert (found.size, found.changed, extent(found)) == (40, 1000.0, "900–1000")


@pytest.mark.parametrize(
    ("path", "step"),
    [("a/step_100.txt", 100), ("epoch=3-img2.png", 3), ("s/100.txt", 100), ("a.txt", None), ("run7/a.txt", None)],
)
def test_a_step_is_read_from_the_name(path: str, step: int | None) -> None:
    assert step_of(path) == step


def test_a_glob_of_the_spec_goes_before_what_is_recognised() -> None:
    patterns = {"samples": ["out/**/*.csv", "[[]x]/*"], "sequences": ["seq"]}
    assert named_by(patterns, "out/a/b/preds.csv") is Kind.SAMPLES
    assert named_by(patterns, "out/preds.csv") is Kind.SAMPLES
    assert named_by(patterns, "[x]/1") is Kind.SAMPLES
    assert named_by(patterns, "seq/a/b") is Kind.SEQUENCES
    assert named_by(patterns, "preds.csv") is None
    assert finds("**", "a/b")


async def test_what_the_spec_names_comes_first_and_other_files_last(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {"mine/a.dat": SEQUENCE, "b.jsonl": SEQUENCE, "notes.md": "x"}
    files["preds.csv"] = "target,pred\n1,2\n"
    found = await wrote(tmp_path, files, '{sequences: ["mine/*"]}').find()
    assert [(each.kind, each.name, each.named) for each in found.outputs] == [
        (Kind.SEQUENCES, "mine/a.dat", True),
        (Kind.SEQUENCES, "b.jsonl", False),
        (Kind.PREDICTIONS, "preds.csv", False),
        (Kind.OTHER, "notes.md", False),
    ]
    assert (found.left, found.folder) == ("", str(tmp_path / "code"))
    assert facts(found.outputs[3])["kind"] is None


def other(work: Written, name: str, experiment: str, folder: Path, started: float, ended: float) -> Row:
    """A run of another experiment whose spec lies in the same folder."""
    made = Experiment(experiment, "y", str(folder / "y.yaml"), SPEC, started)
    run = Run(f"{experiment}.0", experiment, 0, name, {})
    return replace(work.row, key=run.id, run=run.id, started=started, ended=ended, sources=(made, run))


async def test_what_another_experiment_wrote_into_the_same_folder_is_left_out_where_its_name_tells(
    tmp_path: Path,
) -> None:
    work = wrote(tmp_path, {"seq/lr=1.jsonl": SEQUENCE, "seq/samples/a.jsonl": SEQUENCE, "seq/x.jsonl": SEQUENCE})
    rows = [other(work, name, "y-1", tmp_path, 0, 1) for name in ("lr=1", "samples")]
    assert {each.name for each in (await work.find()).outputs} == {
        "seq/lr=1.jsonl",
        "seq/samples/a.jsonl",
        "seq/x.jsonl",
    }
    found = await beside_others(work, rows).find()
    assert {each.name for each in found.outputs} == {"seq/samples/a.jsonl", "seq/x.jsonl"}
    elsewhere = [other(work, "lr=1", "y-1", tmp_path / "other", 0, 1)]
    assert len((await beside_others(work, elsewhere).find()).outputs) == 3


def beside_others(work: Written, rows: Sequence[Row]) -> Written:
    return Written(work.row, {"here": work.backend}, Planner({}, cast("Archives", None)), [work.row, *rows])


async def test_what_may_be_of_another_run_is_marked(tmp_path: Path) -> None:
    work = wrote(tmp_path, {"run/a.jsonl": SEQUENCE, "preds.csv": "target,pred\n1,2\n"}, "{predictions: preds.csv}")
    work.row = replace(work.row, started=NOW - 500, ended=NOW - 90)
    before = other(work, "lr=1", "y-1", tmp_path, NOW - 900, NOW - 600)
    during = replace(before, ended=NOW - 300)
    assert [each.doubt for each in (await beside_others(work, [before]).find()).outputs] == [None, None]
    found = await beside_others(work, [during]).find()
    assert [row_of(each, "")[-2:] for each in found.outputs] == [
        ("preds.csv", "spec, shared"),
        ("run/a.jsonl", "recognised"),
    ]
    assert found.notes == ("shared: other runs ran in this folder meanwhile; name your files with {run}",)
    work.row = replace(work.row, ended=NOW - 400)
    late = await beside_others(work, [before]).find()
    assert [row_of(each, "")[-1] for each in late.outputs] == ["spec, later", "later"]
    assert late.notes == ("later: changed after the run had ended, so not by it",)


async def test_a_copy_of_the_project_is_shared_with_nobody(tmp_path: Path) -> None:
    work = wrote(tmp_path, {})
    (tmp_path / "attempt" / "code").mkdir()
    (tmp_path / "attempt" / "plan.json").write_text("{}")
    os.utime(tmp_path / "attempt" / "plan.json", (1, 1))
    (tmp_path / "attempt" / "code" / "a.jsonl").write_bytes(SEQUENCE)
    work.row = replace(work.row, started=NOW - 500)
    during = other(work, "lr=1", "y-1", tmp_path, NOW - 400, NOW - 300)
    (found,) = (await beside_others(work, [during]).find()).outputs
    assert (found.name, found.doubt) == ("a.jsonl", None)


async def test_a_file_is_read_up_to_a_limit_in_pieces(tmp_path: Path) -> None:
    work = wrote(tmp_path, {"a.txt": b"x" * 2_500_000})
    told: list[int] = []
    assert len(await work.read("a.txt", progress=told.append)) == 2_500_000
    assert told == [1 << 20, 2 << 20, 2_500_000]
    assert await work.read("a.txt", most=10) == b"x" * 10
    with pytest.raises(Refused, match=r"b\.txt: .*No such file"):
        await work.read("b.txt")
    with pytest.raises(Refused, match="leads out"):
        await work.read("../attempt/plan.json")


async def test_why_there_is_nothing_is_said(tmp_path: Path) -> None:
    work = wrote(tmp_path, {})
    cast("Place", work.backend).failure = HostUnreachable("here: no route")
    with pytest.raises(Refused, match="no route"):
        await work.find()
    work.row = replace(work.row, directory="")
    with pytest.raises(Refused, match="was not started here"):
        await work.find()
    work.row = replace(work.row, backend="")
    with pytest.raises(Refused, match="was not sent anywhere yet"):
        await work.find()
