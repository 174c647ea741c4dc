"""Whole folders: attempts, batches, our programs. Each appears complete or not at all."""

import errno
import json
import os
import shutil
import threading
import zlib
from typing import Any, Dict, List, Tuple

from backends.remote.files import executor, make_folder, read_json, resolve, write_whole
from backends.remote.frames import Failure, Header, Reply, described

WRITERS = 8
"""Folders that are written at the same time: a disk and a file server take many waits at once."""

MARK = ".token"
"""Says with which token a folder came that has no plan.json."""


def publish(header: Header, payload: bytes) -> Reply:
    """Many folders, each as [path, token, [[file, size], ...], [[link, target], ...]]; an outcome for each.

    The payload is all files' bytes in a row, compressed.
    """
    if header["policy"] is not None:
        keep_policy(header["root"], header["policy"])
    data = zlib.decompress(payload)
    at = 0
    folders = []
    for path, token, files, links in header["folders"]:
        contents = []
        for name, size in files:
            contents.append((name, data[at : at + size]))
            at += size
        folders.append(Folder(path, token, contents, links))
    with executor(max(1, min(WRITERS, len(folders)))) as pool:
        outcomes = list(pool.map(Folder.outcome, folders))
    return {}, json.dumps(outcomes).encode("utf-8")


def keep_policy(root: str, policy: Dict[str, Any]) -> None:
    """Write down the user's rules for the waiters of this root, where they have changed."""
    path = os.path.join(resolve(root), "policy.json")
    if read_json(path) != policy:
        make_folder(os.path.dirname(path))
        write_whole(path, json.dumps(policy).encode("utf-8"))


RESERVED = "reserved"
"""In the plan.json of a place that was taken to keep an attempt from coming."""


class Folder(object):
    """One folder to be put in place."""

    def __init__(self, path: str, token: str, files: List[Tuple[str, bytes]], links: List[Tuple[str, str]]) -> None:
        self.path = resolve(path)
        self.token = token
        self.files = files
        self.links = links
        self.is_attempt = "plan.json" in dict(files)

    def outcome(self) -> Dict[str, Any]:
        """What became of it, with nothing raised: the others have their own fate."""
        try:
            if not self.is_there():
                self.put()
            return {"path": self.path}
        except Exception as error:  # the others come all the same
            return described(error)

    def is_there(self) -> bool:
        """Whether it came before, with our token. Raises `Failure` where another has the place."""
        if not os.path.lexists(self.path):
            return False
        plan = read_json(os.path.join(self.path, "plan.json" if self.is_attempt else MARK)) or {}
        if plan.get("token") != self.token:
            raise Failure("EEXIST", "%s: there is another %s" % (self.path, self.kind()))
        if plan.get(RESERVED):
            self.complete()
        return True

    def complete(self) -> None:
        """Add what belongs into the place of an attempt that was taken back before it came; it never starts."""
        for name, content in sorted(self.files, key=lambda file: file[0] == "plan.json"):
            write_whole(os.path.join(self.path, name), content)

    def kind(self) -> str:
        """What a person calls it."""
        return "attempt" if self.is_attempt else "folder"

    def put(self) -> None:
        """Write it beside its place and rename it; of several who do so at once one is first, and all are right."""
        draft = "%s.%s.%d.%d.tmp" % (self.path, self.token, os.getpid(), threading.get_ident())
        make_folder(os.path.dirname(self.path))
        try:
            self.fill(draft)
            os.rename(draft, self.path)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            if not self.is_there():
                error.filename = self.path
                raise
        self.sweep()

    def fill(self, draft: str) -> None:
        """All that is in it."""
        make_folder(os.path.join(draft, "state") if self.is_attempt else draft)
        if not self.is_attempt:
            self.files = self.files + [(MARK, json.dumps({"token": self.token}).encode("utf-8"))]
        for name, content in self.files:
            with os.fdopen(os.open(os.path.join(draft, name), os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for name, target in self.links:
            os.symlink(target, os.path.join(draft, name))

    def sweep(self) -> None:
        """Take away what an earlier try, cut short, has left beside it."""
        above, name = os.path.split(self.path)
        begin = "%s.%s." % (name, self.token)
        for each in os.listdir(above):
            if each.startswith(begin) and each.endswith(".tmp"):
                shutil.rmtree(os.path.join(above, each), ignore_errors=True)
