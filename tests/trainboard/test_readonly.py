"""`--readonly` refuses all that changes something: on the command line, in the watch, on the hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from backends.base import JobState
from tests.trainboard.fakes import FakeBackend, a_job, a_spec, an_attempt, records_of
from tests.trainboard.test_cli import SPEC, Shell, shell
from tests.trainboard.test_watch import watching
from trainboard.actions import Refused
from trainboard.cli.words import CHANGING
from trainboard.events import EngineSeen, Link
from trainboard.lease import holder

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["shell"]

WORDS = {
    "submit": ("x.yaml",),
    "priority": ("1", "x-1.0"),
    "demo": (),
    "rebuild": (),
    "notify": ("test",),
    "spec": ("set", "x.yaml", "params.a=2"),
    "config": ("add", "gpu9"),
    "shell": ("x-1.0",),
}


@pytest.mark.parametrize("command", [*CHANGING, "spec", "config", "shell"])
def test_a_command_that_changes_something_is_refused(shell: Shell, command: str) -> None:
    path = shell.write("x.yaml", SPEC)
    before = path.read_bytes()
    line = shell.refused("--readonly", command, *WORDS.get(command, ("x-1.0",)))
    assert "--readonly" in line
    assert path.read_bytes() == before


def test_the_variable_does_what_the_option_does_and_looking_goes_on(shell: Shell) -> None:
    shell.write("x.yaml", SPEC)
    calm = Shell(shell.folder, {"TRAINBOARD_READONLY": "1"})
    assert "TRAINBOARD_READONLY" in calm.refused("cancel", "x-1.0")
    assert calm.json("ls") == []
    assert calm.json("submit", "x.yaml", "--dry-run")
    off = Shell(shell.folder, {"TRAINBOARD_READONLY": "0"})
    assert "no run or experiment" in off.refused("cancel", "x-1.0")


def test_every_command_on_a_host_is_listed_with_its_time_and_duration(shell: Shell) -> None:
    shell.write("x.yaml", SPEC)
    shell.done("submit", "x.yaml")
    listed = shell.json("commands")
    assert {"by", "host", "at", "text", "seconds", "outcome", "changes"} == set(listed[0])
    assert any(each["changes"] and "publish" in each["text"] for each in listed)
    assert "log in and start the helper" in shell.done("commands")
    assert "unknown backend" in shell("commands", "nowhere").stderr
    assert shell("commands", "-n", "0").returncode == 2


async def test_a_readonly_watch_sees_and_places_nothing(tmp_path: Path) -> None:
    backend = FakeBackend()
    backend.queue = [a_job()]
    async with watching(tmp_path, backend, readonly=True) as desk:
        await desk.store.put(*records_of(an_attempt(sent=None, job_id="", submitted=None)))
        assert (await desk.until(EngineSeen)).holder is None
        await desk.host("fake", Link.UP)
        await desk.row("fake:77", JobState.RUNNING)
        for _ in range(5):  # polls, after the first of which a board would have sent it
            await desk.host("fake", Link.UP)
        assert backend.batches == []
        assert holder(desk.folder) is None  # whoever comes next may place runs


async def test_a_readonly_watch_refuses_what_is_asked_of_it(tmp_path: Path) -> None:
    backend = FakeBackend()
    async with watching(tmp_path, backend, readonly=True) as desk:
        watch = desk.watch
        for work in (
            watch.cancel(["fake:77"]),
            watch.hold(["fake:77"]),
            watch.requeue(["fake:77"]),
            watch.submit(a_spec(), None),
            watch.read_findings(["x"]),
            watch.add_host("gpu9"),
        ):
            with pytest.raises(Refused, match="--readonly"):
                await work
    assert (backend.batches, backend.cancelled) == ([], [])
