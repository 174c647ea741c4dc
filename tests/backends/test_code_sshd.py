"""Project code over a real SSH connection to a host that shares no files, as a user of that host's own."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import secrets
import signal
from typing import TYPE_CHECKING, Any

import pytest

from backends.base import HostUnreachable, JobState, Rejected
from backends.code import PIECE
from backends.host import Host, helper_command
from backends.remote.frames import Decoder
from backends.server import Server
from backends.ssh import SshHost
from tests.backends.conftest import Desk, Nobody
from tests.backends.projects import packed
from tests.backends.test_badluck import session_pid
from tests.conftest import need

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from backends.host import Link
    from tests.cluster import Cluster

pytestmark = pytest.mark.sshd

HOST = "tcsh"
"""It has a user and a home of its own."""


class Wire:
    """What goes to the helper; at one of the pieces the server's end of the connection is killed."""

    def __init__(self, link: Link, heard: list[dict[str, Any]], cut: dict[str, int]) -> None:
        self._link, self._heard, self._cut = link, heard, cut
        self._tap, self._first = Decoder(), True
        self.read, self.farewell, self.close = link.read, link.farewell, link.close

    async def write(self, data: bytes) -> None:
        """Listen, and kill."""
        for header, _ in () if self._first else self._tap.feed(data):
            self._heard.append(header)
            if header["op"] == "piece":
                self._cut["after"] -= 1
                if self._cut["after"] == 0:
                    os.kill(self._cut["pid"], signal.SIGKILL)
        self._first = False
        await self._link.write(data)


@pytest.fixture
async def wired(sshd: Cluster) -> AsyncGenerator[tuple[Server, list[dict[str, Any]], dict[str, int]]]:
    """A backend over a wire, what was said on it, and where to cut it."""
    if HOST in dict(sshd.left_out):
        need(f"{HOST}: {dict(sshd.left_out)[HOST]}", os.environ)
    heard: list[dict[str, Any]] = []
    cut = {"after": 0, "pid": 0}
    ssh = SshHost(HOST, Nobody(), config=sshd.ssh_config)

    async def open_link() -> Wire:
        return Wire(await ssh.open(helper_command("python3")), heard, cut)

    root = f"~/runs-{secrets.token_hex(4)}"
    backend = Server(HOST, Host(HOST, open_link, ssh.close), root, leases=f"{root}-leases")
    yield backend, heard, cut
    for path in (backend.root, backend.leases):
        await backend.run_command(["rm", "-rf", (await backend.host.request("exists", path=path))[0]["path"]])
    await backend.close()


async def test_a_connection_cut_in_the_middle_goes_on_where_it_was(
    wired: tuple[Server, list[dict[str, Any]], dict[str, int]], sshd: Cluster, tmp_path: Path
) -> None:
    backend, heard, cut = wired
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    noise = random.Random(1).randbytes(5 * PIECE + 7)
    (project / "weights.bin").write_bytes(noise)
    (project / "src/show.sh").write_text("sha256sum weights.bin; echo '# mine' >> src/show.sh; ls src link/\n")
    (project / "link").symlink_to("src")
    desk, code = Desk(backend, tmp_path), packed(project)
    plan = desk.plan("sh src/show.sh", code=code)
    cut["pid"], cut["after"] = await session_pid(backend, sshd), 4
    outcome = (await backend.submit([plan]))[plan.token]
    assert isinstance(outcome, Rejected)
    assert isinstance(outcome.__cause__, HostUnreachable)
    came = [header["offset"] for header in heard if header["op"] == "piece"]
    assert came == [0, PIECE, 2 * PIECE, 3 * PIECE]
    heard.clear()
    attempt = None
    while attempt is None:
        with contextlib.suppress(Rejected):  # the first request may meet the connection that broke
            attempt = await desk.start(plan)
    again = [header["offset"] for header in heard if header["op"] == "piece"]
    assert again[0] >= 3 * PIECE
    assert again[-1] == 5 * PIECE
    assert [header for header in heard if header["op"] == "blobs"] == []
    ended = await desk.ended(attempt)
    assert ended.state is JobState.COMPLETED, await desk.log(attempt)
    log = await desk.log(attempt)
    assert log.split()[:2] == [hashlib.sha256(noise).hexdigest(), "weights.bin"]
    heard.clear()
    (project / "src/more.sh").write_text("cat src/show.sh\n")
    second = await desk.start(desk.plan("sh src/more.sh", code=packed(project)))
    assert (await desk.ended(second)).state is JobState.COMPLETED
    assert "\n# mine" not in await desk.log(second)
    sent = [each for header in heard if header["op"] in ("blobs", "piece") for each in header.get("blobs", [header])]
    assert len(sent) == 1
