"""Why a job waits, as lines for the command line and the screen alike. Pure."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backends.jobasked import minutes
from backends.waiting import BY_ORDER
from trainboard.show import clean, duration, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from backends.cluster import Before, Variant, Variants, Waits
    from trainboard.clusters import Why

SOON = 120.0
"""Seconds: what would start within them would start now."""

MUCH_SOONER = 600.0
"""Seconds that a smaller request must gain to be worth a word."""


@dataclass(frozen=True, slots=True)
class Told:
    """One line: what it is about, in a word or two, and the line itself."""

    about: str
    text: str
    tone: str = "plain"
    """`plain`, `dim`, `strong`, `good`, `bad`."""
    deep: int = 0
    """How far it is indented: in a tree."""


def lines(why: Why, variants: Variants | None = None) -> Iterator[Told]:
    """All that is known, the answer first."""
    yield Told("why", clean(why.told.plain, 600), "strong")
    if why.told.advice:
        yield Told("do", clean(why.told.advice, 600), "good")
    if why.trouble:
        yield Told("", f"not asked further: {clean(why.trouble)}", "bad")
    if why.waits is not None:
        yield from of_scheduler(why.waits)
    if why.queued is not None:
        for verdict in why.queued.gpus:
            words = verdict.words or "it could have this one"
            yield Told(f"GPU {verdict.gpu}", clean(words), "plain" if verdict.words else "good")
    if why.before:
        yield from tree("after", why.before)
    if variants is not None:
        yield from of_variants(variants)


def of_scheduler(waits: Waits) -> Iterator[Told]:
    """What Slurm tells."""
    job = waits.job
    if job.reason:
        yield Told("reason", f"{clean(job.reason.replace('_', ' '))}  ({clean(job.state)})", "dim")
    if waits.place is not None:
        yield Told("place", placed(waits))
    yield Told("start", starting(waits))
    if waits.parts:
        points = ", ".join(f"{part.name} {part.points:,.0f}" for part in waits.parts)
        yield Told("priority", f"{job.priority or 0:,}: {points}")
    yield Told("asks for", asked(waits), "dim")
    yield from tree("waits for", waits.before)
    for trouble in waits.troubles:
        known = trouble.reason == BY_ORDER
        yield Told(trouble.what, clean(trouble.reason) if known else f"not known: {clean(trouble.reason)}", "dim")


def placed(waits: Waits) -> str:
    """Behind whom it stands."""
    place = waits.place
    assert place is not None, "asked of a job with a place"
    among = "of your own that wait" if waits.private else "that wait"
    where = clean(waits.job.partition.split(",")[0])
    if not place.ahead:
        text = f"first of {place.waiting} {among} in {where}"
    else:
        users = f" of {place.users} {'user' if place.users == 1 else 'users'}" if not waits.private else ""
        gpus = f" ({place.gpus_ahead:,} GPUs)" if place.gpus_ahead else ""
        jobs = "1 job" if place.ahead == 1 else f"{place.ahead:,} jobs"
        text = f"{jobs}{users} before it{gpus}; {place.waiting:,} {among} in {where}"
    return text + ("; this site hides the jobs of others" if waits.private else "")


def starting(waits: Waits) -> str:
    """When, by the scheduler."""
    if waits.start is None:
        return "the scheduler has no estimate (yet)"
    left = waits.start - waits.now
    nodes = f" on {clean(waits.job.on)}" if waits.job.on else ""
    if left <= SOON:
        return f"about now{nodes}, by the scheduler's estimate"
    return f"in {duration(left)} ({clock(waits.start)}){nodes} at the latest, if all others use their whole time"


def clock(seconds: float) -> str:
    """A moment in the user's zone: `Mon 14:05`, further away with the date."""
    form = "%a %H:%M" if abs(seconds - time.time()) < 5 * 86400 else "%Y-%m-%d %H:%M"
    return time.strftime(form, time.localtime(seconds))


def asked(waits: Waits) -> str:
    """What it wants to have."""
    job = waits.job
    words = [f"{job.gpus} GPU{'' if job.gpus == 1 else 's'}"] if job.gpus else []
    words.append(f"{job.cpus} CPU{'' if job.cpus == 1 else 's'}")
    words += [size(job.memory)] if job.memory else []
    words += [f"{job.nodes} nodes"] if job.nodes > 1 else []
    words += [minutes(int(job.limit // 60))] if job.limit is not None and job.limit >= 60 else []
    words += [f"partition {clean(job.partition)}"] if job.partition else []
    words += [f"account {clean(job.account)}"] if job.account else []
    words += [f"QOS {clean(job.qos)}"] if job.qos else []
    words += [clean(job.features)] if job.features else []
    return ", ".join(words)


def tree(about: str, links: Sequence[Before], deep: int = 0) -> Iterator[Told]:
    """What must end before, level by level."""
    for link in links:
        who = f"job {link.job_id}" if link.job_id.split("_")[0].isdigit() else link.job_id
        name = f" {clean(link.name, 80)}" if link.name else ""
        state = clean(link.state) if link.state else "not in the queue, and nobody knows it any more"
        if link.kind == "singleton":
            who, state, name = "any job of yours with the same name", "", ""
        never = "; this never comes about" if link.never else ""
        kind = "" if link.kind == "after" and not who.startswith("job ") else f"{clean(link.kind)} "
        text = f"{kind}{clean(who)}{': ' if state else ''}{state}{name}{never}"
        yield Told(about if not deep else "", text, "bad" if link.never else "plain", deep)
        yield from tree(about, link.before, deep + 1)


def of_variants(variants: Variants) -> Iterator[Told]:
    """What smaller ones would do, and which of them is worth it."""
    asked_for = variants.asked
    yield Told("now", f"as it is, sent now: {outcome(asked_for, variants.now)}")
    for each in variants.others:
        better = sooner(each, asked_for, variants.now)
        option = f"  ({clean(' '.join(each.options), 120)})" if better else ""
        sign = "✓ " if better else "  "
        yield Told(
            "or", f"{sign}{clean(each.what)}: {outcome(each, variants.now)}{option}", "good" if better else "dim"
        )
    if not any(sooner(each, asked_for, variants.now) for each in variants.others):
        yield Told("", "none of these would start much sooner", "dim")


def outcome(variant: Variant, now: float) -> str:
    """When it would start."""
    if variant.refusal:
        return f"not taken: {clean(variant.refusal, 160)}"
    if variant.start is None:
        return "taken; no estimate"
    left = variant.start - now
    return "would start now" if left <= SOON else f"in {duration(left)} ({clock(variant.start)})"


def sooner(variant: Variant, asked_for: Variant, now: float) -> bool:
    """Whether it gains enough: it starts now and the other does not, or a fifth of the wait and ten minutes."""
    if variant.start is None or variant.refusal:
        return False
    if asked_for.refusal or asked_for.start is None:
        return True
    wait, other = max(0.0, variant.start - now), max(0.0, asked_for.start - now)
    if other <= SOON:
        return False
    return wait <= SOON or (other - wait >= MUCH_SOONER and wait <= 0.8 * other)


def as_json(why: Why, variants: Variants | None = None) -> dict[str, Any]:
    """The keys that `why --json` promises."""
    from dataclasses import asdict

    row, waits = why.row, why.waits
    return {
        "run": row.run,
        "backend": row.backend or None,
        "job_id": row.job_id or None,
        "state": str(row.state),
        "reason": (waits.job.reason if waits is not None else row.reason) or None,
        "plain": why.told.plain,
        "advice": why.told.advice or None,
        "trouble": why.trouble or None,
        "place": asdict(waits.place) if waits is not None and waits.place is not None else None,
        "start": waits.start if waits is not None else None,
        "priority": waits.job.priority if waits is not None else None,
        "priority_parts": {part.name: part.points for part in waits.parts} if waits is not None else {},
        "private": waits.private if waits is not None else False,
        "waits_for": [asdict(each) for each in (*(waits.before if waits is not None else ()), *why.before)],
        "gpus": [asdict(each) for each in why.queued.gpus] if why.queued is not None else [],
        "not_known": {each.what: each.reason for each in waits.troubles} if waits is not None else {},
        "variants": None if variants is None else variants_json(variants),
    }


def variants_json(variants: Variants) -> list[dict[str, Any]]:
    """The job as it is first, without a `what`."""
    return [
        {
            "what": each.what or None,
            "options": list(each.options),
            "start": each.start,
            "refusal": each.refusal or None,
            "sooner": each is not variants.asked and sooner(each, variants.asked, variants.now),
        }
        for each in (variants.asked, *variants.others)
    ]
