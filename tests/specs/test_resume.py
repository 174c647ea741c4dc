"""What is added to a command to make it resume."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specs.resume import unreachable


@pytest.mark.parametrize(
    "command",
    [
        *(
            "python a.py --lr {lr}",
            "cd src && python a.py",
            "cat x | head; python a.py",
            "# it's | this\npython a.py",
        ),
        *("python a.py > >(tee log) 2>&1", "a &> log", "a --x='1 | 2;'", "a $(date | head)", "a `date | head`"),
        *("a ${X}", "a \\\n --b", "cat <<E\na | b\nE\npython a.py", "bash -c 'x'; python a.py", "bash run.sh -c x"),
        *("a 'two\nlines | x'", "python a.py {data.name}", "a '#' b", "'"),
    ],
)
def test_it_reaches_the_last_program_of_the_command(command: str) -> None:
    assert unreachable(command) == ""


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("python a.py # the model", "ends with a comment"),
        ("python a.py 2>&1 | tee log", "ends with a pipe, and its last program would get it"),
        ("python a.py |& \\\n tee log\n", "ends with a pipe, and its last program would get it"),
        ("python a.py &", 'ends with "&"'),
        ("python a.py;\n", 'ends with ";"'),
        ("(cd x && python a.py)", "ends with the end of a block"),
        ("for i in 1 2; do\n  python a.py\ndone", "ends with the end of a block"),
        ("python - <<'E'\nprint()\nE", "ends with a here-document"),
        ("srun bash -lc 'python a.py'", "ends with a second shell's script"),
        ('x && sh -c "python a.py"', "ends with a second shell's script"),
    ],
)
def test_where_it_would_be_lost_that_is_said(command: str, problem: str) -> None:
    assert unreachable(command).startswith(problem)


@settings(deadline=None)
@given(st.text("ab {}'\"\\$`(|&;#\n<)"))
def test_any_command_is_judged(command: str) -> None:
    assert unreachable(command).isprintable()
