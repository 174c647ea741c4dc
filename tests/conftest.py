"""What every test gets: a state folder of its own, and on request the real servers of `tests/cluster`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.cluster import Cluster, start, stop, unavailable, up_already

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from xdist.remote import Producer
    from xdist.scheduler import Scheduling

# The programs that tests start find the byte code of those before them, beside the sources or where Python is told to
# put it: making it anew takes as long as what most of them do.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# How long an example takes says how busy the machine is: nothing of ours depends on it.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_xdist_auto_num_workers() -> int:
    """Two processes for each core: most tests wait for servers. `make test` has an upper limit."""
    return 2 * (os.cpu_count() or 1)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Share the tests out by file, but those that need not stay together."""
    from tests.turns import Turns

    return Turns(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fence off the state, the hosts and the agent of the person who runs the tests."""
    monkeypatch.setenv("TRAINBOARD_HOME", str(tmp_path / ".trainboard"))
    for name in ("TRAINBOARD_SSH_CONFIG", "SSH_AUTH_SOCK", "SLURM_CONF"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def sshd() -> Iterator[Cluster]:
    """The SSH hosts of the test cluster; one that is up by hand is used, and left up."""
    need(unavailable(slurm=False), os.environ)
    by_hand = up_already()
    running = start(slurm=False)
    yield running
    if not by_hand:
        stop(running.dir)


@pytest.fixture(scope="session")
def cluster(sshd: Cluster) -> Cluster:
    """The SSH hosts and the Slurm behind `gateway`."""
    need(unavailable(), os.environ)
    return start(sshd.dir)


def need(missing: str, environ: Mapping[str, str]) -> None:
    """Skip where something is missing, with what it is; in CI that is a failure."""
    if missing:
        (pytest.fail if environ.get("CI") == "true" else pytest.skip)(missing)
