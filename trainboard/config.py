"""The config file: which backends there are, and how each is reached."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from specs.model import SpecError
from specs.tree import nearest, quoted
from trainboard.sshconfig import HOST, ssh_hosts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from specs.tree import Section, Value
    from trainboard.paths import Paths

__all__ = ["BackendConfig", "Config", "ConfigError", "add_backend", "load", "offered_hosts", "parse", "ssh_hosts"]

LEAST_POLL = 1.0
"""Seconds. Below this a poll costs a gateway more than anybody can read off the board."""
MOST_POLL = 86400.0
REMOTE_ROOT = "~/.trainboard/runs"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_REMOTE_KEYS = ("kind", "host", "root", "poll", "shared", "python", "disks")

KEYS: Mapping[str, tuple[str, ...]] = {
    "local": ("kind", "root", "poll", "disks"),
    "ssh": _REMOTE_KEYS,
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


@dataclass(frozen=True, slots=True)
class Config:
    """What the user configured."""

    path: Path
    """The config file, which need not be there."""
    backends: tuple[BackendConfig, ...]
    """At least one, in the order of the file; names are unique."""

    def backend(self, name: str) -> BackendConfig | None:
        """The backend of this name."""
        return next((backend for backend in self.backends if backend.name == name), None)


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
    section.only(("poll", "backends"))
    poll = _seconds(section.get("poll"), POLLS["slurm"])  # of the gateways: what a poll costs is felt there
    entries = section.section("backends")
    backends = tuple(_backend(name, entries, poll, paths) for name in entries)
    return Config(paths.config, backends or (_local(paths),))


def offered_hosts(config: Config, paths: Paths) -> list[str]:
    """Hosts of the OpenSSH config that are no backend yet and may become one by this name. Blocks: it reads files."""
    taken = {backend.host for backend in config.backends} | {backend.name for backend in config.backends}
    return [host for host in ssh_hosts(paths.ssh_config) if host not in taken and _NAME.fullmatch(host)]


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
    place = entries.entries[name].place
    if not _NAME.fullmatch(name):
        raise place.error(
            f"backend name {quoted(name)} must be 1 to 64 letters, digits, '.', '_' or '-' "
            "that begin with a letter or a digit"
        )
    section = entries[name].section()
    kind_value = section.need("kind")
    kind = kind_value.text()
    if kind not in KEYS:
        raise kind_value.error(f"must be {', '.join(KEYS)}, not {quoted(kind)}{nearest(kind, KEYS)}")
    for error in section.unknown(KEYS[kind]):
        raise error
    root_value = section.get("root")
    root = _path(root_value) if root_value else REMOTE_ROOT
    local = kind == "local"
    if local:
        root = str(Path(root).expanduser()) if root_value else str(paths.runs)
    disks = section.get("disks")
    return BackendConfig(
        name=name,
        kind=kind,
        host="" if local else _host(section, name),
        root=root,
        poll=_seconds(section.get("poll"), poll if kind == "slurm" else POLLS[kind]),
        shared=section.boolean("shared", local),
        python=_word(section.get("python"), "python3"),
        disks=_paths(disks) if disks else (root,),
        ssh_config=None if local else paths.ssh_config,
    )


def _local(paths: Paths) -> BackendConfig:
    root = str(paths.runs)
    return BackendConfig("local", "local", "", root, POLLS["local"], True, "python3", (root,))


def _host(section: Section, name: str) -> str:
    host = section.text("host", name)
    if not HOST.fullmatch(host):
        raise section["host"].error(f"must be a host of ~/.ssh/config or an address, not {quoted(host)}")
    return host


def _seconds(value: Value | None, default: float) -> float:
    """A number of seconds, or a duration such as `1m`."""
    from specs import units

    if value is None:
        return default
    try:
        seconds = float(units.duration(value.content)) if isinstance(value.content, str) else value.number()
    except ValueError:
        raise value.wrong("seconds or a duration such as 30s or 1m") from None
    if not LEAST_POLL <= seconds <= MOST_POLL:
        raise value.wrong(f"between {LEAST_POLL:g} s and {MOST_POLL:g} s")
    return seconds


def _path(value: Value) -> str:
    text = value.text()
    if not re.match(r"/|~/", text) or not text.isprintable() or "$" in text:
        raise value.wrong("a path that begins with / or ~/, without variables")
    return text


def _paths(value: Value) -> tuple[str, ...]:
    values = value.content if isinstance(value.content, tuple) else (value,)
    return tuple(_path(each) for each in values)


def _word(value: Value | None, default: str) -> str:
    """A program's name or path: one printable word."""
    if value is None:
        return default
    word = value.text()
    if not word.isprintable() or len(word.split()) != 1 or word.startswith("-"):
        raise value.wrong("the name or path of a program")
    return word
