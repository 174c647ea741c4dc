"""The profile screen: processes, hot functions, the flame graph, threads, what was kept."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from backends.base import CommandFailed, Completed, JobState, Result, Results
from backends.remote.tracefile import answer
from backends.spy import PythonProcess, Sampling, Scene
from tests.backends.test_tracefile import TORCH
from tests.trainboard.test_profile_stacks import RAW
from tests.trainboard.test_profile_threads import LIB, OWN, dumped
from tests.tui.fakes import NOW, Actions, board, row
from trainboard.profile.stacks import Function
from trainboard.profiling import Profiling
from tui.screens.profile import ProfileScreen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from backends.base import Backend
    from backends.spybinary import Binary
    from tests.tui.fakes import Theatre
    from trainboard.rows import Row

RANKS = tuple(PythonProcess(70 + rank, 1, f"python train.py --rank {rank}", "ann", rank, 90.0) for rank in range(4))
SCENE = Scene("gpu1", "Linux", "x86_64", "ann", 0, RANKS, ("/usr/bin/py-spy",))


class Machine:
    """A backend whose jobs can be looked into, as the test says what is seen."""

    name = "here"

    def __init__(self, scene: Scene = SCENE, kind: str = "ssh") -> None:
        self.kind = kind
        self.scene = scene
        self.stacks = RAW
        self.failure: CommandFailed | None = None
        self.calls: list[tuple[Any, ...]] = []
        self.answering = asyncio.Event()
        """Set: a recording ends."""
        self.answering.set()
        self.hostnames = b""
        self.files: tuple[Result, ...] = ()
        self.trace: Mapping[str, Any] = {}
        self.recording = asyncio.Event()

    def spy(self, job_id: str, node: str = "") -> Machine:
        self.calls.append(("spy", job_id, node))
        return self

    async def run_command(self, argv: Sequence[str], timeout: float = 20, cap: int = 0) -> Completed:
        self.calls.append(tuple(argv))
        return Completed(0, self.hostnames, b"")

    async def look(self, marks: Sequence[str], others: Sequence[int] = ()) -> Scene:
        return self.scene

    async def send(self, binary: Binary) -> str:
        self.calls.append(("send", binary.name))
        return f"/home/ann/.cache/trainboard/{binary.name}"

    async def results(self, directory: str, patterns: Sequence[str]) -> Results:
        return Results(self.files, folder="/home/ann/project")

    async def traced(self, path: str) -> Mapping[str, Any]:
        self.calls.append(("traced", path))
        return self.trace

    async def record(self, spy: str, pid: int, sampling: Sampling, scene: Scene) -> bytes:
        self.calls.append(("record", spy, pid, sampling))
        self.recording.set()
        await self.answering.wait()
        if self.failure is not None:
            raise self.failure
        return self.stacks.encode()

    async def dump(self, spy: str, pid: int, scene: Scene, *, native: bool = False) -> Sequence[Mapping[str, Any]]:
        if pid == 72:
            return [dumped(("load", "/home/ann/data.py", 3), OWN)]
        return [dumped(("all_reduce", f"{LIB}site-packages/torch/distributed/c.py", 9), OWN)]


def profiled(folder: Path, machine: Machine, job: Row) -> Actions:
    """What the board asks."""
    actions = Actions()
    actions.profiled[job.key] = Profiling(job, {"here": cast("Backend", machine)}, folder)
    return actions


async def opened(stage: Theatre) -> ProfileScreen:
    await stage.press("P")
    assert isinstance(stage.app.screen, ProfileScreen)
    return stage.app.screen


BEFORE = {
    "up": ("j", "j"),
    "top": ("j", "j"),
    "half_up": ("G",),
    "bottom": (),
    "zoom": ("j", "j", "j"),
    "right": ("j", "j", "j"),
    "left": ("j", "j", "j", "l"),
    "find": ("3",),
    "compare": ("5",),
    "tab('processes')": ("2",),
}
"""What is done on the profile screen, so that a key has something to do."""


async def look_into(stage: Theatre, where: str, action: str, folder: Path) -> None:
    """To a place of the profile screen where a key has something to do; looking once more shows something else."""
    many = tuple(PythonProcess(70 + number, 1, "python train.py") for number in range(60))
    machine = Machine(replace(SCENE, processes=many), kind="slurm")
    machine.hostnames = b"gpu01\ngpu02\n"
    job = row(1, nodes="gpu[01-02]")
    stage.actions.profiled[job.key] = Profiling(job, {"here": cast("Backend", machine)}, folder)
    await opened(stage)
    await stage.until("of 2 nodes")
    await stage.until("python train.py")
    if where == "flame" or action == "compare":
        await stage.press("r")
        await stage.until("100 samples")
        await stage.press("3")
    await stage.press(*BEFORE.get(action, ()))
    machine.scene = SCENE


async def test_the_process_under_the_cursor_is_recorded_and_its_functions_are_listed(tmp_path: Path) -> None:
    machine = Machine()
    async with board(row(1), actions=profiled(tmp_path, machine, row(1))) as stage:
        await opened(stage)
        await stage.until("python train.py --rank 3")
        await stage.press("j", "minus", "enter")
        await stage.until("100 samples of process 71 on gpu1")
        assert machine.calls[-1] == ("record", "/usr/bin/py-spy", 71, Sampling(5.0))
        lines = [line for line in stage.lines if "%" not in line]
        assert any("60.0   60.0    forward" in line for line in lines)
        assert any("30.0  100.0  • step" in line for line in lines)


async def test_options_are_told_and_asked_for(tmp_path: Path) -> None:
    machine = Machine()
    async with board(row(1), actions=profiled(tmp_path, machine, row(1))) as stage:
        await opened(stage)
        await stage.press("plus", "N", "o", "i", "s")
        assert "30 s · native · GIL only · idle too · children" in stage.lines[0]
        await stage.press("r")
        await stage.until("100 samples")
        assert machine.calls[-1][-1] == Sampling(30.0, 100, True, True, True, True)


async def test_a_recording_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    machine = Machine()
    machine.answering.clear()
    async with board(row(1), actions=profiled(tmp_path, machine, row(1))) as stage:
        screen = await opened(stage)
        await stage.press("r")
        await machine.recording.wait()
        await stage.until("recording process 70 … 0 of 10 s; esc gives it up")
        await stage.press("escape")
        await stage.until("given up: recording process 70")
        assert stage.app.screen is screen
        assert await screen.work.kept() == ()
        await stage.press("escape")
        assert stage.app.screen is not screen


async def test_a_refusal_is_explained_where_it_is_seen(tmp_path: Path) -> None:
    machine = Machine()
    machine.failure = CommandFailed("gpu1: looking into process 70 is not allowed", "only root may")
    async with board(row(1), actions=profiled(tmp_path, machine, row(1))) as stage:
        await opened(stage)
        await stage.press("r")
        await stage.until("gpu1: looking into process 70 is not allowed; only root may")


async def test_py_spy_is_sent_after_a_question_that_says_where(tmp_path: Path) -> None:
    machine = Machine(replace(SCENE, spies=()))
    async with board(row(1), actions=profiled(tmp_path, machine, row(1))) as stage:
        await opened(stage)
        await stage.press("r")
        await stage.until("gpu1:~/.cache/trainboard/py-spy-")
        await stage.press("n")
        assert not [call for call in machine.calls if call[0] == "send"]
        await stage.press("r", "y")
        await stage.until("100 samples of process 70")
        assert [call[0] for call in machine.calls if call[0] != "spy"] == ["send", "record"]


async def test_nothing_is_sent_where_nothing_may_be_changed(tmp_path: Path) -> None:
    machine = Machine(replace(SCENE, spies=()))
    async with board(row(1), actions=profiled(tmp_path, machine, row(1)), readonly=True) as stage:
        await opened(stage)
        await stage.press("r")
        await stage.until("gpu1 has no py-spy, and nothing is sent with --readonly")
        assert {call[0] for call in machine.calls} == {"spy"}


async def test_a_host_of_another_kind_gets_no_binary_of_ours(tmp_path: Path) -> None:
    machine = Machine(replace(SCENE, spies=(), machine="riscv64"))
    async with board(row(1), actions=profiled(tmp_path, machine, row(1))) as stage:
        await opened(stage)
        await stage.press("r")
        await stage.until("gpu1 is riscv64, the py-spy here is for ")


async def test_the_graph_is_walked_zoomed_and_searched(tmp_path: Path) -> None:
    async with board(row(1), actions=profiled(tmp_path, Machine(), row(1)), size=(81, 24)) as stage:
        screen = await opened(stage)
        await stage.press("r")
        await stage.until("100 samples")
        await stage.press("3")
        graph = screen.flame
        assert [line[:10].rstrip() for line in stage.lines[4:8]] == [
            "▏all 100%",
            "▏•<module>",
            "▏•step 100",
            "▏forward 6",
        ]
        await stage.press("j", "j", "j")
        assert graph.calls.function(graph.cursor).name == "forward"
        assert "forward 60.0%, 60.0% in itself  torch/nn.py" in stage.lines[3]
        await stage.press("l")
        assert "clock_nanosleep 10.0%" in stage.lines[3]
        await stage.press("enter")
        assert stage.lines[7].startswith("▏clock_nanosleep")
        await stage.press("escape")
        assert "clock_nanosleep" not in stage.lines[7][:40]
        await stage.press("slash", *"STEP", "enter")
        await stage.until("STEP: 100.0%")
        await stage.press("escape")
        await stage.gone("STEP")
        await stage.press("h", "k")
        assert graph.calls.function(graph.cursor) == Function("step", "/home/ann/train.py")


async def test_a_function_of_the_list_is_shown_in_the_graph_however_narrow(tmp_path: Path) -> None:
    machine = Machine()
    machine.stacks = "a (/x.py:1);b (/x.py:2) 9999\na (/x.py:1);c (/x.py:3);rare (/x.py:4) 1\n"
    async with board(row(1), actions=profiled(tmp_path, machine, row(1))) as stage:
        screen = await opened(stage)
        await stage.press("r")
        await stage.until("10000 samples")
        await stage.press("j", "enter")
        await stage.until("rare 0.0%")
        assert screen.flame.calls.function(screen.flame.cursor).name == "rare"


async def test_the_rank_that_stands_elsewhere_is_marked(tmp_path: Path) -> None:
    async with board(row(1), actions=profiled(tmp_path, Machine(), row(1))) as stage:
        await opened(stage)
        await stage.press("d")
        await stage.until("4 processes, 1 not where most are")
        lines = [line for line in stage.lines if "the main thread" in line]
        assert ["≠" in line for line in lines] == [False, False, True, False]
        assert "rank 0 (70)  the main thread waits for the other ranks (all_reduce) in train" in lines[0]


async def test_the_threads_of_all_nodes_are_side_by_side(tmp_path: Path) -> None:
    class Cluster(Machine):
        """Each node has two of the ranks; on the last there is no py-spy."""

        async def look(self, marks: Sequence[str], others: Sequence[int] = ()) -> Scene:
            node = self.calls[-1][2]
            first = {"gpu01": 0, "gpu02": 2, "gpu03": 4}[node]
            scene = replace(SCENE, host=node, processes=RANKS[first : first + 2])
            return replace(scene, spies=()) if node == "gpu03" else scene

    machine = Cluster(kind="slurm")
    machine.hostnames = b"gpu01\ngpu02\ngpu03\n"
    job = row(1, nodes="gpu[01-03]")
    async with board(job, actions=profiled(tmp_path, machine, job)) as stage:
        await opened(stage)
        await stage.press("d")
        await stage.until("5 processes, 1 not where most are")
        assert "≠ rank 2 on gpu02 (72)  the main thread works" not in stage.screen
        assert "≠ rank 2 on gpu02 (72)  the main thread waits in load" in stage.screen
        assert "rank 3 on gpu02 (73)  the main thread waits for the other ranks" in stage.screen
        assert "gpu03  it has no py-spy" in stage.screen


async def test_a_job_on_several_nodes_is_looked_into_node_by_node(tmp_path: Path) -> None:
    machine = Machine(kind="slurm")
    machine.hostnames = b"gpu01\ngpu02\n"
    job = row(1, nodes="gpu[01-02]")
    async with board(job, actions=profiled(tmp_path, machine, job)) as stage:
        await opened(stage)
        assert "on gpu01 (1 of 2 nodes)" in stage.lines[0]
        await stage.press("n")
        assert "on gpu02" in stage.lines[0]
        assert machine.calls[-1] == ("spy", "101", "gpu02")


async def test_profiles_that_were_kept_are_there_when_the_run_is_over_and_can_be_compared(tmp_path: Path) -> None:
    machine = Machine()
    work = Profiling(row(1), {"here": cast("Backend", machine)}, tmp_path)
    await work.record("/usr/bin/py-spy", SCENE, RANKS[0], Sampling(2.0, native=True))
    machine.stacks = RAW.replace(" 60", " 10")
    await work.record("/usr/bin/py-spy", SCENE, RANKS[1], Sampling(2.0))
    over = row(1, JobState.COMPLETED)
    async with board(over, actions=profiled(tmp_path, machine, over)) as stage:
        await opened(stage)
        await stage.until("it does not run (COMPLETED)")
        assert "rank 1 71 on gpu1, 2 s  python" in stage.lines[4]
        assert "rank 0 70 on gpu1, 2 s, native  python" in stage.lines[5]
        await stage.press("enter")
        await stage.until("50 samples of process 71")
        await stage.press("5", "j", "c")
        await stage.until("change")
        assert any("20.0   20.0  -40.0    forward" in line for line in stage.lines)
        await stage.press("r")
        await stage.until("there is no Python process to look into")


async def test_a_trace_of_a_run_that_is_over_is_read_where_it_lies(tmp_path: Path) -> None:
    machine = Machine()
    machine.files = (Result("tb/run\x1b.pt.trace.json", 45_000_000, NOW - 7200),)
    await asyncio.to_thread((tmp_path / "t.json").write_text, json.dumps(TORCH))
    machine.trace = await asyncio.to_thread(answer, str(tmp_path / "t.json"))
    over = row(1, JobState.COMPLETED, directory="/runs/1")
    async with board(over, actions=profiled(tmp_path, machine, over)) as stage:
        await opened(stage)
        await stage.until("43M  /home/ann/project/tb/run␛.pt.trace.json")
        assert "(2h ago)" in stage.screen
        await stage.press("enter")
        await stage.until("run␛.pt.trace.json: 2ms traced, GPU idle 55% of it, 2 steps of 1ms")
        assert machine.calls == [("traced", "/home/ann/project/tb/run\x1b.pt.trace.json")]
        assert any("400µs    20.0%  kernels" in line for line in stage.lines)
        assert any("500µs         2    250µs  sgemm" in line for line in stage.lines)
        last = [line for line in stage.lines[:-1] if line.strip()][-1]
        assert last.split()[:5] == ["3", "1ms", "500µs", "0µs", "0µs"]


async def test_what_a_program_calls_its_functions_cannot_reach_the_terminal(tmp_path: Path) -> None:
    machine = Machine(replace(SCENE, processes=(replace(RANKS[0], command="python \x1b[31mred"),)))
    machine.stacks = "evil\x1b[31m\x07 (/x\x1b.py:1) 5\n"
    async with board(row(1), actions=profiled(tmp_path, machine, row(1))) as stage:
        await opened(stage)
        await stage.press("r")
        await stage.until("5 samples")
        for key in "1234":
            await stage.press(key)
            assert not set(stage.screen) & {"\x1b", "\x07"}


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_every_line_is_as_wide_as_the_screen(size: tuple[int, int], tmp_path: Path) -> None:
    async with board(row(1), actions=profiled(tmp_path, Machine(), row(1)), size=size) as stage:
        await opened(stage)
        await stage.press("r")
        await stage.until("100 samples")
        for key in "123456":
            await stage.press(key)
            assert {len(line) for line in stage.lines} == {size[0]}
            assert "q quit" in stage.lines[-1]


async def test_without_a_job_there_is_nothing_to_look_into() -> None:
    async with board(row(1)) as stage:
        await stage.press("P")
        await stage.until("this job is not in the table any more")
