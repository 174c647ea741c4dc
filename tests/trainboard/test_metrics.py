"""The report of a log: its JSON, its CSV, how the log ended, and files that are none."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from backends.base import JobState
from trainboard.extract import Progress
from trainboard.metrics import MetricsError, read_file, remaining, report, write_csv
from trainboard.series import Sample, by_metric

HEALTHY = "Epoch 1/2 loss=0.5\nEpoch 2/2 loss=0.25\n"
TRACEBACK = """Traceback (most recent call last):
  File "/home/u/train.py", line 3, in <module>
    main()
ValueError: bad shape
"""


def log(folder: Path, text: str | bytes) -> Path:
    path = folder / "out.log"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_the_json_is_what_scripts_were_promised(tmp_path: Path) -> None:
    path = log(tmp_path, "Epoch 1/4 loss=0.5 acc=nan\nEpoch 2/4 loss=0.25 acc=inf\n")
    assert read_file(path).as_json() == {
        "source": str(path),
        "outcome": "unknown",
        "metrics": [
            {"name": "loss", "index": "epoch", "count": 2, "first": 0.5, "last": 0.25, "min": 0.25, "max": 0.5},
            {"name": "acc", "index": "epoch", "count": 2, "first": "nan", "last": "inf", "min": "inf", "max": "inf"},
        ],
        "progress": {"done": 2.0, "total": 4.0, "unit": "epoch", "eta_s": None},
    }


def test_the_json_is_valid_for_strict_readers(tmp_path: Path) -> None:
    found = read_file(log(tmp_path, "loss=nan\nloss=-inf\n")).as_json()
    assert '"-inf"' in json.dumps(found, allow_nan=False)


def test_an_empty_log_has_no_metrics_and_no_progress(tmp_path: Path) -> None:
    found = read_file(log(tmp_path, "")).as_json()
    assert (found["metrics"], found["outcome"]) == ([], "unknown")
    assert found["progress"] == {"done": None, "total": None, "unit": None, "eta_s": None}


def test_a_log_larger_than_a_chunk_is_read_whole(tmp_path: Path) -> None:
    found = read_file(log(tmp_path, "".join(f"step {n} loss={n}.5\n" for n in range(100_000))))
    assert (len(found.series["loss"]), found.series["loss"].last) == (100_000, 99_999.5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEALTHY, "completed"),
        ("step 1 loss=0.5\nTraining finished.\n", "completed"),
        ("step 1 loss=0.5\n{'train_runtime': 12.5, 'train_loss': 0.5}\n", "completed"),
        ("step 1 loss=0.5\n", "unknown"),
        (HEALTHY + TRACEBACK, "traceback"),
        (TRACEBACK + HEALTHY + "Training done\n", "completed"),
        ("RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB\n", "oom"),
        (TRACEBACK.replace("ValueError: bad shape", "torch.cuda.OutOfMemoryError: CUDA out of memory."), "oom"),
        ("slurmstepd: error: Detected 1 oom_kill event in StepId=7.batch.\n", "oom"),
        ("if you run out of memory, use a smaller batch\nstep 1 loss=0.5 oom 0\n", "unknown"),
        ("slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2024-05-01T00:00:00 DUE TO TIME LIMIT ***\n", "timeout"),
        ("slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2024-05-01T00:00:00 ***\n", "killed"),
        ("step 1 loss=0.5\nKilled\n", "killed"),
        ("step 1 loss=0.5\nstep 2 loss=nan\n", "nan"),
        ("step 1 loss=nan\nstep 2 loss=0.5\n", "unknown"),
        ("Segmentation fault (core dumped)\n", "failed"),
    ],
)
def test_how_a_log_ended_is_read_from_its_end(tmp_path: Path, text: str, expected: str) -> None:
    assert read_file(log(tmp_path, text)).outcome == expected


@pytest.mark.parametrize(
    ("state", "tail", "expected"),
    [
        (JobState.COMPLETED, b"", "completed"),
        (JobState.RUNNING, b"", "running"),
        (JobState.TIMEOUT, b"", "timeout"),
        (JobState.OUT_OF_MEMORY, b"", "oom"),
        (JobState.CANCELLED, b"", "killed"),
        (JobState.FAILED, b"", "failed"),
        (JobState.FAILED, TRACEBACK.encode(), "traceback"),
        (JobState.LOST, b"", "unknown"),
        (None, b"Killed\n", "killed"),
    ],
)
def test_the_state_of_a_run_says_how_it_ended_and_the_log_says_why(
    state: JobState | None, tail: bytes, expected: str
) -> None:
    assert report("r1", by_metric([Sample("loss", 0.5, 1, "step")]), None, state, tail).outcome == expected


def test_a_running_run_has_a_time_left() -> None:
    found = report("r1", {}, Progress(25, 100, "step"), JobState.RUNNING, elapsed=50)
    assert found.as_json()["progress"] == {"done": 25, "total": 100, "unit": "step", "eta_s": 150}


def test_an_ended_run_has_none() -> None:
    assert report("r1", {}, Progress(25, 100, "step"), JobState.CANCELLED, elapsed=50).eta is None


@pytest.mark.parametrize(
    ("progress", "elapsed"),
    [(None, 5.0), (Progress(0, 9, "step"), 5.0), (Progress(1, 9, "step"), None), (Progress(1, 0, "step"), 5.0)],
)
def test_nobody_knows_the_time_left_of_what_has_not_begun(progress: Progress | None, elapsed: float | None) -> None:
    assert remaining(progress, elapsed) is None


def test_csv_has_one_line_per_sample() -> None:
    samples = [Sample("loss", 0.5, 1, "step", 12.25), Sample('a,"b', float("nan"), 2, "", None)]
    text = io.StringIO()
    write_csv([report("r1", by_metric(samples), None)], text)
    assert text.getvalue() == ('source,metric,step,index,wall,value\nr1,loss,1,step,12.250,0.5\nr1,"a,""b",2,,,nan\n')


def test_a_missing_file_is_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(MetricsError, match=r"^.*/none\.log: No such file or directory$"):
        read_file(tmp_path / "none.log")


def test_a_folder_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(MetricsError, match="Is a directory"):
        read_file(tmp_path)


def test_a_named_pipe_that_nobody_writes_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "out.log")
    with pytest.raises(MetricsError, match=r"out\.log: is a named pipe"):
        read_file(tmp_path / "out.log")


def test_what_another_command_writes_is_read_as_the_shell_passes_it() -> None:
    read, write = os.pipe()
    os.write(write, HEALTHY.encode())
    os.close(write)
    try:
        assert read_file(Path(f"/dev/fd/{read}")).series["loss"].last == 0.25
    finally:
        os.close(read)


def test_a_binary_file_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(MetricsError, match="no text"):
        read_file(log(tmp_path, b"\x7fELF\0\0\0loss=1\n"))


def test_text_that_is_not_utf_8_is_a_log(tmp_path: Path) -> None:
    assert read_file(log(tmp_path, b"caf\xe9 step 1 loss=0.5\n")).series["loss"].last == 0.5
