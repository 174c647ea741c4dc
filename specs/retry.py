"""The `retry` section of a spec."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from specs import measures, resume
from specs.gather import Gather
from specs.model import RETRIABLE, Retry
from specs.scanner import CommandError
from specs.tree import nearest, quoted

if TYPE_CHECKING:
    from specs.draft import Draft
    from specs.tree import Section, Value

MOST_RETRIES = 100
LONGEST_WAIT = 3600
"""Seconds; what the wait grows to by itself."""
MOST_MEMORY = 16.0

_FACTOR = re.compile(r"[xX×](\d{1,3}(?:\.\d{1,3})?)", re.ASCII)


def read_retry(draft: Draft) -> Retry:
    """When a run is tried again. Raises `SpecError`."""
    section = draft.top.section("retry")
    if not section.entries:
        return Retry()
    gather = Gather()
    on = gather(_states, section)
    found = Retry(
        on=on,
        max=gather(_max, section),
        wait=gather(_wait, section),
        resume=gather(_resume, draft, section),
        memory=gather(_memory, draft, section, on),
    )
    gather.done()
    return found


def _states(section: Section) -> tuple[str, ...]:
    section.need("on")
    gather = Gather()
    found = [gather(_state, each) for each in section.each("on")]
    gather.done()
    return tuple(dict.fromkeys(found))


def _max(section: Section) -> int:
    most = section.integer("max", Retry().max, least=1)
    if most > MOST_RETRIES:
        raise section["max"].wrong(f"at most {MOST_RETRIES}")
    return most


def _wait(section: Section) -> int:
    wait = measures.wait(section, "wait")
    if wait is not None and wait > LONGEST_WAIT:
        raise section["wait"].wrong("at most 1h")
    return Retry().wait if wait is None else wait


def _state(value: Value) -> str:
    word = value.text().upper()
    if word == "LOST":
        raise value.error("cannot be LOST: such a run may still be going, and would then run twice")
    if word not in RETRIABLE:
        known = f"{', '.join(RETRIABLE[:-1])} or {RETRIABLE[-1]}"
        raise value.error(f"must be {known}, not {quoted(value.text())}{nearest(word, RETRIABLE)}")
    return word


def _resume(draft: Draft, section: Section) -> str:
    value = section.get("resume")
    if value is None:
        return ""
    if draft.top.section("outputs").get("checkpoint") is None:
        raise value.error('needs "outputs.checkpoint", which says where checkpoints are')
    text = value.text().strip()
    try:
        resume.check(text)
    except CommandError as error:
        raise value.error(str(error)) from None
    return text


def _memory(draft: Draft, section: Section, on: tuple[str, ...] | None) -> float | None:
    value = section.get("memory")
    if value is None:
        return None
    match = _FACTOR.fullmatch(value.text())
    if match is None:
        raise value.wrong("a factor as x2 or x1.5")
    if not 1 < float(match[1]) <= MOST_MEMORY:
        raise value.wrong(f"more than x1 and at most x{MOST_MEMORY:g}")
    if on is not None and "OUT_OF_MEMORY" not in on:
        raise value.error('needs OUT_OF_MEMORY in "retry.on"')
    if draft.top.section("resources").get("memory") is None:
        raise value.error('needs "resources.memory", of which it is a multiple')
    return float(match[1])
