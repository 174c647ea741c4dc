"""Recorded outputs of Slurm's commands, without the lines that say where they are from."""

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "data" / "slurm"


def recorded(name: str) -> str:
    """As `22.05.8/nodes.txt`."""
    lines = (FOLDER / name).read_text().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("#"))
