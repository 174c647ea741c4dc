"""One line per host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.geometry import Region
from textual.widget import Widget

from trainboard.link import Link
from tui import show
from tui.columns import Column, fit
from tui.widgets.lines import Piece, strip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    Column("calls", "", 12, 12, 8),
    Column("kind", "", 6, 6, 9),
    Column("model", "", 12, 40, 10),
)
SHORT = ("chip", "name", "jobs")
"""What stays beside why a host is not up, or is sent nothing; jobs only where they have been seen."""


class HostStrip(Widget):
    """The newest about every host, in the order in which they were first seen.

    Where they are too many for the place, those that are not up come first, and the last line names the others.
    """

    DEFAULT_CSS = """
    HostStrip { height: auto; max-height: 8; }
    """

    def __init__(self, clock: Callable[[], float], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.hosts: dict[str, HostSeen] = {}
        self._clock = clock
        self._drawn: dict[int, tuple[Piece, ...]] = {}

    def on_mount(self) -> None:
        self.set_interval(1.0, self.look)

    def put(self, host: HostSeen) -> None:
        """Show the newest about this host."""
        new = host.backend not in self.hosts
        self.hosts[host.backend] = host
        if new:
            self.refresh(layout=True)
        else:
            self.look()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, len(self.hosts))

    def look(self) -> None:
        """Draw what changed, as long as it can be seen."""
        for y in range(min(self.size.height, len(self.hosts)) if self.screen.is_current else 0):
            if self._drawn.get(y) != self._line(y):
                self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        pieces = self._drawn[y] = self._line(y)
        return strip(self, pieces, self.size.width)

    def order(self) -> tuple[HostSeen, ...]:
        """As they were first seen; where not all can be shown, those that are not up come first."""
        hosts = tuple(self.hosts.values())
        return hosts if len(hosts) <= self.size.height else tuple(sorted(hosts, key=lambda h: h.link is Link.UP))

    def _line(self, y: int) -> tuple[Piece, ...]:
        hosts = self.order()
        if y == self.size.height - 1 and len(hosts) > y + 1:
            return self._others(hosts[y:])
        if y < len(hosts):
            return self.pieces(hosts[y])
        return () if hosts or y else (("no host yet", "dim"),)

    def _others(self, hosts: Sequence[HostSeen]) -> tuple[Piece, ...]:
        """Hosts that have no line of their own, as far as they have room; how many there are always has."""
        pieces: list[Piece] = [(f"and {len(hosts)} more: ", "dim")]
        room = self.size.width - len(pieces[0][0])
        for host in hosts:
            sign, name = show.LINKS[host.link]
            text = f" {show.clean(host.backend, 16)}  "
            room -= 1 + cell_len(text)
            if room < 1:
                return (*pieces, ("…", "dim"))
            pieces += [(sign, name), (text, "plain")]
        return tuple(pieces)

    def pieces(self, host: HostSeen) -> tuple[Piece, ...]:
        """A host's line."""
        tone = show.LINKS[host.link][1]
        now = self._clock()
        short = SHORT[:2] if host.seen is None else SHORT if host.reason else (*SHORT, "gpus")
        told = show.clean(" — ".join(filter(None, (host.reason, host.advice) if host.reason else (host.trouble,))))
        wanted = [c for c in COLUMNS if c.name in short] if told else COLUMNS
        pieces: list[Piece] = []
        for column, width in fit(wanted, self.size.width):
            text = cell(host, column.name, now)
            name = tone if column.name == "chip" else "strong" if column.name == "name" else "plain"
            pieces += [(show.cut(text, width), name), (" ", "plain")]
            if told and column.name == "name":
                pieces[-2] = (show.cut(text, column.width), name)
        if told:
            room = self.size.width - sum(cell_len(text) for text, _ in pieces)
            pieces.append((show.cut(told, room), tone if host.reason else "waiting"))
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
            return f"{host.calls_per_minute:.0f} calls/min"
    if health is None:
        return ""
    match name:
        case "gpus":
            if health.gpu_error:
                return "GPU ?"
            if health.gpus:
                from trainboard.machines import is_free

                return f"GPU {sum(not is_free(gpu) for gpu in health.gpus)}/{len(health.gpus)}"
            return "" if host.kind == "slurm" else "no GPU"  # what the gateway has is not what the cluster has
        case "disk":
            if health.disks and not health.answering:
                return "disk ?"  # none of them answers
            return f"disk {show.size(min(d.free for d in health.answering))}" if health.disks else ""
        case "memory":
            if not health.memory_total or health.memory_available is None:
                return ""
            return f"mem {100 * (1 - health.memory_available / health.memory_total):.0f}%"
        case "load":
            return "" if health.load is None else f"load {health.load:.1f}"
    if health.gpu_error:
        return show.clean(health.gpu_error)
    return show.clean(", ".join(dict.fromkeys(gpu.name for gpu in health.gpus)))
