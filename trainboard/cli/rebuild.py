"""`trainboard rebuild`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from trainboard.cli.desk import open_desk
from trainboard.cli.terminal import TerminalPrompter, complain, print_json, print_table
from trainboard.rebuild import rebuild as rebuild_store
from trainboard.rebuild import states

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from trainboard.rebuild import Account


def rebuild(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Make the store anew from what lies on the backends; 1 where one of them did not answer."""

    async def run() -> Account:
        desk = open_desk(environ, TerminalPrompter())
        async with desk.backends() as backends:
            return await rebuild_store(desk.paths.state, backends, desk.store)

    account = asyncio.run(run())
    if chosen.json:
        print_json(described(account))
    else:
        print_account(account)
    if account.damaged:
        complain(f"the old state was damaged; what was legible in it was kept, and it is in {account.aside}")
    failed = [each for each in account.harvests if each.reason]
    for each in failed:
        complain(f"{each.backend}: {each.reason}; what was known of it was kept")
    return 1 if failed else 0


def described(account: Account) -> dict[str, Any]:
    """The keys that `rebuild --json` promises."""
    records = account.records
    return {
        "experiments": len(records.experiments),
        "runs": len(records.runs),
        "attempts": len(records.attempts),
        "states": dict(states(records)),
        "changed": account.stored,
        "aside": str(account.aside),
        "damaged": account.damaged,
        "backends": [
            {
                "backend": each.backend,
                "attempts": len(each.lineages),
                "unreadable": each.unreadable,
                "reason": each.reason,
            }
            for each in account.harvests
        ],
    }


def print_account(account: Account) -> None:
    """What was found where, and what there is now."""
    rows = [
        (each.backend, str(len(each.lineages)), str(each.unreadable) if each.unreadable else "-", each.reason)
        for each in account.harvests
    ]
    print_table(("BACKEND", "ATTEMPTS", "UNREADABLE", ""), rows)
    found = described(account)
    counts = ", ".join(f"{count} {state}" for state, count in sorted(found["states"].items()))
    print_table(
        ("", ""),
        [
            ("experiments", str(found["experiments"])),
            ("runs", str(found["runs"])),
            ("attempts", f"{found['attempts']}{f': {counts}' if counts else ''}"),
            ("changed", f"{found['changed']} records"),
            ("old state", found["aside"]),
        ],
    )
