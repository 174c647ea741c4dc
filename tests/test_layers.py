"""What an import brings along, and what it must not."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

HEAVY = (
    "textual",
    "rich",
    "plotext",
    "asyncssh",
    "cryptography",
    "yaml",
    "numpy",
    "tinydb",
    "psutil",
    "pynvml",
    "openpyxl",
    "apprise",
)


def imported(statement: str) -> set[str]:
    """The heavy packages that a statement loads in a fresh interpreter."""
    code = f"{statement}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return {name for name in json.loads(found.stdout) if name in HEAVY}


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("import backends.base, specs.model, trainboard, trainboard.cli.main", set()),
        ("import trainboard.cli.words; trainboard.cli.words.parser()", set()),
        ("import trainboard.events, trainboard.rows, trainboard.reconcile, trainboard.actions", set()),
        ("import trainboard.series, trainboard.extract, trainboard.metrics", set()),
        ("import trainboard.config, trainboard.places, trainboard.place", set()),
        ("import backends.script, backends.hosted, backends.host, backends.server, backends.slurm", set()),
        ("import trainboard.cli.metrics", {"tinydb"}),  # a run may be asked for, which is in the store
        ("import trainboard.watch, trainboard.cli.runs, trainboard.cli.hosts, trainboard.cli.demo", {"tinydb"}),
        ("import trainboard.notify.notifier, trainboard.cli.notify", {"tinydb"}),
        ("import backends.ssh, backends.local", set()),
        ("import trainboard.cli.importing, specs.importers.convert", {"yaml"}),
    ],
)
def test_what_is_heavy_is_imported_where_it_is_used(statement: str, allowed: set[str]) -> None:
    assert imported(statement) <= allowed


FIRST_FRAME = """
import asyncio, json, sys
from trainboard.cli.main import do
from trainboard.cli.board import run_board
from trainboard.cli.opening import Opening
from tui.app import Board
from tui.prompts import ModalPrompter

found = []

class Onlooker(ModalPrompter):
    def attach(self, app):  # as soon as the first frame is out
        found.extend(sys.modules)
        app.exit()

opening = Opening(lambda: None)
Board(opening.events, opening, prompter=Onlooker()).run(headless=True, size=(200, 50))
print(json.dumps(sorted(found)))
"""
"""The board as `run_board` makes it, with somebody who looks at its first frame before it goes on."""

SHOWN_FIRST = {
    *("backends", "backends.states"),
    *("trainboard", "trainboard.cli", "trainboard.cli.board", "trainboard.cli.main", "trainboard.cli.opening"),
    *("trainboard.link", "trainboard.options", "trainboard.show"),
    *(
        "tui",
        "tui.app",
        "tui.columns",
        "tui.curves",
        "tui.groups",
        "tui.keys",
        "tui.inbox",
        "tui.listing",
        "tui.loading",
    ),
    *("tui.orders", "tui.prompts", "tui.show"),
    *("tui.screens", "tui.screens.board", "tui.screens.hearing", "tui.screens.opening"),
    *("tui.screens.ordering", "tui.screens.summary"),
    *("tui.widgets", "tui.widgets.bars", "tui.widgets.host_strip", "tui.widgets.job_cells"),
    *("tui.widgets.job_lines", "tui.widgets.job_table", "tui.widgets.lines"),
}
"""Our modules without which there is no first frame. Each costs about half a millisecond until it is there; one that
is not needed for it is imported where it is used, or by `BoardScreen.furnish`."""

OURS = ("backends", "specs", "trainboard", "tui")


def test_the_first_frame_needs_nothing_but_what_it_shows() -> None:
    found = subprocess.run(
        [sys.executable, "-c", FIRST_FRAME], capture_output=True, text=True, check=True, timeout=60
    )
    modules = set(json.loads(found.stdout))
    assert {name for name in modules if name.partition(".")[0] in OURS} == SHOWN_FIRST
    assert modules & {*HEAVY, "argparse", "secrets", "sqlite3"} == {"textual", "rich"}


def test_the_board_is_the_only_one_that_loads_the_screen() -> None:
    assert {"textual", "rich"} <= imported("import tui.app")


def test_a_listing_of_what_is_on_record_loads_neither_screen_nor_network() -> None:
    listing = "import os, trainboard.cli.main; trainboard.cli.main.run(['ls', '--offline'])"
    code = f"{listing}\nimport sys, json\nsys.stderr.write(json.dumps(sorted(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert {name for name in json.loads(found.stderr) if name in HEAVY} <= {"tinydb"}


def dependencies(name: str, seen: set[str]) -> set[str]:
    """A distribution and everything that it needs here."""
    if name in seen:
        return seen
    seen.add(name)
    for line in distribution(name).requires or ():
        need = Requirement(line)
        if need.marker is None or need.marker.evaluate({"extra": ""}):
            dependencies(need.name, seen)
    return seen


def test_no_dependency_hides_a_module_of_the_standard_library() -> None:
    # `trainboard/__init__.py` puts the folder that it is installed in, site-packages, first on sys.path.
    modules = set()
    found = dependencies("trainboard", set())
    assert {"textual", "asyncssh", "numpy"} <= found
    for name in found - {"trainboard"}:
        for file in distribution(name).files or ():
            top = Path(file.parts[0])
            if top.suffix in ("", ".py", ".so") and not top.name.endswith("-info"):
                modules.add(top.name.partition(".")[0])
    assert {"textual", "yaml"} <= modules
    assert modules & sys.stdlib_module_names == set()
