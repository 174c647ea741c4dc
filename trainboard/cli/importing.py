"""`trainboard import`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from specs.files import Meanwhile, save, write
from specs.importers.convert import convert
from specs.model import SpecError
from trainboard.cli.terminal import complain

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping


def turn(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Make a spec of a file, and print or save it; what could not be kept is a line each on standard error."""
    out = Path(chosen.output) if chosen.output else None
    found = convert(Path(chosen.file), out.parent if out else Path(), chosen.command)
    if out is None:
        sys.stdout.write(found.text)
    else:
        keep(out, found.text, over=chosen.force)
        sys.stdout.write(f"{out}: {found.runs:,} run{'' if found.runs == 1 else 's'}\n")
    for note in found.notes:
        complain(f"{chosen.file}: {note}")
    return 0


def keep(path: Path, text: str, *, over: bool) -> None:
    """Save a spec, over what is there only where that is wanted. Raises `SpecError`."""
    try:
        if over:
            write(path, text)
        else:
            save(path, text, None)
    except Meanwhile:
        raise SpecError(str(path), None, "is there already; --force replaces it") from None
    except OSError as error:
        raise SpecError(str(path), None, f"cannot be written: {error.strerror}") from None
