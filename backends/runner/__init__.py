"""The runner: stays with one attempt on its host, from the claim to the exit record.

Standard library only, Python 3.6 or newer, so that it runs wherever the attempt does; its modules are sent to hosts
as one text (`backends.programs.runner_source`). It is called `runner.py DIRECTORY` and reads DIRECTORY/plan.json:
`token`, `shell` (the words before the name of DIRECTORY/run.sh, which is what runs), `time` (limit in seconds or
null; null where a scheduler holds the limit), `grace` (seconds between the polite signal and SIGKILL), `log` (where
standard output goes, or null where a scheduler has set it up), `log_limit`, `checkpoints`, `workdir` and `restart`
(see the modules that read them).

Every state file is written whole: state/claim/ (made by whoever comes first), state/started, state/beat,
state/exit, state/ends.jsonl. A state/cancel that somebody else wrote says that a signal means CANCELLED. Room for the
exit record is taken at the start: a disk that is full at the end loses no result.

Of a runner that is killed its guard tells the end. Where no guard is left, whoever looks knows that both are gone:
state/started names them, and until it is written state/waiting names the waiter, which became the runner.
"""

MODULES = (
    "files",
    "log",
    "signals",
    "forks",
    "tree",
    "state",
    "slurm",
    "claim",
    "kernel",
    "memory",
    "formats",
    "saved",
    "checkpoints",
    "readings",
    "quotas",
    "usage",
    "attempt",
    "guard",
    "outcome",
    "program",
    "life",
    "main",
)
"""In the order in which each needs only those before it; before all of them `processes` and `gpus` of the queue."""
