"""`python -m benchmarks`: every budget, one after the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run each in a process of its own; 1 where one says that its budget does not hold."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))
    codes = []
    for name in names:
        sys.stdout.write(f"\n== {name}\n")
        sys.stdout.flush()
        codes.append(subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode)
    return max(codes, default=0)


if __name__ == "__main__":
    sys.exit(main())
