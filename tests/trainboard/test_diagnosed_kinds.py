"""Diagnosis on every kind of backend, real: while a run goes, when it fails, and told by those who do not poll."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING

import pytest

from backends.base import Policy
from specs.load import loads
from tests.backends.conftest import KINDS, backend_of
from tests.trainboard.test_watch import Desk
from trainboard.config import BackendConfig, Config
from trainboard.events import EngineSeen, FindingsSeen, TableSeen
from trainboard.options import PLAIN
from trainboard.paths import paths
from trainboard.store import Store
from trainboard.watch import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from backends.base import Backend
    from trainboard.documents import Records

pytestmark = pytest.mark.timeout(180)


class Real:
    """Hands out real backends, a new one each time."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self._request = request
        self._folder = folder

    def make(self, config: BackendConfig) -> Backend:
        return backend_of(self._request, self._folder, Policy())

    async def close(self) -> None:
        """Nothing is kept."""


@pytest.fixture(params=KINDS)
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Real:
    """Each kind in turn."""
    return Real(request, tmp_path)


@contextlib.asynccontextmanager
async def watching(tmp_path: Path, places: Real) -> AsyncGenerator[Desk]:
    backend = places.make(BackendConfig("x", "local", "x", "", 1.0, True, "python3", ()))
    config = BackendConfig(backend.name, backend.kind, backend.name, "", 0.5, True, "python3", ())
    await backend.close()
    where = paths({"TRAINBOARD_HOME": str(tmp_path / "home")})
    store = Store(where.state)
    watch = Watch(Config(where.config, (config,)), where, store, places, {}, tmp_path)  # type: ignore[arg-type]  # in its place
    async with contextlib.aclosing(watch.events()) as stream:
        yield Desk(watch, store, where.state, stream)


async def stored(desk: Desk, when: Callable[[Records], bool]) -> Records:
    """What is on record, as soon as it is as wanted."""
    async with asyncio.timeout(90):
        while True:
            records = await desk.store.load()
            if when(records):
                return records
            await asyncio.sleep(0.1)


NAN = "for n in 1 2 3 4 5 6 7 8 9; do echo step $n loss 0.$n; done; for n in 10 11; do echo step $n loss nan; done"
RAISES = 'python3 -c "raise LookupError(41)"'


async def test_a_run_is_diagnosed_while_it_goes_and_when_it_fails(places: Real, tmp_path: Path) -> None:
    name = f"d{secrets.token_hex(3)}"
    async with watching(tmp_path, places) as desk:
        await desk.until(EngineSeen, lambda seen: seen.ours)
        text = f"name: {name}\ncommand: |\n  if [ {{n}} = 1 ]; then {NAN}; sleep 600; fi; {RAISES}\n"
        spec = loads(text + "sweep: {n: [1, 2]}\nmetrics: {objective: loss}\n", tmp_path / f"{name}.yaml")
        goes, fails = await desk.watch.submit(spec, None, PLAIN)
        try:
            ids = {f"{goes.key}#1:non_finite", f"{fails.key}#1:crash"}
            records = await stored(desk, lambda records: records.findings.keys() >= ids)
            assert records.findings[f"{goes.key}#1:non_finite"].step == 10.0
            records = await stored(desk, lambda records: records.attempts[fails.token].diagnosed is not None)
            assert "LookupError" in records.attempts[fails.token].why
            assert records.attempts[goes.token].diagnosed is None
            table = await desk.until(TableSeen, lambda seen: any(row.why for row in seen.rows))
            assert [row.key for row in table.rows if row.why] == [fails.key]
            log = await desk.watch.read_log(fails.key, records.findings[f"{fails.key}#1:crash"].offset or 0, 1000)
            assert log.data.startswith(b"Traceback")
            async with watching(tmp_path, places) as other:  # it does not poll: the first one does
                told = await other.until(FindingsSeen)
                assert {each.id for each in told.findings} == set(records.findings)
                assert not (await other.until(EngineSeen, lambda seen: seen.holder is not None)).ours
        finally:
            await desk.watch.cancel([goes.key])
