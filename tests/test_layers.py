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
        ("import trainboard.cli.main; trainboard.cli.main.parser()", set()),
        ("import trainboard.events, trainboard.rows, trainboard.reconcile, trainboard.actions", set()),
        ("import trainboard.series, trainboard.extract, trainboard.metrics", set()),
        ("import trainboard.config, trainboard.places, trainboard.place", set()),
        ("import backends.script, backends.hosted, backends.host, backends.server, backends.slurm", set()),
        ("import trainboard.cli.metrics", {"tinydb"}),  # a run may be asked for, which is in the store
        ("import trainboard.watch, trainboard.cli.runs, trainboard.cli.hosts, trainboard.cli.demo", {"tinydb"}),
        ("import backends.ssh, backends.local", set()),
        ("import trainboard.cli.importing, specs.importers.convert", {"yaml"}),
    ],
)
def test_what_is_heavy_is_imported_where_it_is_used(statement: str, allowed: set[str]) -> None:
    assert imported(statement) <= allowed


def test_the_board_begins_without_what_only_a_run_with_samples_needs() -> None:
    code = "import tui.app, sys, json\nprint(json.dumps(sorted(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    late = (
        "numpy",
        "secrets",
        "trainboard.extract",
        "trainboard.forecast",
        "trainboard.layernames",
        "trainboard.timing",
    )
    assert [name for name in json.loads(found.stdout) if name.startswith(late)] == []


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
