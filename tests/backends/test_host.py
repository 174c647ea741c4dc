"""A host session over links that behave oddly, and the parts of the helper that watch files and GPUs."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from backends.base import CommandFailed, HelperUnavailable, HostFull, HostTimeout, HostUnreachable, Rejected
from backends.host import Host
from backends.local import open_local_link
from backends.remote.commands import Commands
from backends.remote.follow import ACTIVE, PIECE, Follow, Follows
from backends.remote.frames import GREETING, Decoder, Header, encode
from backends.remote.helper import Helper
from backends.server import Server
from tests.backends.conftest import Desk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class FakeLink:
    """A link that says what a test lets it say."""

    def __init__(self, *says: bytes, ending: str = "") -> None:
        self.incoming: asyncio.Queue[bytes] = asyncio.Queue()
        for each in says:
            self.incoming.put_nowait(each)
        self.requests: list[dict[str, Any]] = []
        self.ending = ending
        self.closed = False
        self.answer: Callable[[dict[str, Any]], bytes] = lambda header: b""
        self._decoder = Decoder()
        self._greeted = False

    async def write(self, data: bytes) -> None:
        """Take a request; answer it as the test wants."""
        if not self._greeted:
            self._greeted = True
            return
        for header, _ in self._decoder.feed(data):
            self.requests.append(header)
            if answer := self.answer(header):
                self.incoming.put_nowait(answer)

    async def read(self) -> bytes:
        """The next bytes."""
        return await self.incoming.get()

    async def farewell(self) -> str:
        """Last words."""
        return self.ending

    async def close(self) -> None:
        """Remember it."""
        self.closed = True


def host_of(*links: FakeLink) -> Host:
    """A session that opens these links one after the other."""
    rest = list(links)

    async def open_link() -> FakeLink:
        return rest.pop(0)

    return Host("gpu9", open_link)


def ok(header: dict[str, Any]) -> bytes:
    """The reply to any request."""
    return encode({"id": header["id"], "ok": True})


async def test_a_banner_before_the_helper_is_dropped_however_it_is_cut() -> None:
    text = b"Welcome!\r\n\xff\0 quota: 3 GB\n" + GREETING
    link = FakeLink(*(text[n : n + 1] for n in range(len(text))))
    link.answer = ok
    host = host_of(link)
    assert (await host.request("exists"))[0]["ok"]
    await host.close()
    assert link.closed


async def test_a_login_that_prints_without_end_is_cut_off_with_its_words() -> None:
    link = FakeLink(*([b"y\n" * 20000] * 4))
    with pytest.raises(HelperUnavailable, match="gpu9: the login prints without end: y y y"):
        await host_of(link).request("exists")
    assert link.closed


async def test_a_login_that_ends_tells_its_last_words_and_what_to_do() -> None:
    with pytest.raises(HelperUnavailable, match="does not start: exit status 127: python3: not found") as no:
        await host_of(FakeLink(b"hello\n", b"", ending="exit status 127: python3: not found")).request("exists")
    assert "`python:` in the config" in no.value.advice


async def test_all_who_wait_for_a_connection_share_its_failure_and_the_next_tries_anew() -> None:
    sound = FakeLink(GREETING)
    sound.answer = ok
    tried, proceed = [], asyncio.Event()

    async def open_link() -> FakeLink:
        tried.append(1)
        if len(tried) > 1:
            return sound
        await proceed.wait()
        raise HostUnreachable("gpu9: no answer", "is it up?")

    host = Host("gpu9", open_link)
    waiting = asyncio.gather(*(host.request("exists") for _ in range(5)), return_exceptions=True)
    asyncio.get_running_loop().call_soon(proceed.set)
    for error in await waiting:
        assert isinstance(error, HostUnreachable)
        assert (str(error), error.advice) == ("gpu9: no answer", "is it up?")
    assert len(tried) == 1
    assert (await host.request("exists"))[0]["ok"]
    await host.close()


async def test_noise_in_the_stream_breaks_the_link_and_the_next_request_opens_another() -> None:
    broken, sound = FakeLink(GREETING), FakeLink(GREETING)
    broken.answer = lambda header: b"Broadcast message from root: reboot at noon"
    sound.answer = ok
    host = host_of(broken, sound)
    with pytest.raises(HostUnreachable, match="gpu9: the connection ended: a frame of"):
        await host.request("exists")
    assert broken.closed
    assert (await host.request("exists"))[0]["ok"]
    await host.close()


async def test_a_link_that_ends_is_told_to_requests_and_streams_alike() -> None:
    link = FakeLink(GREETING, ending="killed by SIGTERM")
    host = host_of(link)
    waiting = [asyncio.create_task(host.request("exists")), asyncio.ensure_future(anext(host.follow("/x", 0)))]
    both = asyncio.Event()

    def count(header: dict[str, Any]) -> bytes:
        if len(link.requests) == 2:
            both.set()
        return b""

    link.answer = count
    await asyncio.wait_for(both.wait(), 10)
    link.incoming.put_nowait(b"")
    for task in waiting:
        with pytest.raises(HostUnreachable, match="the connection ended: killed by SIGTERM"):
            await task


async def test_a_request_without_an_answer_is_a_timeout_and_a_late_answer_harms_nobody() -> None:
    link = FakeLink(GREETING)
    host = host_of(link)
    with pytest.raises(HostTimeout, match=r"gpu9: no answer to “exists” within 0.1 s"):
        await host.request("exists", within=-4.9)
    link.incoming.put_nowait(ok(link.requests[0]))
    link.answer = ok
    assert (await host.request("exists"))[0]["ok"]
    await host.close()


@pytest.mark.parametrize(
    ("kind", "error"),
    [("ENOSPC", HostFull), ("EDQUOT", HostFull), ("timeout", HostTimeout), ("EACCES", CommandFailed)],
)
async def test_errors_of_the_host_keep_their_kind_and_lose_their_escapes(kind: str, error: type[Exception]) -> None:
    link = FakeLink(GREETING)
    link.answer = lambda header: encode({"id": header["id"], "error": kind, "message": "/x:\x1b[2J\n no room"})
    host = host_of(link)
    with pytest.raises(error, match=r"^gpu9: /x: no room$"):
        await host.request("put")
    await host.close()


async def test_an_attempt_that_finds_the_disk_full_is_refused_with_advice_and_no_other_is(
    tmp_path: Path,
) -> None:
    link = FakeLink(GREETING)

    def answer(header: dict[str, Any]) -> bytes:
        full = {"error": "ENOSPC", "message": "/runs/e/001-run/1: No space left on device"}
        outcomes = [{"path": "/runs/e/000-run/1"}, full]
        data = json.dumps(outcomes).encode() if header["op"] == "publish" else b""
        return encode({"id": header["id"], "ok": True, "exists": True}, data)

    link.answer = answer
    backend = Server("gpu9", host_of(link), "/runs")
    first, second = Desk(backend, tmp_path).plans(2)
    done = await backend._upload([first, second], lambda plan: "")
    assert done[first.token] == "/runs/e/000-run/1"
    refused = done[second.token]
    assert isinstance(refused, Rejected)
    assert str(refused) == "not submitted: gpu9: /runs/e/001-run/1: No space left on device"
    assert refused.advice.startswith("free some space there")
    await backend.close()


def answers(helper_frames: list[bytes]) -> list[dict[str, Any]]:
    """The headers of frames."""
    return [header for header, _ in Decoder().feed(b"".join(helper_frames))]


def test_a_request_that_makes_the_helper_stumble_is_answered_all_the_same() -> None:
    frames: list[bytes] = []
    helper = Helper(frames.append)
    for number, header in enumerate([{"path": "/a\0b", "offset": 0, "limit": 1}, {}], 1):
        helper.answer(number, "read", header, b"")
    first, second = answers(frames)
    assert (first["id"], first["error"]) == (1, "failed")
    assert (second["id"], second["message"]) == (2, "KeyError: 'path'")


def test_a_log_that_grows_line_by_line_is_sent_in_pieces_and_not_in_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"line\n")
    pieces: list[float] = []
    arrived = threading.Semaphore(0)

    def take(header: Header, data: bytes) -> None:
        with path.open("ab") as file:
            file.write(b"line\n")  # there is something new at every look
        pieces.append(time.monotonic())
        arrived.release()

    follows = Follows(take)
    follows.add(Follow(1, str(path), 0))
    for _ in range(4):
        assert arrived.acquire(timeout=10)
        follows.acknowledge(1)
    follows.close()
    assert pieces[3] - pieces[0] >= 3 * ACTIVE * 0.9


def test_a_log_that_is_far_ahead_is_sent_without_a_pause(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(bytes(PIECE * 8))
    took: list[float] = []
    while not took or (min(took) >= 7 * ACTIVE and len(took) < 5):  # a pause would be there each time
        arrived = threading.Semaphore(0)
        follows = Follows(lambda header, data, arrived=arrived: arrived.release())  # type: ignore[misc]
        follows.add(Follow(1, str(path), 0))
        began = time.monotonic()
        for _ in range(8):
            assert arrived.acquire(timeout=10)
            follows.acknowledge(1)
        follows.close()
        took.append(time.monotonic() - began)
    assert min(took) < 7 * ACTIVE


async def test_a_large_file_is_sent_in_pieces_and_appears_whole(tmp_path: Path) -> None:
    host = Host("here", open_local_link)
    path = tmp_path / "new folder/archive"
    data = os.urandom((5 << 20) // 2)
    await host.put(str(path), data, "aa")
    assert path.read_bytes() == data
    assert [each.name for each in path.parent.iterdir()] == ["archive"]
    await host.put(str(path), b"", "bb")
    assert path.read_bytes() == b""
    await host.close()


def test_a_command_runs_although_the_account_has_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "not mounted"))
    header, out = Commands().run({"id": 1, "argv": ["pwd"], "timeout": 10, "cap": 100, "cwd": "~"}, b"")
    assert (header["code"], out) == (0, b"/\n")
