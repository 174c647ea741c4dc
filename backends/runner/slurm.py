"""What Slurm says to a job, and what the job may ask of it."""

import os
import subprocess

REQUEUE_PATIENCE = 30
"""Seconds that scontrol has for an answer."""


def job_id() -> str:
    """Slurm's name of this job, that of an array's task as squeue prints it; empty outside of Slurm."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return "%s_%s" % (array, task) if array and task else os.environ.get("SLURM_JOB_ID", "")


def restart_count() -> int:
    """How often Slurm has started this job anew."""
    word = os.environ.get("SLURM_RESTART_COUNT", "")
    return int(word) if word.isdigit() else 0


def requeue(job: str) -> str:
    """Have a job put into the queue again; empty, or why Slurm did not."""
    argv = ["scontrol", "requeue", job]
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=REQUEUE_PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    words = done.stdout.decode("utf-8", "replace").strip()[:500]
    return (words or "exit code %d" % done.returncode) if done.returncode else ""
