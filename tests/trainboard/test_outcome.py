"""How a log ended: what names a cause, what is noise, and that it takes no time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import effort
from trainboard.extract import Progress
from trainboard.outcome import OUTCOMES, TAIL, outcome
from trainboard.series import Sample, by_metric

EPOCHS = "".join(f"epoch {n} loss {1 / (n + 1):.4f}\n" for n in range(12))
MORE = "".join(f"epoch {n} loss {1 / (n + 1):.4f}\n" for n in range(12, 20))
TRACEBACK = 'Traceback (most recent call last):\n  File "train.py", line 3, in <module>\n    main()\n'
RAISED = TRACEBACK + "ValueError: bad shape\n"
CUDA = TRACEBACK + "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.50 GiB. GPU 3 has 79.11 GiB.\n"


def told(text: str) -> str:
    return outcome(text.encode(), {}, None)


@pytest.mark.parametrize(
    "line",
    [
        "slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2024-05-01T00:00:00 DUE TO TIME LIMIT ***",
        "slurmstepd: error: *** STEP 7.0 ON n1 CANCELLED AT 2024-05-01T00:00:00 DUE TO TIME LIMIT ***",
        "=>> PBS: job killed: walltime 3623 exceeded limit 3600",
        "TERM_RUNLIMIT: job killed after reaching LSF run time limit.",
        "timeout: sending signal TERM to command 'python'",
        "[rank0] 2024-05-01 10:00:00,000 - WARNING - time limit reached, saving and leaving",
    ],
)
def test_a_time_limit_is_told_by_schedulers_and_by_programs(line: str) -> None:
    assert told(f"{EPOCHS}{line}\n") == "timeout"


@pytest.mark.parametrize(
    "line",
    [
        "RuntimeError: CUDA error: out of memory",
        "torch.cuda.OutOfMemoryError: HIP out of memory. Tried to allocate 20.00 MiB",
        "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 17 bytes.",
        "ResourceExhaustedError: OOM when allocating tensor with shape[16,64,512,512] and type float",
        "F0101 10:00:00.000000 7 syncedmem.hpp:22] Check failed: error == cudaSuccess (2 vs. 0)  out of memory",
        "cupy.cuda.memory.OutOfMemoryError: Out of memory allocating 512 bytes (allocated so far: 0 bytes).",
        "MemoryError",
        "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 256. MiB for an array with shape (7,)",
        "RuntimeError: [enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory",
        'Exception in thread "main" java.lang.OutOfMemoryError: Java heap space',
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "slurmstepd: error: Detected 1 oom_kill event in StepId=7.batch. Some of the tasks have been OOM Killed.",
        "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=7.0. Some processes were killed",
        "kernel: Out of memory: Killed process 4711 (python) total-vm:7921M",
        "TERM_MEMLIMIT: job killed after reaching LSF memory usage limit.",
        "0: OSError: [Errno 12] Cannot allocate memory",
    ],
)
def test_memory_runs_out_on_the_gpu_the_host_and_in_the_cgroup(line: str) -> None:
    assert told(f"{EPOCHS}{line}\n") == "oom"


@pytest.mark.parametrize(
    "line",
    [
        "Loss is nan, stopping training",
        "FloatingPointError: Minimum loss scale reached (0.0001). Your loss is probably exploding.",
        "RuntimeError: Function 'PowBackward0' returned nan values in its 0th output.",
        "NanLossDuringTrainingError: NaN loss during training.",
        "ERROR:tensorflow:Model diverged with loss = NaN.",
        "Batch 17: Invalid loss, terminating training",
        "ValueError: Encountered nan values in submission",
    ],
)
def test_a_loss_that_is_no_number_is_told_by_the_program(line: str) -> None:
    assert told(f"{EPOCHS}{line}\n") == "nan"


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("loss", "nan"),
        ("eval_loss", "nan"),
        ("lm loss", "nan"),
        ("grad_norm", "unknown"),
        ("f1_rare", "unknown"),
        ("loss_scale", "unknown"),
    ],
)
def test_a_run_whose_last_loss_is_no_number_is_nan_and_other_metrics_may_be_so(metric: str, expected: str) -> None:
    samples = [Sample(metric, 0.5, 1, "step"), Sample(metric, float("nan"), 2, "step")]
    assert outcome(EPOCHS.encode(), by_metric(samples), None) == expected


@pytest.mark.parametrize(
    "line",
    [
        "Killed",
        "0: Killed",
        "./train.sh: line 12: 21873 Killed                  python train.py",
        "slurmstepd: error: *** JOB 771 ON n3 CANCELLED AT 2024-03-01T22:10:44 DUE TO PREEMPTION ***",
        "slurmstepd: error: *** JOB 7 ON gpu-5 CANCELLED AT 2022-10-03T08:09:31 DUE TO NODE FAILURE, SEE THE LOG ***",
        "slurmstepd: error: *** STEP 7.0 ON c3-12 CANCELLED AT 2023-09-02T14:25:01 ***",
        "srun: error: c3-12: task 0: Terminated",
        "  traceback : Signal 9 (SIGKILL) received by PID 44",
        "Command exited with exit code 137",
        TRACEBACK + "KeyboardInterrupt",
        TRACEBACK + "torch.distributed.elastic.multiprocessing.api.SignalException: Process 7 got signal: 15",
        "TERM_OWNER: job killed by owner.",
        "2023-04-04 11:26:00,113\tWARNING tune.py:690 -- SIGINT received (e.g. via Ctrl+C), ending the run.",
    ],
)
def test_who_is_killed_cancelled_preempted_or_interrupted_is_killed(line: str) -> None:
    assert told(f"{EPOCHS}{line}\n") == "killed"


@pytest.mark.parametrize(
    "text",
    [
        RAISED,
        RAISED
        + "srun: error: n1: task 3: Exited with exit code 1\nslurmstepd: error: *** STEP 7.0 ON n1 CANCELLED AT "
        "2024-05-01T00:00:00 ***\nsrun: error: n1: tasks 0-2: Terminated\n",
        "[rank1]: " + RAISED.replace("\n", "\n[rank1]: ") + "\n" + RAISED.replace("ValueError", "x.ChildFailedError"),
        "lua: train.lua:7: attempt to index a nil value\nstack traceback:\n\ttrain.lua:7: in main chunk\n",
        "thread 'main' panicked at src/main.rs:7:5:\nindex out of bounds\n",
    ],
)
def test_an_exception_that_ends_the_program_is_a_traceback(text: str) -> None:
    assert told(EPOCHS + text) == "traceback"


@pytest.mark.parametrize(
    "text",
    [
        "Fatal Python error: Segmentation fault\n",
        "Aborted (core dumped)\n",
        "srun: error: gpu12: task 0: Exited with exit code 1\n",
        "FATAL: no such file\n",
    ],
)
def test_what_ends_badly_without_a_cause_has_failed(text: str) -> None:
    assert told(EPOCHS + text) == "failed"


@pytest.mark.parametrize(
    "line",
    [
        "`Trainer.fit` stopped: `max_epochs=4` reached.",
        "2020-01-01 10:00:00 | INFO | fairseq_cli.train | done training in 801.3 seconds",
        "{'train_runtime': '4.542', 'train_loss': '3.155', 'epoch': '3'}",
        "| End of training | test loss  4.74 | test ppl   114.95",
        "I0124 13:54:41.598899 19781 caffe.cpp:215] Optimization Done.",
        "64 epochs completed in 6.662 hours.",
        "INFO:tensorflow:Loss for final step: 11.203948.",
        "# Ended (code 0) at Sat May  2 03:14:01 UTC 2020, elapsed time 172 seconds",
        "Final results:",
        "[2021-02-03 22:14:32] Training finished",
        ":::MLL 1560823603.540 run_stop: {}",
    ],
)
def test_the_closing_words_of_frameworks_complete_a_run(line: str) -> None:
    assert told(f"{EPOCHS}{line}\n") == "completed"


@pytest.mark.parametrize(
    "line", ["done", "Done.", "finished, 12 epochs", "saving final checkpoint", "Final model saved"]
)
def test_plain_words_complete_a_run_that_trained(line: str) -> None:
    trained = by_metric([Sample("loss", 0.5, 1, "step")])
    assert outcome(f"{EPOCHS}{line}\n".encode(), trained, None) == "completed"
    assert told(f"loading data\n{line}\n") == "unknown"


def test_the_signal_that_a_launcher_names_is_the_cause_of_the_other_ranks_tracebacks() -> None:
    launcher = "E0318 17:24:58.294000 9 api.py:869] failed (exitcode: -9) local_rank: 1 (pid: 44) of binary: python\n"
    assert told(EPOCHS + RAISED + launcher + TRACEBACK + "errors.ChildFailedError:\n") == "killed"


def test_progress_at_its_total_completes_a_run() -> None:
    assert outcome(EPOCHS.encode(), {}, Progress(12, 12, "epoch")) == "completed"
    assert outcome(EPOCHS.encode(), {}, Progress(11, 12, "epoch")) == "unknown"


def test_the_bar_of_an_epoch_at_its_total_is_not_the_end_of_the_run() -> None:
    bars = "".join(f"Epoch {n}/39\nloss: {1 / (n + 1):.4f} ||: 100%|###| 400/400 [00:50<00:00]\n" for n in range(6))
    assert outcome(bars.encode(), {}, Progress(400, 400, "step")) == "unknown"
    assert outcome(bars.replace("/39", "/5").encode(), {}, Progress(400, 400, "step")) == "completed"


def test_the_length_in_the_last_record_completes_a_run() -> None:
    log = "".join(f'{{"max_epoch":12,"epoch":{n},"loss":{1 / n:.3f}}}\n' for n in range(1, 13))
    reached = by_metric(Sample("loss", 1 / n, n, "epoch") for n in range(1, 13))
    cut = by_metric(Sample("loss", 1 / n, n, "epoch") for n in range(1, 12))
    assert (outcome(log.encode(), reached, None), outcome(log.encode(), cut, None)) == ("completed", "unknown")


@pytest.mark.parametrize(
    "noise",
    [
        "if you run out of memory, use a smaller batch\n",
        "WARNING: large batches may encounter out-of-memory errors\n",
        "    except torch.cuda.OutOfMemoryError:\n",
        "| oom 0 | clip 100%\n",
        "step_avg:nanms\n",
        "[E ProcessGroupNCCL.cpp:719] [Rank 3] Watchdog caught collective operation timeout: Timeout(ms)=1800000\n",
        "4413  train  gpu  OUT_OF_ME+  0:125\n4412  train  gpu  TIMEOUT  0:0\n",
        "Exception ignored in: <function __del__ at 0x7f1c2a3b4d30>\n" + RAISED,
        "--- Logging error ---\n" + RAISED,
        "The allocator ran out of memory trying to allocate 2.23GiB. This is not a failure.\n",
        "Terminated early at step 5\n",
        "INFO NCCL exit code: 0\n",
    ],
)
def test_advice_source_code_and_counters_are_no_end(noise: str) -> None:
    assert told(EPOCHS + noise) == "unknown"


@pytest.mark.parametrize("sign", [CUDA, RAISED, "Killed\n", "Loss is nan, skipping\n", "Training finished\n"])
def test_a_sign_counts_only_where_the_training_does_not_go_on(sign: str) -> None:
    assert told(EPOCHS + sign) != "unknown"
    assert told(EPOCHS + sign + MORE) == "unknown"
    assert told(EPOCHS + sign + MORE + "Training done.\n") == "completed"


def test_a_cause_stands_before_the_noise_that_it_makes() -> None:
    noise = "".join(f"[rank{n}]:   frame #{k}: c10d::Work + 0x{k:x}\n" for n in range(8) for k in range(30))
    last = RAISED.replace("ValueError", "torch.distributed.DistBackendError")
    assert told(EPOCHS + CUDA + noise + last + "srun: error: n1: tasks 0-7: Exited with exit code 1\n") == "oom"


def test_words_that_end_every_epoch_do_not_end_the_run() -> None:
    epochs = "".join(f"epoch {n} loss {1 / (n + 1):.4f}\nevaluation run finished\n" for n in range(9))
    assert told(epochs) == "unknown"
    assert told(EPOCHS + "Finished training epoch 12\n") == "unknown"


def test_tests_after_the_training_leave_it_completed() -> None:
    tests = "".join(f"Test: [{n}/39] Loss 2.1{n} Acc@1 58.3{n}\n" for n in range(9))
    assert told(EPOCHS + "Training finished\n" + tests) == "completed"


def test_a_failure_after_the_closing_words_is_how_it_ended() -> None:
    assert told(EPOCHS + "Training finished\n" + RAISED) == "traceback"


def test_a_traceback_before_the_program_was_started_again_is_of_another_attempt() -> None:
    started = "2026-09-24 16:44:41,620 app INFO START train.py\n2026-09-24 16:44:41,622 app INFO load data\n"
    assert told(f"{started}{RAISED}") == "traceback"
    assert told(f"{started}{RAISED}{started}some\nmore\nlines\n") == "unknown"
    closing = f"{started}{RAISED}{started}some\nmore\n2026-09-24 16:50:00,001 app     INFO     END train.py\n"
    assert outcome(closing.encode(), by_metric([Sample("loss", 0.3, 1, "step")]), None) == "completed"


@pytest.mark.parametrize("first", ["====\n", "loss: 0.5\n"])
def test_a_ruler_or_a_value_that_comes_again_is_no_start(first: str) -> None:
    assert told(f"{first}start\n{RAISED}{first}some\nmore\nlines\n") == "traceback"


@pytest.mark.parametrize(
    "line",
    [
        "2026-10-13 13:20:07,058 - app - ERROR - Training failed with error: sizes of a (8) and b (97) differ",
        "ERROR: Experiment crashed: no space left",
    ],
)
def test_an_exception_that_was_caught_and_logged_is_a_traceback(line: str) -> None:
    assert told(f"{EPOCHS}{line}\n") == "traceback"
    assert told(f"{EPOCHS}{line}\n{MORE}") == "unknown", "the training went on"


def test_a_best_score_told_again_and_again_is_no_end() -> None:
    summary = "Generation {0} - loss 0.{0}\n Best Fitness Score: 24{0}\n"
    assert told("".join(map(summary.format, (1, 2)))) == "unknown"
    assert told(EPOCHS + "Best validation accuracy: 0.7\n") == "completed"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Process completed successfully.", "completed"),
        ("Process finished with exit code 0", "completed"),
        ("Process finished with exit code 1", "failed"),
    ],
)
def test_what_a_process_ends_with_is_how_it_ended(line: str, expected: str) -> None:
    assert told(f"{EPOCHS}{line}\n") == expected


def test_a_traceback_long_before_the_end_is_not_how_it_ended() -> None:
    assert told(RAISED + "".join(f"line {n}\n" for n in range(100))) == "unknown"


HARD = {
    "one long line": b"a" * TAIL,
    "empty lines": b"\n" * TAIL,
    "short lines": b"x\n" * TAIL,
    "blanks": b" " * TAIL,
    "tracebacks": b"Traceback (most recent call last):\n" * 3000,
    "closing words": b"training done\nloss 0.1\n" * 4000,
    "numbers": b"1.0" * TAIL,
    "escapes": b"\x1b[" * TAIL,
    "brackets": b"[" * TAIL,
    "half a sign": b"slurmstepd: error: " * 5000,
    "repeated words": b"final a a a a " * 6000,
    "dotted words": b"a." * TAIL,
    "signs": b"CUDA out of memory\n" * 4000,
    "conditions": b"if " * TAIL + b"CUDA out of memory",
}


@pytest.mark.parametrize("tail", HARD.values(), ids=HARD)
def test_no_tail_takes_long(tail: bytes) -> None:
    assert outcome(tail, {}, None) in OUTCOMES
    assert effort(lambda: outcome(tail, {}, None), 0.5) < 0.5


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=3000))
def test_any_bytes_have_an_outcome(tail: bytes) -> None:
    assert outcome(tail, {}, None) in OUTCOMES


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("", "[eval] ", "INFO: ", "2024-05-01 10:00:00 ", "[test] INFO: ", "valid: ")),
            st.sampled_from(("loss 0.5", "epoch 1/3 loss 0.25 acc 0.5", "step 7", "done", "")),
        ),
        max_size=12,
    )
)
@settings(max_examples=200, deadline=None)
def test_lines_of_one_shape_some_of_them_of_an_evaluation_are_no_trouble(parts: list[tuple[str, str]]) -> None:
    assert told("".join(f"{before}{line}\n" for before, line in parts)) in OUTCOMES
