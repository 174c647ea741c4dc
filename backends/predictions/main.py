"""The program: what it is asked comes as JSON in its last argument, what it finds goes out as JSON.

Asked `pythons` it tells which interpreters here have numpy and pyarrow; asked for
a `summary`, for `outcomes` or for some `rows` it reads a file.
"""

import json
import os
import re
import resource
import shlex
import subprocess
import sys
from typing import Any, Dict, Iterator, List, Mapping, Tuple

from backends.predictions.fast import kernel
from backends.predictions.outcomes import outcomes, picked
from backends.predictions.refused import Refused
from backends.predictions.summary import summary
from backends.remote.frames import Failure
from backends.remote.results import Search, workplace

MEMORY = 3 << 30
"""Bytes of addresses that it may have: libraries ask for many that they never use."""

TRIAL = "import sys, numpy; print(numpy.__version__); import pyarrow.parquet; print('pyarrow')"

PATIENCE = 30.0
"""Seconds that an interpreter may take to load numpy; from a busy network disk it does take some."""

MOST = 12
"""Interpreters that are tried."""

COMMON = (
    "~/miniconda3/bin/python3 ~/miniforge3/bin/python3 ~/mambaforge/bin/python3 ~/anaconda3/bin/python3"
    " ~/.venv/bin/python3 ~/venv/bin/python3"
).split()


def main() -> int:
    """Print the answer, or why there is none."""
    asked = json.loads(sys.argv[-1])
    if asked["ask"] == "pythons":
        print(json.dumps({"pythons": pythons(asked.get("directory", ""), bool(asked.get("parquet")))}))
        return 0
    os.nice(10)
    if sys.platform.startswith("linux"):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        found = answer(asked)
    except Refused as error:
        found = {"refused": str(error), "advice": error.advice}
    except Failure as error:
        found = {"refused": str(error), "advice": ""}
    except OSError as error:
        found = {"refused": "%s: %s" % (error.filename or "it", error.strerror or error), "advice": ""}
    except MemoryError:
        found = {"refused": "it takes more memory than a guest should have there", "advice": "write fewer columns"}
    print(json.dumps(found))
    return 0


def answer(asked: Mapping[str, Any]) -> Dict[str, Any]:
    """By what is asked. Raises `Refused`, `Failure`, `OSError`."""
    path, note = file_of(asked)
    status = os.stat(path)
    stamp = [path, status.st_size, status.st_mtime]
    if asked.get("known") == stamp:
        return {"unchanged": True}
    tools = kernel(bool(asked.get("plain")))
    said = asked.get("columns") or {}
    if asked["ask"] == "outcomes":
        return dict(outcomes(tools, path, said, asked), stamp=stamp)
    if asked["ask"] == "rows":
        return picked(tools, path, said, asked)
    found = summary(tools, path, said)
    if not tools.fast:
        found["notes"].append("no Python there has numpy: without it this takes some ten times longer")
    if note:
        found["notes"].insert(0, note)
    return dict(found, stamp=stamp)


def file_of(asked: Mapping[str, Any]) -> Tuple[str, str]:
    """The file that is meant, and what is to be said of that. Raises `Refused`, `Failure`."""
    if not asked.get("directory"):
        return os.path.abspath(os.path.expanduser(asked["path"])), ""
    directory = os.path.expanduser(asked["directory"])
    since = os.stat(os.path.join(directory, "plan.json")).st_mtime_ns
    search = Search(workplace(directory))
    dated, older = [], 0
    for path in search.found([asked["path"]]):
        whole = os.path.join(search.base, path)
        if not os.path.isfile(whole):
            continue
        if os.stat(whole).st_mtime_ns >= since:
            dated.append((os.stat(whole).st_mtime_ns, path))
        else:
            older += 1
    if not dated:
        what = "it is older than the run" if older else "the run has not written it"
        raise Refused(
            "no file %s in %s: %s" % (asked["path"], search.base, what), "it is outputs.predictions of the spec"
        )
    dated.sort()
    many = "%d files are meant by %s: the newest is %s" % (len(dated), asked["path"], dated[-1][1])
    return os.path.join(search.base, dated[-1][1]), many if len(dated) > 1 else ""


def pythons(directory: str, parquet: bool) -> List[List[Any]]:
    """Interpreters with numpy: path, version, and whether they have pyarrow; those with it first."""
    found = []
    seen = set()
    for path in candidates(directory):
        path = os.path.abspath(os.path.expanduser(path))
        if path in seen or not os.access(path, os.X_OK) or not os.path.isfile(path):
            continue
        seen.add(path)
        words = tried(path)
        if words:
            found.append([path, words[0], "pyarrow" in words[1:]])
            if found[-1][2] or not parquet:
                break
        if len(seen) >= MOST:
            break
    return sorted(found, key=lambda each: not each[2])


def candidates(directory: str) -> Iterator[str]:
    """Where they may be: of the run's own set-up first."""
    for path in of_run(os.path.expanduser(directory)) if directory else ():
        yield path
    yield sys.executable
    for folder in os.environ.get("PATH", "").split(":"):
        for name in ("python3", "python"):
            yield os.path.join(folder, name)
    for path in COMMON:
        yield path


def of_run(directory: str) -> Iterator[str]:
    """Interpreters that a run's script names: by a path, or by the environment that it activates."""
    try:
        with open(os.path.join(directory, "run.sh"), errors="replace") as file:
            text = file.read(1 << 16)
    except (IOError, OSError):
        text = ""
    try:
        base = workplace(directory)
    except Failure:
        base = directory
    for word in re.findall(r"\S*python[0-9.]*(?=\s|$)", text):
        word = word.strip("'\"")
        if "/" in word:
            yield os.path.join(base, os.path.expanduser(word))
    for word in re.findall(r"(?:source|\.)\s+(\S+/bin)/activate\b", text):
        yield os.path.join(base, os.path.expanduser(word.strip("'\"")), "python")
    for name in re.findall(r"(?:conda|mamba|micromamba) activate\s+(\S+)", text):
        name = os.path.expanduser(name.strip("'\""))
        if "/" in name:
            yield os.path.join(name, "bin/python")
        for home in COMMON[:4]:
            yield os.path.join(os.path.dirname(os.path.dirname(home)), "envs", name, "bin/python")
    for name in (".venv", "venv"):
        yield os.path.join(base, name, "bin/python")


def tried(path: str) -> List[str]:
    """What an interpreter says of its libraries; nothing where it has no numpy."""
    try:
        process = subprocess.Popen(
            [path, "-I", "-c", TRIAL],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(os.environ, OPENBLAS_NUM_THREADS="1"),
        )
    except OSError:
        return []
    try:
        out, _ = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return []
    return out.decode("utf-8", "replace").split()
