"""What `docs/results.md` shows is what the command prints."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.trainboard.ranking.a_state import digits
from trainboard.cli.main import run

if TYPE_CHECKING:
    from collections.abc import Callable

    Said = Callable[..., str]

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/results.md").read_text()
EXAMPLES = re.findall(r"```console\n\$ trainboard (.*)\n((?:.*\n)*?)```", PAGE)


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """What a command prints, with the sweep of the page in the store."""
    digits(tmp_path)
    monkeypatch.setenv("TRAINBOARD_HOME", str(tmp_path))

    def printed(*words: str) -> str:
        assert run([*words, "--offline"]) == 0
        return capsys.readouterr().out

    return printed


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) == PAGE.count("```") / 2 == 4


@pytest.mark.parametrize(("command", "shown"), EXAMPLES)
def test_the_page_shows_what_the_command_prints(said: Said, command: str, shown: str) -> None:
    assert said(*shlex.split(command)) == shown


def test_json_has_the_keys_that_the_page_promises(said: Said) -> None:
    [keys] = re.findall(r"list of `\{(.*?)\}`", PAGE)
    first = json.loads(said("results", "digits-1", "--sort", "val_loss", "--json"))[0]
    assert list(first) == [word.strip('"') for word in keys.split(", ")]
    groups = json.loads(said("results", "digits-1", "--fold-seeds", "--json"))
    assert list(groups) == ["by", "groups", "best"]
    assert list(groups["groups"][0]) == ["group", "params", "experiments", "runs", "metrics"]
    assert set(groups["groups"][0]["metrics"]["val_loss"]["best"]) == {"mean", "sd", "n", "not_finite"}
    assert {"t", "df", "p", "p_corrected", "warnings"} <= set(groups["best"])


def test_the_importance_of_parameters_is_told_in_text(said: Said) -> None:
    told = said("results", "digits-1", "--importance")
    assert re.search(r"lr +0\.942 +0\.130 +4 +24", told)
    assert "of settings it has not seen (24 runs)" in told
