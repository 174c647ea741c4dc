"""One value changed in place, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from specs.document import Value, parse_value
from specs.edit import set_value, written
from specs.model import SpecError
from specs.render import as_yaml
from tests.specs.test_document import YAML_PIECES

if TYPE_CHECKING:
    from collections.abc import Callable

SETUP = "|  # modules\n    module load cuda\n\n    cd x"
SPEC = """\
# my spec
name: char-rnn   # the name
command: python train.py --lr {lr}

params:
    hidden: 128   # units
    optim.name: 'adam'
    note: "x"
    model:
        depth: 2

sweep:
    lr:
        - 0.001   # low
        - 0.003   # high
    drop: [0.1,
        0.2]  # two
setup: |  # modules
    module load cuda

    cd x

# who
where: [triton, gpus]
slurm: {partition: gpu}
retry: {on: [TIMEOUT],}
env:
"""


@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        ("name", "x y", "char-rnn   #", "x y   #"),
        ("params.hidden", "64", "128   #", "64   #"),
        ("hidden", "1e-3", "128   #", "1e-3   #"),
        ("model.depth", "3", "depth: 2", "depth: 3"),
        ("optim.name", "it's", "'adam'", "'it''s'"),
        ("note", 'he said "hi"\u2028', '"x"', '"he said \\"hi\\""'),
        ("note", "true", '"x"', "true"),
        ("note", "", '"x"', "null"),
        ("note", "5 # units", '"x"', "5"),
        ("sweep.lr[1]", "5", "- 0.001", "- 5"),
        ("lr", "[0.002, 0.003]", "0.001", "0.002"),
        ("lr", "[0.001, 0.003, 7]", "# high\n", "# high\n        - 7\n"),
        ("lr", "[1]", "- 0.001   # low\n        - 0.003   # high", "- 1   # low"),
        ("lr", "[0.003]", "        - 0.001   # low\n", ""),
        ("drop", "[0.5]", "[0.1,\n        0.2]  #", "[0.5]  #"),
        ("setup", "module load x", SETUP, "|-  # modules\n    module load x"),
        ("setup", '"a\\n\\nb\\n"', "module load cuda\n\n    cd x", "a\n\n    b"),
        ("where[2]", "foo, bar", "gpus]", '"foo, bar"]'),
        ("where[3]", "local", "gpus]", "gpus, local]"),
        ("where", "gpu", "[triton, gpus]", "gpu"),
        ("slurm.account", "dl", "gpu}", "gpu, account: dl}"),
        ("slurm.sbatch", '["--x=1"]', "gpu}", 'gpu, sbatch: ["--x=1"]}'),
        ("retry.max", "5", "[TIMEOUT],}", "[TIMEOUT], max: 5,}"),
        ("env.X", "1", "env:\n", "env:\n    X: 1\n"),
        ("env", "{A: 1}", "env:", "env: {A: 1}"),
        ("params.optim.lr", "3", "depth: 2\n", "depth: 2\n    optim.lr: 3\n"),
        ("params.model.width", "8", "depth: 2\n", "depth: 2\n        width: 8\n"),
        ("sweep.seeds", "3", "# two\n", "# two\n    seeds: 3\n"),
        ("resources.gpus", "2", "# two\n", "# two\nresources:\n    gpus: 2\n"),
        ("inputs[1].path", "/x", "gpu}\n", "gpu}\ninputs: [{path: /x}]\n"),
        ("metrics.total.epochs", "5", "gpu}\n", "gpu}\nmetrics:\n    total:\n        epochs: 5\n"),
        ("priority", "-1", "],}\n", "],}\npriority: -1\n"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_value_is_set_and_nothing_else_changes(key: str, value: str, old: str, new: str, ending: str) -> None:
    value = value.rstrip("\u2028")
    assert SPEC.count(old) == 1
    text = SPEC.replace("\n", ending)
    after = set_value(text, key, value)
    assert after == SPEC.replace(old, new).replace("\n", ending)
    assert set_value(after, key, value) == after


@pytest.mark.parametrize(
    ("text", "key", "value", "after"),
    [
        ("", "name", "x", "name: x\n"),
        ("name: x\n...\n", "priority", "1", "name: x\npriority: 1\n...\n"),
        ("# mine", "params.lr", "1", "# mine\nparams:\n  lr: 1\n"),
        ("name: x", "priority", "1", "name: x\npriority: 1\n"),
        ("{name: x}", "resources.gpus", "1", "{name: x, resources: {gpus: 1}}"),
        ("{}", "name", "x", "{name: x}"),
        ("params: {a: , b}\n", "params.a", "1", "params: {a: 1 , b}\n"),
        ("params: {a: , b}\n", "params.b", "1", "params: {a: , b: 1}\n"),
        ("sweep:\n  lr:\n  - 1\n  - 2\n  # end\n", "lr", "{min: 0}", "sweep:\n  lr: {min: 0}\n  # end\n"),
        ("where:\n- a\n-\n", "where[2]", "b", "where:\n- a\n- b\n"),
        ("where:\n- a\n# end\n", "where[2]", "b", "where:\n- a\n- b\n# end\n"),
        ("where:  # nobody\n", "where[1]", "b", "where: [b]  # nobody\n"),
        ("setup: |+\n  a\n\n\nname: x\n", "params.a", "1", "setup: |+\n  a\n\n\nparams:\n  a: 1\nname: x\n"),
        ("setup: >\n  a\n  b\n\nname: x\n", "setup", "c", "setup: >-\n  c\n\nname: x\n"),
        ("'name': x\n", "name", "y", "'name': y\n"),
        ("\ufeffname: x\n", "name", "y", "\ufeffname: y\n"),
        ("name: x\nenv: &e {A: 1}\n", "env.A", "2", "name: x\nenv: &e {A: 2}\n"),
        ("a: &e {A: 1}\nenv: {<<: *e}\n", "env.A", "2", "a: &e {A: 1}\nenv: {<<: *e, A: 2}\n"),
    ],
)
def test_a_value_finds_its_place_in_any_kind_of_file(text: str, key: str, value: str, after: str) -> None:
    assert set_value(text, key, value) == after


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("a: &x 1\nparams: {b: *x}\n", "params.b", '"params.b" is shared by an alias'),
        ("params: {a: &x 1, b: *x}\n", "params.a", 'f:1: "params.a" is shared by an alias'),
        ("x: &x {a: 1}\nparams: *x\n", "params.a", '"params" is shared by an alias'),
        ("x: &x {a: 1}\nparams: {<<: *x}\n", "x.a", '"x" is shared by an alias'),
        ("a: {b: &x 1}\nc: *x\n", "a", '"a" cannot be set in place: edit the file by hand'),
        ("name: x\n", "name.first", '"name.first" cannot be set in place'),
        (
            "params: {a: [1, # one\n 2]}\n",
            "a",
            'f:1: "params.a" cannot be set in place: comments would be lost; edit',
        ),
        ("setup: |  # why\n  a\n", "setup", 'f:1: "setup" cannot be set in place: comments would be lost; edit the'),
        ("env:\n  A: 1\n  # why\n  B: 2\n", "env", 'f:2: "env" cannot be set in place: comments would be lost; edit'),
        ("lr:\n  - 1  # low\n  - 2\n", "lr", 'f:2: "lr" cannot be set in place: comments would be lost; edit the'),
        ("where: [a]\n", "where[3]", '"where[3]" cannot be set in place'),
        ("where: [a]\n", "where[0]", '"where[0]" cannot be set in place'),
        ("params: {lr: 1}\n", "lrr", 'f: unknown key "lrr" (did you mean "lr"?)'),
        ("params: {lr: 1}\n", "beta", 'unknown key "beta"; a new parameter is set as "params.beta"'),
        ("params: {lr: 1}\n", "", '"" is no key of a spec'),
        ("params: {lr: 1}\n", "[1]", '"[1]" is no key of a spec'),
        ("a: 1\na: 2\n", "name", 'f:2:1: key "a" is given twice'),
        ("a: [\n", "name", "f:2:1: not valid YAML"),
    ],
)
def test_what_cannot_be_set_is_refused_in_one_line(text: str, key: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        set_value(text, key, "5", "f")
    assert message in str(caught.value).replace("f:1:14", "f:1")
    assert str(caught.value).isprintable()


LISTED = """\
sweep:
  lr:
    # few
    - 0.1  # best so far
    # tried and failed: 0.5
    - 0.2  # bad
    - 0.3
    # end
  b:
  - {c: 1}
  -  # two
    - x  # in it
    - y
  - |
    text

  - - z
    - 0.1
"""


@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        ("lr", "[0.1, 0.2]", "    - 0.3\n", ""),
        ("lr", "[0.1, 0.3]", "    - 0.2  # bad\n", ""),
        (
            "lr",
            "[0.3]",
            "    - 0.1  # best so far\n    # tried and failed: 0.5\n    - 0.2  # bad\n",
            "    # tried and failed: 0.5\n",
        ),
        ("lr", "[0.1, 7]", "- 0.2  # bad\n    - 0.3\n", "- 7  # bad\n"),
        ("lr", "[0.1, 7, 0.3, 8]", "- 0.2  # bad\n    - 0.3\n", "- 7  # bad\n    - 0.3\n    - 8\n"),
        ("b", '[{c: 1}, "text\\n", [z, 0.1]]', "  -  # two\n    - x  # in it\n    - y\n", ""),
        ("b", "[{c: 1}, [x, y], [z, 0.1]]", "  - |\n    text\n", ""),
        ("b", '[{c: 1}, [x, y], "text\\n"]', "  - - z\n    - 0.1\n", ""),
        ("b[4]", "[z]", "- - z\n    - 0.1\n", "- - z\n"),
        ("b[2]", "[x]", "    - y\n", ""),
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_items_that_stay_keep_their_lines_and_comments(key: str, value: str, old: str, new: str, ending: str) -> None:
    assert LISTED.count(old) == 1
    after = set_value(LISTED.replace("\n", ending), key, value)
    assert after == LISTED.replace(old, new).replace("\n", ending)


def test_an_item_that_shares_its_line_is_not_taken_away() -> None:
    with pytest.raises(SpecError, match=r'^f:17: "sweep.b\[4\]" cannot be set in place: edit the file by hand$'):
        set_value(LISTED, "b[4]", "[0.1]", "f")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=5), st.lists(st.integers(0, 5), min_size=1, max_size=6))
def test_a_list_in_lines_loses_no_comment_but_those_of_items_that_go(old: list[int], new: list[int]) -> None:
    items = "".join(f"  # above {place}\n  - {item}  # note {place}\n" for place, item in enumerate(old))
    after = set_value(f"where:\n{items}# end\n", "where", str(new))
    assert plain(parse_value(after, "f")) == plain(parse_value(f"where: {new}", "f"))
    assert [line for line in after.splitlines() if "above" in line] == [
        f"  # above {place}" for place in range(len(old))
    ]
    assert after.count("# note") == min(len(old), len(new))
    assert "# end\n" in after


def test_a_bad_value_is_named_with_its_key() -> None:
    with pytest.raises(SpecError, match=r'^f: the new value of "name": not valid YAML'):
        set_value("name: x\n", "name", "[1", "f")


def test_a_value_is_shown_as_it_is_written() -> None:
    assert written(SPEC, "optim.name") == "'adam'"
    assert written(SPEC, "drop") == "[0.1,\n        0.2]"
    assert written(SPEC, "resources.gpus") is None
    assert written("", "name") is None


def plain(value: Value) -> object:
    """A document as Python has it, with what was written."""
    if isinstance(value.content, tuple):
        return [plain(item) for item in value.content]
    if isinstance(value.content, str | int | float | None):
        return type(value.content), None if value.content is None else value.written
    return {key: plain(entry.value) for key, entry in value.content.items()}


class Writer:
    """A document in the making, that knows where each of its scalars is."""

    def __init__(self, draw: Callable[..., object]) -> None:
        self.draw = draw
        self.text = ""
        self.places: list[tuple[tuple[str | int, ...], int, int]] = []

    def pick(self, *choices: str) -> str:
        return str(self.draw(st.sampled_from(choices)))

    def mapping(self, path: tuple[str | int, ...], indent: int, depth: int) -> None:
        for key in self.draw(st.lists(st.sampled_from("abcde"), unique=True, min_size=1, max_size=3)):  # type: ignore[attr-defined]  # a list
            self.text += " " * indent + f"{key}:"
            self.value((*path, key), indent, depth)
            self.text += self.pick("", "", "# note\n", "\n")

    def value(self, path: tuple[str | int, ...], indent: int, depth: int) -> None:
        kind = self.pick("scalar", "scalar", "flow", "block", "list", "text") if depth else "scalar"
        if kind == "block":
            self.text += self.pick("\n", "  # why\n")
            self.mapping(path, indent + int(self.pick("1", "2", "4")), depth - 1)
        elif kind == "list":
            self.text += "\n"
            dash = " " * (indent + int(self.pick("0", "2")))
            for number in range(1, int(self.pick("2", "4"))):
                self.text += f"{dash}-"
                self.value((*path, number), indent + 2, 0)
        elif kind == "flow":
            self.text += " " + self.pick("{", "{ ")
            for key in self.pick("a", "ab", "abc"):
                self.text += f"{key}: "
                self.scalar((*path, key))
                self.text += self.pick(", ", ",\n" + " " * (indent + 3))
            self.text += "}\n"
        elif kind == "text":
            inner = " " * (indent + 3)
            start = len(self.text) + 1
            self.text += f" {self.pick('|', '>', '|-')}\n{inner}one\n\n{inner}two"
            self.places.append((path, start, len(self.text)))
            self.text += "\n\n"
        else:
            self.text += self.pick(" ", "   ")
            self.scalar(path)
            self.text += self.pick("\n", "  # note\n")

    def scalar(self, path: tuple[str | int, ...]) -> None:
        start = len(self.text)
        self.text += self.pick("1", "0.5", "adam", "x y", "'it''s'", '"a\\tb"', "~", "true", "[1, 2]", "{}", "é€𝄞")
        self.places.append((path, start, len(self.text)))


@st.composite
def pages(draw: Callable[..., object]) -> Writer:
    """Documents of all looks below the key `params`, whose keys are anybody's."""
    writer = Writer(draw)
    writer.text = str(draw(st.sampled_from(["", "# first\n", "---\n", "name: x\n\n"]))) + "params:\n"
    writer.mapping(("params",), 2, 3)
    return writer


values = st.sampled_from(
    ["1", "2e-4", "new", "two words", "a, b", "'q'", "[3, x]", "{k: v}", "null", "", '"l1\\nl2\\n"', "#"]
)


def key_of(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)[1:]


def changed(tree: object, path: tuple[str | int, ...], new: object) -> object:
    step, *rest = path
    within = tuple(rest)
    if isinstance(step, int):
        assert isinstance(tree, list)
        item = changed(tree[step - 1], within, new) if rest else new
        return [*tree[: step - 1], item, *tree[step:]]
    assert isinstance(tree, dict)
    return {**tree, step: changed(tree[step], within, new) if rest else new}


@settings(max_examples=150, deadline=None)
@given(pages(), st.data(), values, st.booleans())
def test_whatever_a_file_looks_like_only_the_one_value_changes(
    page: Writer, data: st.DataObject, value: str, crlf: bool
) -> None:
    path, start, end = data.draw(st.sampled_from(page.places))
    head, old, tail = page.text[:start], page.text[start:end], page.text[end:]
    if crlf:
        head, old, tail = (part.replace("\n", "\r\n") for part in (head, old, tail))
    text = head + old + tail
    after = set_value(text, key_of(path), value)
    assert after.startswith(head)
    assert after.endswith(tail)
    assert plain(parse_value(after, "f")) == changed(
        plain(parse_value(text, "f")), path, plain(parse_value(value, "v"))
    )


@settings(max_examples=100, deadline=None)
@given(pages(), st.data(), values)
def test_a_key_that_is_added_leaves_every_line_as_it_was(page: Writer, data: st.DataObject, value: str) -> None:
    parents = sorted({path[:-1] for path, _, _ in page.places if isinstance(path[-1], str)} | {("params",)}, key=str)
    path = (*data.draw(st.sampled_from(parents)), "new")
    after = set_value(page.text, key_of(path), value)
    rest = iter(after)
    assert all(character in rest for character in page.text)
    assert plain(parse_value(after, "f")) == changed(
        plain(parse_value(page.text, "f")), path, plain(parse_value(value, "v"))
    )


@settings(max_examples=200, deadline=None)
@given(
    st.lists(YAML_PIECES, max_size=12).map("".join),
    st.sampled_from(["a", "params.b", "where[1]", "b[2].c", "[", "..", "a."]) | st.text(max_size=5),
    st.lists(YAML_PIECES, max_size=4).map("".join) | values,
)
@example("a: ", "a", "\u2028")
def test_any_text_key_and_value_is_a_change_or_an_error_of_one_line(text: str, key: str, value: str) -> None:
    try:
        said = set_value(text, key, value) and "done"
    except SpecError as error:
        said = str(error)
    assert said.isprintable()


@given(st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats(allow_nan=False) | st.text())
def test_a_value_written_as_yaml_reads_back_as_itself(value: str | float | bool | None) -> None:
    found = parse_value(as_yaml(value), "f").content
    assert (type(found), found) == (type(value), value)
