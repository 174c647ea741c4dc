"""One value of a YAML text set in place: all else stays, byte for byte. Knows nothing of specs. Pure.

Texts that may be right are made and read back, and the first that is the old document with the one change is taken.
So what is tried need not know every corner of YAML: what it gets wrong is refused and never written. No comment is
lost but those in the lines of an item that is gone.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, cast

import yaml

from specs import document, render
from specs.composer import TAG, compose
from specs.model import SpecError
from specs.page import Page
from specs.tree import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from specs.render import Step

Plain = dict[tuple[str, str, int], "Plain"] | list["Plain"] | tuple[str, str]
"""A document without its looks: its tags and texts. The number tells two merge keys of one mapping apart."""

NOTHING: Plain = (TAG + "null", "")


def put(
    text: str, path: Sequence[Step], value: str, source: str, order: Mapping[str, Sequence[str]] | None = None
) -> str:
    """The text with the value at `path` set to what `value`, YAML too, says.

    What is missing on the way is added with the file's indentation: a key behind the nearest one before it in `order`
    (dotted name of the section → its keys) that is there, else at the end; an item as the next of its list. Raises
    `SpecError`: a text is bad, an alias shares the value with another place, no place can be found for it.
    """
    document.parse_value(text, source)  # says what is wrong with it, duplicate keys too
    new = _read(value, path, source)
    root = compose(text, source)
    trail = [] if root is None else trail_to(root, path)
    _refuse_shared(root, trail, path, source)
    before = NOTHING if root is None else plain(root)
    expected = _with(before, path, plain(new))
    if expected == before:
        return text
    problem = ""
    if expected is not None:
        old = trail[-1] if len(trail) > len(path) else None
        if _in_lines(old) and isinstance(new, yaml.SequenceNode) and new.value:
            return _item_by_item(text, path, new, source)
        page, ahead = Page.of(text, root), _ahead(path, len(trail) - 1, order or {})
        for candidate in _candidates(page, trail, path, new, value, ahead):
            if _reads_as(candidate, expected, source):
                if Page.of(candidate, None).comments() == page.comments():
                    return candidate
                problem = "comments would be lost; "
    raise _refusal(trail, path, source, problem)


def _refusal(trail: Sequence[yaml.Node], path: Sequence[Step], source: str, problem: str = "") -> SpecError:
    line = trail[-1].start_mark.line + 1 if trail else None
    return SpecError(source, line, f"{quoted(dotted(path))} cannot be set in place: {problem}edit the file by hand")


def _in_lines(node: yaml.Node | None) -> bool:
    """Whether this is a list with a line for each item, which may have comments."""
    return isinstance(node, yaml.SequenceNode) and not node.flow_style


def _item_by_item(text: str, path: Sequence[Step], new: yaml.Node, source: str) -> str:
    """A list in lines becomes another that is not empty; the items that stay keep their lines and comments."""
    root = cast("yaml.Node", compose(text, source))
    trail = trail_to(root, path)
    wanted = [plain(item) for item in new.value]
    items = [plain(item) for item in trail[-1].value]
    if gone := _too_many(items, wanted):
        items = [item for number, item in enumerate(items, 1) if number not in gone]
        text = Page.of(text, root).without_items(cast("yaml.SequenceNode", trail[-1]), gone)
        expected = _with(plain(root), path, items)
        if expected is None or not _reads_as(text, expected, source):
            raise _refusal(trail, path, source)
    for number, item in enumerate(wanted, 1):
        if number > len(items) or items[number - 1] != item:
            text = put(text, (*path, number), render.flow(new.value[number - 1]), source)
    return text


def _too_many(items: Sequence[Plain], wanted: Sequence[Plain]) -> set[int]:
    """The numbers of the items that go: first those that are not wanted, and of these the last."""
    order = sorted(range(len(items), 0, -1), key=lambda number: items[number - 1] in wanted)
    return set(order[: max(len(items) - len(wanted), 0)])


def trail_to(root: yaml.Node, path: Sequence[Step]) -> list[yaml.Node]:
    """The nodes from the root to a path, as far as there are any."""
    trail = [root]
    for step in path:
        found = child(trail[-1], step)
        if found is None:
            break
        trail.append(found)
    return trail


def child(node: yaml.Node, step: Step) -> yaml.Node | None:
    """What a mapping or a list has there of its own, not merged in."""
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        return node.value[step - 1] if 0 < step <= len(node.value) else None
    if isinstance(node, yaml.MappingNode):
        return next((value for name, value in node.value if name.value == step and name.tag != TAG + "merge"), None)
    return None


def dotted(path: Sequence[Step]) -> str:
    """A path as errors name it: `where[2]`, `resources.gpus`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def plain(node: yaml.Node) -> Plain:
    """A node without its looks."""
    if isinstance(node, yaml.MappingNode):
        seen: Counter[tuple[str, str]] = Counter()
        found: dict[tuple[str, str, int], Plain] = {}
        for name, value in node.value:
            seen[name.tag, name.value] += 1
            found[name.tag, name.value, seen[name.tag, name.value]] = plain(value)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [plain(item) for item in node.value]
    scalar = cast("yaml.ScalarNode", node)
    return NOTHING if scalar.tag == TAG + "null" else (scalar.tag, scalar.value)


def _read(value: str, path: Sequence[Step], source: str) -> yaml.Node:
    """What is to be there; its marks count in `value`."""
    try:
        document.parse_value(value, source, dotted(path))
        return compose(value, source) or yaml.ScalarNode(TAG + "null", "null")
    except SpecError as error:
        raise SpecError(source, None, f"the new value of {quoted(dotted(path))}: {error.message}") from None


def _refuse_shared(root: yaml.Node | None, trail: Sequence[yaml.Node], path: Sequence[Step], source: str) -> None:
    uses: Counter[int] = Counter()
    waiting = [] if root is None else [root]
    while waiting:
        node = waiting.pop()
        uses[id(node)] += 1
        if uses[id(node)] == 1 and isinstance(node, yaml.MappingNode):
            waiting += [value for _, value in node.value]
        elif uses[id(node)] == 1 and isinstance(node, yaml.SequenceNode):
            waiting += node.value
    for depth, node in enumerate(trail):
        if uses[id(node)] > 1:
            raise SpecError(
                source,
                node.start_mark.line + 1,
                f"{quoted(dotted(path[:depth]))} is shared by an alias, and another place would change with it: "
                "edit the file by hand",
            )


def _with(before: Plain, path: Sequence[Step], new: Plain) -> Plain | None:
    """The document with the one change; None where there can be no such place in it."""
    if not path:
        return new
    step, *rest = path
    if isinstance(step, int):
        items = [] if before == NOTHING else before
        if not isinstance(items, list) or not 0 < step <= len(items) + 1:
            return None
        within = _with([*items, NOTHING][step - 1], rest, new)
        return None if within is None else [*items[: step - 1], within, *items[step:]]
    pairs = {} if before == NOTHING else before
    if not isinstance(pairs, dict):
        return None
    own = next((name for name in pairs if name[1] == step and name[0] != TAG + "merge"), (TAG + "str", step, 1))
    within = _with(pairs.get(own, NOTHING), rest, new)
    return None if within is None else {**pairs, own: within}


def _ahead(path: Sequence[Step], depth: int, order: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """The keys that stand before one that is to be added; none where the order does not know it."""
    if not 0 <= depth < len(path):
        return ()
    known = list(order.get(dotted(path[:depth]), ()))
    return known[: known.index(str(path[depth]))] if path[depth] in known else ()


def _reads_as(text: str, expected: Plain, source: str) -> bool:
    try:
        root = compose(text, source)
    except SpecError:
        return False
    return root is not None and plain(root) == expected


def _candidates(
    page: Page, trail: Sequence[yaml.Node], path: Sequence[Step], new: yaml.Node, value: str, ahead: Sequence[str]
) -> Iterator[str]:
    """Texts with the value where it belongs, likely ones first; they need not be right, nor even YAML."""
    rest = path[max(len(trail) - 1, 0) :]
    ways = tuple(dict.fromkeys(render.ways(new, value)))
    if trail and not rest:
        yield from _replaced(page, trail[-1], new, ways)
        return
    for way in ways:
        match trail[-1] if trail else None:
            case None:
                yield page.at_end(render.lines(rest, way, page.step))
            case yaml.MappingNode() as mapping:
                yield from page.with_key(mapping, rest, way, ahead)
            case yaml.SequenceNode() as items:
                yield from page.with_item(items, render.nested(rest[1:], way))
            case _:
                yield from _filled(page, trail, rest, way)


def _replaced(page: Page, old: yaml.Node, new: yaml.Node, ways: Sequence[str]) -> Iterator[str]:
    """With another value in the place of one, as much in its looks as can be."""
    start, end = page.span(old)
    if isinstance(old, yaml.ScalarNode) and isinstance(new, yaml.ScalarNode):
        alike = render.quoted_like(old, new)
        if alike:
            yield page.swapped(start, end, alike)
        if old.style in ("|", ">") and new.tag == TAG + "str":
            for block in render.block(page.text[start:end], new.value):
                yield page.swapped(start, end, block)
                yield page.swapped(start, old.end_mark.index, block + page.ending)
    if isinstance(old, yaml.CollectionNode) and not old.flow_style:
        if isinstance(old, yaml.MappingNode) and isinstance(new, yaml.MappingNode) and new.value:
            lines = (f"{render.flow(name)}: {render.flow(each)}" for name, each in new.value)
            yield page.swapped(start, end, (page.ending + " " * old.start_mark.column).join(lines))
        colon = page.colon(start)
        if colon is not None:
            yield from (page.swapped(colon, end, f" {way}") for way in ways)
    if start == end:  # nothing was written, not even null
        yield from (page.swapped(start, end, f"{sign}{way}") for way in ways for sign in (" ", ": "))
    yield from (page.swapped(start, end, way) for way in ways)


def _filled(page: Page, trail: Sequence[yaml.Node], rest: Sequence[Step], way: str) -> Iterator[str]:
    """With a mapping or a list in the place of null."""
    start, end = page.span(trail[-1])
    if page.text[start:end].startswith(("&", "!")):
        return  # an anchor or a tag would be lost
    above = trail[-2] if len(trail) > 1 else None
    if start == end and isinstance(above, yaml.MappingNode) and not above.flow_style and isinstance(rest[0], str):
        indent = " " * (above.start_mark.column + page.step)
        yield page.with_lines(start, [indent + line for line in render.lines(rest, way, page.step)])
    yield page.swapped(start, end, ("" if start < end else " ") + render.nested(rest, way))
