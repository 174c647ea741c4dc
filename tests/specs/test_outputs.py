"""Where each run has its checkpoints."""

from __future__ import annotations

import glob
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specs.expand import expand
from specs.model import Outputs, Predictions, Scalar, Setting, Spec, SpecError, Sweep
from specs.outputs import checkpoint_pattern, predictions_of, shared_outputs


def a_spec(pattern: str | None, **axes: tuple[Scalar, ...]) -> Spec:
    return Spec("x", "run", Path("x.yaml"), "", Path("/"), sweep=Sweep(axes=axes), outputs=Outputs(pattern))


def patterns(spec: Spec) -> list[str | None]:
    return [checkpoint_pattern(spec, setting) for setting in expand(spec)]


def clash(spec: Spec) -> str | None:
    return shared_outputs(spec, expand(spec))


def test_a_pattern_is_filled_with_the_runs_name_and_parameters() -> None:
    spec = a_spec("ckpt/{run}/{a}-{{b}}-*.pt", a=(1, 2), b=(True,))
    assert patterns(spec) == ["ckpt/a=1/1-{b}-*.pt", "ckpt/a=2/2-{b}-*.pt"]


def test_a_spec_without_checkpoints_has_no_pattern() -> None:
    assert patterns(a_spec(None)) == [None]
    assert clash(a_spec(None, a=(1, 2))) is None


def test_a_parameter_called_run_goes_before_the_runs_name() -> None:
    assert patterns(a_spec("c/{run}", run=(7,))) == ["c/7"]


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("ab*?[]!{}-."), min_size=1, max_size=8).filter(lambda text: text.strip(".")))
def test_a_filled_pattern_finds_the_file_that_the_value_names_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, value: str
) -> None:
    folder = tmp_path_factory.mktemp("ckpt")
    for name in (value, "aab", "b-a", "a.b"):
        (folder / f"{name}.pt").touch()
    pattern = checkpoint_pattern(a_spec("{v}.pt"), Setting(0, "run", {"v": value}, ""))
    assert pattern is not None
    assert glob.glob(pattern, root_dir=folder, include_hidden=True) == [f"{value}.pt"]  # noqa: PTH207 — as the runner


def test_values_cannot_lead_out_of_the_project_folder() -> None:
    spec = a_spec("{a}{b}/*.pt")
    with pytest.raises(SpecError) as caught:
        checkpoint_pattern(spec, Setting(0, "a=.", {"a": ".", "b": "."}, ""))
    assert str(caught.value) == (
        'x.yaml: "outputs.checkpoint" of a=. leads out of the project folder: "../*.pt"; '
        'write it without "..", or whole from / on'
    )


def test_a_value_may_be_a_whole_path() -> None:
    assert patterns(a_spec("{out}/*.pt", out=("/scratch/me/a", "/scratch/me/b"))) == [
        *("/scratch/me/a/*.pt", "/scratch/me/b/*.pt"),
    ]


def test_runs_with_one_pattern_cannot_share_a_folder() -> None:
    assert clash(a_spec("ckpt/*.pt", a=(1, 2))) == (
        'x.yaml: "outputs.checkpoint": runs a=1 and a=2 would take each other\'s checkpoints for their own: '
        "put {run}, or what varies, into the pattern and into where the program writes"
    )


@pytest.mark.parametrize("pattern", ["ckpt/{run}*.pt", "c/{a}{seed}*/x", "**/{run}*.pt"])
def test_runs_of_which_one_finds_the_others_checkpoints_cannot_share_a_folder(pattern: str) -> None:
    assert "would take each other's" in (clash(a_spec(pattern, a=("x", "y"), seed=tuple(range(1, 21)))) or "")


@pytest.mark.parametrize(
    "pattern", ["ckpt/{run}/*.pt", "{a}/{seed}/*", "c/{run}-*.pt", "c/*-{run}.pt", "/abs/{run}/*", "c/{a}{seed}?.pt"]
)
def test_runs_with_patterns_of_their_own_share_a_folder(pattern: str) -> None:
    assert clash(a_spec(pattern, a=("x", "y"), seed=tuple(range(1, 21)))) is None


def test_one_run_shares_with_nobody() -> None:
    assert clash(a_spec("ckpt/*.pt")) is None


def test_one_absolute_pattern_for_several_runs_is_refused_wherever_they_run() -> None:
    spec = a_spec("/scratch/ckpt/*.pt", a=(1, 2))
    with pytest.raises(SpecError, match=r'x\.yaml: "outputs.checkpoint": runs a=1 and a=2 would take each other'):
        expand(spec)
    assert len(expand(replace(spec, outputs=Outputs("/scratch/ckpt/{a}.pt")))) == 2


@pytest.mark.parametrize(
    ("collect", "pair"),
    [
        (("{run}.log", "results/*.csv"), "a=1 and a=12"),
        (("results/{a}*.csv",), "a=1 and a=12"),
        (("**/{a}/x",), None),
        (("{run}/*.csv", "results/{a}.csv"), None),
        ((), None),
    ],
)
def test_runs_that_would_bring_each_others_results_cannot_share_a_folder(
    collect: tuple[str, ...], pair: str | None
) -> None:
    spec = replace(a_spec(None, a=(1, 2, 12)), outputs=Outputs(collect=collect))
    assert clash(spec) == (
        f'x.yaml: "outputs.collect": runs {pair} would take each other\'s results for their own: '
        "put {run}, or what varies, into the pattern and into where the program writes"
        if pair
        else None
    )
    assert clash(replace(spec, sweep=Sweep(axes={"a": (1,)}))) is None


def test_the_path_of_predictions_is_filled_for_each_run_and_its_columns_stay() -> None:
    spec = replace(a_spec(None, a=(1, 2)), outputs=Outputs(predictions=Predictions("out/{run}-{a}.csv", target="t")))
    found = [predictions_of(spec, setting) for setting in expand(spec)]
    assert found == [Predictions("out/a=1-1.csv", target="t"), Predictions("out/a=2-2.csv", target="t")]
    assert predictions_of(replace(spec, outputs=Outputs()), expand(spec)[0]) is None


def test_runs_that_would_read_each_others_predictions_cannot_share_a_folder() -> None:
    spec = replace(a_spec(None, a=(1, 2)), outputs=Outputs(predictions=Predictions("preds.csv")))
    assert str(shared_outputs(spec, expand(spec))).startswith(
        'x.yaml: "outputs.predictions": runs a=1 and a=2 would take each other\'s predictions for their own: '
    )
    apart = replace(spec, outputs=Outputs(predictions=Predictions("preds-{a}.csv")))
    assert shared_outputs(apart, expand(apart)) is None


def test_a_value_cannot_lead_predictions_out_of_the_project_folder() -> None:
    spec = replace(a_spec(None, a=("..",)), outputs=Outputs(predictions=Predictions("x/{a}/y.csv")))
    with pytest.raises(SpecError, match=r'"outputs.predictions" of .* leads out of the project folder'):
        predictions_of(spec, expand(spec)[0])
