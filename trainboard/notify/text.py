"""What a notice says: for somebody who reads it on a telephone, far from any terminal. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from math import isfinite
from typing import TYPE_CHECKING

from backends.base import JobState
from trainboard.notify.channels import Kind
from trainboard.show import clean, duration, number, quantity, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trainboard.notify.news import News
    from trainboard.records import Diagnosed, Notice
    from trainboard.rows import Row

LONGEST = 4000
"""Characters of a notice: chat services cut or refuse more."""
LONGEST_MESSAGE = 12000
IN_FULL = 3
"""Notices of one message up to which each is told whole; of more, the rest in a line each."""
MOST_LINES = 12
"""Lines for the notices of one kind and experiment in a message."""
PROOF = 5
"""Lines of a log in a notice."""

WORDS: Mapping[str, tuple[str, str]] = {
    Kind.FINISHED: ("run finished", "runs finished"),
    Kind.FAILED: ("run failed", "runs failed"),
    Kind.FINDING: ("finding", "findings"),
    Kind.FIRST_SAMPLE: ("run prints metrics", "runs print metrics"),
    Kind.HOST_DOWN: ("host down", "hosts down"),
    Kind.DISK_LOW: ("disk almost full", "disks almost full"),
}


@dataclass(frozen=True, slots=True)
class Value:
    """The newest value of a metric."""

    metric: str
    value: float
    step: float
    index: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """What is known of a run's metrics."""

    values: tuple[Value, ...] = ()
    """The most important first."""
    metric: str = ""
    """The one of the curve."""
    curve: str = ""
    first: float | None = None
    best: float | None = None


def title_of(news: News) -> str:
    """One line: what happened to whom."""
    row = news.row
    match news.kind:
        case Kind.HOST_DOWN if news.host is not None:
            said = f"{news.subject} does not answer: {news.host.reason or news.host.link}"
        case Kind.DISK_LOW if news.disk is not None:
            said = f"{news.host.backend if news.host else ''}: {size(news.disk.free)} left on {news.disk.path}"
        case Kind.FINDING if news.finding is not None:
            said = f"{news.finding.name or news.subject}: {news.finding.severity}: {news.finding.cause}"
        case Kind.FIRST_SAMPLE if row is not None:
            said = f"{row.name} prints metrics{f' on {row.backend}' if row.backend else ''}"
        case _ if row is not None:
            how = "was stopped by its spec" if news.stopped else _ended(row)
            said = f"{row.name} {how}{took(row)}{f' on {row.backend}' if row.backend else ''}"
        case _:
            said = news.said or news.subject
    return clean(said, 200)


def text_of(news: News, findings: Sequence[Diagnosed] = (), trace: Trace | None = None) -> str:
    """The whole of it. `findings`: the root causes of the run's attempt, the worst first."""
    lines = list(_lines(news, findings, trace or Trace()))
    text = "\n".join(clean(line, 500) for line in lines).strip()
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _ended(row: Row) -> str:
    if row.state is JobState.COMPLETED:
        return "finished"
    if row.state is not JobState.FAILED:
        return f"failed: {row.state}"
    return "failed" if row.exit_code is None else f"failed with exit code {row.exit_code}"


def took(row: Row) -> str:
    """How long it ran."""
    return f" after {duration(row.ended - row.started)}" if row.ended and row.started else ""


def _lines(news: News, findings: Sequence[Diagnosed], trace: Trace) -> Iterator[str]:
    row = news.row
    yield title_of(news)
    if news.host is not None:
        yield from _host_lines(news)
    if row is not None:
        yield from _run_lines(news, row, findings)
        yield from _trace_lines(trace)
        yield ""
        yield from _commands(news, row)
    elif news.finding is not None:
        yield from _finding_lines(news.finding)


def _host_lines(news: News) -> Iterator[str]:
    host = news.host
    if host is None:
        return
    if news.disk is not None:
        yield f"{size(news.disk.free)} of {size(news.disk.total)} are free"
    elif host.advice:
        yield host.advice
    if host.running or host.pending:
        yield f"{host.running} jobs of yours run there, {host.pending} wait"
    yield ""
    yield "open: trainboard hosts"


def _run_lines(news: News, row: Row, findings: Sequence[Diagnosed]) -> Iterator[str]:
    if news.kind is Kind.FAILED and (reason := _reason(row)):
        yield f"reason: {reason}"
    for finding in (news.finding,) if news.finding is not None else findings:
        yield ""
        yield from _finding_lines(finding)
    yield ""
    if row.params:
        yield "parameters: " + ", ".join(f"{name}={value}" for name, value in row.params.items())
    job = f", job {row.job_id}" if row.job_id and row.job_id != row.token else ""
    attempt = f", attempt {row.attempt}" if row.attempt and row.attempt > 1 else ""
    yield f"run {row.key}{f' on {row.backend}' if row.backend else ''}{job}{attempt}"


def _reason(row: Row) -> str:
    """What it says of its end, each thing once, and its exit code; that alone is in the title."""
    code = "" if row.exit_code is None else f"exit code {row.exit_code}"
    said = dict.fromkeys(each for each in (*row.reason.split("; "), code) if each)
    return "" if row.state is JobState.FAILED and [*said] == [code] else "; ".join(said)


def _finding_lines(finding: Diagnosed) -> Iterator[str]:
    yield f"{finding.severity}: {finding.message}"
    evidence = {**({finding.index or "step": finding.step} if finding.step is not None else {}), **finding.evidence}
    if evidence:
        yield "evidence: " + ", ".join(quantity(name, value) for name, value in evidence.items())
    yield from (f"  > {line}" for line in finding.lines[:PROOF])
    if finding.advice:
        yield f"advice: {finding.advice}"


def _trace_lines(trace: Trace) -> Iterator[str]:
    if trace.values:
        last = ", ".join(f"{each.metric} {number(each.value)}{_at(each)}" for each in trace.values)
        yield f"last values: {last}"
    if trace.curve:
        ends = [number(trace.first), trace.curve, number(trace.values[0].value if trace.values else None)]
        best = "" if trace.best is None or not isfinite(trace.best) else f" (best {number(trace.best)})"
        yield f"{trace.metric}: {' '.join(ends)}{best}"


def _at(value: Value) -> str:
    return f" ({value.index} {number(value.step)})" if value.index else ""


def _commands(news: News, row: Row) -> Iterator[str]:
    yield f"open: trainboard show {row.key}"
    if news.kind in (Kind.FAILED, Kind.FINDING):
        yield f"why: trainboard diagnose {row.key}"
    yield f"log: trainboard logs {row.key}"


# several at once


def summary(notices: Sequence[Notice]) -> tuple[str, str]:
    """Title and text of the message with these notices."""
    if len(notices) == 1:
        return notices[0].title, notices[0].text
    title = ", ".join(_counts(notices))
    if len(notices) <= IN_FULL:
        body = "\n\n---\n\n".join(notice.text for notice in notices)
    else:
        body = "\n\n".join("\n".join(group) for group in _groups(notices))
    return clean(title, 200), body if len(body) <= LONGEST_MESSAGE else body[: LONGEST_MESSAGE - 1] + "…"


def _counts(notices: Sequence[Notice]) -> Iterator[str]:
    """`200 runs failed in char-rnn-2`."""
    counts = Counter(notice.kind for notice in notices)
    for kind in sorted(counts, key=_rank):
        one, several = WORDS.get(kind, (kind, kind))
        where = {notice.experiment for notice in notices if notice.kind == kind}
        single = next(iter(where)) if len(where) == 1 else ""
        yield f"{counts[kind]} {one if counts[kind] == 1 else several}{f' in {single}' if single else ''}"


def _rank(kind: str) -> int:
    """The worst kinds first."""
    order = (Kind.FAILED, Kind.HOST_DOWN, Kind.DISK_LOW, Kind.FINDING, Kind.FINISHED, Kind.FIRST_SAMPLE)
    return order.index(Kind(kind)) if kind in order else len(order)


def _groups(notices: Sequence[Notice]) -> Iterator[list[str]]:
    """For each kind and experiment a heading, a line for each notice, and the first of them whole."""

    def key(notice: Notice) -> tuple[int, str, str]:
        return _rank(notice.kind), notice.kind, notice.experiment

    examples = 0
    for (_, kind, experiment), found in groupby(sorted(notices, key=key), key):
        group = list(found)
        one, several = WORDS.get(kind, (kind, kind))
        heading = f"{len(group)} {one if len(group) == 1 else several}"
        lines = [f"{experiment}: {heading}" if experiment else heading]
        lines += [f"- {notice.title}" for notice in group[:MOST_LINES]]
        if len(group) > MOST_LINES:
            lines.append(f"- and {len(group) - MOST_LINES} more: trainboard ls")
        if examples < IN_FULL and kind in (Kind.FAILED, Kind.FINDING):
            examples += 1
            lines = (
                [*lines, "", "the first of them:", group[0].text] if len(group) > 1 else [lines[0], "", group[0].text]
            )
        yield lines
