"""Looking for a line in a file on a host, step by step: the file stays there."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

from backends.base import CommandFailed, Sought
from backends.host import packed
from backends.programs import seek_source
from backends.text import one_line

if TYPE_CHECKING:
    from backends.base import Wanted
    from backends.host import Host

STEP = 1.0
"""Seconds of one step: so soon is its progress told, and so long goes a search on that nobody wants any more."""

HUNG = 30.0
"""Seconds after which a step is ended that does not end by itself: a file system does not answer."""


@cache
def program() -> bytes:
    """What is sent for it."""
    return packed(seek_source())


async def search(host: Host, path: str, wanted: Wanted, offset: int, *, backwards: bool) -> Sought:
    """One step, in a process of its own on the host. Raises a `BackendError`."""
    request = {
        "path": path,
        "pattern": wanted.pattern,
        "ignore_case": wanted.ignore_case,
        "needles": list(wanted.needles),
        "offset": offset,
        "backwards": backwards,
        "seconds": STEP,
    }
    answer, _, line = (await host.program(program(), [json.dumps(request)], HUNG)).partition(b"\n")
    try:
        told = json.loads(answer)
    except ValueError as error:
        raise CommandFailed(f"{host.name}: {one_line(answer) or 'no answer'}") from error
    if "error" in told:
        raise host.failure(told)
    return Sought(told["found"], line, told["at"], told["size"], told["done"])
