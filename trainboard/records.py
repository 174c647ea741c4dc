"""The records of the store: experiments, runs, attempts, findings, mutes, notices."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from specs.model import LOG

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backends.base import JobState
    from specs.model import Scalar


@dataclass(frozen=True, slots=True)
class Experiment:
    """One submission of a spec."""

    id: str
    """The spec's name and a number: `char-rnn-2`. Unique in the store."""
    name: str
    source: str
    """Path of the spec file."""
    text: str
    created: float
    objective: str | None = None
    goal: str = "minimize"
    total: Mapping[str, float] = field(default_factory=dict)
    overrides: Sequence[str] = ()
    """`key=value` words that the spec was submitted with."""
    where: Sequence[str] = ()
    """Backends in the order of preference, pools taken apart, `--on` applied: where its runs may go."""
    code: str = ""
    """Digest of the project's code in the state folder (`Snapshot.digest`); empty where it is not known."""
    after: Sequence[str] = ()
    """Ids of the experiments that must be COMPLETED, all runs, before its runs are sent."""
    bases: Mapping[str, str] = field(default_factory=dict)
    """The files that the spec extends, all the way down: path → text. With these, `text` says it all."""
    git: Mapping[str, str] = field(default_factory=dict)
    """Of the project: `commit`, `branch`, and `diff`, the SHA-256 of the blob with what was not committed; whatever
    of these there is."""
    forced: bool = False
    """It was submitted although a check said that it would fail."""
    folder: str = ""
    """Its folder on every host: the id and a random part, since another state may have the same id there; empty: the
    id alone."""
    sources: Sequence[str] = (LOG,)
    """Where the metrics of its runs are read: as in the spec."""
    pattern: Sequence[str] = ()
    """The spec's own expressions for metrics in lines."""
    watch: Mapping[str, Any] = field(default_factory=dict)
    """What the spec says under `watch`, as `specs.watch.document` writes it and `specs.watch.watch_of` reads it."""
    trials: int = 0
    """So many settings are asked for, one after the other as there is room; 0: all of its runs were there from the
    start."""
    seeds: int = 1
    """Runs of each setting that is asked for."""
    halted: str = ""
    """Why no more of them are asked for although there are fewer; empty: they are."""
    forgiven: int = 0
    """Trials with a lower number do not count among those that failed in a row: the user wanted it to go on."""
    finished: float | None = None
    """When nothing more was to be asked for and all had ended, of one whose settings are asked for; None: not yet."""


@dataclass(frozen=True, slots=True)
class Run:
    """One setting of an experiment's parameters."""

    id: str
    """Short and unique in the store; what the user types."""
    experiment: str
    index: int
    name: str
    params: Mapping[str, Scalar]
    priority: int = 0
    place: float = 0.0
    """Among waiting runs of one priority the smaller goes first; then the order of submission."""
    held: bool = False
    """The user wants it to wait."""
    cancelled: float | None = None
    """When the user cancelled it: no retry and no move comes after that; None: they did not, or requeued it since."""
    stopped: str = ""
    """Why it was cancelled without the user, by what its spec says under `watch`; empty where it was not."""
    requeued: float | None = None
    """When the user wanted a new attempt; None once it is there."""
    released: bool = False
    """The user lets it go although an experiment that it comes after can never be COMPLETED."""
    identity: str = ""
    """Equal for runs of the same program with the same parameters; empty where nobody worked it out."""
    trial: int | None = None
    """The number of its setting among those that were asked for; None where nothing is asked for."""
    told: int = 0
    """The number of the attempt that `value` is of, once that has ended; 0: none yet."""
    value: float | None = None
    """What a trial came to: its best value of the objective; None: it failed, or there is no such number."""
    rungs: Sequence[float | None] = ()
    """The best value of its objective until each rung that it has reached; None: no number."""
    passed: int = 0
    """How many rungs it may go beyond; at the next one it has paused."""

    @property
    def folder(self) -> str:
        """`Plan.run`: its folder below the experiment's."""
        return f"{self.index:03d}-{self.name}"

    @property
    def job_name(self) -> str:
        """`Plan.job_name`."""
        return f"{self.experiment}/{self.folder}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a run on one backend."""

    id: str
    """The token."""
    run: str
    number: int
    backend: str
    """Empty while it waits here and no backend is chosen."""
    state: JobState
    created: float
    directory: str
    """On the backend's files; empty while it waits here."""
    job_id: str = ""
    submitted: float | None = None
    started: float | None = None
    ended: float | None = None
    exit_code: int | None = None
    reason: str = ""
    sent: float | None = None
    """When it was last handed to its backend; None: it waits here (for a dependency, for room, for its time)."""
    batch: str = ""
    """As in `Plan`."""
    task: int = 0
    not_before: float | None = None
    """It is not sent earlier: the back-off of a retry."""
    cause: str = ""
    """Why there is this attempt: `retry after TIMEOUT`, `requeued`, `moved from gpu1`; empty for the first."""
    held: bool = False
    """We told its backend to keep it from starting, and have not told it otherwise since."""
    withdrawn: bool = False
    """It was taken back before it began: its run goes on with a new attempt, elsewhere."""
    rejected: bool = False
    """Its backend would not take it: it never was there."""
    restarts: int = 0
    """How often its scheduler started it again by itself."""
    priority: int | None = None
    """What its backend was last told of `Run.priority`; None: not known, so it is not told again."""
    place: float | None = None
    """The same of `Run.place`."""
    peaks: Mapping[str, float] = field(default_factory=dict)
    """The most that it used, as its exit record tells: `memory`, `gpu_memory` and `disk` in bytes, `seconds`, and
    `cpu`, seconds of processor."""
    checkpoints: Sequence[float] = ()
    """When it saved the newest ones, the oldest first; known once it has ended."""
    collected: float | None = None
    """When its results were brought here, or there was nothing to bring; None: not yet."""
    collect_reason: str = ""
    """What was left there and why, or why nothing could be brought yet, in one line; empty where all is here."""
    diagnosed: float | None = None
    """When it was looked at why it ended; None: not yet."""
    why: str = ""
    """Why it failed, in one plain sentence; empty where it did not, or nobody can tell."""

    @property
    def unsent(self) -> bool:
        """Whether it waits on this side (its state is PENDING then): no backend has it."""
        return self.sent is None and not self.directory and not self.state.ended


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """A finding, as it is kept: one of each rule for each attempt of a row."""

    id: str
    """`key#attempt:rule`."""
    key: str
    """The row's."""
    attempt: int
    rule: str
    severity: str
    """A `Severity`."""
    cause: str
    message: str
    advice: str
    first: float
    """When it was seen first, seconds since the epoch."""
    changed: float
    """When its severity or its being over last changed."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """Numbers that are not finite are their words."""
    step: float | None = None
    index: str = ""
    metric: str = ""
    lines: Sequence[str] = ()
    offset: int | None = None
    at: float | None = None
    over: bool = False
    root: str = ""
    """The id of the finding that it follows from; empty: it is a root cause itself."""
    name: str = ""
    """The row's name, for a job that is not on record."""
    spec: str = ""
    """The name of its spec; empty for a job that is not ours."""
    read: float | None = None
    """When the user saw it; None: not yet."""


@dataclass(frozen=True, slots=True)
class Mute:
    """The user does not want to see what a rule finds."""

    id: str
    """`rule@scope:subject`; a rule `*` is all of them."""
    rule: str
    scope: str
    """`run` (the subject is a row's key), `spec` (a spec's name) or `all` (no subject)."""
    subject: str
    since: float
    on: bool = True
    """False: it was taken back."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that the user is to hear of, wherever they are; each is made once, and sent once by each channel."""

    id: str
    """Of what happened: the same event never makes a second one."""
    kind: str
    """`finished`, `failed`, `finding`, `first_sample`, `host_down`, `disk_low`, …"""
    subject: str
    """The row's key, the backend's name."""
    created: float
    severity: str
    """A `Severity`."""
    title: str
    text: str
    experiment: str = ""
    sent: Mapping[str, float] = field(default_factory=dict)
    """Channel → when it took it."""
    tries: Mapping[str, int] = field(default_factory=dict)
    """Channel → how often it was tried without success."""
    due: Mapping[str, float] = field(default_factory=dict)
    """Channel → not before: quiet hours, a digest that gathers, the back-off of a failure."""
    given_up: Mapping[str, str] = field(default_factory=dict)
    """Channel → why, in one line without secrets."""
    reached: Mapping[str, str] = field(default_factory=dict)
    """Channel → who of its recipients has it while others have not, by digests with spaces between."""
    over: float | None = None
    """When it was so no longer, of what begins and ends: a host that is down, a disk that is full; None: it is."""


def new_token() -> str:
    """The id of an attempt, or of a batch: unique for ever."""
    return os.urandom(8).hex()
