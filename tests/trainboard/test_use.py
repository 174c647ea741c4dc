"""What jobs used: efficiency, what to ask for next time, and what an experiment took in all."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.base import CommandFailed, JobState
from backends.jobuse import JobUse, NodeGpu
from specs import units
from specs.model import Resources
from tests.trainboard.fakes import FakeBackend, an_attempt
from trainboard.actions import Refused
from trainboard.documents import Records
from trainboard.naming import RUNNER
from trainboard.reading import Reading
from trainboard.recording import series_path
from trainboard.records import Diagnosed, Experiment, Run
from trainboard.rows import Row
from trainboard.series import Sample, by_metric
from trainboard.seriesfile import SeriesFile
from trainboard.stored import Mark
from trainboard.use import amounts
from trainboard.use.advice import Advice, advised, as_yaml
from trainboard.use.measured import Use, by_attempt, by_job, together
from trainboard.use.rewrite import rewritten, write
from trainboard.use.totals import Spell, totals
from trainboard.use.uses import Uses

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from trainboard.records import Attempt
    from trainboard.series import Series

M, G = 1 << 20, 1 << 30
SPEC = "name: x\ncommand: echo {lr}\nparams: {lr: 1}\nresources: {gpus: 2, cpus: 4, memory: 16G, time: 8h}\n"


def samples(values: Mapping[str, Sequence[float]], every: float = 10.0) -> dict[str, Series]:
    """Series of usage, a sample in so many seconds."""
    found = [
        Sample(f"usage/{name}", value, every * (i + 1), "second", 1000.0 + every * (i + 1))
        for name, all_of_it in values.items()
        for i, value in enumerate(all_of_it)
    ]
    return by_metric(found)


def done(state: JobState = JobState.COMPLETED, **known: object) -> Use:
    return replace(Use(state, seconds=100.0), **known)  # type: ignore[arg-type]  # fields by name


def some(least: float, most: float) -> st.SearchStrategy[list[float]]:
    """What several attempts used."""
    return st.lists(st.floats(least, most), min_size=1, max_size=12)


# --- efficiency


def test_efficiency_is_processor_time_by_cores_and_elapsed_time_as_seff_has_it() -> None:
    # As `seff` prints it for job 64626: 35.68% of 00:07:20 core-walltime, 1.71% of 7.84 GB.
    job = JobUse("64626", JobState.COMPLETED, 2, 2, 0, 7.84 * G, None, 10.0, 30.0, 220.0, 157.0, 137.64 * M)
    use = by_job(job)
    assert use.cpu_efficiency == pytest.approx(0.3568, abs=1e-4)
    assert use.memory_efficiency == pytest.approx(0.0171, abs=1e-4)
    assert (use.queued, use.nodes) == (20.0, 2)


def test_an_attempt_is_measured_by_its_samples_and_its_exit_record() -> None:
    attempt = an_attempt(
        state=JobState.COMPLETED, created=0.0, submitted=0.0, started=60.0, ended=160.0,
        peaks={"seconds": 100.0, "cpu": 90.0, "memory": 2.0 * G, "gpu_memory": 3.0 * G, "disk": 5.0 * M},
    )  # fmt: skip
    usage = samples(
        {
            "cpu": [1.0] * 10,
            "memory": [G, 3.0 * G, G],
            "gpu0/util": [80.0, 100.0] * 5,
            "gpu1/util": [0.0] * 10,
            "gpu0/memory_total": [80.0 * G],
            "read": [100.0] * 10,
        }
    )
    use = by_attempt(attempt, Resources(gpus=2, cpus=2, memory=4 * G, time=1000), usage, 999.0)
    assert (use.seconds, use.queued, use.cpus) == (100.0, 60.0, 2)
    assert use.cpu == pytest.approx(100.0)
    assert use.cpu_efficiency == pytest.approx(0.5)
    assert (use.memory, use.memory_efficiency) == (3.0 * G, 0.75)
    assert (use.gpu_use, use.idle_gpus) == (45.0, (1,))
    assert (use.gpu_memory, use.gpu_memory_total) == (3.0 * G, 80.0 * G)
    assert (use.read, use.time_share) == (10000.0, 0.1)


def test_a_cgroup_that_is_full_of_page_cache_is_not_memory_that_the_program_used() -> None:
    usage = samples({"memory": [2.0 * G] * 20, "memory_limit": [16.0 * G] * 20})
    attempt = an_attempt(state=JobState.COMPLETED, peaks={"memory": 15.9 * G})
    assert by_attempt(attempt, None, usage, 0.0).memory == 2.0 * G
    low = an_attempt(state=JobState.COMPLETED, peaks={"memory": 5.0 * G})
    assert by_attempt(low, None, usage, 0.0).memory == 5.0 * G


def test_a_gpu_of_which_there_are_few_samples_is_not_called_idle() -> None:
    assert by_attempt(an_attempt(), None, samples({"gpu0/util": [0.0] * 3}), 0.0).idle_gpus is None


def test_of_several_nodes_the_scheduler_sees_more_than_the_runner_on_the_first() -> None:
    own = Use(JobState.RUNNING, seconds=100.0, cpu=50.0, memory=2.0 * G, source="runner")
    job = by_job(JobUse("7", JobState.RUNNING, 4, 64, 8, 400.0 * G, 3600.0, 0.0, 5.0, 100.0, 200.0, 8.0 * G))
    found = together(own, job)
    assert (found.cpu, found.memory, found.nodes) == (200.0, 8.0 * G, 4)
    assert (found.cpus, found.gpus, found.memory_asked) == (64, 8, 400.0 * G)
    assert together(own, replace(job, nodes=1)).memory == 2.0 * G
    assert together(Use(JobState.RUNNING), job).source == "slurm"


# --- next time


def test_the_90th_percentile_with_room_is_rounded_to_what_people_write() -> None:
    uses = [done(memory=m * G, memory_asked=64.0 * G) for m in (1.0, 2.0, 2.2, 2.3, 2.4, 2.5, 2.5, 2.5, 2.5, 2.6)]
    [memory, _] = advised(uses)
    assert (memory.key, memory.value, memory.runs, memory.used) == ("memory", "3G", 10, 2.6 * G)
    assert memory.words() == "memory 3G (used 2.6G of 64G)"


def test_it_is_never_below_what_one_of_them_used() -> None:
    uses = [done(memory=1.0 * G)] * 19 + [done(memory=30.0 * G)]
    assert advised(uses)[0].amount >= 30 * G


@settings(max_examples=80)
@given(
    st.lists(st.floats(1e3, 1e13), min_size=1, max_size=12), st.lists(st.floats(1.0, 1e6), min_size=1, max_size=12)
)
def test_what_is_advised_is_enough_for_all_and_reads_back_as_its_amount(
    memory: list[float], time: list[float]
) -> None:
    uses = [done(memory=each) for each in memory] + [replace(done(), seconds=each) for each in time]
    found = {each.key: each for each in advised(uses)}
    assert found["memory"].amount >= max(memory)
    assert found["time"].amount >= max(time)
    assert units.size(found["memory"].value) == found["memory"].amount
    assert units.duration(found["time"].value) == found["time"].amount


def test_where_memory_ran_out_it_is_said_to_be_more_and_no_amount_is_told() -> None:
    uses = [done(JobState.OUT_OF_MEMORY, memory=3.9 * G, memory_asked=4.0 * G)]
    [memory] = advised(uses)
    assert (memory.more, memory.value, memory.amount) == (True, "", 4.0 * G)
    assert memory.words() == "memory more than 4.0G (1 of 1 ended for want of it)"
    some = [*uses, done(memory=1.0 * G, memory_asked=4.0 * G)]
    assert next(each for each in advised(some) if each.key == "memory").more


def test_an_end_for_want_of_less_than_others_used_says_nothing_more() -> None:
    uses = [done(JobState.OUT_OF_MEMORY, memory_asked=4.0 * G), done(memory=10.0 * G, memory_asked=32.0 * G)]
    assert next(each for each in advised(uses) if each.key == "memory").value == "12G"


def test_a_time_limit_that_came_first_says_more_than_that() -> None:
    [time] = advised([replace(done(JobState.TIMEOUT), seconds=3600.0, time_limit=3600.0)])
    assert time.words() == "time more than 1h00 (1 of 1 ended for want of it)"


def test_attempts_that_failed_are_no_measure() -> None:
    assert advised([done(JobState.FAILED, memory=1.0 * G), done(JobState.CANCELLED, memory=1.0 * G)]) == ()


def test_gpus_that_did_nothing_in_all_attempts_are_not_asked_for_again() -> None:
    uses = [done(gpus=4, idle_gpus=idle) for idle in ((1, 2, 3), (2, 3), (3,))]
    gpus = advised(uses)[0]
    assert (gpus.key, gpus.value, gpus.changes) == ("gpus", "3", True)


def test_a_gpu_that_did_nothing_is_not_asked_for_at_all() -> None:
    gpus = advised([done(gpus=1, idle_gpus=(0,))])[0]
    assert (gpus.value, gpus.changes, gpus.words()) == ("0", True, "gpus 0 (used 0 of 1)")


def test_the_memory_of_a_gpu_that_did_not_suffice_is_a_lower_bound() -> None:
    uses = [done(JobState.FAILED, gpu_memory=79.0 * G, gpu_memory_asked=80.0 * G, gpu_full=True)]
    assert advised(uses)[0].words() == "gpu_memory more than 80G (1 of 1 ended for want of it)"


def test_who_asks_for_a_little_more_is_left_alone() -> None:
    assert not Advice("memory", "8G", 8.0 * G, 7.0 * G, 3, 10.0 * G).changes
    assert Advice("memory", "8G", 8.0 * G, 7.0 * G, 3, 16.0 * G).changes
    assert Advice("memory", "8G", 8.0 * G, 7.0 * G, 3, 7.5 * G).changes
    assert Advice("cpus", "2", 2.0, 1.2, 3, 3.0).changes
    assert Advice("memory", "8G", 8.0 * G, 7.0 * G, 3, None).changes


@pytest.mark.parametrize(
    ("bytes", "written"),
    [
        (1.0, "100M"),
        (201.0 * M, "300M"),
        (950.0 * M, "1G"),
        (3.1 * G, "4G"),
        (17.0 * G, "18G"),
        (65.0 * G, "72G"),
        (300.0 * G, "304G"),
    ],
)
def test_sizes_are_rounded_up_in_steps_of_people(bytes: float, written: str) -> None:
    assert amounts.memory(bytes)[1] == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (1.0, "5m"),
        (301.0, "10m"),
        (3600.0, "1h"),
        (5000.0, "1h30m"),
        (30000.0, "9h"),
        (90000.0, "1d1h"),
        (200000.0, "2d12h"),
    ],
)
def test_times_are_rounded_up_in_steps_of_people(seconds: float, written: str) -> None:
    assert amounts.time(seconds)[1] == written


def test_next_time_as_yaml_is_a_part_of_a_spec_that_says_what_it_rests_on() -> None:
    advice = (
        Advice("memory", "3G", 3.0 * G, 2.6 * G, 10, 64.0 * G),
        Advice("time", "", 3600.0, 3600.0, 10, 3600.0, 2),
    )
    assert as_yaml(advice, "char-rnn") == (
        "# char-rnn: by 10 finished attempts\n"
        "# time more than 1h00 (2 of 10 ended for want of it)\n"
        "resources:\n"
        "  memory: 3G  # used 2.6G, asked for 64G\n"
    )


# --- into the spec


async def test_only_the_values_change_and_every_comment_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    text = "# mine\nname: x\ncommand: echo\nresources:\n  memory: 64G   # too much?\n  cpus: 2\n"
    path.write_text(text)
    advice = (
        Advice("memory", "3G", 3.0 * G, 2.6 * G, 3, 64.0 * G),
        Advice("cpus", "2", 2.0, 1.9, 3, 2.0),
        Advice("time", "2h", 7200.0, 5000.0, 3, None),
        Advice("gpu_memory", "", 1.0, 1.0, 3, 1.0),
    )
    rewrite = await rewritten(path, advice)
    assert rewrite.lines == ("-  memory: 64G   # too much?", "+  memory: 3G   # too much?", "+  time: 2h")
    assert path.read_text() == text
    await write(rewrite)
    assert path.read_text() == text.replace("64G   # too much?", "3G   # too much?\n  time: 2h")
    with pytest.raises(Refused, match="changed by another program"):
        await write(rewrite)


async def test_a_spec_that_asks_for_it_already_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("name: x\ncommand: echo\nresources: {memory: 3G}\n")
    with pytest.raises(Refused, match="already"):
        await rewritten(path, (Advice("memory", "3G", 3.0 * G, 2.6 * G, 3, 3.0 * G),))
    with pytest.raises(Refused, match="nothing to write"):
        await rewritten(path, (Advice("memory", "", 3.0 * G, 2.6 * G, 3, 3.0 * G, 1),))
    path.write_text("name: [x\n")
    with pytest.raises(Refused, match=r"x\.yaml"):
        await rewritten(path, (Advice("memory", "3G", 3.0 * G, 2.6 * G, 3, 9.0 * G),))


# --- in all


def spell(state: JobState, hours: float, *, gpus: int = 2, run: str = "r", **more: object) -> Spell:
    """An attempt that waited half an hour and ran from then on."""
    ended = 1800.0 + hours * 3600 if state.ended else None
    attempt = an_attempt(f"{run}{state}{hours}", state, run=run, created=0.0, started=1800.0, ended=ended)
    known = {key: more.pop(key) for key in ("peaks", "checkpoints") if key in more}
    return Spell(replace(attempt, **known), gpus, 4.0, **more)  # type: ignore[arg-type]  # fields by name


def test_gpu_hours_are_counted_over_retries_and_told_apart_by_what_they_were_for() -> None:
    found = totals(
        [
            spell(JobState.FAILED, 1.0),
            spell(JobState.COMPLETED, 4.0, best=1800.0 + 3 * 3600, peaks={"cpu": 7200.0}),
            spell(JobState.RUNNING, 0.0, run="s"),
        ],
        now=1800.0 + 2 * 3600,
    )
    assert (found.runs, found.attempts, found.running) == (2, 3, 1)
    assert found.gpu_hours == pytest.approx(2 * (1 + 4 + 2))
    assert found.gpu_hours_after_best == pytest.approx(2.0)
    assert found.gpu_hours_unfinished == pytest.approx(2.0)
    assert found.queued_hours == pytest.approx(1.5)
    assert [found.cpu_hours, found.cpu_hours_held] == pytest.approx([2.0, 28.0])


def test_an_attempt_that_another_went_on_from_lost_only_what_came_after_its_checkpoint() -> None:
    first = spell(JobState.TIMEOUT, 2.0, followed=True, checkpoints=(1800.0 + 5400,))
    assert totals([first], 0.0).gpu_hours_unfinished == pytest.approx(1.0)
    assert totals([replace(first, followed=False)], 0.0).gpu_hours_unfinished == pytest.approx(4.0)


def test_a_run_whose_best_is_not_known_is_counted_as_such() -> None:
    found = totals([spell(JobState.COMPLETED, 1.0)], 0.0)
    assert (found.unknown_best, found.gpu_hours_after_best) == (1, 0.0)


def test_what_waits_counts_as_queued_until_now() -> None:
    waiting = an_attempt(created=0.0, submitted=None, state=JobState.PENDING)
    assert totals([Spell(waiting, 1, None)], 7200.0).queued_hours == 2.0


# --- gathered


class Cluster(FakeBackend):
    """A backend whose scheduler keeps account."""

    def __init__(self) -> None:
        super().__init__("fake", "slurm")
        self.uses: dict[str, JobUse] = {}
        self.asked: list[tuple[str, ...]] = []

    async def job_use(self, job_ids: Sequence[str]) -> Mapping[str, JobUse]:
        self._fail()
        self.asked.append(tuple(job_ids))
        return {job_id: self.uses[job_id] for job_id in job_ids if job_id in self.uses}

    async def node_gpus(self, job_id: str) -> tuple[NodeGpu, ...]:
        self._fail()
        return (NodeGpu("node1", 0, 5.0, 1.0, 2.0),)


def records(*attempts: Attempt) -> Records:
    experiment = Experiment("x-1", "x", "/x.yaml", SPEC, 1.0, "loss")
    run = Run("x-1.0", "x-1", 0, "lr=1", {"lr": 1})
    return Records({"x-1": experiment}, {run.id: run}, {each.id: each for each in attempts})


def row(attempt: Attempt) -> Row:
    return Row(
        "x-1.0", attempt.backend, attempt.job_id, "x-1/lr=1", attempt.state, "x-1.0", "x-1", attempt.id,
        started=attempt.started, ended=attempt.ended, directory=attempt.directory, attempt=attempt.number,
    )  # fmt: skip


FOREIGN = Row("fake:9", "fake", "9", "theirs", JobState.RUNNING, started=5.0)


async def test_a_job_that_is_not_ours_is_told_by_its_scheduler_once_for_each_look(tmp_path: Path) -> None:
    backend, now = Cluster(), [100.0]
    backend.uses["9"] = JobUse("9", JobState.RUNNING, 1, 4, 1, 8.0 * G, 600.0, 1.0, 5.0, 95.0, 190.0, 2.0 * G)
    uses = Uses(Records, {"fake": backend}.get, tmp_path, lambda: now[0])
    found = await uses.of(FOREIGN)
    assert (found.use.source, found.use.cpu_efficiency, found.use.memory_efficiency) == ("slurm", 0.5, 0.25)
    await uses.of(FOREIGN)
    assert backend.asked == [("9",)]
    now[0] += 30
    await uses.of(FOREIGN)
    assert len(backend.asked) == 2


async def test_an_account_that_cannot_be_had_is_told_and_is_no_empty_one(tmp_path: Path) -> None:
    backend = Cluster()
    backend.error = CommandFailed("fake: sacct: Slurm accounting storage is disabled")
    found = await Uses(Records, {"fake": backend}.get, tmp_path, lambda: 100.0).of(FOREIGN)
    assert found.trouble == "sacct: Slurm accounting storage is disabled"
    assert (found.use.source, found.use.memory, found.use.seconds) == ("", None, 95.0)


async def test_samples_that_nobody_has_read_yet_are_read_from_the_host(tmp_path: Path) -> None:
    backend = FakeBackend()
    backend.write(b'{"time": 1010.0, "seconds": 10.0, "cpu": 1.0, "memory": 209715200}\n', "/there/usage.jsonl")
    attempt = an_attempt(state=JobState.RUNNING, started=1000.0)
    SeriesFile(series_path(tmp_path, "x-1.0", 1)).append(
        "stdout", [Sample("loss", 1.0, 1, "step", 1001.0)], Mark(3, {})
    )
    uses = Uses(lambda: records(attempt), {"fake": backend}.get, tmp_path, lambda: 1020.0)
    found = await uses.of(row(attempt))
    assert (found.use.memory, found.use.cpu) == (200.0 * M, 10.0)
    assert list(found.usage) == ["usage/cpu", "usage/memory"]
    backend.break_link()
    old = await uses.of(row(attempt))
    assert "as last seen" in old.trouble


async def test_what_a_board_has_read_of_the_samples_is_not_read_again(tmp_path: Path) -> None:
    backend, attempt = FakeBackend(), an_attempt(state=JobState.RUNNING, started=1000.0)
    backend.write(b'{"time": 1010.0, "seconds": 10.0, "cpu": 1.0}\n', "/there/usage.jsonl")
    reading = Reading(RUNNER, row(attempt))
    read = reading.feed(backend.files["/there/usage.jsonl"], 1010.0)
    SeriesFile(series_path(tmp_path, "x-1.0", 1)).append(RUNNER, read, reading.mark)
    backend.write(b'{"time": 1020.0, "seconds": 20.0, "cpu": 0.5}\n', "/there/usage.jsonl")
    found = await Uses(lambda: records(attempt), {"fake": backend}.get, tmp_path, lambda: 1020.0).of(row(attempt))
    assert found.usage["usage/cpu"].values.tolist() == [1.0, 0.5]
    assert found.use.cpu == 15.0


async def test_advice_rests_on_all_finished_attempts_of_the_spec(tmp_path: Path) -> None:
    attempts = [
        an_attempt(
            f"t{n}", JobState.COMPLETED, number=n, started=0.0, ended=100.0, peaks={"memory": n * G, "seconds": 60.0}
        )
        for n in (1, 2, 3)
    ]
    uses = Uses(lambda: records(*attempts), {"fake": FakeBackend()}.get, tmp_path, lambda: 900.0)
    advice = {each.key: each for each in (await uses.of(row(attempts[2]))).advice}
    assert (advice["memory"].value, advice["memory"].runs, advice["memory"].asked) == ("4G", 3, 16 * G)
    assert advice["time"].value == "5m"


async def test_a_cuda_oom_that_was_found_makes_the_memory_of_the_gpu_a_bound(tmp_path: Path) -> None:
    failed = an_attempt(state=JobState.FAILED, started=0.0, ended=100.0, peaks={"gpu_memory": 39.0 * G})
    found = Diagnosed("x-1.0#1:cuda_oom", "x-1.0", 1, "cuda_oom", "error", "…", "…", "…", 1.0, 1.0)
    known = replace(records(failed), findings={found.id: found})
    uses = Uses(lambda: known, {"fake": FakeBackend()}.get, tmp_path, lambda: 900.0)
    [advice] = (await uses.of(row(failed))).advice
    assert advice.words() == "gpu_memory more than 39G (1 of 1 ended for want of it)"


async def test_what_came_after_the_best_value_is_known_from_the_stored_objective(tmp_path: Path) -> None:
    attempt = an_attempt(state=JobState.COMPLETED, created=0.0, started=0.0, ended=3600.0)
    losses = [Sample("loss", value, i, "step", 900.0 * (i + 1)) for i, value in enumerate((3.0, 1.0, 2.0, 2.5))]
    SeriesFile(series_path(tmp_path, "x-1.0", 1)).append("stdout", losses, Mark(3, {}), complete=True)
    uses = Uses(lambda: records(attempt), lambda name: None, tmp_path, lambda: 9000.0)
    found = await uses.totals("x-1")
    assert (found.gpu_hours, found.gpu_hours_after_best) == (2.0, 1.0)
    with pytest.raises(Refused):
        await uses.totals("y-1")


async def test_nodes_are_asked_only_of_a_running_job_of_a_cluster(tmp_path: Path) -> None:
    backend = Cluster()
    uses = Uses(Records, {"fake": backend, "plain": FakeBackend()}.get, tmp_path)
    assert uses.asks_nodes(FOREIGN)
    assert (await uses.node_gpus(FOREIGN))[0].node == "node1"
    for other, why in (
        (replace(FOREIGN, state=JobState.PENDING), "it is PENDING"),
        (replace(FOREIGN, backend="plain"), "only a job of a Slurm cluster"),
    ):
        assert not uses.asks_nodes(other)
        with pytest.raises(Refused, match=why):
            await uses.node_gpus(other)
    backend.error = CommandFailed("fake: srun: expired")
    with pytest.raises(Refused, match="expired"):
        await uses.node_gpus(FOREIGN)


async def test_gathering_many_rows_at_once_mixes_nothing_up(tmp_path: Path) -> None:
    backend = Cluster()
    rows = [replace(FOREIGN, key=f"fake:{n}", job_id=str(n)) for n in range(8)]
    backend.uses = {str(n): JobUse(str(n), JobState.COMPLETED, memory=float(n)) for n in range(8)}
    uses = Uses(Records, {"fake": backend}.get, tmp_path)
    found = await asyncio.gather(*(uses.of(each) for each in rows))
    assert [each.use.memory for each in found] == [float(n) for n in range(8)]
