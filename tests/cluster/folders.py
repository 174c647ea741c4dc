"""Makes and removes what a cluster keeps on disk: keys, configurations, homes, links to commands, Unix users."""

import getpass
import json
import os
import pwd
import re
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from tests.cluster import config, packages
from tests.cluster.hosts import HOSTS, NODE_GPUS, NODES, Host
from tests.cluster.layout import Cluster, ClusterError
from tests.cluster.recordings import recording

SLURM_COMMANDS = re.compile(
    r"slurm|(sacct|sacctmgr|salloc|sattach|sbatch|sbcast|scancel|scontrol|scrontab|sdiag|sgather|sh5util|sinfo|smap|sprio"
    r"|squeue|sreport|srun|sshare|sstat|strigger|sview)$"
)
PYTHON = re.compile(r"python|pypy|pydoc|idle")

# Where the caller logs in as themselves, sshd starts in the home that the system knows, and `~` is another.
GO_HOME = '[ "$SHLVL" -gt 1 ] || cd\n'
RC_FILES = {
    ".bashrc": GO_HOME,
    ".zshenv": GO_HOME,
    # A login shell's /etc/profile sets a PATH of its own, with all that must be missing here.
    ".profile": 'export PATH="$CLUSTER_PATH"\n' + GO_HOME,
    ".zprofile": 'export PATH="$CLUSTER_PATH"\n',
    ".tcshrc": 'setenv PATH "$CLUSTER_PATH"\n',
    ".config/fish/config.fish": "set -gx PATH $CLUSTER_PATH\n",
}
BANNER = "echo '*** Welcome to the test cluster. Maintenance on Sunday. ***'\n"
FULL_SIZE = "64k"


def make(cluster: Cluster) -> Cluster:
    """Make the folder; returns the cluster with what had to be left out. It is whole once cluster.json is there.

    What a start that was cut off left is taken over.
    """
    for name in ("run", "log", "ssh", "home", "libexec", "slurm/state", "munge", *_host_folders()):
        _folder(cluster.dir / name)
    _write(cluster.dir / "token", secrets.token_hex(16), 0o600)
    _write(cluster.dir / "ssh/password", secrets.token_urlsafe(12), 0o600)
    _write(cluster.dir / "ssh/code", f"{secrets.randbelow(10**6):06}", 0o600)
    _link_tools(cluster)
    cluster = replace(cluster, left_out=tuple(_add_hosts(cluster)))
    _write_ssh(cluster)
    _write_slurm(cluster)
    _write(cluster.dir / "cluster.json", json.dumps({"port_base": cluster.port_base, "left_out": cluster.left_out}))
    return cluster


def find(folder: Path) -> Cluster | None:
    """Return the cluster of a folder as `make` left it; None where there is none."""
    try:
        saved = json.loads((folder / "cluster.json").read_text())
    except FileNotFoundError:
        return None
    return Cluster(folder, saved["port_base"], tuple((name, reason) for name, reason in saved["left_out"]))


def remove(cluster: Cluster) -> None:
    """Remove the users, the file system and the folder, in that order."""
    for account in pwd.getpwall():
        if Path(account.pw_dir).parent == cluster.dir / "home":
            _call(["userdel", account.pw_name])
    full = cluster.home("full")
    if full.is_mount():
        _call(["umount", str(full)])
    shutil.rmtree(cluster.dir)


def _host_folders() -> Iterable[str]:
    return (f"hosts/{name}/bin" for name in (*(host.alias for host in HOSTS), *NODES, "node"))


def _folder(path: Path, mode: int = 0o755) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_text(text)


def _link(path: Path, target: Path) -> None:
    if not path.is_symlink():
        path.symlink_to(target)


def _call(argv: list[str], *, text: str = "") -> str:
    """Run a command of the system; ClusterError with the last line that it said where it fails."""
    done = subprocess.run([packages.which(argv[0]) or argv[0], *argv[1:]], input=text, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}").splitlines()[-1]
        raise ClusterError(f"{argv[0]}: {said}")
    return done.stdout


def _link_tools(cluster: Cluster) -> None:
    """Fill three folders with links to this machine's commands: Slurm's, Python's, the others."""
    farms = {name: cluster.dir / name for name in ("tools", "tools-python", "tools-slurm")}
    for farm in farms.values():
        _folder(farm)
    seen: set[str] = set()
    for folder in ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"):
        for path in Path(folder).iterdir() if Path(folder).is_dir() else ():
            name = _farm_of(path.name)
            if name and path.name not in seen:
                seen.add(path.name)
                _link(farms[name] / path.name, path)


def _farm_of(command: str) -> str:
    if SLURM_COMMANDS.match(command):
        return "tools-slurm"
    if command.startswith("nvidia-"):
        return ""
    return "tools-python" if PYTHON.match(command) else "tools"


def _add_hosts(cluster: Cluster) -> Iterable[tuple[str, str]]:
    """Make the hosts one by one; yields (alias, reason) for those that cannot be had on this machine."""
    for host in HOSTS:
        reason = _why_not(host)
        if not reason:
            try:
                _add_host(cluster, host)
            except ClusterError as error:
                reason = str(error)
        if reason:
            yield host.alias, reason
    for node in NODES:
        _write(cluster.gpus(node), json.dumps(recording(node, NODE_GPUS), indent=1))
    _write_replayer(cluster, "node", "$SLURMD_NODENAME")


def _why_not(host: Host) -> str:
    """Return the reason that this host cannot be had here, if there is one."""
    if (host.shell or host.alias == "full") and os.geteuid():
        return "needs root"
    if host.shell and packages.which(host.shell) is None:
        return f"{host.shell} is not installed"
    if host.server == "twofactor" and find_spec("asyncssh") is None:
        return "asyncssh is not installed for this Python"
    lacking = packages.missing(packages.SLURM)
    if host.alias == "gateway" and lacking:
        return f"{', '.join(lacking)} not installed"
    return ""


def _add_host(cluster: Cluster, host: Host) -> None:
    home = cluster.home(host.alias)
    _folder(home, 0o700)
    if host.alias == "full" and not home.is_mount():
        _call(["mount", "-t", "tmpfs", "-o", f"size={FULL_SIZE},mode=0700", "trainboard-full", str(home)])
    for name, text in RC_FILES.items():
        _write(home / name, (BANNER if host.alias == "banner" and name == ".bashrc" else "") + text)
    if host.alias == "full":
        _fill(home)
    if host.shell:
        _add_user(cluster, host)
    elif host.python:
        for name in ("python3", "python"):
            script = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n'
            _write(cluster.dir / "hosts" / host.alias / "bin" / name, script, 0o755)
    if host.gpus:
        _write(cluster.gpus(host.alias), json.dumps(recording(host.alias, host.gpus), indent=1))
        _write_replayer(cluster, host.alias, host.alias)


def _fill(folder: Path) -> None:
    """Leave no byte free in a file system; removing `ballast` gives room again."""
    try:
        with (folder / "ballast").open("wb", buffering=0) as file:
            while file.write(b"\0" * 512):
                pass
    except OSError:
        return
    raise ClusterError(f"{folder} is never full")


def _add_user(cluster: Cluster, host: Host) -> None:
    user, home = cluster.user(host.alias), cluster.home(host.alias)
    known = _home_of(user)
    if known not in (None, home):
        raise ClusterError(f"there is a user {user} already, at home in {known}")
    shell = packages.which(host.shell) or host.shell
    if known is None:
        _call(["useradd", "-M", "-d", str(home), "-s", shell, "-p", "*", "-c", "test cluster", user])
    if host.alias == "password":
        _call(["chpasswd"], text=f"{user}:{cluster.password}\n")
    account = pwd.getpwnam(user)
    for path in (home, *home.rglob("*")):
        os.chown(path, account.pw_uid, account.pw_gid)


def _home_of(user: str) -> Path | None:
    try:
        return Path(pwd.getpwnam(user).pw_dir)
    except KeyError:
        return None


def _write_replayer(cluster: Cluster, name: str, host: str) -> None:
    """Write the `nvidia-smi` of a host; the system's Python runs it, which every user may execute."""
    python = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
    program = cluster.dir / "libexec/nvidia_smi.py"
    shutil.copyfile(Path(__file__).with_name("nvidia_smi.py"), program)
    program.chmod(0o644)
    script = f'#!/bin/sh\nexec {python} {program} "{cluster.dir}/hosts/{host}/gpus.json" "$@"\n'
    _write(cluster.dir / "hosts" / name / "bin/nvidia-smi", script, 0o755)


def _write_ssh(cluster: Cluster) -> None:
    for path in (cluster.key, cluster.host_key, cluster.dir / "ssh/other_key"):
        if not path.exists():
            _call(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "trainboard-cluster", "-f", str(path)])
    caller = getpass.getuser()
    public, host, other = ((cluster.dir / f"ssh/{name}.pub").read_text() for name in ("key", "host_key", "other_key"))
    _write(cluster.dir / "ssh/authorized_keys", public)
    _write(cluster.known_hosts, config.known_hosts(cluster, host.strip(), other.strip()))
    _write(cluster.ssh_config, config.ssh_config(cluster, caller))
    pam = os.geteuid() == 0 and _password_is_locked(caller)
    _write(cluster.dir / "ssh/sshd_config", config.sshd_config(cluster, packages.sftp_server(), pam=pam), 0o600)


def _password_is_locked(user: str) -> bool:
    """Return whether sshd without PAM would refuse this user even by key: the shadow entry begins with `!`."""
    entries = (line.split(":") for line in Path("/etc/shadow").read_text().splitlines())
    return any(entry[0] == user and entry[1].startswith("!") for entry in entries)


def _write_slurm(cluster: Cluster) -> None:
    folder, machine, password = cluster.dir / "slurm", _this_machine(), secrets.token_hex(16)
    _write(cluster.slurm_conf, config.slurm_conf(cluster, machine))
    _write(folder / "gres.conf", config.gres_conf(cluster))
    _write(folder / "slurmdbd.conf", config.slurmdbd_conf(cluster, machine, password), 0o600)
    _write(folder / "init.sql", config.database_sql(password), 0o600)
    for number in range(NODE_GPUS):  # without a character device behind it, a job is not told its GPUs
        _link(folder / f"nvidia{number}", Path("/dev/null"))
    key = cluster.dir / "munge/key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(1024))
    prolog = f'#!/bin/sh\necho "export PATH={cluster.dir}/hosts/node/bin:$PATH"\n'
    _write(cluster.dir / "libexec/task_prolog", prolog, 0o755)


def _this_machine() -> config.Machine:
    """Return the machine as Slurm will see it; its host name may stand for any address, or for none."""
    hostname = socket.gethostname().partition(".")[0]
    try:
        address = socket.gethostbyname(hostname)
    except OSError:
        address = ""
    return config.Machine(getpass.getuser(), hostname, loopback_only=address == "127.0.0.1")
