"""A YAML text with the places of what stands in it, and new texts with something more. Pure.

Places are those of tokens, not of nodes: a node that an alias stands for is somewhere else, and a block node ends
where the next thing begins, behind comments that are not its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from specs import render

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from specs.render import Step

_BETWEEN = (yaml.FlowEntryToken, yaml.KeyToken)
"""Tokens that belong to no value."""
_COMMENT = re.compile(r"#[^\r\n]*")
"""Between tokens."""
_HEADER = re.compile(r"[|>][-+0-9]*[ \t]+(#[^\r\n]*)")
"""Of a block scalar, with a comment."""


@dataclass(frozen=True, slots=True)
class Page:
    """A text that is YAML."""

    text: str
    tokens: tuple[tuple[int, int, bool], ...]
    """Where each token that is something begins and ends, in order, and whether it is the colon behind a key."""
    ending: str
    """Of its lines."""
    step: int
    """Columns of indentation from one level to the next."""

    @classmethod
    def of(cls, text: str, root: yaml.Node | None) -> Page:
        """The page of a text that was composed."""
        found = (token for token in yaml.scan(text) if not isinstance(token, _BETWEEN))
        spans = ((each.start_mark.index, each.end_mark.index, isinstance(each, yaml.ValueToken)) for each in found)
        tokens = tuple(span for span in spans if span[0] < span[1])
        return cls(text, tokens, "\r\n" if "\r\n" in text else "\n", _step(root) or 2)

    def swapped(self, start: int, end: int, new: str) -> str:
        """The text with something else between two places."""
        return self.text[:start] + new + self.text[end:]

    def span(self, node: yaml.Node) -> tuple[int, int]:
        """Where a node begins and ends; the line breaks behind a block scalar are not its own."""
        start, end = node.start_mark.index, node.end_mark.index
        if isinstance(node, yaml.CollectionNode) and not node.flow_style:
            return start, self.end(start, end)
        return start, start + len(self.text[start:end].rstrip())

    def end(self, start: int, limit: int) -> int:
        """Where the last token that begins in here ends, without line breaks; `start` if there is none."""
        ends = [end for begin, end, _ in self.tokens if start <= begin < limit]
        return start + len(self.text[start : max(ends)].rstrip()) if ends else start

    def comments(self) -> list[str]:
        """All that there are, in order."""
        found: list[str] = []
        last = 0
        for start, end, _ in (*self.tokens, (len(self.text), len(self.text), False)):
            found += _COMMENT.findall(self.text, last, start)
            if header := _HEADER.match(self.text, start, end):
                found.append(header[1])
            last = end
        return found

    def colon(self, before: int) -> int | None:
        """The place behind the colon that ends before a place, with nothing but white space between."""
        ends = [end for _, end, is_colon in self.tokens if is_colon and end <= before]
        return ends[-1] if ends and not self.text[ends[-1] : before].strip() else None

    def with_lines(self, at: int, lines: Sequence[str]) -> str:
        """The text with more lines, below the one that `at` is in."""
        below = self.text.find("\n", at) + 1 or len(self.text)
        head = self.text[:below]
        if head and not head.endswith("\n"):
            head += self.ending
        return head + "".join(line + self.ending for line in lines) + self.text[below:]

    def at_end(self, lines: Sequence[str]) -> str:
        """The text with more lines behind all others."""
        return self.with_lines(len(self.text), lines)

    def with_key(
        self, node: yaml.MappingNode, path: Sequence[Step], value: str, ahead: Sequence[str]
    ) -> Iterator[str]:
        """Texts with a new key in a mapping, behind the last key of `ahead` that it has, else behind all."""
        names = [name for name, _ in node.value]
        places = {name.value: place for place, name in enumerate(names)}
        last = next((places[name] for name in reversed(ahead) if name in places), len(names) - 1)
        limit = node.end_mark.index if last + 1 == len(names) else names[last + 1].start_mark.index
        if node.flow_style:
            start = names[last].start_mark.index if names else None
            yield self._in_flow(node, start, limit, render.pair(path, value))
            return
        indent = " " * names[0].start_mark.column
        lines = [indent + line for line in render.lines(path, value, self.step)]
        yield self.with_lines(self.end(names[last].start_mark.index, limit), lines)
        yield self.with_lines(limit - 1, lines)  # a block scalar that keeps the empty lines behind it

    def with_item(self, node: yaml.SequenceNode, value: str) -> Iterator[str]:
        """Texts with one more item at the end of a list."""
        start, limit = node.start_mark.index, node.end_mark.index
        if node.flow_style:
            yield self._in_flow(node, start if node.value else None, limit, value)
            return
        indent = " " * node.start_mark.column
        yield self.with_lines(self.end(start, limit), [f"{indent}- {value}"])
        yield self.with_lines(limit - 1, [f"{indent}- {value}"])

    def without_items(self, node: yaml.SequenceNode, gone: Collection[int]) -> str:
        """The text without the lines of some items of a block list, by number; lines between items stay."""
        start, end = self.span(node)
        dashes = [begin for begin, stop, _ in self.tokens if start <= begin < end and self.text[begin:stop] == "-"]
        lines = [self.text.rfind("\n", 0, dash) + 1 for dash in dashes]
        indent = dashes[0] - lines[0]  # further right are the dashes of lists within
        items = [(line, dash) for line, dash in zip(lines, dashes, strict=True) if dash - line == indent]
        limits = [*(dash for _, dash in items[1:]), end]
        text = self.text
        for number, ((line, dash), limit) in reversed([*enumerate(zip(items, limits, strict=True), 1)]):
            if number in gone:
                below = self.text.find("\n", self.end(dash, limit)) + 1 or len(self.text)
                text = text[:line] + text[below:]
        return text

    def _in_flow(self, node: yaml.CollectionNode, start: int | None, limit: int, new: str) -> str:
        """Behind the entry from `start` on, or between the brackets of an empty collection."""
        closing = node.end_mark.index - 1
        if start is None:
            return self.swapped(closing, closing, new)
        end = self.end(start, min(limit, closing))
        return self.swapped(end, end, f", {new}")


def _step(node: yaml.Node | None) -> int:
    """By how much the first block within another is indented; 0 where there is none."""
    if not isinstance(node, yaml.MappingNode) or node.flow_style:
        return 0
    for _, value in node.value:
        if isinstance(value, yaml.MappingNode) and not value.flow_style:
            return value.start_mark.column - node.start_mark.column
    return 0
