"""Records what the tools of a machine with GPUs print, in all the forms that trainboard asks for.

`python -m tests.backends.record_gpus FOLDER`, on such a machine: one file a form below FOLDER, with a comment above
it that says tool and version, as in tests/data/machines. What names the machine or its people is left out: command
lines and the names of hosts and users are not asked for, serial numbers neither; look at the files before they go
anywhere. Exit code 1 where no tool for GPUs is there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from backends.remote.amd import ROCM
from backends.remote.gpuapps import FIELDS as APP_FIELDS
from backends.remote.gputool import FIELDS, OLDER

PATIENCE = 30.0
BARE = "--format=csv,noheader,nounits"
OLD_FIELDS = ",".join(OLDER.get(field, field) for field in FIELDS)

FORMS: dict[str, tuple[str, ...]] = {
    "version": ("nvidia-smi", "--version"),
    "query": ("nvidia-smi", "--query-gpu=" + ",".join(FIELDS), BARE),
    "query-older": ("nvidia-smi", "--query-gpu=" + OLD_FIELDS, BARE),
    "query-unknown-field": ("nvidia-smi", "--query-gpu=index,clocks_surprise_reasons.active", BARE),
    "query-german": ("nvidia-smi", "--query-gpu=" + ",".join(FIELDS), BARE),
    "query-one": ("nvidia-smi", "--query-gpu=" + ",".join(FIELDS), BARE, "-i", "0"),
    "apps": ("nvidia-smi", "--query-compute-apps=" + APP_FIELDS, "--format=csv,nounits"),
    "loop": ("timeout", "5", "nvidia-smi", "--query-gpu=" + ",".join(FIELDS), BARE, "-l", "1"),
    "apps-loop": (
        "timeout",
        "5",
        "nvidia-smi",
        "--query-compute-apps=" + APP_FIELDS,
        "--format=csv,nounits",
        "-l",
        "1",
    ),
    "list": ("nvidia-smi", "-L"),
    "rocm": ("rocm-smi", *ROCM),
    "amd-static": ("amd-smi", "static", "--asic", "--json"),
    "amd-metric": ("amd-smi", "metric", "--json"),
}
"""By the name of the file. The loops show whether lines come one by one, and how often a heading does."""


def record(folder: Path, name: str, argv: tuple[str, ...], version: str) -> bool:
    """Write what one form prints; whether its tool is there."""
    tool = next(word for word in argv if "smi" in word)
    if shutil.which(tool) is None:
        return False
    locale = "de_DE.UTF-8" if name == "query-german" else "C"
    done = subprocess.run(
        argv, env=os.environ | {"LC_ALL": locale}, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    head = f"# {version}; recorded: {' '.join(argv)}\n# exit status {done.returncode}\n"
    (folder / f"{tool}-{name}.txt").write_text(head + done.stdout + done.stderr)
    return True


def driver() -> str:
    """The driver's version, for the heads of the files."""
    query = ("nvidia-smi", "--query-gpu=driver_version,name", "--format=csv,noheader")
    if shutil.which(query[0]) is None:
        return "no NVIDIA driver"
    done = subprocess.run(query, capture_output=True, text=True, timeout=PATIENCE, check=False)
    version, _, name = (done.stdout.splitlines() or ["unknown, unknown"])[0].partition(", ")
    return f"driver {version}, {name}"


def main() -> int:
    """Record all of them."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    version = driver()
    found = [record(folder, name, argv, version) for name, argv in FORMS.items()]
    sys.stdout.write(f"{sum(found)} forms in {folder}\n")
    return 0 if any(found) else 1


if __name__ == "__main__":
    sys.exit(main())
