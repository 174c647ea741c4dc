"""The first whole journey as a user makes it: the board in tmux with real keys, Slurm, an SSH host, real training."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
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

NAME = f"mine{secrets.token_hex(2)}"
"""Of the experiments: a Slurm that was up before may show the jobs of an earlier session."""

BACKENDS = ("laptop", "triton", "gpu1")
SPARKS = "▁▂▃▄▅▆▇█"


@pytest.fixture
def environ(cluster: Cluster, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A user with a config and the cluster's hosts; what runs is cancelled at the end, whatever the end."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.yaml").write_text(
        "poll: 1\nbackends:\n  laptop: {kind: local}\n"
        f"  triton: {{kind: slurm, host: gateway, root: {tmp_path}/slurm}}\n"
        f"  gpu1: {{kind: ssh, root: {tmp_path}/gpu1}}\n"
    )
    own = {"TRAINBOARD_HOME": str(home), "TRAINBOARD_SSH_CONFIG": str(cluster.ssh_config), "TERM": "xterm-256color"}
    yield own
    experiments = {row["experiment"] for row in cli(own, "ls", "--offline") if row["experiment"]}
    if experiments:
        cli(own, "cancel", *experiments)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The example as a user's own project: one run, long enough to be watched."""
    folder = tmp_path / "project"
    shutil.copytree(Path(specs.__file__).parent / "examples", folder)
    spec = folder / "char-rnn.yaml"
    text = spec.read_text()
    text = re.sub(r"lr: \[.*\]", "lr: [0.003]", text)
    text = text.replace("seeds: 2", "seeds: 1").replace("steps: 2400", "steps: 9000")
    spec.write_text(text.replace("name: char-rnn", f"name: {NAME}"))
    return folder


@pytest.fixture
def board(environ: dict[str, str], project: Path) -> Iterator[Callable[[int, int], Terminal]]:
    """Opens boards, and closes them at the end."""
    need(missing(), os.environ)
    opened: list[Terminal] = []

    def open_board(columns: int = 200, rows: int = 50) -> Terminal:
        opened.append(Terminal(project, [sys.executable, "-m", "trainboard"], environ, (columns, rows)))
        return opened[-1]

    yield open_board
    for terminal in opened:
        terminal.close()


def rows(screen: str) -> dict[str, str]:
    """The table's lines of our runs, by backend."""
    lines = [line for line in screen.splitlines() if f"{NAME}-" in line and "─" not in line]
    return {name: line for line in lines for name in BACKENDS if f" {name} " in line}


def sparks(line: str) -> int:
    """How long a row's curve is."""
    return sum(line.count(char) for char in SPARKS)


def cli(environ: dict[str, str], *words: str) -> Any:  # noqa: ANN401  # whatever JSON holds
    """The JSON that a command prints."""
    argv = [sys.executable, "-m", "trainboard", *words, "--json"]
    done = subprocess.run(argv, capture_output=True, check=False, timeout=120, env={**os.environ, **environ})
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def submit(terminal: Terminal, backend: str) -> None:
    """`n`, the spec of this folder, the backend, yes."""
    terminal.press("n")
    terminal.until("New from a spec")
    terminal.until("1 run of")
    terminal.while_pressing(["Right"], f"‹ {backend} ›")
    terminal.press("Enter")
    terminal.until(f"Submit 1 run of {NAME}?")
    terminal.press("y")
    terminal.until(lambda screen: backend in rows(screen))


def select(terminal: Terminal, backend: str) -> None:
    """Move the cursor to a run: from the top as many lines down as it stands there."""

    def is_top(screen: str) -> bool:
        return table(screen)[0].startswith("›")

    def is_there(screen: str) -> bool:
        return rows(screen)[backend].startswith("›")

    terminal.press("g")
    lines = table(terminal.until(is_top))
    down = next(number for number, line in enumerate(lines) if NAME in line and f" {backend} " in line)
    if down:
        terminal.press(*["j"] * down)
    terminal.until(is_there)


def table(screen: str) -> list[str]:
    """The table's lines, its titles left out."""
    lines = screen.splitlines()
    top = next(number for number, line in enumerate(lines) if "state" in line and "backend" in line)
    return lines[top + 1 :]


def test_the_whole_journey_on_the_board(
    board: Callable[..., Terminal], environ: dict[str, str], project: Path
) -> None:
    terminal = board()
    terminal.until(lambda screen: screen.count("● up") == len(BACKENDS))
    for backend in BACKENDS:
        submit(terminal, backend)
    running = terminal.until(lambda screen: sum("RUNNING" in line for line in rows(screen).values()) == 3)
    # every curve grows
    before = {name: sparks(line) for name, line in rows(running).items()}
    terminal.until(lambda screen: all(sparks(line) >= before[name] + 2 for name, line in rows(screen).items()))
    # the log follows
    select(terminal, "triton")
    terminal.press("l")
    first = terminal.until(lambda screen: "following" in screen and "step " in screen)
    newest = max(map(int, re.findall(r"^step (\d+)", first, re.MULTILINE)))
    terminal.until(lambda screen: max(map(int, re.findall(r"^step (\d+)", screen, re.MULTILINE)), default=0) > newest)
    # the curve is drawn
    terminal.press("m")
    terminal.until("val_loss")
    # cancel one, which the question names
    terminal.press("Escape")
    terminal.until("space mark")  # the table has the keys again
    select(terminal, "gpu1")
    terminal.press("c")
    terminal.until(lambda screen: "Cancel" in screen and f"{NAME}-3" in screen)
    terminal.press("y")
    terminal.until(lambda screen: "CANCELLED" in rows(screen).get("gpu1", ""))
    assert sum("RUNNING" in line for line in rows(terminal.screen()).values()) == 2
    # quit, reopen, and everything is there; the runs went on
    terminal.press("q")
    assert terminal.ended()
    again = board(80, 24)
    again.until(lambda screen: screen.count("● up") == len(BACKENDS))
    again.until(lambda screen: "CANCELLED" in rows(screen).get("gpu1", "") and "RUNNING" in rows(screen)["triton"])
    # the same over the command line
    runs = {row["backend"]: row for row in cli(environ, "ls") if row["run"]}
    assert {name: row["state"] for name, row in runs.items()} == {
        "gpu1": "CANCELLED",
        "laptop": "RUNNING",
        "triton": "RUNNING",
    }
    cli(environ, "cancel", *(row["run"] for row in runs.values()))
    again.until(lambda screen: sum("CANCELLED" in line for line in rows(screen).values()) == 3)


def test_the_whole_journey_on_the_command_line(environ: dict[str, str], project: Path) -> None:
    spec = str(project / "char-rnn.yaml")
    made = {name: cli(environ, "submit", spec, "steps=200", "--on", name)[0] for name in BACKENDS}
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


def test_a_line_is_on_the_screen_within_a_second_of_being_written(
    board: Callable[..., Terminal], environ: dict[str, str], project: Path
) -> None:
    (project / "char-rnn.yaml").write_text(
        f"name: {NAME}\n"
        "command: while [ ! -e {here}/now ]; do sleep 0.05; done; date +written=%s.%N; sleep 600\n"
        f"params: {{here: {json.dumps(str(project))}}}\n"
    )
    terminal = board()
    terminal.until(lambda screen: screen.count("● up") == len(BACKENDS))
    submit(terminal, "triton")
    terminal.until(lambda screen: "RUNNING" in rows(screen).get("triton", ""))
    select(terminal, "triton")
    terminal.press("l")
    terminal.until("following")
    (project / "now").touch()
    screen = terminal.until("written=")
    written = re.search(r"written=([\d.]+)", screen)
    assert written is not None
    late = time.time() - float(written[1])
    cli(environ, "cancel", f"{NAME}-1")
    assert late < 1.5  # one second, and how long the screen takes to be read
