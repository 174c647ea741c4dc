"""`python -m tests.crash [--kills N] [--seed N]`: the count, and exit 1 where a run was lost or doubled."""

import argparse
import sys

from tests.cluster import start, stop, up_already
from tests.crash.harness import harness


def main() -> int:
    """Use the cluster that is up, or one for the time of this."""
    words = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    words.add_argument("--kills", type=int, default=200)
    words.add_argument("--seed", type=int, default=0)
    chosen = words.parse_args()
    by_hand = up_already()
    cluster = start()
    try:
        report = harness(cluster, chosen.kills, chosen.seed)
    finally:
        if not by_hand:
            stop(cluster.dir)
    print("\n".join(report.lines()))
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
