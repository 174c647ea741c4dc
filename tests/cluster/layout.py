"""Where everything of one test cluster is: its folder, ports and files."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.hosts import HOSTS, Host

PORT_BASE = 17000
"""The default of `--port-base`; below the kernel's ephemeral ports, and a cluster takes the next 100."""


class ClusterError(Exception):
    """The cluster cannot be started or stopped; the text says what, why, and where to look."""


def default_folder() -> Path:
    """Return `$TRAINBOARD_CLUSTER`, or a folder in /tmp named for the user; one for each process that tests."""
    folder = os.environ.get("TRAINBOARD_CLUSTER") or f"/tmp/trainboard-cluster-{os.getuid()}"
    return Path(f"{folder}-{worker()}" if worker() else folder)


def default_ports() -> int:
    """Return the first of 100 ports: `$TRAINBOARD_CLUSTER_PORTS` or PORT_BASE; others for each process that tests."""
    return int(os.environ.get("TRAINBOARD_CLUSTER_PORTS") or PORT_BASE) + 200 * worker()


def worker() -> int:
    """Return the number, from 0, of the process that tests, where several do (pytest-xdist)."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


@dataclass(frozen=True, slots=True)
class Cluster:
    """One test cluster: fixed paths below `dir`, fixed ports above `port_base`, and what was left out of it."""

    dir: Path
    port_base: int = PORT_BASE
    left_out: tuple[tuple[str, str], ...] = ()
    """(service or alias, why it is missing here), for what needs root or servers that are not installed."""

    @property
    def aliases(self) -> tuple[str, ...]:
        """The names that `ssh -F ssh_config` knows, without those left out."""
        missing = dict(self.left_out)
        return tuple(host.alias for host in HOSTS if host.alias not in missing)

    @property
    def ssh_config(self) -> Path:
        """The client's configuration with every alias."""
        return self.dir / "ssh/config"

    @property
    def known_hosts(self) -> Path:
        """The host keys that the client trusts."""
        return self.dir / "ssh/known_hosts"

    @property
    def key(self) -> Path:
        """The client's private key, without a passphrase; every user of the cluster accepts it."""
        return self.dir / "ssh/key"

    @property
    def host_key(self) -> Path:
        """The private key that every server shows."""
        return self.dir / "ssh/host_key"

    @property
    def slurm_conf(self) -> Path:
        """The value of `SLURM_CONF`."""
        return self.dir / "slurm/slurm.conf"

    @property
    def password(self) -> str:
        """What `password` and `twofactor` ask for; made anew by every start."""
        return (self.dir / "ssh/password").read_text()

    @property
    def code(self) -> str:
        """What `twofactor` asks for next."""
        return (self.dir / "ssh/code").read_text()

    @property
    def token(self) -> str:
        """A random word in the environment of every process of this cluster, by which `stop` knows them."""
        return (self.dir / "token").read_text()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a person exports to use the cluster by hand."""
        return {
            "TRAINBOARD_CLUSTER": str(self.dir),
            "TRAINBOARD_CLUSTER_PORTS": str(self.port_base),
            "SLURM_CONF": str(self.slurm_conf),
            "TRAINBOARD_SSH_CONFIG": str(self.ssh_config),
            "CLUSTER_SSH_KEY": str(self.key),
            "CLUSTER_PASSWORD": self.password,
            "CLUSTER_CODE": self.code,
        }

    def host(self, alias: str) -> Host:
        """Return the host of an alias; KeyError where there is none."""
        return {host.alias: host for host in HOSTS}[alias]

    def home(self, alias: str) -> Path:
        """Return what `~` is in a session on this host."""
        return self.dir / "home" / alias

    def gpus(self, name: str) -> Path:
        """Return the file that `nvidia-smi` replays on a host or node; tests may rewrite it at any time."""
        return self.dir / "hosts" / name / "gpus.json"

    def user(self, alias: str) -> str:
        """Return the login name there: a real user of its own, or empty for the caller.

        Only a cluster on the default ports has the short names: two clusters never share a user.
        """
        prefix = "tb" if self.port_base == PORT_BASE else f"tb{self.port_base}"
        return f"{prefix}-{alias}" if self.host(alias).shell else ""

    def port(self, service: str) -> int:
        """Return the port of `sshd` (all hosts), `slurmctld`, `slurmdbd`, `mariadb`, `node1`, `node2` or `node3`."""
        offsets = {"node1": 1, "node2": 2, "node3": 3, "slurmctld": 10, "slurmdbd": 11, "mariadb": 12, "sshd": 22}
        return self.port_base + offsets[service]

    def log(self, service: str) -> Path:
        """Return the log file of a service."""
        return self.dir / "log" / f"{service}.log"

    def run(self, alias: str, command: str, *, timeout: float = 20) -> subprocess.CompletedProcess[str]:
        """Run a command on a host with the plain `ssh` client, for tests that look at the truth of the matter."""
        argv = ["ssh", "-F", str(self.ssh_config), alias, command]
        return subprocess.run(argv, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
