"""What an attempt used: disk, GPU memory, memory and time, measured by real runners."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from backends.base import Peaks
from backends.peaks import peaks_of, updated
from backends.runner import usage
from backends.runner.attempt import Attempt as Ours
from backends.runner.tree import Tree
from backends.runner.usage import disk_usage, larger
from tests.backends.runners import GO, Attempt, attempts, gone, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MIB = 1 << 20

SMI = """\
#!/bin/sh
case "$1" in
*compute-apps*) cat "{folder}/apps" ;;
esac
"""


@pytest.fixture
def attempt(tmp_path: Path) -> Iterator[Callable[..., Attempt]]:
    """Makes attempt directories."""
    with attempts(tmp_path) as make:
        yield make


def test_the_exit_record_tells_what_was_used(attempt: Callable[..., Attempt]) -> None:
    one = attempt("head -c 3000000 /dev/urandom > data; sleep 0.2")
    peaks = one.run()["peaks"]
    assert 3000000 <= peaks["disk"] < 5000000
    assert peaks["memory"] == one.record()["peak_memory"]
    assert 0.2 <= peaks["seconds"] < 20
    assert "gpu_memory" not in peaks


def test_checkpoints_elsewhere_count_for_the_disk(attempt: Callable[..., Attempt], tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "old.pt").write_bytes(os.urandom(9 * MIB))
    one = attempt(
        f"head -c {2 * MIB} /dev/urandom > {work}/new.pt",
        workdir=str(work),
        checkpoints={"pattern": "*.pt", "keep": None},
    )
    assert 2 * MIB <= one.run()["peaks"]["disk"] < 3 * MIB


def test_an_attempt_that_is_cancelled_loses_no_time_on_the_disk(attempt: Callable[..., Attempt]) -> None:
    one = attempt(f"echo up; {GO}")
    process = one.up()
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    assert set(one.record()["peaks"]) == {"memory", "seconds"}


def test_gpu_memory_is_that_of_its_own_processes_on_the_fullest_gpu(
    attempt: Callable[..., Attempt], tmp_path: Path
) -> None:
    one = attempt(f"echo $$ > pid; echo up; {GO}")
    one.up()
    pid = (one.directory / "pid").read_text().strip()
    tool = tmp_path / "nvidia-smi"
    tool.write_text(SMI.format(folder=tmp_path))
    tool.chmod(0o755)
    lines = [f"GPU-a, {pid}, 700, python", "GPU-a, 1, 9000, other", f"GPU-b, {pid}, 300, python"]
    (tmp_path / "apps").write_text("\n".join(lines) + "\n")
    ours = Ours(str(one.directory), {"token": one.token})
    assert usage.gpu_memory(str(tool), ours.tree) == 700 * MIB
    (tmp_path / "apps").write_text("GPU-a, 1, 9000, other\n")
    assert usage.gpu_memory(str(tool), ours.tree) is None
    (tmp_path / "apps").write_text("what is this\n")
    assert usage.gpu_memory(str(tool), ours.tree) is None
    one.go()


def test_a_tool_that_hangs_passes_for_no_process_of_the_run(attempt: Callable[..., Attempt], tmp_path: Path) -> None:
    # It is still there when the program has ended: the attempt is over all the same.
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    asked = tmp_path / "asked"
    tool.write_text(f"#!/bin/sh\necho $$ > {asked}\nexec sleep 600\n")
    tool.chmod(0o755)
    one = attempt(f"echo up; {GO}")
    text = one.program.read_text()
    assert "OFTEN, SELDOM = 10.0, 60.0" in text
    one.program.write_text(text.replace("OFTEN, SELDOM = 10.0, 60.0", "OFTEN, SELDOM = 0.0, 60.0"))
    process = one.up({"PATH": f"{tool.parent}:{os.environ['PATH']}", "CUDA_VISIBLE_DEVICES": "0"})
    until(lambda: asked.exists() and asked.read_text())
    one.go()
    process.wait(10)
    assert one.ending()[0] == "COMPLETED"
    os.kill(int(asked.read_text()), signal.SIGKILL)


@pytest.mark.parametrize(
    ("environ", "given"),
    [
        ({}, False),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, False),
        ({"CUDA_VISIBLE_DEVICES": ""}, False),
        ({"CUDA_VISIBLE_DEVICES": "0,1"}, True),
        ({"SLURM_JOB_GPUS": "2"}, True),
    ],
)
def test_gpus_are_looked_at_where_some_were_given(
    environ: dict[str, str], given: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_GPUS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert usage.has_gpus() is given


def test_a_file_with_two_names_is_on_the_disk_once(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(os.urandom(MIB))
    once = disk_usage(str(tmp_path))
    os.link(tmp_path / "one", tmp_path / "two")
    (tmp_path / "away").symlink_to("/usr")
    assert MIB <= once < 2 * MIB
    assert abs(disk_usage(str(tmp_path)) - once) < 4096 * 4


def test_the_most_is_kept() -> None:
    assert larger({"disk": 5}, "disk", 3) == {"disk": 5}
    assert larger({"disk": 5}, "disk", 7) == {"disk": 7}
    assert larger({}, "disk", None) == {}


def test_a_process_of_the_runner_that_is_not_there_hides_none_of_the_run(
    attempt: Callable[..., Attempt],
) -> None:
    one = attempt(f"echo up; {GO}")
    process = one.up()
    tree = Tree(one.token, 0)
    tree.spared.add(0)  # what the runner has for the pid of a process that has not begun
    assert tree.pids()
    one.go()
    process.wait(10)
    assert gone(1) is False


def test_figures_of_a_runner_are_checked() -> None:
    assert peaks_of({"peaks": {"disk": 7, "memory": "much", "seconds": True, "more": 1}}) == Peaks(disk=7.0)
    assert peaks_of({"peaks": {}, "exit": None}) is None
    older = {"exit": {"began": 10.0, "time": 25.0, "peak_memory": 4096}}
    assert peaks_of(older) == Peaks(memory=4096.0, seconds=15.0)


def test_of_a_run_that_goes_on_only_what_has_grown_much_is_news() -> None:
    known = {"disk": 100.0}
    assert updated(known, Peaks(disk=110.0), ended=False) is known
    assert updated(known, Peaks(disk=200.0, memory=5.0), ended=False) == {"disk": 200.0, "memory": 5.0}
    assert updated(known, Peaks(disk=110.0), ended=True) == {"disk": 110.0}
    assert updated(known, None, ended=True) is known
