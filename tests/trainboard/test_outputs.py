"""What a run wrote is found, recognised and put together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.base import HostUnreachable, Result
from tests.trainboard.outputfakes import Place, wrote
from trainboard.actions import Refused
from trainboard.outputs import Kind, finds, grouped, named_by, recognise, step_of
from trainboard.profile.traced import PATTERNS
from trainboard.written import extent, facts

if TYPE_CHECKING:
    from pathlib import Path

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
