"""Where the program keeps its own files on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

READONLY = "TRAINBOARD_READONLY"
"""The variable that does what `--readonly` does; not in effect where it is empty or 0."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Files and folders of one user. None of them needs to be there."""

    config: Path
    """The config file."""
    state: Path
    """The folder of `state.json` and its lock."""
    series: Path
    """The folder of the series files."""
    runs: Path
    """The folder of the attempt directories of the runs on this machine."""
    ssh_config: Path | None = None
    """What stands in for `~/.ssh/config`; None: nothing does."""

    @property
    def pictures(self) -> Path:
        """The folder in which the process that polls shows others what it sees."""
        return self.state / "pictures"

    @property
    def commands(self) -> Path:
        """The file of the commands that were run on hosts."""
        return self.state / "commands.log"

    @property
    def disks(self) -> Path:
        """The folder of what was free on the disks of hosts, hour by hour."""
        return self.state / "disks"

    @property
    def outbox(self) -> Path:
        """The folder of the messages to the user that are on their way."""
        return self.state / "outbox"

    @property
    def code(self) -> Path:
        """The folder of the projects' code."""
        return self.state / "code"

    @property
    def history(self) -> Path:
        """The folder of what the accounting of clusters told of jobs that are over."""
        return self.state / "history"

    @property
    def profiles(self) -> Path:
        """The folder of the profiles that were recorded of runs."""
        return self.state / "profiles"

    @property
    def digests(self) -> Path:
        """The folder of what is kept of the metrics of experiments, so that not all their series are read again."""
        return self.state / "digests"

    @property
    def results(self) -> Path:
        """The folder of what runs left and was brought here: `<run>/<attempt>/…`."""
        return self.state / "results"


def paths(environ: Mapping[str, str]) -> Paths:
    """The paths for this environment; nothing is made.

    `TRAINBOARD_HOME` moves config and state into one folder; without it they are where the platform keeps such files.
    `TRAINBOARD_SSH_CONFIG` stands in for `~/.ssh/config`.
    """
    if home := environ.get("TRAINBOARD_HOME"):
        config = state = Path(home).expanduser().absolute()
    else:
        import platformdirs

        config, state = platformdirs.user_config_path("trainboard"), platformdirs.user_state_path("trainboard")
    ssh_config = environ.get("TRAINBOARD_SSH_CONFIG")
    return Paths(
        config=config / "config.yaml",
        state=state,
        series=state / "series",
        runs=state / "runs",
        ssh_config=Path(ssh_config).expanduser().absolute() if ssh_config else None,
    )


def readonly(environ: Mapping[str, str]) -> bool:
    """Whether nothing is to be changed, by `--readonly` or by the environment."""
    return environ.get(READONLY, "") not in ("", "0")
