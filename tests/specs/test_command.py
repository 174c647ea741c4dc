"""Commands with parameters, tried through real shells."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from specs.braces import as_text
from specs.command import fill
from specs.scanner import CommandError, scan

FOUND = [(shell, shutil.which(shell)) for shell in ("sh", "bash", "dash")]
SHELLS = list({Path(path).resolve(): shell for shell, path in reversed(FOUND) if path}.values())
"""Each shell once: `sh` is one of the others on most systems."""
HOSTILE = [
    *("$(touch hit)", "`touch hit`", "; touch hit", "'; touch hit; '", '"; touch hit; "', "\n touch hit\n#"),
    *("a\\", "\\'", "$HOME", "${HOME}", "--help", "-n", "*", "~", "#x", "!!", "a=b", "", " ", "2", "x,y", "1..3"),
    *("\r", "\t\x01\x7f", "日本 é 🚂", "|| touch hit", "&& touch hit &", "> hit", "{v}", "}}", "\\\n"),
]
TEXTS = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    st.text(st.sampled_from("'\"\\$`(){}; \n#a-*~&|<>")),
)


def run(shell: str, script: str) -> bytes:
    """Standard output of a script, in a folder that must stay empty."""
    with tempfile.TemporaryDirectory() as folder:
        found = subprocess.run([shell, "-c", script], capture_output=True, timeout=20, cwd=folder, check=False)
        assert list(Path(folder).iterdir()) == []
        return found.stdout


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=80, deadline=None)
@given(value=TEXTS)
def test_any_text_arrives_as_exactly_that_argument(shell: str, value: str) -> None:
    template = (
        r"""printf '%s\0' {v} "{v}" '{v}' a{v}b --x={v} --x="{v}" "in $$ ""a {v} b" 'c {v} d'{v}"{v}" """
        """"$(printf %s "$(printf '%s.' {v})" '{v}'.)" # it's {v}\n"""
    )
    *printed, end = run(shell, fill(template.replace("$$", "$0"), {"v": value})).decode().split("\0")
    assert printed == [
        *(value, value, value, f"a{value}b", f"--x={value}", f"--x={value}", f"in {shell} a {value} b"),
        *(f"c {value} d{value}{value}", f"{value}.{value}."),
    ]
    assert end == ""


PIECES = (
    st.lists(
        st.sampled_from(
            [
                *(
                    "{v}",
                    "{v}",
                    "{v}",
                    '"',
                    "'",
                    " ",
                    "\\",
                    '"$(printf %s. ',
                    "$(printf %s. ",
                    ")",
                    "#",
                    "a",
                    "$HOME",
                ),
                *(
                    "${X:-d}",
                    "${X:-'}",
                    "$((1+(2)))",
                    "\n",
                    "\\\n",
                    "=",
                    "$'",
                    "`",
                    "{{",
                    "}}",
                    "{",
                    "}",
                    ";",
                    "$",
                    '$"',
                ),
                *("<<E\n", "\nE\n", " case a in a) ", " esac ", '"${X:-"', "(", "(("),
            ]
        ),
        max_size=12,
    )
    .map("".join)
    .filter(
        lambda text: "$$" not in text.replace("\\\n", "")
    )  # the number of the process differs between two of them
)


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=120, deadline=None)
@example(value=HOSTILE[0], rest="$a\\\n{v} $\\\n{v}")
@example(value=HOSTILE[0], rest="$\\\n(echo '{v}')")
@example(value=HOSTILE[0], rest="\"${X:-'}{v}")
@example(value=HOSTILE[5], rest="$(case a in a) \"'{v}'\")")
@given(value=st.sampled_from(HOSTILE), rest=PIECES)
def test_wherever_a_value_stands_it_only_changes_that_text(shell: str, value: str, rest: str) -> None:
    """A word to which quoting does not matter marks the places; the value must appear in them and do no more."""
    template = f"IFS=; set -f\nprintf '%s\\0' {{v}} {rest}"
    try:
        filled, marked = (fill(template, {"v": text}) for text in (value, "zqz"))
    except CommandError:
        assume(False)
    assert run(shell, filled) == run(shell, marked).replace(b"zqz", value.encode())


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (False, "false"), (None, ""), (3, "3"), (0.001, "0.001"), (1e-5, "1e-05"), (2.0, "2.0")],
)
def test_values_that_are_no_text_are_written_as_python_does_but_booleans_and_null(value: bool, text: str) -> None:
    assert as_text(value) == text


def test_harmless_values_stay_readable() -> None:
    assert fill('a --lr {lr} --opt={o} "x {o}"', {"lr": 1e-3, "o": "adam"}) == 'a --lr 0.001 --opt=adam "x adam"'


def test_a_number_before_a_redirection_stays_an_argument() -> None:
    assert fill("echo {n}>out", {"n": 2}) == "echo '2'>out"


@pytest.mark.parametrize(
    "text",
    [
        *("${v}", "${v:-x}", "{a,b}", "{1..3}", "{ cmd; }", "find -exec rm {} +", "awk '{print $1}'", "{0}", "\\{v}"),
        *("""'{"a": {"b": 1}}'""", "# {v}", "{:.3f}", "a } b", "$((1 << 2))"),
    ],
)
def test_braces_that_hold_no_parameter_stay(text: str) -> None:
    assert fill(text, {"v": "x"}) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{v}}", "{v}"),
        ("awk '{{print}}'", "awk '{print}'"),
        ("""'{{"a": {{"b": {v}}}}}'""", """'{"a": {"b": 1}}'"""),
        ("${{v}}", "${v}"),
    ],
)
def test_doubled_braces_are_literal_ones(template: str, text: str) -> None:
    assert fill(template, {"v": 1}) == text


def test_an_unknown_parameter_names_the_nearest_and_how_to_write_a_literal_brace() -> None:
    with pytest.raises(CommandError) as caught:
        fill("a\nb {hiden}", {"hidden": 1, "lr": 2})
    assert str(caught.value) == (
        'unknown parameter "hiden" (did you mean "hidden"?); for the text itself write {{hiden}}'
    )
    assert caught.value.line == 1


@pytest.mark.parametrize(
    ("template", "place"),
    [
        ("echo `echo {v}`", "back-ticks"),
        ("cat <<E\n{v}\nE", "a here-document"),
        ("echo $'a' {v}", "$'…'"),
        ('echo "${X:-"{v}"}"', "a ${…}"),
        ("echo $((1+{v}))", "a $((…))"),
        ('echo "$(case a in a) echo {v};; esac)"', '"case" within $( )'),
        ("sh -c 'echo {v}'", "a second shell"),
        ('srun /bin/bash -l -c "echo {v}"', "a second shell"),
        ('bash -ec \\\n "$(echo {v})"', "a second shell"),
        ("eval echo {v}", "a second shell"),
        ('x && ssh host "echo {v}"', "a second shell"),
    ],
)
def test_where_a_value_cannot_be_made_safe_an_environment_variable_is_advised(template: str, place: str) -> None:
    with pytest.raises(CommandError, match=r"VALUE=\{v\}") as caught:
        fill(template, {"v": "x"})
    assert place in str(caught.value)


def test_the_advised_environment_variable_works() -> None:
    template = "export VALUE={v}\nsh -c 'echo `printf %s \"$VALUE\"`'"
    assert run("sh", fill(template, {"v": "$(touch hit)"})) == b"$(touch hit)\n"


def test_arguments_of_a_second_shell_are_fine() -> None:
    assert fill("""sh -c 'echo "$1"' sh {v}""", {"v": "a b"}) == """sh -c 'echo "$1"' sh 'a b'"""


def test_what_a_shell_reads_elsewhere_is_no_matter_without_a_placeholder_behind_it() -> None:
    assert fill("echo {v} `date` <<E\nit's\nE", {"v": 1}) == "echo 1 `date` <<E\nit's\nE"


def test_a_quote_that_is_not_closed_is_an_error_at_its_line() -> None:
    with pytest.raises(CommandError, match="the quote ' is not closed") as caught:
        fill("a # it's\nb 'c", {})
    assert caught.value.line == 1


@pytest.mark.parametrize("end", ["\\", "\\\n", '"\\'])
def test_a_backslash_at_the_end_is_an_error(end: str) -> None:
    with pytest.raises(CommandError, match="the command ends with a backslash") as caught:
        fill(f"a\nb {end}", {})
    assert caught.value.line == 1


def test_a_nul_character_cannot_be_passed() -> None:
    with pytest.raises(CommandError, match="NUL"):
        fill("a {v}", {"v": "\0"})


@settings(deadline=None)
@given(st.text("{}ab'\"\\$`(#\n< "))
def test_any_text_is_taken_apart_or_refused_and_without_braces_stays_whole(text: str) -> None:
    try:
        parts = scan(text)
    except CommandError as error:
        parts = ()
        assert str(error).isprintable()  # noqa: PT017 — that there is none is as right
    if parts and "{" not in text:
        assert parts == (text,)
