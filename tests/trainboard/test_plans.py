"""What a backend is handed of a spec's runs."""

from __future__ import annotations

from pathlib import Path

from specs.expand import expand
from specs.load import loads
from trainboard.plans import plan_of

SPEC = """\
name: x
command: train {params_file} {params_file.yaml}
params: {data.name: wiki}
env: {OUT: "/scratch/{run}/${data.name}", THREADS: 4, KEY: null}
sweep: {lr: [0.1, 0.2]}
"""


def test_a_plan_has_the_runs_own_environment_and_files_of_parameters() -> None:
    spec = loads(SPEC, Path("x.yaml"))
    first, second = (plan_of(spec, "x-1", run, "aa", {"KEY": "secret"}) for run in expand(spec))
    assert first.env == {"OUT": "/scratch/lr=0.1/wiki", "THREADS": "4"}
    assert second.env == {"OUT": "/scratch/lr=0.2/wiki", "THREADS": "4"}
    assert second.secrets == {"KEY": "secret"}
    assert first.files == {
        "params.json": '{"data": {"name": "wiki"},\n "lr": 0.1}\n',
        "params.yaml": 'data:\n  name: "wiki"\nlr: 0.1\n',
    }


def test_a_plan_without_files_has_none() -> None:
    spec = loads("name: x\ncommand: train\n", Path("x.yaml"))
    assert plan_of(spec, "x-1", expand(spec)[0], "aa", {}).files == {}
