"""A spec file and those that it `extends`, as one document."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from specs import document
from specs.gather import Gather
from specs.merge import merge
from specs.model import SpecError
from specs.tree import Section, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from specs.tree import Value

EXTENDS = "extends"
DEEPEST = 10
"""Levels of files below a spec."""
MOST_FILES = 100
"""Files below a spec, each counted once."""


@dataclass(slots=True)
class Files:
    """The files that one document is put together from."""

    given: Mapping[str, str] | None
    """Where the texts come from instead of from files: absolute path → text."""
    texts: dict[str, str] = field(default_factory=dict)
    """Texts of the files below, by absolute path."""
    folders: dict[str, Path] = field(default_factory=dict)
    """The folder of each file, by what errors call the file."""
    problems: Gather = field(default_factory=Gather)
    broken: bool = False
    """Whether one of them cannot be read."""
    known: dict[str, Section] = field(default_factory=dict)
    """Files below that are complete."""

    def read(self, text: str, source: Path) -> Section | None:
        """The document of a spec's text; None where it, or one below it, is none. `problems` says what is wrong."""
        top = self._document(text, str(source), absolute(source), ())
        return None if self.broken else top

    def _document(self, text: str, shown: str, path: Path, above: tuple[str, ...]) -> Section | None:
        self.folders[shown] = path.parent
        top = document.parse_all(text, shown, self.problems)
        if top is None:
            self.broken = True
            return None
        named = self.problems(words, top, EXTENDS)
        self.broken |= named is None
        below = [self._below(word, path, (*above, str(path))) for word in named or ()]
        found: Section | None = None
        for each in (*(base for base in below if base is not None), top.without(EXTENDS)):
            found = each if found is None else merge(found, each)
        return found and Section(top.place, "", found.entries)

    def _below(self, word: Value, path: Path, above: tuple[str, ...]) -> Section | None:
        try:
            base, shown = beside(path, word)
            self._allowed(word, str(base), above)
            if str(base) in self.known:
                return self.known[str(base)]
            text = self._text(word, base)
        except SpecError as error:
            self.problems.add([error])
            self.broken = True
            return None
        self.texts[str(base)] = text
        found = self._document(text, shown, base, above)
        if found is not None:
            self.known[str(base)] = found
        return found

    def _allowed(self, word: Value, base: str, above: tuple[str, ...]) -> None:
        if base in above:
            raise word.error(f"goes round in a circle: {quoted(word.text())} extends this file in turn")
        if len(above) > DEEPEST:
            raise word.error(f"goes more than {DEEPEST} files deep")
        if len(self.texts) >= MOST_FILES and base not in self.texts:
            raise word.error(f"leads to more than {MOST_FILES} files")

    def _text(self, word: Value, base: Path) -> str:
        if self.given is None:
            try:
                return document.read(base)
            except SpecError as error:
                at = error.line is not None
                raise error if at else word.error(f"{quoted(word.text())}: {error.message}") from None
        if str(base) not in self.given:
            raise word.error(f"{quoted(word.text())}: its text was not kept")
        return self.given[str(base)]


def absolute(path: Path) -> Path:
    """A path from the root, without `..`. It asks no file system, so that it is the same wherever a text is read."""
    return Path(os.path.normpath(path.absolute()))


def beside(path: Path, word: Value) -> tuple[Path, str]:
    """The file that a word in another file means, and what errors call it."""
    text = word.text()
    if not text.strip() or not text.isprintable():
        raise word.wrong("the path of a spec file")
    try:
        written = Path(text).expanduser()
    except RuntimeError:
        raise word.error(f"cannot be looked up: {quoted(text)}") from None
    shown = Path(os.path.normpath(Path(word.place.source).parent / written))
    return absolute(path.parent / written), str(shown)


def words(section: Section, key: str) -> tuple[Value, ...]:
    """The items of a list; one text is a list of one. Raises `SpecError` for anything but text."""
    for item in section.each(key):
        item.text()
    return section.each(key)
