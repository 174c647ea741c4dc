"""Every promise of docs/reliability.md names tests, and the tests are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/reliability.md").read_text()


def rows() -> list[tuple[str, str, str]]:
    """Fault, promise and tests of each row of the table; not the headings within it."""
    cells = [tuple(cell.strip() for cell in line.split("|")[1:-1]) for line in PAGE.splitlines() if line[:1] == "|"]
    return [(row[0], row[1], row[2]) for row in cells[2:] if not (row[0].startswith("**") and not row[1])]


def names_in(path: Path) -> set[str]:
    """The names of the tests of a file."""
    found = ast.walk(ast.parse(path.read_text()))
    return {each.name for each in found if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_promise_has_a_test_and_every_test_named_is_there() -> None:
    assert len(rows()) > 30
    for fault, promise, tests in rows():
        named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", tests)
        assert promise, fault
        assert named, fault
        assert tests.count("`") == 2 * len(named), tests
        for file, name in named:
            assert name in names_in(ROOT / file), f"{file}::{name}"


def test_every_test_of_the_package_about_faults_is_in_the_table() -> None:
    files = sorted((ROOT / "tests/reliability").glob("test_*.py"))
    there = {name for file in files for name in names_in(file) if name.startswith("test_")}
    assert there
    assert {name for name in there if f"::{name}`" not in PAGE} == set()


def test_the_command_that_counts_is_a_command() -> None:
    assert "python -m tests.crash --kills" in PAGE
    assert (ROOT / "tests/crash/__main__.py").exists()
