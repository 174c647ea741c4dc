"""From news to notices: who is told, and what they read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specs.watch import watch_of
from trainboard.diagnose.finding import Severity
from trainboard.muting import muted_by
from trainboard.notify.channels import Kind
from trainboard.notify.text import text_of, title_of
from trainboard.notify.traces import trace_of
from trainboard.records import Notice

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from trainboard.documents import Records
    from trainboard.notify.channels import Channel
    from trainboard.notify.news import News
    from trainboard.records import Diagnosed

CANCELLED = "cancelled"
"""The rule that says nothing but the reason of a run that its spec stopped."""
CURVES = 20
"""Notices made at once that have curves: reading them takes a while, and of more nobody looks at them."""


def begin_id(channel: str) -> str:
    """Of the record that says since when there is a channel."""
    return f"channel:{channel}"


def beginning(channel: str, now: float) -> Notice:
    """That record."""
    return Notice(begin_id(channel), "channel", channel, now, str(Severity.INFO), "", "")


def recipients(news: News, channels: Iterable[Channel], records: Records) -> list[Channel]:
    """The channels that tell it, and were there when it happened. Pure."""
    experiment = records.experiments.get(news.experiment)
    words = watch_of(experiment.watch).notify if experiment is not None else ()
    return [
        channel
        for channel in channels
        if channel.wants(news.kind, news.severity, words)
        and news.at >= records.notices[begin_id(channel.name)].created
    ]


def notices_of(
    told: Sequence[tuple[News, Sequence[Channel]]], records: Records, series: Path, now: float, *, at_once: bool
) -> list[Notice]:
    """The notices, each for its channels; `series` is the folder of the series. Blocks: it reads the curves.

    `at_once`: none waits until others have gathered.
    """
    causes = root_causes(records)
    made = []
    for number, (news, channels) in enumerate(told):
        row = news.row
        trace = trace_of(series, row) if row is not None and number < CURVES else None
        of_run: Sequence[Diagnosed] = causes.get((row.key, row.attempt or 1), ()) if row is not None else ()
        if news.kind is Kind.FAILED:
            of_run = deaths_first([each for each in of_run if not (news.stopped and each.rule == CANCELLED)], records)
        due = {each.name: max(now + (0 if at_once else each.digest), news.not_before) for each in channels}
        title, text = title_of(news), text_of(news, of_run, trace)
        what = news.id, str(news.kind), news.subject
        made.append(Notice(*what, now, str(news.severity), title, text, news.experiment, due=due))
    return made


def root_causes(records: Records) -> dict[tuple[str, int], list[Diagnosed]]:
    """By row and attempt: what goes on there, is not muted and follows from nothing else, the worst first."""
    found: dict[tuple[str, int], list[Diagnosed]] = {}
    for each in records.findings.values():
        if not each.over and not each.root and muted_by(each, records.mutes.values()) is None:
            found.setdefault((each.key, each.attempt), []).append(each)
    for several in found.values():
        several.sort(key=lambda finding: (-Severity.of(finding.severity).level, finding.first))
    return found


def deaths_first(causes: Sequence[Diagnosed], records: Records) -> list[Diagnosed]:
    """The root causes of a run that failed: what ended it before what else was wrong with it."""
    from trainboard.diagnose.why import DEATHS

    ended = {each.root or each.id for each in records.findings.values() if each.rule in DEATHS and not each.over}
    return sorted(causes, key=lambda each: each.id not in ended)
