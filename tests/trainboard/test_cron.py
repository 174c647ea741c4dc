"""`trainboard watch --once` as cron calls it: hardly any environment, no terminal, and mail for each word."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIG = """\
backends: {{local: {{kind: local, leases: {leases}}}}}
notify: [{{command: 'cat >> {said}'}}]
"""
SPEC = "name: net\ncommand: echo loss={lr} – größer; exit 3\nparams: {lr: 1, say: ä}\n"
CRON = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}
"""With HOME and LOGNAME all that cron sets; it sets no language either."""
ROOT = Path(__file__).parents[2]


def cron(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What cron does with a line of a crontab."""
    line = " ".join(["exec", sys.executable, "-m", "trainboard", *words])
    environ = {**CRON, "HOME": str(home), "LOGNAME": "someone", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["/bin/sh", "-c", line],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=home,
        env=environ,
        timeout=120,
        start_new_session=True,
    )


def by_hand(home: Path, *words: str) -> Sequence[dict[str, str]]:
    """The same user at a terminal."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("TRAINBOARD", "XDG"))}
    done = subprocess.run(
        [sys.executable, "-m", "trainboard", *words, "--json"],
        capture_output=True,
        text=True,
        cwd=home,
        env={**own, "HOME": str(home), "PYTHONPATH": str(ROOT)},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found: Sequence[dict[str, str]] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_what_cron_calls_finds_the_same_state_tells_what_failed_and_complains_of_nothing(tmp_path: Path) -> None:
    said = tmp_path / "said"
    (tmp_path / ".config/trainboard").mkdir(parents=True)
    (tmp_path / ".config/trainboard/config.yaml").write_text(
        CONFIG.format(leases=tmp_path / "leases", said=said), encoding="utf-8"
    )
    (tmp_path / "net.yaml").write_text(SPEC, encoding="utf-8")
    first = cron(tmp_path, "watch", "--once")
    assert (first.returncode, first.stderr) == (0, "")  # there is a channel from now on
    [run] = by_hand(tmp_path, "submit", "net.yaml", "--force")
    for _ in range(3):
        done = cron(tmp_path, "watch", "--once")
        assert (done.returncode, done.stderr) == (0, "")
        if said.exists():
            break
    assert "failed with exit code 3" in said.read_text(encoding="utf-8")
    assert [row["state"] for row in by_hand(tmp_path, "ls") if row["run"] == run["run"]] == ["FAILED"]
    assert cron(tmp_path, "watch", "--once").stderr == ""
    assert said.read_text(encoding="utf-8").count("failed with exit code 3") == 1
