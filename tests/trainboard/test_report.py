"""An experiment as one file: what is in it, and what never is."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainboard.test_cli import everywhere, shell
from tests.trainboard.test_cli_results import TOKEN, end, project
from trainboard.report.drawing import HEIGHT, NAMED, WIDTH, Chart, Line, drawn, spans_decades
from trainboard.report.html import as_html
from trainboard.report.markdown import as_markdown
from trainboard.report.page import Figure, Listing, Page, Section, Table, Text
from trainboard.report.veil import veiled

if TYPE_CHECKING:
    from collections.abc import Collection

    from tests.trainboard.test_cli import Shell

__all__ = ["everywhere", "shell"]

HOSTILE = '<script>alert(1)</script><img src=x onerror="a()">|`]( http://x )**\x1b[2J\n- # & "\''
OUTSIDE = {"src", "href", "srcset", "data", "action", "background", "poster", "style"}
"""Attributes by which a page would load or look otherwise than it is written."""


class Reader(HTMLParser):
    """What a browser would see of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def a_page(word: str) -> Page:
    """A page with the word wherever one can come from outside."""
    table = Table((word, "b"), ((word, "1"), ("x", word)), frozenset({(0, 0)}), word)
    svg = drawn(Chart([Line(word, [(0, 1), (1, 2)])], word, word))
    blocks = (Text(word), table, Figure(svg, word), Listing(word, word, "diff", folded=True), Listing(word, word))
    return Page(word, word, (Section(word, blocks),))


def test_nothing_that_a_name_says_is_obeyed_by_a_browser() -> None:
    seen = Reader(as_html(a_page(HOSTILE))).seen
    assert not {"script", "img", "iframe", "object", "link", "a"} & {tag for tag, _ in seen}
    for tag, attributes in seen:
        assert not OUTSIDE & set(attributes), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")]


def test_what_a_name_says_is_read_as_it_is() -> None:
    words = "".join(Reader(as_html(a_page("a < b & c"))).words)
    assert words.count("a < b & c") >= 8


def test_a_page_tells_a_browser_to_load_and_run_nothing() -> None:
    [policy] = [
        found["content"]
        for tag, found in Reader(as_html(a_page("x"))).seen
        if tag == "meta" and found.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_markdown_has_no_html_of_a_name_and_tables_keep_their_columns() -> None:
    text = as_markdown(a_page(HOSTILE))
    outside = re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.M | re.S)  # of a fence nothing is obeyed
    assert not re.search(r"(?<!\\)<", outside)
    rows = [line for line in outside.splitlines() if line.startswith("|")]
    assert len(rows) == 4
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {3}


def test_a_listing_with_fences_stays_in_its_own() -> None:
    page = Page("x", "y", (Section("s", (Listing("a\n````\n# b", "t", "yaml"),)),))
    assert "`````yaml\na\n````\n# b\n`````" in as_markdown(page)


FLOATS = st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.tuples(FLOATS, FLOATS), max_size=6), max_size=15), st.booleans())
def test_every_curve_is_drawn_within_its_figure(curves: list[list[tuple[float, float]]], log: bool) -> None:
    svg = drawn(Chart([Line(HOSTILE, points) for points in curves], "step", "loss", log))
    finite = any(math.isfinite(x) and math.isfinite(y) and (y > 0 or not log) for points in curves for x, y in points)
    assert bool(svg) is finite
    if not svg:
        return
    for element in ElementTree.fromstring(svg).iter():  # it is ours, made above
        for name, most in (("x", WIDTH), ("cx", WIDTH), ("y", HEIGHT), ("cy", HEIGHT)):
            assert 0 <= float(element.get(name, 0)) <= most
        for x, y in re.findall(r"[ML]([\d.-]+) ([\d.-]+)", element.get("d", "")):
            assert 0 <= float(x) <= WIDTH
            assert 0 <= float(y) <= HEIGHT


def test_the_first_curves_have_names_and_the_others_are_counted() -> None:
    svg = drawn(Chart([Line(f"r{n}", [(0, n), (1, n + 1)]) for n in range(NAMED + 3)], "step", "loss"))
    texts = [element.text for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("}text")]
    assert [text for text in texts if text and text.startswith("r")] == [f"r{n}" for n in range(NAMED)]
    assert "and 3 more, grey" in texts


def test_a_gap_is_a_gap() -> None:
    svg = drawn(
        Chart([Line("a", [(0, 1), (1, 2), (2, math.nan), (3, 1), (4, 2), (5, math.inf), (6, 1)])], "step", "y")
    )
    curves = [
        each
        for each in ElementTree.fromstring(svg).iter()
        if each.get("stroke-width") and "L" in (each.get("d") or "")
    ]
    assert len(curves) == 2
    assert len([each for each in ElementTree.fromstring(svg).iter() if each.tag.endswith("circle")]) == 1


def test_a_logarithm_is_for_what_spans_decades() -> None:
    assert spans_decades([0.01, 1.0])
    assert not spans_decades([0.0, 1.0])
    assert not spans_decades([0.5, 1.0])
    assert not spans_decades([])


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (f"env: {{HF: {TOKEN}}}", "env: {HF: (hidden)}"),
        ("  WANDB_API_KEY: 'abc-def'", "  WANDB_API_KEY: (hidden)"),
        ("export DB_PASSWORD=hunter22; run", "export DB_PASSWORD=(hidden) run"),
        ('"api_key": "x1"', '"api_key": (hidden)'),
        ("env: {WANDB_API_KEY: null}", "env: {WANDB_API_KEY: null}"),
        ("max_tokens: 2048", "max_tokens: 2048"),
        ("--token {token} ${HF_TOKEN}", "--token {token} ${HF_TOKEN}"),
        ("lr: 0.1", "lr: 0.1"),
    ],
)
def test_secrets_in_a_text_are_hidden_and_nothing_else(text: str, hidden: str) -> None:
    assert veiled(text) == hidden


SPEC = f"""\
name: small
question: Does a larger step help?
command: bash train.sh {{lr}}
sweep: {{lr: [0.1, 0.2]}}
env: {{MY_TOKEN: {TOKEN}}}
metrics: {{objective: loss, total: {{steps: 2}}}}
outputs: {{predictions: "out/{{lr}}/said.csv"}}
"""
SAYS = """\
mkdir -p out/$1 && echo "step 1 loss 0.5" && echo "step 2 loss $1"
{ echo target,prediction; for n in 1 2 3 4; do echo cat,cat; echo dog,cat; done; } > out/$1/said.csv
"""


def test_a_report_has_question_results_curves_spec_environment_and_code(shell: Shell) -> None:
    project(shell, SPEC)
    shell.write("project/train.sh", SAYS)
    shell.done("submit", "project/small.yaml", "--send")
    end(shell)
    assert shell.done("report", "small", "-o", "out.html") == "out.html\n"
    text = (shell.folder / "out.html").read_text()
    page = Reader(text)
    assert [found for tag, found in page.seen if tag == "svg"], "there is a curve"
    words = "".join(page.words)
    for title in ("Question", "Results", "Curves", "Findings", "Errors", "Spec", "Environment", "Code"):
        assert f"\n{title}\n" in words or title in page.words
    assert "Does a larger step help?" in words
    assert "The best loss is 0.1, of small-1.0 with lr = 0.1." in words
    assert "0.1 ★" in words
    assert "small-1.0: " in words
    assert "accuracy" in words
    assert "50%" in words or "0.5" in words
    assert TOKEN not in text
    assert "MY_TOKEN" in words
    assert shell.done("report", "small-1", "-o", "-", "--offline").endswith("</html>\n")
    assert shell.json("report", "small-1", "-o", "out.md") == {"experiment": "small-1", "file": "out.md"}
    assert (shell.folder / "out.md").read_text().startswith("# small\\-1\n")


def test_a_report_while_a_sweep_goes_on_says_how_far_it_is(shell: Shell) -> None:
    first = shell.folder / "first"
    sweep = "{method: tpe, samples: 30, at_most: 1, lr: {min: 0.1, max: 0.2}}"
    project(shell, SPEC.replace("{lr: [0.1, 0.2]}", sweep))
    shell.write("project/train.sh", f"echo step 1 loss 0.5; [ -e {first} ] && sleep 600; touch {first}\n")
    assert shell("submit", "project/small.yaml", "--send").returncode == 0
    watch = shell.start("watch")
    try:
        states: Collection[str] = ()
        while not {"COMPLETED", "RUNNING"} <= set(states):
            states = [row["state"] for row in shell.json("ls")]
    finally:
        watch.kill()
        watch.communicate()
    text = shell.done("report", "small", "-o", "-")
    assert re.search(r"10 runs: .*1 COMPLETED, 1 RUNNING, 8 PENDING", text)
    assert "10 of 30 trials have been asked for until now." in text
    assert "The best loss so far is 0.5, of small-1." in text
    assert {each["state"] for each in shell.json("results", "small")} == {"COMPLETED", "RUNNING", "PENDING"}
    assert shell("cancel", "small-1").returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("smal",), 'no experiment "smal" (did you mean "small"?); `trainboard ls` lists them'),
        (("small", "-o", "x.pdf"), "x.pdf: a report is a file.html or a file.md"),
        (("small", "-o", "no/such/x.md"), "no/such/x.md: No such file or directory"),
        (
            ("small", "-o", "project/train.md"),
            "project/train.md is there already; -o takes another name, --force writes over it",
        ),
    ],
)
def test_what_a_report_cannot_be_made_of_is_said_in_a_line(shell: Shell, words: tuple[str, ...], said: str) -> None:
    project(shell)
    shell.write("project/train.md", "mine")
    shell.done("submit", "project/small.yaml")
    refused = shell("report", *words)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.strip().endswith(said)
    assert (shell.folder / "project/train.md").read_text() == "mine"
