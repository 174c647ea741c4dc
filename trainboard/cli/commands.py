"""`trainboard commands` and `trainboard shell`."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from trainboard.actions import Refused
from trainboard.cli.desk import open_desk
from trainboard.cli.find import find_one
from trainboard.cli.terminal import TerminalPrompter, print_json, print_table
from trainboard.commandlog import newest
from trainboard.shell import shell_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from trainboard.commandlog import Logged


def commands(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """The last commands that were run on hosts, the oldest first."""
    desk = open_desk(environ, TerminalPrompter())
    wanted = desk.config.resolve(chosen.hosts)
    try:
        log = newest(desk.paths.commands)
    except OSError as error:
        raise Refused(f"{error.filename or desk.paths.commands}: {error.strerror or error}") from error
    shown = [each for each in log if not wanted or each.command.host in wanted][-chosen.lines :]
    if chosen.json:
        print_json([{"by": each.by} | asdict(each.command) for each in shown])
    else:
        print_table(("AT", "BACKEND", "TOOK", "OUTCOME", "BY", "", "COMMAND"), map(cells, shown))
    return 0


def cells(logged: Logged) -> tuple[str, ...]:
    """A row of the table; `!` may have changed something."""
    command = logged.command
    at = time.strftime("%m-%d %H:%M:%S", time.localtime(command.at))
    sign = "!" if command.changes else ""
    return at, command.host, f"{command.seconds:.3f}s", command.outcome, logged.by, sign, command.text


def shell(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Become a shell in the run's folder."""
    desk = open_desk(environ, TerminalPrompter())
    if desk.places.readonly:
        raise Refused("a shell can change anything, which --readonly refuses")

    async def found() -> tuple[str, ...]:
        async with desk.backends() as backends:
            row = await find_one(desk, backends, chosen.runs[0])
        return shell_of(row, desk.config, desk.paths.ssh_config).argv

    argv = asyncio.run(found())
    sys.stdout.flush()
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        raise Refused(f"{argv[0]}: {error.strerror or error}") from error
