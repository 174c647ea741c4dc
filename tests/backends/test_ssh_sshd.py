"""The same against OpenSSH's own server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from backends.base import HostKeyRefused, HostUnreachable
from backends.ssh import SshHost
from tests.backends.sshserver import Asked
from tests.conftest import need

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cluster import Cluster

    Connect = Callable[[str, Asked], SshHost]

pytestmark = pytest.mark.sshd


@pytest.fixture
def connect(sshd: Cluster, tmp_path: Path) -> Connect:
    """Makes a host of the cluster, with a known_hosts file of the test's own."""
    known = tmp_path / "known_hosts"
    unknown = f"[{sshd.host('unknown').address}]"
    lines = sshd.known_hosts.read_text().splitlines(keepends=True)
    known.write_text("".join(line for line in lines if not line.startswith(unknown)))

    def make(alias: str, asked: Asked) -> SshHost:
        if alias in dict(sshd.left_out):
            need(f"{alias}: {dict(sshd.left_out)[alias]}", os.environ)
        return SshHost(alias, asked, config=sshd.ssh_config, known_hosts=known, connect_timeout=3)

    return make


async def said(ssh: SshHost, command: str) -> tuple[bytes, str]:
    """What a command prints, and how it ends."""
    link = await ssh.open(command)
    out = b""
    while data := await link.read():
        out += data
    ending = await link.farewell()
    await ssh.close()
    return out, ending


@pytest.mark.parametrize("alias", ["gateway", "gpu1", "behind"])
async def test_a_command_runs(connect: Connect, alias: str) -> None:
    out, ending = await said(connect(alias, Asked()), "echo hello; echo words >&2; exit 4")
    assert (out, ending) == (b"hello\n", "exit status 4: words")


async def test_a_password_is_asked_for(connect: Connect, sshd: Cluster) -> None:
    asked = Asked(["wrong", sshd.password])
    assert await said(connect("password", asked), "echo in") == (b"in\n", "")
    assert [q.title for q in asked.questions] == ["password: password"] * 2


async def test_a_password_and_a_code_are_asked_for_in_a_row(connect: Connect, sshd: Cluster) -> None:
    asked = Asked([sshd.password, sshd.code])
    assert await said(connect("twofactor", asked), "echo in") == (b"in\n", "")
    assert [q.title for q in asked.questions] == ["twofactor: Password", "twofactor: Verification code"]


async def test_a_wrong_key_is_refused(connect: Connect, tmp_path: Path) -> None:
    with pytest.raises(HostKeyRefused, match=f"has changed.*{tmp_path}/known_hosts:\\d+ has"):
        await connect("wrongkey", Asked(["yes"])).open("true")


async def test_an_unknown_key_is_asked_for(connect: Connect) -> None:
    asked = Asked(["yes"])
    assert await said(connect("unknown", asked), "echo in") == (b"in\n", "")
    assert await said(connect("unknown", Asked()), "echo in") == (b"in\n", "")
    assert len(asked.questions) == 1


async def test_the_third_of_two_sessions_is_refused_and_the_others_live(connect: Connect) -> None:
    ssh = connect("maxsessions", Asked())
    first, _ = [await ssh.open("cat") for _ in range(2)]
    with pytest.raises(HostUnreachable, match="no further session"):
        await ssh.open("cat")
    await first.write(b"still here")
    assert await first.read() == b"still here"
    await ssh.close()


@pytest.mark.parametrize(("alias", "words"), [("down", "refused the connection"), ("silent", "said nothing for 3 s")])
async def test_hosts_that_cannot_be_reached_say_why(connect: Connect, alias: str, words: str) -> None:
    with pytest.raises(HostUnreachable, match=words):
        await connect(alias, Asked()).open("true")
