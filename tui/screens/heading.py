"""The line at the top of the run screen. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainboard.link import Link
from tui import show
from tui.widgets.job_cells import elapsed, name_of, place_of

if TYPE_CHECKING:
    from trainboard.events import HostSeen
    from trainboard.progress import Estimate
    from trainboard.rows import Row
    from tui.widgets.bars import Group


def heading(
    row: Row, estimate: Estimate | None, now: float, host: HostSeen | None = None, *, listed: bool = True
) -> tuple[Group, ...]:
    """Which run this is, how it stands, and how long it still takes; what matters least comes last.

    Of a run that has not ended it says where that is from before: its host does not answer, or lists it no more.
    """
    sign, tone = show.STATES[row.state]
    groups: list[Group] = [((f" {name_of(row)} ", "strong"),), ((f" {sign} {row.state} ", tone),)]
    if not row.state.ended and host is not None and host.link is not Link.UP:
        sign, tone = show.LINKS[host.link]
        old = "" if host.seen is None else f" {show.age(now - host.seen)}"
        groups.append(((f" {sign} {show.clean(host.backend, 20)} {host.link}{old} ", tone),))
    elif not row.state.ended and not listed:
        groups.append(((" not listed any more ", "waiting"),))
    if estimate is not None and estimate.share is not None:
        groups.append(((f" {int(estimate.share * 100)}% ", "strong"),))
    if estimate is not None and estimate.eta is not None:
        groups.append(((f" {show.duration(estimate.eta)} left ", "plain"),))
    if estimate is not None and estimate.in_time is False:
        groups.append(((" beyond its time limit ", "bad"),))
    if (ran := elapsed(row, now)) is not None:
        groups.append(((f" ran {show.duration(ran)} ", "plain"),))
    groups.append(((f" {place_of(row)} {show.clean(row.job_id)} ", "dim"),))
    return tuple(groups)
