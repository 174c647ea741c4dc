"""`python -m tests.cluster up|down|env|status|install`: the test cluster by hand.

Exit status: 0 done, 1 it failed, 2 bad usage, 3 the servers cannot be installed here.
"""

import argparse
import shlex
import sys
import time
from pathlib import Path

from tests.cluster import folders, packages
from tests.cluster.layout import ClusterError, default_folder, default_ports
from tests.cluster.lifecycle import running, start, stop


def main() -> int:
    """Run one command of the command line."""
    options = _parser().parse_args()
    try:
        return {"up": _up, "down": _down, "env": _env, "status": _status, "install": _install}[options.command](
            options
        )
    except ClusterError as error:
        print(f"tests.cluster: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.cluster", description="A real Slurm and real SSH hosts, here."
    )
    parser.add_argument("command", choices=["up", "down", "env", "status", "install"])
    parser.add_argument("--dir", type=Path, default=default_folder(), help="its folder (%(default)s)")
    parser.add_argument(
        "--port-base", type=int, default=default_ports(), help="the first of its 100 ports (%(default)s)"
    )
    parser.add_argument("--no-slurm", action="store_true", help="up: the SSH hosts only")
    return parser


def _up(options: argparse.Namespace) -> int:
    begun = time.monotonic()
    cluster = start(options.dir, port_base=options.port_base, slurm=not options.no_slurm)
    print(f"up in {cluster.dir} after {time.monotonic() - begun:.1f} s: {' '.join(cluster.aliases)}")
    for name, reason in cluster.left_out:
        print(f"left out: {name}: {reason}")
    print(f"try: ssh -F {cluster.ssh_config} {cluster.aliases[0]}")
    return 0


def _down(options: argparse.Namespace) -> int:
    print(f"{options.dir} is down" if stop(options.dir) else f"no cluster in {options.dir}")
    return 0


def _env(options: argparse.Namespace) -> int:
    cluster = folders.find(options.dir)
    if cluster is None:
        raise ClusterError(f"no cluster in {options.dir}: python -m tests.cluster up")
    for name, value in cluster.environment.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _status(options: argparse.Namespace) -> int:
    cluster = folders.find(options.dir)
    live = running(cluster) if cluster else {}
    if cluster is None or not live:
        print(f"no cluster runs in {options.dir}")
        return 1
    for name, pid in live.items():
        print(f"{name:<12} pid {pid:<8} {cluster.log(name)}")
    for alias in cluster.aliases:
        print(f"{alias:<12} {cluster.host(alias).address}:{cluster.port('sshd')}  {cluster.host(alias).what}")
    for name, reason in cluster.left_out:
        print(f"{name:<12} left out: {reason}")
    return 0


def _install(options: argparse.Namespace) -> int:
    reason = packages.install()
    if reason:
        print(f"tests.cluster: {reason}", file=sys.stderr)
    return 3 if reason else 0


if __name__ == "__main__":
    sys.exit(main())
