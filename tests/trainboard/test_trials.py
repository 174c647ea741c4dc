"""Sweeps that are asked for: trials come as there is room, are told, pause and go on at rungs, and survive a kill."""

from __future__ import annotations

import asyncio
import json
import math
import statistics
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from backends.base import JobState, Room
from specs.expand import expand
from specs.model import SpecError
from tests.trainboard.fakes import FakeBackend, a_spec, desk_of
from tests.trainboard.trialdesk import TrialDesk, a_sweep, trial_desk
from trainboard.actions import Refused
from trainboard.cli.runs import ls
from trainboard.cli.sweeps import listed
from trainboard.cli.words import parser
from trainboard.events import Noticed, TableSeen
from trainboard.ledger import newest_attempts
from trainboard.notify.channels import Kind, Settings
from trainboard.notify.news import Gathering, finished_sweeps
from trainboard.notify.text import title_of
from trainboard.options import Only, Options
from trainboard.paths import paths
from trainboard.records import Experiment, Notice
from trainboard.trials.standing import PAUSED, Fate
from trainboard.trials.suggest import available
from trainboard.trials.waiting import waits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from specs.model import Scalar
    from trainboard.trials.standing import Sweep

RUNGS = "asha: {min: 1, max: 9}"
RESUMES = "outputs: {checkpoint: 'ckpt/{run}/*.pt'}\nretry: {on: [TIMEOUT], resume: '--resume {checkpoint}'}"


def bowl(params: Mapping[str, Scalar]) -> float:
    """Best at lr 0.01 and depth 3."""
    lr, depth = params["lr"], params["depth"]
    assert isinstance(lr, float)
    assert isinstance(depth, int)
    return (math.log10(lr) + 2) ** 2 + ((depth - 3) / 3) ** 2


async def test_trials_are_asked_for_until_there_are_as_many_as_wanted_and_each_has_its_own_setting(
    tmp_path: Path,
) -> None:
    trials = trial_desk(tmp_path)
    name = await trials.begin(a_sweep(samples=14))
    assert len((await trials.sweep()).trials) == 10  # by lot: nothing is known yet
    sweep = await trials.lead(bowl)
    assert [each.number for each in sweep.trials] == list(range(14))
    assert {each.fate for each in sweep.trials} == {Fate.DONE}
    runs = [each.runs[0] for each in sweep.trials]
    assert len({run.name for run in runs}) == len({str(run.params) for run in runs}) == 14
    assert all(run.value == pytest.approx(bowl(run.params)) for run in runs)
    assert sweep.best is not None
    assert sweep.best.value == min(run.value for run in runs if run.value is not None)
    assert sweep.line.startswith("14 of 14 trials, best loss ")
    assert runs[13].id == f"{name}.13"


async def test_what_is_asked_for_is_sent_with_its_own_parameters(tmp_path: Path) -> None:
    trials = trial_desk(tmp_path)
    await trials.begin(a_sweep(samples=11))
    sweep = await trials.lead(bowl)
    last = sweep.trials[10].runs[0]
    [plan] = [each for each in trials.desk.backend.plans if each.run == last.folder]
    assert plan.command == f"./train --lr={last.params['lr']} --depth={last.params['depth']}"
    assert len(last.identity) == 64


async def test_with_room_for_three_three_are_asked_for_and_with_none_none(tmp_path: Path) -> None:
    trials = trial_desk(tmp_path)
    await trials.begin(a_sweep(samples=30))
    for run in await trials.start():
        await trials.prints(run, [1.0])
        await trials.ends(run)
    trials.desk.backend.has_room = Room(0, reason="all GPUs are taken")
    trials.desk.later(60)
    await trials.look()
    assert len((await trials.sweep()).trials) == 10
    trials.desk.backend.has_room = Room(3)
    trials.desk.later(60)
    await trials.asker.look()
    await trials.desk.dispatcher.step()
    await trials.asker.look()
    assert len((await trials.sweep()).trials) == 13


async def test_room_on_several_backends_is_used_on_all_of_them(tmp_path: Path) -> None:
    one, other = FakeBackend("one"), FakeBackend("other")
    trials = trial_desk(tmp_path, one, other)
    other.has_room = Room(5)
    await trials.begin(a_sweep(samples=40, more="at_most: 16"))
    for _ in range(4):
        await trials.lead(bowl, most=3)
    records = await trials.desk.store.load()
    assert {each.backend for each in records.attempts.values() if each.started} == {"one", "other"}


async def test_a_scheduler_has_one_that_waits_and_more_as_more_run(tmp_path: Path) -> None:
    slurm = FakeBackend("slurm", "slurm")
    trials = trial_desk(tmp_path, slurm)
    await trials.begin(a_sweep(samples=30))
    slurm.has_room = Room(None)
    for run in await trials.start():
        await trials.prints(run, [1.0])
    trials.desk.later(60)
    await trials.look()
    assert len((await trials.sweep()).trials) == 15  # ten run: half as many may wait
    await trials.look()
    assert len((await trials.sweep()).trials) == 15


async def test_at_most_so_many_are_on_the_way(tmp_path: Path) -> None:
    trials = trial_desk(tmp_path)
    await trials.begin(a_sweep(samples=30, more="at_most: 2"))
    trials.desk.backend.has_room = Room(50)
    for run in await trials.start():
        await trials.prints(run, [1.0])
        await trials.ends(run)
    trials.desk.later(60)
    await trials.look()
    assert len((await trials.sweep()).alive) == 2


async def test_what_failed_or_is_no_number_is_told_as_failed(tmp_path: Path) -> None:
    trials = trial_desk(tmp_path)
    await trials.begin(a_sweep(samples=30))
    first, second, third, *_ = await trials.start()
    await trials.prints(first, [1.0])
    await trials.ends(first, JobState.FAILED)
    await trials.prints(second, [1.0, math.nan])
    await trials.ends(second)
    await trials.prints(third, [2.0, 1.0, 3.0])
    await trials.ends(third)
    await trials.look()
    found = {each.runs[0].id: each for each in (await trials.sweep()).trials}
    assert [found[run].fate for run in (first, second, third)] == [Fate.FAILED, Fate.FAILED, Fate.DONE]
    assert found[third].value == 1.0


async def test_a_run_that_is_tried_again_is_told_once_it_came_to_its_end(tmp_path: Path) -> None:
    trials = trial_desk(tmp_path)
    await trials.begin(a_sweep(samples=12, end="retry: {on: [TIMEOUT], max: 1}"))
    run, *_ = await trials.start()
    await trials.ends(run, JobState.TIMEOUT)
    await trials.asker.look()
    assert (await trials.sweep()).trials[0].fate is Fate.ALIVE
    await trials.desk.dispatcher.step()
    trials.desk.later(3600)
    await trials.desk.dispatcher.step()
    await trials.start()
    await trials.prints(run, [0.5])
    await trials.ends(run)
    await trials.asker.look()
    assert (await trials.sweep()).trials[0].value == 0.5


async def test_ten_failures_in_a_row_end_the_asking_and_a_release_goes_on(tmp_path: Path) -> None:
    trials = trial_desk(tmp_path)
    name = await trials.begin(a_sweep(samples=30))
    for run in await trials.start():
        await trials.ends(run, JobState.FAILED)
    trials.desk.later(60)
    await trials.look()
    sweep = await trials.sweep()
    assert (len(sweep.trials), sweep.experiment.halted) == (10, "the last 10 trials failed")
    assert "asks for no more: the last 10 trials failed" in sweep.line
    [said] = [each.text for each in trials.told if isinstance(each, Noticed)]
    assert said == f"{name} asks for no more trials: the last 10 trials failed; `trainboard release {name}` goes on"
    await trials.desk.control.release(await trials.desk.rows())
    trials.desk.later(60)
    await trials.look()
    assert len((await trials.sweep()).trials) == 11


async def test_an_objective_that_nobody_prints_is_told_with_the_nearest_that_is(tmp_path: Path) -> None:
    trials = trial_desk(tmp_path)
    await trials.begin(a_sweep(samples=30))
    for run in await trials.start():
        await trials.prints(run, [1.0], metric="losss")
        await trials.ends(run)
    await trials.look()
    halted = (await trials.sweep()).experiment.halted
    assert halted == '10 trials in a row told no "loss" (did you mean "losss"?)'


async def test_cancelling_or_holding_all_that_is_on_the_way_ends_the_asking_and_one_of_them_does_not(
    tmp_path: Path,
) -> None:
    trials = trial_desk(tmp_path)
    name = await trials.begin(a_sweep(samples=30))
    trials.desk.later(60)
    rows = await trials.desk.rows()
    await trials.desk.control.cancel(rows[:1])
    assert not (await trials.sweep()).experiment.halted
    await trials.desk.control.hold(rows[1:])
    assert (await trials.sweep()).experiment.halted == "held"
    await trials.desk.control.release(rows[1:])
    assert not (await trials.sweep()).experiment.halted
    await trials.desk.control.cancel(rows[1:])
    assert (await trials.sweep()).experiment.halted == "cancelled"
    trials.desk.later(60)
    for run in [row.key for row in rows]:
        await trials.ends(run, JobState.CANCELLED)
    await trials.look()
    assert len((await trials.sweep()).trials) == 10
    assert name


async def test_a_space_of_few_settings_ends_the_asking_when_all_were_tried(tmp_path: Path) -> None:
    trials = trial_desk(tmp_path)
    spec = a_sweep(samples=30, more="kind: [a, b, c]")
    few = replace(spec, text=spec.text.replace("max: 1.0", "max: 0.0002").replace("log_uniform", "uniform"))
    text = few.text.replace("lr: {min: 0.0001, max: 0.0002, distribution: uniform}", "lr: [0.1, 0.2]")
    text = text.replace("depth: {min: 1, max: 8, distribution: int}", "depth: [1, 2]")
    from specs.load import loads

    await trials.begin(loads(text, few.source))
    sweep = await trials.lead(lambda params: float(str(params["lr"])))
    assert len(sweep.trials) == 12
    assert sweep.experiment.halted == "every setting has been tried"


async def test_the_same_records_lead_to_the_same_suggestions_in_another_process(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    steady, killed = trial_desk(tmp_path / "a"), trial_desk(tmp_path / "b")
    for trials in (steady, killed):
        await trials.begin(a_sweep(samples=16))
    one = await steady.lead(bowl)
    for _ in range(40):
        killed.asker = killed.another()
        other = await killed.lead(bowl, most=1)
    assert [each.params for each in one.trials] == [each.params for each in other.trials]


async def test_two_that_ask_at_the_same_time_ask_once(tmp_path: Path) -> None:
    trials = trial_desk(tmp_path)
    await trials.begin(a_sweep(samples=30))
    for run in await trials.start():
        await trials.prints(run, [1.0])
        await trials.ends(run)
    trials.desk.later(60)
    await trials.asker.look()
    await trials.desk.dispatcher.step()
    await asyncio.gather(trials.asker.look(), trials.another().look())
    sweep = await trials.sweep()
    assert len(sweep.trials) == 11
    assert all(len(each.runs) == 1 for each in sweep.trials)


async def test_seeds_are_runs_of_one_trial_and_it_is_told_as_their_mean(tmp_path: Path) -> None:
    trials = trial_desk(tmp_path)
    await trials.begin(a_sweep(samples=11, more="seeds: 2"))
    trials.desk.backend.has_room = Room(2)
    sweep = await trials.lead(lambda params: float(str(params["seed"])))
    assert len(sweep.trials) == 11
    assert {len(each.runs) for each in sweep.trials} == {2}
    assert {each.value for each in sweep.trials} == {1.5}
    assert [run.params["seed"] for run in sweep.trials[10].runs] == [1, 2]


async def test_only_is_refused_with_what_to_do(tmp_path: Path) -> None:
    trials = trial_desk(tmp_path)
    with pytest.raises(Refused, match="method tpe asks for its runs as it goes"):
        await trials.desk.submit(a_sweep(), Options(only=Only.MISSING, check=False))


async def test_a_sweep_that_exists_is_not_begun_again_unasked(tmp_path: Path) -> None:
    trials = trial_desk(tmp_path)
    await trials.begin(a_sweep())
    assert await trials.desk.submit(a_sweep(), Options(check=False)) == []
    assert len(await trials.desk.submit(a_sweep(), Options(again=True, check=False))) == 10


# --- learning


@pytest.mark.timeout(120)
def test_learning_beats_chance_with_as_many_trials() -> None:
    from trainboard.records import Run
    from trainboard.trials.standing import Trial
    from trainboard.trials.suggest import Suggester

    def best(method: str, seed: int) -> float:
        spec = a_sweep(method, 40, f"random_seed: {seed}")
        suggester, trials = Suggester(spec, "minimize"), list[Trial]()
        settings = [dict(each.params) for each in expand(spec)]
        while len(trials) < 40:
            params = settings[len(trials)] if len(trials) < len(settings) else suggester.next(trials, 1)[0][0]
            run = Run(f"x.{len(trials)}", "x", len(trials), "r", params, trial=len(trials))
            trials.append(Trial(len(trials), (run,), Fate.DONE, bowl(params)))
        return min(each.value for each in trials if each.value is not None)

    learned = [best("tpe", seed) for seed in range(7)]
    by_lot = [best("random", seed) for seed in range(7)]
    assert statistics.median(learned) < statistics.median(by_lot) / 3


# --- rungs


async def climb(trials: TrialDesk, came: Mapping[str, float], epochs: int) -> None:
    """Every run of these tells its value until so many epochs."""
    for run, value in came.items():
        await trials.prints(run, [value + 1 / epoch for epoch in range(1, epochs + 1)])
    await trials.asker.look()


async def test_at_a_rung_one_of_three_goes_on_and_the_others_pause_with_the_reason_on_record(tmp_path: Path) -> None:
    trials = trial_desk(tmp_path)
    await trials.begin(a_sweep("asha", 9, RUNGS, RESUMES))
    runs = await trials.start()
    assert len(runs) == 9
    await climb(trials, {run: float(at) for at, run in enumerate(reversed(runs[:3]))}, 1)
    records = await trials.desk.store.load()
    first, second, third = (records.runs[run] for run in runs[:3])
    assert first.stopped == f"{PAUSED}pauses at 1 epoch: its 3 is number 1 of the 1 there"
    assert second.stopped
    assert not third.stopped
    assert (list(third.rungs), third.passed) == ([1.0], 1)
    assert [each.token for each in trials.desk.backend.cancelled] == [
        newest_attempts(records)[run].id for run in runs[:2]
    ]


async def test_a_paused_run_goes_on_from_its_checkpoint_where_it_lies_once_it_is_among_the_best(
    tmp_path: Path,
) -> None:
    trials = trial_desk(tmp_path)
    await trials.begin(a_sweep("asha", 9, RUNGS, RESUMES))
    runs = await trials.start()
    good, *others = runs[:3]
    await climb(trials, {good: 0.0}, 1)  # the first one there: nobody can tell how good it is
    await trials.ends(good, JobState.CANCELLED)
    await climb(trials, dict.fromkeys(others, 5.0), 1)
    trials.desk.later(60)
    await trials.look()
    attempt = await trials.desk.newest(good)
    assert (attempt.number, attempt.cause, attempt.backend) == (2, "promoted to rung 2", "fake")
    plan = trials.desk.backend.plans[-1]
    assert plan.token == attempt.id
    assert plan.checkpoints is not None
    assert plan.checkpoints.resume == "--resume {checkpoint}"
    assert (await trials.desk.store.load()).runs[good].stopped == ""
    await trials.start()
    await trials.prints(good, [0.4, 0.3], first=2)
    await trials.asker.look()
    records = await trials.desk.store.load()
    assert records.runs[good].stopped == f"{PAUSED}pauses at 3 epochs: its 0.3 is number 1 of the 1 there"


async def test_at_the_end_the_best_goes_on_until_one_is_done(tmp_path: Path) -> None:
    trials = trial_desk(tmp_path)
    await trials.begin(a_sweep("asha", 4, RUNGS, RESUMES))
    sweep = await paced(trials)
    assert len([each for each in sweep.trials if each.fate is Fate.DONE]) == 1
    assert {each.fate for each in sweep.trials} == {Fate.DONE, Fate.CUT}
    done = next(each for each in sweep.trials if each.fate is Fate.DONE)
    assert done == sweep.best


async def test_killed_at_any_moment_the_rungs_go_on_where_they_were(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    steady, killed = trial_desk(tmp_path / "a"), trial_desk(tmp_path / "b")
    for trials in (steady, killed):
        await trials.begin(a_sweep("asha", 12, RUNGS, RESUMES))
    one, other = await paced(steady), await paced(killed, kill=True)
    assert [(each.fate, each.value) for each in one.trials] == [(each.fate, each.value) for each in other.trials]


async def paced(trials: TrialDesk, *, kill: bool = False) -> Sweep:
    """Runs go from rung to rung, one after the other, until nothing goes on."""
    for _ in range(60):
        trials.desk.later(60)
        if kill:
            trials.asker = trials.another()
        await trials.look()
        await trials.start()
        records = await trials.desk.store.load()
        running = [
            (run, each)
            for run, each in newest_attempts(records).items()
            if each.state is JobState.RUNNING and records.runs[run].cancelled is None
        ]
        if not running and not (await trials.sweep()).left:
            break
        for run, attempt in running:
            at = 3 ** records.runs[run].passed
            before = 0 if attempt.number == 1 else at // 3
            far = bowl(records.runs[run].params)
            await trials.prints(run, [far + 1 / each for each in range(before + 1, at + 1)], first=before + 1)
            if at == 9:
                await trials.ends(run)
            if kill:
                trials.asker = trials.another()
                trials.asker.see({row.key: row for row in await trials.desk.rows()})
            await trials.asker.look()
            if (await trials.desk.store.load()).runs[run].cancelled is not None:
                await trials.ends(run, JobState.CANCELLED)
    return await trials.sweep()


async def test_without_a_checkpoint_the_best_at_a_rung_always_goes_on_and_the_others_are_over(tmp_path: Path) -> None:
    trials = trial_desk(tmp_path)
    await trials.begin(a_sweep("asha", 9, RUNGS))
    runs = await trials.start()
    await climb(trials, {runs[0]: 5.0}, 1)
    await climb(trials, {runs[1]: 1.0}, 1)
    await climb(trials, {runs[2]: 3.0}, 1)
    stopped = [bool((await trials.desk.store.load()).runs[run].stopped) for run in runs[:3]]
    assert stopped == [False, False, True]
    for run in runs[2:]:
        await trials.ends(run, JobState.CANCELLED)
    await trials.look()
    assert all(each.number == 1 for each in await trials.desk.attempts())


async def test_a_run_that_nobody_watched_counts_at_its_rungs_all_the_same(tmp_path: Path) -> None:
    trials = trial_desk(tmp_path)
    await trials.begin(a_sweep("asha", 9, RUNGS, RESUMES))
    run, *_ = await trials.start()
    await trials.prints(run, [2.0, 1.5, 1.0] + [0.9] * 6)
    await trials.ends(run)
    await trials.asker.look()
    found = (await trials.desk.store.load()).runs[run]
    assert (list(found.rungs), found.passed, found.stopped) == ([2.0, 1.0], 2, "")


async def test_an_objective_without_the_index_of_the_rungs_is_told_once(tmp_path: Path) -> None:
    trials = trial_desk(tmp_path)
    name = await trials.begin(a_sweep("asha", 9, RUNGS, RESUMES))
    for run in (await trials.start())[:2]:
        await trials.prints(run, [2.0, 1.0], index="batch")
        await trials.ends(run)
    await trials.asker.look()
    [said] = [each.text for each in trials.told if isinstance(each, Noticed)]
    assert said.startswith(f"{name}: a run ended and reached no rung: loss is not printed with epochs up to 1; print")


def test_a_method_that_is_not_installed_is_one_line_at_its_place_and_rungs_alone_need_nothing() -> None:
    with pytest.raises(SpecError) as caught:
        available(a_sweep(), lambda _: None)
    assert (caught.value.line, caught.value.column) == (4, 11)
    assert "method tpe needs optuna, which is not installed: pip install 'trainboard[optuna]'" in str(caught.value)
    available(a_sweep("asha", 9, RUNGS), lambda _: None)


async def test_the_budget_is_on_record_and_an_ordinary_sweep_has_none(tmp_path: Path) -> None:
    trials = trial_desk(tmp_path)
    name = await trials.begin(a_sweep(samples=30))
    found = (await trials.desk.store.load()).of(Experiment)[name]
    assert (found.trials, found.halted) == (30, "")


# --- what is told


async def test_a_sweep_is_finished_once_nothing_more_will_come_and_that_is_told_once(tmp_path: Path) -> None:
    trials = trial_desk(tmp_path)
    name = await trials.begin(a_sweep(samples=12, more="at_most: 1"))
    assert [*finished_sweeps(await trials.desk.store.load())] == []
    sweep = await trials.lead(bowl)
    await trials.look()
    records = await trials.desk.store.load()
    assert records.experiments[name].finished == trials.desk.now
    [news] = finished_sweeps(records)
    assert (news.id, news.kind, news.experiment) == (f"sweep:{name}", Kind.FINISHED, name)
    assert title_of(news) == f"{name}: {sweep.line}"
    told = Notice(news.id, str(news.kind), news.subject, 0.0, "info", "", "")
    await trials.desk.store.change(lambda _: [told])
    assert [*finished_sweeps(await trials.desk.store.load())] == []


async def test_what_comes_after_a_sweep_waits_for_its_last_trial_and_not_for_those_that_failed(
    tmp_path: Path,
) -> None:
    trials = trial_desk(tmp_path)
    name = await trials.begin(a_sweep(samples=12))
    await trials.desk.submit(a_spec("after: x\n", name="y"))
    first, *others = await trials.start()
    await trials.ends(first, JobState.FAILED)
    for run in others:
        await trials.prints(run, [1.0])
        await trials.ends(run)
    [row] = await trials.desk.rows("y-1.0")
    assert row.reason == f"waits for {name}: 3 of 12 runs left"
    await trials.lead(lambda _: 1.0)
    await trials.look()
    trials.desk.later(60)
    await trials.desk.dispatcher.step()
    assert [plan for plan in trials.desk.backend.plans if plan.experiment == "y-1"]


async def test_a_pause_at_a_rung_is_no_failure_to_tell(tmp_path: Path) -> None:
    trials = trial_desk(tmp_path)
    await trials.begin(a_sweep("asha", 9, RUNGS, RESUMES))
    run, *_ = await trials.start()
    gathering = Gathering(Settings())
    gathering.take(TableSeen(tuple(await trials.desk.rows()), 0.0), 0.0)
    await climb(trials, {run: 1.0}, 1)
    await trials.ends(run, JobState.CANCELLED)
    gathering.take(TableSeen(tuple(await trials.desk.rows()), 1.0), 1.0)
    assert gathering.ready(await trials.desk.store.load(), 2.0, at_once=True) == []


async def test_the_listing_says_how_a_sweep_stands_and_its_trials(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"TRAINBOARD_HOME": str(tmp_path / "home")}
    series = tmp_path / "series"
    series.mkdir()
    trials = TrialDesk(desk_of(paths(environ).state, FakeBackend()), series)
    name = await trials.begin(a_sweep(samples=30))
    run, *_ = await trials.start()
    await trials.prints(run, [0.5])
    await trials.ends(run)
    await trials.asker.look()

    async def says(*words: str) -> str:
        assert await asyncio.to_thread(listed, parser().parse_args(["sweeps", *words]), environ) == 0
        return capsys.readouterr().out

    stands = f"1 of 30 trials, 9 on the way, best loss 0.5 ({run})"
    assert f"{stands}; waits for the board or `trainboard watch`: neither is running" in await says()
    assert "done   0.5    0" in await says(name)
    [said] = json.loads(await says("--json"))
    assert (said["asked"], said["left"], said["best"]["runs"], said["halted"]) == (10, 20, [run], None)
    assert said["waits"] == "for the board or `trainboard watch`: neither is running"
    assert [each["state"] for each in json.loads(await says(name, "--json"))] == ["done"] + ["alive"] * 9
    with pytest.raises(Refused, match=r'no sweep "x-2".* asks for its trials'):
        await says("x-2")


async def test_below_the_runs_it_is_said_how_far_a_sweep_is_until_nothing_more_will_come(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"TRAINBOARD_HOME": str(tmp_path / "home")}
    series = tmp_path / "series"
    series.mkdir()
    trials = TrialDesk(desk_of(paths(environ).state, FakeBackend()), series)
    name = await trials.begin(a_sweep(samples=12))

    async def says() -> str:
        assert await asyncio.to_thread(ls, parser().parse_args(["ls", "--offline"]), environ) == 0
        return capsys.readouterr().out.splitlines()[-1]

    nobody = "waits for the board or `trainboard watch`: neither is running"
    assert await says() == f"{name}: 0 of 12 trials, 10 on the way; {nobody}"
    await trials.lead(bowl)
    assert nobody not in await says()


async def test_a_sweep_says_what_it_waits_for(tmp_path: Path) -> None:
    trials = trial_desk(tmp_path)
    await trials.begin(a_sweep(samples=30))

    async def waiting(*, polled: bool = True) -> str:
        return waits(await trials.sweep(), await trials.desk.rows(), polled=polled)

    runs = await trials.start()
    assert await waiting() == "for room on a host to ask for the next"
    await trials.desk.becomes(runs[0], JobState.PENDING, sent=None, directory="", reason="fake: all GPUs are taken")
    assert await waiting() == "for 1 that are not sent yet: fake: all GPUs are taken"
    assert await waiting(polled=False) == "for the board or `trainboard watch`: neither is running"
    await trials.desk.becomes(runs[0], JobState.RUNNING, sent=trials.desk.now, directory="/far")
    name = (await trials.sweep()).experiment.id
    await trials.desk.store.update(Experiment, name, lambda each: replace(each, halted="enough"))
    assert await waiting() == await waiting(polled=False) == ""


async def test_runs_that_pause_are_counted_where_the_sweep_is_told_and_it_waits_for_the_others(
    tmp_path: Path,
) -> None:
    trials = trial_desk(tmp_path)
    await trials.begin(a_sweep("asha", 9, RUNGS, RESUMES))
    runs = await trials.start()
    await climb(trials, {run: float(at) for at, run in enumerate(reversed(runs[:3]))}, 1)
    for run in runs[:2]:
        await trials.ends(run, JobState.CANCELLED)
    await trials.asker.look()
    sweep = await trials.sweep()
    assert sweep.line.startswith("2 of 9 trials, 7 on the way, 2 paused at a rung, best loss ")
    said = waits(sweep, await trials.desk.rows(), polled=True)
    assert said == "for those on the way: who is the best then goes on"
