"""Files of predictions on a host: the program that sums them up is sent there, and what it says comes back."""

from __future__ import annotations

import json
from collections import OrderedDict
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from backends import predictions, remote
from backends.base import CommandFailed
from backends.host import packed
from backends.programs import bundle, modules
from backends.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backends.host import Host

READING = 600.0
"""Seconds that a file may take: 10 million rows of 20 columns take some minutes."""

LOOKING = 180.0
"""Seconds to find out which interpreters have numpy; each may have to be loaded from a busy disk."""

SUMMARY = 4 << 20
"""Bytes of an answer."""

KEPT = 16
"""Answers that are remembered, for as long as their files stay as they are."""

Answer = dict[str, Any]


@runtime_checkable
class Predicted(Protocol):
    """A backend that can say what a file of predictions says, without bringing it here."""

    async def predicted(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """What `backends.predictions.main` answers to this; on the gateway of a cluster, never on its nodes.

        Raises a `BackendError`.
        """


class Reader:
    """Has files of predictions read on one host. What was read is not read again until the file changes."""

    def __init__(self, name: str, host: Host) -> None:
        self._name = name
        self._host = host
        self._pythons: dict[str, tuple[str, bool]] = {}
        """By the directory of the run: the interpreter, and whether it has pyarrow."""
        self._known: OrderedDict[str, Answer] = OrderedDict()

    async def ask(self, asked: Mapping[str, Any]) -> Answer:
        """What the program answers; given up, it ends there too. Raises a `BackendError`."""
        key = json.dumps(asked, sort_keys=True)
        known = self._known.get(key)
        stamp = None if known is None else known.get("stamp")
        found = await self._run({**asked, "known": stamp}, await self._python(asked))
        if known is not None and found.get("unchanged"):
            self._known.move_to_end(key)
            return known
        if "stamp" in found:
            self._known[key] = found
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        return found

    async def _python(self, asked: Mapping[str, Any]) -> str:
        """An interpreter with numpy, and with pyarrow where the file needs it; empty: the helper's own must do."""
        parquet = str(asked["path"]).endswith((".parquet", ".pq"))
        folder = str(asked.get("directory", ""))
        path, arrow = self._pythons.get(folder, ("", False))
        if path and (arrow or not parquet):
            return path
        found = await self._run({"ask": "pythons", "directory": folder, "parquet": parquet})
        for each in found.get("pythons", ())[:1]:
            self._pythons[folder] = str(each[0]), bool(each[2])
        return self._pythons.get(folder, ("", False))[0]

    async def _run(self, asked: Mapping[str, Any], python: str = "") -> Answer:
        within = LOOKING if asked["ask"] == "pythons" else READING
        out = await self._host.program(source(), [json.dumps(asked)], within, SUMMARY, python)
        try:
            found = json.loads(out)
        except ValueError as error:
            words = one_line(out[:200])
            raise CommandFailed(f"{self._name}: what its predictions say cannot be read: {words}") from error
        return found if isinstance(found, dict) else {}


@cache
def source() -> bytes:
    """The program."""
    names = tuple(f"{remote.__name__}.{name}" for name in remote.FOUND)
    return packed(bundle((*names, *modules(predictions))))
