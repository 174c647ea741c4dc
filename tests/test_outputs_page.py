"""What docs/outputs.md shows is what is read."""

from __future__ import annotations

import re
from pathlib import Path

from specs.expand import expand
from specs.load import loads
from specs.outputs import shown_patterns
from trainboard.outputs import Kind, is_sequence, recognise
from trainboard.sequences import read_passages, sums
from trainboard.show import number
from trainboard.specimens import Text, read_specimens

PAGE = (Path(__file__).parent.parent / "docs/outputs.md").read_text(encoding="utf-8")


def test_the_sequences_of_the_page_have_the_figures_that_it_tells() -> None:
    examples = re.findall(r"```jsonl\n(.*?)```\n\n```text\n(.*?)\n```", PAGE, re.DOTALL)
    assert len(examples) == 2
    for lines, told in examples:
        assert is_sequence(lines.encode())
        read = read_passages(lines.encode())
        assert read.notes == ()
        (found,) = read.passages
        well = sums(found)
        figures = f"perplexity {number(well.perplexity)}, {number(well.per_character)} bits/char"
        assert f"{len(found)} tokens, {figures}, {len(found.units)} units" == told


def test_the_samples_of_the_page_are_texts_of_two_steps() -> None:
    lines = re.findall(r"```jsonl\n(.*?)```", PAGE, re.DOTALL)[-1].encode()
    assert recognise("samples.jsonl", lines) is Kind.SAMPLES
    found = read_specimens("samples.jsonl", lines)
    assert [(each.step, each.body) for each in found] == [
        (100, Text("The sea the the")),
        (200, Text("The sea goes out")),
    ]


def test_the_spec_of_the_page_is_a_right_one(tmp_path: Path) -> None:
    (part,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    spec = loads(f"name: x\ncommand: train\n{part}", tmp_path / "x.yaml")
    patterns = shown_patterns(spec, expand(spec)[0])
    assert {Kind(key) for key in patterns} >= {Kind.SEQUENCES, Kind.SAMPLES, Kind.EMBEDDINGS}
    assert all("{" not in each for several in patterns.values() for each in several)


def test_the_python_of_the_page_writes_what_is_read(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    chances = [{"a": 0.5, "b": 0.5}, {"a": 0.25, "b": 0.75}]
    path = tmp_path / "step_7.jsonl"
    exec(
        code.replace('f"sequences/step_{step}.jsonl"', repr(str(path))), {"text": "ab", "probabilities": chances}
    )  # the page's own
    (found,) = read_passages(path.read_bytes()).passages
    assert found.chances.tolist() == [0.5, 0.75]
