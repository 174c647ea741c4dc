"""The table that goes on from the last one is the table that is made from nothing."""

from __future__ import annotations

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from backends.base import Job, JobState
from tests.trainboard.fakes import a_job, an_attempt, records_of
from tests.trainboard.test_rows import stored
from trainboard.documents import Records
from trainboard.merging import Merging
from trainboard.records import Attempt, Experiment, Run
from trainboard.rows import merge

RUNS = st.integers(0, 4)
TOKENS = st.integers(0, 7)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("attempt"), TOKENS, RUNS, st.integers(1, 3), st.sampled_from(["", "7", "8"])),
        st.tuples(st.just("state"), TOKENS, st.sampled_from(JobState), st.none(), st.none()),
        st.tuples(st.just("submitted"), TOKENS, st.integers(1, 20), st.none(), st.none()),
        st.tuples(st.just("run"), RUNS, st.integers(0, 3), st.none(), st.none()),
        st.tuples(st.just("after"), RUNS, RUNS, st.none(), st.none()),
        st.tuples(st.just("gone"), TOKENS, st.none(), st.none(), st.none()),
        st.tuples(st.just("job"), TOKENS, st.sampled_from(["7", "8", "9"]), st.booleans(), st.none()),
    ),
    max_size=30,
)


class World:
    """Records and jobs that change step by step."""

    def __init__(self) -> None:
        self.experiments: dict[str, Experiment] = {}
        self.runs: dict[str, Run] = {}
        self.attempts: dict[str, Attempt] = {}
        self.jobs: list[Job] = []

    def step(self, kind: str, one: int, two: object, three: object, four: object) -> None:
        """One change; what does not apply changes nothing."""
        token, run = f"t{one}", f"x-{one}.0"
        match kind:
            case "attempt":
                run = f"x-{two}.0"
                made = an_attempt(token, run=run, number=three, job_id=four)
                self.runs.setdefault(run, replace(a_run(run), experiment=run[:-2]))
                self.experiments.setdefault(run[:-2], replace(an_experiment(), id=run[:-2]))
                self.attempts = {**self.attempts, token: made}
            case "state" if token in self.attempts:
                self.attempts = {**self.attempts, token: replace(self.attempts[token], state=two)}  # type: ignore[arg-type]  # as drawn
            case "submitted" if token in self.attempts:
                self.attempts = {**self.attempts, token: replace(self.attempts[token], submitted=two)}  # type: ignore[arg-type]  # as drawn
            case "run" if run in self.runs:
                self.runs = {**self.runs, run: replace(self.runs[run], priority=two)}  # type: ignore[arg-type]  # as drawn
            case "after" if f"x-{one}" in self.experiments:
                late = replace(self.experiments[f"x-{one}"], after=(f"x-{two}",))
                self.experiments = {**self.experiments, late.id: late}
            case "gone":
                self.attempts = {key: each for key, each in self.attempts.items() if key != token}
            case "job":
                others = [job for job in self.jobs if job.job_id != two]
                self.jobs = [*others, a_job(token if three else "", job_id=two)]

    def records(self) -> Records:
        """As the store hands them out: a table that did not change is the same object."""
        return Records(self.experiments, self.runs, self.attempts)


def an_experiment() -> Experiment:
    [experiment, _, _] = records_of(an_attempt())
    assert isinstance(experiment, Experiment)
    return experiment


def a_run(id: str) -> Run:
    [_, run, _] = records_of(an_attempt(run=id))
    assert isinstance(run, Run)
    return run


@given(STEPS)
def test_going_on_from_the_last_table_makes_what_is_made_from_nothing(
    steps: list[tuple[str, int, object, object, object]],
) -> None:
    world, merging = World(), Merging()
    for step in steps:
        world.step(*step)
        assert merging.merge(world.records(), {"fake": world.jobs}) == merge(world.records(), {"fake": world.jobs})


def test_a_host_that_falls_silent_makes_those_rows_anew_of_which_something_is_wanted() -> None:
    attempts = [an_attempt(f"t{n}", run=f"x-1.{n}") for n in range(5)]
    records, merging = stored(*records_of(*attempts)), Merging()
    records = replace(records, runs={**records.runs, "x-1.3": replace(records.runs["x-1.3"], cancelled=9.0)})
    tables = [merging.merge(records, {}, away) for away in ((), ("fake",), ("fake",), ())]
    changes = [
        [new.run for old, new in zip(one, other, strict=True) if old is not new]
        for one, other in itertools.pairwise(tables)
    ]
    assert changes == [["x-1.3"], [], ["x-1.3"]]
    late = replace(records, attempts={**records.attempts, "t4": replace(attempts[4], reason="new")})
    merging.merge(records, {}, ("fake",))
    assert {row.run: row.reason for row in merging.merge(late, {}, ("fake",))}["x-1.3"] == "cancel waits for fake"


def test_one_change_makes_one_row() -> None:
    attempts = [an_attempt(f"t{n}", run=f"x-1.{n}") for n in range(5)]
    merging = Merging()
    before = stored(*records_of(*attempts))
    first = merging.merge(before, {})
    ended = replace(attempts[2], state=JobState.COMPLETED)
    second = merging.merge(replace(before, attempts={**before.attempts, ended.id: ended}), {})
    assert [new.run for old, new in zip(first, second, strict=True) if old is not new] == ["x-1.2"]
    assert merging.merge(before, {}) == first
