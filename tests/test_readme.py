"""What README and CONTRIBUTING promise is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from specs.load import loads
from trainboard.cli.main import parser
from tui.keys import readme_table

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_keys_are_those_of_the_table() -> None:
    [keys] = re.findall(r"<!-- keys: made from tui/keys.py -->\n(.*?)\n<!-- end of keys -->", README, re.DOTALL)
    assert keys == readme_table().strip()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_link_leads_somewhere(page: str) -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", (ROOT / page).read_text()) if "://" not in link]
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_spec_shown_is_a_spec(tmp_path: Path) -> None:
    [text] = re.findall(r"```yaml\n(name: .*?)```", README, re.DOTALL)
    spec = loads(text, tmp_path / "train.yaml")
    assert (spec.name, spec.sweep.seeds, spec.where) == ("char-rnn", (1, 2, 3), ("triton",))


def test_the_config_shown_is_a_config(tmp_path: Path) -> None:
    from trainboard import config
    from trainboard.paths import paths

    [text] = re.findall(r"```yaml\n(poll: .*?)```", README, re.DOTALL)
    parsed = config.parse(text, paths({"TRAINBOARD_HOME": str(tmp_path)}))
    assert [backend.name for backend in parsed.backends] == ["laptop", "gpu1", "triton", "csc"]


def test_every_command_named_is_a_command() -> None:
    named = set(re.findall(r"trainboard ([a-z]+)", README)) - {"trainboard"}
    known = set(re.findall(r"^    ([a-z]+) ", parser().format_help(), re.MULTILINE))
    assert named <= known


def test_ci_calls_the_test_command_of_the_readme() -> None:
    assert "make test" in README
    assert re.findall(r"^make .*$", (ROOT / ".ci/run").read_text(), re.MULTILINE) == ["make test"]
