"""What a front end may ask of the program. The watch implements it; a test of the screen passes its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from trainboard.options import CAREFUL, Options

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Sequence
    from pathlib import Path

    from backends.base import Chunk, Sought, Wanted
    from specs.model import Setting, Spec
    from trainboard.asking import Questions
    from trainboard.commandlog import Logged
    from trainboard.profiling import Profiling
    from trainboard.prospect import Prospect
    from trainboard.recording import Recording
    from trainboard.rows import Row
    from trainboard.scripts import Scripts
    from trainboard.shell import Shell
    from trainboard.use.using import Using
    from trainboard.written import Written


class Refused(Exception):
    """What was asked for was not done; `str()` is one line that says why."""


class Exists(Refused):
    """A file of this name is there already."""


class Actions(Protocol):
    """All effects that a screen can have."""

    @property
    def questions(self) -> Questions:
        """What backends are asked only when somebody looks. Raises `Refused` in the moment before they are there."""

    async def consider(self, spec: Spec, backend: str | None, options: Options = CAREFUL) -> Prospect:
        """What a submission would do, without doing it: its runs, those that exist already, what the checks say.

        Where it has `doubts`, the user is to be asked about these files first, and then it is to be considered again
        with `options.send`. Where `where` is empty all backends are unfit, unless with `replace`d `options.force`.
        Takes as long as the slowest host. Raises `Refused` for what cannot be submitted in any way.
        """

    async def carry_out(self, prospect: Prospect) -> Sequence[Row]:
        """Submit what was considered: the new rows; none where all its runs exist. Raises `Refused`: nothing was."""

    async def submit(self, spec: Spec, backend: str | None, options: Options = CAREFUL) -> Sequence[Row]:
        """Consider and carry out in one. Raises `Refused` where nothing was submitted for a reason."""

    async def scripts(self, spec: Spec, settings: Sequence[Setting], backend: str | None) -> Scripts:
        """What each of these runs would be started with on the first backend that it may go to; asks no host.

        Raises `Refused`.
        """

    async def cancel(self, keys: Collection[str]) -> None:
        """End these rows for good: no retry comes after it. Raises `Refused` with what was not done."""

    async def hold(self, keys: Collection[str]) -> None:
        """Keep these from starting, where they have not begun. Raises `Refused` with what was not done."""

    async def release(self, keys: Collection[str]) -> None:
        """Let these start. Raises `Refused` with what was not done."""

    async def requeue(self, keys: Collection[str]) -> None:
        """Run these again: a new attempt of each. Raises `Refused` with what was not done."""

    async def prioritise(self, keys: Collection[str], by: int) -> None:
        """Add to the priority of these, where they wait. Raises `Refused` with what was not done."""

    async def to_top(self, keys: Sequence[str]) -> None:
        """Put these, in this order, before all others of the user's that wait. Raises as `hold`."""

    async def mute(self, rule: str, key: str, scope: str, *, on: bool = True) -> None:
        """Do not show what a rule finds (`*`: any rule): in this row (`run`), in all of its spec's (`spec`), or
        anywhere (`all`); or show it again. Raises `Refused`."""

    async def read_findings(self, ids: Collection[str]) -> None:
        """The user has seen these findings. Raises `Refused`."""

    async def series(self, key: str) -> Recording:
        """All samples of a row by metric, its attempts joined; `Recording.take` goes on with what is told. Raises
        `Refused`."""

    def uses(self) -> Using:
        """What answers questions about use. Raises `Refused` in the moment before there is a watch."""

    def show(self, key: str | None) -> None:
        """Stream this row's log as `LogGrew` events, beginning with its tail; None: no log."""

    async def read_log(self, key: str, offset: int, limit: int) -> Chunk:
        """At most `limit` bytes of a row's log; a negative offset counts from its end. Raises `Refused`."""

    async def search_log(self, key: str, wanted: Wanted, offset: int, *, backwards: bool = False) -> Sought:
        """One step of looking for a line in a row's log, on its host (see `Backend.search`). Raises `Refused`."""

    def save_log(self, key: str, path: Path, *, overwrite: bool = False) -> AsyncGenerator[tuple[int, int]]:
        """Write a row's whole log to a file of this machine, which appears when it is complete.

        Tells how many bytes of how many are there after each piece. Raises `Refused`; where the file exists and is
        not to be overwritten, `Exists`, before anything is read.
        """

    async def commands(self) -> Sequence[Logged]:
        """The newest commands that any process of ours ran on any host, the oldest first. Raises `Refused`."""

    def shell(self, key: str) -> Shell:
        """What opens a shell in a row's folder, on its node where it runs on one. Raises `Refused`."""

    def profiling(self, key: str) -> Profiling:
        """What looks into this row's program. Raises `Refused`."""

    def outputs(self, key: str) -> Written:
        """What this row wrote that can be looked at. Raises `Refused`."""

    def look(self, keys: Collection[str]) -> None:
        """These rows are on the screen: their curves are wanted."""

    def refresh(self) -> None:
        """Query every host now, whichever process does the asking."""

    def pause(self, paused: bool) -> None:
        """Stop or go on polling; what is followed goes on."""

    def focus(self, focused: bool) -> None:
        """Whether somebody looks: unfocused, polling slows down."""

    def backend_names(self) -> Sequence[str]:
        """Where a spec can be submitted to, in the order of the config."""

    def spec_folder(self) -> Path:
        """Where new spec files go: the user's folder."""

    def spec_files(self) -> Sequence[Path]:
        """Spec files to offer: those of this folder, then the examples."""

    def spec_source(self, key: str) -> Path | None:
        """The spec file that a row came from; None where there is none, or it is not here any more."""

    def offered_hosts(self) -> Sequence[str]:
        """Hosts of ~/.ssh/config that are no backend yet."""

    async def add_host(self, host: str) -> str:
        """Make such a host a backend; says in one line as what kind. Raises `Refused`."""
