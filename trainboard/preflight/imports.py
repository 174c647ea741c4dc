"""The modules that a Python program imports at its top, read from its text; no program is run."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_FILES, LARGEST = 100, 1 << 20
"""Files of a project that are read, and bytes of one."""

MOST_NAMES = 100


def imports_of(folder: Path, script: str, module: str, search: str) -> tuple[str, ...]:
    """The top-level modules that a program wants, without the standard library's and the project's own. Reads files.

    `script` is a path from `folder`, or `module` a name as for `python -m`; `search` is PYTHONPATH. An import within
    `try`, `if` or a function may be meant to fail, and does not count.
    """
    bases = [(folder / script).parent if script else folder, *(folder / each for each in search.split(":") if each)]
    todo = [folder / script] if script else list(files_of(module, bases))
    names: dict[str, None] = {} if todo or not module else {module.partition(".")[0]: None}
    seen: set[Path] = set()
    while todo and len(seen) < MOST_FILES:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in imported(path):
            own = list(files_of(name, bases))
            todo += own
            if not own and not is_own(name, bases):
                names[name.partition(".")[0]] = None
    return tuple(sorted(name for name in names if name not in sys.stdlib_module_names))[:MOST_NAMES]


def imported(path: Path) -> Iterator[str]:
    """The names, with dots, that a file imports at its top; nothing of one that cannot be read here."""
    try:
        if path.stat().st_size > LARGEST:
            return
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return  # that it is missing is another check's; its syntax may be of a newer Python
    for statement in tree.body:
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            yield statement.module
            yield from (f"{statement.module}.{alias.name}" for alias in statement.names if alias.name != "*")


def files_of(name: str, bases: list[Path]) -> Iterator[Path]:
    """The files of the project that an import of this name reads."""
    parts = name.split(".")
    for base in bases:
        for length in range(1, len(parts) + 1):
            place = base.joinpath(*parts[:length])
            yield from (
                path for path in (place.with_name(f"{place.name}.py"), place / "__init__.py") if path.is_file()
            )


def is_own(name: str, bases: list[Path]) -> bool:
    """Whether the first part of a name is a folder or a compiled file of the project."""
    first = name.partition(".")[0]
    return any((base / first).is_dir() or any(base.glob(f"{first}.*so")) for base in bases)
