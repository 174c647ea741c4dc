"""The same against OpenSSH's own server."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from backends.base import HostKeyRefused, HostUnreachable, LoginRefused
from backends.ssh import SshHost
from tests.backends.sshserver import Asked
from tests.conftest import need

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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
        patience = 3 if alias == "silent" else 30
        return SshHost(alias, asked, config=sshd.ssh_config, known_hosts=known, connect_timeout=patience)

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


@pytest.fixture
def agent(sshd: Cluster, tmp_path: Path) -> Iterator[Path]:
    """A real ssh-agent that holds the cluster's key; its socket."""
    socket = tmp_path / "agent"
    running = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.PIPE)
    assert running.stdout is not None
    running.stdout.readline()  # it listens once it has said where
    environ = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
    subprocess.run(["ssh-add", "-q", str(sshd.key)], env=environ, check=True, timeout=20)
    yield socket
    running.terminate()
    running.wait(20)
    running.stdout.close()


@pytest.mark.parametrize(("identities", "enters"), [("agent", True), ("none", False)])
async def test_the_key_of_an_agent_opens_the_door(
    sshd: Cluster, agent: Path, tmp_path: Path, identities: str, enters: bool
) -> None:
    config = tmp_path / "config"
    kept = [line for line in sshd.ssh_config.read_text().splitlines() if "IdentityFile" not in line]
    offered = agent if identities == "agent" else "none"
    first = ["Host *", "    IdentityFile none", f"    IdentityAgent {offered}", "    IdentitiesOnly no"]
    config.write_text("\n".join([*first, *(line for line in kept if "IdentitiesOnly" not in line)]) + "\n")
    ssh = SshHost("gpu1", Asked(), config=config, known_hosts=sshd.known_hosts, connect_timeout=30)
    if enters:
        assert await said(ssh, "echo in") == (b"in\n", "")
    else:
        with pytest.raises(LoginRefused):
            await ssh.open("true")


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
