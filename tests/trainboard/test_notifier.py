"""The notifier: what is told, once, by every channel, through restarts and failures."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from backends.base import Disk, Health, JobState
from specs.watch import Watch, document
from tests.trainboard.notices import (
    MAIL,
    START,
    Clock,
    FakeOutbox,
    NoticeDesk,
    a_finding,
    a_host,
)
from trainboard.diagnose.finding import Severity
from trainboard.events import Link, Noticed, Sampled
from trainboard.notify.channels import Channel, Kind, Settings, Sort
from trainboard.notify.hours import hours
from trainboard.notify.news import News
from trainboard.notify.outbox import Outcome
from trainboard.notify.text import Trace, Value, summary, text_of
from trainboard.paths import paths
from trainboard.records import Attempt, Notice, Run
from trainboard.rows import Row
from trainboard.series import Sample
from trainboard.seriesfile import SeriesFile
from trainboard.store import Change, Record, Records, Store, StoreError
from trainboard.stored import Mark

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
async def desk(tmp_path: Path) -> NoticeDesk:
    """A notifier that has begun, and one channel."""
    where = paths({"TRAINBOARD_HOME": str(tmp_path / "home")})
    made = NoticeDesk(Store(where.state), where)
    await made.notifier.look()
    return made


async def test_a_run_that_finishes_is_told_once(desk: NoticeDesk) -> None:
    await desk.submit()
    await desk.see()
    desk.clock.later(4000)
    await desk.becomes("r0", JobState.COMPLETED)
    await desk.see()
    await desk.pass_time(300)
    assert desk.outbox.titles == ["net-1/lr=0 finished after 1h06 on gpu1"]
    await desk.see()
    await desk.pass_time(300)
    assert len(desk.outbox.sent) == 1


async def test_two_hundred_runs_that_fail_at_once_are_one_message(desk: NoticeDesk) -> None:
    runs = await desk.submit(200)
    await desk.see()
    for run in runs:
        await desk.becomes(run, JobState.OUT_OF_MEMORY, reason="it used 64 GB of 64 GB")
    await desk.see()
    await desk.pass_time(600)
    [(_, message)] = desk.outbox.sent
    assert message.title == "200 runs failed in net-1"
    assert message.severity == "error"
    assert "net-1/lr=0 failed: OUT_OF_MEMORY" in message.body
    assert "and 188 more: trainboard ls" in message.body
    assert "reason: it used 64 GB of 64 GB" in message.body
    assert len(message.body) < 8000
    assert len(await desk.notices()) == 200


async def test_a_burst_that_goes_on_makes_fewer_and_fewer_messages(desk: NoticeDesk) -> None:
    runs = await desk.submit(120)
    await desk.see()
    for first in range(0, 120, 4):  # four every half minute: a quarter of an hour
        for run in runs[first : first + 4]:
            await desk.becomes(run, JobState.FAILED)
        await desk.see()
        await desk.pass_time(30)
    await desk.pass_time(1800)
    assert 3 <= len(desk.outbox.sent) <= 6
    assert all(notice.sent for notice in (await desk.notices()).values())


async def test_a_run_that_is_tried_again_has_not_failed(desk: NoticeDesk) -> None:
    await desk.submit()
    await desk.see()
    await desk.becomes("r0", JobState.PREEMPTED)
    await desk.see()
    await desk.pass_time(5)
    await desk.store.put(Attempt("t9", "r0", 2, "", JobState.PENDING, desk.clock.now, "", cause="retry"))
    await desk.see()
    await desk.pass_time(300)
    assert desk.outbox.sent == []


async def test_what_the_user_cancels_is_no_news_to_them(desk: NoticeDesk) -> None:
    await desk.submit(2)
    await desk.see()
    await desk.store.update(Run, "r0", lambda run: replace(run, cancelled=desk.clock.now))
    await desk.becomes("r0", JobState.CANCELLED)
    await desk.becomes("r1", JobState.CANCELLED, reason="by root")
    await desk.see()
    await desk.pass_time(300)
    assert desk.outbox.titles == ["net-1/lr=1 failed: CANCELLED after 0s on gpu1"]


async def test_a_run_that_its_spec_stopped_is_told_with_the_reason(desk: NoticeDesk) -> None:
    await desk.submit()
    await desk.see()
    why = "stopped by its spec (stop_on: non_finite): loss is nan since step 120."
    await desk.store.update(Run, "r0", lambda run: replace(run, cancelled=desk.clock.now, stopped=why))
    await desk.becomes("r0", JobState.CANCELLED)
    await desk.see()
    await desk.store.put(a_finding("cancelled", "info", message=f"It was cancelled ({why})"))
    await desk.pass_time(300)
    [(_, message)] = desk.outbox.sent
    assert message.title == "net-1/lr=0 was stopped by its spec after 0s on gpu1"
    assert f"reason: {why}" in message.body
    assert message.body.count(why) == 1


async def test_what_ended_while_nobody_watched_is_told_after_the_restart(desk: NoticeDesk) -> None:
    await desk.submit(2)
    await desk.see()
    await desk.pass_time(10)
    await desk.becomes("r0", JobState.FAILED)
    desk.clock.later(3600)
    again = desk.another()
    await desk.see(again)
    await desk.pass_time(300, again)
    assert desk.outbox.titles == ["net-1/lr=0 failed after 10s on gpu1"]


async def test_what_ended_before_there_was_a_channel_is_not_told(tmp_path: Path) -> None:
    where = paths({"TRAINBOARD_HOME": str(tmp_path)})
    desk = NoticeDesk(Store(where.state), where, clock=Clock(START + 10))
    await desk.submit(3)
    await desk.becomes("r0", JobState.COMPLETED)
    desk.clock.later(100)
    await desk.see()
    await desk.pass_time(300)
    assert desk.outbox.sent == []


async def test_a_channel_that_is_added_tells_only_what_comes_then(desk: NoticeDesk) -> None:
    await desk.submit(2)
    await desk.see()
    await desk.becomes("r0", JobState.COMPLETED)
    await desk.see()
    await desk.pass_time(300)
    desk.settings = Settings((MAIL, replace(MAIL, name="chat")))
    again = desk.another()
    await desk.see(again)
    await desk.pass_time(300, again)
    await desk.becomes("r1", JobState.COMPLETED)
    await desk.see(again)
    await desk.pass_time(300, again)
    assert [(name, message.title[:10]) for name, message in desk.outbox.sent] == [
        ("mail", "net-1/lr=0"),
        ("mail", "net-1/lr=1"),
        ("chat", "net-1/lr=1"),
    ]


async def test_a_notice_that_waits_outlives_a_restart(desk: NoticeDesk) -> None:
    await desk.submit()
    await desk.see()
    await desk.becomes("r0", JobState.FAILED)
    await desk.see()
    await desk.pass_time(20)  # the notice is made, and gathers others
    assert desk.outbox.sent == []
    again = desk.another(store=Store(desk.store.path.parent))
    await desk.pass_time(100, again)
    assert len(desk.outbox.sent) == 1


async def test_two_processes_send_it_once(desk: NoticeDesk) -> None:
    await desk.submit()
    other = desk.another(store=Store(desk.store.path.parent))
    for notifier in (desk.notifier, other):
        await desk.see(notifier)
    await desk.becomes("r0", JobState.FAILED)
    for notifier in (desk.notifier, other):
        await desk.see(notifier)
    for _ in range(60):
        desk.clock.later(5)
        await desk.notifier.look()
        await other.look()
        await desk.notifier.sent()
        await other.sent()
    assert len(desk.outbox.sent) == 1


class Behind(Store):
    """It shows what was stored a moment ago."""

    def __init__(self, folder: Path, before: Records) -> None:
        super().__init__(folder)
        self.before = before

    async def load(self) -> Records:
        return self.before


async def test_who_looked_before_another_began_to_send_does_not_send_it_too(desk: NoticeDesk) -> None:
    await desk.submit()
    await desk.see()
    await desk.becomes("r0", JobState.FAILED)
    await desk.see()
    await desk.pass_time(20)
    before = await desk.store.load()
    desk.clock.later(100)
    desk.outbox.gate.clear()
    await desk.notifier.look()
    await desk.outbox.begun.wait()
    other = desk.another(store=Behind(desk.store.path.parent, before))
    await other.look()
    sending = asyncio.gather(desk.notifier.sent(), other.sent())
    await asyncio.wait([sending], timeout=0.3)
    desk.outbox.gate.set()
    await sending
    assert len(desk.outbox.sent) == 1


async def test_a_server_that_is_away_gets_it_when_it_is_back(desk: NoticeDesk) -> None:
    desk.outbox.outcome = Outcome(False, "connection refused")
    await desk.submit(2)
    await desk.see()
    await desk.becomes("r0", JobState.FAILED)
    await desk.see()
    await desk.pass_time(3600)
    await desk.becomes("r1", JobState.FAILED)
    await desk.see()
    await desk.pass_time(4 * 3600, step=60)
    [notice, _] = (await desk.notices()).values()
    assert 8 <= notice.tries["mail"] <= 14
    assert [event.text for event in desk.told if isinstance(event, Noticed)] == [
        "notices by mail: connection refused; it is tried again"
    ]
    desk.outbox.outcome = Outcome(True)
    await desk.pass_time(2 * 3600, step=60)
    assert desk.outbox.titles == ["2 runs failed in net-1"]


async def test_a_notice_that_gets_through_nowhere_is_given_up_after_days(desk: NoticeDesk) -> None:
    desk.outbox.outcome = Outcome(False, "HTTP 404")
    await desk.submit()
    await desk.see()
    await desk.becomes("r0", JobState.FAILED)
    await desk.see()
    await desk.pass_time(4 * 86400, step=1800)
    [notice] = (await desk.notices()).values()
    assert notice.given_up == {"mail": "HTTP 404"}
    assert notice.text == ""


async def test_quiet_hours_end_with_one_message(tmp_path: Path) -> None:
    where = paths({"TRAINBOARD_HOME": str(tmp_path)})
    quiet = replace(MAIL, quiet=hours("22:00-07:00"))
    desk = NoticeDesk(Store(where.state), where, Settings((quiet,)))
    assert quiet.quiet is not None
    while quiet.quiet.until(desk.clock.now) is None:
        desk.clock.later(600)
    await desk.notifier.look()
    await desk.submit(3)
    await desk.see()
    for run in ("r0", "r1", "r2"):
        await desk.becomes(run, JobState.COMPLETED)
        await desk.see()
        await desk.pass_time(600, step=60)
    assert desk.outbox.sent == []
    await desk.pass_time(9 * 3600, step=60)
    assert desk.outbox.titles == ["3 runs finished in net-1"]
    assert quiet.quiet.until(desk.clock.now) is None


async def test_a_finding_is_told_with_its_evidence(desk: NoticeDesk) -> None:
    await desk.submit()
    await desk.see()
    await desk.store.put(a_finding(lines=["step 120 loss nan"]), a_finding("spikes", root="r0#1:non_finite"))
    await desk.pass_time(300)
    [(_, message)] = desk.outbox.sent
    assert message.title == "net-1/lr=0: error: the loss is not a number"
    assert message.body.splitlines() == [
        "net-1/lr=0: error: the loss is not a number",
        "",
        "error: val_loss is nan since step 120.",
        "evidence: step 120, grad norm 1e+09",
        "  > step 120 loss nan",
        "advice: Lower the learning rate.",
        "",
        "parameters: lr=0",
        "run r0 on gpu1",
        "",
        "open: trainboard show r0",
        "why: trainboard diagnose r0",
        "log: trainboard logs r0",
    ]


async def test_a_finding_that_becomes_worse_is_told_again(desk: NoticeDesk) -> None:
    await desk.submit()
    await desk.see()
    await desk.store.put(a_finding("plateau", "warning"))
    await desk.pass_time(300)
    await desk.store.put(a_finding("plateau", "error", message="It is worse now."))
    await desk.pass_time(300)
    await desk.store.put(a_finding("plateau", "error", message="It is the same."))
    await desk.pass_time(300)
    assert desk.outbox.titles == [
        f"net-1/lr=0: {severity}: the loss is not a number" for severity in ("warning", "error")
    ]


@pytest.mark.parametrize("how", ["mild", "muted", "over", "gone"])
async def test_a_finding_is_not_told_where(desk: NoticeDesk, how: str) -> None:
    from trainboard.records import Mute

    await desk.submit()
    await desk.see()
    finding = a_finding()
    if how == "mild":
        finding = a_finding(severity="info")
    elif how == "muted":
        await desk.store.put(Mute("non_finite@spec:net", "non_finite", "spec", "net", START))
    elif how == "over":
        finding = a_finding(over=True)
    await desk.store.put(finding)
    if how == "gone":
        await desk.pass_time(5)
        await desk.store.put(replace(finding, over=True))
    await desk.pass_time(300)
    assert desk.outbox.sent == []


async def test_what_a_run_ended_by_is_told_before_what_was_wrong_with_it_before(desk: NoticeDesk) -> None:
    await desk.submit()
    await desk.see()
    await desk.becomes("r0", JobState.FAILED, exit_code=1, reason="exit code 1")
    await desk.see()
    await desk.store.put(a_finding("divergence", message="The loss rose.", first=START))
    await desk.store.put(a_finding("host_oom", message="The memory ran out.", first=START + 9))
    await desk.pass_time(300)
    [(_, message)] = desk.outbox.sent
    assert 0 < message.body.index("The memory ran out.") < message.body.index("The loss rose.")
    assert message.body.count("exit code 1") == 1, "it is in the title"
    assert "reason: " not in message.body


def test_a_reason_is_said_once_and_a_best_value_only_where_there_is_one() -> None:
    why = "exit code 1; exit code 1; out of room"
    row = Row("r0", "gpu1", "7", "net-1/lr=0", JobState.FAILED, exit_code=1, reason=why)
    trace = Trace((Value("val_loss", math.nan, 3.0, "epoch"),), "val_loss", "××", math.inf, math.inf)
    text = text_of(News("r0", Kind.FAILED, "r0", Severity.ERROR, START, row), (), trace)
    assert "reason: exit code 1; out of room\n" in text
    assert "val_loss: inf ×× nan\n" in text


def test_the_only_one_of_its_kind_in_a_message_is_told_once() -> None:
    alone = Notice("a", "failed", "net-1", START, "error", "net-1/lr=0 failed", "net-1/lr=0 failed\n\nwhy", "net-1")
    done = [
        replace(alone, id=f"{n}", kind="finished", title=f"net-2/lr={n} finished", experiment="net-2")
        for n in range(3)
    ]
    _, body = summary([alone, *done])
    assert body.startswith("net-1: 1 run failed\n\nnet-1/lr=0 failed\n\nwhy\n\n")
    assert body.count("net-1/lr=0 failed") == 1
    assert "- net-2/lr=2 finished" in body


async def test_what_was_found_in_a_run_that_fails_is_told_with_its_end(desk: NoticeDesk) -> None:
    await desk.submit()
    await desk.see()
    await desk.becomes("r0", JobState.FAILED, exit_code=1, reason="the program failed")
    await desk.see()
    await desk.pass_time(5)
    await desk.store.put(a_finding("cuda_oom", message="A GPU ran out of memory.", lines=["CUDA out of memory."]))
    await desk.pass_time(300)
    [(_, message)] = desk.outbox.sent
    assert message.title == "net-1/lr=0 failed with exit code 1 after 0s on gpu1"
    assert "reason: the program failed; exit code 1" in message.body
    assert "error: A GPU ran out of memory.\n" in message.body
    assert "  > CUDA out of memory." in message.body


async def test_values_and_a_curve_are_in_the_text(desk: NoticeDesk) -> None:
    [run] = await desk.submit()
    await desk.see()
    file = SeriesFile(desk.paths.series / f"{run}.samples")
    file.load()
    made = [Sample("val_loss", 2.0 - 0.01 * step, step, "epoch") for step in range(100)]
    made += [Sample("lr", 0.1, 99, "epoch"), Sample("usage/gpu0", 50.0, 1, "")]
    assert file.append("out.log", made, Mark(1), complete=True)
    await desk.becomes(run, JobState.COMPLETED)
    await desk.see()
    await desk.pass_time(300)
    [(_, message)] = desk.outbox.sent
    assert "last values: val_loss 1.01 (epoch 99), lr 0.1 (epoch 99)\n" in message.body
    [drawn] = [line for line in message.body.splitlines() if line.startswith("val_loss: ")]
    assert drawn == "val_loss: 2 █████▇▇▇▇▇▆▆▆▆▆▅▅▅▅▅▄▄▄▄▄▃▃▃▃▃▂▂▂▂▂▁▁▁▁▁ 1.01 (best 1.01)"


async def test_the_first_sample_is_told_where_it_is_wanted(desk: NoticeDesk) -> None:
    desk.settings = Settings((replace(MAIL, kinds=frozenset({Kind.FIRST_SAMPLE})),))
    desk.notifier = desk.another()
    await desk.submit(2)
    await desk.see()
    for step in range(3):
        desk.notifier.take(Sampled("r0", (Sample("loss", 1.0, step, "step"),)))
        await desk.pass_time(200)
    again = desk.another()
    await desk.see(again)
    again.take(Sampled("r0", (Sample("loss", 1.0, 9, "step"),)))
    await desk.pass_time(200, again)
    assert desk.outbox.titles == ["net-1/lr=0 prints metrics on gpu1"]


async def test_a_host_that_stays_away_is_told_once_for_each_time(desk: NoticeDesk) -> None:
    for _ in range(2):
        desk.notifier.take(a_host(Link.DOWN, reason="connection refused"))
        await desk.pass_time(3600, step=60)
        desk.notifier.take(a_host())
        await desk.pass_time(3600, step=60)
    assert desk.outbox.titles == ["gpu1 does not answer: connection refused"] * 2


async def test_a_host_that_comes_back_soon_is_not_told(desk: NoticeDesk) -> None:
    desk.notifier.take(a_host(Link.STALE, reason="time-out"))
    await desk.pass_time(200)
    desk.notifier.take(a_host())
    await desk.pass_time(600)
    assert desk.outbox.sent == []
    [notice] = (await desk.notices()).values()
    assert notice.over is not None
    assert notice.given_up == {"mail": "it was over before it was sent"}


async def test_a_host_that_is_down_is_told_once_by_a_process_that_is_started_again_and_again(
    desk: NoticeDesk,
) -> None:
    for _ in range(6):  # every ten minutes, and each ends at once
        again = desk.another()
        again.take(a_host(Link.DOWN, reason="no route to host"))
        await again.settle()
        desk.clock.later(600)
    assert desk.outbox.titles == ["gpu1 does not answer: no route to host"]


async def test_a_full_disk_is_told_once_until_there_is_room_again(desk: NoticeDesk) -> None:
    def health(free: int) -> Health:
        return Health(1.0, disks=(Disk("/scratch", 1 << 40, free << 30),))

    for free in (100, 19, 18, 21, 19, 200, 3):
        desk.notifier.take(a_host(health=health(free)))
        await desk.pass_time(300)
    assert desk.outbox.titles == ["gpu1: 19G left on /scratch", "gpu1: 3.0G left on /scratch"]


async def test_a_disk_that_does_not_answer_is_not_a_full_one(desk: NoticeDesk) -> None:
    disk = Disk("/scratch", 0, 0, trouble="does not answer")
    desk.notifier.take(a_host(health=Health(1.0, disks=(disk,))))
    await desk.pass_time(300)
    assert desk.outbox.titles == []


async def test_the_spec_says_what_is_told_of_its_runs(desk: NoticeDesk) -> None:
    await desk.submit(2, watch=document(Watch(notify=("failed", "error"))))
    await desk.see()
    await desk.becomes("r1", JobState.COMPLETED)
    await desk.see()
    await desk.store.put(a_finding("plateau", "warning"), a_finding("non_finite", "error"))
    await desk.pass_time(300)
    assert desk.outbox.titles == ["net-1/lr=0: error: the loss is not a number"]


async def test_the_terminal_is_told_by_the_process_that_has_one(tmp_path: Path) -> None:
    where = paths({"TRAINBOARD_HOME": str(tmp_path)})
    bell = Channel("bell", Sort.BELL, digest=10.0)
    desk = NoticeDesk(Store(where.state), where, Settings((bell, MAIL)))
    rung = []

    def ring() -> bool:
        rung.append(desk.clock.now)
        return True

    board = desk.another(bell=ring)
    board.drives = False
    await desk.notifier.look()
    await desk.submit()
    await desk.see()
    await desk.becomes("r0", JobState.FAILED)
    await desk.see()
    for _ in range(60):
        desk.clock.later(5)
        await desk.notifier.look()
        await board.look()
        await asyncio.gather(desk.notifier.sent(), board.sent())
    assert (len(desk.outbox.sent), len(rung)) == (1, 1)


async def test_what_no_terminal_showed_in_time_is_dropped(tmp_path: Path) -> None:
    where = paths({"TRAINBOARD_HOME": str(tmp_path)})
    desk = NoticeDesk(Store(where.state), where, Settings((Channel("bell", Sort.BELL),)))
    await desk.notifier.look()
    await desk.submit()
    await desk.see()
    await desk.becomes("r0", JobState.FAILED)
    await desk.see()
    await desk.pass_time(2 * 3600, step=60)
    [notice] = (await desk.notices()).values()
    assert (notice.text, notice.given_up) == ("", {"bell": "there was no terminal to show it on"})


async def test_without_channels_nothing_is_kept(tmp_path: Path) -> None:
    where = paths({"TRAINBOARD_HOME": str(tmp_path)})
    desk = NoticeDesk(Store(where.state), where, Settings(()))
    await desk.submit()
    await desk.see()
    await desk.becomes("r0", JobState.FAILED)
    await desk.see()
    await desk.pass_time(300)
    assert (await desk.store.load()).notices == {}


async def test_a_store_that_fails_loses_no_notice(desk: NoticeDesk) -> None:
    await desk.submit()
    await desk.see()
    await desk.becomes("r0", JobState.FAILED)
    await desk.see()
    whole = desk.store.path.read_bytes()
    journal = desk.store.path.with_name("state.journal")
    kept = journal.read_bytes()
    desk.store.path.write_bytes(b"nonsense")
    journal.unlink()
    await desk.pass_time(100)
    assert any("state.json" in event.text for event in desk.told if isinstance(event, Noticed))
    desk.store.path.write_bytes(whole)
    journal.write_bytes(kept)
    await desk.pass_time(300)
    assert len(desk.outbox.sent) == 1


async def test_settling_sends_at_once_what_there_is(desk: NoticeDesk) -> None:
    await desk.submit(3)
    await desk.see()
    for run in ("r0", "r1"):
        await desk.becomes(run, JobState.FAILED)
    await desk.see()
    await desk.notifier.settle()
    assert desk.outbox.titles == ["2 runs failed in net-1"]


class Gated(Store):
    """Its next change waits for a gate, and the one after that fails."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.gate, self.calls = asyncio.Event(), 0
        self.gate.set()

    async def change(self, change: Change) -> tuple[Record, ...]:
        if not self.gate.is_set():
            self.calls += 1
            if self.calls == 2:
                raise StoreError("the disk is full")
            await self.gate.wait()
        return await super().change(change)


async def test_two_looks_at_once_lose_nothing_where_the_store_fails(desk: NoticeDesk) -> None:
    store = Gated(desk.store.path.parent)
    notifier = desk.another(store=store)
    await desk.submit(2)
    await desk.see(notifier)
    store.gate.clear()
    looks = []
    for run in ("r0", "r1"):
        await desk.becomes(run, JobState.FAILED)
        await desk.see(notifier)
        looks.append(asyncio.create_task(notifier.look(at_once=True)))
        done, _ = await asyncio.wait(looks, timeout=0.3)
        assert not done, "one waits for the store, the other for its turn"
    store.gate.set()
    await asyncio.gather(*looks)
    await notifier.settle()
    assert {notice.subject for notice in (await desk.notices()).values()} == {"r0", "r1"}


def test_a_fake_outbox_is_what_the_notifier_asks_for() -> None:
    from trainboard.notify.outbox import Outbox

    assert {name for name in dir(FakeOutbox) if not name.startswith("_")} - {"titles"} <= set(dir(Outbox))


async def test_a_notice_is_a_record_like_others(desk: NoticeDesk) -> None:
    await desk.submit()
    await desk.see()
    await desk.becomes("r0", JobState.FAILED)
    await desk.see()
    await desk.pass_time(100)
    stored = (await Store(desk.store.path.parent).load()).notices["failed:r0#1"]
    assert isinstance(stored, Notice)
    assert (stored.kind, stored.subject, stored.experiment, set(stored.sent)) == ("failed", "r0", "net-1", {"mail"})
