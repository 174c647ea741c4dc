"""What an attempt used: disk, GPU memory, memory and time, measured by real runners."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.base import Peaks
from backends.peaks import peaks_of, updated
from backends.runner import quotas, readings, usage
from backends.runner.attempt import Attempt as Ours
from backends.runner.checkpoints import Checkpoints
from backends.runner.tree import Tree
from backends.runner.usage import disk_usage, larger
from tests.backends.runners import GO, Attempt, attempts, gone, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


def test_the_exit_record_tells_the_processor_time_of_all_its_processes(attempt: Callable[..., Attempt]) -> None:
    burn = "import time\nwhile time.process_time() < 0.6: pass"
    one = attempt(f"{sys.executable} -c '{burn}' & {sys.executable} -c '{burn}'; wait")
    assert 1.2 <= one.run()["peaks"]["cpu"] < 6


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
    assert set(one.record()["peaks"]) == {"memory", "seconds", "cpu"}


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


FULL_SMI = """\
#!/bin/sh
case "$1" in
*query-gpu*) cat "{folder}/cards" ;;
*compute-apps*) cat "{folder}/apps" ;;
esac
"""
FAST = (
    ("OFTEN, SELDOM = 10.0, 60.0", "OFTEN, SELDOM = 0.2, 60.0"),
    ("BEAT = 10.0", "BEAT = 0.2"),
    ("IDLE = 30.0", "IDLE = 0.0"),
)


def hurry(one: Attempt) -> None:
    """Let its runner look at what it uses several times a second."""
    text = one.program.read_text()
    for slow, fast in FAST:
        assert slow in text
        text = text.replace(slow, fast)
    one.program.write_text(text)


def lines(one: Attempt) -> list[dict[str, Any]]:
    """The whole lines of its usage.jsonl."""
    path = one.directory / "usage.jsonl"
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def test_the_course_of_what_a_run_uses_is_written_while_it_runs(
    attempt: Callable[..., Attempt], tmp_path: Path
) -> None:
    eats = (
        "import time; x = bytearray(80 << 20); end = time.process_time() + 60\nwhile time.process_time() < end: pass"
    )
    one = attempt(f"echo up; {sys.executable} -c '{eats}' & wait")
    hurry(one)
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text(FULL_SMI.format(folder=tmp_path))
    tool.chmod(0o755)
    (tmp_path / "cards").write_text(
        "0, GPU-a, 87, 1000, 81920, 71, 320.5, 400.00, 1410, 1980, 0, 0x0000000000000040\n"
        "1, GPU-b, 3, 10, 81920, 30, 60, 400, 210, 1980, 0, 0x0000000000000001\n"
    )
    (tmp_path / "apps").write_text("")
    process = one.up({"PATH": f"{tool.parent}:{os.environ['PATH']}", "CUDA_VISIBLE_DEVICES": "0"})
    until(lambda: any(line.get("cpu", 0) > 0.05 and line["rss"] > 80 * MIB for line in lines(one)))
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    line = next(line for line in lines(one) if line.get("cpu", 0) > 0.05 and line["rss"] > 80 * MIB)
    assert line["processes"] >= 2
    assert line["cpus"] == len(os.sched_getaffinity(0))
    assert 0 < line["memory"] <= line["memory_limit"]
    assert 0 < line["disk_free"] <= line["disk_total"]
    assert line["gpus"] == [
        {
            "index": 0, "util": 87.0, "memory": 1000 * MIB, "memory_total": 81920 * MIB, "temperature": 71.0,
            "power": 320.5, "power_limit": 400.0, "clock": 1410.0, "clock_max": 1980.0, "ecc": 0.0,
            "throttled": 1,
        }
    ]  # fmt: skip
    assert [line["seconds"] for line in lines(one)] == sorted(line["seconds"] for line in lines(one))
    assert (one.directory / "usage.jsonl").stat().st_mode & 0o777 == 0o600


def test_gpu_memory_of_a_real_run_is_in_its_peaks(attempt: Callable[..., Attempt], tmp_path: Path) -> None:
    one = attempt(f"echo $$ > {tmp_path}/pid; echo up; {GO}")
    hurry(one)
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\ncase "$1" in *apps*) echo "GPU-a, $(cat {tmp_path}/pid), 700, python" ;; esac\n')
    tool.chmod(0o755)
    process = one.up({"PATH": f"{tool.parent}:{os.environ['PATH']}", "CUDA_VISIBLE_DEVICES": "0"})
    until(lambda: "gpu_memory" in (one.directory / "state/peaks").read_text() if one.has("peaks") else False)
    one.go()
    process.wait(20)
    assert one.record()["peaks"]["gpu_memory"] == 700 * MIB


REFUSES = """\
#!/bin/sh
echo "$1" >> {folder}/asked
case "$1" in *_reasons*) echo 'Field "clocks_event_reasons.active" is not a valid field to query.'; exit 2; esac
echo "0, GPU-a, 50, 10, 100, [N/A], [Not Supported]"
"""


def test_a_driver_that_refuses_a_field_is_asked_for_less_and_remembered_to(tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(REFUSES.format(folder=tmp_path))
    tool.chmod(0o755)
    told = [{"index": 0, "util": 50.0, "memory": 10 * MIB, "memory_total": 100 * MIB}]
    assert usage.gpu_cards(str(tool)) == (told, 2)
    assert usage.gpu_cards(str(tool), 2) == (told, 2)
    asked = (tmp_path / "asked").read_text().splitlines()
    assert ["event_reasons" in each for each in asked] == [True, False, False, False]
    tool.write_text("#!/bin/sh\necho Segmentation fault; exit 139\n")
    assert usage.gpu_cards(str(tool)) == ([], 0)


@pytest.mark.parametrize(
    ("given", "indices"),
    [("", [0, 1]), ("1", [1]), ("GPU-a", [0]), ("7", [0, 1])],
)
def test_of_the_gpus_those_are_measured_that_the_attempt_has(
    given: str, indices: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    told = ["0, GPU-a, 1, 1, 1, 1, 1", "1, GPU-b, 1, 1, 1, 1, 1", "No devices were found"]
    assert [card["index"] for card in readings.cards(told)] == indices


def test_the_power_cap_is_no_reason_to_complain_and_heat_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    line = "0, GPU-a, 1, 1, 1, 1, 1, 1, 1, 1, [N/A], {}"
    reasons = ("0x0", "0x4", "0x8", "0x20", "0x40", "0x80")
    assert [readings.cards([line.format(each)])[0]["throttled"] for each in reasons] == [0, 0, 1, 1, 1, 1]


def test_a_process_that_ended_takes_nothing_away_and_a_new_one_counts_whole() -> None:
    assert readings.since((10.0, 5, 5), (12.5, 5, 9)) == (2.5, 0, 4)
    assert readings.since(None, (3.0, 1, 2)) == (3.0, 1, 2)
    assert readings.since((10.0, 5, 5), (3.0, 1, 2)) == (3.0, 1, 2)  # its number was given to another


def test_the_pause_between_lines_grows_with_the_file_which_is_bounded(tmp_path: Path) -> None:
    tree = Tree("t", 0)
    one = usage.Usage(str(tmp_path), tree, Checkpoints(str(tmp_path), {}))
    later = one.born + usage.EARLY
    assert (one.pause(one.born), one.pause(later)) == (usage.OFTEN, usage.SAMPLES)
    Path(one.lines()).touch()
    os.truncate(one.lines(), 3 * usage.GROWN)
    assert one.pause(later) == 4 * usage.SAMPLES
    os.truncate(one.lines(), usage.ROOM)
    assert one.pause(later) == float("inf")


QUOTA = """\
Disk quotas for user me (uid 1000):
     Filesystem  blocks   quota   limit   grace   files   quota   limit   grace
server:/home 1500000  2000000 3000000       0   40000  100000  120000       0
/dev/sda1 10 0 0 0 5 0 0 0
"""


def test_what_a_quota_leaves_is_that_of_the_file_system_where_it_writes() -> None:
    mounts = "/dev/sda1 / ext4 rw 0 0\nserver:/home /home nfs4 rw 0 0\nnonsense\n"
    assert quotas.mount("/home/me/runs", mounts) == ("server:/home", "nfs4")
    assert quotas.mount("/homestead", mounts) == ("/dev/sda1", "ext4")
    assert quotas.mount("/x", "") == ("", "")
    told = {"quota_free": 1500000 * 1024, "quota_total": 3000000 * 1024, "quota_files": 80000}
    assert quotas.parsed(QUOTA, "server:/home") == told
    assert quotas.parsed(QUOTA, "/dev/sda1") == quotas.parsed(QUOTA, "tmpfs") == quotas.parsed("none", None) == {}
    lustre = "/scratch/a/rather/long/name\n                [90]*  0 100 - 12 0 20 -\n"
    assert quotas.parsed(lustre, None) == {"quota_free": 10240, "quota_total": 102400, "quota_files": 8}


@settings(max_examples=50)
@given(st.text(max_size=300))
def test_no_words_of_a_tool_for_quotas_raise(text: str) -> None:
    assert isinstance(quotas.parsed(text, None), dict)


def test_a_line_that_does_not_fit_on_the_disk_leaves_no_half() -> None:
    with pytest.raises(OSError, match="No space left"):
        usage.append("/dev/full", "{}")
