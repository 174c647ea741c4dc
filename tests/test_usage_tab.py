"""The resources tab of the real board, over real runs: what a program really used stands there."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import need
from tests.terminal import Terminal, missing
from tests.trainboard.test_cli import Shell, everywhere
from tests.trainboard.test_cli_usage import BURN, SPEC

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["everywhere"]

pytestmark = [pytest.mark.sshd, pytest.mark.slow, pytest.mark.timeout(300)]

LONG = f"{BURN}\nwhile time.perf_counter() < begun + 13: time.sleep(0.1)\n".replace(
    "import time", "import time\n\nbegun = time.perf_counter()", 1
)
"""Long enough for samples: the runner takes one each ten seconds."""


@pytest.fixture
def board(everywhere: Shell) -> Iterator[Terminal]:
    """A board at its smallest, without colours."""
    need(missing(), os.environ)
    environ = {**everywhere.more, "TRAINBOARD_HOME": str(everywhere.home), "NO_COLOR": "1"}
    everywhere.write("burn.py", LONG)
    everywhere.write("burn.yaml", SPEC)
    terminal = Terminal(everywhere.folder, [sys.executable, "-m", "trainboard"], environ, (80, 24))
    yield terminal
    terminal.close()


@pytest.mark.parametrize("backend", ["here", "gpu1"])
def test_the_tab_shows_what_a_run_really_used_and_e_writes_it_down(
    everywhere: Shell, board: Terminal, backend: str
) -> None:
    everywhere.json("submit", "burn.yaml", "--on", backend)
    board.until("burn-1/run", within=150)
    board.press("/")
    board.until("filter:")
    board.type("burn-1")  # the cluster is everybody's: other tests' jobs are in the table
    board.press("Enter")
    board.until(lambda screen: any("burn-1/run" in line and "COMPLETED" in line for line in screen.splitlines()), 150)
    board.while_pressing(("u",), "[resources] burn-1/run")
    screen = board.until(lambda screen: "CPUs" in screen and "next time" in screen)
    at_most = re.search(r"memory \d+% of 4\.0G, +(\d+)M", " ".join(screen.split()))
    assert at_most is not None, screen
    assert 200 <= int(at_most[1]) <= 400
    assert re.search(r"CPU (\d+)% of 1", screen), screen
    assert all(len(line) <= 80 for line in screen.splitlines())
    board.press("u")
    board.until("E spec")
    board.press("E")
    board.until("Write this into burn.yaml?")
    board.press("y")
    board.until("written into")
    text = (everywhere.folder / "burn.yaml").read_text()
    assert text.startswith("# what burns\nname: burn\n")
    assert "memory: 300M, time: 5m}  # by guess" in text
