"""What goes along to a backend that does not have the project folder. Pure."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainboard.doubts import meant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backends.base import CodeFile
    from trainboard.code import Taken
    from trainboard.doubts import Doubt

LINKS = 40
"""Links one behind the other, as many as Linux follows."""

IGNORED = "take it out of .gitignore and `code: exclude`, or have `setup` see to it there"

OUTSIDE = "set `workdir:` to a folder that holds it, too"


@dataclass(frozen=True, slots=True)
class Lack:
    """A file of the project that a run would miss."""

    path: str
    """From the project folder, as the command has it."""
    text: str
    advice: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A project as it is sent."""

    files: Mapping[str, CodeFile]
    """By path."""
    doubts: tuple[Doubt, ...]
    """What may have been kept back."""

    @classmethod
    def of(cls, code: Taken) -> Sent:
        """What was taken."""
        return cls({file.path: file for file in code.snapshot.files}, code.doubts)

    def lack(self, path: str, *, starts: bool) -> Lack | None:
        """Why a path from the project folder does not do there; None: it does, or only the host knows.

        `starts`: it is what the command starts by itself.
        """
        place = self.place(path)
        if place == "." or place.startswith("/"):
            return None  # all of it; or a link out of the project, which may lead somewhere there
        file = self.files.get(place)
        if file is None and not any(name.startswith(f"{place}/") for name in self.files):
            doubt = next((each for each in self.doubts if meant(each.path, place)), None)
            if doubt is not None:
                return Lack(path, f"not sent: {path} ({doubt.why})", f"let it go: `code: {{allow: [{doubt.path}]}}`")
            return Lack(path, f"not sent: {path}", OUTSIDE if place.startswith("../") else IGNORED)
        if starts and file is not None and not file.executable:
            return Lack(path, f"{path}: not executable", f"chmod +x {path}, or name what reads it, as `bash {path}`")
        return None

    def place(self, path: str) -> str:
        """Where a path leads by way of the links that are sent; from / on where that is out of the project."""
        for _ in range(LINKS):
            path = posixpath.normpath(path)
            parts = path.split("/")
            heads = ("/".join(parts[:length]) for length in range(1, len(parts) + 1))
            link = next((head for head in heads if head in self.files and self.files[head].target), None)
            if link is None:
                break
            path = posixpath.join(posixpath.dirname(link), self.files[link].target + path[len(link) :])
        return path
