"""A real terminal for tests: tmux, real keys, and what stands on the screen."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


class Terminal:
    """A program in a tmux of its own. Waiting is for what the screen shows, never for time to pass."""

    def __init__(self, folder: Path, argv: Sequence[str], environ: Mapping[str, str], size: tuple[int, int]) -> None:
        """Start `argv` in `folder`; `size` is columns and rows."""
        self._socket = str(folder / "tmux.sock")
        columns, rows = map(str, size)
        settings = [word for item in environ.items() for word in ("-e", "=".join(item))]
        self._tmux(
            "-f", "/dev/null", "new-session", "-d", "-x", columns, "-y", rows, "-c", str(folder), *settings, *argv
        )
        # The last screen of a program that ended is what a failing test wants to show.
        self._tmux("set-option", "-g", "remain-on-exit", "on")

    def press(self, *keys: str) -> None:
        """Type keys by their tmux names."""
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type text as it is."""
        self._tmux("send-keys", "-l", text)

    def resize(self, columns: int, rows: int) -> None:
        """Give the window another size."""
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def screen(self) -> str:
        """What stands there now."""
        return self._tmux("capture-pane", "-p")

    def until(self, shown: str | Callable[[str], bool], within: float = 60) -> str:
        """The screen as soon as it shows this."""
        return self.while_pressing((), shown, within)

    def while_pressing(self, keys: Sequence[str], shown: str | Callable[[str], bool], within: float = 60) -> str:
        """Press keys again and again until the screen shows what is wanted; the screen."""
        deadline = time.monotonic() + within
        while True:
            screen = self.screen()
            if shown in screen if isinstance(shown, str) else shown(screen):
                return screen
            if time.monotonic() > deadline or "Pane is dead" in screen:
                raise AssertionError(f"not shown within {within} s: {shown}\n{screen}")
            if keys:
                self.press(*keys)
            time.sleep(0.2)

    def ended(self, within: float = 20) -> bool:
        """Whether the program ends by itself in this time."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if self._tmux("list-panes", "-F", "#{pane_dead}").strip() == "1":
                return True
            time.sleep(0.1)
        return False

    def close(self) -> None:
        """End it."""
        subprocess.run(["tmux", "-S", self._socket, "kill-server"], capture_output=True, check=False, timeout=20)

    def _tmux(self, *words: str) -> str:
        # What an outer terminal left there would be taken for the size of this one.
        outer = ("TMUX", "COLUMNS", "LINES")
        environ = {name: value for name, value in os.environ.items() if name not in outer} | {
            "TERM": "xterm-256color"
        }
        done = subprocess.run(
            ["tmux", "-S", self._socket, *words], capture_output=True, check=False, timeout=20, env=environ
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()


def missing() -> str:
    """Why there can be no terminal; empty where there can."""
    return "" if shutil.which("tmux") else "tmux is not installed"
