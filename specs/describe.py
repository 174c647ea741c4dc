"""The documentation of the spec, `docs/spec.md`: the manual with its tables and the runs of its examples filled in.

`python -m specs.describe` prints it.
"""

from __future__ import annotations

import re
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from specs.earlystop import RULES
from specs.expand import expand
from specs.forms import FORMS, PLACEHOLDERS
from specs.keys import Kind, section_of
from specs.load import loads

if TYPE_CHECKING:
    from collections.abc import Iterable

    from specs.earlystop import Rule
    from specs.keys import Key

_MARK = re.compile(
    r"(?:(?P<fence>```yaml\n(?P<yaml>.*?)```\n\n))?<!-- (?P<what>\w+)(?:: (?P<section>[\w.]+))? -->", re.DOTALL
)


def page() -> str:
    """The whole page, as Markdown."""
    return _MARK.sub(_filled, files("specs").joinpath("manual.md").read_text(encoding="utf-8"))


def _filled(mark: re.Match[str]) -> str:
    match mark["what"]:
        case "runs":
            return f"{mark['fence']}{runs(mark['yaml'])}"
        case "forms":
            rows = ((f"`{form.example}`", form.meaning) for form in FORMS)
            return table(("values", "meaning"), rows)
        case "early_stops":
            return table(("rule", "hopeless where", "needs", "numbers"), map(_early_stop, RULES, RULES.values()))
        case "placeholders":
            return table(
                ("in the command", "stands for"), ((f"`{word}`", says) for word, says in PLACEHOLDERS.items())
            )
    return table(("key", "takes", "without it", "meaning"), map(_row, section_of(mark["section"] or "")))


def runs(text: str) -> str:
    """The runs of an example, which may leave out its name and command."""
    whole = text if text.startswith("name:") else f"name: example\ncommand: ./train {{args}}\n{text}"
    found = expand(loads(whole, Path("example.yaml")))
    width = max(len(each.name) for each in found)
    lines = "\n".join(f"{each.name:<{width}}  {each.command}" for each in found)
    return f"gives {len(found)} runs:\n\n```\n{lines}\n```"


def table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    titles = tuple(titles)
    lines = [titles, ("---",) * len(titles), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _row(key: Key) -> tuple[str, str, str, str]:
    default = "*needed*" if key.needed else f"`{key.default}`" if key.default else ""
    return f"`{key.name}`", _takes(key), default, key.meaning


def _early_stop(name: str, rule: Rule) -> tuple[str, str, str, str]:
    numbers = "; ".join(
        f"`{word}`{'' if option.default is None else f' = {option.default:g}'}: {option.meaning.rstrip('.')}"
        for word, option in rule.options.items()
    )
    return f"`{name}`", rule.meaning, rule.needs, numbers


def _takes(key: Key) -> str:
    if key.path in ("watch.stop_on", "watch.rules"):  # the names of all rules would fill the page
        return f"{key.kind}, as `{key.example}`"
    if key.kind in (Kind.SECTION, Kind.SECTIONS, Kind.FILE, Kind.VARIANTS):
        return f"[{key.kind}](#{key.name})"
    if key.kind is Kind.FLAG:
        return str(key.kind)
    return " ".join(f"`{word}`" for word in key.words) or f"{key.kind}, as `{key.example}`"


if __name__ == "__main__":
    sys.stdout.write(page())
