"""`trainboard spec`: a spec's runs, one of its values changed in place, the schema for editors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from specs import edit, files
from specs.braces import as_text
from specs.expand import expand
from specs.load import errors, load
from specs.model import SpecError
from specs.overrides import COMMAND_LINE
from specs.schema import schema as spec_schema
from specs.tree import quoted
from trainboard.cli.terminal import complain, print_json, print_table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping, Sequence

    from specs.model import Setting


def show(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """The runs of a spec, each with its parameters and its command."""
    settings = expand(load(Path(chosen.spec), chosen.overrides))
    if chosen.json:
        print_json([planned(setting) for setting in settings])
        return 0
    names = dict.fromkeys(name for setting in settings for name in setting.params)
    rows = ((each.name, *cells(each, names), each.command.strip()) for each in settings)
    print_table(("RUN", *names, "COMMAND"), rows)
    return 0


def planned(setting: Setting) -> dict[str, object]:
    """A run as JSON. What its environment takes from the caller is null."""
    return {
        "name": setting.name,
        "params": dict(setting.params),
        "command": setting.command,
        "env": dict(setting.env),
        "files": dict(setting.files),
    }


def cells(setting: Setting, names: Iterable[str]) -> list[str]:
    """The parameters in columns; a `-` where the run has none of that name."""
    return [as_text(setting.params[name]) if name in setting.params else "-" for name in names]


def set_values(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Change values in a spec file, and nothing else in it; nothing at all where the spec would become worse."""
    path = Path(chosen.spec)
    old = files.read(path)
    text, done = changed(old, chosen.overrides, str(path))
    worse = new_problems(errors(old, path), errors(text, path))
    if worse:
        for problem in worse:
            complain(str(problem))
        complain(f"{path}: nothing was written")
        return 2
    code = store(path, text, old)
    if code == 0:
        print_table(("KEY", "WAS", "IS"), done)
    return code


def store(path: Path, text: str, opened: str | None) -> int:
    """Write what was changed, unless somebody else has changed it meanwhile; the exit code."""
    try:
        files.save(path, text, opened)
    except files.Meanwhile as error:
        complain(str(error))
        return 1
    except OSError as error:
        complain(f"{path}: cannot be written: {error.strerror or error}")
        return 1
    return 0


def changed(text: str, words: Sequence[str], source: str) -> tuple[str, list[tuple[str, str, str]]]:
    """The text with every `key=value` in it, and what each was and is. Raises `SpecError`."""
    done = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise SpecError(COMMAND_LINE, None, f"{quoted(word)} is not key=value")
        old = edit.written(text, key, source)
        text = edit.set_value(text, key, value, source)
        done.append((key, "-" if old is None else old, edit.written(text, key, source) or ""))
    return text, done


def new_problems(before: Sequence[SpecError], after: Sequence[SpecError]) -> list[SpecError]:
    """What is wrong now and was not; lines may have moved."""
    known = {problem.message for problem in before}
    return [problem for problem in after if problem.message not in known]


def schema(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """The JSON Schema of specs."""
    print_json(spec_schema())
    return 0
