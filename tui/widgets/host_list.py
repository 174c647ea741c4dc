"""The list of hosts: a line each, with a cursor that stays on its line, and what is unfolded below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.reactive import reactive

from tui import host_lines
from tui.hosts import ORDERS, Entry, Hosts
from tui.keys import bindings
from tui.widgets.lines import pointed
from tui.widgets.picks import Picks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.strip import Strip

    from trainboard.events import HostSeen
    from tui.readings import Readings
    from tui.widgets.lines import Piece

Drawn = tuple[bool, "Sequence[Piece]"]
"""Whether the cursor is there, and the line."""


class HostList(Picks):
    """Draws a line anew only where it says something else than before."""

    DEFAULT_CSS = """
    HostList { height: 1fr; }
    """
    BINDINGS = bindings("host_list")
    STAYING = 2

    cursor: reactive[int] = reactive(0, repaint=False)

    def __init__(
        self, hosts: Hosts, readings: Readings, clock: Callable[[], float], *, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self.hosts = hosts
        self.entries: list[Entry] = []
        self.painted = 0
        """How many lines of hosts have been drawn so far."""
        self._readings = readings
        self._clock = clock
        self._drawn: dict[int, Drawn] = {}
        self._told: dict[str, tuple[str, bool]] = {}
        """By host, how old what is shown of it was said to be."""
        self._head = ""
        self._gpus = 0
        """The most that a host has."""

    def on_mount(self) -> None:
        self.set_interval(1.0, self._tick)
        self.rearrange()

    def put(self, host: HostSeen) -> None:
        """Show the newest about a host."""
        self.hosts.hosts[host.backend] = host
        self.rearrange(host.backend)

    def rearrange(self, backend: str | None = None) -> None:
        """Lines may have come or gone, or others stand first; the cursor stays on its line, or goes to its host's.

        `backend`: where they are the same as before, only this host's have changed.
        """
        entries, at = self.hosts.entries(), self.entry
        if entries != self.entries:
            self.entries, backend = entries, None
            self.count = len(entries)
            self.cursor = self.validate_cursor(self._place(at))
        if self.hosts.most_gpus != self._gpus:
            self._gpus, backend = self.hosts.most_gpus, None  # the columns are others
            self.refresh_line(1)
        self._say_head()
        self.look(backend)

    def _place(self, entry: Entry | None) -> int:
        """Where this line is now."""
        if entry is None:
            return self.cursor
        places = {each: place for place, each in enumerate(self.entries)}
        return places.get(entry, places.get(Entry(entry.backend), self.cursor))

    def _say_head(self) -> None:
        shown = sum(entry.kind == "host" for entry in self.entries)
        hosts = self.hosts
        head = host_lines.summary(hosts.hosts.values(), shown, ORDERS[hosts.order][0], hosts.words)
        if head != self._head:
            self._head = head
            self.refresh_line(0)

    def look(self, backend: str | None = None) -> None:
        """Draw what changed; `backend`: only that host can have."""
        for y in range(self.inner_height):
            at = self.top + y
            if backend is not None and (at >= len(self.entries) or self.entries[at].backend != backend):
                continue
            line = self._line(at)
            if self._drawn.get(y) != line:
                self._drawn[y] = line
                self.refresh_line(y + self.STAYING)

    def _line(self, at: int) -> Drawn:
        if at >= len(self.entries):
            none = "  no host matches" if self.hosts.words else "  no host yet"
            return False, [(none if at == 0 else "", "dim")]
        entry = self.entries[at]
        host, now = self.hosts.hosts[entry.backend], self._clock()
        return at == self.cursor, host_lines.line(entry, host, self.hosts, self._readings, now, self.inner_width)

    def _tick(self) -> None:
        """Ages go on: those hosts that can be seen, and only where another word stands for their age."""
        now = self._clock()
        for name in {entry.backend for entry in self.entries[self.top : self.top + self.inner_height]}:
            host = self.hosts.hosts[name]
            age = host_lines.said(host, "age", self._readings, now, 4), host_lines.is_old(host, now)
            if self._told.get(name) != age:
                self._told[name] = age
                self.look(name)

    @property
    def entry(self) -> Entry | None:
        """What the cursor is on."""
        return self.entries[self.cursor] if self.cursor < len(self.entries) else None

    @property
    def host(self) -> HostSeen | None:
        """The host that the cursor is on, or inside of."""
        return self.hosts.hosts.get(self.entry.backend) if self.entry is not None else None

    def fold(self, *, all_of_them: bool = False) -> None:
        """Unfold the host under the cursor, or fold it again; or all, as soon as any is unfolded fold them."""
        hosts, entry = self.hosts, self.entry
        if all_of_them:
            hosts.open = set() if hosts.open else set(hosts.hosts)
        elif entry is not None:
            hosts.open ^= {entry.backend}
        self.rearrange()

    def watch_cursor(self) -> None:
        self.show_cursor()
        self.look()
        self.post_message(self.Moved(self))

    def watch_top(self) -> None:
        self._drawn.clear()

    def on_resize(self) -> None:
        self._drawn.clear()
        self.show_cursor()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        if y == 0:
            return self.staying([(self._head, "plain")])
        if y == 1:
            return self.line(0, [*host_lines.titles(self.hosts.most_gpus, self.inner_width)], "head")
        y -= self.STAYING
        self.painted += 1
        if y not in self._drawn:
            self._drawn[y] = self._line(self.top + y)
        here, pieces = self._drawn[y]
        return self.line(y, pointed(pieces) if here else pieces, "cursor" if here else "plain")
