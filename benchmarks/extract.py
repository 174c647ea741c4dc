"""How fast logs are read for metrics, in megabytes per second of one core: `python -m benchmarks.extract`.

Three kinds of log are made up: every line full of metrics, mostly text, and progress bars.
"""

from __future__ import annotations

import random
import time

from trainboard.extract import Extractor

CHUNK = 64 * 1024
REPEATS = 3
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


KINDS = (dense, text, bars)


def speed(log: bytes) -> tuple[float, int]:
    """Megabytes per second, the best of some passes, and the samples found."""
    best, samples = float("inf"), 0
    for _ in range(REPEATS):
        extractor, samples = Extractor(), 0
        start = time.process_time()
        for at in range(0, len(log), CHUNK):
            samples += len(extractor.feed(log[at : at + CHUNK]))
        best = min(best, time.process_time() - start)
    return len(log) / 1e6 / best, samples


def main() -> None:
    """Print a line per kind of log."""
    for kind in KINDS:
        log = kind(random.Random(1))
        rate, samples = speed(log)
        print(f"{kind.__name__:6} {len(log) / 1e6:6.1f} MB {samples:8} samples {rate:8.1f} MB/s")


if __name__ == "__main__":
    main()
