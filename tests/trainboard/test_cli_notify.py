"""`trainboard notify test`, `config check`, and `watch` as it tells without a screen."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from backends.base import JobState
from tests.trainboard.fakes import a_job, an_attempt, records_of
from tests.trainboard.notices import Inbox, a_finding, mail_server, web_hook
from trainboard.cli.journal import Journal
from trainboard.cli.main import run
from trainboard.cli.watching import Reading, ticking
from trainboard.documents import Records
from trainboard.events import EngineSeen, FindingsSeen, Noticed, Sampled, TableSeen
from trainboard.records import Experiment, Mute, Run
from trainboard.rows import merge
from trainboard.series import Sample
from trainboard.store import Store

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from trainboard.events import Event

SECRET = "hunter2-Zq"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The state folder that the tests have."""
    folder = tmp_path / ".trainboard"
    folder.mkdir()
    return folder


def write(home: Path, text: str) -> None:
    (home / "config.yaml").write_text(text)


async def command(*words: str, **environ: str) -> tuple[int, str, str]:
    """Exit code, output, errors of a command in a process of its own: a server in this one answers it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "trainboard", *words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environ},
        start_new_session=True,  # without a terminal
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


def test_the_check_names_every_channel_that_cannot_work(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        home,
        f"""notify:
  - mailto://me:{SECRET}@example.org
  - {{to: "mailtoo://me:{SECRET}@example.org", name: typo}}
  - {{to: "slack://{SECRET}", name: short, kinds: [failed]}}
  - ${{NOT_THERE}}
  - {{command: cat}}
""",
    )
    assert run(["config", "check", "--json"]) == 2
    said = capsys.readouterr()
    found = {each["channel"]: (each["ok"], each["why"], each["service"]) for each in json.loads(said.out)}
    assert found == {
        "mailto": (True, "", "E-Mail"),
        "typo": (False, "line 3: apprise knows no notifier of this URL's kind (did you mean mailto://?)", "notifier"),
        "short": (False, "line 4: slack:// takes another form than this URL has", "notifier"),
        "not_there": (False, "line 5: the environment has no NOT_THERE", "notifier"),
        "command": (True, "", "command"),
    }
    assert run(["config", "check"]) == 2
    said_too = capsys.readouterr()
    assert SECRET not in said.out + said.err + said_too.out + said_too.err


def test_a_config_that_can_work_is_right(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(home, "notify: [{command: cat}]\n")
    assert run(["config", "check"]) == 0
    assert "config.yaml: backends local" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        ("tell-nobody --loud", "tell-nobody"),
        ("./not/here.sh", "./not/here.sh"),
        ("cat >> notes", None),
        ("cd /; cat", None),
        ("A=1 cat", None),
        ("{ cat; }", None),
    ],
)
def test_a_command_that_is_not_there_is_said(
    command: str, missing: str | None, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(home, f'notify: [{{command: "{command}"}}]\n')
    assert run(["config", "check"]) == (2 if missing else 0)
    assert (f'no command "{missing}" here' in capsys.readouterr().out) is bool(missing)


def test_a_mistake_in_the_config_is_said_with_its_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(home, "poll: 10\nnotify: [{to: bel}]\n")
    assert run(["config", "check"]) == 2
    assert "config.yaml:2:" in capsys.readouterr().err


async def test_a_test_notice_reaches_a_real_mail_server(home: Path) -> None:
    inbox = Inbox()
    async with mail_server(inbox) as port:
        write(home, "notify: ['${MAIL}', {to: tmux}]\n")
        url = f"mailto://127.0.0.1:{port}?from=a@example.org&to=b@example.org&mode=insecure"
        code, out, err = await command("notify", "test", "mail", "--json", MAIL=url)
    assert (code, err) == (0, "")
    assert [(each["channel"], each["service"], each["ok"]) for each in json.loads(out)] == [
        ("mail", "notifier", True)
    ]
    assert inbox.subjects == ["trainboard: a test notice"]


async def test_a_test_that_fails_says_why_and_keeps_the_secret(home: Path) -> None:
    with web_hook(404) as (port, posts):
        write(home, f"notify: [{{to: 'json://me:{SECRET}@127.0.0.1:{port}/{SECRET}', name: hook}}]\n")
        code, out, err = await command("notify", "test")
    assert code == 1
    assert "HTTP 404" in out
    assert SECRET not in out + err
    assert len(posts) == 1
    assert not any(SECRET in text for text in texts(home))


def texts(home: Path) -> list[str]:
    """What is kept, without the config."""
    kept = [path for path in home.rglob("*") if path.is_file() and path.name != "config.yaml"]
    return [path.read_text(errors="replace") for path in kept]


def test_a_channel_that_is_not_there_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(home, "notify: [{command: cat, name: phone}]\n")
    assert run(["notify", "test", "fone"]) == 2
    assert 'unknown channel "fone" (did you mean "phone"?)' in capsys.readouterr().err
    write(home, "notify: []\n")
    assert run(["notify", "test"]) == 1
    assert "nobody would be told" in capsys.readouterr().err


# --- watch

LOCAL = """
backends: {{local: {{kind: local, leases: {leases}}}}}
notify: [{channel}]
"""


@pytest.mark.slow
async def test_a_watch_that_is_started_now_and_then_tells_each_end_once(home: Path, tmp_path: Path) -> None:
    said = tmp_path / "said"
    write(home, LOCAL.format(leases=tmp_path / "leases", channel=f"{{command: 'cat >> {said}'}}"))
    spec = tmp_path / "net.yaml"
    spec.write_text("name: net\ncommand: echo loss={lr}; exit 3\nsweep: {lr: [1, 2]}\n")
    assert (await command("watch", "--once"))[0] == 0  # there is a channel from now on
    code, out, err = await command("submit", str(spec), "--json", "--force")
    assert code == 0, err
    for each in json.loads(out):
        await command("logs", "-f", each["run"])
    for _ in range(3):
        code, out, err = await command("watch", "--once")
        assert (code, err) == (0, "")
    text = said.read_text()
    assert [text.count(f"net-1/lr={lr} failed with exit code 3") for lr in (1, 2)] == [1, 1]
    assert "last values: loss 1" in text


@pytest.mark.slow
async def test_a_watch_killed_while_it_sends_has_told_it_once(home: Path, tmp_path: Path) -> None:
    let_go = threading.Event()
    with web_hook(hang=let_go) as (port, posts):
        channel = f"{{to: 'json://127.0.0.1:{port}?rto=60', digest: 0}}"
        write(home, LOCAL.format(leases=tmp_path / "leases", channel=channel))
        assert (await command("watch", "--once"))[0] == 0
        spec = tmp_path / "net.yaml"
        spec.write_text("name: net\ncommand: echo loss=1; exit 3\n")
        code, out, err = await command("submit", str(spec), "--json", "--force")
        assert code == 0, err
        await command("logs", "-f", json.loads(out)[0]["run"])
        watch = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "trainboard", "watch"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        async with asyncio.timeout(60):
            while not posts:  # noqa: ASYNC110 - another process sends
                await asyncio.sleep(0.05)
        watch.kill()
        await watch.wait()
        let_go.set()
        for _ in range(2):
            code, out, err = await command("watch", "--once")
            assert (code, err) == (0, "")
    assert len(posts) == 1
    notices = (await Store(home).load()).notices
    assert [set(each.sent) for each in notices.values() if each.kind == "failed"] == [{"json"}]


def test_findings_are_lines_when_they_are_new_or_become_other() -> None:
    journal = Journal()
    old, new = a_finding("plateau", "warning"), a_finding()
    assert list(journal.lines(FindingsSeen((old,)))) == []
    [line] = journal.lines(FindingsSeen((old, new)))
    assert (line.what, line.subject, line.text) == (
        "finding",
        "net-1/lr=0",
        "error: val_loss is nan since step 120.",
    )
    assert (line.more["id"], line.more["key"], line.more["step"]) == ("non_finite", "r0", 120.0)
    other_numbers = replace(new, evidence={"grad_norm": 2.0}, message="The same.")
    assert list(journal.lines(FindingsSeen((old, other_numbers)))) == []
    [over] = journal.lines(FindingsSeen((old, replace(new, over=True))))
    assert over.text == "non_finite is over"
    worse = replace(old, severity="error")
    muted = Mute("plateau@all:", "plateau", "all", "", 1.0)
    assert list(journal.lines(FindingsSeen((worse, replace(new, over=True)), (muted,)))) == []


def test_watch_prints_a_cause_before_what_follows_from_it() -> None:
    journal = Journal()
    assert list(journal.lines(FindingsSeen(()))) == []
    cause = a_finding("host_oom", message="The memory ran out.")
    crash = a_finding("crash", message="An exception.", root=cause.id)
    said = [line.text for line in journal.lines(FindingsSeen((crash, cause)))]
    assert said == ["error: The memory ran out.", "error: An exception. (follows from host_oom)"]


def table(*states: JobState) -> TableSeen:
    attempts = [an_attempt(f"t{n}", state, run=f"x-1.{n}", started=5.0) for n, state in enumerate(states)]
    made = records_of(*attempts)
    records = Records(
        {each.id: each for each in made if isinstance(each, Experiment)},
        {each.id: each for each in made if isinstance(each, Run)},
        {each.id: each for each in attempts},
    )
    jobs = {"fake": [a_job(f"t{n}", state) for n, state in enumerate(states)]}
    return TableSeen(merge(records, jobs), 10.0)


def samples(key: str, count: int = 1, *, complete: bool = False) -> Sampled:
    return Sampled(key, tuple(Sample("loss", 1.0, step, "step") for step in range(count)), complete=complete)


def test_once_waits_until_the_logs_have_been_read() -> None:
    reading = Reading()
    reading.take(EngineSeen(None, ours=True), 0.0)
    reading.take(table(JobState.RUNNING, JobState.COMPLETED), 1.0)
    assert not reading.done(2.0), "nothing is known of the one that runs"
    reading.take(samples("x-1.0", 0), 2.0)
    reading.take(samples("x-1.1"), 2.0)
    assert not reading.done(9.0), "the one that has ended has not been read to its end"
    assert reading.done(9.0, ["fake"]), "and cannot be read now"
    reading.take(samples("x-1.1", complete=True), 9.0)
    assert not reading.done(10.0), "more may come"
    assert reading.done(12.0)


def test_once_waits_for_no_log_for_ever_and_for_none_that_another_process_reads() -> None:
    reading = Reading()
    reading.take(EngineSeen(None, ours=True), 0.0)
    reading.take(table(JobState.RUNNING), 0.0)
    assert not reading.done(29.0)
    assert reading.done(31.0)
    reading = Reading()
    reading.take(EngineSeen(None, ours=False), 0.0)
    reading.take(table(JobState.RUNNING), 0.0)
    assert reading.done(1.0)


async def test_silence_is_told_between_events_and_the_end_ends_it() -> None:
    more = asyncio.Event()

    async def events() -> AsyncGenerator[Event]:
        yield Noticed("error", "one")
        await more.wait()
        yield Noticed("error", "two")

    seen: list[Event | None] = []
    async for event in ticking(events(), 0.01):
        seen.append(event)
        if seen.count(None) == 2:
            more.set()
    assert [each.text for each in seen if isinstance(each, Noticed)] == ["one", "two"]
    assert seen[1:3] == [None, None]
