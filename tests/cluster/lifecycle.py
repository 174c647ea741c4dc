"""Starts and stops a cluster; one call at a time per folder."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster import folders, packages, services
from tests.cluster.layout import Cluster, ClusterError, default_folder, default_ports
from tests.cluster.processes import end, family, pid_of


def start(folder: Path | None = None, *, port_base: int | None = None, slurm: bool = True) -> Cluster:
    """Start what does not run yet and return once all of it answers; ClusterError with the reason where it cannot.

    Without `slurm` only the SSH hosts start. A folder that was started before keeps its ports.
    """
    folder = folder or default_folder()
    if reason := unavailable(slurm=slurm):
        raise ClusterError(reason)
    _refuse_bad_path(folder)
    with _locked(folder):
        cluster = folders.find(folder)
        if cluster is None:
            _refuse_foreign_folder(folder)
            planned = Cluster(folder, port_base or default_ports())
            _refuse_taken_ports(planned)
            cluster = folders.make(planned)
        ssh = services.ssh_services(cluster)
        services.begin(cluster, ssh)
        for wave in services.slurm_services(cluster) if slurm else ():
            services.start_wave(cluster, wave)
        services.await_ready(cluster, ssh)
    return cluster


def stop(folder: Path | None = None) -> bool:
    """End every process of the cluster and remove its folder, users and mounts; False where there was none."""
    folder = folder or default_folder()
    if not folder.exists():
        return False
    with _locked(folder):
        cluster = folders.find(folder)
        if cluster is None:
            _refuse_foreign_folder(folder)
            cluster = Cluster(folder)
        if (folder / "token").exists():
            _end_all(cluster)
        folders.remove(cluster)
    return True


def running(cluster: Cluster) -> dict[str, int]:
    """Return the live services of a cluster with their pids."""
    names = sorted(file.stem for file in (cluster.dir / "run").glob("*.pid"))
    return {name: pid for name in names if (pid := pid_of(cluster, name)) is not None}


def up_already(folder: Path | None = None) -> bool:
    """Return whether anything of the cluster of this folder runs."""
    cluster = folders.find(folder or default_folder())
    return cluster is not None and bool(running(cluster))


def _end_all(cluster: Cluster) -> None:
    """End all that lives, and again what was started meanwhile; slurmstepd never ends when asked."""
    while pids := family(cluster):
        end(pids, grace=2.5)


def unavailable(*, slurm: bool = True) -> str:
    """Return in one line why this machine cannot have the cluster, or an empty text."""
    if not Path("/proc/self/stat").exists():
        return "the test cluster needs Linux"
    lacking = packages.missing({**packages.SSHD, **(packages.SLURM if slurm else {})})
    return f"{', '.join(lacking)} not installed: try `python -m tests.cluster install`" if lacking else ""


def _refuse_foreign_folder(folder: Path) -> None:
    """Let nobody lose files by a wrong `--dir`; what a start that failed half-way left is ours."""
    if {path.name for path in folder.iterdir()} - {"lock"} and not (folder / "token").exists():
        raise ClusterError(f"{folder} is not empty and not the folder of a test cluster: it is left alone")


def _refuse_bad_path(folder: Path) -> None:
    if any(character.isspace() or character in "\"'\\%:#," for character in str(folder)):
        raise ClusterError(f"{folder}: the configuration files cannot hold a path with blanks or signs")
    if not folder.is_absolute():
        raise ClusterError(f"{folder}: give an absolute path")
    if len(str(folder)) > 80:
        raise ClusterError(f"{folder}: too long for the sockets in it")


def _refuse_taken_ports(cluster: Cluster) -> None:
    """Find out before anything starts; a daemon would say it less clearly."""
    for service in ("sshd", "mariadb", "slurmdbd", "slurmctld", "node1", "node2", "node3"):
        address = cluster.host("gpu1").address if service == "sshd" else "127.0.0.1"
        if services.accepts(address, cluster.port(service)):
            raise ClusterError(f"port {cluster.port(service)} for {service} is taken: choose another --port-base")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the folder may be removed, and made anew, while we wait for it."""
    while True:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.getuid() or not stat.S_ISDIR(folder.lstat().st_mode):
            raise ClusterError(f"{folder} is not a folder of yours")
        folder.chmod(0o755)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                same = os.path.samestat(os.fstat(lock.fileno()), (folder / "lock").stat())
            except FileNotFoundError:
                continue
            if same:
                yield
                return
