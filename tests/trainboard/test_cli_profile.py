"""`trainboard profile`: a running job with the real py-spy, and files."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.backends.test_spy import BUSY, STUCK
from tests.backends.test_tracefile import TORCH
from tests.trainboard.test_cli import everywhere, shell
from tests.trainboard.test_profile_stacks import RAW

if TYPE_CHECKING:
    from tests.trainboard.test_cli import Shell

__all__ = ["everywhere", "shell"]


def begun(shell: Shell, program: str, *words: str, python: str = sys.executable) -> str:
    """The id of a run of this program, as soon as it has begun."""
    path = shell.write("program.py", program)
    spec = shell.write("spec.yaml", f"name: busy\ncommand: {python} {path}\n")
    [run] = shell.json("submit", str(spec), *words)
    deadline = time.monotonic() + 60
    while "begun" not in shell("logs", run["run"]).stdout:
        assert time.monotonic() < deadline, shell("show", run["run"]).stdout
    return str(run["run"])


def test_a_run_is_profiled_and_the_profile_kept(shell: Shell) -> None:
    run = begun(shell, BUSY)
    found = shell("profile", run, "--seconds", "2", "--send", "--json")
    assert found.returncode == 0, found.stderr
    told = json.loads(found.stdout)
    top = told["functions"][0]
    assert (told["source"], told["kind"], top["function"], top["own"]) == (run, "stacks", "hot", True)
    assert top["self"] >= 0.8
    assert Path(told["file"]).parent.parent == shell.home / "profiles"
    again = shell.json("profile", told["file"])
    assert again["functions"] == told["functions"]


def test_a_hung_run_is_dumped_for_people(shell: Shell) -> None:
    run = begun(shell, STUCK)
    said = shell("profile", run, "--dump", "--send")
    assert said.returncode == 0, said.stderr
    assert ": the main thread waits in take (" in said.stdout
    assert "  writer (" in said.stdout
    assert "    • take  " in said.stdout
    other = shell("profile", run, "--dump", "--node", "nowhere")
    assert (other.returncode, other.stderr.count("\n")) == (2, 1)
    assert "nowhere is no node of this job" in other.stderr
    none = shell("profile", run, "--trace")
    assert (none.returncode, none.stdout) == (0, "")
    assert "no traces" in none.stderr


@pytest.mark.slurm
@pytest.mark.slow
def test_a_job_on_a_node_is_profiled_beside_it(everywhere: Shell) -> None:
    run = begun(everywhere, BUSY, "--on", "triton")
    told = everywhere("profile", run, "--seconds", "1", "--send", "--json")
    assert told.returncode == 0, told.stderr
    assert '"function": "hot"' in told.stdout
    assert '"node": "node' in told.stdout


def test_without_py_spy_there_it_is_asked_for_and_nothing_is_sent_unasked(shell: Shell, tmp_path: Path) -> None:
    bare = type(shell)(shell.folder, {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})
    run = begun(bare, BUSY, python=str(Path(sys.executable).resolve()))
    said = bare("profile", run)
    assert (said.returncode, said.stdout) == (2, "")
    assert "no py-spy on " in said.stderr
    assert "--send sends it" in said.stderr
    assert not (tmp_path / ".cache" / "trainboard").exists()


def test_a_run_that_is_over_says_so(shell: Shell) -> None:
    spec = shell.write("spec.yaml", "name: short\ncommand: 'true'\n")
    [run] = shell.json("submit", str(spec))
    deadline = time.monotonic() + 60
    while shell.json("show", run["run"])["state"] != "COMPLETED":
        assert time.monotonic() < deadline
    said = shell("profile", run["run"])
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.strip().endswith("it does not run (COMPLETED): only a running job can be looked into")


def test_a_file_of_stacks_is_shown_without_any_backend(shell: Shell) -> None:
    path = shell.write("stacks.raw", RAW)
    lines = shell.done("profile", str(path)).splitlines()
    assert lines[1] == "100 samples; • is your own code"
    assert lines[4].split() == ["60.0%", "60.0%", "forward", "torch/nn.py:9"]
    assert lines[5].split() == ["30.0%", "100.0%", "•", "step", "/home/ann/train.py:13"]


def test_two_files_are_compared(shell: Shell) -> None:
    before, after = shell.write("before.raw", RAW), shell.write("after.raw", RAW.replace(") 60", ") 10"))
    lines = shell.done("profile", str(after), "--against", str(before)).splitlines()
    assert lines[2].split() == ["60.0%", "20.0%", "-40.0", "forward", "torch/nn.py"]
    told = shell.json("profile", str(after), "--against", str(before))
    assert told["changes"][0] == {
        "function": "forward",
        "file": "/v/site-packages/torch/nn.py",
        "before": 0.6,
        "after": 0.2,
    }
    assert "No such file" in shell.refused("profile", str(after), "--against", "none.raw")


def test_a_trace_of_this_machine_is_summed_up(shell: Shell) -> None:
    path = shell.write("run.pt.trace.json", json.dumps(TORCH))
    lines = shell.done("profile", str(path)).splitlines()
    assert lines[1] == "2ms traced, GPU idle 55% of it, 2 steps of 1ms"
    assert ["400µs", "20.0%", "kernels"] in [line.split() for line in lines]
    told = shell.json("profile", str(path))
    assert (told["kind"], told["idle"], told["steps"][0]["gpu"]) == ("trace", pytest.approx(0.55), 0.0004)


def test_the_traces_of_a_run_are_listed_and_read(shell: Shell) -> None:
    text = json.dumps(TORCH)
    program = f"import pathlib\npathlib.Path('tb').mkdir()\npathlib.Path('tb/x.pt.trace.json').write_text({text!r})\n"
    run = begun(shell, program + "print('begun', flush=True)\n")
    [file] = shell.json("profile", run, "--trace")
    assert file["path"].endswith("/tb/x.pt.trace.json")
    assert "GPU idle 55%" in shell.done("profile", run, "--trace", "x.pt.trace.json")
    assert "no trace other of this run" in shell("profile", run, "--trace", "other").stderr


@pytest.mark.parametrize(
    ("content", "complaint"),
    [("hello\n", "no profile"), ('{"shared": 1, "profiles": []}', "not a speedscope file")],
)
def test_a_file_that_is_no_profile_is_refused_in_a_line(shell: Shell, content: str, complaint: str) -> None:
    path = shell.write("file", content)
    assert complaint in shell.refused("profile", str(path))


def test_no_time_at_all_is_bad_usage(shell: Shell) -> None:
    assert shell.refused("profile", "x", "--seconds", "0") == "--seconds: between 1 and 3600"
