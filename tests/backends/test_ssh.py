"""Connections, host keys and channels, against a real server in the same loop."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import asyncssh
import pytest

from backends.base import HostKeyRefused, HostUnreachable, LoginRefused
from backends.ssh import SshHost
from tests.backends.sshserver import Asked, Rules, Served, config, impostor, relay, serve, stanza

if TYPE_CHECKING:
    from pathlib import Path

    from backends.host import Link

OPEN = Rules(nobody_needed=True)


def host(folder: Path, served: Served, asked: Asked, timeout: float = 5) -> SshHost:
    """A host whose key is on record."""
    known = folder / "known_hosts"
    known.write_text(served.known_line)
    return SshHost(
        "gpu1", asked, config=config(folder, stanza("gpu1", served)), known_hosts=known, connect_timeout=timeout
    )


async def talk(link: Link, data: bytes = b"hello") -> bytes:
    """Send to an echo and read as much back."""
    await link.write(data)
    back = b""
    while len(back) < len(data):
        back += await link.read()
    return back


def test_the_module_loads_without_asyncssh() -> None:
    code = "import sys, backends.ssh; sys.exit('asyncssh' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_bytes_go_both_ways_and_the_end_is_told(tmp_path: Path) -> None:
    async with serve(OPEN) as served:
        ssh = host(tmp_path, served, Asked())
        link = await ssh.open("python3 -")
        blob = bytes(range(256)) * 4096
        sender = asyncio.create_task(link.write(blob))
        back = b""
        while len(back) < len(blob):
            back += await link.read()
        await sender
        assert back == blob
        link._chan.write_eof()  # type: ignore[attr-defined]  # the helper ends when its input does
        assert await link.read() == b""
        assert await link.farewell() == "exit status 3: ran python3 -"
        await link.close()
        await ssh.close()


async def test_a_reader_that_sleeps_holds_the_server_back(tmp_path: Path) -> None:
    sent = 0
    stuck = asyncio.Event()

    async def flood(process: asyncssh.SSHServerProcess[bytes]) -> None:
        nonlocal sent
        for _ in range(256):
            process.stdout.write(bytes(65536))
            sent += 65536
            try:
                await asyncio.wait_for(process.stdout.drain(), 0.3)
            except TimeoutError:
                stuck.set()
                await process.stdout.drain()
        process.exit(0)

    async with serve(Rules(nobody_needed=True, run=flood)) as served:
        ssh = host(tmp_path, served, Asked())
        link = await ssh.open("flood")
        await stuck.wait()
        assert sent < 8 << 20
        got = 0
        while data := await link.read():
            got += len(data)
        assert got == 256 * 65536
        assert await link.farewell() == ""
        await ssh.close()


async def test_concurrent_opens_share_one_connection(tmp_path: Path) -> None:
    async with serve(OPEN) as served:
        ssh = host(tmp_path, served, Asked())
        links = await asyncio.gather(*(ssh.open(f"c{n}") for n in range(4)))
        assert [await talk(link) for link in links] == [b"hello"] * 4
        assert served.logins == 1
        await ssh.close()


async def test_one_caller_giving_up_does_not_end_the_attempt_of_another(tmp_path: Path) -> None:
    async with serve(Rules(password="pw")) as served:
        asked = Asked(["pw"])
        asked.gate.clear()
        ssh = host(tmp_path, served, asked)
        first = asyncio.create_task(ssh.open("a"))
        second = asyncio.create_task(ssh.open("b"))
        await asked.asked.wait()
        first.cancel()
        await asyncio.wait({first})
        asked.gate.set()
        assert await talk(await second) == b"hello"
        assert len(asked.questions) == 1
        await ssh.close()


async def test_a_dropped_connection_is_noticed_and_the_next_open_connects_anew(tmp_path: Path) -> None:
    async with serve(OPEN) as served:
        ssh = host(tmp_path, served, Asked())
        link = await ssh.open("a")
        await talk(link)
        served.drop()
        assert await link.read() == b""
        assert "connection ended" in await link.farewell()
        with pytest.raises(HostUnreachable, match="gpu1: the connection ended"):
            await link.write(b"x")
        assert await talk(await ssh.open("b")) == b"hello"
        assert served.logins == 2
        await ssh.close()


async def test_a_dead_network_is_noticed_by_the_keepalive(tmp_path: Path) -> None:
    async with serve(OPEN) as served, relay(served.port) as network:
        known = tmp_path / "known_hosts"
        known.write_text(f"gpu1 {served.public}\n")
        lines = ("HostKeyAlias gpu1", "ServerAliveInterval 1", "ServerAliveCountMax 1")
        path = config(tmp_path, stanza("gpu1", replace(served, port=network.port), *lines))
        ssh = SshHost("gpu1", Asked(), config=path, known_hosts=known)
        link = await ssh.open("a")
        network.dead = True
        assert await asyncio.wait_for(link.read(), 10) == b""
        assert "keepalive" in await link.farewell()
        await ssh.close()


async def test_a_dead_connection_found_when_opening_is_replaced(tmp_path: Path) -> None:
    async with serve(OPEN) as served, relay(served.port) as network:
        known = tmp_path / "known_hosts"
        known.write_text(f"gpu1 {served.public}\n")
        path = config(tmp_path, stanza("gpu1", replace(served, port=network.port), "HostKeyAlias gpu1"))
        ssh = SshHost("gpu1", Asked(), config=path, known_hosts=known, connect_timeout=3)
        await ssh.open("a")
        network.dead = True
        assert await talk(await ssh.open("b")) == b"hello"
        assert served.logins == 2
        await ssh.close()


async def test_a_closed_host_can_be_opened_again(tmp_path: Path) -> None:
    async with serve(OPEN) as served:
        ssh = host(tmp_path, served, Asked())
        await ssh.open("a")
        await ssh.close()
        assert await talk(await ssh.open("b")) == b"hello"
        await ssh.close()
        await ssh.close()


async def test_closing_while_connecting_ends_the_wait_of_the_callers(tmp_path: Path) -> None:
    async with serve(Rules(password="pw")) as served:
        asked = Asked()
        asked.gate.clear()
        ssh = host(tmp_path, served, asked)
        opening = asyncio.create_task(ssh.open("a"))
        await asked.asked.wait()
        await ssh.close()
        with pytest.raises(HostUnreachable, match="closed while it was connecting"):
            await opening


async def test_no_free_session_is_told_apart_from_no_connection(tmp_path: Path) -> None:
    async with serve(Rules(nobody_needed=True, sessions=1)) as served:
        ssh = host(tmp_path, served, Asked())
        link = await ssh.open("a")
        with pytest.raises(HostUnreachable, match="no further session") as caught:
            await ssh.open("b")
        assert "MaxSessions" in caught.value.advice
        assert await talk(link) == b"hello"
        await ssh.close()


async def test_a_closed_port_is_refused_in_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    ssh = SshHost(f"127.0.0.1:{port}", Asked(), config=config(tmp_path), known_hosts=tmp_path / "kh")
    with pytest.raises(HostUnreachable, match=f"127.0.0.1 port {port} refused the connection") as caught:
        await ssh.open("a")
    assert "sshd" in caught.value.advice


async def test_a_name_that_nobody_has_is_told(tmp_path: Path) -> None:
    ssh = SshHost("no-such-host.invalid", Asked(), config=config(tmp_path), known_hosts=tmp_path / "kh")
    with pytest.raises(HostUnreachable, match=r"no host called no-such-host\.invalid"):
        await ssh.open("a")


async def test_a_silent_server_costs_no_more_than_the_time_out(tmp_path: Path) -> None:
    async with impostor(b"") as port:
        ssh = SshHost(
            f"127.0.0.1:{port}", Asked(), config=config(tmp_path), known_hosts=tmp_path / "kh", connect_timeout=1.5
        )
        with pytest.raises(HostUnreachable, match=r"took the connection and then said nothing for 1\.5 s"):
            await ssh.open("a")


async def test_a_server_of_another_kind_is_told(tmp_path: Path) -> None:
    async with impostor(b"SSH-1.5-ancient\r\n") as port:
        ssh = SshHost(f"127.0.0.1:{port}", Asked(), config=config(tmp_path), known_hosts=tmp_path / "kh")
        with pytest.raises(HostUnreachable, match="does not speak SSH 2"):
            await ssh.open("a")


async def test_a_broken_config_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("Host gpu1\n  Port many\n")
    ssh = SshHost("gpu1", Asked(), config=path, known_hosts=tmp_path / "kh")
    with pytest.raises(HostUnreachable, match=f"gpu1: {path} line 2: .*Port"):
        await ssh.open("a")


async def test_a_missing_config_is_named(tmp_path: Path) -> None:
    ssh = SshHost("gpu1", Asked(), config=tmp_path / "nowhere", known_hosts=tmp_path / "kh")
    with pytest.raises(HostUnreachable, match="nowhere"):
        await ssh.open("a")


async def test_algorithms_that_do_not_meet_are_told(tmp_path: Path) -> None:
    async with serve(OPEN) as served:
        path = config(tmp_path, stanza("gpu1", served, "KexAlgorithms diffie-hellman-group1-sha1"))
        ssh = SshHost("gpu1", Asked(), config=path, known_hosts=tmp_path / "kh")
        with pytest.raises(HostUnreachable, match="no way to talk that both sides know"):
            await ssh.open("a")


# Host keys.


async def test_an_unknown_key_is_asked_for_and_remembered(tmp_path: Path) -> None:
    async with serve(OPEN) as served:
        known = tmp_path / "new" / "known_hosts"
        path = config(tmp_path, stanza("gpu1", served))
        asked = Asked(["yes"])
        ssh = SshHost("gpu1", asked, config=path, known_hosts=known)
        assert await talk(await ssh.open("a")) == b"hello"
        await ssh.close()
        question = asked.questions[0]
        assert question.yes_no
        assert question.host == "gpu1"
        assert f"ssh-ed25519 {served.host_key.get_fingerprint()}" in question.text
        assert f"[127.0.0.1]:{served.port}" in question.text
        assert known.read_text() == served.known_line
        assert known.stat().st_mode & 0o777 == 0o600
        again = SshHost("gpu1", asked, config=path, known_hosts=known)
        await again.open("a")
        await again.close()
        assert len(asked.questions) == 1


async def test_an_unknown_key_that_is_declined_ends_the_attempt(tmp_path: Path) -> None:
    async with serve(Rules(password="pw")) as served:
        known = tmp_path / "known_hosts"
        asked = Asked([None])
        ssh = SshHost("gpu1", asked, config=config(tmp_path, stanza("gpu1", served)), known_hosts=known)
        with pytest.raises(HostKeyRefused, match="was not accepted"):
            await ssh.open("a")
        assert not known.exists()
        assert len(asked.questions) == 1


async def test_a_changed_key_is_refused_with_the_line_to_look_at(tmp_path: Path) -> None:
    async with serve(OPEN) as served:
        known = tmp_path / "known_hosts"
        old = Served(served.port, asyncssh.generate_private_key("ssh-ed25519"), OPEN)
        known.write_text(f"# mine\nother ssh-ed25519 AAAA\n{old.known_line}")
        asked = Asked(["yes"])
        ssh = SshHost("gpu1", asked, config=config(tmp_path, stanza("gpu1", served)), known_hosts=known)
        with pytest.raises(HostKeyRefused, match=f"has changed: .*{known}:3") as caught:
            await ssh.open("a")
        assert "ssh-keygen -R" in caught.value.advice
        assert asked.questions == []
        assert served.logins == 0


async def test_a_key_of_another_kind_than_the_known_one_is_refused(tmp_path: Path) -> None:
    async with serve(OPEN) as served:
        known = tmp_path / "known_hosts"
        old = Served(served.port, asyncssh.generate_private_key("ecdsa-sha2-nistp256"), OPEN)
        known.write_text(old.known_line)
        asked = Asked(["yes"])
        ssh = SshHost("gpu1", asked, config=config(tmp_path, stanza("gpu1", served)), known_hosts=known)
        with pytest.raises(HostKeyRefused, match=f"{known}:1"):
            await ssh.open("a")
        assert asked.questions == []


async def test_a_revoked_key_is_refused_with_its_line(tmp_path: Path) -> None:
    async with serve(OPEN) as served:
        known = tmp_path / "known_hosts"
        known.write_text(f"{served.known_line}@revoked * {served.public}\n")
        ssh = SshHost("gpu1", Asked(["yes"]), config=config(tmp_path, stanza("gpu1", served)), known_hosts=known)
        with pytest.raises(HostKeyRefused, match=f"revoked .*{known}:2"):
            await ssh.open("a")


async def test_a_host_certificate_of_a_known_authority_is_enough(tmp_path: Path) -> None:
    authority = asyncssh.generate_private_key("ssh-ed25519")
    key = asyncssh.generate_private_key("ssh-ed25519")
    certificate = authority.generate_host_certificate(key, "gpu1", principals=["127.0.0.1"])
    async with serve(OPEN, key, certificate=certificate) as served:
        known = tmp_path / "known_hosts"
        known.write_text(f"@cert-authority * {authority.export_public_key().decode()}")
        ssh = SshHost("gpu1", Asked(), config=config(tmp_path, stanza("gpu1", served)), known_hosts=known)
        assert await talk(await ssh.open("a")) == b"hello"
        await ssh.close()


async def test_a_certificate_of_an_unknown_authority_leaves_the_bare_key_to_be_asked_for(tmp_path: Path) -> None:
    authority = asyncssh.generate_private_key("ssh-ed25519")
    key = asyncssh.generate_private_key("ssh-ed25519")
    certificate = authority.generate_host_certificate(key, "gpu1", principals=["127.0.0.1"])
    async with serve(OPEN, key, certificate=certificate) as served:
        asked = Asked(["yes"])
        path = config(tmp_path, stanza("gpu1", served))
        ssh = SshHost("gpu1", asked, config=path, known_hosts=tmp_path / "known_hosts")
        assert await talk(await ssh.open("a")) == b"hello"
        assert (tmp_path / "known_hosts").read_text() == served.known_line
        await ssh.close()


async def test_known_hosts_files_of_the_config_are_all_looked_at_and_the_first_is_written(tmp_path: Path) -> None:
    async with serve(OPEN) as one, serve(OPEN) as two:
        first, second = tmp_path / "first", tmp_path / "second"
        second.write_text(one.known_line)
        files = (f"UserKnownHostsFile {first} {second}", "GlobalKnownHostsFile none", "StrictHostKeyChecking no")
        path = config(tmp_path, stanza("one", one, *files), stanza("two", two, *files))
        asked = Asked(["yes"])
        for alias in ("one", "two"):
            ssh = SshHost(alias, asked, config=path)
            await ssh.open("a")
            await ssh.close()
        assert [q.host for q in asked.questions] == ["two"]
        assert first.read_text() == two.known_line


async def test_without_any_known_hosts_file_the_key_is_asked_for_once(tmp_path: Path) -> None:
    async with serve(OPEN) as served:
        path = config(tmp_path, stanza("gpu1", served, "UserKnownHostsFile none", "GlobalKnownHostsFile none"))
        asked = Asked(["yes"])
        ssh = SshHost("gpu1", asked, config=path)
        await ssh.open("a")
        served.drop()
        await ssh.close()
        await ssh.open("b")
        assert len(asked.questions) == 1
        await ssh.close()


async def test_a_host_key_alias_names_the_line(tmp_path: Path) -> None:
    async with serve(OPEN) as served:
        known = tmp_path / "known_hosts"
        known.write_text(f"cluster {served.public}\n")
        path = config(tmp_path, stanza("gpu1", served, "HostKeyAlias cluster"))
        ssh = SshHost("gpu1", Asked(), config=path, known_hosts=known)
        await ssh.open("a")
        await ssh.close()


async def test_a_known_hosts_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    async with serve(OPEN) as served:
        known = tmp_path / "file" / "known_hosts"
        (tmp_path / "file").write_text("in the way")
        path = config(tmp_path, stanza("gpu1", served))
        ssh = SshHost("gpu1", Asked(["yes"]), config=path, known_hosts=known)
        with pytest.raises(HostKeyRefused, match=str(known)):
            await ssh.open("a")


# ProxyJump.


async def test_a_jump_host_asks_its_own_password_once_for_all_behind_it(tmp_path: Path) -> None:
    async with serve(Rules(password="gate")) as gate, serve(Rules(password="in")) as one, serve(OPEN) as two:
        known = tmp_path / "known_hosts"
        known.write_text(gate.known_line + one.known_line + two.known_line)
        path = config(
            tmp_path,
            stanza("gate", gate),
            stanza("one", one, "ProxyJump gate"),
            stanza("two", two, "ProxyJump gate"),
        )
        asked = Asked(["gate", "in"])
        hosts: dict[str, SshHost] = {}
        first, second = (
            SshHost(alias, asked, config=path, known_hosts=known, hosts=hosts) for alias in ("one", "two")
        )
        assert await talk(await first.open("a")) == b"hello"
        link = await second.open("b")
        assert [q.host for q in asked.questions] == ["gate", "one"]
        assert gate.forwarded == [("127.0.0.1", one.port), ("127.0.0.1", two.port)]
        assert gate.logins == 1
        await first.close()
        assert await talk(link) == b"hello"
        await second.close()
        await asyncio.gather(*(conn.wait_closed() for conn in gate.connections))


async def test_several_hops_are_taken_in_order(tmp_path: Path) -> None:
    async with serve(OPEN) as outer, serve(OPEN) as inner, serve(OPEN) as served:
        known = tmp_path / "known_hosts"
        known.write_text(outer.known_line + inner.known_line + served.known_line)
        path = config(
            tmp_path,
            stanza("outer", outer),
            stanza("inner", inner),
            stanza("gpu1", served, "ProxyJump outer,inner"),
        )
        ssh = SshHost("gpu1", Asked(), config=path, known_hosts=known)
        assert await talk(await ssh.open("a")) == b"hello"
        assert outer.forwarded == [("127.0.0.1", inner.port)]
        assert inner.forwarded == [("127.0.0.1", served.port)]
        await ssh.close()


async def test_a_jump_host_that_forwards_nothing_is_named(tmp_path: Path) -> None:
    async with serve(Rules(nobody_needed=True, forwarding=False)) as gate, serve(OPEN) as served:
        known = tmp_path / "known_hosts"
        known.write_text(gate.known_line)
        path = config(tmp_path, stanza("gate", gate), stanza("gpu1", served, "ProxyJump gate"))
        ssh = SshHost("gpu1", Asked(), config=path, known_hosts=known)
        with pytest.raises(HostUnreachable, match=f"gpu1: gate cannot reach 127.0.0.1 port {served.port}"):
            await ssh.open("a")
        await ssh.close()


async def test_jumps_in_a_circle_are_told(tmp_path: Path) -> None:
    path = config(tmp_path, "Host a\n  ProxyJump b\n", "Host b\n  ProxyJump a\n")
    ssh = SshHost("a", Asked(), config=path, known_hosts=tmp_path / "kh")
    with pytest.raises(HostUnreachable, match="circle"):
        await asyncio.wait_for(ssh.open("x"), 5)


async def test_a_gateway_in_use_outlives_its_own_close(tmp_path: Path) -> None:
    async with serve(OPEN) as gate, serve(OPEN) as served:
        known = tmp_path / "known_hosts"
        known.write_text(gate.known_line + served.known_line)
        path = config(tmp_path, stanza("gate", gate), stanza("gpu1", served, "ProxyJump tester@gate"))
        hosts: dict[str, SshHost] = {}
        gateway = SshHost("tester@gate", Asked(), config=path, known_hosts=known, hosts=hosts)
        ssh = SshHost("gpu1", Asked(), config=path, known_hosts=known, hosts=hosts)
        await gateway.open("a")
        link = await ssh.open("b")
        await gateway.close()
        assert await talk(link) == b"hello"
        assert gate.logins == 1
        await ssh.close()
        await asyncio.gather(*(conn.wait_closed() for conn in gate.connections))


async def test_a_gateway_that_its_own_jump_line_matches_is_reached_directly(tmp_path: Path) -> None:
    async with serve(OPEN) as gate, serve(OPEN) as served:
        known = tmp_path / "known_hosts"
        known.write_text(gate.known_line + served.known_line)
        path = config(tmp_path, stanza("gate", gate), stanza("gpu1", served), "Host *\n  ProxyJump gate\n")
        ssh = SshHost("gpu1", Asked(), config=path, known_hosts=known)
        assert await talk(await ssh.open("a")) == b"hello"
        await ssh.close()


async def test_a_proxy_command_runs_in_a_shell_and_may_complain(tmp_path: Path) -> None:
    async with serve(OPEN) as served:
        pipe = tmp_path / "pipe.py"
        pipe.write_text(
            "import socket, sys, threading, os\n"
            "s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
            "sys.stderr.write('complaint\\n' * 3); sys.stderr.flush()\n"
            "def up():\n"
            "    while d := os.read(0, 65536): s.sendall(d)\n"
            "threading.Thread(target=up, daemon=True).start()\n"
            "while d := s.recv(65536): os.write(1, d)\n"
        )
        known = tmp_path / "known_hosts"
        known.write_text(served.known_line)
        line = f'ProxyCommand {sys.executable} {pipe} "%p" | cat'
        ssh = SshHost("gpu1", Asked(), config=config(tmp_path, stanza("gpu1", served, line)), known_hosts=known)
        assert await talk(await ssh.open("a")) == b"hello"
        await ssh.close()


async def test_a_proxy_command_that_ends_is_told(tmp_path: Path) -> None:
    async with serve(OPEN) as served:
        path = config(tmp_path, stanza("gpu1", served, "ProxyCommand no-such-program %h"))
        ssh = SshHost("gpu1", Asked(), config=path, known_hosts=tmp_path / "kh")
        with pytest.raises(HostUnreachable, match="ProxyCommand ended early") as caught:
            await ssh.open("a")
        assert "no-such-program 127.0.0.1" in caught.value.advice


async def test_waiting_for_a_refused_host_blocks_no_other(tmp_path: Path) -> None:
    async with serve(Rules(password="pw")) as slow, serve(OPEN) as quick:
        known = tmp_path / "known_hosts"
        known.write_text(slow.known_line + quick.known_line)
        path = config(tmp_path, stanza("slow", slow), stanza("quick", quick))
        asked = Asked([None])
        asked.gate.clear()
        hosts: dict[str, SshHost] = {}
        first, second = (SshHost(a, asked, config=path, known_hosts=known, hosts=hosts) for a in ("slow", "quick"))
        waiting = asyncio.create_task(first.open("a"))
        await asked.asked.wait()
        assert await talk(await second.open("b")) == b"hello"
        asked.gate.set()
        with pytest.raises(LoginRefused):
            await waiting
        await second.close()
