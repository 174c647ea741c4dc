"""The texts of an attempt directory, compared whole with golden files (tests/data/launch).

After a wanted change: `python -m tests.backends.test_script` writes them anew; read the difference before it is kept.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from backends import script
from backends.base import Plan, Snapshot
from specs.model import Resources, SlurmOptions

GOLDEN = Path(__file__).parent.parent / "data" / "launch"

PLAN = Plan(
    token="0123456789abcdef",
    experiment="char-rnn-1",
    run="003-lr=0.003-seed=2",
    attempt=1,
    command="python train.py --lr 0.003 --note 'it'\"'\"'s; $(touch /tmp/x)'",
    spec_text="name: char-rnn\n",
    setup="module load cuda/12\nsource venv/bin/activate",
    env={"OMP_NUM_THREADS": "4", "NOTE": "two\nlines, it's $HOME"},
    secrets={"WANDB_API_KEY": "never-written"},
    resources=Resources(gpus=2, cpus=4, memory=16 * 2**30 + 1, time=8 * 3600),
    slurm=SlurmOptions("gpu", "dl", "high", ("--constraint=a100", "--nodes=1")),
    workdir=Path("/home/ada/my project"),
)


def texts(kind: str) -> dict[str, str]:
    """What a backend of this kind would upload, but for the runner and the spec."""
    plan = PLAN
    if kind == "ssh":
        plan = Plan(**{field: getattr(PLAN, field) for field in Plan.__slots__} | {"code": Snapshot("ab12", b"")})
    launch = script.slurm_launch(plan, "python3") if kind == "slurm" else script.detached_launch("python3")
    return {
        "launch.sh": launch,
        "run.sh": script.run_script(plan),
        "env": script.environment(plan, {"PYTHON": "/venv/bin/python"} if kind == "local" else None),
        "plan.json": script.runner_plan(plan, kind),
    }


@pytest.mark.parametrize("kind", ["local", "ssh", "slurm"])
def test_the_launch_texts_of_each_kind_are_the_golden_ones(kind: str) -> None:
    golden = {path.name: path.read_text() for path in (GOLDEN / kind).iterdir()}
    assert texts(kind) == golden


@pytest.mark.parametrize("kind", ["local", "ssh", "slurm"])
def test_no_text_holds_a_secret(kind: str) -> None:
    assert "never-written" not in "".join(texts(kind).values())
    assert "never-written" not in repr(PLAN)


def test_an_option_of_two_words_is_refused() -> None:
    plan = Plan(**{field: getattr(PLAN, field) for field in Plan.__slots__} | {"slurm": SlurmOptions("a b")})
    with pytest.raises(ValueError, match="must be one word: '--partition=a b'"):
        script.slurm_launch(plan, "python3")


@pytest.mark.parametrize(("limit", "ahead"), [(None, 60), (60, 6), (600, 60), (5, 1), (86400, 60)])
def test_the_warning_comes_before_a_short_limit_too(limit: int | None, ahead: int) -> None:
    assert script.warning(limit) == ahead


if __name__ == "__main__":
    for each in ("local", "ssh", "slurm"):
        (GOLDEN / each).mkdir(parents=True, exist_ok=True)
        for name, content in texts(each).items():
            (GOLDEN / each / name).write_text(content)
