"""The diagnosis of a training: what it remembers, what luck it bears, and what it prints of itself."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainboard.trainings import diagnosed, ever_found, found, right, sound, training
from trainboard.diagnose import describe, ranking
from trainboard.diagnose.catalogue import CATALOGUE, TRAINING_RULES
from trainboard.diagnose.finding import Finding, Severity
from trainboard.diagnose.roles import Use, main_loss, use
from trainboard.diagnose.signal import CAPACITY, Signal
from trainboard.diagnose.trace import Trace
from trainboard.diagnose.why import DEATHS
from trainboard.extract import Extractor
from trainboard.series import Sample, by_metric

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
LOGS = ROOT / "tests/data/logs"


def signal(values: Sequence[float]) -> Signal:
    made = Signal("loss")
    for step, value in enumerate(values):
        made.push(step, value)
    return made


# What is remembered


def test_a_history_is_exact_as_long_as_it_is_short() -> None:
    history = signal([3.0, 1.0, 2.0]).history
    assert history.means.tolist() == [3.0, 1.0, 2.0]
    assert history.rough.tolist() == [0.0, 2.0, 1.0]


def test_a_long_history_keeps_mean_least_and_greatest_in_bounded_room() -> None:
    chance = np.random.default_rng(0)
    values = chance.normal(size=20_000)
    history = signal(values.tolist()).history
    assert len(history.means) <= CAPACITY + 1
    assert (history.lows.min(), history.highs.max()) == (values.min(), values.max())
    whole = len(history.means) - 1
    assert history.means[:whole] == pytest.approx(values[: whole * history.width].reshape(whole, -1).mean(axis=1))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=3000), st.integers(1, 700))
@settings(max_examples=25, deadline=None)
def test_it_does_not_matter_in_what_pieces_samples_come(values: list[float], piece: int) -> None:
    one, other = signal(values), Signal("loss")
    for start in range(0, len(values), piece):
        part = np.array(values[start : start + piece])
        other.extend(np.arange(start, start + len(part), dtype=float), part, "")
        assert len(other.history.means) <= CAPACITY + 1
    assert one.history.means == pytest.approx(other.history.means)
    assert one.history.rough == pytest.approx(other.history.rough)
    assert (one.count, one.first, one.last) == (other.count, other.first, other.last)


def test_a_resume_replaces_what_lies_behind_its_step() -> None:
    resumed = signal([float(value) for value in range(100)])
    resumed.push(40, -1.0)
    assert resumed.count == 41
    assert resumed.history.steps.tolist() == [float(step) for step in range(41)]
    assert resumed.last == -1.0


def test_a_run_that_begins_anew_forgets_that_it_was_not_finite() -> None:
    again = signal([1.0, 2.0, math.nan, math.nan])
    assert (again.bad, again.bad_last, again.bad_step) == (2, 2, 2)
    again.push(0, 1.0)
    assert (again.count, again.bad, again.bad_step, again.first) == (1, 0, None, 1.0)


def test_a_layer_is_remembered_by_a_few_numbers() -> None:
    trace = Trace()
    for step, value in enumerate([4.0, 1.0, math.nan, 9.0, 2.0, 3.0, 3.0]):
        trace.push(step, value)
    assert (trace.first, trace.low, trace.high, trace.last, trace.typical) == (4.0, 1.0, 9.0, 3.0, 3.0)
    assert (trace.bad, trace.bad_last, trace.bad_step) == (1, 0, 2)
    trace.push(0, 5.0)
    assert (trace.first, trace.count, trace.bad) == (5.0, 1, 0)


# What metrics are for


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("train_loss", Use.PART),
        ("loss", Use.PART),
        ("val_loss", Use.VAL_LOSS),
        ("Acc@1", Use.ACCURACY),
        ("val/top1_acc", Use.VAL_ACCURACY),
        ("lr", Use.RATE),
        ("grad_norm", Use.GRADIENT),
        ("samples_per_second", Use.THROUGHPUT),
        ("step_time_ms", Use.STEP_TIME),
        ("rollout/ep_rew_mean", Use.REWARD),
        ("train/elbo", None),
        ("fc1.weight.grad_norm", None),
        ("total_memory", None),
    ],
)
def test_a_metric_is_known_by_its_name(name: str, wanted: Use | None) -> None:
    assert use(name) is wanted


def test_of_several_losses_the_one_that_is_minimised_is_looked_at() -> None:
    assert main_loss({"box_loss": 9, "total_loss": 9, "cls_loss": 9}) == "total_loss"
    assert main_loss({"box_loss": 9, "cls_loss": 9}) is None
    assert main_loss({"reconstruction_loss": 9}) == "reconstruction_loss"


# Bad luck


def test_the_order_of_metrics_in_a_step_does_not_matter() -> None:
    samples = training(lambda at: math.log(10), lambda at: 2.3037, lambda at: 0.1)
    turned = sorted(samples, key=lambda sample: (sample.step, sample.metric), reverse=False)
    assert found(turned) == found(samples)


def test_metrics_that_come_late_are_found_all_the_same() -> None:
    samples = training(accuracy=None, val=lambda at: 0.5 + at * 0.01)
    late = [each for each in samples if each.metric == "train_loss"]
    late += [each for each in samples if each.metric != "train_loss"]
    assert found(late) == found(samples) == ("overfitting",)


def test_gaps_are_no_fault() -> None:
    samples = [each for each in training() if not 100 < each.step < 250]
    assert ever_found(samples) == {}


def test_a_resume_in_the_middle_is_no_fault() -> None:
    whole = training()
    until = [each for each in whole if each.step < 300]
    again = [each for each in whole if each.step >= 200]
    assert ever_found(until + again, parts=40) == {}


def test_a_resume_that_mends_the_run_ends_the_finding() -> None:
    broken = training(lambda at: sound(at) if at < 200 else math.nan)
    diagnosis = diagnosed(broken)
    assert [each.id for each in diagnosis.findings()] == ["non_finite"]
    diagnosis.take([each for each in training() if each.step >= 180])
    assert diagnosis.findings() == ()


def test_several_runs_in_one_log_are_looked_at_one_by_one() -> None:
    overfitted = training(val=lambda at: 0.5 + at * 0.01, accuracy=None)
    assert found(overfitted) == ("overfitting",)
    assert found(overfitted + training()) == ()


def test_one_sample_an_hour_is_enough_where_it_is_plain() -> None:
    samples = [Sample("loss", 2.0 if at < 30 else math.nan, float(at), "epoch", 3600.0 * at) for at in range(33)]
    assert found(samples, parts=33) == ("non_finite",)


def test_a_run_that_is_there_already_is_read_as_one_that_came_bit_by_bit() -> None:
    for samples in (training(lambda at: 2.0 + 0.01 * at), training(val=lambda at: 0.5 + at * 0.01, accuracy=None)):
        one, other = diagnosed(samples, parts=50), diagnosed([])
        other.take_series(by_metric(samples))
        assert [each.id for each in one.findings()] == [each.id for each in other.findings()] != []


def test_what_comes_after_a_restart_is_added() -> None:
    samples = training(val=lambda at: 0.5 + at * 0.01, accuracy=None)
    half = len(samples) // 2
    diagnosis = diagnosed([])
    diagnosis.take_series(by_metric(samples[:half]))
    diagnosis.take(samples[half:])
    assert [each.id for each in diagnosis.findings()] == ["overfitting"]


def test_the_rules_look_again_only_where_enough_is_new() -> None:
    diagnosis = diagnosed(training())
    before = diagnosis.findings()
    diagnosis.take([Sample("train_loss", 50.0, 400.0, "step")])
    assert diagnosis.findings() is before
    diagnosis.take([Sample("train_loss", math.nan, 401.0, "step"), Sample("train_loss", math.nan, 402.0, "step")])
    assert [each.id for each in diagnosis.findings()] == ["non_finite"]


NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=64)
OF_LAYERS = [f"fc{at}.weight.{of}" for at in (1, 2) for of in ("norm", "grad_norm", "update_ratio", "dead", "zeros")]
OF_ALL = ["loss", "train_loss", "val_loss", "val_acc", "acc", "lr", "grad_norm", "memory", "it/s", "d_loss", "reward"]
NAMES = st.sampled_from(OF_ALL + OF_LAYERS)


@given(st.lists(st.tuples(NAMES, NUMBERS, st.floats(0, 50) | NUMBERS), max_size=300), st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_no_numbers_make_it_fail(values: list[tuple[str, float, float]], piece: int) -> None:
    samples = [Sample(name, value, step, "step") for name, value, step in values]
    diagnosis = diagnosed([])
    for start in range(0, len(samples), piece):
        diagnosis.take(samples[start : start + piece])
        assert all(isinstance(each, Finding) for each in diagnosis.findings())
    again = diagnosed([])
    again.take_series(by_metric(samples))
    again.findings()


@given(st.lists(st.tuples(NAMES, NUMBERS), min_size=5, max_size=8), st.integers(0, 2**32))
@settings(max_examples=15, deadline=None)
def test_long_runs_of_any_numbers_do_not_make_it_fail(ends: list[tuple[str, float]], seed: int) -> None:
    chance = random.Random(seed)
    samples = [
        Sample(name, value if chance.random() < 0.02 else chance.gauss(2, 1), float(at), "step")
        for at in range(300)
        for name, value in ends
    ]
    diagnosed(samples).findings()


def test_real_logs_in_which_nothing_is_wrong_are_left_alone() -> None:
    for path in sorted(LOGS.glob("*.yaml")):
        truth: dict[str, Any] = yaml.safe_load(path.read_text())
        if "nan" in str(truth.get("outcome")):
            continue
        extractor = Extractor()
        samples = [*extractor.feed((LOGS / truth["file"]).read_bytes()), *extractor.finish()]
        assert (truth["file"], ever_found(samples)) == (truth["file"], {})


# Root causes, and the page


def finding(id: str, severity: Severity) -> Finding:
    return Finding(id, severity, "", "", "")


def test_the_worst_root_cause_comes_first_with_what_follows_from_it() -> None:
    given_findings = [
        finding("memory_growth", Severity.WARNING),
        finding("no_learning", Severity.ERROR),
        finding("stuck_at_chance", Severity.ERROR),
        finding("update_missing", Severity.ERROR),
    ]
    ordered = [each.id for each in ranking.ranked(given_findings, CATALOGUE)]
    assert ordered == ["update_missing", "stuck_at_chance", "no_learning", "memory_growth"]
    assert ranking.roots_of(given_findings, CATALOGUE) == {
        "memory_growth": "",
        "no_learning": "update_missing",
        "stuck_at_chance": "update_missing",
        "update_missing": "",
    }


def test_what_a_run_ended_by_goes_before_what_was_wrong_with_it_before() -> None:
    older = [finding("divergence", Severity.ERROR), finding("failed", Severity.ERROR)]
    killed = [*older, finding("host_oom", Severity.ERROR), finding("crash", Severity.ERROR)]
    assert ranking.ranked(killed, CATALOGUE)[0].id == "divergence"
    ordered = [each.id for each in ranking.ranked(killed, CATALOGUE, DEATHS)]
    assert ordered == ["host_oom", "crash", "failed", "divergence"]
    by_itself = [*older, finding("non_finite", Severity.ERROR), finding("crash", Severity.ERROR)]
    assert ranking.ranked(by_itself, CATALOGUE, DEATHS)[0].id == "divergence", "it explains the end"
    assert [each.id for each in ranking.ranked(older, CATALOGUE, DEATHS)] == ["divergence", "failed"]


def test_no_chain_of_causes_goes_round() -> None:
    for rule in CATALOGUE.values():
        everything = [finding(id, Severity.ERROR) for id in CATALOGUE]
        top = ranking.roots_of(everything, CATALOGUE)[rule.id]
        assert not top or not ranking.roots_of(everything, CATALOGUE)[top]


def test_every_cause_that_a_rule_names_is_a_rule() -> None:
    named = {id for rule in TRAINING_RULES for id in rule.after}
    assert named <= CATALOGUE.keys()
    assert len(CATALOGUE) == len({rule.id for rule in CATALOGUE.values()})


def test_the_page_of_findings_is_what_the_rules_say() -> None:
    assert (ROOT / "docs/findings.md").read_text() == describe.page()


def test_a_rule_without_its_words_is_not_described() -> None:
    rule = next(iter(CATALOGUE.values()))
    with pytest.raises(ValueError, match="Trigger"):
        describe.told(type(rule)(rule.id, rule.severity, 1, lambda view: None, ""))


def test_an_accuracy_and_a_loss_are_enough_for_a_sound_run() -> None:
    assert ever_found(training(sound, sound, right)) == {}
