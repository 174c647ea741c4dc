"""One preflight: every backend is asked at the same time, few questions each."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

from backends.base import BackendError, HelperUnavailable, HostKeyRefused, HostUnreachable, LoginRefused
from backends.checks import Unknown
from specs.inputs import inputs_of
from trainboard.preflight.facts import Facts, Question
from trainboard.preflight.needs import learnt
from trainboard.preflight.programs import commands_of, elsewhere, untried
from trainboard.preflight.report import Check, Level, Report
from trainboard.preflight.sent import Sent
from trainboard.preflight.table import checks_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from backends.base import Backend, Plan
    from backends.checks import Rehearsal, Survey
    from specs.model import Input, Setting, Spec
    from trainboard.code import Taken
    from trainboard.documents import Records

Answer = TypeVar("Answer")

CHECKSUMS = 20.0
"""Seconds that a host may spend on the checksums of inputs that it does not know yet."""

ANSWERED = 60.0
"""Seconds for one question; the parts of it have time-outs of their own."""

MOST_INPUTS = 1000
"""Paths that a host is asked for."""

REACHED = ("reachable", "login", "helper")
"""What must be right before anything else can be asked, in this order."""

BROKEN: tuple[tuple[type[BackendError], str], ...] = (
    (HostUnreachable, "reachable"),
    (HostKeyRefused, "login"),
    (LoginRefused, "login"),
    (HelperUnavailable, "helper"),
)
"""Errors after which nothing else can be asked, and which of `REACHED` each is about."""


async def examine(
    spec: Spec,
    settings: Sequence[Setting],
    backends: Sequence[Backend],
    records: Records,
    plans: Sequence[Plan],
    code: Taken | None = None,
    *,
    patience: float = CHECKSUMS,
    within: float = ANSWERED,
    tell: Callable[[Check], None] | None = None,
) -> Report:
    """Look at everything that can be looked at, on all of these backends at once; no run is started by it.

    `settings` are the runs in question and `plans` their plans, in the same order (as `preview` makes them);
    `records` are what is learnt from; `code` is the project as it is sent where it is not shared; `patience`: seconds
    for checksums, `within`: for any other question. `tell` gets each check as it comes. A host that does not do its
    part is data; raises `SpecError` where a run's values make the path of an input none.
    """
    if not plans:
        return Report()
    question = await asyncio.to_thread(question_of, spec, settings, backends, records, plans, code)
    found = await asyncio.gather(*(_examined(question, each, patience, within, tell) for each in backends))
    return Report(tuple(check for checks in found for check in checks))


def question_of(
    spec: Spec,
    settings: Sequence[Setting],
    backends: Sequence[Backend],
    records: Records,
    plans: Sequence[Plan],
    code: Taken | None,
) -> Question:
    """What is asked of every backend. Reads the programs of the commands. Raises `SpecError`."""
    inputs: dict[Input, list[int]] = {}
    for setting in settings if spec.inputs else ():
        for each in inputs_of(spec, setting):
            inputs.setdefault(each, []).append(setting.index)
    return Question(
        spec=spec,
        plan=plans[0],
        runs=len(plans),
        commands=commands_of(settings, plans),
        inputs={each: tuple(runs) for each, runs in inputs.items()},
        learnt=learnt(records, spec.name),
        alone=len(backends) == 1,
        now=time.time(),
        sent=None if code is None else Sent.of(code),
    )


async def _examined(
    question: Question, backend: Backend, patience: float, within: float, tell: Callable[[Check], None] | None
) -> list[Check]:
    """One backend: whether it answers, then all that it is asked at the same time."""
    found: list[Check] = []

    def say(*checks: Check) -> None:
        found.extend(checks)
        for check in checks if tell else ():
            tell(check)  # type: ignore[misc]  # there is nothing to tell where it is None

    survey = await _survey(question, backend, patience)
    if isinstance(survey, BackendError):
        say(*_unreached(backend.name, survey))
        return found
    say(*_reached(backend.name, survey))
    plan = question.plan
    rehearsal, forecast, room = await asyncio.gather(
        _rehearsed(question, backend, within),
        _answered(backend.forecast(plan), within),
        _answered(backend.room(plan.resources, plan.slurm), within),
    )
    say(*checks_of(backend.name, Facts(question, backend.kind, backend.shared, survey, rehearsal, forecast, room)))
    return found


async def _survey(question: Question, backend: Backend, patience: float) -> Survey | Unknown | BackendError:
    """The survey; or why there is none; or why there can be nothing else either."""
    inputs = list(question.inputs)[:MOST_INPUTS]
    try:
        return await backend.survey(question.plan, inputs, patience)
    except BackendError as error:
        return error if isinstance(error, tuple(kind for kind, _ in BROKEN)) else Unknown(error.bare)


async def _rehearsed(question: Question, backend: Backend, within: float) -> Rehearsal | Unknown:
    """The set-up tried, where it can be."""
    if reason := untried(question.plan.setup, question.spec.workdir, shared=backend.shared):
        return Unknown(reason)
    programs = tuple(question.commands.programs)
    if not backend.shared:
        programs = tuple(program for program in map(elsewhere, programs) if program is not None)
    return await _answered(backend.rehearse(question.plan, programs), within)


async def _answered(asked: Awaitable[Answer], within: float) -> Answer | Unknown:
    try:
        async with asyncio.timeout(within):
            return await asked
    except TimeoutError:
        return Unknown(f"no answer within {within:g} s")
    except BackendError as error:
        return Unknown(error.bare)


def _reached(name: str, survey: Survey | Unknown) -> list[Check]:
    """A backend that lets us in."""
    python = "it runs" if isinstance(survey, Unknown) else f"Python {survey.python}"
    texts = ("it answers", "it lets us in", python)
    return [Check(name, (), what, Level.PASS, text) for what, text in zip(REACHED, texts, strict=True)]


def _unreached(name: str, error: BackendError) -> list[Check]:
    """One that does not."""
    broken = next(what for kind, what in BROKEN if isinstance(error, kind))
    at = REACHED.index(broken)
    passed = [Check(name, (), what, Level.PASS, "yes") for what in REACHED[:at]]
    if isinstance(error, HostUnreachable):  # it may be back at any time; the others need somebody
        found = Check(name, (), broken, Level.WARN, f"{error.bare}; runs wait here until it answers")
    else:
        advice = error.advice or "with --force the runs wait here until it does"
        found = Check(name, (), broken, Level.FAIL, error.bare, advice)
    return [*passed, found, Check(name, (), "all else", Level.WARN, f"not checked: {error.bare}")]
