"""What the tests of notices share: rows, a clock, servers that receive mail and web hooks."""

from __future__ import annotations

import asyncio
import contextlib
import email
import threading
from dataclasses import dataclass, field, replace
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import SMTP

from backends.base import JobState
from trainboard.documents import Records
from trainboard.events import HostSeen, Link, TableSeen
from trainboard.notify.channels import Channel, Settings, Sort
from trainboard.notify.notifier import Notifier
from trainboard.notify.outbox import Message, Outcome
from trainboard.notify.secret import Secret
from trainboard.records import Attempt, Diagnosed, Experiment, Notice, Run
from trainboard.rows import merge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from email.message import EmailMessage
    from pathlib import Path

    from trainboard.events import Event
    from trainboard.notify.outbox import Outbox, Slip
    from trainboard.paths import Paths
    from trainboard.rows import Row
    from trainboard.store import Store

START = 1_000_000.0


@dataclass
class Clock:
    """A clock that a test puts."""

    now: float = START

    def __call__(self) -> float:
        return self.now

    def later(self, seconds: float) -> None:
        self.now += seconds


class FakeOutbox:
    """Takes every message, or answers what the test put in."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Message]] = []
        self.outcome = Outcome(True)
        self.slips: list[Slip] = []
        self.begun, self.gate = asyncio.Event(), asyncio.Event()
        """The first message is on its way; it arrives when the gate is open, as it is unless a test shuts it."""
        self.gate.set()

    async def send(
        self, channel: Channel, message: Message, notices: Sequence[str] = (), reached: Sequence[str] = ()
    ) -> tuple[Outcome, None]:
        self.begun.set()
        await self.gate.wait()
        if self.outcome.done:
            self.sent.append((channel.name, message))
        return self.outcome, None

    async def left(self) -> list[Slip]:
        return self.slips

    async def drop(self, slip: Path) -> None:
        self.slips = [each for each in self.slips if each.path != slip]

    @property
    def titles(self) -> list[str]:
        return [message.title for _, message in self.sent]


MAIL = Channel("mail", Sort.URL, Secret("mailto://x"), digest=60.0)


@dataclass
class NoticeDesk:
    """A notifier with its store, and runs that a test drives."""

    store: Store
    paths: Paths
    settings: Settings = field(default_factory=lambda: Settings((MAIL,)))
    clock: Clock = field(default_factory=Clock)
    outbox: FakeOutbox = field(default_factory=FakeOutbox)
    told: list[Event] = field(default_factory=list)
    notifier: Notifier = field(init=False)

    def __post_init__(self) -> None:
        self.notifier = self.another()

    def another(
        self,
        outbox: FakeOutbox | Outbox | None = None,
        store: Store | None = None,
        bell: Callable[[], bool] | None = None,
    ) -> Notifier:
        """One more, as after a restart."""
        return Notifier(
            self.settings,
            store or self.store,
            self.paths,
            {},
            self.told.append,
            clock=self.clock,
            outbox=outbox or self.outbox,  # type: ignore[arg-type]  # what is asked of it
            bell=bell,
            chance=lambda: 0.5,
        )

    async def submit(self, count: int = 1, **changes: Any) -> list[str]:  # noqa: ANN401 - fields by name
        """Runs that run."""
        experiment = Experiment("net-1", "net", "/net.yaml", "name: net\n", self.clock.now, "val_loss")
        made: list[Run | Attempt | Experiment] = [replace(experiment, **changes)]
        for number in range(count):
            made.append(Run(f"r{number}", "net-1", number, f"lr={number}", {"lr": number}))
            now = self.clock.now
            sent = Attempt(f"t{number}", f"r{number}", 1, "gpu1", JobState.RUNNING, now, "/there")
            made.append(replace(sent, submitted=now, started=now, sent=now))
        await self.store.put(*made)
        return [f"r{number}" for number in range(count)]

    async def becomes(self, run: str, state: JobState, **changes: Any) -> None:  # noqa: ANN401 - as above
        """The newest attempt of a run is in this state."""
        records = await self.store.load()
        newest = max((each for each in records.attempts.values() if each.run == run), key=lambda each: each.number)
        ended = self.clock.now if state.ended else None
        await self.store.put(replace(newest, state=state, ended=ended, **changes))

    async def rows(self) -> tuple[Row, ...]:
        return merge(await self.store.load(), {})

    async def see(self, notifier: Notifier | None = None) -> None:
        """The table is told."""
        (notifier or self.notifier).take(TableSeen(await self.rows(), self.clock.now))

    async def pass_time(self, seconds: float, notifier: Notifier | None = None, step: float = 5.0) -> None:
        """The notifier looks, and looks again."""
        end = self.clock.now + seconds
        notifier = notifier or self.notifier
        while self.clock.now < end:
            self.clock.later(min(step, end - self.clock.now))
            await notifier.look()
            await notifier.sent()

    async def notices(self) -> dict[str, Notice]:
        """Those that are to be told."""
        return {id: each for id, each in (await self.store.load()).notices.items() if each.kind != "channel"}


def a_host(link: Link = Link.UP, **changes: Any) -> HostSeen:  # noqa: ANN401 - fields by name
    return replace(HostSeen("gpu1", "ssh", link), **changes)


def a_finding(rule: str = "non_finite", severity: str = "error", key: str = "r0", **changes: Any) -> Diagnosed:  # noqa: ANN401 - fields by name
    found = Diagnosed(
        f"{key}#1:{rule}",
        key,
        1,
        rule,
        severity,
        "the loss is not a number",
        "val_loss is nan since step 120.",
        "Lower the learning rate.",
        START + 1,
        START + 1,
        {"grad_norm": 1e9},
        120.0,
        "step",
        name="net-1/lr=0",
        spec="net",
    )
    return replace(found, **changes)


def records_with(*notices: Notice) -> Records:
    return Records(notices={each.id: each for each in notices})


class Inbox:
    """A mail server's memory; `refuses` makes it answer that it is away."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuses = False
        self.unknown: set[str] = set()
        """Whom it takes no mail for."""
        self.reached: list[str] = []
        """Whom it took mail for, in order."""

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's
        self,
        server: object,
        session: object,
        envelope: Any,  # noqa: ANN401 - untyped there
        address: str,
        options: object,
    ) -> str:
        if address in self.unknown:
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: ANN401, N802 - aiosmtpd's
        if self.refuses:
            return "451 Requested action aborted: try again later"
        mail = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, email.message.EmailMessage)
        self.mails.append(mail)
        self.reached += envelope.rcpt_tos
        return "250 OK"

    @property
    def subjects(self) -> list[str]:
        return [str(mail["subject"]) for mail in self.mails]

    def text(self, number: int = -1) -> str:
        part = self.mails[number].get_body(("plain",))
        assert part is not None
        return str(part.get_content())


@contextlib.asynccontextmanager
async def mail_server(inbox: Inbox, port: int = 0) -> AsyncIterator[int]:
    """A real SMTP server on this machine; its port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(inbox, hostname="mail", loop=loop), "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@contextlib.contextmanager
def web_hook(status: int = 200, hang: threading.Event | None = None) -> Iterator[tuple[int, list[bytes]]]:
    """A real web server that takes posts: its port, and what it was sent. With `hang` it answers when that is set."""
    posts: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posts.append(self.rfile.read(int(self.headers["Content-Length"])))
            if hang is not None:
                hang.wait(30)
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], posts
    finally:
        server.shutdown()
        server.server_close()
