"""What crosses the wire: states, jobs, machines, plans, errors, and the protocol that every backend keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from backends.machine import Disk as Disk  # noqa: TC001  # others take it from here
from backends.machine import Gpu as Gpu
from backends.machine import Health as Health  # noqa: TC001
from backends.states import ENDED as ENDED
from backends.states import JobState as JobState  # noqa: TC001  # others take it from here

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
    from pathlib import Path

    from backends.checks import Forecast, Program, Rehearsal, Survey, Unknown
    from specs.model import Input, Resources, SlurmOptions


@dataclass(frozen=True, slots=True)
class Peaks:
    """The most that an attempt has used so far, as far as its runner tells. Bytes."""

    memory: float | None = None
    gpu_memory: float | None = None
    """Of the GPU on which it has most."""
    disk: float | None = None
    """Of its directory, and of its checkpoints elsewhere."""
    seconds: float | None = None
    """How long it ran, once it has ended."""
    cpu: float | None = None
    """Seconds of processor that all its processes used, once it has ended."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job as a backend sees it. Times are seconds since the epoch."""

    backend: str
    job_id: str
    """Unique on its backend only."""
    name: str
    state: JobState
    token: str = ""
    """The token of our attempt; empty for a job that we did not start."""
    reason: str = ""
    """Why it waits, or how it ended, in the backend's words."""
    partition: str = ""
    nodes: str = ""
    submitted: float | None = None
    started: float | None = None
    ended: float | None = None
    time_limit: float | None = None
    """Seconds."""
    exit_code: int | None = None
    log: str | None = None
    """Path of standard output on the backend's files."""
    array: str = ""
    """The id of the array that it is a task of; empty for a job of its own."""
    stranded: bool = False
    """It waits, but nothing on the host moves it on (the host was restarted, its waiter was killed, it was uploaded
    and never launched): it must be sent again, which is safe."""
    withdrawn: bool = False
    """It ended because we took it back before it began; it can never start."""
    restarts: int = 0
    """How often its scheduler started it again by itself."""
    peaks: Peaks | None = None
    """None: nobody tells."""
    checkpoints: tuple[float, ...] = ()
    """When it saved the newest ones, the oldest first, as far as somebody looked."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a file on a host."""

    offset: int
    """Of the first byte of `data`."""
    data: bytes
    size: int
    """Of the whole file when it was read."""
    restarted: bool = False
    """The file shrank or was replaced since the last chunk: what was read before is not in it any more."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for in a file, line by line, in what a terminal would show of each line."""

    pattern: str
    """A regular expression as Python's `re` knows it; Unicode."""
    ignore_case: bool = True
    needles: tuple[str, ...] = ()
    """In small letters: a line without any of these does not match. Found much faster; empty: nothing is known."""


@dataclass(frozen=True, slots=True)
class Sought:
    """How far one step of a search came, and what it found."""

    found: int | None
    """Where the line begins that matches, or, of a long one, the piece that does; None: none of those looked at."""
    line: bytes
    """That line, or its beginning, as it is in the file."""
    at: int
    """Where the next step goes on: all between there and where this one began was looked at."""
    size: int
    """Of the whole file."""
    done: bool
    """It found something, or there is no more to look at in this direction."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A followed file cannot be read at the moment; it is tried on."""

    reason: str


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that ended."""

    code: int
    out: bytes
    err: bytes
    truncated: bool = False
    """Output went past the cap and was cut there."""


@dataclass(frozen=True, slots=True)
class CodeFile:
    """One file or link of a project."""

    path: str
    """From the project folder; bytes that are no UTF-8 as `os.fsdecode` gives them."""
    digest: str
    """SHA-256 of what is in it, hexadecimal; empty for a link."""
    size: int
    """Bytes; 0 for a link."""
    executable: bool = False
    target: str = ""
    """What a link says; empty for a file."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A project folder as it was at submission, by content."""

    digest: str
    """SHA-256 of the list of files (`backends.snapshot.manifest`), hexadecimal: the same for the same files."""
    files: tuple[CodeFile, ...] = field(repr=False)
    """By path."""
    blobs: Path = field(compare=False)
    """The folder on this machine with what is in them: `ab/<sha256>`."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A project folder as one file: what older versions kept of an experiment, which may still have to be sent."""

    digest: str
    """SHA-256 of the archive, hexadecimal."""
    archive: bytes = field(repr=False)
    """tar.gz."""


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """What a run saves of itself."""

    pattern: str
    """Glob of files or folders, relative to where the program runs or absolute; parameters are filled in."""
    keep: int | None = None
    """So many of the newest stay, and those named `best`; None: all."""
    resume: str = ""
    """Shell text added to the command where there is a checkpoint; `{checkpoint}` stands for its path."""


@dataclass(frozen=True, slots=True)
class Result:
    """A file that an attempt left where its program ran."""

    path: str
    """From there; untrusted: it says what the host says."""
    size: int
    """Bytes."""
    changed: float = 0.0
    """When it was written last, by the clock of its host."""


@dataclass(frozen=True, slots=True)
class Results:
    """What an attempt left."""

    files: tuple[Result, ...] = ()
    left: str = ""
    """Why there may be more, in one line; empty where this is all."""
    folder: str = ""
    """Where the program ran: `follow` and `read` take a path below it."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a backend could do with runs of one size, as it is now."""

    now: int | None
    """How many would start at once; None: a scheduler decides that."""
    queue: int | None = None
    """How many more it takes into its queue; None: no limit is known."""
    reason: str = ""
    """Why none would start now, or which limit is near, in one line."""
    waiting: int | None = None
    """Runs of all users that wait in the host's own queue; None: nobody tells."""
    takes: tuple[tuple[int, ...], ...] = ()
    """Which GPUs the first that would start would take, by index."""
    gpus: tuple[tuple[int, str], ...] = ()
    """For the first that would not start, each GPU by index and why it cannot have that; empty text: it could."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The user's own rules on a host without a scheduler; its waiters read them at each look."""

    at_most: int | None = None
    """So many runs of the user at the same time on this host; None: as many as there is room for."""
    ignore: tuple[str, ...] = ()
    """Names of processes that may be on a GPU without making it taken, besides the known ones of a desktop."""
    share: bool = False
    """Whether a run with declared GPU memory may sit beside processes of others that took no lease."""
    settle: float = 30.0
    """Seconds that a GPU must have been free after a process of others was seen on it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One attempt to be launched, complete: nothing else is asked of the user or the store."""

    token: str
    """Made by us, unique for ever; hexadecimal."""
    experiment: str
    """What the user calls it; on one host others may call theirs the same."""
    run: str
    attempt: int
    """From 1."""
    command: str
    """Shell text, parameters quoted in."""
    spec_text: str
    setup: str
    env: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)
    """Environment that reaches the process and no file."""
    resources: Resources
    slurm: SlurmOptions
    workdir: Path
    """The project folder on this machine."""
    code: Snapshot | Archive | None = None
    """What to send of it; None for a backend that shares the folder."""
    batch: str = ""
    """Made by us, hexadecimal: plans with the same one are handed over in one call, and may become one array."""
    task: int = 0
    """Position in the batch, from 0: the array index where there is an array."""
    priority: int = 0
    """Among the user's own waiting runs the greater goes first."""
    place: float = 0.0
    """Among those of one priority the smaller goes first."""
    at_most: int | None = None
    """So many runs of the experiment at the same time; None: as many as there is room for."""
    checkpoints: Checkpoints | None = None
    log_limit: int | None = None
    """Bytes that out.log and the older out.log.1 may have together; None: no limit."""
    restart_on: tuple[JobState, ...] = ()
    """After which ends a scheduler may start the same job again by itself (Slurm: TIMEOUT, PREEMPTED, NODE_FAIL)."""
    restarts: int = 0
    """How often at most."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Texts that its command reads from the attempt directory, by name."""
    origin: Mapping[str, Any] = field(default_factory=dict)
    """What `trainboard rebuild` needs besides to make the store's records anew; JSON values."""
    experiment_folder: str = ""
    """A name that no other experiment has, whoever submits; empty: `experiment`."""

    @property
    def home(self) -> str:
        """The experiment's folder, below the backend's root."""
        return self.experiment_folder or self.experiment

    @property
    def folder(self) -> str:
        """The attempt directory, below the backend's root."""
        return f"{self.home}/{self.run}/{self.attempt}"

    @property
    def job_name(self) -> str:
        """What a scheduler shows."""
        return f"{self.experiment}/{self.run}"


@dataclass(frozen=True, slots=True)
class Watched:
    """An attempt of ours whose fate is still open."""

    token: str
    job_id: str
    """Empty while it is not known."""
    directory: str
    """The attempt directory on the host."""
    submitted: float
    batch: str = ""
    """As in its plan."""
    task: int = 0
    name: str = ""
    """`Plan.job_name`: the last resort where a scheduler keeps no comment."""


@dataclass(frozen=True, slots=True)
class Found:
    """An attempt directory as it lies on a host."""

    directory: str
    plan: Mapping[str, Any]
    """Its plan.json."""
    spec_text: str
    job_id: str = ""
    """Where the attempt has begun on a scheduler; else empty."""


class BackendError(Exception):
    """Something that a host or its scheduler would not do. `str()` is one line for a person."""

    advice: str = ""
    """What to do about it, in one line; may be empty."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice or type(self).advice

    @property
    def bare(self) -> str:
        """The message without the host's name in front, for a place where that name stands already."""
        host, _, rest = str(self).partition(": ")
        return rest if rest and " " not in host else str(self)


class HostUnreachable(BackendError):
    """No connection: refused, timed out, dropped, no such name."""


class LoginRefused(BackendError):
    """The host answers and does not let us in."""


class HostKeyRefused(BackendError):
    """The host's key is not the one on record, or the user did not accept it."""


class HelperUnavailable(BackendError):
    """Logged in, but the helper does not run: no python3, or one that is too old."""


class HostTimeout(BackendError):
    """A request got no answer in its time. What it asked for may have happened."""


class CommandFailed(BackendError):
    """A command ended with an error, or is not there."""


class HostFull(BackendError):
    """No space, or no quota, left on the host."""


class Rejected(BackendError):
    """The backend said clearly no to a submission: nothing was started."""


class NoRoom(Rejected):
    """A `Rejected` for now: the scheduler takes no more jobs of the user's until some of theirs have ended."""


class Unclear(BackendError):
    """A submission whose outcome is not known: it may run, and must be looked up before it is tried again."""


@dataclass(frozen=True, slots=True)
class Question:
    """Something that only the user can answer, for one host."""

    host: str
    title: str
    """As `gpu1: password`."""
    text: str
    """The server's own words or the fingerprint; untrusted."""
    echo: bool = False
    """Whether the answer may be seen while it is typed."""
    yes_no: bool = False
    """The answer is "yes" or None."""


class Prompter(Protocol):
    """Whoever can ask the user. One question at a time; others wait their turn."""

    async def ask(self, question: Question) -> str | None:
        """The answer, or None where the user declines or there is nobody to ask."""


class Backend(Protocol):
    """A place where runs run, with the same meaning on every kind.

    All calls raise a `BackendError` where the host does not do its part.
    """

    name: str
    kind: str
    """`local`, `ssh` or `slurm`."""
    shared: bool
    """Whether the project folder has the same path there: nothing is sent then."""

    @property
    def calls(self) -> Sequence[float]:
        """When scheduler commands or state queries were issued lately, newest last (monotonic seconds)."""

    async def submit(self, plans: Sequence[Plan]) -> Mapping[str, str | Rejected | Unclear]:
        """Upload and start attempts of one experiment; by token, the job id or why there is none.

        All of them have the same batch. Doing it again with the same tokens starts nothing twice. Raises nothing else
        than what it returns: a host that does not answer is `Rejected` before the launch and `Unclear` after it.
        """

    @property
    def folders(self) -> Sequence[str]:
        """Where we write on the host: attempts, and the queue of a server; they may begin with `~/`."""

    def directory(self, folder: str) -> str:
        """Where the attempt with this `Plan.folder` lives on the host; may begin with `~/`."""

    async def jobs(self, watched: Collection[Watched]) -> tuple[Job, ...]:
        """The user's queue there, and the state of the watched attempts wherever there is evidence of it."""

    async def cancel(self, attempts: Sequence[Watched]) -> None:
        """End these, with every process that they started. One that waits can then never start."""

    async def withdraw(self, attempts: Sequence[Watched]) -> frozenset[str]:
        """Take back those that have not begun: the tokens of those that can now never start. The others go on."""

    async def hold(self, attempts: Sequence[Watched]) -> None:
        """Keep these from starting, where they have not begun."""

    async def release(self, attempts: Sequence[Watched]) -> None:
        """Let them start again."""

    async def prioritise(self, attempts: Sequence[Watched], priority: int) -> None:
        """Give these waiting attempts a new `Plan.priority`. Raises `CommandFailed` where the site forbids it."""

    async def to_top(self, attempts: Sequence[Watched]) -> None:
        """Put these, in this order, before all others of the user's that wait. Raises as `prioritise`."""

    async def room(self, resources: Resources, slurm: SlurmOptions) -> Room:
        """What it could do with runs of this size."""

    async def survey(self, plan: Plan, inputs: Sequence[Input], patience: float) -> Survey:
        """What lies on the host for a plan, and what the host has; `patience`: seconds for checksums that are new."""

    async def rehearse(self, plan: Plan, programs: Sequence[Program]) -> Rehearsal | Unknown:
        """Try a plan's set-up in a login shell, and look for these programs after it; no run is started."""

    async def forecast(self, plan: Plan) -> Forecast | None:
        """What the scheduler says of such a job without taking it; None where there is no scheduler."""

    async def scan(self) -> tuple[Found, ...]:
        """Every attempt directory below the backend's root, for `trainboard rebuild`."""

    async def results(self, directory: str, patterns: Sequence[str]) -> Results:
        """The files of an attempt that these globs find where its program ran, and that it wrote or changed.

        Nothing outside of that folder is found, whatever links are in it.
        """

    async def fetch(self, directory: str, pieces: Sequence[tuple[str, int, int]]) -> Sequence[bytes | str]:
        """Pieces of such files, each a path, an offset and a length: their bytes, or why they cannot be read."""

    async def log_path(self, job: Job) -> str | None:
        """Where the standard output of a job goes that we did not start; None where nobody knows."""

    async def read(self, path: str, offset: int, limit: int) -> Chunk:
        """At most `limit` bytes of a file; a negative offset counts from its end."""

    async def search(self, path: str, wanted: Wanted, offset: int, *, backwards: bool = False) -> Sought:
        """One step, of a second or so, of looking for a line on the host: the file does not travel.

        Forwards from the line that begins at `offset` on; backwards from the line that ends there. A negative
        `offset` is the end of the file. Raises `CommandFailed` for a pattern that cannot be read or takes too long.
        """

    def follow(self, path: str, offset: int) -> AsyncGenerator[Chunk | Unreadable]:
        """The file from `offset` on, as it grows; waits for a file that is not there yet. Never ends by itself."""

    def health(self, interval: float) -> AsyncGenerator[Health]:
        """Readings of the host (of the gateway, for a cluster), about every `interval` seconds."""

    async def space(self, paths: Sequence[str]) -> tuple[Disk, ...]:
        """The disks of these folders, each by the path that was asked for; without those that nobody can tell."""

    async def run_command(self, argv: Sequence[str], timeout: float = 20, cap: int = 1 << 20) -> Completed:
        """A command on the host, without a shell."""

    async def close(self) -> None:
        """Drop the connection. Runs go on."""
