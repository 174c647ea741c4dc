"""What makes two runs the same run."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from backends.snapshot import snapshot_of

if TYPE_CHECKING:
    from backends.base import Snapshot
    from specs.model import Setting, Spec


def identity(setting: Setting, spec: Spec, code: str) -> str:
    """SHA-256, hexadecimal, of all that decides what a run does: equal ones give the same results.

    `code`: the digest of the project (`program`). Command and environment count as they are written: what is filled
    in are the parameters, and the run's name, which changes as the sweep grows. Of secrets only the names count, and
    not where or with how much room it runs.
    """
    parts = (spec.name, setting.params, spec.command, spec.setup, spec.env, code)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def program(spec: Spec, code: Snapshot) -> str:
    """The digest of a project without the files that the spec was read from: what they say counts by itself.

    One that the command or the set-up names is read by the runs as well, and stays. Blocks.
    """
    here, read = spec.workdir.resolve(), f"{spec.command}\n{spec.setup}"
    own = {path.resolve() for path in (spec.source, *map(Path, spec.bases)) if path.name not in read}
    return snapshot_of((file for file in code.files if here / file.path not in own), code.blobs).digest
