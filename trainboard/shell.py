"""The command that opens a shell in a job's folder, on its node where it runs on one. Pure."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.base import JobState
from backends.spy import own_id
from trainboard.actions import Refused
from trainboard.show import clean

if TYPE_CHECKING:
    from pathlib import Path

    from trainboard.config import BackendConfig, Config
    from trainboard.rows import Row

JOB_ID = re.compile(r"[0-9]+(_[0-9]+)?(\+[0-9]+)?")
NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")


@dataclass(frozen=True, slots=True)
class Shell:
    """A program for the user's terminal."""

    argv: tuple[str, ...]
    title: str
    """Where it leads, in one harmless line."""

    @property
    def text(self) -> str:
        """As one would type it."""
        return shlex.join(self.argv)


def shell_of(row: Row, config: Config, ssh_config: Path | None = None) -> Shell:
    """The shell for a row; `ssh_config` stands in for `~/.ssh/config`.

    Raises `Refused` where there is no place for it, or none yet.
    """
    if not row.backend or row.unsent:
        raise Refused("it is on no host yet: there is no folder to go to")
    backend = config.backend(row.backend)
    if backend is None:
        raise Refused(f"{row.backend} is not in the config any more")
    return _shell(row, backend, ssh_config)


def _shell(row: Row, config: BackendConfig, ssh_config: Path | None) -> Shell:
    inside = _in_folder(row.directory)
    if config.kind == "local":
        return Shell(("sh", "-c", inside), f"{clean(config.name)}: {clean(row.directory or '~')}")
    where = (
        _first_node(row) if config.kind == "slurm" and row.state in (JobState.RUNNING, JobState.COMPLETING) else ""
    )
    script = _on_node(row.job_id, where, inside) if where else inside
    ssh = ("ssh", "-t", *(("-F", str(ssh_config)) if ssh_config else ()), *_port(config.host))
    return Shell((*ssh, f"exec sh -c {shlex.quote(script)}"), f"{clean(config.name)}{' → ' + where if where else ''}")


def _in_folder(directory: str) -> str:
    """Text for sh: the login shell of the user, in a folder, or at home where that is gone."""
    if not directory:
        return 'cd; exec "${SHELL:-/bin/sh}" -l'
    home, rest = ("~/", directory[2:]) if directory.startswith("~/") else ("", directory)
    there = f"{home}{shlex.quote(rest)}"
    said = shlex.quote(f"trainboard: {clean(directory)} is not there (any more)")
    return f'cd {there} 2>/dev/null || {{ echo {said} >&2; cd; }}; exec "${{SHELL:-/bin/sh}}" -l'


def _on_node(job_id: str, node: str, inside: str) -> str:
    """Text for sh on a gateway: a step beside the job's own, or a login where its Slurm is older than 20.11."""
    step = f'srun --jobid="{own_id(job_id)}" --overlap --nodes=1 --ntasks=1 --nodelist={node} --pty'
    quoted = shlex.quote(inside)
    login = f"ssh -t {node} {shlex.quote(f'exec sh -c {quoted}')}"
    return f"if srun --help 2>/dev/null | grep -q overlap; then exec {step} sh -c {quoted}; else exec {login}; fi"


def _first_node(row: Row) -> str:
    """The first node of the job, as `gpu[03-05,7]` begins with `gpu03`; empty where that cannot be told."""
    match = re.match(r"([A-Za-z0-9.-]*)(?:\[(\d+))?", row.nodes)
    node = f"{match[1]}{match[2] or ''}" if match else ""
    return node if NODE.fullmatch(node) and JOB_ID.fullmatch(row.job_id) else ""


def _port(host: str) -> tuple[str, ...]:
    """`[user@]host[:port]` as ssh takes it; it never begins like an option."""
    name, _, port = host.rpartition(":")
    if name and port.isdigit() and "]" not in port:
        return ("-p", port, "--", name.strip("[]"))
    return ("--", host)
