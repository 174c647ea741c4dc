"""What is asked of hosts, in words: every command is noted, and a readonly host refuses what changes something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.base import CommandFailed, HostTimeout, HostUnreachable, Rejected
from backends.command import CHANGING, changes, changing, words
from backends.host import Host
from backends.local import open_local_link
from backends.remote import frames
from backends.remote.helper import Helper

if TYPE_CHECKING:
    from backends.command import Command
    from backends.host import Link


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("squeue -h -u me", False),
        ("/opt/slurm/bin/sacct -n", False),
        ("sbatch --test-only --wrap=:", False),
        ("sbatch --parsable launch.sh", True),
        ("scontrol show job 7", False),
        ("scontrol -o show node", False),
        ("scontrol hold 7", True),
        ("scontrol", True),
        ("sacctmgr -n -P show assoc", False),
        ("sacctmgr delete user x", True),
        ("scancel 7", True),
        ("srun --overlap nvidia-smi", True),
        ("date +%s", False),
        ("date -s 12:00", True),
        ("lfs quota -q /scratch", False),
        ("lfs setstripe -c 1 /scratch", True),
        ("bash -c true", True),
        ("rm -rf /", True),
        ("", True),
    ],
)
def test_a_command_changes_something_unless_it_is_known_not_to(line: str, expected: bool) -> None:
    assert changing(line.split()) is expected


def test_every_request_of_the_helper_that_changes_something_is_told_in_words() -> None:
    reading = {
        *("run", "program", "read", "seek", "exists", "attempts", "scan", "room", "survey", "space", "results"),
        *("fetch", "search"),
    }
    helper = Helper(lambda frame: None)
    assert set(helper.operations) - set(CHANGING) <= reading
    assert set(CHANGING) <= set(helper.operations)


@given(st.lists(st.text(), min_size=1))
def test_whatever_is_in_a_command_its_words_are_one_harmless_line(argv: list[str]) -> None:
    text = words("run", {"argv": argv, "env": {"TOKEN": "s3cret"}})
    assert text.isprintable()
    assert "s3cret" not in text


async def test_each_command_is_noted_with_how_it_ended() -> None:
    noted: list[Command] = []
    host = Host("here", open_local_link, note=noted.append)
    try:
        await host.run(["true"])
        await host.run(["sh", "-c", "exit 3"])
        with pytest.raises(CommandFailed):
            await host.run(["no-such-program-anywhere"])
        with pytest.raises(HostTimeout):
            await host.run(["sleep", "30"], timeout=0.1)
        await host.read("/etc/hostname", 0, 10)
    finally:
        await host.close()
    first, *ran = noted
    assert first.text.startswith("log in")
    assert [(each.text, each.changes) for each in ran] == [
        ("true", True),
        ("sh -c 'exit 3'", True),
        ("no-such-program-anywhere", True),
        ("sleep 30", True),
    ]
    assert [each.outcome for each in ran[:2]] == ["ok", "exit 3"]
    assert "No such file" in ran[2].outcome
    assert "no answer" in ran[3].outcome
    assert ran[3].seconds >= 0.1
    assert all(each.host == "here" and each.at > 0 for each in noted)


async def test_a_host_that_cannot_be_reached_is_noted_with_why() -> None:
    async def refuse() -> Link:
        raise HostUnreachable("gone: connection refused")

    noted: list[Command] = []
    host = Host("gone", refuse, note=noted.append)
    with pytest.raises(HostUnreachable):
        await host.run(["squeue"])
    assert [each.outcome for each in noted] == ["gone: connection refused"] * 2


async def test_a_readonly_host_refuses_before_anything_is_sent() -> None:
    sent: list[bytes] = []

    class Silent:
        async def write(self, data: bytes) -> None:
            sent.append(data)

        async def read(self) -> bytes:
            return frames.GREETING

        async def farewell(self) -> str:
            return ""

        async def close(self) -> None:
            return None

    async def link() -> Link:
        return Silent()

    noted: list[Command] = []
    host = Host("here", link, note=noted.append, readonly=True)
    with pytest.raises(Rejected, match=r"--readonly refuses “scancel 7”"):
        await host.run(["scancel", "7"])
    for op in CHANGING:
        with pytest.raises(Rejected, match="--readonly"):
            await host.request(op, path="/x")
    assert (sent, noted) == ([], [])
    assert changes("put", {"path": "x"})


async def test_a_readonly_host_still_reads() -> None:
    host = Host("here", open_local_link, readonly=True)
    try:
        assert (await host.run(["uname"])).code == 0
    finally:
        await host.close()
