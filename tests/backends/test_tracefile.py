"""Traces of torch's and JAX's profilers and files of cProfile: summed up where they lie, with limits."""

from __future__ import annotations

import asyncio
import cProfile
import gzip
import json
import marshal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.base import CommandFailed
from backends.remote import tracefile
from backends.remote.spans import Lane, Spans
from backends.remote.tracefile import answer
from backends.remote.tracestream import Stream
from backends.spy import Spied
from trainboard.profile.traced import headline, hints, parse_traced

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.backends.conftest import Desk

ENDS = {"name": "Iteration Start: PyTorch Profiler", "ph": "i", "s": "g", "pid": "Traces", "tid": "Trace", "ts": 0}


def event(name: str, start: float, length: float, cat: str = "cpu_op", **more: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    return {"ph": "X", "cat": cat, "name": name, "pid": 5, "tid": 5, "ts": start, "dur": length, **more}


def kernel(name: str, start: float, length: float, cat: str = "kernel") -> dict[str, Any]:
    args = {"device": 0, "stream": 7, "correlation": 3, "grid": [1, 1, 1]}
    return {"ph": "X", "cat": cat, "name": name, "pid": 0, "tid": 7, "ts": start, "dur": length, "args": args}


TORCH = {
    # Written by hand in the form of torch 2.15's own (`schemaVersion` 1), which has no GPU events on a CPU.
    "schemaVersion": 1,
    "deviceProperties": [{"id": 0, "name": "A GPU"}],
    "displayTimeUnit": "ms",
    "traceEvents": [
        {"ph": "M", "name": "process_name", "ts": 1, "pid": 5, "tid": 0, "args": {"name": "python"}},
        event("ProfilerStep#2", 1000, 1000, "user_annotation"),
        event("enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__", 1000, 400, "user_annotation"),
        event("aten::select", 1100, 100),
        event("aten::linear", 1400, 200),
        event("aten::addmm", 1450, 100),
        event("cudaLaunchKernel", 1460, 20, "cuda_runtime"),
        event("Optimizer.step#SGD.step", 1800, 100, "user_annotation"),
        event("ProfilerStep#3", 2000, 1000, "user_annotation"),
        kernel("sgemm", 1500, 300),
        kernel("sgemm", 1700, 200),
        kernel("ncclDevKernel_AllReduce_Sum_f32", 2100, 100),
        kernel("Memcpy HtoD (Pageable -> Device)", 2500, 400, "gpu_memcpy"),
        event("PyTorch Profiler (0)", 0, 9000, "Trace", pid="Spans"),
        ENDS,
    ],
    "traceName": "x.pt.trace.json",
}

JAX = {
    "displayTimeUnit": "ns",
    "metadata": {"highres-ticks": True},
    "traceEvents": [
        {"ph": "M", "pid": 1, "name": "process_name", "args": {"name": "/device:GPU:0"}},
        {"ph": "M", "pid": 1, "tid": 13, "name": "thread_name", "args": {"name": "Stream #13(Compute,MemcpyD2D)"}},
        {"ph": "M", "pid": 1, "tid": 2, "name": "thread_name", "args": {"name": "XLA Modules"}},
        {"ph": "M", "pid": 7, "name": "process_name", "args": {"name": "/host:CPU"}},
        {"ph": "X", "pid": 1, "tid": 13, "ts": 10.0, "dur": 30.0, "name": "fusion.3", "args": {"hlo_op": "fusion.3"}},
        {"ph": "X", "pid": 1, "tid": 2, "ts": 10.0, "dur": 90.0, "name": "jit_train_step"},
        {"ph": "X", "pid": 7, "tid": 3, "ts": 0.0, "dur": 100.0, "name": "PjitFunction(train_step)"},
        {},
    ],
}


def written(folder: Path, told: object, name: str = "t.pt.trace.json") -> str:
    path = folder / name
    path.write_text(json.dumps(told, indent=1))
    return str(path)


def parts(found: dict[str, Any]) -> dict[str, float]:
    return {each["name"]: each["time"] for each in found["parts"]}


def test_a_trace_of_torch_is_summed_up_by_operation_part_and_step(tmp_path: Path) -> None:
    found = answer(written(tmp_path, TORCH))
    assert (found["span"], found["gpus"], found["damage"]) == (2000, 1, "")
    assert found["idle"] == pytest.approx(1 - (400 + 100 + 400) / 2000)
    assert parts(found) == {
        "GPU idle": 1100,
        "kernels": 400,  # the two overlap
        "data loading": 400,
        "memory copies": 400,
        "operators": 280,  # without the call of CUDA within them
        "communication (NCCL)": 100,
        "optimizer": 100,
        "CUDA calls": 20,
    }
    by_name = {each["name"]: each for each in found["operations"]}
    assert (by_name["sgemm"]["count"], by_name["sgemm"]["total"], by_name["sgemm"]["self"]) == (2, 500, 500)
    assert (by_name["aten::linear"]["total"], by_name["aten::linear"]["self"]) == (200, 100)
    assert by_name["aten::addmm"]["self"] == 80
    assert found["steps"] == [
        {"step": 2, "time": 1000, "gpu": 400, "loading": 400, "optimizer": 100},
        {"step": 3, "time": 1000, "gpu": 500, "loading": 0, "optimizer": 0},
    ]


def test_what_a_trace_says_is_told_for_people(tmp_path: Path) -> None:
    found = parse_traced(answer(written(tmp_path, TORCH)))
    assert headline(found) == "2ms traced, GPU idle 55% of it, 2 steps of 1ms"
    assert list(hints(found)) == [
        "the GPU waits for the program most of the time: larger batches, fewer small operations, torch.compile"
    ]


def test_a_trace_of_jax_has_its_devices_kernels_once(tmp_path: Path) -> None:
    found = answer(written(tmp_path, JAX))
    assert (found["span"], found["idle"]) == (100, pytest.approx(0.7))
    assert parts(found)["kernels"] == 30


@pytest.mark.parametrize("cut", [0.5, 0.9, 0.99])
def test_a_trace_that_is_still_being_written_is_read_as_far_as_it_goes(cut: float, tmp_path: Path) -> None:
    whole = json.dumps({"traceEvents": [event(f"op{n}", n, 1.0) for n in range(100)]})
    path = tmp_path / "t.trace.json"
    path.write_text(whole[: int(len(whole) * cut)])
    found = answer(str(path))
    assert 100 * cut - 5 <= found["events"] < 100
    assert found["damage"] == "it ends in the midst of an event, or is damaged there"


def test_a_packed_trace_is_read_as_far_as_it_goes_too(tmp_path: Path) -> None:
    content = gzip.compress(
        json.dumps({"traceEvents": [event(f"op{n}", n * 7.3, 1.0) for n in range(9999)]}).encode()
    )
    path = tmp_path / "t.trace.json.gz"
    path.write_bytes(content)
    assert answer(str(path))["events"] == 9999
    path.write_bytes(content[: len(content) // 2])
    torn = answer(str(path))
    assert 0 < torn["events"] < 9999
    assert torn["damage"].startswith("it ")


def test_a_list_of_events_without_an_end_is_a_trace(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text('[\n{"ph": "X", "name": "a", "ts": 1, "dur": 2, "pid": 1, "tid": 1},\n')
    assert answer(str(path))["operations"][0]["total"] == 2


@pytest.mark.parametrize("text", ["{}", "", "hello", "[", '{"a": [1, 2]}'])
def test_what_is_no_trace_has_no_events(text: str, tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(text)
    if text == "[":
        assert answer(str(path))["events"] == 0
    else:
        with pytest.raises(ValueError, match="no trace events"):
            answer(str(path))


intervals = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=20)


def pieces(text: str, size: int) -> Iterator[str]:
    yield from (text[at : at + size] for at in range(0, len(text), size))


@settings(max_examples=40)
@given(
    st.lists(
        st.dictionaries(st.text(max_size=5), st.one_of(st.text(max_size=9), st.integers(), st.none()), max_size=4)
    ),
    st.integers(1, 30),
)
def test_events_are_the_same_however_they_are_cut(events: list[dict[str, Any]], size: int) -> None:
    text = iter(pieces(json.dumps({"x": 1, "traceEvents": events}), size))
    stream = Stream(lambda _: next(text, ""))
    assert list(stream.events()) == events
    assert stream.damage == ""


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=20), st.integers(0, 60), st.integers(0, 60)
)
def test_merged_intervals_fill_what_at_least_one_of_them_covers(
    told: list[tuple[int, int]], start: int, length: int
) -> None:
    spans = Spans()
    for at, long in told:
        spans.add(at, at + long)
    spans.merge()
    covered = {cell for at, long in told for cell in range(at, at + long)}
    assert spans.within(start, start + length) == len(covered & set(range(start, start + length)))


@settings(max_examples=60)
@given(intervals)
def test_own_time_is_never_less_than_nothing_nor_more_than_the_whole(told: list[tuple[int, int]]) -> None:
    lane, own = Lane(), [0.0] * len(told)
    for number, (at, long) in enumerate(told):
        lane.starts.append(at)
        lane.lengths.append(long)
        lane.names.append(number)

    def add(number: int, time: float) -> None:
        own[number] += time

    lane.own(add)
    assert all(0 <= time <= long for time, (_, long) in zip(own, told, strict=True))


def test_a_file_of_cprofile_is_read(tmp_path: Path) -> None:
    profile = cProfile.Profile()
    profile.runcall(sorted, range(1000), key=lambda number: -number)
    path = tmp_path / "run.prof"
    profile.dump_stats(path)
    found = parse_traced(answer(str(path)))
    assert found.kind == "pstats"
    [own] = [each for each in found.operations if each.name == "<lambda>"]
    assert own.count == 1000
    assert own.part == __file__


@pytest.mark.parametrize("value", [{1: 2}, {("a", 1, "b"): (1, 2)}, {("a", "x", "b"): (1, 2, 3.0, 4.0, {})}, [0] * 9])
def test_marshalled_values_of_other_types_are_refused(
    value: Any,  # noqa: ANN401  # what marshal takes
    tmp_path: Path,
) -> None:
    path = tmp_path / "run.prof"
    path.write_bytes(marshal.dumps(value).ljust(40, b"\0"))
    with pytest.raises(ValueError, match=r"no file of cProfile|no trace events"):
        answer(str(path))


def test_a_file_of_cprofile_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "run.prof"
    with path.open("wb") as file:
        file.write(b"{\0")
        file.truncate(tracefile.PSTATS + 1)
    with pytest.raises(ValueError, match="too many"):
        answer(str(path))


async def test_a_trace_is_summed_up_where_it_lies_on_every_kind(desk: Desk, tmp_path: Path) -> None:
    path = await asyncio.to_thread(written, tmp_path, TORCH)
    assert isinstance(desk.backend, Spied)
    found = parse_traced(await desk.backend.traced(path))
    assert found.idle == pytest.approx(0.55)


async def test_what_crashes_the_reader_of_marshal_crashes_nothing_else(local_desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "bomb.prof"
    nested = b"{" + b"(\x01\x00\x00\x00" * 5_000_000
    await asyncio.to_thread(path.write_bytes, nested)
    assert isinstance(local_desk.backend, Spied)
    with pytest.raises(CommandFailed):
        await local_desk.backend.traced(str(path))
    huge = b"{\xfb" + b"(\xff\xff\xff\x7f\0"
    await asyncio.to_thread(path.write_bytes, huge)
    with pytest.raises(CommandFailed):
        await local_desk.backend.traced(str(path))


async def test_a_file_that_is_not_there_is_a_line(local_desk: Desk, tmp_path: Path) -> None:
    assert isinstance(local_desk.backend, Spied)
    with pytest.raises(CommandFailed, match="No such file"):
        await local_desk.backend.traced(str(tmp_path / "none.json"))
