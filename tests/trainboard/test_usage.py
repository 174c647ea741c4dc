"""What a runner measures of its run reaches the board, and passes for no metric of the training."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tests.trainboard.fakes import LOG, FakeBackend
from tests.trainboard.test_sampler import ROW
from trainboard.events import Sampled
from trainboard.naming import RUNNER, is_usage
from trainboard.reading import kind_of
from trainboard.recording import recorded
from trainboard.sampler import Sampler
from trainboard.series import Sample
from trainboard.sources.usage import UsageReader

if TYPE_CHECKING:
    from pathlib import Path

OURS = replace(ROW, directory="/there")
USAGE = "/there/usage.jsonl"
CARD = {"index": 1, "util": 87.0, "memory": 5 << 30, "throttled": 0}


def record(seconds: float, **more: object) -> bytes:
    """A line of usage.jsonl."""
    return json.dumps({"time": 1700000000.0 + seconds, "seconds": seconds, **more}).encode() + b"\n"


def test_a_record_becomes_a_sample_of_each_of_its_values() -> None:
    samples = UsageReader().feed(record(30.0, cpu=3.5, rss=1024, gpus=[CARD]))
    assert samples == [
        Sample(name, value, 30.0, "second", 1700000030.0)
        for name, value in (
            ("usage/cpu", 3.5),
            ("usage/rss", 1024.0),
            ("usage/gpu1/util", 87.0),
            ("usage/gpu1/memory", float(5 << 30)),
            ("usage/gpu1/throttled", 0.0),
        )
    ]
    assert all(is_usage(sample.metric) for sample in samples)


def test_a_torn_line_and_what_a_runner_does_not_write_are_passed_over() -> None:
    lines = (
        b'{"time": 1, "sec\n[1, 2]\nnull\n{"seconds": 1, "cpu": 2}\n'
        b'{"time": 1, "seconds": 1, "cpu": "much", "up": true, "a b": 1, "rss": NaN, "gpus": {"util": 3}}\n'
        b'{"time": 1, "seconds": 1, "rss": 1e999, "gpus": [7, {"util": 3}]}\n'
    )
    assert UsageReader().feed(lines) == []


@given(st.binary(max_size=300), st.integers(0, 300))
def test_no_bytes_raise_and_their_pieces_change_nothing(data: bytes, cut: int) -> None:
    data = record(1.0, cpu=1.0) + data
    whole, pieces = UsageReader(), UsageReader()
    expected = [*whole.feed(data), *whole.finish()]
    assert [*pieces.feed(data[:cut]), *pieces.feed(data[cut:]), *pieces.finish()] == expected


def test_a_reader_goes_on_where_its_state_was_taken() -> None:
    reader = UsageReader()
    reader.feed(record(1.0, cpu=1.0) + b'{"time": 2, ')
    again = UsageReader.restore(json.loads(json.dumps(reader.state())))
    assert again.offset == reader.offset == len(record(1.0, cpu=1.0))
    assert [sample.value for sample in again.feed(record(2.0, cpu=2.0))] == [2.0]


def test_a_file_of_the_user_s_with_the_same_name_is_read_as_any_other() -> None:
    assert kind_of("usage.jsonl").name == "JSON lines"
    assert kind_of(RUNNER).name == "usage"


async def test_usage_is_stored_and_told_apart_from_the_metrics(tmp_path: Path) -> None:
    backend, events = FakeBackend(), list[Sampled]()
    sampler = Sampler(OURS, backend, tmp_path, events.append)
    await sampler.open()
    backend.write(b"step 1 loss 0.5\n")
    backend.write(record(10.0, cpu=2.0), USAGE)
    sampler.ended.set()
    await asyncio.wait_for(sampler.follow(LOG), 30)
    assert [(each.metric, each.value) for event in events for each in event.samples] == [("loss", 0.5)]
    assert [(each.metric, each.value) for event in events for each in event.usage] == [("usage/cpu", 2.0)]
    assert [event.complete for event in events] == [False] * (len(events) - 1) + [True]
    recording = await sampler.recording()
    assert (list(recording), list(recording.usage)) == (["loss"], ["usage/cpu"])
    assert recording.number == 2


async def test_a_recording_goes_on_with_what_is_told_of_both(tmp_path: Path) -> None:
    backend, events = FakeBackend(), list[Sampled]()
    sampler = Sampler(OURS, backend, tmp_path, events.append)
    await sampler.open()
    recording = await sampler.recording()
    backend.write(b"step 1 loss 0.5\nstep 2 loss 0.25\n")
    backend.write(record(10.0, cpu=2.0) + record(20.0, cpu=3.0), USAGE)
    sampler.ended.set()
    await asyncio.wait_for(sampler.follow(LOG), 30)
    assert all(recording.take(event) for event in events if not event.restarted)
    kept = recorded(tmp_path, OURS.key, OURS.attempt)
    assert {name: each.values.tolist() for name, each in recording.items()} == {"loss": [0.5, 0.25]}
    assert recording.usage["usage/cpu"].values.tolist() == kept.usage["usage/cpu"].values.tolist() == [2.0, 3.0]
    assert recording.number == kept.number == 4


async def test_another_process_that_reads_along_hears_of_both_in_order(tmp_path: Path) -> None:
    backend, told = FakeBackend(), list[Sampled]()
    reading, other = (Sampler(OURS, backend, tmp_path, tell) for tell in (lambda _: None, told.append))
    await reading.open()
    await other.open()
    recording = await other.recording()
    backend.write(b"step 1 loss 0.5\n")
    backend.write(record(10.0, cpu=2.0), USAGE)
    reading.ended.set()
    await asyncio.wait_for(reading.follow(LOG), 30)
    await other.catch_up()
    for event in told:
        if not recording.take(event):
            recording = await other.recording()
    assert (list(recording), list(recording.usage)) == (["loss"], ["usage/cpu"])
    assert all(not (event.samples and event.usage) for event in told)


async def test_a_job_of_others_has_no_runner_that_measures(tmp_path: Path) -> None:
    backend = FakeBackend()
    sampler = Sampler(replace(OURS, run=None), backend, tmp_path, lambda _: None)
    backend.write(record(10.0, cpu=2.0), USAGE)
    sampler.ended.set()
    await sampler.open()
    await asyncio.wait_for(sampler.follow(LOG), 30)
    assert (await sampler.recording()).usage == {}
