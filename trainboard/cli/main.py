"""What every command of the command line has in common: how it is done, and how it fails."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DONE, FAILED, BAD_INPUT = 0, 1, 2
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What the writing of our output says where there is no room for it; it names no file."""


def do(arguments: Sequence[str]) -> int:
    """Parse and do. Without words it is the board, which is on the screen sooner if no words are made ready."""
    if not arguments:
        from trainboard.cli.board import show_board

        return show_board(os.environ)
    from trainboard.cli.words import parse

    chosen = parse(arguments)
    environ: Mapping[str, str] = os.environ
    if chosen.readonly:
        from trainboard.paths import READONLY

        environ = {**environ, READONLY: "1"}
    if chosen.changes and not getattr(chosen, "dry_run", False):
        refuse(chosen.changes, environ)
    module, _, function = chosen.run.partition(":")
    return int(getattr(importlib.import_module(module), function)(chosen, environ))


def refuse(what: str, environ: Mapping[str, str]) -> None:
    """Raises `Refused` where nothing is to be changed."""
    from trainboard.paths import READONLY, readonly

    if readonly(environ):
        from trainboard.actions import Refused

        raise Refused(f"`{what}` changes something, which --readonly (or {READONLY}) refuses")


def run(arguments: Sequence[str]) -> int:
    """Parse and do; the exit code: 0 done, 1 the work failed, 2 bad usage or bad input."""
    if sys.stdout is None:  # closed by who started us
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - pathlib costs time; open for as long as we are
    try:
        done = do(arguments)
        sys.stdout.flush()  # here, where a reader that has left is no defect
        return done
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Who reads us has seen enough.
        silence()
        return DONE
    except Exception as error:  # what is expected becomes a line, what is not goes on up
        code = exit_code(error)
        if isinstance(error, OSError) and error.filename is None and error.errno in FULL:
            from trainboard.cli.terminal import complain

            silence()
            complain(f"the output cannot be written: {error.strerror}; send it where there is room")
            return FAILED
        if code is None:
            raise
        from trainboard.cli.terminal import complain

        advice = getattr(error, "advice", "")
        for each in getattr(error, "all", (error,)):
            complain(f"{each}; {advice}" if advice else str(each))
        return code


def silence() -> None:
    """What is still buffered of our output has nowhere to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def exit_code(error: Exception) -> int | None:
    """What an expected failure exits with; None for one that is a defect of ours and wants its traceback."""
    from backends.base import BackendError
    from specs.model import SpecError
    from trainboard.actions import Refused
    from trainboard.config import ConfigError
    from trainboard.metrics import MetricsError
    from trainboard.store import StoreError

    if isinstance(error, SpecError | ConfigError | Refused | MetricsError):
        return BAD_INPUT
    return FAILED if isinstance(error, BackendError | StoreError) else None
