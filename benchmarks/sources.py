"""How fast files beside the log are read for samples, on one core: `python -m benchmarks.sources`.

The files are made up in the shapes in which trainings write them; the budget is that of the worst log.
"""

from __future__ import annotations

import json
import random
import struct
import sys
import time
from typing import TYPE_CHECKING

from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import HistogramProto, Summary

from trainboard.sources import table
from trainboard.sources.tfrecords import masked

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK = 256 * 1024
REPEATS = 3
BUDGET = 5.0
"""Megabytes per second."""


def rows(chance: random.Random) -> bytes:
    """A table with training values in most rows and validation values in every fiftieth."""

    def row(step: int) -> str:
        values = [repr(chance.random()) for _ in range(3)]
        cells = ["", "", "", *values[:2]] if step % 50 == 0 else [*values, "", ""]
        return ",".join((str(step // 500), str(step), *cells))

    head = "epoch,step,train_loss,train_acc,grad_norm,val_loss,val_acc"
    return "\n".join((head, *map(row, range(60_000)), "")).encode()


def records(chance: random.Random) -> bytes:
    """JSON lines with eight values each."""
    names = ("lr", "data_time", "loss_cls", "loss_bbox", "loss_mask", "loss", "grad_norm", "time")
    return b"".join(
        json.dumps(
            {"mode": "train", "epoch": i // 500, "iter": i % 500, **{n: chance.random() for n in names}}
        ).encode()
        + b"\n"
        for i in range(20_000)
    )


def scalars(chance: random.Random) -> Iterator[Summary.Value]:
    """One value an event, as most trainings write."""
    for i in range(60_000):
        yield Summary.Value(tag=f"train/metric{i % 9}", simple_value=chance.random())


def histograms(chance: random.Random) -> Iterator[Summary.Value]:
    """With as many buckets as TensorBoard's default makes of weights."""
    limits = [1e-12 * 1.1**n for n in range(300)]
    for i in range(2_000):
        buckets = [float(chance.randrange(99)) for _ in limits]
        made = HistogramProto(min=0, max=1, num=9e3, sum=5e3, sum_squares=3e3, bucket_limit=limits, bucket=buckets)
        yield Summary.Value(tag=f"weights/layer{i % 40}", histo=made)


def events(values: Iterator[Summary.Value]) -> bytes:
    """An event file, one value an event."""
    return b"".join(
        framed(Event(wall_time=1.7e9 + i, step=i, summary=Summary(value=[value])).SerializeToString())
        for i, value in enumerate(values)
    )


def framed(data: bytes) -> bytes:
    """A record as event files hold it."""
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked(length)) + data + struct.pack("<I", masked(data))


def read(name: str, data: bytes) -> tuple[float, int]:
    """The seconds that it takes, and how many samples there are."""
    reader, count = table.kind(name).reader(), 0
    start = time.process_time()
    for at in range(0, len(data), CHUNK):
        count += len(reader.feed(data[at : at + CHUNK]))
    return time.process_time() - start, count


def main() -> int:
    """1 where a kind of file is read more slowly than the budget allows."""
    chance = random.Random(5)
    slow = False
    for what, name, data in (
        ("CSV", "metrics.csv", rows(chance)),
        ("JSON lines", "train.log.json", records(chance)),
        ("event file, scalars", "events.out.tfevents.1", events(scalars(chance))),
        ("event file, histograms", "events.out.tfevents.2", events(histograms(chance))),
        ("event file, lost in zeros", "events.out.tfevents.3", bytes(50_000_000)),
    ):
        seconds, count = min(read(name, data) for _ in range(REPEATS))
        speed = len(data) / 1e6 / seconds
        slow |= speed < BUDGET
        sys.stdout.write(f"{what:26} {speed:7.1f} MB/s  {count / seconds / 1e3:6.0f} thousand samples/s\n")
    return slow


if __name__ == "__main__":
    sys.exit(main())
