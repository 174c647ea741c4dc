"""What makes two runs the same run."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from specs.model import Setting, Spec


def identity(setting: Setting, spec: Spec, code: str) -> str:
    """SHA-256, hexadecimal, of all that decides what a run does: equal ones give the same results.

    `code`: the digest of the project. Of secrets only the names count, and not where or with how much room it runs.
    """
    env = {**spec.env, **setting.env}
    parts = (spec.name, setting.params, setting.command, spec.setup, env, code)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
