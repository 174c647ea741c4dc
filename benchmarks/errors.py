"""A file of predictions: how long its summary takes where it lies, and how much memory; with numpy and without.

`python -m benchmarks.errors [ROWS [ROWS_WITHOUT]]`: processor seconds, of 20 inputs, half of them numbers of 5 digits
and some of 17, four words. The budget is 10 s and 500 MB at 1,000,000 rows.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROWS, WITHOUT = 1_000_000, 100_000
BLOCK = 20_000
"""Rows that are made by lot; the file has them again and again."""

SECONDS, MEGABYTES = 10.0, 500.0


def make(path: Path, rows: int) -> None:
    """A CSV of 20 inputs, with errors that gather in one place."""
    lots = random.Random(1)
    block = []
    for _ in range(BLOCK):
        numbers = [f"{lots.gauss(0, 1):.5f}" for _ in range(12)] + [repr(lots.random()) for _ in range(4)]
        words = [lots.choice(("alpha", "beta", "gamma", "delta")) for _ in range(4)]
        target = lots.randrange(10)
        wrong = lots.random() < (0.4 if words[0] == "beta" and float(numbers[0]) > 0.8 else 0.1)
        block.append(f"{target},{(target + wrong) % 10},{','.join(numbers + words)}\n")
    names = [f"x{at}" for at in range(20)]
    with path.open("w") as file:
        file.write(",".join(["target", "prediction", *names]) + "\n")
        for _ in range(max(1, rows // BLOCK)):
            file.writelines(block)


def measured(path: Path, *, plain: bool) -> tuple[float, float, str]:
    """Processor seconds and megabytes of the program on a file, and the slice that it found first."""
    asked = {"ask": "summary", "path": str(path), "columns": {}, "plain": plain}
    words = [sys.executable, "-c", "import sys; from backends.predictions.main import main; sys.exit(main())"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([*words, json.dumps(asked)], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = json.loads(done.stdout)
    if "refused" in found:
        raise SystemExit(found["refused"])
    first = (
        " and ".join(str(each["feature"]) for each in found["slices"][0]["conditions"]) if found["slices"] else "–"
    )
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, after.ru_maxrss / 1024, first


def main() -> int:
    """Print the figures; 1 where the budget is not kept."""
    words = [int(word) for word in sys.argv[1:3]]
    rows, without = (*words, *(ROWS, WITHOUT)[len(words) :])
    kept = True
    with tempfile.TemporaryDirectory() as folder:
        for count, plain in (
            (without, True),
            (rows, False),
        ):  # the most memory of all children is told: the small first
            path = Path(folder) / "predictions.csv"
            make(path, count)
            seconds, memory, first = measured(path, plain=plain)
            size = path.stat().st_size / 1e6
            how = "without numpy" if plain else "with numpy"
            print(
                f"{count:>9,} rows × 20, {size:4.0f} MB, {how:13}: {seconds:6.1f} s {memory:5.0f} MB, first {first}"
            )
            if not plain and count == ROWS:
                kept = seconds <= SECONDS and memory <= MEGABYTES
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
