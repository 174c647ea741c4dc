"""What is put on a host before anything begins there: whole folders, programs, project code."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
import zlib
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from backends.base import Archive, BackendError, Rejected
from backends.code import CodeSender
from backends.programs import programs

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from backends.base import Policy, Snapshot
    from backends.host import Host

PATIENCE = 120.0
"""Seconds for one request that puts folders in place: a line of 10 KB/s and a slow network disk are not broken."""


FRESH = 60.0
"""Seconds for which code that is there is taken to stay there."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder to be put in place, complete or not at all."""

    path: str
    token: str
    """By which it is known again: twice with the same one is once."""
    files: Mapping[str, bytes]
    links: Mapping[str, str] = field(default_factory=dict)
    """Symbolic ones, from name to target."""


class Uploads:
    """The uploads to one root on one host. `policy` is written down for the waiters there; None: there are none."""

    def __init__(self, host: Host, root: str, policy: Policy | None) -> None:
        self._host = host
        self._root = root
        self._policy = None if policy is None else asdict(policy)
        self._sending: dict[str, asyncio.Task[None]] = {}
        """What is written once per content and is on its way, by path."""
        self._code = CodeSender(host, root)
        self._there: dict[str, float] = {}
        """When code of which digest was last seen on the host, whole (monotonic seconds)."""

    async def folders(self, folders: Sequence[Folder]) -> list[str | Rejected]:
        """Put them in place in one request: the path of each, or why it is not there. Raises a `BackendError`."""
        listed = [
            [
                folder.path,
                folder.token,
                [[name, len(content)] for name, content in folder.files.items()],
                [list(link) for link in folder.links.items()],
            ]
            for folder in folders
        ]
        payload = b"".join(content for folder in folders for content in folder.files.values())
        packed = await asyncio.to_thread(zlib.compress, payload)  # the runs of an experiment say much the same
        _, data = await self._host.request(
            "publish", PATIENCE, packed, root=self._root, policy=self._policy, folders=listed
        )
        return [
            rejected(self._host.failure(outcome)) if "error" in outcome else str(outcome["path"])
            for outcome in json.loads(data)
        ]

    async def folder(self, folder: Folder) -> str:
        """Put one in place; its full path. Raises `Rejected`."""
        try:
            [outcome] = await self.folders([folder])
        except BackendError as error:
            raise rejected(error) from error
        if isinstance(outcome, Rejected):
            raise outcome
        return outcome

    async def programs(self) -> None:
        """The runner and the waiter, once per version. Raises a `BackendError`."""
        ours = await asyncio.to_thread(programs)  # the first time it reads some dozens of files
        path = f"{self._root}/{ours.folder}"

        async def send() -> None:
            await self.folder(Folder(path, ours.digest, ours.files))

        await self._once(path, send)

    async def code(self, code: Snapshot | Archive) -> None:
        """The project's code, once per content however many runs want it. Raises a `BackendError`."""
        path = f"{self._root}/.code/{code.digest}"
        if isinstance(code, Archive):
            await self._once(f"{path}.tar.gz", lambda: self._archive(f"{path}.tar.gz", code))
        elif time.monotonic() - self._there.get(code.digest, -FRESH) >= FRESH:
            await self._shared(path, lambda: self._code.send(code))
            self._there[code.digest] = time.monotonic()

    async def _archive(self, path: str, code: Archive) -> None:
        await self._host.put(path, code.archive, secrets.token_hex(8))  # others may send it, too

    def close(self) -> None:
        """Leave what is on its way."""
        for task in self._sending.values():
            task.cancel()

    async def _once(self, path: str, send: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Send what is neither there nor on its way; wait until it is there."""

        async def send_if_missing() -> None:
            header, _ = await self._host.request("exists", path=path)
            if not header["exists"]:
                await send()

        await self._shared(path, send_if_missing)

    async def _shared(self, path: str, send: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Send what is not on its way; wait until it is there."""
        task = self._sending.get(path)
        if task is None:
            task = self._sending[path] = asyncio.create_task(send())
            task.add_done_callback(lambda _: self._sending.pop(path))
        await asyncio.shield(task)


def rejected(error: BackendError) -> Rejected:
    """A submission that did not get as far as the launch, for this reason."""
    if isinstance(error, Rejected):
        return error
    made = Rejected(f"not submitted: {error}", error.advice)
    made.__cause__ = error
    return made
