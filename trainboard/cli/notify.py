"""`trainboard notify test` and `config check`: whether the user would hear of anything."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Any

from specs.tree import nearest, quoted
from trainboard.actions import Refused
from trainboard.cli.desk import open_desk
from trainboard.cli.terminal import TerminalPrompter, complain, print_json, print_table
from trainboard.notify.bell import ring, terminal_bell
from trainboard.notify.channels import Sort
from trainboard.notify.outbox import Message, Outbox, Outcome

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from trainboard.cli.desk import Desk
    from trainboard.notify.channels import Channel

SERVICES: Mapping[Sort, str] = {Sort.BELL: "bell", Sort.TMUX: "tmux", Sort.COMMAND: "command", Sort.URL: "notifier"}


def notify(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Send a test by each channel; 1 where one did not take it."""
    desk = open_desk(environ, TerminalPrompter())
    channels = [_channel(desk, name) for name in chosen.channels] or list(desk.config.notify.channels)
    if not channels:
        complain(f"{desk.paths.config} has no channel under notify, so nobody would be told")
        return 1
    return asyncio.run(_report(channels, [_test(desk, each) for each in channels], chosen.json, failed=1))


async def check(desk: Desk, *, as_json: bool) -> int:
    """The config was read, so its text is right; 2 where a channel cannot work here."""
    channels = desk.config.notify.channels
    if not as_json:
        there = "" if desk.paths.config.exists() else " (not there)"
        complain(
            f"config {desk.paths.config}{there}: backends {', '.join(each.name for each in desk.config.backends)}"
        )
    return await _report(channels, [_check(desk, each) for each in channels], as_json, failed=2)


def _channel(desk: Desk, name: str) -> Channel:
    """Raises `Refused`."""
    known = {each.name: each for each in desk.config.notify.channels}
    if name not in known:
        hint = nearest(name, known) or f" (the config has {', '.join(known) or 'none'})"
        raise Refused(f"unknown channel {quoted(name)}{hint}")
    return known[name]


async def _report(channels: Sequence[Channel], work: Sequence[Any], as_json: bool, failed: int) -> int:
    """Do it for all of them at once, and say what came of it."""
    outcomes: list[Outcome] = await asyncio.gather(*work)
    found = [_described(channel, outcome) for channel, outcome in zip(channels, outcomes, strict=True)]
    if as_json:
        print_json(found)
    elif found:
        rows = [(each["channel"], each["service"], ", ".join(each["kinds"]), each["why"] or "ok") for each in found]
        print_table(("CHANNEL", "BY", "TELLS", "STATE"), rows)
    return 0 if all(each["ok"] for each in found) else failed


def _described(channel: Channel, outcome: Outcome) -> dict[str, Any]:
    """For JSON: nothing of the URL but what kind of service it leads to."""
    line = f"line {channel.line}: " if channel.line is not None and not outcome.done else ""
    return {
        "channel": channel.name,
        "service": outcome.service or SERVICES[channel.sort],
        "kinds": sorted(str(kind) for kind in channel.kinds),
        "level": str(channel.level),
        "ok": outcome.done,
        "why": line + outcome.why,
    }


async def _check(desk: Desk, channel: Channel) -> Outcome:
    """A terminal that is not there is no mistake: the board will have one."""
    if channel.sort is Sort.BELL and terminal_bell() is None:
        return Outcome(True, "ok where there is a terminal")
    if channel.sort is Sort.TMUX and not desk.environ.get("TMUX"):
        return Outcome(True, "ok within tmux")
    return await _asked(Outbox(desk.paths.outbox, desk.environ), channel, None)


async def _test(desk: Desk, channel: Channel) -> Outcome:
    if channel.sort is Sort.BELL:
        return Outcome(True) if ring() else Outcome(False, "there is no terminal")
    if channel.sort is Sort.TMUX and not desk.environ.get("TMUX"):
        return Outcome(False, "this is not within tmux")
    host = socket.gethostname()
    text = f"This is a test: {channel.name} works.\n\nopen: trainboard (on {host}, process {os.getpid()})"
    message = Message("trainboard: a test notice", text, "info", "test")
    return await _asked(Outbox(desk.paths.outbox, desk.environ), channel, message)


async def _asked(outbox: Outbox, channel: Channel, message: Message | None) -> Outcome:
    try:
        if message is None:
            return await outbox.check(channel)
        outcome, slip = await outbox.send(channel, message)
    except OSError as error:
        return Outcome(False, f"{error.filename or ''}: {error.strerror or error}")
    if slip is not None:
        await outbox.drop(slip)
    return outcome
