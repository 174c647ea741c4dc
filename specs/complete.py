"""Words that fit where the cursor is in the text of a spec, which need not be YAML yet. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from specs import earlystop, forms
from specs.braces import RUN
from specs.keys import keys, section_of
from specs.model import LOG
from specs.outline import Stop, outline
from specs.watch import FINDINGS, LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from specs.outline import Outline, Path

TEMPLATES = (
    *("command", "metrics.sources", "inputs", "inputs.path", "env"),
    *(
        "outputs.checkpoint",
        "outputs.collect",
        "outputs.predictions",
        "outputs.predictions.path",
        "outputs.sequences",
        "outputs.samples",
        "outputs.embeddings",
    ),
)
"""Keys in whose values `{parameters}` stand."""
VARIANT = "[variant]"
"""In a path, in the place of `variants` and the name of one."""
OF_VARIANTS = frozenset({"name", "variants"})
"""Keys that a variant has not."""

RULES_OF = ("watch", "rules")

_TYPED = re.compile(r"[\w.$/-]*$")
_BRACE = re.compile(r"(?<!\{)\{([\w.-]*)$")


@dataclass(frozen=True, slots=True)
class Completion:
    """A word that may stand at the cursor."""

    text: str
    """In the place of what is between `start` and the cursor; keys with their colon and a space."""
    start: int
    """Column of the line, from 1."""
    meaning: str = ""
    """One sentence, for a list of them."""


def complete(
    text: str, line: int, column: int, words: Mapping[str, Sequence[str]] | None = None
) -> tuple[Completion, ...]:
    """What fits at the cursor, which is before the character at `line` and `column`, both from 1.

    These are the keys of the section that are not there yet, the words that a key takes, the parameters where a brace
    was opened in a command. `words` are more of those that keys take, by dotted key: the backends, for `where`.
    """
    lines = text.split("\n")[:line]
    before = "\n".join([*lines[:-1], lines[-1][: column - 1]])
    here, whole = outline(before), outline(text)
    path = _plain(here.path)
    if here.stop is not Stop.KEY and (brace := _BRACE.search(before)) and _templated(path):
        names = [*_parameters(whole), RUN]
        return _fitting(brace[1], column, ((f"{name}}}", "") for name in names))
    typed = _TYPED.search(before)
    word = typed[0] if typed else ""
    takes = _words(path, words or {}, whole)
    if here.stop is Stop.VALUE or (here.stop is Stop.KEY and takes):
        return _fitting(word, column, takes)
    if here.stop is Stop.TEXT:
        return ()
    start = column - len(word)
    there = {each.key for each in whole.seen if each.path == here.path and (each.line, each.column) != (line, start)}
    offered = ((f"{key}: ", meaning) for key, meaning in _keys(path, whole) if key not in there)
    return _fitting(word, column, offered)


def _fitting(word: str, column: int, offered: Iterable[tuple[str, str]]) -> tuple[Completion, ...]:
    """What goes on with what was typed, also from `_` on; nothing that is there whole."""
    begun = re.compile(rf"(?:^|.*[._-]){re.escape(word)}", re.IGNORECASE)
    fits = [(text, meaning) for text, meaning in offered if begun.match(text) and text.rstrip(": }") != word]
    fits.sort(key=lambda each: not each[0].lower().startswith(word.lower()))
    return tuple(Completion(text, column - len(word), meaning) for text, meaning in fits)


def _plain(path: Path) -> Path:
    """The section that a path leads to, be it in a variant or in an item of a list."""
    path = tuple(key for key in path if key and not key.startswith("["))
    return (VARIANT, *path[2:]) if len(path) > 1 and path[0] == "variants" else path


def _inner(path: Path) -> Path:
    """The same without the variant."""
    return path[1:] if path[:1] == (VARIANT,) else path


def _keys(path: Path, whole: Outline) -> Iterator[tuple[str, str]]:
    """The keys that a section may have, each with its meaning."""
    inner = _inner(path)
    if inner[:1] == ("sweep",) and len(inner) > 1 and inner[:2] != ("sweep", "asha"):
        yield from forms.KEYS.items() if len(inner) == 2 else ()
        return
    if inner == RULES_OF:
        yield from ((rule, "") for rule in FINDINGS)
    if inner == ("watch", "early_stop", "options"):
        options = {name: option.meaning for rule in earlystop.RULES.values() for name, option in rule.options.items()}
        yield from options.items()
    for key in section_of(".".join(inner)):
        if inner or path[:1] != (VARIANT,) or key.name not in OF_VARIANTS:
            yield key.name, key.meaning
    if inner == ("sweep",):
        yield from ((name, "a parameter") for name in _parameters(whole))


def _words(path: Path, more: Mapping[str, Sequence[str]], whole: Outline) -> tuple[tuple[str, str], ...]:
    """The words that a key takes."""
    inner = _inner(path)
    dotted = ".".join(inner)
    if inner[:1] == ("sweep",) and inner[2:] == ("distribution",):
        return tuple((word, "") for word in forms.DISTRIBUTIONS)
    if dotted == "sweep.variant" or path == (VARIANT, "extends"):
        return tuple((each.key, "a variant") for each in whole.seen if each.path == ("variants",))
    if dotted == "metrics.sources":
        return ((LOG, "the log"),)
    if inner[:-1] == RULES_OF:
        return tuple((word, "") for word in LEVELS)
    key = keys().get(dotted)
    return tuple((str(word), "") for word in (*(key.words if key else ()), *more.get(dotted, ())))


def _templated(path: Path) -> bool:
    inner = _inner(path)
    return ".".join(inner[:2]) in TEMPLATES or inner[:1] == ("env",)


def _parameters(whole: Outline) -> tuple[str, ...]:
    """The names of parameters, as far as they can be seen."""
    words = {key.name for key in section_of("sweep")}
    found = []
    for each in whole.seen:
        inner = _inner(_plain(each.path))
        if inner[:1] == ("params",):
            found.append(".".join((*inner[1:], each.key)))
        elif inner == ("sweep",) and each.key not in words:
            found.append(each.key)
    nested = {name.rpartition(".")[0] for name in found}
    return tuple(dict.fromkeys(name for name in found if name not in nested))
