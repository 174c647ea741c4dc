"""The config's backends, made; and what kind of backend a new host would be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.base import CommandFailed
from trainboard.commandlog import CommandLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backends.base import Backend, Prompter
    from backends.ssh import SshHost
    from trainboard.config import BackendConfig
    from trainboard.paths import Paths


class Places:
    """Makes backends. Those that share a jump host share the connection to it, and all ask through one prompter."""

    def __init__(self, paths: Paths, prompter: Prompter, *, readonly: bool = False) -> None:
        """`readonly`: backends refuse whatever may change something."""
        self._paths = paths
        self._prompter = prompter
        self.log = CommandLog(paths.commands)
        """What is run on the hosts."""
        self.readonly = readonly
        self._hosts: dict[str, SshHost] = {}

    def make(self, config: BackendConfig) -> Backend:
        """A backend; nothing is connected yet."""
        if config.kind == "local":
            from backends.local import Local

            return Local(
                config.name,
                config.root,
                disks=config.disks,
                leases=config.leases,
                policy=config.policy,
                note=self.log.note,
                readonly=self.readonly,
            )
        from backends.host import Host, helper_command
        from backends.server import Server
        from backends.slurm import Slurm

        ssh = self._ssh(config.host)
        host = Host(
            config.name,
            lambda: ssh.open(helper_command(config.python)),
            ssh.close,
            self.log.note,
            readonly=self.readonly,
        )
        if config.kind == "slurm":
            return Slurm(
                config.name, host, config.root, shared=config.shared, python=config.python, disks=config.disks
            )
        return Server(
            config.name,
            host,
            config.root,
            shared=config.shared,
            python=config.python,
            disks=config.disks,
            leases=config.leases,
            policy=config.policy,
        )

    async def close(self) -> None:
        """Return once all that was run is in the log of commands."""
        await self.log.close()

    def make_all(self, configs: Sequence[BackendConfig]) -> list[Backend]:
        """All of them, in order."""
        return [self.make(config) for config in configs]

    async def detect_kind(self, host: str) -> str:
        """`slurm` for a host where squeue answers, else `ssh`. Raises a `BackendError` where it cannot be asked."""
        from backends.host import Host, helper_command

        ssh = self._ssh(host)
        session = Host(host, lambda: ssh.open(helper_command("python3")), ssh.close, self.log.note)
        try:
            done = await session.run(["squeue", "--version"], 20)
        except CommandFailed:
            return "ssh"
        finally:
            await session.close()
        return "slurm" if done.code == 0 else "ssh"

    def _ssh(self, alias: str) -> SshHost:
        from backends.ssh import SshHost

        return self._hosts.get(alias) or SshHost(
            alias, self._prompter, config=self._paths.ssh_config, hosts=self._hosts
        )
