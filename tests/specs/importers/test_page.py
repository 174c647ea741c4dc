"""What is written is read as the same values, and looks like what a person writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml
from hypothesis import given
from hypothesis import strategies as st

from specs.document import parse
from specs.importers.page import Page, comment

if TYPE_CHECKING:
    from specs.tree import Value

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(allow_nan=False), st.text(max_size=20)
)
PIECES = st.lists(st.sampled_from(["a", " ", "\n", "\t", "#", ":", "{x}", "-", "'", '"', "|", "é", "\x85", "\r"]))
TEXTS = PIECES.map("".join)
NAMES = st.sampled_from(["lr", "model.depth", "no", "null", "a-b", "x_1"])


def plain(value: Value) -> object:
    if isinstance(value.content, tuple):
        return [plain(each) for each in value.content]
    if isinstance(value.content, dict):
        return {key: plain(entry.value) for key, entry in value.content.items()}
    return value.content


@given(st.dictionaries(NAMES, SCALARS | TEXTS | st.lists(SCALARS | TEXTS, max_size=3), max_size=4), SCALARS | TEXTS)
def test_every_value_is_read_as_it_was(params: dict[str, object], top: object) -> None:
    sections = {"name": "x", "command": top, "params": params, "sweep": {"method": "list", "points": [params]}}
    said = {"command": "one\ntwo", "params.lr": "x", "sweep.method": "#"}
    found = parse(Page(sections, ("on top",), said).text, "page")
    assert {key: plain(found[key]) for key in found} == sections


@given(st.text())
def test_a_comment_stays_on_its_line(text: str) -> None:
    assert yaml.safe_load(f"a: 1  {comment(text)}\n") == {"a": 1}


def test_a_page_is_laid_out_like_a_spec_of_a_person() -> None:
    sections = {
        "slurm": {"partition": "gpu", "sbatch": ["--constraint=a100", "--nodes=1"]},
        "name": "net",
        "command": "python train.py --lr {lr} \\\n  --seed {seed}\n",
        "workdir": ".",
        "env": {"OMP_NUM_THREADS": "4", "KEY": None},
        "params": {"lr": 1e-05, "optim.name": "adam", "note": "yes: no"},
        "sweep": {"method": "list", "points": [{"seed": 1}, {"seed": 2}], "at_most": 2},
        "resources": {"gpus": 1, "time": "8h"},
    }
    said = {"resources.gpus": "--gres=gpu:1", "workdir": "where train.py is"}
    assert Page(sections, ("net, imported",), said).text == (
        "# net, imported\n"
        "\n"
        "name: net\n"
        "command: |\n"
        "  python train.py --lr {lr} \\\n"
        "    --seed {seed}\n"
        "workdir: .  # where train.py is\n"
        'env: {OMP_NUM_THREADS: "4", KEY: null}\n'
        "\n"
        'params: {lr: 1e-05, optim.name: adam, note: "yes: no"}\n'
        "sweep:\n"
        "  method: list\n"
        "  points:\n"
        "    - {seed: 1}\n"
        "    - {seed: 2}\n"
        "  at_most: 2\n"
        "\n"
        "resources:\n"
        "  gpus: 1  # --gres=gpu:1\n"
        "  time: 8h\n"
        'slurm: {partition: gpu, sbatch: ["--constraint=a100", "--nodes=1"]}\n'
    )
