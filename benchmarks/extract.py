"""How fast logs are read for metrics, in megabytes per second of one core: `python -m benchmarks.extract [FOLDER]`.

Some kinds of log are made up: every line full of metrics, mostly text, progress bars, a table. Of a folder, each log
is read as one that goes on, up to some megabytes: as it is again and again, but with other decimals in its numbers.
Of each piece of it the best time of some passes counts, as other programs disturb single ones. What is told is the
median and the slowest beside their budgets, of the whole log and of its second half, where most kinds of line were
seen before; all together; and beside each its speed as it is, in an extractor that has seen nothing: there most of
the time goes into looking at each kind of line for the first time, which costs some tenths of a millisecond. (What
another log of this process has printed was looked at already.)
"""

from __future__ import annotations

import gc
import random
import re
import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple

from trainboard.extract import Extractor
from trainboard.extract.plan import remembered

CHUNK = 64 * 1024
REPEATS = 5
SIZE = 2_000_000
"""Bytes that are read of each log of a folder."""
SMALL = 2_000
"""Bytes; a smaller log tells nothing of speed."""
TYPICAL, WORST = 20, 5
"""Megabytes per second: the budgets of the median of a folder, or of a made-up log, and of a folder's slowest."""
_DECIMAL = re.compile(rb"(?<![\w.:/-])(\d+)(\.\d+)(?![\w.:/]|-\d)")
_WORDS = (
    "loader",
    "reads",
    "shards",
    "from",
    "disk",
    "workers",
    "write",
    "files",
    "to",
    "folders",
    "while",
    "the",
    "model",
    "runs",
)


def dense(chance: random.Random) -> bytes:
    """A logger's lines with an index and four metrics."""
    return b"".join(
        b"2024-05-01 12:%02d:%02d,%03d - train - INFO - "
        b"epoch %d/50 step %d loss=%.4f acc=%.4f lr=%.2e grad_norm=%.3f\n"
        % (i // 60 % 60, i % 60, chance.randrange(1000), i // 500 + 1, i, *(chance.random() for _ in range(4)))
        for i in range(40_000)
    )


def text(chance: random.Random) -> bytes:
    """Sentences, some with numbers, and a metric line in every hundred."""

    def line(i: int) -> str:
        if i % 100 == 0:
            return f"step {i} loss={chance.random():.4f}"
        number = f" {chance.randrange(1000)} {chance.choice(_WORDS)}" if i % 3 == 0 else ""
        return " ".join(chance.choices(_WORDS, k=12)) + number

    return "".join(line(i) + "\n" for i in range(60_000)).encode()


def bars(chance: random.Random) -> bytes:
    """Progress bars, redrawn with carriage returns a hundred times each."""

    def bar(epoch: int, i: int) -> str:
        drawn = "█" * (i // 10) + " " * (10 - i // 10)
        return f"\rEpoch {epoch}: {i:3}%|{drawn}| {i}/100 [00:{i % 60:02}<00:10, 9.5it/s, loss={chance.random():.3f}]"

    return "".join("".join(bar(epoch, i) for i in range(101)) + "\n" for epoch in range(600)).encode()


def table(chance: random.Random) -> bytes:
    """A CSV on the screen, with an empty cell in each row."""
    rows = (f"{i},{chance.random():.6f},,{chance.random():.6f}\n" for i in range(60_000))
    return ("step,loss,val_loss,grad_norm\n" + "".join(rows)).encode()


def records(chance: random.Random) -> bytes:
    """Dictionaries, one a line."""
    return "".join(
        f"{{'loss': {chance.random():.4f}, 'grad_norm': {chance.random():.4f}, 'epoch': {i / 1000:.3f}}}\n"
        for i in range(40_000)
    ).encode()


KINDS = (dense, text, bars, table, records)


def prolonged(log: bytes, size: int) -> bytes:
    """A log that goes on up to a size: its copies have other decimals."""
    chance = random.Random(1)

    def other(number: re.Match[bytes]) -> bytes:
        return b"%.*f" % (len(number[2]) - 1, float(number[0]) * chance.uniform(0.3, 1.7))

    return log + b"".join(_DECIMAL.sub(other, log) for _ in range(size // len(log) - 1))


class Speed(NamedTuple):
    """Megabytes per second."""

    whole: float
    later: float
    """Of the second half alone."""
    samples: int
    """That were found."""


def speed(log: bytes) -> Speed:
    """How fast a log is read."""
    best: list[float] = []
    samples = 0
    for _ in range(REPEATS):
        extractor, samples, took = Extractor(), 0, []
        gc.collect()
        start = time.process_time()
        for at in range(0, len(log), CHUNK):
            samples += len(extractor.feed(log[at : at + CHUNK]))
            end = time.process_time()
            took.append(end - start)
            start = end
        best = list(map(min, best, took)) if best else took
    half = len(best) // 2
    return Speed(len(log) / 1e6 / sum(best), (len(log) - half * CHUNK) / 1e6 / sum(best[half:]), samples)


def at_first_sight(log: bytes) -> float:
    """Megabytes per second of one pass, with no shape of a line in memory."""
    remembered.cache_clear()
    extractor = Extractor()
    start = time.process_time()
    for at in range(0, len(log), CHUNK):
        extractor.feed(log[at : at + CHUNK])
    return len(log) / 1e6 / (time.process_time() - start)


def report(name: str, log: bytes, more: str = "") -> Speed:
    """Print one line about a log; its speed."""
    found = speed(log)
    print(
        f"{name[:40]:40} {len(log) / 1e6:6.1f} MB {found.samples:8} samples {found.whole:8.1f} MB/s "
        f" second half {found.later:8.1f} MB/s{more}"
    )
    return found


def folder(path: Path) -> None:
    """The logs of a folder."""
    logs = {file.name: file.read_bytes() for file in sorted(path.iterdir()) if file.suffix not in (".yaml", ".yml")}
    long = {name: log.rstrip(b"\n") + b"\n" for name, log in logs.items() if len(log) > SMALL}
    found, first = {}, {}
    for name, log in long.items():
        first[name] = at_first_sight(log)
        found[name] = report(name, prolonged(log, SIZE), f"  as it is {first[name]:5.1f} MB/s")
    together = len(found) / sum(1 / each.whole for each in found.values())
    print(f"{len(found)} logs, together {together:.1f} MB/s")
    print(f"as they are, at first sight (median): {statistics.median(first.values()):.1f} MB/s")
    for part, rates in (
        ("whole", {name: each.whole for name, each in found.items()}),
        ("second half", {name: each.later for name, each in found.items()}),
    ):
        slowest = min(rates, key=rates.__getitem__)
        print(f"{part}, typical (median): {against(statistics.median(rates.values()), TYPICAL)}")
        print(f"{part}, worst ({slowest}): {against(rates[slowest], WORST)}")


def against(rate: float, budget: float) -> str:
    """A speed beside its budget."""
    return f"{rate:.1f} MB/s of {budget} wanted, {'kept' if rate >= budget else 'missed'}"


def main() -> None:
    """Print a line per kind of log, or per log of a folder."""
    if len(sys.argv) > 1:
        folder(Path(sys.argv[1]))
        return
    for kind in KINDS:
        print(f"    {against(report(kind.__name__, kind(random.Random(1))).whole, TYPICAL)}")


if __name__ == "__main__":
    main()
