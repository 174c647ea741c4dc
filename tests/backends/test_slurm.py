"""A real Slurm, and one whose commands misbehave."""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from backends.base import BackendError, CommandFailed, HostTimeout, Job, JobState, Rejected, Unclear, Watched
from backends.host import Host
from backends.local import open_local_link
from backends.slurm import Slurm
from specs.model import Resources, SlurmOptions
from tests.backends.conftest import Desk, over_ssh

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from backends.base import Completed
    from tests.cluster import Cluster

real = pytest.mark.slurm


class CountedHost(Host):
    """A host session that remembers the commands it was asked to run."""

    commands: list[str]

    async def run(
        self,
        argv: Sequence[str],
        timeout: float = 20,
        cap: int = 1 << 20,
        env: Mapping[str, str] | None = None,
        cwd: str = "~",
    ) -> Completed:
        """Run it, and remember its name."""
        self.commands.append(argv[0])
        return await super().run(argv, timeout, cap, env, cwd)


@pytest.fixture
async def desk(cluster: Cluster, tmp_path: Path) -> AsyncGenerator[Desk]:
    """The real cluster, through its gateway."""
    host = over_ssh(cluster, "gateway")
    counted = CountedHost("gateway", host._open_link, host._disconnect)
    counted.commands = []
    backend = Slurm("triton", counted, str(tmp_path / "runs"), shared=True)
    desk = Desk(backend, tmp_path)
    yield desk
    left = await backend.run_command(["squeue", "-h", "-o", "%A %Z"])
    ours = [line.split()[0] for line in left.out.decode().splitlines() if str(tmp_path) in line]
    await backend.cancel([Watched("", job_id, "", 0.0) for job_id in set(ours)])
    await backend.close()


def commands(desk: Desk) -> list[str]:
    """The commands that were run since the last look."""
    assert isinstance(desk.backend, Slurm)
    assert isinstance(desk.backend.host, CountedHost)
    found = desk.backend.host.commands[:]
    desk.backend.host.commands.clear()
    return found


async def sbatch(desk: Desk, *options: str, script: str = "exec sleep 600") -> str:
    """Submit a job that is not ours; its id."""
    argv = ["sbatch", "--parsable", "--chdir", str(desk.workdir), "--mem=10M", *options, "--wrap", script]
    done = await desk.backend.run_command(argv)
    assert done.code == 0, done.err
    return done.out.decode().strip()


async def scancel(desk: Desk, *ids: str) -> None:
    """Cancel jobs as somebody in another terminal."""
    assert (await desk.backend.run_command(["scancel", *ids])).code == 0


async def found(desk: Desk, job_id: str, when: Callable[[Job], bool] = lambda job: True) -> Job:
    """A job that is not ours, as soon as it is as wanted."""
    async with asyncio.timeout(40):
        while True:
            for job in await desk.backend.jobs([]):
                if job.job_id == job_id and when(job):
                    return job
            await asyncio.sleep(0.1)


# jobs of others' making


NAMES = [
    "a|b|c",
    'it\'s "quoted"',
    "two\nlines",
    "emoji \N{PARTY POPPER} und Umlaut ü",
    "~=~%j %i $(id) `id`",
    "tab\tand  spaces ",
    "\x1b[31mred",
    " ",
]


@real
async def test_job_names_come_back_exactly(desk: Desk) -> None:
    ids = [await sbatch(desk, "--hold", f"--job-name={name}", f"--comment={name}") for name in NAMES]
    jobs = {job.job_id: job for job in await desk.backend.jobs([])}
    await scancel(desk, *ids)
    assert [jobs[job_id].name for job_id in ids] == NAMES
    assert {jobs[job_id].state for job_id in ids} == {JobState.HELD}
    assert {jobs[job_id].token for job_id in ids} == {""}


@real
async def test_hundreds_of_jobs_cost_one_squeue_and_nothing_else(desk: Desk) -> None:
    many = "for n in $(seq 200); do sbatch -Q --hold --chdir=. --job-name=j$n --wrap true; done"
    assert (await desk.backend.run_command(["sh", "-c", f"cd {desk.workdir} && {many}"], timeout=60)).code == 0
    array = await sbatch(desk, "--hold", "--array=0-299")
    held = await desk.start(desk.plan("true", slurm=SlurmOptions(sbatch=("--hold",))))
    await desk.backend.jobs([held])
    commands(desk)
    jobs = await desk.backend.jobs([held])
    assert commands(desk) == ["squeue"]
    assert {job.job_id.partition("_")[0] for job in jobs} >= {array, held.job_id}
    assert {job.name for job in jobs} >= {f"j{n}" for n in range(1, 201)}


@real
async def test_sacct_is_asked_only_for_what_left_without_a_record(desk: Desk) -> None:
    done = await desk.start(desk.plan("true"))
    await desk.ended(done)
    commands(desk)
    await desk.backend.jobs([done])
    assert commands(desk) == ["squeue"]
    # As if squeue had forgotten it and its files were gone: only the accounting still knows.
    async with asyncio.timeout(40):
        while True:
            stranger = Watched("f" * 16, done.job_id, f"{done.directory}-gone", done.submitted)
            accounted = await desk.backend._accounted([stranger])  # type: ignore[attr-defined]  # squeue remembers it
            if accounted and accounted[0].state.ended:
                break
    assert (accounted[0].state, accounted[0].exit_code, accounted[0].token) == (JobState.COMPLETED, 0, "f" * 16)
    assert accounted[0].ended is not None


@real
async def test_a_job_that_is_not_ours_can_be_cancelled(desk: Desk) -> None:
    job_id = await sbatch(desk)
    job = await found(desk, job_id, lambda job: job.state is JobState.RUNNING)
    await desk.backend.cancel([Watched("", job.job_id, "", 0.0)])
    assert (await found(desk, job_id, lambda job: job.state.ended)).state is JobState.CANCELLED
    await desk.backend.cancel([Watched("", job.job_id, "", 0.0)])  # once more does no harm


@real
@pytest.mark.parametrize(
    ("output", "path"),
    [
        ("plain.log", "plain.log"),
        ("with space.log", "with space.log"),
        ("%x-%j.log", "odd name-{id}.log"),
        ("it's 100%%.log", "it's 100%.log"),
        ("StdOut=x.log", "StdOut=x.log"),
    ],
)
async def test_the_log_of_a_job_that_is_not_ours_is_found_and_read(desk: Desk, output: str, path: str) -> None:
    name, trap = "--job-name=odd name", "--comment=two\n   StdOut=/etc/passwd"
    job_id = await sbatch(desk, name, trap, f"--output={output}", script="echo hello from $SLURM_JOB_ID; sleep 600")
    job = await found(desk, job_id, lambda job: job.state is JobState.RUNNING)
    told = await desk.backend.log_path(job)
    assert told == f"{desk.workdir}/{path.format(id=job_id)}"
    async with asyncio.timeout(30):
        async for piece in desk.backend.follow(told, 0):
            if getattr(piece, "data", b""):
                break
    await scancel(desk, job_id)
    assert piece.data == f"hello from {job_id}\n".encode()  # type: ignore[union-attr]  # it has data


@real
async def test_the_log_of_an_array_task_is_found(desk: Desk) -> None:
    array = await sbatch(desk, "--array=1-2", "--output=%A-%a.log")
    job = await found(desk, f"{array}_2", lambda job: job.state is JobState.RUNNING)
    assert await desk.backend.log_path(job) == f"{desk.workdir}/{array}-2.log"
    await scancel(desk, array)


@real
async def test_a_job_that_slurm_has_forgotten_has_no_log(desk: Desk) -> None:
    assert await desk.backend.log_path(Job("triton", "99999999", "x", JobState.COMPLETED)) is None


# attempts of ours


@real
async def test_a_job_cancelled_in_another_terminal_is_cancelled(desk: Desk) -> None:
    attempt = await desk.start(desk.plan("echo up; sleep 600"))
    await desk.logged(attempt, "up\n")
    await scancel(desk, attempt.job_id)
    job = await desk.ended(attempt)
    assert (job.state, job.reason) == (JobState.CANCELLED, "ended by SIGTERM")


@real
async def test_a_pending_job_that_is_cancelled_never_starts(desk: Desk, tmp_path: Path) -> None:
    attempt = await desk.start(desk.plan("touch ran", slurm=SlurmOptions(sbatch=("--hold",))))
    assert (await desk.until(attempt, lambda job: True)).state is JobState.HELD
    await desk.backend.cancel([attempt])
    assert (await desk.ended(attempt)).state is JobState.CANCELLED
    # Even where Slurm would run it all the same:
    done = await desk.backend.run_command(["sh", f"{attempt.directory}/launch.sh"])
    again = await desk.backend.run_command(["python3", f"{attempt.directory}/runner.py", attempt.directory])
    assert (again.code, again.out) == (0, b"trainboard: another runner has this attempt\n"), done
    assert not (tmp_path / "ran").exists()


@real
async def test_a_job_that_ended_before_its_cancel_stays_as_it_ended(desk: Desk) -> None:
    done, alive = await desk.start(desk.plan("true")), await desk.start(desk.plan("echo up; sleep 600"))
    await desk.ended(done)
    await desk.logged(alive, "up\n")
    await desk.backend.cancel([done, replace(alive, job_id=alive.job_id)])
    assert (await desk.ended(done)).state is JobState.COMPLETED
    assert (await desk.ended(alive)).state is JobState.CANCELLED


@real
async def test_the_exit_record_wins_over_squeue(desk: Desk) -> None:
    attempt = await desk.start(desk.plan("exit 7"))
    await desk.ended(attempt)
    for _ in range(3):  # the runner leaves with 0, which Slurm calls COMPLETED
        job = await desk.until(attempt, lambda job: True)
        assert (job.state, job.exit_code, job.reason) == (JobState.FAILED, 7, "exit code 7")


@real
async def test_a_lost_node_is_node_fail(desk: Desk) -> None:
    attempt = await desk.start(desk.plan("echo up; sleep 600"))
    await desk.logged(attempt, "up\n")
    job = await desk.until(attempt, lambda job: job.state is JobState.RUNNING)
    node = job.nodes
    state = Path(attempt.directory, "state")
    pid = int(parse_json(state / "started")["pid"])
    try:
        # The runner dies without a word, as with its machine, and Slurm is told that the node is gone.
        assert (await desk.backend.run_command(["kill", "-STOP", str(pid)])).code == 0
        down = ["scontrol", "update", f"nodename={node}", "state=down", "reason=test"]
        assert (await desk.backend.run_command(down)).code == 0
        async with asyncio.timeout(40):
            while (ended := await desk.until(attempt, lambda job: True)).state is not JobState.NODE_FAIL:
                assert not ended.state.ended, ended
                await asyncio.sleep(0.1)
    finally:
        await desk.backend.run_command(["scontrol", "update", f"nodename={node}", "state=resume"])  # if it is not yet
        await desk.backend.run_command(["kill", "-KILL", str(pid)])
        await desk.backend.host.request("cancel", path=attempt.directory, token=attempt.token)  # type: ignore[attr-defined]
    assert ended.ended is not None


def parse_json(path: Path) -> dict[str, Any]:
    """A state file."""
    return dict(json.loads(path.read_text()))


@real
async def test_a_rejected_submission_tells_slurms_words(desk: Desk) -> None:
    with pytest.raises(Rejected, match=r"triton: sbatch: error: .*[Ii]nvalid partition"):
        await desk.start(desk.plan("true", slurm=SlurmOptions("no-such-partition")))
    with pytest.raises(Rejected, match="triton: sbatch: error: "):
        await desk.start(desk.plan("true", resources=Resources(gpus=400)))


@real
async def test_an_attempt_without_a_known_job_is_found_by_its_token_and_cancelled(desk: Desk) -> None:
    attempt = replace(await desk.start(desk.plan("echo up; sleep 600")), job_id="")
    await desk.logged(attempt, "up\n")
    job = await desk.until(attempt, lambda job: job.state is JobState.RUNNING)
    assert job.job_id.isdigit()
    await desk.backend.cancel([attempt])
    assert (await desk.ended(attempt)).state is JobState.CANCELLED
    assert (await found(desk, job.job_id, lambda job: job.state.ended)).state is not JobState.RUNNING


# a scheduler that misbehaves: commands of the test's own in its place


@pytest.fixture
async def odd(tmp_path: Path) -> AsyncGenerator[OddSlurm]:
    """A Slurm whose commands are scripts of the test."""
    made = OddSlurm(tmp_path)
    yield made
    await made.backend.close()


class OddSlurm:
    """Slurm's commands by scripts, on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        host = ScriptedHost("gateway", open_local_link)
        host.path = str(self.bin)
        self.backend = Slurm("triton", host, str(folder / "runs"), shared=True)
        self.desk = Desk(self.backend, folder)

    def says(self, command: str, script: str) -> None:
        """What a command does."""
        (self.bin / command).write_text(f"#!/bin/sh\n{script}\n")
        (self.bin / command).chmod(0o755)

    def queue(self, *entries: dict[str, str], more: str = "") -> None:
        """Let squeue answer with these jobs (fields by their letter), and do `more`."""
        defaults = {"i": "1", "T": "RUNNING", "u": "ada", "r": "None", "k": "(null)", "j": "name", "l": "1:00:00"}
        lines = [
            "".join(f"-e 's\x01%{key}\x01{value}\x01' " for key, value in ({"z": ""} | defaults | entry).items())
            for entry in entries
        ]
        edits = "".join(f"printf '%s\\n' \"$format\" | sed {line} -e 's/%[A-Za-z]//g'\n" for line in lines)
        self.says("squeue", f"for format; do :; done\n{edits}{more}")


class ScriptedHost(Host):
    """A session that finds the test's scripts first."""

    path = ""

    async def run(
        self,
        argv: Sequence[str],
        timeout: float = 20,
        cap: int = 1 << 20,
        env: Mapping[str, str] | None = None,
        cwd: str = "~",
    ) -> Completed:
        """Run one of the scripts where there is one."""
        scripted = Path(self.path, argv[0])
        words = [str(scripted), *argv[1:]] if os.access(scripted, os.X_OK) else list(argv)
        return await super().run(words, min(timeout, 2.0), cap, env, cwd)


async def test_the_scripted_squeue_is_understood(odd: OddSlurm) -> None:
    odd.queue({"i": "5", "j": "one"}, {"i": "6_[1-3]", "T": "PENDING"})
    jobs = await odd.backend.jobs([])
    assert [(job.job_id, job.name, job.state) for job in jobs] == [
        ("5", "one", JobState.RUNNING),
        ("6_[1-3]", "name", JobState.PENDING),
    ]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1",
            "triton: squeue: slurm_load",
        ),
        ("exit 1", "triton: squeue: exit code 1"),
        ("echo 'squeue: command disabled, see https://example.org'", "triton: squeue's answer is cut off"),
        ('for f; do :; done; echo "$f"; echo "$f" | head -c 60', "triton: squeue's answer is cut off"),
        ('for f; do :; done; echo "Note $f"', "triton: squeue's answer has .* for a job id"),
        ("kill -9 $$", "triton: squeue: exit code -9"),
    ],
)
async def test_a_squeue_that_fails_or_says_half_is_an_error_and_ends_nothing(
    odd: OddSlurm, script: str, words: str
) -> None:
    odd.says("squeue", script.replace('echo "$f";', "echo \"$f\" | sed 's/%i/7/;s/%[A-Za-z]//g';"))
    with pytest.raises(CommandFailed, match=words):
        await odd.backend.jobs([Watched("a" * 16, "7", str(odd.folder), time.time())])


async def test_a_squeue_that_hangs_is_an_error(odd: OddSlurm) -> None:
    odd.says("squeue", "exec sleep 600")
    with pytest.raises(HostTimeout, match="no answer within 2 s"):
        await odd.backend.jobs([])


async def test_a_warning_ahead_of_the_queue_is_passed_over(odd: OddSlurm) -> None:
    odd.queue({"i": "5"}, more="echo 'squeue: warning: clock skew' >&2")
    script = (odd.bin / "squeue").read_text()
    (odd.bin / "squeue").write_text(script.replace("#!/bin/sh\n", "#!/bin/sh\necho Maintenance on Monday\n"))
    assert [job.job_id for job in await odd.backend.jobs([])] == ["5"]


async def test_where_there_is_no_accounting_absence_is_all_there_is(odd: OddSlurm) -> None:
    odd.queue()
    attempt = Watched("a" * 16, "7", str(odd.folder / "nowhere"), time.time())
    for script in ("echo 'Slurm accounting storage is disabled' >&2; exit 1", "exit 0"):
        odd.says("sacct", script)
        assert await odd.backend.jobs([attempt]) == ()


async def test_accounting_that_does_not_answer_leaves_a_job_alive(odd: OddSlurm) -> None:
    odd.queue()
    attempt = Watched("a" * 16, "7", str(odd.folder / "nowhere"), time.time())
    for script in ("echo 'sacct: error: slurmdbd: Connection refused' >&2; exit 1", "exec sleep 600"):
        odd.says("sacct", script)
        [job] = await odd.backend.jobs([attempt])
        assert job.state is JobState.UNKNOWN
        assert not job.state.ended
        assert job.reason.startswith("left the queue; ")


async def test_sacct_tells_what_squeue_and_the_record_do_not(odd: OddSlurm) -> None:
    odd.queue({"i": "5"})
    odd.says("sacct", 'echo "$*" >> asked; echo "warning: x"; echo "7|NODE_FAIL|0:0|1700000000|1700000100"')
    gone = Watched("a" * 16, "7", str(odd.folder / "nowhere"), 1.0)
    (odd.folder / "here/state").mkdir(parents=True)
    (odd.folder / "here/state/exit").write_text('{"state": "COMPLETED", "code": 0, "time": 9}')
    recorded = Watched("b" * 16, "8", str(odd.folder / "here"), 1.0)
    jobs = {job.token: job for job in await odd.backend.jobs([gone, recorded])}
    assert (jobs["a" * 16].state, jobs["a" * 16].ended) == (JobState.NODE_FAIL, 1700000100.0)
    assert jobs["b" * 16].state is JobState.COMPLETED


@pytest.mark.parametrize(
    ("reason", "word", "state"),
    [
        ("ended by SIGTERM", "CANCELLED", JobState.CANCELLED),
        ("ended by SIGTERM", "PREEMPTED", JobState.PREEMPTED),
        ("ended by SIGTERM", "COMPLETING", JobState.COMPLETING),
        ("ended by SIGTERM", "NODE_FAIL", JobState.NODE_FAIL),
        ("killed by SIGKILL", "OUT_OF_MEMORY", JobState.OUT_OF_MEMORY),
        ("killed by SIGKILL", "COMPLETED", JobState.CANCELLED),
        ("cancelled", "NODE_FAIL", JobState.CANCELLED),
    ],
)
async def test_slurm_adds_why_it_ended_a_job_and_no_more(
    odd: OddSlurm, reason: str, word: str, state: JobState
) -> None:
    odd.queue({"i": "7", "T": word, "k": "a" * 16})
    (odd.folder / "one/state").mkdir(parents=True)
    record = {"state": "CANCELLED", "code": None, "reason": reason, "time": 9}
    (odd.folder / "one/state/exit").write_text(json.dumps(record))
    jobs = await odd.backend.jobs([Watched("a" * 16, "7", str(odd.folder / "one"), 1.0)])
    assert [job.state for job in jobs] == [state]


async def test_a_damaged_record_is_no_evidence_and_hides_no_other(odd: OddSlurm) -> None:
    odd.queue({"i": "7", "k": "a" * 16})
    (odd.folder / "bad/state").mkdir(parents=True)
    (odd.folder / "bad/state/exit").write_text('{"state": "COMPL')
    jobs = await odd.backend.jobs([Watched("a" * 16, "7", str(odd.folder / "bad"), 1.0)])
    assert [(job.job_id, job.state) for job in jobs] == [("7", JobState.RUNNING)]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("own", "other"),
    [("RUNNING", "COMPLETED"), ("PENDING", "COMPLETED"), ("RUNNING", "PENDING"), ("NODE_FAIL", "COMPLETED")],
)
async def test_of_two_jobs_of_one_attempt_the_one_that_has_it_counts(
    odd: OddSlurm, own: str, other: str, order: int
) -> None:
    token = "a" * 16
    odd.queue(*[{"i": "7", "k": token, "T": own}, {"i": "8", "k": token, "T": other}][::order])
    jobs = await odd.backend.jobs([Watched(token, "7", str(odd.folder / "nowhere"), 1.0)])
    assert [(job.job_id, job.state) for job in jobs] == [("7", JobState(own))]


@pytest.mark.parametrize(
    "script",
    [
        "exec sleep 600",
        "exit 0",
        "echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2; exit 1",
        "echo 'sbatch: error: Batch job submission failed: Unable to contact slurm controller' >&2; exit 1",
        "exit 1",
    ],
)
async def test_an_sbatch_without_a_clear_answer_is_unclear_and_found_by_its_token(odd: OddSlurm, script: str) -> None:
    odd.says("sbatch", script)
    plan = odd.desk.plan("true")
    with pytest.raises(Unclear):
        await odd.backend.submit(plan)
    odd.queue({"i": "12", "T": "PENDING", "k": plan.token})
    attempt = Watched(plan.token, "", odd.backend.directory(plan.folder), time.time())
    jobs = await odd.backend.jobs([attempt])
    assert [(job.job_id, job.token, job.state) for job in jobs] == [("12", plan.token, JobState.PENDING)]
    odd.says("scancel", f'echo "$@" > {odd.folder}/cancelled')
    await odd.backend.cancel([attempt])
    assert (odd.folder / "cancelled").read_text() == "12\n"


async def test_sbatch_warnings_around_the_job_id_are_passed_over(odd: OddSlurm) -> None:
    odd.says("sbatch", "echo 'You have 3 GPU hours left'; echo '4711;triton'; echo 'sbatch: warning: x' >&2")
    assert await odd.backend.submit(odd.desk.plan("true")) == "4711"


@pytest.mark.parametrize(
    ("words", "code", "fails"),
    [
        ("scancel: error: Kill job error on job id 7: Invalid job id specified", 1, False),
        ("scancel: error: Kill job error on job id 7: Job/step already completing or completed", 1, False),
        ("scancel: error: Kill job error on job id 7: Access/permission denied", 1, True),
        ("scancel: error: 7: Invalid job id specified\nscancel: error: 8: Access/permission denied", 1, True),
    ],
)
async def test_a_cancel_fails_only_where_something_lives_on(
    odd: OddSlurm, words: str, code: int, fails: bool
) -> None:
    odd.says("scancel", f"echo '{words}' >&2; exit {code}")
    cancel = odd.backend.cancel([Watched("", "7", "", 0.0), Watched("", "8", "", 0.0)])
    if fails:
        with pytest.raises(BackendError, match=r"triton: scancel: .*permission denied"):
            await cancel
    else:
        await cancel


async def test_a_scontrol_that_fails_for_a_moment_is_not_a_job_without_a_log(odd: OddSlurm) -> None:
    job = Job("triton", "7", "x", JobState.RUNNING)
    odd.says("scontrol", "echo 'slurm_load_jobs error: Socket timed out' >&2; exit 1")
    with pytest.raises(CommandFailed, match="Socket timed out"):
        await odd.backend.log_path(job)
    odd.says("scontrol", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    assert await odd.backend.log_path(job) is None
