"""The config's backends, made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from backends.base import Policy
from backends.hosted import Hosted
from trainboard.config import parse
from trainboard.paths import paths
from trainboard.places import Places

if TYPE_CHECKING:
    from pathlib import Path

    from backends.base import Question


class Nobody:
    async def ask(self, question: Question) -> str | None:
        raise AssertionError(question)


@pytest.mark.parametrize("kind", ["local", "ssh"])
async def test_the_rules_of_the_queue_reach_the_backend(tmp_path: Path, kind: str) -> None:
    where = paths({"TRAINBOARD_HOME": str(tmp_path)})
    rules = "leases: /x/leases, at_most: 2, ignore: [viewer], share: true, settle: 5"
    [config] = parse(f"backends: {{a: {{kind: {kind}, {rules}}}}}", where).backends
    backend = Places(where, Nobody()).make(config)
    assert isinstance(backend, Hosted)
    assert (backend.kind, backend.leases, backend.policy) == (kind, "/x/leases", Policy(2, ("viewer",), True, 5.0))
