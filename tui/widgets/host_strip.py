"""One line per host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from trainboard.events import Link
from tui import show
from tui.columns import Column, fit
from tui.widgets.lines import Lines, Piece

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.geometry import Size
    from textual.strip import Strip

    from trainboard.events import HostSeen

COLUMNS = (
    Column("chip", "", 12, 12, 0),
    Column("name", "", 10, 16, 1),
    Column("gpus", "", 8, 8, 2),
    Column("jobs", "", 9, 9, 3),
    Column("age", "", 4, 4, 4),
    Column("disk", "", 10, 10, 5),
    Column("memory", "", 8, 8, 6),
    Column("load", "", 9, 9, 7),
    Column("calls", "", 7, 7, 8),
    Column("kind", "", 6, 6, 9),
    Column("model", "", 12, 40, 10),
)
SHORT = ("chip", "name", "jobs")
"""What stays beside the reason of a host that is not up."""


class HostStrip(Lines, can_focus=False):
    """The newest about every host, in the order in which they were first seen; scrolls where they are many."""

    DEFAULT_CSS = """
    HostStrip { height: auto; max-height: 8; }
    """
    STAYING = 0

    def __init__(self, clock: Callable[[], float], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.hosts: dict[str, HostSeen] = {}
        self._clock = clock
        self._drawn: dict[int, tuple[Piece, ...]] = {}

    def on_mount(self) -> None:
        self.set_interval(1.0, self._tick)

    def put(self, host: HostSeen) -> None:
        """Show the newest about this host."""
        new = host.backend not in self.hosts
        self.hosts[host.backend] = host
        if new:
            self.count = len(self.hosts)
            self.refresh(layout=True)
        else:
            self._tick()

    def order(self) -> tuple[HostSeen, ...]:
        """As they were first seen; where not all can be shown, those that are not up come first."""
        hosts = tuple(self.hosts.values())
        return hosts if len(hosts) <= self.inner_height else tuple(sorted(hosts, key=lambda h: h.link is Link.UP))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, len(self.hosts))

    def _tick(self) -> None:
        for place, host in enumerate(self.order()):
            if place in self._drawn and self._drawn[place] != self.pieces(host):
                self.refresh_line(place - self.top)

    def render_line(self, y: int) -> Strip:
        place = self.top + y
        hosts = self.order()
        if place >= len(hosts):
            return self.line(y, [("no host yet", "dim")] if not place else ())
        pieces = self._drawn[place] = self.pieces(hosts[place])
        return self.line(y, pieces)

    def pieces(self, host: HostSeen) -> tuple[Piece, ...]:
        """A host's line."""
        tone = show.LINKS[host.link][1]
        now = self._clock()
        wanted = [c for c in COLUMNS if c.name in SHORT] if host.reason else COLUMNS
        pieces: list[Piece] = []
        for column, width in fit(wanted, self.inner_width):
            text = cell(host, column.name, now)
            name = tone if column.name == "chip" else "strong" if column.name == "name" else "plain"
            pieces += [(show.cut(text, width), name), (" ", "plain")]
            if host.reason and column.name == "name":
                pieces[-2] = (show.cut(text, column.width), name)
        if host.reason:
            said = show.clean(" — ".join(filter(None, (host.reason, host.advice))))
            pieces.append((show.cut(said, self.inner_width - sum(cell_len(text) for text, _ in pieces)), tone))
        return tuple(pieces)


def cell(host: HostSeen, name: str, now: float) -> str:
    """One cell of a host's line; a hyphen where the host does not tell."""
    health = host.health
    seen = None if host.seen is None else now - host.seen
    match name:
        case "chip":
            old = f" {show.age(seen)}" if host.link is Link.STALE and seen is not None else ""
            return f"{show.LINKS[host.link][0]} {host.link}{old}"
        case "name":
            return show.clean(host.backend)
        case "kind":
            return host.kind
        case "jobs":
            return "" if host.seen is None else f"R{host.running} PD{host.pending}"
        case "age":
            return show.age(seen)
        case "calls":
            return f"{host.calls_per_minute:.0f}/min"
    if health is None:
        return ""
    match name:
        case "gpus":
            if health.gpu_error:
                return "GPU ?"
            return f"GPU {sum(map(show.busy, health.gpus))}/{len(health.gpus)}" if health.gpus else "no GPU"
        case "disk":
            return f"disk {show.size(min(d.free for d in health.disks))}" if health.disks else ""
        case "memory":
            if not health.memory_total or health.memory_available is None:
                return ""
            return f"mem {100 * (1 - health.memory_available / health.memory_total):.0f}%"
        case "load":
            return "" if health.load is None else f"load {health.load:.1f}"
    if health.gpu_error:
        return show.clean(health.gpu_error)
    return show.clean(", ".join(dict.fromkeys(gpu.name for gpu in health.gpus)))
