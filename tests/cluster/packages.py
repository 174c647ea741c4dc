"""The servers that the cluster needs: which are missing, and how Debian and Ubuntu install them."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])

SSHD = {"sshd": "openssh-server", "ssh": "openssh-client", "ssh-keygen": "openssh-client"}
"""Command → Debian package, for the SSH hosts."""
SLURM = {
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "slurmdbd": "slurmdbd",
    "sbatch": "slurm-client",
    "munged": "munge",
    "mariadbd": "mariadb-server",
    "mariadb-install-db": "mariadb-server",
}
EXTRAS = {"tmux": "tmux", "tcsh": "tcsh", "fish": "fish"}
"""For tests of the terminal and of other login shells."""

INSTALL = """\
set -e
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap 'rm -f $policy' EXIT
    printf '#!/bin/sh\\nexit 101\\n' >$policy
    chmod 755 $policy
fi
apt-get update -q
apt-get install -q -y --no-install-recommends "$@"
if [ -d /run/systemd/system ]; then
    for unit in slurmctld slurmd slurmdbd munge mariadb ssh; do
        case " $* " in *" $unit "*|*" $unit-server "*|*" open$unit-server "*) systemctl disable $unit || true ;; esac
    done
fi
"""
"""Runs as root. What it installs serves the tests alone: it is neither started nor enabled on the machine."""


def which(command: str) -> str | None:
    """Return the path of a command; servers are found in the sbin folders too."""
    return shutil.which(command, path=SEARCH_PATH)


def missing(commands: Mapping[str, str]) -> tuple[str, ...]:
    """Return the commands of a table that this machine does not have."""
    return tuple(command for command in commands if which(command) is None)


def install() -> str:
    """Install what is missing; returns why that is not possible here, in one line, or an empty text."""
    table = {**SSHD, **SLURM, **EXTRAS}
    packages = sorted({table[command] for command in missing(table)})
    if not packages:
        return ""
    if which("apt-get") is None:
        return f"missing {' '.join(packages)}, and only Debian and Ubuntu (apt-get) are known here"
    root = _root_prefix()
    if root is None:
        return f"missing {' '.join(packages)}, and installing needs root or sudo without a password"
    done = subprocess.run(
        [*root, "sh", "-c", INSTALL, "install", *packages], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        return f"apt-get could not install {' '.join(packages)}: {last}"
    still = missing(table)
    return f"apt-get installed {' '.join(packages)}, but {' '.join(still)} cannot be found" if still else ""


def _root_prefix() -> list[str] | None:
    """Return the words that make a command run as root: none as root, sudo where it asks nothing, else None."""
    if os.geteuid() == 0:
        return []
    sudo = which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True).returncode == 0:
        return [sudo, "-n"]
    return None


def sftp_server() -> str:
    """Return the path of OpenSSH's SFTP server; distributions keep it in different places."""
    folders = ("/usr/lib/openssh", "/usr/libexec/openssh", "/usr/lib/ssh", "/usr/libexec", "/usr/lib/misc")
    return next((path for folder in folders if Path(path := f"{folder}/sftp-server").exists()), "internal-sftp")
