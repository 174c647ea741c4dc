"""What the config says of notices: channels, kinds, quiet hours, secrets, and how notices read."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs.model import SpecError
from specs.watch import NOTICES
from tests.trainboard.notices import MAIL, START, a_finding
from trainboard.config import parse
from trainboard.diagnose.finding import Severity
from trainboard.notify import post
from trainboard.notify.channels import Channel, Kind, Settings, Sort
from trainboard.notify.curve import BARS, curve
from trainboard.notify.hours import Hours, hours
from trainboard.notify.news import News
from trainboard.notify.reading import CHANNEL, TOP
from trainboard.notify.secret import MissingVariable, Secret
from trainboard.notify.text import LONGEST, summary, text_of, title_of
from trainboard.paths import paths
from trainboard.records import Notice

PATHS = paths({"TRAINBOARD_HOME": "/home/me/.tb"})


def settings_of(text: str) -> Settings:
    return parse(text, PATHS).notify


def error_of(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        parse(text, PATHS)
    return f"{caught.value.line}: {caught.value.message}"


def test_without_a_word_the_terminal_tells() -> None:
    assert [channel.name for channel in settings_of("").channels] == ["tmux", "bell"]
    assert [channel.name for channel in settings_of("poll: 5\n").channels] == ["tmux", "bell"]


def test_an_empty_list_tells_nobody() -> None:
    assert settings_of("notify: []\n").channels == ()


def test_channels_have_names_of_their_own() -> None:
    found = settings_of("""
notify:
  - bell
  - mailto://me@example.org
  - mailto://you@example.org
  - ${SLACK_URL}
  - {command: ./tell.sh}
  - {to: "ntfys://topic", name: phone}
""")
    assert [(each.name, each.sort) for each in found.channels] == [
        ("bell", Sort.BELL),
        ("mailto", Sort.URL),
        ("mailto-2", Sort.URL),
        ("slack_url", Sort.URL),
        ("command", Sort.COMMAND),
        ("phone", Sort.URL),
    ]
    assert [each.line for each in found.channels] == [3, 4, 5, 6, 7, 8]


def test_a_channel_has_its_own_or_the_common_settings() -> None:
    found = settings_of("""
notify:
  digest: 5m
  quiet: 22:30-07:00
  host_down: 10m
  disk_low: 50G
  channels:
    - {to: bell, kinds: [failed, finding], level: error, digest: 0, quiet: 12:00-13:00}
    - mailto://me@example.org
""")
    assert (found.host_down, found.disk_low) == (600.0, 50 << 30)
    bell, mail = found.channels
    assert (set(bell.kinds), bell.level) == ({Kind.FAILED, Kind.FINDING}, Severity.ERROR)
    assert (bell.digest, str(bell.quiet)) == (0.0, "12:00-13:00")
    assert (mail.digest, str(mail.quiet)) == (300.0, "22:30-07:00")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "notify: bel",
            '1: "notify" must be bell, tmux, the URL of a notifier (as mailto://…) or a variable with one (${NAME}) '
            '(did you mean "bell"?)',
        ),
        ("notify: 3", '1: "notify" must be a channel or a mapping'),
        ("notify:\n  chanels: [bell]", '2: unknown key "notify.chanels" (did you mean "notify.channels"?)'),
        ("notify:\n- {to: bell, command: x}", '2: a channel has either "to" or "command"'),
        ("notify:\n- {name: x}", '2: a channel has either "to" or "command"'),
        (
            "notify:\n- {to: bell, kinds: [finish]}",
            '2: "notify[1].kinds[1]" must be a kind of notice (finished, failed, finding, first_sample, host_down, '
            "disk_low) "
            '(did you mean "finished"?)',
        ),
        ("notify:\n- {to: bell, level: bad}", '2: "notify[1].level" must be a severity (info, warning, error)'),
        ("notify:\n- {to: bell, quiet: at night}", '2: "notify[1].quiet" must be hours of the day, as 22:00-07:00'),
        (
            "notify:\n- {to: bell, digest: soon}",
            '2: "notify[1].digest" must be seconds or a duration such as 30s or 1m, not "soon"',
        ),
        ("notify:\n- {to: bell, name: a b}", '2: "notify[1].name" must be 1 to 32 letters'),
        ("notify:\n- bell\n- {command: x, name: bell}", '3: "notify[2]" has the name of another channel, "bell"'),
        ("notify: {disk_low: 20}", '1: "notify.disk_low" must be a size with its unit, as 20G'),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, error: str) -> None:
    assert error_of(text).startswith(error)


def test_the_page_shows_configs_that_are_right_and_all_there_is() -> None:
    page = (Path(__file__).parents[2] / "docs/notices.md").read_text()
    found = [settings_of(text) for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    assert [len(each.channels) for each in found] == [3, 4]
    words = {*TOP, *CHANNEL, *(str(kind) for kind in Kind), *(str(severity) for severity in Severity)}
    assert [word for word in words if word not in page] == []


def test_kinds_are_those_that_a_spec_may_name() -> None:
    assert tuple(Kind) == NOTICES


# --- secrets


def test_a_variable_is_filled_in_and_quoted_where_it_is_a_part() -> None:
    environ = {"PASS": "p@ss/w:rd", "URL": "mailto://me:p%40@h"}
    assert Secret("mailto://me:${PASS}@h").reveal(environ) == "mailto://me:p%40ss%2Fw%3Ard@h"
    assert Secret("${URL}").reveal(environ) == "mailto://me:p%40@h"
    with pytest.raises(MissingVariable, match="the environment has no OTHER"):
        Secret("x://${OTHER}").reveal(environ)


# --- hours


def at(text: str, zone: timezone | ZoneInfo = UTC) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def test_quiet_hours_go_over_midnight() -> None:
    night = hours("22:00-07:00")
    assert night.until(at("2026-01-01T21:59:59"), UTC) is None
    assert night.until(at("2026-01-01T22:00:00"), UTC) == at("2026-01-02T07:00:00")
    assert night.until(at("2026-01-02T06:59:59"), UTC) == at("2026-01-02T07:00:00")
    assert night.until(at("2026-01-02T07:00:00"), UTC) is None


def test_quiet_hours_within_a_day() -> None:
    noon = hours("12:00 - 13:30")
    assert noon.until(at("2026-01-01T11:59:59"), UTC) is None
    assert noon.until(at("2026-01-01T12:30:00"), UTC) == at("2026-01-01T13:30:00")


@given(st.integers(0, 1439), st.integers(0, 1439), st.floats(0, 2e9), st.sampled_from(["Europe/Helsinki", "UTC"]))
def test_quiet_hours_end_in_the_future_and_within_a_day(begin: int, end: int, now: float, zone: str) -> None:
    until = Hours(begin, end).until(now, ZoneInfo(zone))
    if until is not None:
        assert 0 < until - now <= timedelta(hours=25).total_seconds()


@pytest.mark.parametrize("text", ["22-7", "22:00-22:00", "25:00-07:00", "22:00-07:60", "22:00"])
def test_what_are_no_hours(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        hours(text)


# --- which channel wants what


@pytest.mark.parametrize(
    ("kind", "severity", "words", "wanted"),
    [
        (Kind.FAILED, Severity.ERROR, (), True),
        (Kind.FIRST_SAMPLE, Severity.INFO, (), False),
        (Kind.FINDING, Severity.INFO, (), False),
        (Kind.FINDING, Severity.WARNING, (), True),
        (Kind.FINISHED, Severity.INFO, ("failed",), False),
        (Kind.FIRST_SAMPLE, Severity.INFO, ("first_sample",), True),
        (Kind.FINDING, Severity.INFO, ("info",), True),
        (Kind.FINDING, Severity.WARNING, ("finding", "error"), False),
        (Kind.FINDING, Severity.WARNING, ("finding",), True),
        (Kind.FINDING, Severity.ERROR, ("finished",), False),
        (Kind.FAILED, Severity.ERROR, ("error",), False),
    ],
)
def test_what_a_channel_wants(kind: Kind, severity: Severity, words: tuple[str, ...], wanted: bool) -> None:
    assert Channel("x", Sort.BELL).wants(kind, severity, words) is wanted


# --- which notices go out


def a_notice(number: int, created: float = START, **due: float) -> Notice:
    title = f"net-1/lr={number} failed"
    return Notice(f"failed:{number}", "failed", str(number), created, "error", title, title, "net-1", due=due)


def test_what_has_been_gathered_goes_with_the_first_that_is_due() -> None:
    notices = [a_notice(number, START + 10 * number, mail=START + 10 * number + 60) for number in range(4)]
    assert post.batch(notices, MAIL, START + 59) == ()
    assert post.batch(notices, MAIL, START + 60) == tuple(notices)
    assert post.batch(notices, MAIL, START + 60, not_before=START + 61) == ()
    assert post.batch(notices, MAIL, START, at_once=True) == tuple(notices)


def test_what_one_process_sends_no_other_takes() -> None:
    [claimed] = post.claimed([a_notice(1, mail=START)], MAIL, START)
    late = a_notice(2, START + 30, mail=START + 90)
    assert post.batch([claimed, late], MAIL, START + 100) == (late,)
    assert post.batch([claimed, late], MAIL, START + 121) == (claimed, late)


def test_a_channel_that_failed_rests_with_all_that_it_has() -> None:
    [failed] = post.refused([a_notice(1, mail=START)], "mail", "away", START, 0.5)
    assert failed.due == {"mail": START + 30}
    new = a_notice(2, START - 60, mail=START)
    assert post.batch([failed, new], MAIL, START + 29) == ()
    assert post.batch([failed, new], MAIL, START + 30) == (new, failed)


@given(st.integers(0, 60), st.floats(0, 1))
def test_the_rest_after_a_failure_is_at_most_an_hour_and_a_quarter(tries: int, chance: float) -> None:
    before = replace(a_notice(1, mail=START), tries={"mail": tries})
    [after] = post.refused([before], "mail", "away", START, chance)
    assert 22 <= after.due["mail"] - START <= 4500


def test_a_channel_that_is_done_is_never_asked_again() -> None:
    notice = a_notice(1, mail=START, chat=START)
    [once] = post.taken([notice], "mail", START)
    assert (once.text, post.taken([once], "mail", START + 1), post.refused([once], "mail", "x", START, 0)) == (
        notice.text,
        [],
        [],
    )
    [twice] = post.taken([once], "chat", START)
    assert twice.text == "", "nobody needs it any more"


# --- text


def test_two_notices_are_told_whole_and_many_in_lines() -> None:
    few = [a_notice(number) for number in range(2)]
    assert summary(few) == ("2 runs failed in net-1", f"{few[0].text}\n\n---\n\n{few[1].text}")
    other = replace(a_notice(7), id="h", kind="host_down", title="gpu1 does not answer", experiment="")
    title, body = summary([*map(a_notice, range(30)), other])
    assert title == "30 runs failed in net-1, 1 host down"
    lines = body.splitlines()
    assert lines[:3] == ["net-1: 30 runs failed", "- net-1/lr=0 failed", "- net-1/lr=1 failed"]
    assert lines[13] == "- and 18 more: trainboard ls"
    assert lines[-2:] == ["1 host down", "- gpu1 does not answer"]


@given(st.text(max_size=300), st.text(max_size=6000))
def test_words_of_a_log_cannot_break_out_of_their_line(name: str, message: str) -> None:
    finding = a_finding(name=name, message=message, lines=[message] * 9, evidence={name: message})
    news = News("x", Kind.FINDING, "r0", Severity.ERROR, START, finding=finding)
    title, text = title_of(news), text_of(news)
    assert title.isprintable()
    assert len(title) <= 200
    assert len(text) <= LONGEST
    assert all(line.isprintable() for line in text.split("\n"))
    assert text.count("\n") < 20


@given(st.lists(st.floats(), max_size=200), st.integers(1, 60))
def test_a_curve_is_as_wide_as_it_may_be(values: list[float], width: int) -> None:
    drawn = curve(values, width)
    assert len(drawn) == min(len(values), width)
    assert set(drawn) <= {*BARS, "×"}


def test_a_curve_goes_from_the_lowest_to_the_highest() -> None:
    assert curve([float(value) for value in range(8)]) == BARS
    assert curve([1.0, math.nan, 2.0]) == "▁×█"
    assert curve([3.0, 3.0]) == "▁▁"
    assert curve([-1e308, 1e308]) == "▁█"


def test_what_nobody_will_tell_any_more_is_given_up() -> None:
    bell = Channel("bell", Sort.BELL)
    asleep = replace(bell, name="asleep", quiet=hours("22:00-07:00"))
    notice = a_notice(1, bell=START, asleep=START, mail=START, gone=START)
    channels = (bell, asleep, MAIL)
    assert post.stale(notice, channels, START + 3600) is notice
    assert set(post.stale(notice, channels, START + 3601).given_up) == {"bell"}
    late = post.stale(notice, channels, START + 4 * 86400)
    assert late.given_up == {"bell": "there was no terminal to show it on", "gone": "there is no such channel"}
    assert late.text
