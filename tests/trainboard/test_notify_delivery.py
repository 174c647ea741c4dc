"""Messages on their way: real mail and web servers, notifiers that hang, processes that are killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.base import JobState
from specs.model import SpecError
from tests.trainboard.notices import MAIL, Inbox, NoticeDesk, mail_server, web_hook
from trainboard.config import parse
from trainboard.events import Noticed
from trainboard.notify import deliver
from trainboard.notify.channels import Channel, Settings, Sort
from trainboard.notify.outbox import Message, Outbox, read, settled
from trainboard.notify.secret import Secret
from trainboard.paths import paths
from trainboard.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HELLO = Message("net-1/lr=0 failed", "why:   ▁▂▃ <b>it</b>\n\nopen: trainboard show r0", "error", "failed")


def by_mail(port: int) -> Channel:
    return replace(
        MAIL, target=Secret(f"mailto://127.0.0.1:{port}?from=board@example.org&to=me@example.org&mode=insecure")
    )


def by_hook(port: int, path: str = "hook") -> Channel:
    return Channel("hook", Sort.URL, Secret(f"json://127.0.0.1:{port}/{path}"))


def by_command(text: str) -> Channel:
    return Channel("own", Sort.COMMAND, Secret(text))


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox", os.environ, young=0.0)


async def sent_by(outbox: Outbox, channel: Channel, message: Message = HELLO) -> tuple[bool, str]:
    outcome, slip = await outbox.send(channel, message)
    assert slip is not None
    await outbox.drop(slip)
    return outcome.done, outcome.why


async def test_mail_arrives_as_it_was_written(outbox: Outbox) -> None:
    inbox = Inbox()
    async with mail_server(inbox) as port:
        assert await sent_by(outbox, by_mail(port)) == (True, "")
    assert inbox.subjects == ["net-1/lr=0 failed"]
    assert inbox.text().splitlines() == HELLO.body.splitlines()
    assert str(inbox.mails[0]["to"]) == "me@example.org"


async def test_a_mail_server_that_is_away_and_one_that_refuses_say_so(outbox: Outbox) -> None:
    inbox = Inbox()
    inbox.refuses = True
    async with mail_server(inbox) as port:
        assert await sent_by(outbox, by_mail(port)) == (False, "SMTP 451")
    assert await sent_by(outbox, by_mail(port)) == (False, "connection refused")


async def test_a_run_that_fails_reaches_the_mail_server_when_it_is_back(tmp_path: Path) -> None:
    where = paths({"TRAINBOARD_HOME": str(tmp_path)})
    inbox = Inbox()
    async with mail_server(inbox) as port:
        pass  # a port that nobody listens at for now
    desk = NoticeDesk(Store(where.state), where, Settings((by_mail(port),)))
    notifier = desk.another(Outbox(where.outbox, os.environ))
    await notifier.look()
    await desk.submit()
    await desk.see(notifier)
    await desk.becomes("r0", JobState.TIMEOUT, reason="time limit of 8h reached")
    await desk.see(notifier)
    await desk.pass_time(150, notifier, step=50)
    assert [event.text for event in desk.told if isinstance(event, Noticed)] == [
        "notices by mail: connection refused; it is tried again"
    ]
    async with mail_server(inbox, port):
        await desk.pass_time(90, notifier, step=45)
        await desk.pass_time(90, notifier, step=45)
    assert inbox.subjects == ["net-1/lr=0 failed: TIMEOUT after 0s on gpu1"]
    assert "reason: time limit of 8h reached" in inbox.text()
    assert "open: trainboard show r0" in inbox.text()
    assert list(where.outbox.iterdir()) == []


def texts(folder: Path) -> list[str]:
    """Of all files."""
    return [each.read_text() for each in folder.rglob("*") if each.is_file()]


def by_mail_to_three(port: int) -> Channel:
    to = "ann@example.org,bob@example.org,cid@example.org"
    return replace(MAIL, target=Secret(f"mailto://127.0.0.1:{port}?from=board@example.org&to={to}&mode=insecure"))


async def test_of_several_recipients_only_those_are_tried_again_who_have_nothing(tmp_path: Path) -> None:
    where, inbox = paths({"TRAINBOARD_HOME": str(tmp_path)}), Inbox()
    inbox.unknown = {"bob@example.org"}
    async with mail_server(inbox) as port:
        desk = NoticeDesk(Store(where.state), where, Settings((by_mail_to_three(port),)))
        notifier = desk.another(Outbox(where.outbox, os.environ))
        await notifier.look()
        await desk.submit(2)
        await desk.see(notifier)
        await desk.becomes("r0", JobState.TIMEOUT)
        await desk.see(notifier)
        await desk.pass_time(150, notifier, step=50)
        assert inbox.reached == ["ann@example.org", "cid@example.org"]
        assert [event.text for event in desk.told if isinstance(event, Noticed)] == [
            "notices by mail: 1 of 3 recipients: SMTP 550; it is tried again"
        ]
        again = desk.another(Outbox(where.outbox, os.environ))
        await desk.becomes("r1", JobState.TIMEOUT)
        await desk.see(again)
        inbox.unknown, inbox.reached = set(), []
        await desk.pass_time(600, again, step=50)
    assert sorted(inbox.reached) == ["ann@example.org", "bob@example.org", "bob@example.org", "cid@example.org"]
    assert all(each.sent for each in (await desk.notices()).values())
    assert not any("example.org" in text for text in texts(tmp_path))


async def test_a_server_that_is_away_is_asked_for_one_recipient_only(outbox: Outbox) -> None:
    async with mail_server(Inbox()) as port:
        pass
    assert await sent_by(outbox, by_mail_to_three(port)) == (False, "connection refused")


async def test_who_is_ended_while_it_sends_leaves_word_of_those_who_have_it(tmp_path: Path) -> None:
    inbox, hangs = Inbox(), asyncio.Event()

    async def hang(*_: object) -> str:
        await hangs.wait()
        return "250 OK"

    outbox = Outbox(tmp_path / "outbox", os.environ, patience=3.0, young=0.0)
    async with mail_server(inbox) as port:
        took = inbox.handle_RCPT

        async def first_only(server: object, session: object, envelope: object, address: str, options: object) -> str:
            return await (took(server, session, envelope, address, options) if address < "b" else hang())

        inbox.handle_RCPT = first_only  # type: ignore[method-assign]  # a server that hangs after the first
        outcome, slip = await outbox.send(by_mail_to_three(port), HELLO)
        hangs.set()
    assert slip is not None
    assert (outcome.done, len(outcome.reached)) == (False, 1)
    assert inbox.reached == ["ann@example.org"]


async def test_a_web_hook_gets_title_and_text(outbox: Outbox) -> None:
    with web_hook() as (port, posts):
        assert await sent_by(outbox, by_hook(port)) == (True, "")
    [post] = map(json.loads, posts)
    assert (post["title"], post["message"], post["type"]) == (HELLO.title, HELLO.body, "failure")


async def test_a_web_hook_that_refuses_says_with_which_number(outbox: Outbox) -> None:
    with web_hook(403) as (port, _):
        assert await sent_by(outbox, by_hook(port)) == (False, "HTTP 403")


async def test_a_notifier_that_hangs_is_ended_and_delays_no_other(tmp_path: Path) -> None:
    where, let_go = paths({"TRAINBOARD_HOME": str(tmp_path)}), threading.Event()
    with web_hook(hang=let_go) as (port, hung):
        hangs = Channel("hangs", Sort.URL, Secret(f"json://127.0.0.1:{port}?rto=60"), digest=0)
        works = replace(by_command(f"cat > {tmp_path}/said"), digest=0.0)
        desk = NoticeDesk(Store(where.state), where, Settings((hangs, works)))
        notifier = desk.another(Outbox(where.outbox, os.environ, patience=12))
        await notifier.look()
        await desk.submit()
        await desk.see(notifier)
        await desk.becomes("r0", JobState.FAILED)
        await desk.see(notifier)
        desk.clock.later(20)
        beats = []

        async def beat() -> None:
            while True:
                beats.append(asyncio.get_running_loop().time())
                await asyncio.sleep(0.01)

        beating = asyncio.create_task(beat())
        await notifier.look()  # comes back at once
        await notifier.sent()
        beating.cancel()
        let_go.set()
    assert len(hung) == 1
    assert "net-1/lr=0" in (tmp_path / "said").read_text()
    [notice] = (await desk.notices()).values()
    assert set(notice.sent) == {"own"}
    assert notice.tries == {"hangs": 1}
    assert [event.text for event in desk.told if isinstance(event, Noticed)] == [
        "notices by hangs: the notifier gave no answer within 12 s; it is tried again"
    ]
    longest = max(after - before for before, after in pairwise(beats))
    assert longest < 2, "the event loop went on all the time"


async def test_a_command_gets_the_message_and_cannot_be_changed_by_it(outbox: Outbox, tmp_path: Path) -> None:
    said = tmp_path / "said"
    channel = by_command(f'(echo "$TRAINBOARD_TITLE|$TRAINBOARD_SEVERITY|$TRAINBOARD_KIND"; cat) > {said}')
    evil = Message('$(touch gone) `touch gone`; "\n', "body; touch gone\n", "warning", "finding")
    assert await sent_by(outbox, channel, evil) == (True, "")
    assert said.read_text() == '$(touch gone) `touch gone`; "\n|warning|finding\nbody; touch gone\n\n'


async def test_a_command_that_fails_or_hangs_says_so(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox", os.environ, patience=6)
    assert await sent_by(outbox, by_command("exit 7")) == (False, "it ended with exit code 7")
    late = tmp_path / "late"
    assert await sent_by(outbox, by_command(f"(sleep 30; touch {late}) & wait")) == (
        False,
        "it did not end within 4 s",
    )
    assert not any("sleep 30; touch" in line for line in processes()), "all that it started has ended"


def processes() -> list[str]:
    """The words of every process, and its environment where the system shows it."""
    said = subprocess.run(["ps", "axo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # it has ended
            said.append(path.read_text(errors="replace"))
    return said


async def test_the_url_is_in_no_list_of_processes_and_in_no_file(outbox: Outbox, tmp_path: Path) -> None:
    let_go = threading.Event()
    with web_hook(hang=let_go) as (port, posts):
        sending = asyncio.create_task(sent_by(outbox, by_hook(port, "s3cr3t-token")))
        await until(lambda: bool(posts))
        assert not any("s3cr3t" in line for line in processes())
        [slip] = (tmp_path / "outbox").iterdir()
        assert "s3cr3t" not in slip.read_text()
        assert slip.stat().st_mode & 0o777 == 0o600
        let_go.set()
        assert await sending == (True, "")


async def until(there: Callable[[], bool]) -> None:
    """Another process has done it: it tells nobody."""
    async with asyncio.timeout(60):
        while not there():  # noqa: ASYNC110 - as said
            await asyncio.sleep(0.02)


SEND = """
import asyncio, os, sys
from pathlib import Path
from trainboard.notify.channels import Channel, Sort
from trainboard.notify.outbox import Message, Outbox
from trainboard.notify.secret import Secret
channel = Channel("hook", Sort.URL, Secret(sys.argv[2]))
asyncio.run(Outbox(Path(sys.argv[1]), os.environ).send(channel, Message("t", "b"), ["n1", "n2"]))
"""


async def test_who_is_killed_while_sending_has_sent_it_once(outbox: Outbox, tmp_path: Path) -> None:
    let_go = threading.Event()
    with web_hook(hang=let_go) as (port, posts):
        argv = [sys.executable, "-c", SEND, str(tmp_path / "outbox"), f"json://127.0.0.1:{port}?rto=60"]
        sender = await asyncio.create_subprocess_exec(*argv)
        await until(lambda: bool(posts))
        sender.send_signal(signal.SIGKILL)
        await sender.wait()
        assert await outbox.left() == [], "it is still being sent"
        let_go.set()
        [path] = (tmp_path / "outbox").iterdir()
        await until(lambda: path.read_text().endswith("}\n"))
        await until(lambda: settled(path) is not None)  # it has written, and ends
        [slip] = await outbox.left()
    assert (slip.channel, slip.notices) == ("hook", ("n1", "n2"))
    assert slip.outcome is not None
    assert slip.outcome.done
    assert len(posts) == 1


async def test_a_message_whose_sender_died_before_it_began_is_never_sent(outbox: Outbox, tmp_path: Path) -> None:
    (tmp_path / "outbox").mkdir()
    slip = tmp_path / "outbox" / "1-2-3"
    slip.write_text(json.dumps({"channel": "hook", "notices": ["n1"]}))
    assert [(each.notices, each.outcome) for each in await outbox.left()] == [(("n1",), None)]
    assert not slip.exists()
    order = {"way": "command", "command": f"touch {tmp_path}/sent", "patience": 9}
    late = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-P", deliver.__file__, str(slip)],
        input=json.dumps(order).encode(),
        check=False,
        timeout=60,
    )
    assert late.returncode != 0
    assert not (tmp_path / "sent").exists()


async def test_a_restart_takes_up_what_was_sent_and_what_was_not(tmp_path: Path) -> None:
    where = paths({"TRAINBOARD_HOME": str(tmp_path)})
    desk = NoticeDesk(Store(where.state), where)
    await desk.submit(2)
    await desk.notifier.look()
    await desk.see()
    for run in ("r0", "r1"):
        await desk.becomes(run, JobState.FAILED)
    await desk.see()
    await desk.pass_time(20)  # two notices wait for the digest
    where.outbox.mkdir(mode=0o700)
    for run, outcome in (("r0", '\n{"done": true, "why": ""}\n'), ("r1", "")):
        head = json.dumps({"channel": "mail", "notices": [f"failed:{run}#1"]})
        (where.outbox / f"9-9-{run}").write_text(head + outcome)
    outbox = Outbox(where.outbox, os.environ, young=0.0)
    desk.settings = Settings((replace(MAIL, sort=Sort.COMMAND, target=Secret(f"cat >> {tmp_path}/said")),))
    again = desk.another(outbox)
    await desk.pass_time(200, again, step=20)
    assert (tmp_path / "said").read_text().splitlines()[0] == "net-1/lr=1 failed after 0s on gpu1"
    assert "lr=0 failed" not in (tmp_path / "said").read_text()
    assert all(set(notice.sent) == {"mail"} for notice in (await desk.notices()).values())
    assert list(where.outbox.iterdir()) == []


def test_a_slip_that_was_removed_or_replaced_is_not_the_one_that_was_opened(tmp_path: Path) -> None:
    slip = tmp_path / "slip"
    slip.write_text("1")
    with slip.open("r+b") as file:
        assert deliver.is_there(str(slip), file)
        slip.unlink()
        assert not deliver.is_there(str(slip), file)
        slip.write_text("2")
        assert not deliver.is_there(str(slip), file)


def test_a_slip_that_is_no_slip_is_removed(tmp_path: Path) -> None:
    for number, text in enumerate(("", "{}", "nonsense", "[1]\n{}", '{"channel": 1}\n{"done": 1}')):
        path = tmp_path / str(number)
        path.write_text(text)
        assert read(path) is None
        assert settled(path) is None
        assert not path.exists()


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A tmux server of its own with a client, and the environment within."""
    import pty
    import shutil

    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    environ = {**os.environ, "TMUX_TMPDIR": str(tmp_path), "TERM": "xterm", "SHELL": "/bin/sh"}
    environ.pop("TMUX", None)
    primary, secondary = pty.openpty()
    client = subprocess.Popen(
        ["tmux", "-f", "/dev/null", "new-session", "-x", "80", "-y", "24", "sleep 60"],
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
        env=environ,
        start_new_session=True,
    )
    os.close(secondary)
    drain = threading.Thread(target=drained, args=(primary,), daemon=True)
    drain.start()

    def ask(*words: str) -> str:
        found = subprocess.run(["tmux", *words], env=environ, capture_output=True, text=True, check=False, timeout=30)
        return found.stdout.strip()

    for _ in range(200):
        if ask("list-clients"):
            break
        client.poll()
        threading.Event().wait(0.05)  # for the server to be up: it tells nobody
    yield {**environ, "TMUX": ask("display-message", "-p", "#{socket_path},#{pid},0")}
    ask("kill-server")
    client.wait(30)


def drained(descriptor: int) -> None:
    try:
        while os.read(descriptor, 4096):
            pass
    except OSError:  # the other end is gone
        pass


async def test_tmux_shows_the_title_and_obeys_none_of_it(tmux: dict[str, str], tmp_path: Path) -> None:
    evil = f"net#(touch {tmp_path}/gone) #{{pid}} ##[fg=red] 100%H #S ###(touch {tmp_path}/gone)"
    outbox = Outbox(tmp_path / "outbox", tmux)
    assert await sent_by(outbox, Channel("tmux", Sort.TMUX), Message(evil, "")) == (True, "")
    shown = await asyncio.to_thread(subprocess.check_output, ["tmux", "show-messages"], env=tmux, text=True)
    assert f"net#(touch {tmp_path}/gone) #{{pid}}" in shown
    assert "100%H #S" in shown
    assert not (tmp_path / "gone").exists()


# --- secrets

TOKENS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4, max_size=24)


HERE = (
    "mailto://me:{}@127.0.0.1:1?from=a@example.org&to=b@example.org",
    "json://me:{}@127.0.0.1:1/{}",
    "ntfys://{}@127.0.0.1:1/{}",
    "nonsense://{}",
    "mailtoo://{}:{}@host",
)
ELSEWHERE = ("slack://{}/{}/{}", "tgram://{}/{}", "discord://{}", "pover://{}@{}", "{}")
"""Real services: their URLs are looked at, and nothing is sent there."""


@settings(max_examples=25)
@given(TOKENS, st.sampled_from(HERE + ELSEWHERE))
def test_no_secret_of_a_url_leaves_the_sender(token: str, form: str) -> None:
    url = form.replace("{}", quote("Zq" + token, safe=""))
    told_so_far: list[dict[str, object]] = []
    for way in ("url", "check") if form in HERE else ("check",):
        outcome = deliver.deliver(
            {"way": way, "url": url, "title": "t", "body": "b", "severity": "info", "patience": 9, "reached": []},
            told_so_far.append,
        )
        told = json.dumps([outcome, told_so_far])
        assert "Zq" + token not in told
        assert quote("Zq" + token, safe="") not in told


async def test_no_record_file_or_event_holds_the_url_of_a_channel_that_fails(tmp_path: Path) -> None:
    where = paths({"TRAINBOARD_HOME": str(tmp_path)})
    with web_hook() as (port, _):
        pass  # nobody listens there any more
    url = Secret(f"json://me:${{PASS}}@127.0.0.1:{port}/s3cr3t-path")
    desk = NoticeDesk(Store(where.state), where, Settings((replace(MAIL, target=url, digest=0.0),)))
    notifier = desk.another(Outbox(where.outbox, {**os.environ, "PASS": "s3cr3t-pass"}))
    await notifier.look()
    await desk.submit()
    await desk.see(notifier)
    await desk.becomes("r0", JobState.FAILED)
    await desk.see(notifier)
    await notifier.settle()
    [notice] = (await desk.notices()).values()
    assert notice.tries == {"mail": 1}
    assert [event.text for event in desk.told if isinstance(event, Noticed)] == [
        "notices by mail: connection refused; it is tried again"
    ]
    kept = await asyncio.to_thread(lambda: [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()])
    assert not any(b"s3cr3t" in content for content in kept)
    assert "s3cr3t" not in repr((desk.told, desk.settings, notifier.__dict__, await desk.store.load()))


@given(TOKENS)
def test_no_error_of_the_config_repeats_a_url(token: str) -> None:
    url = f"mailto://me:{quote('Zq' + token, safe='')}@example.org"
    secret = quote("Zq" + token, safe="")
    where = paths({"TRAINBOARD_HOME": "/x"})
    quoted = json.dumps(url)
    for text in (
        f"notify: {json.dumps(url + ' and more')}",
        f"notify: [{{to: {quoted}, command: x}}]",
        f"notify: [{{{quoted}: 1}}]",
        f"notify: [{{to: {quoted}, level: {quoted}}}]",
        f"notify: [{{to: {quoted}, kinds: [{quoted}]}}]",
        f"notify: [{{to: {quoted}, name: {quoted}}}]",
        f"notify: [{{to: {quoted}, quiet: {quoted}}}]",
        f"notify: {{channels: [{{to: [{quoted}]}}]}}",
        f"notify: {{{quoted}: x}}",
        f"notify: [{quoted}, {{to: {quoted}, name: mailto}}, {{to: {quoted}, name: mailto}}]",
    ):
        with pytest.raises(SpecError) as caught:
            parse(text, where)
        assert secret not in str(caught.value)
    config = parse(f"notify: [{quoted}]", where)
    assert secret not in repr(config)
    assert secret not in str(config.notify.channels[0].target)
    assert config.notify.channels[0].target.reveal({}) == url
