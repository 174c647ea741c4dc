"""What is known of clusters and of jobs that wait: asked once a minute for all processes, told in plain words."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from backends.base import HostTimeout, JobState
from backends.cluster import Trouble, Variant, Variants
from backends.verdicts import Queued, Verdict
from tests.trainboard.clusterfakes import AT, FakeCluster, a_look, a_node, waits_of
from tests.trainboard.fakes import FakeBackend, an_attempt, records_of
from trainboard import clustertext, whytext
from trainboard.actions import Refused
from trainboard.clusters import AGE, Clusters, experiments_before, on_host
from trainboard.reasons import explain
from trainboard.records import Experiment
from trainboard.rows import Row
from trainboard.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from backends.base import Backend, Watched


class Desk:
    """Two processes on one state folder, and a clock that a test puts."""

    def __init__(self, folder: Path, *backends: Backend) -> None:
        self.by_name = {backend.name: backend for backend in backends}
        self.store = Store(folder)
        self.folder = folder / "pictures"
        self.now = AT + 1
        self.one, self.other = self.process(), self.process()

    def process(self) -> Clusters:
        return Clusters(lambda: self.by_name, self.store, self.folder, lambda: self.now)


def a_row(state: JobState = JobState.PENDING, **fields: object) -> Row:
    row = Row("r1", "triton", "77", "exp-1/x", state, reason="Priority")
    return replace(row, **fields)  # type: ignore[arg-type]  # fields by name


async def test_two_boards_ask_a_cluster_once_a_minute(tmp_path: Path) -> None:
    triton = FakeCluster()
    desk = Desk(tmp_path, triton)
    assert await desk.one.look("triton") == triton.seen
    assert await desk.other.look("triton") == triton.seen
    await asyncio.gather(*(desk.one.look("triton") for _ in range(5)))
    assert triton.looks == 1
    desk.now += AGE
    triton.seen = a_look(at=desk.now)
    assert (await desk.other.look("triton")).at == desk.now
    assert (await desk.one.look("triton")).at == desk.now
    assert triton.looks == 2


async def test_a_torn_file_of_another_process_is_no_answer(tmp_path: Path) -> None:
    triton = FakeCluster()
    desk = Desk(tmp_path, triton)
    await desk.one.look("triton")
    (desk.folder / "triton.cluster").write_text('{"version": 1, "seen": {"backend"')
    await desk.other.look("triton")
    assert triton.looks == 2


async def test_a_cluster_that_does_not_answer_is_refused_and_its_last_picture_stays(tmp_path: Path) -> None:
    triton = FakeCluster()
    desk = Desk(tmp_path, triton)
    seen = await desk.one.look("triton")
    triton.error = HostTimeout("triton: no answer")
    desk.now += AGE
    with pytest.raises(Refused, match="no answer"):
        await desk.one.look("triton")
    assert desk.one.known("triton") == seen


async def test_what_is_no_cluster_is_refused_with_those_that_are(tmp_path: Path) -> None:
    desk = Desk(tmp_path, FakeCluster(), FakeBackend("gpu1"))
    with pytest.raises(Refused, match=r"gpu1 is no cluster.*triton"):
        await desk.one.look("gpu1")
    assert desk.one.names() == ["triton"]


async def test_a_job_that_waits_on_a_cluster_is_explained(tmp_path: Path) -> None:
    desk = Desk(tmp_path, FakeCluster())
    why = await desk.one.why(a_row())
    text = "\n".join(f"{line.about}: {line.text}" for line in whytext.lines(why))
    assert "why: Jobs with a higher priority go first." in text
    assert "place: 4 jobs of 2 users before it (12 GPUs); 5 that wait in gpu" in text
    assert "start: in 3h00" in text
    assert "priority: 200: fair share 150, age 50" in text
    assert "waits for: afterok job 70: FAILED data; this never comes about" in text
    assert "asks for: 2 GPUs, 4 CPUs, 2h, partition gpu, account dl, QOS normal" in text


async def test_the_reason_is_the_schedulers_own_of_now_and_not_that_of_the_last_poll(tmp_path: Path) -> None:
    triton = FakeCluster()
    triton.waiting = waits_of("JobHeldUser")
    desk = Desk(tmp_path, triton)
    assert (await desk.one.why(a_row())).told == explain("JobHeldUser")


async def test_a_scheduler_that_cannot_be_asked_leaves_what_the_table_knew(tmp_path: Path) -> None:
    triton = FakeCluster()
    triton.error = HostTimeout("triton: no answer")
    why = await Desk(tmp_path, triton).one.why(a_row())
    assert (why.told, why.trouble) == (explain("Priority"), "no answer")
    with pytest.raises(Refused, match="only a scheduler"):
        await Desk(tmp_path, triton).one.smaller(why)


async def test_only_what_waits_has_a_reason(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="does not wait: it is RUNNING"):
        await Desk(tmp_path, FakeCluster()).one.why(a_row(JobState.RUNNING))


async def test_smaller_ones_that_start_sooner_are_marked(tmp_path: Path) -> None:
    desk = Desk(tmp_path, FakeCluster())
    why = await desk.one.why(a_row())
    found = await desk.one.smaller(why)
    lines = list(whytext.of_variants(found))
    assert lines[0].text.startswith("as it is, sent now: in 2h00")
    assert lines[1].text == "✓ 1 GPU instead of 2: would start now  (--gres=gpu:1)"
    assert whytext.as_json(why, found)["variants"][1]["sooner"] is True


@pytest.mark.parametrize(
    ("asked", "other", "better"),
    [
        (AT + 7200, AT + 60, True),
        (AT + 7200, AT + 7000, False),
        (AT + 7200, AT + 3600, True),
        (AT + 60, AT, False),
        (None, AT + 60, True),
        (AT + 900, None, False),
    ],
)
def test_a_gain_must_be_worth_it(asked: float | None, other: float | None, better: bool) -> None:
    assert whytext.sooner(Variant("x", (), other), Variant("", (), asked), AT) is better


def test_a_smaller_one_that_is_not_taken_gains_nothing() -> None:
    found = Variants(AT, Variant("", (), None, "no such nodes"), (Variant("x", (), AT, "no"),))
    assert [line.text for line in whytext.of_variants(found)][-1] == "none of these would start much sooner"


def test_what_a_host_says_reaches_no_terminal_raw() -> None:
    evil = "\x1b[2J\x1b]52;c;x\x07"
    waits = waits_of(troubles=(Trouble("place", evil),), private=True)
    text = "".join(line.text for line in whytext.of_scheduler(replace(waits, job=replace(waits.job, account=evil))))
    assert "\x1b" not in text
    assert "hides the jobs of others" in text
    seen = a_look(nodes=(a_node("g1", "DOWN", reason=evil),), troubles=(Trouble("shares", evil),))
    shown = [*clustertext.sentences(seen), *(cell for row in clustertext.folded(seen.nodes, AT) for cell in row)]
    assert "\x1b" not in "".join(shown)


class Queue(FakeBackend):
    """A server whose waiter told of its GPUs."""

    async def verdicts(self, attempt: Watched) -> Queued | None:
        self._fail()
        return Queued("waits for a GPU with 20G free", (Verdict(0, "used by eve"), Verdict(1, "")))


async def test_on_a_server_every_gpu_is_explained(tmp_path: Path) -> None:
    why = await Desk(tmp_path, Queue("gpu1")).one.why(a_row(backend="gpu1"))
    lines = [(line.about, line.text) for line in whytext.lines(why)]
    assert lines == [
        ("why", "waits for a GPU with 20G free"),
        ("GPU 0", "used by eve"),
        ("GPU 1", "it could have this one"),
    ]


def test_what_is_told_of_each_gpu_is_not_told_twice() -> None:
    busy = Queued("GPU 0: eve; GPU 1: bob; 2 of 2 CPUs taken", (Verdict(0, "eve"), Verdict(1, "bob")))
    assert on_host(busy, "").plain == "It gets none of the GPUs yet; 2 of 2 CPUs taken."
    assert on_host(Queued("", ()), "").plain == "Its turn comes."
    assert on_host(None, "held").plain == "held"


async def test_experiments_that_come_after_others_are_a_tree(tmp_path: Path) -> None:
    attempts = [an_attempt("t1", JobState.FAILED), an_attempt("t2", run="x-1.1")]
    first, *runs = records_of(*attempts)
    assert isinstance(first, Experiment)
    second = replace(first, id="y-1", after=("x-1",))
    third = replace(first, id="z-1", after=("y-1", "gone-1"))
    desk = Desk(tmp_path, FakeCluster())
    await desk.store.put(first, second, third, *runs)
    records = await desk.store.load()
    y, gone = experiments_before(records, "z-1")
    assert (y.job_id, y.state, y.never) == ("y-1", "0 of 0 completed", False)
    assert [(each.job_id, each.state, each.never) for each in y.before] == [
        ("x-1", "0 of 2 completed, 1 failed", True)
    ]
    assert (gone.state, gone.never) == ("gone", True)
    why = await desk.one.why(a_row(experiment="y-1", unsent=True, reason="waits for x-1"))
    assert [line.text for line in whytext.lines(why)] == [
        "waits for x-1",
        "x-1: 0 of 2 completed, 1 failed; this never comes about",
    ]


def test_partitions_show_what_is_free_on_nodes_that_take_jobs() -> None:
    gpu, short = clustertext.partition_rows(a_look())
    assert gpu == ("gpu*", "up", "2d00h", "1/3", "a100 5/12", "28/48", "7", "40", "96", "R 1 PD 2")
    assert short[3:6] == ("1/1", "-", "16/16")


def test_what_is_hidden_or_not_known_is_no_zero() -> None:
    hidden = clustertext.partition_rows(a_look(private=True))[0]
    assert hidden[6:] == ("?", "?", "?", "R 1 PD 2")
    failed = a_look(crowd=(), nodes=(), troubles=(Trouble("crowd", "no answer"), Trouble("nodes", "no answer")))
    assert clustertext.partition_rows(failed)[0][3:] == ("?/3", "?", "?", "?", "?", "?", "?")
    assert clustertext.as_json(failed)["queue"] is None
    assert clustertext.as_json(failed)["nodes"] is None
    assert "queue: you have no jobs in it" in list(clustertext.sentences(a_look(private=True, crowd=())))


def test_nodes_that_are_alike_stand_in_one_line() -> None:
    nodes = [a_node(f"g{n:02}") for n in range(1, 30)] + [a_node("g30", "DOWN", reason="fan")]
    rows = clustertext.folded(nodes, AT)
    assert [row[0] for row in rows] == ["g[01-29]", "g30"]
    assert rows[0][2] == "a100 116/116"
    assert rows[1][6] == "out of use: fan"


def test_a_drained_node_says_why_by_whom_and_since_when() -> None:
    assert clustertext.why_away(a_look().nodes[2], AT) == "empty; takes no new jobs: fan (ops, 3h00 ago)"
    assert [node.name for node in clustertext.matching(a_look().nodes, ("drain", "fan"))] == ["g3"]


def test_a_share_says_what_it_means() -> None:
    (told,) = [line for line in clustertext.sentences(a_look()) if line.startswith("account")]
    assert "10.0% granted, 25.0% of late's use, 2.5 times the share, factor 0.20" in told
    assert "go late" in told
