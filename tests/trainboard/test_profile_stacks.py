"""Sampled stacks: read, counted by function, laid out as a flame graph, compared, kept and found again."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainboard.profile.files import Kind, kind_of
from trainboard.profile.flame import Tree, layout
from trainboard.profile.hottest import changes, hottest
from trainboard.profile.keeping import MOST, Kept, Shelf
from trainboard.profile.stacks import Function, Profile, is_own, parse_raw, parse_speedscope, place_of

if TYPE_CHECKING:
    from pathlib import Path

RAW = """\
<module> (/home/ann/train.py:40);step (/home/ann/train.py:12);forward (/v/site-packages/torch/nn.py:9) 60
<module> (/home/ann/train.py:40);step (/home/ann/train.py:13) 30
<module> (/home/ann/train.py:40);step (/home/ann/train.py:14);clock_nanosleep (/usr/lib/libc.so.6) 10
"""

names = st.text(st.characters(exclude_characters=";\n", codec="utf-8"), min_size=1, max_size=12)
stacks = st.dictionaries(st.lists(names, min_size=1, max_size=6).map(tuple), st.integers(1, 50), max_size=20)


def profile(stacks: dict[tuple[str, ...], int]) -> Profile:
    """Functions by name."""
    words = list(dict.fromkeys(name for stack in stacks for name in stack))
    places = {tuple(words.index(name) for name in stack): float(count) for stack, count in stacks.items()}
    return Profile([Function(name) for name in words], places, {})


def test_the_functions_that_take_most_come_first_with_the_line_where() -> None:
    found = hottest(parse_raw(RAW))
    assert [(hot.function.name, hot.alone, hot.total, hot.line) for hot in found] == [
        ("forward", 0.6, 0.6, 9),
        ("step", 0.3, 1.0, 13),
        ("clock_nanosleep", 0.1, 0.1, None),
        ("<module>", 0.0, 1.0, None),
    ]
    assert [hot.function.own for hot in found] == [False, True, False, True]


def test_stacks_without_a_call_and_comments_are_no_damage() -> None:
    assert parse_raw(f"# a comment\n\n 3\n{RAW}").left == 0
    assert parse_raw(f"{RAW}no count\n").left == 1


def test_a_function_that_calls_itself_counts_once() -> None:
    [hot] = hottest(parse_raw("f (a.py:1);f (a.py:2);f (a.py:2) 4"))
    assert (hot.alone, hot.total) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("file", "own"),
    [
        ("/home/ann/train.py", True),
        ("train.py", True),
        ("/home/ann/lib/pythonic/x.py", True),
        ("<string>", True),
        ("/v/lib/python3.11/site-packages/torch/x.py", False),
        ("/usr/lib64/python3.9/threading.py", False),
        ("<frozen importlib._bootstrap>", False),
        ("/usr/lib/x86_64-linux-gnu/libc.so.6", False),
        ("/v/torch/lib/libtorch_cpu.so", False),
        ("torch/nn/site-packages/x.py", False),
    ],
)
def test_libraries_are_told_from_the_users_own_code(file: str, own: bool) -> None:
    assert is_own(file) is own


@settings(max_examples=40)
@given(st.text(max_size=300))
def test_any_text_is_read_and_what_is_no_stack_is_counted(text: str) -> None:
    found = parse_raw(text)
    assert found.total >= 0
    assert all(0 <= place < len(found.functions) for stack in found.stacks for place in stack)
    assert found.left <= text.count("\n") + 1


@settings(max_examples=40)
@given(st.dictionaries(st.lists(names, min_size=1, max_size=5).map(tuple), st.integers(1, 99), max_size=12))
def test_stacks_that_are_written_are_those_that_are_read(stacks: dict[tuple[str, ...], int]) -> None:
    told = {tuple(f"{name} (file.py:{len(name)})" for name in stack): count for stack, count in stacks.items()}
    found = parse_raw("".join(f"{';'.join(stack)} {count}\n" for stack, count in told.items()))
    assert {tuple(found.functions[at].name for at in stack): n for stack, n in found.stacks.items()} == stacks
    assert found.left == 0


@settings(max_examples=60)
@given(stacks, st.integers(0, 120))
def test_a_flame_graph_is_as_wide_as_the_screen_and_nothing_overlaps(
    stacks: dict[tuple[str, ...], int], width: int
) -> None:
    tree = Tree(profile(stacks))
    assert tree.weight[0] == sum(stacks.values())
    for top in range(len(tree)):
        rows = layout(tree, top, width)
        boxes = {box.node: box for row in rows for box in row}
        for row in rows:
            assert all(box.left < box.right or width == 0 for box in row)
            assert all(one.right <= two.left for one, two in pairwise(row))
            for box in row:
                above = boxes.get(tree.parent[box.node])
                assert above is not None
                assert above.left <= box.left
                assert box.right <= above.right
        assert boxes[top].right - boxes[top].left == width


@settings(max_examples=40)
@given(stacks)
def test_what_calls_take_adds_up(stacks: dict[tuple[str, ...], int]) -> None:
    tree = Tree(profile(stacks))
    for node in range(len(tree)):
        assert sum(tree.weight[child] for child in tree.children(node)) <= tree.weight[node]
        weights = [tree.weight[child] for child in tree.children(node)]
        assert weights == sorted(weights, reverse=True)
    found, share = tree.matching(lambda function: True)
    assert len(found) == len(tree) - 1
    assert share == pytest.approx(1.0 if stacks else 0.0)


def test_calls_within_a_call_that_matches_count_once() -> None:
    tree = Tree(parse_raw("a (x.py:1);b (x.py:2);a (x.py:1) 3\nc (x.py:9) 1"))
    found, share = tree.matching(lambda function: function.name == "a")
    assert len(found) == 2
    assert share == 0.75


def test_two_profiles_are_compared_by_what_functions_take_themselves() -> None:
    before, after = parse_raw("a (x.py:1) 8\nb (x.py:2) 2"), parse_raw("a (x.py:1) 2\nb (x.py:2) 2\nc (x.py:3) 4")
    assert [(each.function.name, each.before, each.after) for each in changes(before, after)] == [
        ("a", 0.8, 0.25),
        ("c", 0.0, 0.5),
        ("b", 0.2, 0.25),
    ]


def test_speedscope_files_of_both_kinds_are_read() -> None:
    frames = [{"name": "main", "file": "t.py", "line": 3}, {"name": "hot", "file": "t.py", "line": 9}]
    sampled = {"type": "sampled", "samples": [[0], [0, 1], [0, 1]], "weights": [1, 2, 3]}
    events = [
        {"type": "O", "frame": 0, "at": 5},
        {"type": "O", "frame": 1, "at": 6},
        {"type": "C", "frame": 1, "at": 9},
    ]
    evented = {"type": "evented", "startValue": 5, "events": [*events, {"type": "C", "frame": 0, "at": 10}]}
    for each, alone in ((sampled, 5 / 6), (evented, 3 / 5)):
        found = parse_speedscope(json.dumps({"shared": {"frames": frames}, "profiles": [each]}))
        top = hottest(found)[0]
        assert (top.function.name, top.line) == ("hot", 9)
        assert top.alone == pytest.approx(alone)


@pytest.mark.parametrize("text", ["{}", '{"shared": {"frames": []}, "profiles": 3}', "[1", '{"shared": 1}'])
def test_what_is_no_speedscope_file_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_speedscope(text)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (RAW.encode(), Kind.RAW),
        (b"# {}\n" + RAW.encode(), Kind.RAW),
        (b'{"$schema": "https://www.speedscope.app/file-format-schema.json"}', Kind.SPEEDSCOPE),
        (b'{\n "schemaVersion": 1,\n "traceEvents": [', Kind.TRACE),
        (b'[\n{"ph": "X"', Kind.TRACE),
        (b"{\xa9\x03z\x01~\xe9\x00\x00\x00", Kind.PSTATS),
        (b"hello\nworld\n", Kind.UNKNOWN),
        (b"", Kind.UNKNOWN),
    ],
)
def test_a_file_is_known_by_its_beginning(content: bytes, kind: Kind, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert kind_of(path) is kind


def test_a_place_is_shown_by_its_end() -> None:
    assert place_of("/v/lib/python3.11/site-packages/torch/nn/modules.py", 7) == "torch/nn/modules.py:7"
    assert place_of("/usr/lib/python3.9/threading.py") == "threading.py"
    assert place_of("/" + "a" * 100 + "/train.py", limit=12) == "…aa/train.py"


def test_the_newest_profiles_of_a_run_are_kept_and_found_again(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "profiles", "exp-1/lr=0.1")
    assert shelf.all() == ()
    kept = [
        shelf.put(Kept(1_800_000_000.0 + at, 7, "python\x1b train.py", 2.0, "native", "node1", 3), RAW.encode())
        for at in range(MOST + 2)
    ]
    assert list(shelf.all()) == kept[:1:-1]
    path = shelf.all()[0].path
    assert path is not None
    assert path.stat().st_mode & 0o777 == 0o600
    assert hottest(parse_raw(path.read_text())) == hottest(parse_raw(RAW))
    path.write_bytes(b"damaged")
    assert list(shelf.all()) == kept[-2:1:-1]
