"""`trainboard profile FILE`: what a profile or a trace says that is on this machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from trainboard.actions import Refused
from trainboard.cli.profile import functions, show_functions
from trainboard.cli.terminal import print_json
from trainboard.profile.files import Kind, kind_of, read_profile
from trainboard.show import clean

if TYPE_CHECKING:
    from pathlib import Path


def show_file(path: Path, *, as_json: bool) -> int:
    """By what is in it."""
    try:
        kind = kind_of(path)
        if kind not in (Kind.RAW, Kind.SPEEDSCOPE):
            raise Refused(f"{path}: no profile: py-spy's raw format and speedscope are read")
        found = read_profile(path, kind)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise Refused(f"{path}: {error}") from error
    if as_json:
        print_json({"source": str(path), "kind": "stacks", **functions(found)})
    else:
        sys.stdout.write(f"{clean(str(path))}\n")
        show_functions(found)
    return 0
