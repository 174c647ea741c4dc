"""The daemons of a cluster: how each is started, and how we see that it is ready."""

import getpass
import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.cluster import packages
from tests.cluster.hosts import NODES
from tests.cluster.layout import Cluster, ClusterError
from tests.cluster.processes import pid_of, spawn

PATIENCE = 60.0
"""Seconds that a daemon may take to be ready; MariaDB's first start is the slowest, at some 5 s."""
CALL_TIMEOUT = 15.0
"""Seconds for one readiness check."""


@dataclass(frozen=True, slots=True)
class Service:
    """One daemon."""

    name: str
    argv: tuple[str, ...]
    ready: Callable[[], bool]
    prepare: Callable[[], None] = lambda: None
    """Runs once before the daemon."""
    environment: dict[str, str] = field(default_factory=dict)


def ssh_services(cluster: Cluster) -> tuple[Service, ...]:
    """Return the servers behind the SSH aliases; neither waits for the other."""
    repository, port = Path(__file__).parents[2], cluster.port("sshd")
    sshd = packages.which("sshd") or "sshd"
    command = {
        "sshd": (sshd, "-D", "-e", "-f", str(cluster.dir / "ssh/sshd_config")),
        "twofactor": (sys.executable, "-m", "tests.cluster.twofactor", str(cluster.dir), str(cluster.port_base)),
    }
    played = {
        name: [cluster.host(a).address for a in cluster.aliases if cluster.host(a).server == name] for name in command
    }
    return tuple(
        Service(
            name,
            command[name],
            partial(all_accept, addresses, port),
            _make_privilege_separation_folder,
            {"PYTHONPATH": str(repository)},
        )
        for name, addresses in played.items()
        if addresses
    )


def slurm_services(cluster: Cluster) -> tuple[tuple[Service, ...], ...]:
    """Return the daemons of Slurm in waves: a wave needs the ones before it to be ready."""
    socket_path = f"{cluster.dir}/munge/socket"
    conf = {"SLURM_CONF": str(cluster.slurm_conf)}
    munge = ("munge", "--no-input", f"--socket={socket_path}", "--output=/dev/null")
    munged = Service("munged", _munged(cluster, socket_path), lambda: succeeds(munge, {}))
    mariadb = Service(
        "mariadb",
        _mariadbd(cluster),
        lambda: accepts("127.0.0.1", cluster.port("mariadb")),
        lambda: _make_database(cluster),
    )
    slurmdbd = Service(
        "slurmdbd",
        (_server("slurmdbd"), "-D"),
        lambda: succeeds(("sacctmgr", "-n", "list", "cluster"), conf),
        environment=conf,
    )
    slurmctld = Service(
        "slurmctld",
        (_server("slurmctld"), "-D"),
        lambda: succeeds(("scontrol", "ping"), conf),
        lambda: _register(conf),
        conf,
    )
    nodes = tuple(
        Service(node, (_server("slurmd"), "-D", "-N", node), partial(node_is_up, node, conf), environment=conf)
        for node in NODES
    )
    return (munged, mariadb), (slurmdbd,), (slurmctld, *nodes)


def start_wave(cluster: Cluster, wave: tuple[Service, ...]) -> None:
    """Start the services of a wave that do not run, then wait until all are ready."""
    begin(cluster, wave)
    await_ready(cluster, wave)


def begin(cluster: Cluster, wave: tuple[Service, ...]) -> None:
    """Start the services of a wave that do not run."""
    for service in wave:
        if pid_of(cluster, service.name) is None:
            service.prepare()
            spawn(cluster, service.name, service.argv, service.environment)


def await_ready(cluster: Cluster, wave: tuple[Service, ...]) -> None:
    """Wait for every service of a wave; ClusterError with the end of its log where one dies or takes too long."""
    deadline = time.monotonic() + PATIENCE
    for service in wave:
        while not service.ready():
            if pid_of(cluster, service.name) is None:
                raise ClusterError(f"{service.name} ended at its start\n{_tail(cluster.log(service.name))}")
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"{service.name} is not ready in {PATIENCE:.0f} s\n{_tail(cluster.log(service.name))}"
                )
            time.sleep(0.05)


def accepts(address: str, port: int) -> bool:
    """Return whether somebody listens there."""
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def all_accept(addresses: list[str], port: int) -> bool:
    """Return whether somebody listens on every one of these addresses."""
    return all(accepts(address, port) for address in addresses)


def succeeds(argv: tuple[str, ...], environment: dict[str, str]) -> bool:
    """Return whether a command exits with 0 in time."""
    return _output(argv, environment) is not None


def node_is_up(node: str, environment: dict[str, str]) -> bool:
    """Return whether the scheduler may place jobs on a node."""
    states = _output(("sinfo", "-h", "-n", node, "-o", "%T"), environment)
    return bool(states) and set((states or "").split()) <= {"idle", "mixed", "allocated", "completing"}


def _output(argv: tuple[str, ...], environment: dict[str, str]) -> str | None:
    """Return what a command printed; None where it failed or took too long."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CALL_TIMEOUT,
            env={**os.environ, **environment},
        )
    except subprocess.TimeoutExpired:
        return None
    return None if done.returncode else done.stdout


def _tail(log: Path, lines: int = 12) -> str:
    if not log.exists():
        return f"(no {log})"
    return "\n".join([f"{log}:", *log.read_text(errors="replace").splitlines()[-lines:]])


def _server(name: str) -> str:
    return packages.which(name) or name


def _make_privilege_separation_folder() -> None:
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)


def _munged(cluster: Cluster, socket_path: str) -> tuple[str, ...]:
    """Return munged's command line; `--force`, for it does not like a folder in /tmp."""
    folder = cluster.dir / "munge"
    files = (f"--key-file={folder}/key", f"--pid-file={folder}/pid", f"--seed-file={folder}/seed")
    return (_server("munged"), "--foreground", "--force", f"--socket={socket_path}", *files)


def _mariadbd(cluster: Cluster) -> tuple[str, ...]:
    folder = cluster.dir / "db"
    return (
        _server("mariadbd"),
        "--no-defaults",
        f"--user={_database_user()}",
        f"--datadir={folder}/data",
        f"--tmpdir={folder}/tmp",  # a server that starts clears what it takes for its own: that of others, in /tmp
        f"--socket={folder}/socket",
        f"--pid-file={folder}/pid",
        f"--init-file={folder}/init.sql",
        "--bind-address=127.0.0.1",
        f"--port={cluster.port('mariadb')}",
        "--innodb-buffer-pool-size=64M",
        "--innodb-log-file-size=16M",
        "--innodb-flush-log-at-trx-commit=0",
        "--skip-name-resolve",
    )


def _database_user() -> str:
    """Return the user that MariaDB runs as; it does not want to be root."""
    return "mysql" if os.geteuid() == 0 else getpass.getuser()


def _make_database(cluster: Cluster) -> None:
    folder, user = cluster.dir / "db", _database_user()
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "tmp").mkdir(exist_ok=True)
    shutil.copyfile(cluster.dir / "slurm/init.sql", folder / "init.sql")
    (folder / "init.sql").chmod(0o600)
    account = pwd.getpwnam(user)
    for path in (folder, folder / "data", folder / "tmp", folder / "init.sql"):
        os.chown(path, account.pw_uid, account.pw_gid)
    if (folder / "data/mysql").exists():
        return
    argv = [
        _server("mariadb-install-db"),
        "--no-defaults",
        f"--user={user}",
        f"--datadir={folder}/data",
        f"--tmpdir={folder}/tmp",
        "--skip-test-db",
    ]
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise ClusterError(f"mariadb-install-db failed: {(done.stderr or done.stdout).strip()[-600:]}")


def _register(conf: dict[str, str]) -> None:
    """Tell the accounting of the cluster: slurmctld dies at its first start where it is not known there."""
    if _output(("sacctmgr", "-n", "-P", "list", "cluster", "format=cluster"), conf) == "":
        _output(("sacctmgr", "-i", "add", "cluster", "trainboard"), conf)
