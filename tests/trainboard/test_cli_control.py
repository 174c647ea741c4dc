"""Control, watch and rebuild as they are typed, and several processes on one state."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from backends.base import JobState
from tests.trainboard.test_cli import PROMISED, SPEC, WAITS, Shell, follow_to_the_end
from tests.trainboard.test_cli import shell as shell
from trainboard.cli.control import untouched
from trainboard.cli.level import Level, level
from trainboard.lease import SILENT, holder
from trainboard.rows import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cluster import Cluster

ONE_AT_A_TIME = "name: row\ncommand: 'true'\nsweep: {n: [1, 2, 3], at_most: 1}\nresources: {cpus: 10000}\n"
"""Runs that wait in the queue of this machine for ever: it has not so many processors."""


class Watching:
    """A `trainboard watch` of its own, and its lines."""

    def __init__(self, shell: Shell, *words: str) -> None:
        self.process = shell.start("watch", "--json", *words)
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        self._out = self.process.stdout.fileno()
        self._rest = b""
        self.lines: list[dict[str, Any]] = []

    def until(self, condition: Callable[[dict[str, Any]], bool], patience: float = 60) -> dict[str, Any]:
        """The first line of this kind."""
        end, known = time.monotonic() + patience, 0
        while time.monotonic() < end:
            for line in self.lines[known:]:
                if condition(line):
                    return line
            known = len(self.lines)
            select.select([self._out], [], [], 0.2)
            try:
                data = os.read(self._out, 1 << 16)
            except BlockingIOError:
                continue
            *whole, self._rest = (self._rest + data).split(b"\n")
            self.lines += [json.loads(line) for line in whole]
        raise AssertionError(f"not among {self.lines}")

    def drives(self) -> dict[str, Any]:
        """Read until it polls and places."""
        return self.until(lambda line: line["what"] == "engine" and line["ours"])

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Its exit code and what it complained of."""
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=30)
        return self.process.returncode, err


@pytest.fixture
def watches(shell: Shell) -> Iterator[Callable[..., Watching]]:
    made: list[Watching] = []

    def start(*words: str) -> Watching:
        made.append(Watching(shell, *words))
        return made[-1]

    yield start
    for each in made:
        each.process.kill()
        each.process.communicate()


def queued(shell: Shell) -> list[str]:
    """Three runs that wait."""
    shell.write("row.yaml", ONE_AT_A_TIME)
    submitted = shell("submit", "row.yaml", "--force", "--json")
    assert submitted.returncode == 0, submitted.stderr
    return [row["run"] for row in json.loads(submitted.stdout)]


def states(shell: Shell) -> dict[str, str]:
    return {row["run"]: row["state"] for row in shell.json("ls")}


# --- control


def test_runs_are_held_and_released_one_by_one_and_as_an_experiment(shell: Shell) -> None:
    runs = queued(shell)
    [held] = shell.json("hold", runs[1])
    assert (set(held), held["run"], held["state"]) == (PROMISED, runs[1], "HELD")
    assert states(shell) == {runs[0]: "PENDING", runs[1]: "HELD", runs[2]: "PENDING"}
    assert {row["state"] for row in shell.json("hold", "row-1")} == {"HELD"}
    assert {row["state"] for row in shell.json("release", "row-1")} == {"PENDING"}
    assert "HELD" in shell.done("hold", *runs)
    shell.done("cancel", "row-1")


def test_priorities_are_set_and_changed_and_a_run_is_put_first(shell: Shell) -> None:
    runs = queued(shell)

    def priorities() -> list[int]:
        return [read_state(shell)["runs"][run].get("priority", 0) for run in runs]

    shell.json("priority", "5", *runs[:2])
    assert priorities() == [5, 5, 0]
    shell.json("priority", "-2", "row-1")
    assert priorities() == [3, 3, -2]
    shell.json("priority", "+4", runs[2])
    assert priorities() == [3, 3, 2]
    shell.json("priority", "3", "row-1")
    assert priorities() == [3, 3, 3]
    shell.json("top", runs[2], runs[1])
    places = {run: read_state(shell)["runs"][run].get("place", 0.0) for run in runs}
    assert sorted(runs, key=lambda run: places[run]) == [runs[2], runs[1], runs[0]]
    shell.done("cancel", "row-1")


def read_state(shell: Shell) -> dict[str, dict[str, Any]]:
    """The documents of the store."""
    code = (
        "import sys, json; from trainboard.store import ReadOnly; json.dump(ReadOnly(sys.argv[1]).read(), sys.stdout)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(shell.home / "state.json")], capture_output=True, text=True, check=True
    )
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


def test_a_run_is_run_again_after_its_end(shell: Shell) -> None:
    shell.write("bad.yaml", "name: bad\ncommand: echo out of luck; exit 3\n")
    shell.json("submit", "bad.yaml")
    follow_to_the_end(shell, "bad-1.0")
    assert states(shell) == {"bad-1.0": "FAILED"}
    [again] = shell.json("requeue", "bad-1.0")
    assert again["run"] == "bad-1.0"
    assert follow_to_the_end(shell, "bad-1.0") == "out of luck\n"
    shown = shell.json("show", "bad-1.0")
    assert (shown["state"], shown["attempt"]) == ("FAILED", 2)
    assert shown["directory"].endswith("/2")


def test_what_has_ended_is_said_to_have_ended(shell: Shell) -> None:
    shell.write("s.yaml", SPEC)
    shell.json("submit", "s.yaml", "lr=0.1")
    follow_to_the_end(shell, "small-1.0")
    for words in (("hold",), ("release",), ("priority", "7"), ("top",), ("cancel",)):
        found = shell(*words, "small-1.0")
        assert (found.returncode, found.stderr) == (0, "trainboard: small-1.0 had ended before: COMPLETED\n")


def test_what_has_begun_is_said_to_have_begun(shell: Shell) -> None:
    shell.write("w.yaml", WAITS)
    shell.json("submit", "w.yaml")
    following = shell.start("logs", "-f", "waits-1.0")
    assert following.stdout is not None
    assert following.stdout.readline() == "up\n"
    for words in (("hold",), ("release",), ("priority", "7"), ("top",)):
        found = shell(*words, "waits-1")
        assert (found.returncode, found.stderr) == (0, "trainboard: waits-1.0 had begun before: RUNNING\n")
    shell.done("cancel", "waits-1")
    following.communicate(timeout=40)


def test_a_sweep_to_which_nothing_is_done_is_one_line_a_state() -> None:
    states = [JobState.COMPLETED, JobState.RUNNING, JobState.COMPLETED]
    rows = [Row(f"a-1.{n}", "here", "", "a", state) for n, state in enumerate(states)]
    assert untouched(rows) == ["2 runs had ended before: COMPLETED", "a-1.1 had begun before: RUNNING"]


@pytest.mark.parametrize("word", ["1001", "+998"])
def test_a_priority_out_of_range_is_refused_before_any_is_changed(shell: Shell, word: str) -> None:
    runs = queued(shell)
    shell.done("priority", "3", runs[1])
    found = shell("priority", word, *runs)
    assert (found.returncode, found.stdout) == (2, "")
    [line] = found.stderr.splitlines()
    assert line.endswith("1001 is no priority: it is between -1000 and 1000")
    assert [read_state(shell)["runs"][run].get("priority", 0) for run in runs] == [0, 3, 0]
    shell.done("cancel", "row-1")


def test_what_is_shown_of_a_run_are_dates_and_nothing_that_is_not_known(shell: Shell) -> None:
    runs = queued(shell)
    shell.json("priority", "3", runs[0])
    shown = dict(line.split(None, 1) for line in shell.done("show", runs[0]).splitlines() if line)
    assert shown["priority"] == "3"
    assert time.strptime(shown["submitted"], "%Y-%m-%d %H:%M:%S")
    assert "null" not in shown.values()
    shell.done("cancel", "row-1")


@pytest.mark.sshd
def test_a_wish_for_a_host_that_is_down_is_on_record_and_said_to_be(tmp_path: Path, sshd: Cluster) -> None:
    shell = Shell(tmp_path, {"TRAINBOARD_SSH_CONFIG": str(sshd.ssh_config)})
    config = "backends:\n  gpu1: {kind: ssh, host: HOST, root: ROOT, leases: ROOT/leases}\n"
    config = config.replace("ROOT", str(tmp_path / "far"))
    shell.write("home/config.yaml", config.replace("HOST", "gpu1"))
    runs = queued(shell)
    shell.write("home/config.yaml", config.replace("HOST", "down"))
    found = shell("hold", "row-1")
    assert found.returncode == 1
    lines = found.stderr.splitlines()
    assert len(lines) == 3, lines
    assert lines[0].endswith("refused the connection; shown as last seen")
    assert lines[1].startswith("trainboard: hold: gpu1: ")
    assert lines[2].startswith("trainboard: what you want of your own runs is on record: ")
    assert {row["reason"] for row in json.loads(shell("ls", "--json").stdout)} == {"hold waits for gpu1"}
    shell.write("home/config.yaml", config.replace("HOST", "gpu1"))
    assert shell("cancel", *runs).returncode == 0


@pytest.mark.sshd
def test_watch_once_does_not_wait_for_a_host_that_is_down(tmp_path: Path, sshd: Cluster) -> None:
    shell = Shell(tmp_path, {"TRAINBOARD_SSH_CONFIG": str(sshd.ssh_config)})
    shell.write("home/config.yaml", "backends:\n  dead: {kind: ssh, host: down}\n")
    shell.write("s.yaml", SPEC)
    assert shell("submit", "s.yaml").returncode == 0
    found = shell("watch", "--once")
    assert (found.returncode, found.stderr) == (1, "")
    assert "dead  down: " in found.stdout
    assert set(states_of(shell("ls", "--offline", "--json").stdout)) == {"PENDING"}


def states_of(listing: str) -> list[str]:
    """The states in the answer of `ls --json`."""
    return [row["state"] for row in json.loads(listing)]


@pytest.mark.parametrize("verb", [("hold",), ("release",), ("requeue",), ("cancel",), ("top",), ("priority", "+1")])
def test_a_run_that_is_not_there_is_one_line(shell: Shell, verb: tuple[str, ...]) -> None:
    line = shell.refused(*verb, "small-1.0")
    assert '"small-1.0"' in line


@pytest.mark.parametrize("word", ["", "x", "1.5", "--3", "1e3", "\u0661", "9999999999", "+"])
def test_a_priority_that_is_no_number_is_bad_usage(shell: Shell, word: str) -> None:
    found = shell("priority", "--", word, "small-1.0")
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.splitlines()[-1].startswith("trainboard")


def test_words_for_priorities() -> None:
    assert [level(word) for word in ("5", "+5", "-5", "0")] == [
        Level(5, relative=False), Level(5, relative=True), Level(-5, relative=True), Level(0, relative=False),
    ]  # fmt: skip


# --- watch


def test_watch_once_sees_everything_to_its_place_and_ends(shell: Shell) -> None:
    shell.write("s.yaml", SPEC)
    shell.json("submit", "s.yaml", "lr=0.1")
    found = shell("watch", "--once")
    assert (found.returncode, found.stderr) == (0, "")
    assert "this process polls and places" in found.stdout


def test_watch_says_what_becomes_of_runs_and_ends_when_it_is_told(
    shell: Shell, watches: Callable[..., Watching]
) -> None:
    watch = watches()
    watch.drives()
    shell.write("s.yaml", SPEC)
    [row] = shell.json("submit", "s.yaml", "lr=0.1")
    ended = watch.until(lambda line: line["subject"] == row["run"] and line.get("state") == "COMPLETED")
    assert set(ended) > PROMISED
    assert (ended["what"], ended["attempt"]) == ("run", 1)
    assert watch.end() == (0, "")


def test_watch_ends_with_ctrl_c_too(shell: Shell, watches: Callable[..., Watching]) -> None:
    watch = watches()
    watch.drives()
    assert watch.end(signal.SIGINT) == (0, "")
    assert holder(shell.home) is None


def test_hosts_tells_who_polls(shell: Shell, watches: Callable[..., Watching]) -> None:
    assert shell.json("hosts")[0]["polled_by"] is None
    assert "polled by nobody" in shell.done("hosts")
    watch = watches()
    watch.drives()
    assert shell.json("hosts")[0]["polled_by"] == f"watch, process {watch.process.pid}"
    assert f"polled by watch, process {watch.process.pid}" in shell.done("hosts")


def test_the_watch_tries_again_what_failed(shell: Shell, watches: Callable[..., Watching]) -> None:
    watch = watches()
    watch.drives()
    shell.write(
        "r.yaml",
        "name: again\ncommand: test -e mark || { touch mark; exit 3; }\nretry: {on: [FAILED], max: 2, wait: 1}\n",
    )
    [row] = shell.json("submit", "r.yaml")
    ended = watch.until(lambda line: line["subject"] == row["run"] and line.get("state") == "COMPLETED")
    assert ended["attempt"] == 2
    states = [line["state"] for line in watch.lines if line["subject"] == row["run"]]
    assert "FAILED" not in states, states
    assert any("retry after FAILED, in 1s" in line["text"] for line in watch.lines)


def test_when_the_process_that_polls_is_killed_another_goes_on(
    shell: Shell, watches: Callable[..., Watching]
) -> None:
    first = watches()
    first.drives()
    second = watches()
    seen = second.until(lambda line: line["what"] == "engine")
    assert (seen["ours"], seen["pid"]) == (False, first.process.pid)
    first.process.kill()
    first.process.wait()
    begun = time.monotonic()
    second.drives()
    assert time.monotonic() - begun < SILENT / 2, "nobody waits for a sign of life"
    shell.write("s.yaml", SPEC)
    [row] = shell.json("submit", "s.yaml", "lr=0.1")
    second.until(lambda line: line["subject"] == row["run"] and line.get("state") == "COMPLETED")


def test_four_processes_that_submit_at_once_lose_nothing(shell: Shell, watches: Callable[..., Watching]) -> None:
    watches().drives()
    watches()
    shell.write("row.yaml", ONE_AT_A_TIME)
    submitting = [shell.start("submit", "row.yaml", "--again", "--force", "--json") for _ in range(4)]
    told = [process.communicate(timeout=60) for process in submitting]
    assert [process.returncode for process in submitting] == [0] * 4, told
    runs = [row["run"] for out, _ in told for row in json.loads(out)]
    assert sorted(runs) == sorted(f"row-{n}.{i}" for n in range(1, 5) for i in range(3))
    stored = read_state(shell)
    assert set(stored["runs"]) == set(runs)
    attempts = stored["attempts"].values()
    assert sorted((each["run"], each["number"]) for each in attempts) == sorted((run, 1) for run in runs)
    assert len({each["directory"] for each in attempts}) == 12
    shell.done("cancel", "row-1", "row-2", "row-3", "row-4")


# --- rebuild


def test_rebuild_makes_the_records_anew(shell: Shell) -> None:
    shell.write("s.yaml", SPEC)
    for _ in range(2):
        shell.json("submit", "s.yaml", "lr=0.1", "--again")
    for run in ("small-1.0", "small-2.0"):
        follow_to_the_end(shell, run)
    shell.write("w.yaml", WAITS)
    shell.json("submit", "w.yaml")
    before = {row["run"]: row for row in shell.json("ls")}
    for name in ("state.json", "state.journal"):
        (shell.home / name).unlink(missing_ok=True)
    found = shell.json("rebuild")
    assert (found["experiments"], found["runs"], found["attempts"], found["damaged"]) == (3, 3, 3, False)
    assert found["states"] == {"COMPLETED": 2, "RUNNING": 1}
    assert found["backends"] == [{"backend": "local", "attempts": 3, "unreadable": 0, "reason": ""}]
    after = {row["run"]: row for row in shell.json("ls")}
    for row in (*before.values(), *after.values()):
        assert (
            abs(row.pop("submitted") - time.time()) < 60
        )  # a host without a scheduler does not tell it to the moment
    assert after == before
    assert shell.done("logs", "small-1.0").startswith("step 1")
    assert shell.json("rebuild")["changed"] == 0
    shell.done("cancel", "waits-1")


def test_a_damaged_store_is_rebuilt_and_kept(shell: Shell) -> None:
    shell.write("s.yaml", SPEC)
    shell.json("submit", "s.yaml", "lr=0.1")
    follow_to_the_end(shell, "small-1.0")
    (shell.home / "state.json").write_text("{ half")
    done = shell("rebuild")
    assert (done.returncode, "COMPLETED" in done.stdout) == (0, True)
    [line] = done.stderr.splitlines()
    assert "damaged" in line
    aside = shell.home / line.rpartition("/")[2]
    assert (aside / "state.json").read_text() == "{ half"
    assert states(shell) == {"small-1.0": "COMPLETED"}


def test_rebuild_is_refused_while_a_watch_goes_on(shell: Shell, watches: Callable[..., Watching]) -> None:
    watch = watches()
    watch.drives()
    found = shell("rebuild")
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr == f"trainboard: watch, process {watch.process.pid} works on this state: end it first\n"


def test_a_host_that_is_down_is_told_by_rebuild(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"TRAINBOARD_SSH_CONFIG": "/nowhere"})
    shell.write("home/config.yaml", "backends: {dead: {kind: ssh, host: 127.0.0.1:1}}\n")
    found = shell("rebuild", "--json")
    if found.returncode == 2:  # a port is no part of a host's name
        shell.write("home/config.yaml", "backends: {dead: {kind: ssh, host: host.invalid}}\n")
        found = shell("rebuild", "--json")
    assert (found.returncode, len(found.stderr.splitlines())) == (1, 1)
    assert json.loads(found.stdout)["backends"][0]["reason"]
