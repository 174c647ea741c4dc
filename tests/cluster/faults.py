"""What goes wrong with a cluster's daemons and commands, on purpose; for a cluster of a test's own."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster.layout import Cluster
from tests.cluster.lifecycle import start
from tests.cluster.processes import end, pid_of


def halt(cluster: Cluster, service: str) -> None:
    """End a daemon, as for maintenance; it stays down until `resume`."""
    pid = pid_of(cluster, service)
    if pid is not None:
        end([pid], grace=10.0)


def resume(cluster: Cluster) -> None:
    """Start whatever of the cluster does not run, and wait until all of it answers."""
    start(cluster.dir)


def configure(cluster: Cluster, **settings: str) -> None:
    """Give slurm.conf other values and start slurmctld anew: some are read only then. Jobs go on."""
    text = cluster.slurm_conf.read_text()
    for name, value in settings.items():
        text = re.sub(rf"^{name}=.*\n", "", text, flags=re.MULTILINE)
        text = f"{name}={value}\n{text}" if value else text
    cluster.slurm_conf.write_text(text)
    halt(cluster, "slurmctld")
    resume(cluster)


@contextmanager
def instead(cluster: Cluster, command: str, script: str) -> Iterator[None]:
    """Let a command on `gateway` be this shell script; the real one is `$real`."""
    place = cluster.dir / "hosts/gateway/bin" / command
    place.write_text(f"#!/bin/sh\nreal={cluster.dir}/tools-slurm/{command}\n{script}\n")
    place.chmod(0o755)
    try:
        yield
    finally:
        place.unlink()
