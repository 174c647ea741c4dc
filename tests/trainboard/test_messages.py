"""Messages in logs: each class is found where it happened, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from trainboard.diagnose import report
from trainboard.diagnose.finding import Severity
from trainboard.diagnose.job import JOB_RULES
from trainboard.diagnose.messages import KEPT, Hit, Scanner, scan

DATA = Path(__file__).parent.parent / "data"

LINES = [
    ("cuda_oom", "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 79.15 GiB total capacity)"),
    ("cuda_oom", "torch.OutOfMemoryError: HIP out of memory. Tried to allocate 20.00 MiB."),
    ("cuda_oom", "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ("cuda_oom", "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying"),
    ("host_oom", "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=4.batch cgroup."),
    ("host_oom", "Some of your processes may have been killed by the cgroup out-of-memory handler."),
    ("host_oom", "Memory cgroup out of memory: Killed process 4242 (python) total-vm:8000kB, anon-rss:7000kB"),
    ("host_allocation", "MemoryError"),
    ("host_allocation", "terminate called after throwing an instance of 'std::bad_alloc'"),
    ("host_allocation", "RuntimeError: [enforce fail at alloc_cpu.cpp:75] DefaultCPUAllocator: can't allocate"),
    ("killed", "/var/spool/slurmd/job00042/slurm_script: line 12:  4242 Killed                  python train.py"),
    ("killed", "traceback : Signal 9 (SIGKILL) received by PID 4242"),
    ("time_limit", "slurmstepd: error: *** JOB 42 ON c1 CANCELLED AT 2024-05-01T10:00:00 DUE TO TIME LIMIT ***"),
    ("time_limit", "=>> PBS: job killed: walltime 3623 exceeded limit 3600"),
    ("preempted", "slurmstepd: error: *** JOB 42 ON c1 CANCELLED AT 2024-05-01T10:00:00 DUE TO PREEMPTION ***"),
    ("node_failure", "slurmstepd: error: *** JOB 42 ON c1 CANCELLED AT 2024-05-01T10:00:00 DUE TO NODE FAILURE ***"),
    ("node_failure", "srun: error: Node failure on c[3-4]"),
    ("cancelled", "slurmstepd: error: *** STEP 42.0 ON c1 CANCELLED AT 2024-05-01T10:00:00 ***"),
    ("nccl_timeout", "[rank1]:[E523 ProcessGroupNCCL.cpp:616] [Rank 1] Watchdog caught collective operation timeout: "
     "WorkNCCL(SeqNum=42, OpType=ALLREDUCE, NumelIn=1, NumelOut=1, Timeout(ms)=600000) ran for 600072 milliseconds"),
    ("nccl_timeout", "[rank1]: [PG 0 Rank 1] last enqueued NCCL work: 43, last completed NCCL work: 41."),
    ("nccl_timeout", "RuntimeError: Timed out waiting 5000ms for recv operation to complete"),
    ("nccl_timeout", "DistStoreError: Timed out after 61 seconds waiting for clients. 3/4 clients joined."),
    ("nccl_error", "torch.distributed.DistBackendError: NCCL error: ncclSystemError: System call failed"),
    ("xid", "[12345.6] NVRM: Xid (PCI:0000:3b:00): 79, pid=4242, GPU has fallen off the bus."),
    ("gpu_hardware", "RuntimeError: CUDA error: uncorrectable ECC error encountered"),
    ("cuda_fault", "RuntimeError: CUDA error: an illegal memory access was encountered"),
    ("cuda_fault", "RuntimeError: CUDA error: device-side assert triggered"),
    ("cuda_missing", "RuntimeError: No CUDA GPUs are available"),
    ("quota", "OSError: [Errno 122] Disk quota exceeded: 'model.pt'"),
    ("disk_full", "OSError: [Errno 28] No space left on device"),
    ("disk_full", "RuntimeError: [enforce fail at inline_container.cc:603] . PytorchStreamWriter failed writing"),
    ("shared_memory", "RuntimeError: unable to open shared memory object </torch_42> in read-write mode"),
    ("shared_memory", "Bus error (core dumped)"),
    ("loader_died", "RuntimeError: DataLoader worker (pid 4242) is killed by signal: Killed."),
    ("loader_died", "RuntimeError: DataLoader worker (pid(s) 1, 2) exited unexpectedly"),
    ("loader_workers", "This DataLoader will create 16 worker processes in total. Our suggested max number of worker "
     "in current system is 8"),
    ("half_precision", "Gradient overflow.  Skipping step, loss scaler 0 reducing loss scale to 0.5"),
    ("segfault", "Segmentation fault (core dumped)"),
    ("port_taken", "RuntimeError: The server socket has failed to listen: errno: 98 - Address already in use"),
]  # fmt: skip

NOTHING = [
    "If you get CUDA out of memory, try a smaller batch",
    "# avoid OutOfMemoryError: empty the cache",
    "    except torch.cuda.OutOfMemoryError:",
    'raise RuntimeError("CUDA out of memory")',
    "step 10 | oom 0 | loss 3.2",
    "c1:3014 [3] NCCL INFO NET/IB : Using [0]mlx5_0:1/IB [RO]; OOB eth0:10.0.0.1<0>",
    "memory used 12.1 GiB, memory limit 64 GiB",
    "you may run out of memory when the sequence is long",
    "walltime 02:00:00, time limit 48:00:00",
    "saved the killed-process list",
    "loss scale 65536.0 | grad norm 1.2",
    "checkpoint every 100 steps, in case of preemption",
    "shared memory: 8 GB",
    "epoch 3 loss 0.31 acc 0.9",
]


def classes(*lines: str) -> list[str]:
    """The classes of the hits in a log of these lines."""
    return [hit.id for hit in scan(lines)]


@pytest.mark.parametrize(("id", "line"), LINES)
def test_each_class_is_found_in_the_line_that_tells_it(id: str, line: str) -> None:
    assert classes("step 1 loss 0.5", line, "") == [id]


@pytest.mark.parametrize(("id", "line"), LINES)
def test_a_launcher_may_put_its_rank_before_a_line(id: str, line: str) -> None:
    assert classes(f"3: {line}") == [id]


@pytest.mark.parametrize("line", NOTHING)
def test_advice_source_code_and_settings_are_no_messages(line: str) -> None:
    assert [id for id in classes(line) if id != "half_precision"] == []


def test_a_message_gives_what_it_says() -> None:
    [hit] = scan([LINES[[id for id, _ in LINES].index("nccl_timeout")][1]])
    assert hit.facts == {"seq": 42.0, "op": "ALLREDUCE", "timeout_ms": 600000.0, "ran_ms": 600072.0, "rank": 1.0}
    [xid] = scan(["NVRM: Xid (PCI:0000:3b:00): 48, pid=1"])
    assert xid.facts == {"bus": "0000:3b:00", "xid": 48.0}


def test_the_place_of_a_hit_is_that_of_its_line_in_the_log() -> None:
    log = "schön\nOSError: [Errno 28] No space left on device\n".encode()
    scanner = Scanner(1000)
    [hit] = scanner.feed(log)
    assert hit.offset == 1000 + log.index(b"OSError")


def test_the_training_that_goes_on_after_a_message_has_passed_it() -> None:
    steps = [f"step {i} loss 0.{i}" for i in range(10)]
    oom = "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB"
    assert [hit.passed for hit in scan([*steps, oom, "trying a batch of 16"])] == [False]
    assert [hit.passed for hit in scan([*steps, oom, *steps[:2]])] == [False]
    assert [hit.passed for hit in scan([*steps, oom, "trying a batch of 16", *steps[:3]])] == [True]


def test_a_run_that_begins_after_a_message_has_passed_it_too() -> None:
    steps = [f"epoch {i} train_loss 0.{i}" for i in range(9)]
    assert [hit.passed for hit in scan(["NVRM: Xid (PCI:0000:3b:00): 31, pid=1", *steps[:5]])] == [False]
    assert [hit.passed for hit in scan(["NVRM: Xid (PCI:0000:3b:00): 31, pid=1", *steps])] == [True]


TRACE = """\
[rank1]: Traceback (most recent call last):
[rank1]:   File "/home/user/train.py", line 42, in main
[rank1]:     loss = model(batch)
[rank0]: Traceback (most recent call last):
[rank1]:            ^^^^^^^^^^^^
[rank1]:   File "/opt/conda/lib/python3.10/site-packages/torch/nn/modules/module.py", line 1501, in _call_impl
[rank0]:   File "/home/user/data.py", line 7, in load
[rank0]:     return rows[i]
[rank1]:     return forward_call(*args, **kwargs)
[rank1]: ValueError: shapes do not fit
[rank0]: IndexError: list index out of range
"""


def test_tracebacks_of_several_ranks_are_told_apart_and_name_the_innermost_own_frame() -> None:
    one, other = scan(TRACE.splitlines())
    assert (one.facts["error"], one.facts["file"], one.facts["line"], one.facts["function"], one.facts["rank"]) == (
        "ValueError",
        "/home/user/train.py",
        42.0,
        "main",
        1.0,
    )
    assert one.lines[:2] == ('File "/home/user/train.py", line 42, in main', "loss = model(batch)")
    assert (other.facts["error"], other.facts["file"], other.facts["rank"]) == (
        "IndexError",
        "/home/user/data.py",
        0.0,
    )


def test_an_exception_that_was_ignored_is_no_traceback() -> None:
    trace = ["Traceback (most recent call last):", '  File "a.py", line 1, in f', "    g()", "ValueError: x"]
    assert classes(*trace) == ["traceback"]
    assert classes("Exception ignored in: <function A.__del__ at 0x7f>", *trace) == []
    assert classes("--- Logging error ---", *trace) == []


def test_what_is_kept_is_bounded_and_the_newest_is_in_it() -> None:
    scanner = Scanner()
    for number in range(1000):
        scanner.feed(f"NVRM: Xid (PCI:0000:3b:00): {number}, pid=1\n".encode())
    assert len(scanner.hits) == KEPT
    assert scanner.hits[-1].facts["xid"] == 999.0
    assert scanner.hits[-1].count == 1000


def test_tracebacks_of_which_the_end_never_comes_are_bounded_and_forgotten() -> None:
    scanner = Scanner()
    for rank in range(2000):
        scanner.feed(
            f'[rank{rank}]: Traceback (most recent call last):\n[rank{rank}]:   File "a.py", line 1\n'.encode()
        )
    assert len(scanner._tracebacks) <= 256
    scanner.feed(b"step 1 loss 0.5\n" * 3000)
    assert not scanner._tracebacks


def test_one_message_of_each_of_many_ranks_is_no_sign_that_the_run_goes_on() -> None:
    ranks = [
        f"[rank{n}]: OutOfMemoryError: CUDA out of memory. GPU {n} has 79.1 GiB, 1.6 GiB free" for n in range(32)
    ]
    assert not any(hit.passed for hit in scan([*(f"step {n} loss 0.{n}" for n in range(9)), *ranks]))


def test_a_line_of_a_hundred_megabytes_is_looked_at_around_what_was_found_only() -> None:
    line = b"x" * (8 << 20) + b" CUDA out of memory " + b"y" * (8 << 20)
    scanner = Scanner()
    for at in range(0, len(line), 1 << 18):
        scanner.feed(line[at : at + (1 << 18)])
    scanner.feed(b"\n")
    assert all(len(hit.line) <= 400 for hit in scanner.hits)
    assert [hit.id for hit in scan([line[6 << 20 :]])] == ["cuda_oom"]


def test_escapes_of_a_line_do_not_reach_who_shows_it() -> None:
    [hit] = scan(["\x1b[31mRuntimeError: CUDA out of memory\x1b]0;owned\x07\x1b[2J\u202e\x00"])
    assert hit.line == "RuntimeError: CUDA out of memory"


PIECES = st.lists(st.sampled_from([line for _, line in LINES] + TRACE.splitlines() + NOTHING), max_size=12)


@given(PIECES, st.lists(st.integers(1, 60), min_size=1, max_size=40))
def test_the_pieces_in_which_a_log_comes_change_nothing(lines: list[str], cuts: list[int]) -> None:
    log = "".join(line + "\n" for line in lines).encode()
    whole, pieces = Scanner(), Scanner()
    whole.feed(log)
    at = 0
    while at < len(log):
        for cut in cuts:
            pieces.feed(log[at : at + cut])
            at += cut
    whole.finish()
    pieces.finish()
    assert plain(pieces.hits) == plain(whole.hits)


def plain(hits: tuple[Hit, ...]) -> list[tuple[str, int, str]]:
    """What hits say, but for whether they were passed: lines before a block without any are not all looked at."""
    return [(hit.id, hit.offset, hit.line) for hit in hits]


@given(st.binary(max_size=400))
def test_no_bytes_raise(data: bytes) -> None:
    scanner = Scanner()
    scanner.feed(data + b"\nTraceback (most recent call last):\n" + data)
    scanner.finish()


HEALTHY = [
    (file.with_suffix("").name, truth["file"])
    for file in sorted((DATA / "logs").glob("*.yaml"))
    if not (truth := yaml.safe_load(file.read_text()))["outcome"].startswith("failed")
]


@pytest.mark.parametrize(("name", "file"), HEALTHY)
def test_nothing_is_wrong_with_the_machine_in_the_log_of_a_healthy_run(name: str, file: str) -> None:
    found = report.of_file(DATA / "logs" / file, 1e12)  # long after it was written
    rules = {rule.id for rule in JOB_RULES}
    assert [each.id for each in found.findings if each.id in rules and each.severity is not Severity.INFO] == []
