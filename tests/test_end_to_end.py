"""The first whole journey as a user makes it: the board in tmux with real keys, Slurm, an SSH host, real training."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import specs
from tests.conftest import need
from tests.terminal import Terminal, missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster import Cluster

pytestmark = [pytest.mark.slurm, pytest.mark.sshd, pytest.mark.slow, pytest.mark.timeout(400)]

BACKENDS = ("laptop", "triton", "gpu1")
SPARKS = "▁▂▃▄▅▆▇█"


@pytest.fixture
def environ(cluster: Cluster, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A user with a config and the cluster's hosts; what runs is cancelled at the end, whatever the end."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.yaml").write_text(
        f"poll: 1\nbackends:\n  laptop: {{kind: local, leases: {tmp_path}/laptop-leases}}\n"
        f"  triton: {{kind: slurm, host: gateway, root: {tmp_path}/slurm}}\n"
        f"  gpu1: {{kind: ssh, root: {tmp_path}/gpu1, leases: {tmp_path}/leases}}\n"
    )
    own = {"TRAINBOARD_HOME": str(home), "TRAINBOARD_SSH_CONFIG": str(cluster.ssh_config), "TERM": "xterm-256color"}
    yield own
    experiments = {row["experiment"] for row in cli(own, "ls", "--offline") if row["experiment"]}
    if experiments:
        cli(own, "cancel", *experiments)


@pytest.fixture
def name() -> str:
    """Of a test's experiments: Slurm may show the jobs of an earlier one."""
    return f"mine{secrets.token_hex(2)}"


@pytest.fixture
def project(tmp_path: Path, name: str) -> Path:
    """The example as a user's own project: one run, long enough to be watched."""
    folder = tmp_path / "project"
    folder.mkdir()
    for each in ("char-rnn.yaml", "char_rnn.py", "corpus.txt", "probe.py"):
        shutil.copy(Path(specs.__file__).parent / "examples" / each, folder)
    spec = folder / "char-rnn.yaml"
    text = spec.read_text()
    text = re.sub(r"lr: \[.*\]", "lr: [0.003]", text)
    text = text.replace("seeds: 2", "seeds: 1").replace("steps: 1600", "steps: 20000")
    spec.write_text(text.replace("name: char-rnn", f"name: {name}"))
    return folder


def take_their_time(program: Path) -> None:
    """Let a training last longer than any test, however fast the processor is, and leave most of it to others."""
    loop = "    for step in range(1, args.steps + 1):\n"
    text = program.read_text()
    assert text.count(loop) == 1
    program.write_text(text.replace(loop, f"{loop}        time.sleep(0.02)\n"))


class Journey:
    """A user at the board."""

    def __init__(self, terminal: Terminal, name: str) -> None:
        self.terminal = terminal
        self.name = name

    def table(self, screen: str) -> list[str]:
        """The table's lines, its titles left out."""
        lines = screen.splitlines()
        top = next(number for number, line in enumerate(lines) if "state" in line and "backend" in line)
        return lines[top + 1 :]

    def rows(self, screen: str) -> dict[str, str]:
        """The lines of our runs, by backend."""
        lines = [line for line in screen.splitlines() if f"{self.name}-" in line and "─" not in line]
        return {backend: line for line in lines for backend in BACKENDS if f" {backend} " in line}

    def until(self, shown: Callable[[dict[str, str]], bool]) -> dict[str, str]:
        """Our rows, as soon as they are as wanted."""
        return self.rows(self.terminal.until(lambda screen: shown(self.rows(screen))))

    def submit(self, backend: str) -> None:
        """`n`, the spec of this folder, the backend, yes."""
        self.terminal.press("n")
        self.terminal.until("1 run of")
        for _ in range(1 + BACKENDS.index(backend)):  # the first choice leaves it to the spec
            before = self.terminal.screen()
            self.terminal.press("b")
            self.terminal.until(lambda screen, before=before: screen != before)  # type: ignore[misc]  # bound now
        self.terminal.until(f"‹ {backend} ›")
        self.terminal.press("Enter")
        self.terminal.until(f"Submit 1 run of {self.name}?")
        considered = self.terminal.until(lambda screen: "y submit" in screen or "a those that exist" in screen)
        if "y submit" not in considered:  # the same run, in another place
            self.terminal.press("a")
            self.terminal.until("y submit")
        self.terminal.press("y")
        self.until(lambda rows: backend in rows)

    def select(self, backend: str) -> None:
        """Move the cursor to a run: from the top as many lines down as it stands there."""
        self.terminal.press("g")
        lines = self.table(self.terminal.until(lambda screen: self.table(screen)[0].startswith("›")))
        down = next(number for number, line in enumerate(lines) if self.name in line and f" {backend} " in line)
        if down:
            self.terminal.press(*["j"] * down)
        self.until(lambda rows: rows[backend].startswith("›"))


@pytest.fixture
def board(environ: dict[str, str], project: Path, name: str) -> Iterator[Callable[..., Journey]]:
    """Opens boards, and closes them at the end."""
    need(missing(), os.environ)
    opened: list[Terminal] = []
    take_their_time(project / "char_rnn.py")

    def open_board(columns: int = 200, rows: int = 50) -> Journey:
        opened.append(Terminal(project, [sys.executable, "-m", "trainboard"], environ, (columns, rows)))
        opened[-1].until(lambda screen: screen.count("● up") == len(BACKENDS))
        return Journey(opened[-1], name)

    yield open_board
    for terminal in opened:
        terminal.close()


def running(rows: dict[str, str]) -> int:
    """How many of them run."""
    return sum("RUNNING" in line for line in rows.values())


def sparks(line: str) -> int:
    """How long a row's curve is."""
    return sum(line.count(char) for char in SPARKS)


def steps(screen: str) -> list[int]:
    """The steps that stand in the log."""
    return [int(step) for step in re.findall(r"^step (\d+)", screen, re.MULTILINE)]


def cli(environ: dict[str, str], *words: str) -> Any:  # noqa: ANN401  # whatever JSON holds
    """The JSON that a command prints."""
    argv = [sys.executable, "-m", "trainboard", *words, "--json"]
    done = subprocess.run(argv, capture_output=True, check=False, timeout=120, env={**os.environ, **environ})
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_the_whole_journey_on_the_board(board: Callable[..., Journey], environ: dict[str, str], name: str) -> None:
    user = board()
    terminal = user.terminal
    for backend in BACKENDS:
        user.submit(backend)
    before = user.until(lambda rows: running(rows) == 3)
    # every curve grows
    user.until(lambda rows: all(sparks(line) >= sparks(before[name]) + 2 for name, line in rows.items()))
    # the log follows
    user.select("triton")
    terminal.press("l")
    newest = max(steps(terminal.until(lambda screen: "following" in screen and bool(steps(screen)))))
    terminal.until(lambda screen: max(steps(screen), default=0) > newest)
    # the curve is drawn
    terminal.press("m")
    terminal.until("val_loss")
    terminal.press("Escape")
    terminal.until("space mark")  # the table has the keys again
    # cancel one, which the question names
    user.select("gpu1")
    terminal.press("c")
    terminal.until(lambda screen: "Cancel" in screen and f"{name}-3" in screen)
    terminal.press("y")
    assert running(user.until(lambda rows: "CANCELLED" in rows.get("gpu1", ""))) == 2
    # quit, reopen, and everything is there; the runs went on
    terminal.press("q")
    assert terminal.ended()
    again = board(80, 24)
    again.until(lambda rows: "CANCELLED" in rows.get("gpu1", "") and running(rows) == 2)
    # the same over the command line
    runs = {row["backend"]: row for row in cli(environ, "ls") if row["run"]}
    states = {backend: row["state"] for backend, row in runs.items()}
    assert states == {"gpu1": "CANCELLED", "laptop": "RUNNING", "triton": "RUNNING"}
    cli(environ, "cancel", *(row["run"] for row in runs.values()))
    again.until(lambda rows: sum("CANCELLED" in line for line in rows.values()) == 3)


def test_the_whole_journey_on_the_command_line(environ: dict[str, str], project: Path) -> None:
    spec = str(project / "char-rnn.yaml")
    made = {name: cli(environ, "submit", spec, "steps=200", "--again", "--on", name)[0] for name in BACKENDS}
    assert {row["backend"] for row in made.values()} == set(BACKENDS)
    for row in made.values():
        done = subprocess.run(
            [sys.executable, "-m", "trainboard", "logs", "-f", row["run"]],
            capture_output=True,
            check=True,
            timeout=200,
            env={**os.environ, **environ},
        )
        assert b"step 200 " in done.stdout
    states = {row["run"]: row["state"] for row in cli(environ, "ls")}
    assert all(states[row["run"]] == "COMPLETED" for row in made.values())
    for row in made.values():
        found = {metric["name"]: metric for metric in cli(environ, "metrics", row["run"])["metrics"]}
        assert found["loss"]["last"] < found["loss"]["first"]
        assert found["val_loss"]["count"] == 2
    hosts = {host["backend"]: host for host in cli(environ, "hosts")}
    assert [hosts[name]["state"] for name in BACKENDS] == ["up"] * 3
    assert len(hosts["gpu1"]["gpus"]) == 4


BAD = {
    "gone": ("{kind: ssh, host: down}", "refused the connection"),
    "swapped": ("{kind: ssh, host: wrongkey}", "the host key has changed"),
    "bare": ("{kind: ssh, host: nopython}", "the helper does not start"),
    "noslurm": ("{kind: slurm, host: gpu2}", "squeue is not on this gateway"),
    "typo": ("{kind: ssh, host: no-such-host}", "there is no host called no-such-host"),
}
"""Backend → its line in the config, and what the board says of it."""


def test_a_board_full_of_bad_hosts_says_what_is_wrong_and_goes_on(
    board: Callable[..., Journey], environ: dict[str, str]
) -> None:
    config = Path(environ["TRAINBOARD_HOME"]) / "config.yaml"
    config.write_text(config.read_text() + "".join(f"  {name}: {line}\n" for name, (line, _) in BAD.items()))
    user = board()
    for name, (_, words) in BAD.items():
        user.terminal.until(
            lambda screen, name=name, words=words: any(  # type: ignore[misc]  # bound now
                "✗ down" in line and f" {name} " in line and words in line for line in screen.splitlines()
            )
        )
    user.submit("laptop")
    user.until(lambda rows: running(rows) == 1)
    user.terminal.press("r")
    user.until(lambda rows: sparks(rows["laptop"]) > 2)
    user.terminal.press("q")
    assert user.terminal.ended()
