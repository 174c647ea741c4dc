"""The resources pane: what a job uses over time, what to ask for next time, and the one key that writes it down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from backends.base import JobState
from backends.jobuse import NodeGpu
from tests.tui.fakes import NOW, Actions, board, row
from trainboard.actions import Refused
from trainboard.events import FindingsSeen, HostSeen, Link, Sampled
from trainboard.records import Diagnosed
from trainboard.series import Sample, by_metric
from trainboard.use.advice import Advice
from trainboard.use.measured import Use
from trainboard.use.uses import Used
from tui.resource_lines import drawn
from tui.screens.confirm import Confirm
from tui.screens.run import RunScreen

if TYPE_CHECKING:
    from pathlib import Path

    from trainboard.series import Series

M, G = 1 << 20, 1 << 30
BEGUN = NOW - 3600

SPEC = """\
# what a run needs
name: tiny
command: echo hello  # nothing else
resources:
  gpus: 2   # both
  memory: 16G
"""


def measured(*, gpus: int = 2, samples: int = 61) -> dict[str, Series]:
    """An hour of samples, a minute apart: memory grows to 4 GB, GPU 0 works, GPU 1 does nothing."""
    found = []
    for i in range(samples):
        values = {"cpu": 1.0, "cpus": 4.0, "memory": G + 3 * G * i / (samples - 1), "read": 1000.0 * M}
        for index in range(gpus):
            values[f"gpu{index}/util"] = 90.0 if index == 0 else 0.0
            values[f"gpu{index}/memory"] = 10.0 * G if index == 0 else 400.0 * M
            values[f"gpu{index}/memory_total"] = 80.0 * G
        found += [
            Sample(f"usage/{name}", value, 60.0 * i, "second", BEGUN + 60.0 * i) for name, value in values.items()
        ]
    return by_metric(found)


USE = Use(
    JobState.RUNNING,
    seconds=3600.0,
    time_limit=8 * 3600.0,
    queued=120.0,
    cpus=4,
    cpu=3600.0,
    memory=4.0 * G,
    memory_asked=16.0 * G,
    gpus=2,
    gpu_use=45.0,
    gpu_memory=10.0 * G,
    gpu_memory_total=80.0 * G,
    idle_gpus=(1,),
    read=3.5 * 1024 * G,
    written=2.0 * G,
    source="runner",
)
ADVICE = (
    Advice("gpus", "1", 1.0, 1.0, 3, 2.0),
    Advice("memory", "5G", 5.0 * G, 4.0 * G, 3, 16.0 * G),
    Advice("time", "", 8 * 3600.0, 8 * 3600.0, 3, 8 * 3600.0, 1),
)


def told(**changes: object) -> Actions:
    actions = Actions()
    actions.gathered.used["r1"] = Used(USE, measured(), ADVICE, at=NOW)
    return actions


async def test_u_shows_what_the_job_used_of_what_it_was_given() -> None:
    async with board(row(1), actions=told()) as stage:
        await stage.press("u")
        await stage.until("CPU 25% of 4")
        text = " ".join(stage.screen.split())
        assert "memory 25% of 16G, 4.0G at most" in text
        assert "GPU 45% of 2 GPUs" in text
        assert "GPU 1 did nothing" in text
        assert "12% of 8h00" in text


async def test_curves_have_one_axis_and_tell_now_and_peak_and_limit() -> None:
    async with board(row(1), actions=told(), size=(100, 40)) as stage:
        await stage.press("u", "u")
        await stage.until("GPU 1")
        lines = {line.split("  ")[0].strip(): line for line in stage.lines}
        memory = next(line for line in stage.lines if line.strip().startswith("memory") and "▁" in line)
        assert "peak 4.0G  of 16G" in memory
        assert "▁▁" in memory
        assert "▂" in memory
        gpu = next(line for line in stage.lines if "GPU 0" in line and "mean" in line)
        assert "90%  mean 90%  peak 10G of 80G" in gpu
        assert "█" in gpu or "▇" in gpu
        assert lines


async def test_nothing_is_asked_while_the_pane_is_not_seen() -> None:
    actions = told()
    async with board(row(1), row(2), actions=actions) as stage:
        await stage.press("j", "k", "i")
        assert actions.gathered.asked == []
        await stage.press("u")
        await stage.until("CPU 25%")
        assert actions.gathered.asked == [("of", "r1")]
        await stage.press("j")
        await stage.until("nobody has measured it")
        assert actions.gathered.asked == [("of", "r1"), ("of", "r2")]


async def test_samples_that_arrive_go_on_where_the_curves_end() -> None:
    async with board(row(1), actions=told()) as stage:
        await stage.press("u")
        await stage.until("4.0G  peak 4.0G")
        at = BEGUN + 3700
        new = (
            Sample("usage/memory", 6.0 * G, 3700.0, "second", at),
            Sample("usage/memory", 9.0 * G, 1.0, "second", BEGUN),
        )
        await stage.send(Sampled("r1", (), usage=new))
        await stage.until("6.0G  peak 6.0G")


async def test_a_finding_has_its_mark_where_in_time_it_was() -> None:
    found = Diagnosed(
        "r1#1:gpu_idle", "r1", 1, "gpu_idle", "warning", "GPU idle", "…", "…", NOW, NOW, at=BEGUN + 1800
    )
    async with board(row(1), actions=told(), size=(100, 40)) as stage:
        await stage.send(FindingsSeen((found,)))
        await stage.press("u")
        await stage.until("△")
        marked = next(line for line in stage.lines if "GPU idle" in line and line.startswith("        "))
        axis = next(line for line in stage.lines if "since" in line and "1h00" in line)
        width = axis.index("1h00") + 4 - axis.index("0")
        assert abs((marked.index("△") - axis.index("0")) - width / 2) <= 1


async def test_the_head_says_what_to_ask_for_next_time_and_what_that_rests_on() -> None:
    async with board(row(1), actions=told(), size=(160, 40)) as stage:
        await stage.press("u")
        await stage.until("next time")
        text = " ".join(stage.screen.split())
        assert "gpus 1 (used 1 of 2) · memory 5G (used 4.0G of 16G)" in text
        assert "time more than 8h00 (1 of 3 ended for want of it) · by 3 attempts" in text


async def test_e_writes_the_advice_into_the_spec_after_its_lines_were_seen(tmp_path: Path) -> None:
    spec = tmp_path / "tiny.yaml"
    spec.write_text(SPEC)
    actions = told()
    actions.sources["r1"] = spec
    async with board(row(1), actions=actions) as stage:
        await stage.press("u", "u")
        await stage.until("next time")
        await stage.press("E")
        await stage.until("Write this into tiny.yaml?")
        assert "- memory: 16G" in " ".join(stage.screen.split())
        assert "+ memory: 5G" in " ".join(stage.screen.split())
        await stage.press("n")
        assert spec.read_text() == SPEC
        await stage.press("E")
        await stage.until("Write this into tiny.yaml?")
        await stage.press("y")
        await stage.until("written into")
    assert spec.read_text() == SPEC.replace("gpus: 2 ", "gpus: 1 ").replace("16G", "5G")


async def test_the_keys_of_the_pane_stand_at_the_foot_of_a_small_screen_too() -> None:
    async with board(row(1), actions=told(), size=(80, 24)) as stage:
        await stage.press("u", "u")
        await stage.until("E spec")
        assert "a GPUs now" in stage.lines[-1]


async def test_with_readonly_nothing_is_written_and_no_step_is_started(tmp_path: Path) -> None:
    actions = told()
    actions.sources["r1"] = tmp_path / "tiny.yaml"
    async with board(row(1), actions=actions, readonly=True) as stage:
        await stage.press("u", "u")
        await stage.until("next time")
        await stage.press("E", "a")
        assert not isinstance(stage.app.screen, Confirm)
        assert "E spec" not in stage.lines[-1]
        assert "GPUs now" not in stage.lines[-1]


async def test_the_nodes_are_asked_after_a_question_and_their_gpus_shown() -> None:
    actions = told()
    actions.gathered.nodes = (NodeGpu("node2", 3, 87.0, 40.0 * G, 80.0 * G),)
    async with board(row(1), actions=actions) as stage:
        await stage.press("u", "u", "a")
        await stage.until("srun --overlap")
        await stage.press("n")
        assert ("node_gpus", "r1") not in actions.gathered.asked
        await stage.press("a", "y")
        await stage.until("87%  40G of 80G  on node2, just now")


async def test_why_a_node_does_not_answer_is_told() -> None:
    actions = told()
    actions.gathered.refusal = Refused("triton: srun: Job has expired")
    async with board(row(1), actions=actions) as stage:
        await stage.press("u", "u", "a", "y")
        await stage.until("Job has expired")


async def test_a_folded_experiment_tells_what_it_took_in_all() -> None:
    rows = [row(i, experiment="one", state=JobState.RUNNING) for i in range(1, 20)]
    async with board(*rows, actions=told(), size=(120, 40)) as stage:
        await stage.press("u")
        await stage.until("in all")
        assert ("totals", "one") in stage.actions.gathered.asked
        text = " ".join(stage.screen.split())
        assert "one · 2 runs, 3 attempts · 4.5 GPU-hours · 1.25 of them after the best value" in text


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_the_run_screen_has_it_as_its_eighth_tab(size: tuple[int, int]) -> None:
    async with board(row(1), actions=told(), size=size) as stage:
        await stage.press("enter", "8")
        await stage.until("[resources]")
        await stage.until("GPU 1")
        assert isinstance(stage.app.screen, RunScreen)
        assert all(len(line) <= size[0] for line in stage.lines)
        await stage.press("6", "u")
        await stage.until("[resources]")


async def test_on_the_curves_u_is_still_the_scale() -> None:
    actions = told()
    actions.stored["r1"] = by_metric(Sample("val_loss", 1.0 / (i + 1), i, "step", NOW + i) for i in range(9))
    async with board(row(1), actions=actions) as stage:
        await stage.press("enter")
        await stage.until("val_loss")
        await stage.press("u")
        await stage.until("own scales")


async def test_the_table_shows_the_newest_use_of_a_running_job_s_gpus() -> None:
    async with board(row(1), row(2, JobState.COMPLETED), size=(200, 30)) as stage:
        await stage.send(Sampled("r1", (), restarted=True, gpu_use=12.0), Sampled("r2", (), gpu_use=99.0))
        await stage.until("12%")
        usage = tuple(Sample(f"usage/gpu{n}/util", 80.0 + 10 * n, 1.0, "second", NOW) for n in (0, 1))
        await stage.send(Sampled("r1", (), usage=usage))
        await stage.until("85%")
        assert "99%" not in stage.screen
        assert "GPU" in stage.screen


def test_a_curve_is_whole_between_samples_and_blank_where_nobody_measured() -> None:
    steps = [*range(0, 30, 3), *range(80, 100, 3)]
    series = by_metric(Sample("usage/cpu", 1.0 + (at >= 80), float(at), "second", NOW + at) for at in steps)[
        "usage/cpu"
    ]
    assert drawn(series, 100.0, 50, 2.0) == "▅" * 14 + " " * 26 + "█" * 10
    assert drawn(series, 100.0, 50, 0.0)[0] == "▁"


async def test_hosts_that_answer_draw_nothing_anew() -> None:
    async with board(row(1), actions=told()) as stage:
        await stage.press("u")
        await stage.until("CPU 25% of 4")
        before = stage.app.board.resources._lines
        await stage.send(HostSeen("here", "ssh", Link.UP, seen=NOW))
        assert stage.app.board.resources._lines is before


async def test_what_came_while_another_pane_was_seen_is_there_on_the_way_back() -> None:
    async with board(row(1), actions=told()) as stage:
        await stage.press("u")
        await stage.until("4.0G  peak 4.0G")
        await stage.press("i")
        await stage.send(
            Sampled("r1", (), usage=(Sample("usage/memory", 6.0 * G, 3700.0, "second", BEGUN + 3700.0),))
        )
        await stage.press("u")
        await stage.until("6.0G  peak 6.0G")
        assert stage.actions.gathered.asked == [("of", "r1")]
