"""YAML text as PyYAML's nodes: YAML 1.2's scalars, bounded aliases, and errors in plain words."""

from __future__ import annotations

import re
from typing import cast

import yaml

from specs.model import SpecError
from specs.tree import quoted

LARGEST = 256 * 1024
"""Characters in a file. PyYAML reads some 100 kB in a second; a spec is a page."""
MOST_NODES = 100_000
"""Nodes in the tree once its aliases are expanded."""
DEEPEST = 40
"""Levels of nesting, aliases expanded; well below Python's own recursion limit."""
TAG = "tag:yaml.org,2002:"


def compose(text: str, source: str) -> yaml.Node | None:
    """The document's root node; None for an empty one. Raises `SpecError`."""
    if len(text) > LARGEST:
        raise SpecError(source, None, f"larger than {LARGEST // 1024} KiB; this is not meant for data")
    forbidden = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if forbidden:
        at = forbidden.start()
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        raise SpecError(source, line, f"character U+{ord(forbidden.group()):04X} is not allowed", column)
    try:
        return _Composer(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, source) from None
    except yaml.YAMLError as error:
        raise SpecError(source, None, f"not valid YAML: {_one_line(str(error))}") from None


class _Composer(yaml.SafeLoader):
    """PyYAML's composer with YAML 1.2's scalars, that measures what aliases would expand to and stops in time."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 — PyYAML's own name, filled below

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.level = 0
        self.measured: dict[int, tuple[int, int]] = {}
        """Nodes and levels of every node that is complete, by its `id`."""

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        alias = self.check_event(yaml.AliasEvent)
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # the stubs leave it out
        self.level += 1
        if self.level > DEEPEST:
            raise yaml.MarkedYAMLError(problem=f"nested more than {DEEPEST} levels deep", problem_mark=mark)
        node = cast("yaml.Node", super().compose_node(parent, index))  # type: ignore[arg-type]  # the stubs want int
        self.level -= 1
        if not alias:
            self.measured[id(node)] = self.measure(node)
        nodes, levels = self.measured.get(id(node), (0, 0))
        if not nodes:
            raise yaml.MarkedYAMLError(problem="an alias within what it stands for", problem_mark=mark)
        if nodes > MOST_NODES or self.level + levels > DEEPEST:
            raise yaml.MarkedYAMLError(problem="aliases expand to too much", problem_mark=mark)
        return node

    def measure(self, node: yaml.Node) -> tuple[int, int]:
        within: list[yaml.Node] = []
        if isinstance(node, yaml.SequenceNode):
            within = node.value
        elif isinstance(node, yaml.MappingNode):
            within = [part for pair in node.value for part in pair]
        sizes = [self.measured[id(part)] for part in within]
        return 1 + sum(nodes for nodes, _ in sizes), 1 + max((levels for _, levels in sizes), default=0)


TAG = "tag:yaml.org,2002:"
_RESOLVERS = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    # A number with leading zeros, or with colons (YAML 1.1's base 60), stays the text that it is.
    ("int", r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+|0o[0-7]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
)
for _name, _pattern, _first in _RESOLVERS:
    _Composer.add_implicit_resolver(TAG + _name, re.compile(rf"(?:{_pattern})\Z"), _first)

_PLAINER = (
    ("mapping values are not allowed here", 'unexpected ":"; a value that contains ": " needs quotes'),
    ("but found another document", "more than one document in the file"),
    ("could not find expected ':'", 'a key without ":" behind it'),
    ("found character '%'", 'a value that begins with "%" needs quotes'),
    ("found character '@'", 'a value that begins with "@" needs quotes'),
    ("found character '`'", "a value that begins with ` needs quotes"),
    ("but found '<block mapping start>'", "this line is indented differently from its neighbours"),
    (
        "but found '<block sequence start>'",
        'a "-" is indented differently, or stands where a key should be',
    ),
)
"""What PyYAML says, and the same for people who do not read its source."""


def _syntax_error(error: yaml.MarkedYAMLError, text: str, source: str) -> SpecError:
    mark = error.problem_mark or error.context_mark
    problem = _one_line(error.problem or error.context or "syntax error")
    if mark is None:
        return SpecError(source, None, f"not valid YAML: {problem}")
    rest = text[mark.index :]
    line = text[: mark.index].rpartition("\n")[2] + rest.partition("\n")[0]
    if "\t" in line[: len(line) - len(line.lstrip())]:
        problem = "a tab is used as indentation; YAML takes spaces only"
    elif rest.startswith("\t"):
        problem = "a tab stands here; between a key and its value YAML's reader takes spaces only"
    else:
        problem = "not valid YAML: " + next((plain for said, plain in _PLAINER if said in problem), problem)
    return SpecError(source, mark.line + 1, problem, mark.column + 1)


def _one_line(text: str) -> str:
    return quoted(" ".join(text.split()), longest=200)[1:-1]
