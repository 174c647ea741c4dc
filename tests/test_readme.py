"""What README and CONTRIBUTING promise is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from specs.expand import expand
from specs.load import loads
from specs.outputs import shared_outputs
from trainboard.cli.metrics import print_report
from trainboard.cli.words import parser
from trainboard.metrics import report
from trainboard.progress import counted, newest_steps
from trainboard.series import by_metric
from trainboard.sources.table import kind
from tui.keys import BOARD, key_table, page

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_keys_are_those_of_the_table() -> None:
    [keys] = re.findall(r"<!-- keys: made from tui/keys.py -->\n(.*?)\n<!-- end of keys -->", README, re.DOTALL)
    assert keys == key_table(BOARD)


def test_the_page_of_all_keys_is_that_of_the_table() -> None:
    assert (ROOT / "docs/keys.md").read_text() == page() + "\n", "`make docs` writes it"


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CONTRIBUTING.md",
        "docs/errors.md",
        "docs/findings.md",
        "docs/hosts.md",
        "docs/keys.md",
        "docs/profile.md",
        "docs/layers.md",
        "docs/notices.md",
        "docs/queue.md",
        "docs/reading.md",
        "docs/reliability.md",
        "docs/results.md",
        "docs/spec.md",
        "docs/sweeps.md",
        "docs/report.md",
        "docs/usage.md",
        "docs/why.md",
    ],
)
def test_every_link_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    here = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    for link in re.findall(r"\]\(([^)]+)\)", text):
        path, _, part = link.partition("#")
        assert "://" in link or (part in here if not path else ((ROOT / page).parent / path).exists()), link


def test_the_spec_shown_is_a_spec(tmp_path: Path) -> None:
    [text] = re.findall(r"```yaml\n(name: .*?)```", README, re.DOTALL)
    spec = loads(text, tmp_path / "train.yaml")
    assert (spec.name, spec.sweep.seeds, spec.where) == ("char-rnn", (1, 2, 3), ("triton", "gpus"))
    assert (spec.retry.on, spec.outputs.keep) == (("PREEMPTED", "TIMEOUT"), 2)
    assert shared_outputs(spec, expand(spec)) is None


def test_the_config_shown_is_a_config(tmp_path: Path) -> None:
    from trainboard import config
    from trainboard.paths import paths

    [text] = re.findall(r"```yaml\n(poll: .*?)```", README, re.DOTALL)
    parsed = config.parse(text, paths({"TRAINBOARD_HOME": str(tmp_path)}))
    assert [backend.name for backend in parsed.backends] == ["laptop", "gpu1", "gpu2", "triton", "csc"]
    assert parsed.resolve(["gpus"]) == ("gpu1", "gpu2")


def test_the_page_about_the_queue_shows_a_config_and_a_spec(tmp_path: Path) -> None:
    from trainboard import config
    from trainboard.paths import paths

    rules, part = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/queue.md").read_text(), re.DOTALL)
    [gpu1] = config.parse(rules, paths({"TRAINBOARD_HOME": str(tmp_path)})).backends
    assert (gpu1.policy.at_most, gpu1.policy.share, gpu1.policy.settle) == (2, True, 120.0)
    text = f"name: x\ncommand: train --lr {{lr}} --save ckpt/{{run}}\nresources: {{memory: 8G}}\n{part}"
    spec = loads(text, tmp_path / "x.yaml")
    assert (spec.after, spec.sweep.at_most, spec.outputs.keep, spec.retry.memory) == (("preprocess",), 2, 2, 2.0)


def test_what_the_page_about_reading_shows_is_what_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs/reading.md").read_text()
    [part] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    spec = loads(f"name: x\ncommand: train\n{part}", tmp_path / "x.yaml").metrics
    examples = re.findall(r"```log\n(.*?)```\n\n```text\n(.*?)```", page, re.DOTALL)
    assert (len(examples), page.count("```")) == (3, 14)
    for number, (log, shown) in enumerate(examples):
        told = (spec.total, spec.pattern) if number == 2 else ({}, ())  # the last one is read with the spec
        reader = kind("train.log").reader(*told)
        series = by_metric([*reader.feed(log.encode()), *reader.finish()])
        progress = reader.progress or counted(newest_steps(series), told[0])
        print_report(report("train.log", series, progress, tail=log.encode()))
        assert capsys.readouterr().out == shown


def test_every_command_named_is_a_command() -> None:
    named = set(re.findall(r"trainboard ([a-z]+)", README)) - {"trainboard"}
    known = set(re.findall(r"^    ([a-z]+) ", parser().format_help(), re.MULTILINE))
    assert named <= known


def test_ci_calls_the_test_command_of_the_readme() -> None:
    assert "make test" in README
    assert re.findall(r"^make .*$", (ROOT / ".ci/run").read_text(), re.MULTILINE) == ["make test"]
