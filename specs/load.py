"""A spec file as a `Spec`, with every mistake named by file, line, column and key."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from specs import document
from specs.combos import VARIANT, count
from specs.draft import Draft
from specs.expand import expand
from specs.extends import Files
from specs.fields import READERS, unknown, unknown_in_variants
from specs.gather import Gather
from specs.model import Spec, SpecError, SpecErrors
from specs.overrides import choose, override, with_variant
from specs.together import together
from specs.tree import quoted
from specs.variants import VARIANTS, take_variants

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MOST_TOLD = 200
"""Mistakes of one kind; nobody reads more at once."""

MOST_MADE = 1000
"""Runs that are made to see what is wrong with them: as many as take a tenth of a second."""


def load(path: Path, overrides: Sequence[str] = ()) -> Spec:
    """The spec in a file. Raises `SpecError`: one line, also for a file that cannot be read."""
    return loads(document.read(path), path, overrides)


def loads(text: str, source: Path, overrides: Sequence[str] = (), bases: Mapping[str, str] | None = None) -> Spec:
    """The spec that a text is; `source` is the file's path, there or not. Raises `SpecErrors`.

    An override is `key=value` with a dotted key, as `resources.gpus=2`, the name of a parameter, which it fixes, or
    `variant=NAME`. Where `bases` is given (`Spec.bases` of an earlier reading), no file that it extends is read.
    """
    found = _read(text, source, overrides, bases)
    if found.problems:
        raise SpecErrors(found.problems[0], _ordered(found.problems, source))
    return found.spec(text, source, overrides)


def errors(
    text: str, source: Path, overrides: Sequence[str] = (), bases: Mapping[str, str] | None = None
) -> tuple[SpecError, ...]:
    """Everything that is wrong with a text and can be seen at once, in the order of its lines; then its bases."""
    found = _read(text, source, overrides, bases, whole=True)
    return _ordered(found.problems or _of_runs(found.spec(text, source, overrides)), source)


def _of_runs(spec: Spec) -> list[SpecError]:
    """What is wrong with the runs of a good spec, where they are made quickly."""
    gather = Gather()
    if count(spec.sweep, spec.params) <= MOST_MADE:
        gather(expand, spec)
    return gather.errors


def _ordered(problems: Sequence[SpecError], source: Path) -> tuple[SpecError, ...]:
    """By line, those of the file itself in front."""

    def place(problem: SpecError) -> tuple[bool, str, int, int]:
        return problem.source != str(source), problem.source, problem.line or 0, problem.column or 0

    return tuple(sorted(problems, key=place))


@dataclass(frozen=True, slots=True)
class _Found:
    """What a text gave: the fields of a spec, and what is wrong, each of it once."""

    parts: Mapping[str, Any]
    problems: Sequence[SpecError]
    bases: Mapping[str, str]

    def spec(self, text: str, source: Path, overrides: Sequence[str]) -> Spec:
        """Where there are no problems."""
        return Spec(source=source, text=text, overrides=tuple(overrides), bases=self.bases, **self.parts)


def _read(
    text: str, source: Path, overrides: Sequence[str], bases: Mapping[str, str] | None, *, whole: bool = False
) -> _Found:
    """`whole`: every variant is looked at and not only the one that is chosen."""
    files = Files(bases)
    top = files.read(text, source)
    problems = list(files.problems.errors)
    if top is None:
        return _Found({}, problems, files.texts)
    gather = Gather()
    gather.add(unknown_in_variants(top))
    variants = gather(take_variants, top) or {}
    draft = Draft(top.without(VARIANTS), source, variants=variants, folders=files.folders)
    parts = gather(_chosen, draft, overrides, gather) or {}
    for name in variants if whole else ():
        gather.add(_in_variant(name, draft, overrides))
    return _Found(parts, _each_once([*problems, *gather.errors]), files.texts)


def _chosen(draft: Draft, overrides: Sequence[str], gather: Gather) -> dict[str, Any]:
    """The fields of the spec as the command line wants it. Raises `SpecError` where it makes no sense."""
    draft = override(choose(draft, overrides), overrides)
    names = tuple(draft.variants)
    return {**_fields(draft, gather), "variants": names, "variant": draft.variant}


def _in_variant(name: str, draft: Draft, overrides: Sequence[str]) -> list[SpecError]:
    """What is wrong with one variant, where the folders of another machine are none of it."""
    gather = Gather()
    words = [word for word in overrides if not word.startswith(f"{VARIANT}=")]
    try:
        _fields(override(with_variant(draft, name), words), gather, without=("workdir",))
    except SpecError as error:
        gather.add([error])
    note = f" (in the variant {quoted(name)})"
    return [SpecError(each.source, each.line, each.message + note, each.column) for each in gather.errors]


def _fields(draft: Draft, gather: Gather, without: Sequence[str] = ()) -> dict[str, Any]:
    """Those that can be read; what is wrong goes to `gather`."""
    gather.add(islice(unknown(draft.top), MOST_TOLD))
    parts: dict[str, Any] = {}
    for key, read in READERS.items():
        before = len(gather.errors)
        value = None if key in without else gather(read, draft)
        if len(gather.errors) == before:
            parts[key] = value
    gather.add(islice(together(draft, parts), MOST_TOLD))
    return parts


def _each_once(problems: Sequence[SpecError]) -> list[SpecError]:
    """Without what is said already of the same place: by an alias, or of the spec before its variants."""
    found: dict[object, SpecError] = {}
    for each in problems:
        bare = each.message.partition(" (in the variant ")[0]
        found.setdefault((each.source, each.line, each.column, bare), each)
    return list(found.values())
