"""Lists of nodes, taken apart and put together, beside the real scontrol."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.nodelist import MOST, compress, expand

if TYPE_CHECKING:
    from tests.cluster import Cluster

LISTS = [
    ("gpu[01-03,07],big1", ["gpu01", "gpu02", "gpu03", "gpu07", "big1"]),
    ("a[1-2]b[3-4]", ["a1b3", "a1b4", "a2b3", "a2b4"]),
    ("n[8-11]-ib", ["n8-ib", "n9-ib", "n10-ib", "n11-ib"]),
    ("login", ["login"]),
    ("", []),
]


@pytest.mark.parametrize(("text", "names"), LISTS)
def test_a_list_is_taken_apart(text: str, names: list[str]) -> None:
    assert expand(text) == names


@pytest.mark.parametrize(
    "text", ["a[1-", "a1]", "a[[1]]", "a[2-1]", "a[x]", "a b", f"a[1-{MOST + 1}]", "a[1-9999]b[1-9999]"]
)
def test_what_is_no_list_is_an_error_and_no_guess(text: str) -> None:
    with pytest.raises(ValueError, match=r"nodes"):
        expand(text)


def test_names_are_put_together_as_a_person_would() -> None:
    assert compress(["gpu01", "gpu02", "gpu03", "gpu07", "big1", "login"]) == "gpu[01-03,07],big1,login"
    assert compress(["x10", "x9", "x11"]) == "x[9-11]"
    assert compress(["n09", "n10", "n8"]) == "n[8,09-10]"


STEMS = st.sampled_from(["gpu", "n", "rack1-", "a"])
NUMBERS = st.builds(lambda number, width: f"{number:0{width}d}", st.integers(0, 1200), st.integers(1, 4))
NAMES = st.lists(st.builds(str.__add__, STEMS, NUMBERS) | st.sampled_from(["login", "fs"]), max_size=30, unique=True)


@settings(max_examples=100)
@given(NAMES)
def test_what_was_put_together_comes_apart_again(names: list[str]) -> None:
    assert sorted(expand(compress(names))) == sorted(names)


@settings(max_examples=60)
@given(st.text(alphabet="ab01[],- \n", max_size=30))
def test_any_text_is_a_list_or_an_error(text: str) -> None:
    try:
        names = expand(text)
    except ValueError:
        return
    assert all(names)


@pytest.mark.slurm
def test_scontrol_takes_the_same_lists_apart_alike(cluster: Cluster) -> None:
    # Lists as they come, one call for each; it takes nothing behind brackets, though node names elsewhere have it.
    texts = [text for text, names in LISTS if names and "-ib" not in text]

    @settings(max_examples=12)
    @given(NAMES)
    def collect(names: list[str]) -> None:
        if names:
            texts.append(compress(names))

    collect()
    asked = "; echo --; ".join(f"scontrol show hostnames '{text}'" for text in texts)
    said = cluster.run("gateway", asked).stdout.split("--\n")
    assert [expand(text) for text in texts] == [each.split() for each in said]
