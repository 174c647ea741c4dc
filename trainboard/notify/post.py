"""Which notices go out now, by which channel, and what becomes of those that do not get through. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trainboard.notify.channels import TERMINAL, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trainboard.notify.channels import Channel
    from trainboard.records import Notice

CLAIM = 120.0
"""Seconds for which nobody else sends what one process is sending: longer than a notifier may take."""
FIRST_WAIT, LONGEST_WAIT = 30.0, 3600.0
"""Seconds until a channel that failed is tried again: twice as long each time."""
OLDEST, OLDEST_HERE = 3 * 86400.0, 3600.0
"""Seconds after which a notice that did not get through is given up; the same where it needs a terminal."""


def waits(notice: Notice, channel: str) -> bool:
    """Whether this channel still has to send it."""
    return channel in notice.due and channel not in notice.sent and channel not in notice.given_up


def batch(
    notices: Iterable[Notice], channel: Channel, now: float, not_before: float = 0.0, *, at_once: bool = False
) -> tuple[Notice, ...]:
    """What goes out as one message now, the oldest first; nothing while the channel rests, or gathers.

    When the first is due, all that has been gathered since goes with it, but for what other recipients have already.
    `not_before`: it sent something just now.
    `at_once`: do not gather.
    """
    pending = [notice for notice in notices if waits(notice, channel.name)]
    resting = any(notice.tries.get(channel.name) and notice.due[channel.name] > now for notice in pending)
    if not pending or resting or now < not_before or (channel.quiet and channel.quiet.until(now) is not None):
        return ()
    due = [each for each in pending if each.due[channel.name] <= now]
    gathered = [each for each in pending if each not in due and gathers(each, channel)]
    if not due and not at_once:
        return ()
    ready = sorted((*due, *gathered), key=lambda notice: (notice.created, notice.id))
    reached = ready[0].reached.get(channel.name) if ready else None
    return tuple(each for each in ready if each.reached.get(channel.name) == reached)


def gathers(notice: Notice, channel: Channel) -> bool:
    """Whether it waits for others alone: nobody has it in hand, and it will not be over by itself."""
    return notice.due[channel.name] <= notice.created + channel.digest and notice.kind != Kind.HOST_DOWN


def claimed(notices: Iterable[Notice], channel: Channel, now: float) -> list[Notice]:
    """The same, in the hands of one who sends them: nobody else does until the claim has run out."""
    until = now + max(CLAIM, channel.digest + 1)
    return [replace(each, due={**each.due, channel.name: until}) for each in notices if waits(each, channel.name)]


def stale(notice: Notice, channels: Iterable[Channel], now: float) -> Notice:
    """The same without the channels that nobody will tell it by: a terminal that was not there in time, or one that
    is in the config no more."""
    known = {channel.name: channel for channel in channels}
    age = now - notice.created
    shown_late = {name for name, each in known.items() if each.sort in TERMINAL and not each.quiet}
    late = [name for name in notice.due if name in shown_late and age > OLDEST_HERE]
    gone = [name for name in notice.due if name not in known and age > OLDEST]
    return given_up(given_up(notice, late, "there was no terminal to show it on"), gone, "there is no such channel")


def unclaimed(notices: Iterable[Notice], channel: str, now: float) -> list[Notice]:
    """The same, to be sent by whoever comes first: who had them is gone, and has sent nothing."""
    return [replace(each, due={**each.due, channel: now}) for each in notices if waits(each, channel)]


def taken(notices: Iterable[Notice], channel: str, now: float) -> list[Notice]:
    """The same when the channel took them."""
    return [thin(replace(each, sent={**each.sent, channel: now})) for each in notices if waits(each, channel)]


def refused(
    notices: Sequence[Notice], channel: str, why: str, now: float, chance: float, reached: Sequence[str] = ()
) -> list[Notice]:
    """The same when the channel did not; `chance`: from 0 to 1, so that many who failed together do not return so.

    `reached`: the recipients who have it, and are not to get it again.
    """
    known = {channel: " ".join(reached)} if reached else {}
    tries = 1 + max((each.tries.get(channel, 0) for each in notices), default=0)
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(tries - 1, 20)) * (0.75 + chance / 2)
    return [
        given_up(each, (channel,), why)
        if now - each.created > OLDEST
        else replace(
            each,
            tries={**each.tries, channel: tries},
            due={**each.due, channel: now + wait},
            reached={**each.reached, **known},
        )
        for each in notices
        if waits(each, channel)
    ]


def over(notice: Notice, now: float) -> Notice:
    """The same when it is so no longer: who has not heard of it need not."""
    return given_up(replace(notice, over=now), notice.due, "it was over before it was sent")


def given_up(notice: Notice, channels: Iterable[str], why: str) -> Notice:
    """The same without the channels that have not sent it."""
    left = {channel: why for channel in channels if waits(notice, channel)}
    if not left and notice.over is None:
        return notice
    return thin(replace(notice, given_up={**notice.given_up, **left}))


def thin(notice: Notice) -> Notice:
    """The same without its text, which nobody needs any more when all channels are done with it."""
    return notice if any(waits(notice, channel) for channel in notice.due) else replace(notice, text="")
