"""A spec file as a `Spec`, with every mistake named by file, line and key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from specs import document
from specs.draft import Draft
from specs.fields import READERS, unknown
from specs.model import Spec, SpecError
from specs.overrides import override
from specs.together import together

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def load(path: Path, overrides: Sequence[str] = ()) -> Spec:
    """The spec in a file. Raises `SpecError`: one line, also for a file that cannot be read."""
    return loads(document.read(path), path, overrides)


def loads(text: str, source: Path, overrides: Sequence[str] = ()) -> Spec:
    """The spec that a text is; `source` is the file's path, there or not. Raises one of `errors`, unknown keys first.

    An override is `key=value` with a dotted key, as `resources.gpus=2`, or the name of a parameter, which it fixes.
    """
    parts, problems = _read(text, source, overrides)
    if problems:
        raise problems[0]
    return Spec(source=source, text=text, overrides=tuple(overrides), **parts)


def errors(text: str, source: Path, overrides: Sequence[str] = ()) -> tuple[SpecError, ...]:
    """Everything that is wrong with a text and can be seen at once, in the order of its lines."""
    return tuple(sorted(_read(text, source, overrides)[1], key=lambda problem: problem.line or 0))


def _read(text: str, source: Path, overrides: Sequence[str]) -> tuple[dict[str, Any], list[SpecError]]:
    try:
        draft = override(Draft(document.parse(text, str(source)), source), overrides)
    except SpecError as error:
        return {}, [error]
    parts: dict[str, Any] = {}
    problems = list(unknown(draft.top))
    for key, read in READERS.items():
        try:
            parts[key] = read(draft)
        except SpecError as error:
            problems.append(error)
    problems += together(draft, parts)
    return parts, problems
