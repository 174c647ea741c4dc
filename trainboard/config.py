"""The config file: which backends there are, and how each is reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import Policy
from specs.model import SpecError
from specs.tree import nearest, quoted
from trainboard import configvalues
from trainboard.actions import Refused
from trainboard.notify.channels import Settings
from trainboard.notify.reading import read_settings
from trainboard.sshconfig import ssh_hosts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from specs.tree import Section
    from trainboard.paths import Paths

__all__ = ["BackendConfig", "Config", "ConfigError", "add_backend", "load", "offered_hosts", "parse", "ssh_hosts"]

LEAST_POLL = 1.0
"""Seconds. Below this a poll costs a gateway more than anybody can read off the board."""
MOST_POLL = 86400.0
REMOTE_ROOT = "~/.trainboard/runs"
LEASES = "/var/tmp/trainboard"
"""The folder in which all users of a host without a scheduler see whose turn it is."""
MOST_SETTLE = 3600.0
"""Seconds. A GPU that nobody may take for longer is one to leave out, not one to wait for."""

_REMOTE_KEYS = ("kind", "host", "root", "poll", "shared", "python", "disks")
_QUEUE_KEYS = ("leases", "at_most", "ignore", "share", "settle")

KEYS: Mapping[str, tuple[str, ...]] = {
    "local": ("kind", "root", "poll", "disks", *_QUEUE_KEYS),
    "ssh": (*_REMOTE_KEYS, *_QUEUE_KEYS),
    "slurm": _REMOTE_KEYS,
}
"""Kind of backend → the keys that it understands."""
POLLS: Mapping[str, float] = {"local": 2.0, "ssh": 2.0, "slurm": 10.0}
"""Kind of backend → seconds between polls, where the config says nothing."""


class ConfigError(Exception):
    """The config file was not changed; `str()` is one line that says where, why and what to do."""


@dataclass(frozen=True, slots=True)
class BackendConfig:
    """One backend, complete."""

    name: str
    kind: str
    """`local`, `ssh` or `slurm`."""
    host: str
    """An alias of the OpenSSH config or an address; empty for this machine."""
    root: str
    """The folder of the attempt directories there; absolute, or from `~/`."""
    poll: float
    """Seconds between two looks at its queue."""
    shared: bool
    """The project folder has the same path there: nothing is sent."""
    python: str
    """The interpreter that runs our helper and runner there."""
    disks: tuple[str, ...]
    """Paths whose file systems are watched for space."""
    ssh_config: Path | None = None
    """What stands in for `~/.ssh/config`; None: nothing does."""
    leases: str = LEASES
    """The folder of the queue of a host without a scheduler, absolute; all its users must name the same one."""
    policy: Policy = field(default_factory=Policy)
    """How our runs behave in that queue."""


@dataclass(frozen=True, slots=True)
class Config:
    """What the user configured."""

    path: Path
    """The config file, which need not be there."""
    backends: tuple[BackendConfig, ...]
    """At least one, in the order of the file; names are unique."""
    pools: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names for several backends, in order of preference; none is a backend's name."""
    notify: Settings = field(default_factory=Settings)
    """How the user hears of things without looking at the board."""

    def backend(self, name: str) -> BackendConfig | None:
        """The backend of this name."""
        return next((backend for backend in self.backends if backend.name == name), None)

    def resolve(self, names: Sequence[str]) -> tuple[str, ...]:
        """Backends and pools as backends, in order, each once. Raises `Refused` for a name that is neither."""
        members = {**{backend.name: (backend.name,) for backend in self.backends}, **self.pools}
        for name in names:
            if name not in members:
                hint = nearest(name, members) or f" (the config has {', '.join(members)})"
                raise Refused(f"unknown backend {quoted(name)}{hint}")
        return tuple(dict.fromkeys(member for name in names for member in members[name]))


def load(paths: Paths) -> Config:
    """Read the config file; without one, this machine is the only backend. Raises `SpecError`.

    Blocks for as long as reading a small file takes.
    """
    try:
        paths.config.stat()
    except (FileNotFoundError, NotADirectoryError):
        return Config(paths.config, (_local(paths),))
    except OSError:
        pass  # reading it says, in the words for any file, what is wrong
    from specs import document

    return parse(document.read(paths.config), paths)


def parse(text: str, paths: Paths) -> Config:
    """The config in a text. Raises `SpecError` with the line."""
    from specs import document

    whole = document.parse_value(text, str(paths.config))
    if whole.content is None:
        return Config(paths.config, (_local(paths),))
    section = whole.section()
    section.only(("poll", "backends", "pools", "notify"))
    poll = _poll(section, POLLS["slurm"])  # of the gateways: what a poll costs is felt there
    entries = section.section("backends")
    backends = tuple(_backend(name, entries, poll, paths) for name in entries) or (_local(paths),)
    pools = _pools(section.section("pools"), [backend.name for backend in backends])
    return Config(paths.config, backends, pools, read_settings(section.get("notify")))


def offered_hosts(config: Config, paths: Paths) -> list[str]:
    """Hosts of the OpenSSH config that are no backend yet and may become one by this name. Blocks: it reads files."""
    taken = {backend.host for backend in config.backends} | {backend.name for backend in config.backends}
    return [host for host in ssh_hosts(paths.ssh_config) if host not in taken and configvalues.is_name(host)]


def add_backend(path: Path, name: str, kind: str, host: str) -> None:
    """Add a backend at the end of the config file, whose comments and order stay. Raises `ConfigError`.

    A file that names no backends gets this machine as well, which it stood for until then. Blocks: it waits for
    others that write the file, and for the disk.
    """
    import filelock

    from trainboard.configedit import with_backend
    from trainboard.files import private_folder, write_whole

    target = path.resolve()
    try:
        private_folder(target.parent)
        with filelock.FileLock(target.with_suffix(".lock"), mode=0o600).acquire(10):
            old, mode = (target.read_bytes(), target.stat().st_mode & 0o777) if target.exists() else (b"", 0o600)
            write_whole(target, with_backend(old, path, name, kind, host), mode=mode)
    except filelock.Timeout as error:
        raise ConfigError(f"{path}: somebody else has been writing it for 10 s: try again") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from error
    except SpecError as error:
        raise ConfigError(f"{error}; the file was not changed") from error


def _backend(name: str, entries: Section, poll: float, paths: Paths) -> BackendConfig:
    configvalues.check_name(entries, name, "backend")
    section = entries[name].section()
    kind_value = section.need("kind")
    kind = kind_value.text()
    if kind not in KEYS:
        raise kind_value.error(f"must be {', '.join(KEYS)}, not {quoted(kind)}{nearest(kind, KEYS)}")
    for error in section.unknown(KEYS[kind]):
        raise error
    root_value = section.get("root")
    root = configvalues.path(root_value) if root_value else REMOTE_ROOT
    local = kind == "local"
    if local:
        root = str(Path(root).expanduser()) if root_value else str(paths.runs)
    disks = section.get("disks")
    return BackendConfig(
        name=name,
        kind=kind,
        host="" if local else configvalues.host(section, name),
        root=root,
        poll=_poll(section, poll if kind == "slurm" else POLLS[kind]),
        shared=section.boolean("shared", local),
        python=configvalues.program(section.get("python"), "python3"),
        disks=configvalues.paths(disks) if disks else (root,),
        ssh_config=None if local else paths.ssh_config,
        leases=configvalues.shared_folder(section.get("leases"), LEASES),
        policy=_policy(section),
    )


def _poll(section: Section, default: float) -> float:
    return configvalues.seconds(section.get("poll"), default, LEAST_POLL, MOST_POLL)


def _policy(section: Section) -> Policy:
    """How our runs behave in the queue of a host; the defaults where there is none."""
    usual = Policy()
    return Policy(
        at_most=section.integer("at_most", usual.at_most, least=1),
        ignore=configvalues.process_names(section.get("ignore")),
        share=section.boolean("share", usual.share),
        settle=configvalues.seconds(section.get("settle"), usual.settle, 0.0, MOST_SETTLE),
    )


def _pools(section: Section, backends: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Pools by name, each with its backends."""
    found = {}
    for name in section:
        configvalues.check_name(section, name, "pool")
        if name in backends:
            raise section.entries[name].place.error(f"pool {quoted(name)} has the name of a backend")
        value = section[name]
        members = value.items()
        if not members:
            raise value.error("is an empty list; a pool needs at least one backend")
        for member in members:
            word = member.text()
            if word in section:
                raise member.error(f"is a pool, {quoted(word)}; a pool takes backends only")
            if word not in backends:
                raise member.error(f"is no backend: {quoted(word)}{nearest(word, backends)}")
        found[name] = tuple(dict.fromkeys(value.strings()))
    return found


def _local(paths: Paths) -> BackendConfig:
    root = str(paths.runs)
    return BackendConfig("local", "local", "", root, POLLS["local"], True, "python3", (root,))
