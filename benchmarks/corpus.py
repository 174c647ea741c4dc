"""How much is read of logs whose truth is known: `python -m benchmarks.corpus [FOLDER]`.

A folder holds `<stem>.*` with `<stem>.yaml` beside it, or both in its folders `all` and `truth`; without one it is
the logs of the tests. Exits 1 where less is read than promised.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.trainboard.reading import Score, pairs, score

OURS = Path(__file__).parent.parent / "tests" / "data" / "logs"
SHARE = 0.95
"""Of the listed metrics, and of the outcomes."""


def row(found: Score) -> str:
    """A line of the table."""
    wrong = "" if found.right else f" not {found.accepted[0]}"
    done = "" if found.timely else f"; {found.share[0]} done, not {found.share[1]}"
    notes = [
        f"{word} {', '.join(names[:6])}"
        for word, names in (("missed", found.missed), ("false", found.false))
        if names
    ]
    return (
        f"{found.stem:32} {found.size / 1e3:7.1f} kB {found.seconds * 1e3:6.0f} ms {found.found:3}/{found.wanted:<3} "
        f"of {len(found.series):3} series  {found.outcome + wrong:24} {'; '.join(notes)}{done}"
    ).rstrip()


def main(arguments: list[str]) -> int:
    """Print a line per log and the sums."""
    scores = [score(log, truth) for log, truth in pairs(Path(arguments[0]) if arguments else OURS)]
    if not scores:
        print("no logs with a truth beside them here")
        return 2
    for found in scores:
        print(row(found))
    wanted, read = sum(s.wanted for s in scores), sum(s.found for s in scores)
    low, false = [s.stem for s in scores if s.low], [s.stem for s in scores if s.false]
    right, told = sum(s.right for s in scores), [s for s in scores if s.share[1] is not None]
    print(
        f"{len(scores)} logs: {read}/{wanted} = {read / max(1, wanted):.1%} of the metrics; below 80 %: {len(low)}; "
        f"logs with false series: {len(false)}; outcomes {right}/{len(scores)} = {right / len(scores):.1%}; "
        f"share done {sum(s.timely for s in told)}/{len(told)}"
    )
    return int(read < SHARE * wanted or bool(low) or bool(false) or right < SHARE * len(scores))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
