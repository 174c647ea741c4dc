"""How the process is set where an event loop has a user."""

from __future__ import annotations

import subprocess
import sys

import pytest

SERIES = """
import sys
import numpy as np
from pathlib import Path
from trainboard.interpreter import responsive

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

with responsive():
    before, pins = resident(), []
    for _ in range(8):
        large = [np.ones(2 << 20) for _ in range(2)]
        pins.append(bytes(1000))  # stands behind them where they come from the heap
        del large
    small = [np.ones(1 << 20) for _ in range(8)]
    pins.append(bytes(100_000))
    del small
    sys.stdout.write(str(resident() - before))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and sets what glibc has")
def test_the_memory_of_large_series_goes_back_when_they_are_closed() -> None:
    told = subprocess.run([sys.executable, "-c", SERIES], check=True, capture_output=True, text=True, timeout=60)
    assert int(told.stdout) < 16 << 20
