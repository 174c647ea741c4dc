"""Each check by itself: facts in, lines out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backends.base import Disk, JobState, Room
from backends.checks import Card, FolderSeen, Forecast, InputSeen, Nodes, Program, Rehearsal, Space, Survey, Unknown
from specs.expand import expand
from specs.inputs import inputs_of
from specs.load import loads
from tests.trainboard.fakes import a_folder, an_attempt
from trainboard.documents import Records
from trainboard.plans import plan_of
from trainboard.preflight import Check, Level, Report, cluster, data, host, models, shell, space
from trainboard.preflight.facts import Facts, Question
from trainboard.preflight.needs import Learnt, Need, learnt, need
from trainboard.preflight.programs import commands_of
from trainboard.preflight.table import CHECKS, checks_of
from trainboard.records import Experiment, Run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trainboard.preflight.said import Said

G = 1 << 30
SURVEY = Survey("3.11.7", 16, 64 * G, (a_folder("/there"), a_folder("/tmp")), {}, (Card("A100", 40 * G),) * 2)
OFFER = (
    Nodes("gpu", True, "up", 172800.0, 3600.0, 3, 16, 64 * G, (("a100", 4),)),
    Nodes("short", False, "up", 3600.0, None, 3, 16, 64 * G, (("a100", 4),)),
    Nodes("cpu", False, "drain", None, None, 10, 128, 256 * G),
)


NOTHING = Learnt()


def facts(
    more: str = "", *, known: Learnt = NOTHING, alone: bool = True, folder: Path = Path("/tmp"), **changes: object
) -> Facts:
    """Of a spec of two runs, on a server where all is well."""
    text = f"name: x\ncommand: python train.py --lr {{lr}}\nsweep: {{lr: [0.1, 0.2]}}\n{more}"
    spec = loads(text, folder / "x.yaml")
    settings = expand(spec)
    plans = [plan_of(spec, "x", each, "0" * 16, {}) for each in settings]
    inputs = dict.fromkeys(inputs_of(spec, settings[0]), (0, 1))
    question = Question(spec, plans[0], len(plans), commands_of(settings, plans), inputs, known, alone, 1000.0)
    rehearsal = Rehearsal(0, "", {"python": "/bin/python"})
    made = Facts(question, "ssh", True, SURVEY, rehearsal, None, Room(None))
    return replace(made, **changes)  # type: ignore[arg-type]  # fields by name


def only(said: Iterator[Said]) -> Said:
    """The one line that there is."""
    [one] = said
    return one


def told(said: Iterator[Said]) -> list[tuple[Level, str]]:
    """All lines."""
    return [(each.level, each.text) for each in said]


# the report


def test_a_backend_has_failed_where_one_check_has() -> None:
    report = Report((Check("a", (), "x", Level.PASS, "fine"), Check("b", (1,), "y", Level.FAIL, "bad", "change it")))
    assert (report.failed("a"), report.failed("b"), report.failed("c")) == (False, True, False)
    assert report.left(["b", "a"]) == ("a",)
    assert [check.line for check in report.fails()] == ["b: y: bad; change it"]
    assert report.as_json()[1] == {
        "backend": "b",
        "runs": [1],
        "name": "y",
        "level": "FAIL",
        "text": "bad",
        "advice": "change it",
    }


def test_what_could_not_be_found_out_is_a_warning_with_its_reason_and_never_a_pass(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("")
    nothing = Unknown("no answer within 60 s")
    blind = replace(
        facts("resources: {gpus: 1}\ninputs: [/data/x]\n", folder=tmp_path),
        survey=nothing,
        rehearsal=nothing,
        room=nothing,
    )
    for kind in ("ssh", "slurm"):
        forecast = None if kind == "ssh" else nothing
        checks = list(checks_of("b", replace(blind, kind=kind, forecast=forecast)))
        assert {check.level for check in checks} == {Level.WARN}
        assert {check.text for check in checks} == {"not checked: no answer within 60 s"}
        assert {"work folder", "disk", "setup", "command", "queue"} <= {check.name for check in checks}


def test_a_backend_where_all_is_well_only_passes(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("")
    needs = "resources: {gpus: 1, gpu_memory: 20G, memory: 8G, cpus: 4, disk: 1G, time: 1h}\n"
    server = facts(needs, folder=tmp_path)
    assert {check.level for check in checks_of("b", server)} == {Level.PASS}
    slurm = replace(server, kind="slurm", forecast=Forecast(OFFER, 1030.0))
    assert {check.level for check in checks_of("b", slurm)} == {Level.PASS}


def test_every_check_is_in_the_table_once_for_a_kind() -> None:
    for kind in ("ssh", "slurm"):
        some = facts("resources: {gpus: 1}\ninputs: [/data/x]\n", kind=kind, forecast=Forecast(OFFER))
        says = [entry.say for entry in CHECKS if entry.applies(some)]
        assert len(says) == len(set(says))


# needs


def finished(*peaks: dict[str, float], state: JobState = JobState.COMPLETED) -> Records:
    """Attempts of the spec x that have used so much."""
    attempts = [an_attempt(f"t{n}", state, peaks=each) for n, each in enumerate(peaks)]
    other = an_attempt("other", state, run="y-1.0", peaks={"memory": 1e15})
    experiments = {name: Experiment(name, name[0], "/x.yaml", "", 1.0) for name in ("x-1", "y-1")}
    runs = {f"{name}.0": Run(f"{name}.0", name, 0, "", {}) for name in experiments}
    return Records(experiments, runs, {each.id: each for each in (*attempts, other)})


def test_what_is_learnt_is_the_90th_percentile_of_finished_attempts_of_the_same_spec() -> None:
    known = learnt(finished(*({"memory": float(n), "seconds": 5.0} for n in range(1, 21)), {}), "x")
    assert known == Learnt(memory=Need(18.0, 20), seconds=Need(5.0, 20))
    assert learnt(finished({"memory": 7.0}), "x").memory == Need(7.0, 1)


def test_attempts_that_did_not_complete_teach_nothing() -> None:
    assert learnt(finished({"memory": 7.0}, state=JobState.FAILED), "x") == Learnt()


def test_what_is_declared_counts_before_what_is_learnt() -> None:
    assert need(5.0, Need(7.0, 3)) == Need(5.0)
    assert need(None, Need(7.0, 3)) == Need(7.0, 3)
    assert need(None, None) is None


# space


@pytest.mark.parametrize(
    ("free", "wanted", "alone", "level", "words"),
    [
        (100 * G, Need(5.0 * G), True, Level.PASS, "a run writes 5.0G (declared)"),
        (3 * G, Need(5.0 * G), True, Level.FAIL, "3.0G left (disk)"),
        (3 * G, Need(5.0 * G, 4), False, Level.FAIL, "learnt from 4 finished attempts"),
        (40 * G, Need(5.0 * G), True, Level.FAIL, "space for 8 of 10 runs"),
        (40 * G, Need(5.0 * G), False, Level.WARN, "space for 8 of 10 runs"),
        (40 * G, Need(5.0 * G, 1), True, Level.WARN, "learnt from 1 finished attempt)"),
        (40 * G, None, True, Level.PASS, "neither declared nor learnt"),
        (G // 2, None, True, Level.WARN, "512M left"),
        (0, Need(0.0, 1), True, Level.PASS, "0B left"),
    ],
)
def test_the_space_for_runs(free: int, wanted: Need | None, alone: bool, level: Level, words: str) -> None:
    said = space.judge("disk", free, wanted, 10, alone=alone)
    assert said.level is level
    assert words in said.text
    assert said.level is Level.PASS or said.advice


def test_what_runs_have_written_is_not_needed_again() -> None:
    attempts = [
        an_attempt("a", JobState.RUNNING, peaks={"disk": 4.0}),
        an_attempt("b", JobState.RUNNING, peaks={"disk": 40.0}),
        an_attempt("c", JobState.PENDING),
        an_attempt("d", JobState.COMPLETED),
        an_attempt("e", JobState.RUNNING),
    ]
    assert space.still_needed(attempts, dict.fromkeys("abcd", 10.0)) == 6.0 + 0.0 + 10.0


def test_a_shortage_names_the_disk_and_what_is_needed() -> None:
    disk = Disk("/scratch", 100 * G, 3 * G)
    assert space.shortage(disk, 3 * G, 2) == ""
    words = "3.0G left on /scratch, and 2 runs there may still write 4.0G"
    assert space.shortage(disk, 4 * G, 2) == words


# the host


def folders(*seen: FolderSeen) -> Facts:
    """A host with these folders."""
    return facts(survey=replace(SURVEY, folders=seen))


def test_a_work_folder_that_cannot_be_written_to_fails() -> None:
    some = folders(FolderSeen("/there", False, "/: Read-only file system"))
    said = only(host.work_folder(some, some.survey))  # type: ignore[arg-type]  # it is no Unknown
    assert (said.level, said.text) == (Level.FAIL, "nothing can be written: /: Read-only file system")


def test_a_project_folder_that_is_not_there_fails_with_what_to_set() -> None:
    some = replace(SURVEY, folders=(a_folder("/there"), FolderSeen("/p", False, "")))
    said = only(host.project_folder(facts(), some))
    assert said.level is Level.FAIL
    assert "shared: false" in said.advice


def test_a_quota_counts_where_it_is_tighter_than_the_disk() -> None:
    spaces = (Space("disk", 100 * G, None), Space("user quota", 1 * G, 300))
    some = replace(SURVEY, folders=(FolderSeen("/home/me/runs", True, "", spaces),))
    lines = told(host.disk(facts("resources: {disk: 2G}\n"), some))
    assert lines[0][0] is Level.FAIL
    assert "1.0G left (user quota at /home/me/runs)" in lines[0][1]
    assert lines[1] == (Level.WARN, "300 more files (user quota at /home/me/runs)")


def test_two_folders_on_one_disk_are_told_of_once() -> None:
    assert len(list(host.disk(facts(), SURVEY))) == 1
    apart = replace(SURVEY, folders=(a_folder("/there", 5 * G), a_folder("/tmp", 50 * G)))
    assert len(list(host.disk(facts(), apart))) == 2


def test_two_folders_on_one_disk_are_told_of_once_while_others_write_to_it() -> None:
    first, later = (replace(a_folder("/there", free), filesystem=7) for free in (5 * G, 5 * G - 4096))
    assert len(list(host.disk(facts(), replace(SURVEY, folders=(first, later))))) == 1
    mine = replace(later, spaces=(*later.spaces, Space("quota of /p", 1 * G)))
    assert len(list(host.disk(facts(), replace(SURVEY, folders=(first, mine))))) == 2
    assert len(list(host.disk(facts(), replace(SURVEY, folders=(first, replace(first, filesystem=8)))))) == 2


def test_a_quota_that_nobody_tells_is_a_warning() -> None:
    seen = FolderSeen("/there", True, "", (Space("disk", G * 9),), "quota: no answer within 5 s")
    lines = told(host.disk(facts(), replace(SURVEY, folders=(seen,))))
    assert lines[1] == (Level.WARN, "no quota known at /there: quota: no answer within 5 s")


@pytest.mark.parametrize(
    ("asked", "cards", "level"),
    [
        (2, SURVEY.cards, Level.PASS),
        (3, SURVEY.cards, Level.FAIL),
        (1, (), Level.FAIL),
        (1, Unknown("nvidia-smi has not answered for 10 s"), Level.WARN),
    ],
)
def test_so_many_gpus(asked: int, cards: tuple[Card, ...] | Unknown, level: Level) -> None:
    some = facts(f"resources: {{gpus: {asked}}}\n")
    assert only(host.gpus(some, replace(SURVEY, cards=cards))).level is level


@pytest.mark.parametrize(
    ("declared", "known", "levels"),
    [
        ("gpu_memory: 40G", None, [Level.PASS]),
        ("gpu_memory: 41G", None, [Level.FAIL]),
        ("cpus: 1", 41.0 * G, [Level.WARN]),
        ("gpu_memory: 10G", 20.0 * G, [Level.PASS, Level.WARN]),
        ("cpus: 1", None, []),
    ],
)
def test_the_memory_of_gpus(declared: str, known: float | None, levels: list[Level]) -> None:
    taught = Learnt(gpu_memory=None if known is None else Need(known, 3))
    some = facts(f"resources: {{gpus: 1, {declared}}}\n", known=taught)
    assert [each.level for each in host.gpu_memory(some, SURVEY)] == levels


def test_memory_and_cpus_of_a_server() -> None:
    some = facts("resources: {memory: 65G, cpus: 17}\n")
    assert only(host.memory(some, SURVEY)).level is Level.FAIL
    assert only(host.cpus(some, SURVEY)).level is Level.FAIL
    untold = replace(SURVEY, memory=None, cpus=None)
    assert only(host.memory(some, untold)).level is only(host.cpus(some, untold)).level is Level.WARN


def test_less_than_finished_runs_used_is_a_warning() -> None:
    known = Learnt(memory=Need(20.0 * G, 9), seconds=Need(7200.0, 9))
    some = facts("resources: {memory: 10G, time: 1h}\n", known=known)
    assert only(host.memory_known(some, None)).advice == "ask for `memory: 24G`"
    assert (
        only(host.time_known(some, None)).text == "a run took 2h00 (learnt from 9 finished attempts), and gets 1h00"
    )


@pytest.mark.parametrize(
    ("room", "level", "words"),
    [
        (Room(None, 1, "MaxSubmitJobs in account x: 10"), Level.WARN, "room for 1 of 2 runs now (MaxSubmitJobs"),
        (Room(None, 50), Level.PASS, "room for 50 more jobs"),
        (Room(None), Level.PASS, "room for all 2"),
        (Room(2), Level.PASS, "would start at once"),
        (Room(1, None, "1 run ahead"), Level.PASS, "1 of 2 would start at once, the others as these end"),
        (Room(0, None, "GPU 0 is busy"), Level.PASS, "0 of 2 would start at once: GPU 0 is busy"),
    ],
)
def test_how_many_runs_there_is_room_for(room: Room, level: Level, words: str) -> None:
    said = only(host.queue(facts(), room))
    assert said.level is level
    assert words in said.text


# the cluster


def on_slurm(more: str = "", known: Learnt = NOTHING) -> Facts:
    """A spec for a cluster."""
    return facts(more, known=known, kind="slurm", forecast=Forecast(OFFER))


@pytest.mark.parametrize(
    ("slurm", "level", "words"),
    [
        ("", Level.PASS, "gpu"),
        ("slurm: {partition: short}\n", Level.PASS, "short"),
        ("slurm: {sbatch: [--partition=cpu]}\n", Level.WARN, "cpu is drain"),
        ("slurm: {partition: shrt}\n", Level.FAIL, "short"),
    ],
)
def test_a_partition_is_there_and_open(slurm: str, level: Level, words: str) -> None:
    said = only(cluster.partition(on_slurm(slurm), OFFER))
    assert said.level is level
    assert words in said.text


def test_a_cluster_without_a_default_partition_wants_a_name() -> None:
    said = only(cluster.partition(on_slurm(), OFFER[1:]))
    assert (said.level, said.text) == (Level.FAIL, "the cluster has no default partition")


@pytest.mark.parametrize(
    ("more", "known", "level", "words"),
    [
        ("resources: {time: 2h}\nslurm: {partition: short}\n", None, Level.FAIL, "2h00 is more than partition short"),
        ("resources: {time: 2h}\nslurm: {partition: 'short,gpu'}\n", None, Level.PASS, "2h00 of 2d00h"),
        ("resources: {time: 300d}\nslurm: {partition: cpu}\n", None, Level.PASS, "of any"),
        ("", None, Level.PASS, "a job gets 1h00 in gpu"),
        ("slurm: {partition: cpu}\n", None, Level.PASS, "no limit in cpu"),
        ("", 5000.0, Level.WARN, "a run took 1h23 (learnt from 3 finished attempts), and gets 1h00"),
        ("resources: {time: 2h}\n", 5000.0, Level.PASS, "2h00 of 2d00h"),
    ],
)
def test_the_time_fits_the_partition(more: str, known: float | None, level: Level, words: str) -> None:
    taught = Learnt(seconds=None if known is None else Need(known, 3))
    said = only(cluster.time(on_slurm(more, taught), OFFER))
    assert said.level is level
    assert words in said.text


@pytest.mark.parametrize(
    ("more", "levels"),
    [
        ("resources: {gpus: 4, cpus: 16, memory: 64G}\n", [Level.PASS]),
        ("resources: {gpus: 5}\n", [Level.FAIL]),
        ("resources: {cpus: 17}\n", [Level.FAIL]),
        ("resources: {cpus: 17}\nslurm: {partition: cpu}\n", [Level.PASS]),
        ("resources: {gpus: 5}\nslurm: {sbatch: [--nodes=2]}\n", []),
        ("", []),
    ],
)
def test_a_node_has_it_all_together(more: str, levels: list[Level]) -> None:
    assert [each.level for each in cluster.node(on_slurm(more), OFFER)] == levels


@pytest.mark.parametrize(
    ("wanted", "own", "level"),
    [
        ("32G", "", Level.PASS),
        ("60G", "", Level.WARN),
        ("90G", "", Level.FAIL),
        ("90G", "slurm: {partition: cpu}\n", Level.WARN),
    ],
)
def test_gpu_memory_goes_by_the_type_that_the_partition_has(wanted: str, own: str, level: Level) -> None:
    some = on_slurm(f"resources: {{gpus: 1, gpu_memory: {wanted}}}\n{own}")
    assert only(cluster.gpu_memory(some, OFFER)).level is level


@pytest.mark.parametrize(
    ("name", "memory"),
    [
        ("a100", (40 * G, 80 * G)),
        ("nvidia_a100-sxm4-80gb", (80 * G, 80 * G)),
        ("a100_1g.5gb", (5 * G, 5 * G)),
        ("v100", (16 * G, 32 * G)),
        ("rtx3090", (24 * G, 24 * G)),
        ("gh200", (95 * G, 144 * G)),
        ("nvidia_h200_nvl", (140 * G, 141 * G)),
        ("nvidia_rtx_6000_ada_generation", (48 * G, 48 * G)),
        ("nvidia_geforce_rtx_2080_ti", (11 * G, 11 * G)),
        ("tesla", None),
        ("", None),
    ],
)
def test_the_memory_of_a_type(name: str, memory: tuple[int, int] | None) -> None:
    assert models.memory(name) == memory


@pytest.mark.parametrize(
    ("forecast", "level", "words"),
    [
        (Forecast(OFFER, 1030.0), Level.PASS, "start it now"),
        (Forecast(OFFER, 8200.0), Level.PASS, "start it in 2h00"),
        (Forecast(OFFER), Level.PASS, "Slurm would take it"),
        (Forecast(OFFER, None, "Invalid feature specification"), Level.FAIL, "Invalid feature specification"),
        (Forecast(OFFER, None, "Socket timed out", True), Level.WARN, "Socket timed out"),
    ],
)
def test_what_the_scheduler_says_is_told(forecast: Forecast, level: Level, words: str) -> None:
    said = only(cluster.scheduler(on_slurm(), forecast))
    assert said.level is level
    assert words in said.text


# the shell


def tried(setup: int | None = 0, **changes: object) -> Rehearsal:
    """A set-up after which Python is there."""
    made = Rehearsal(setup, "what it said", {"python": "/bin/python"})
    return replace(made, **changes)  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    ("setup", "kind", "level"),
    [
        ("module load x", "ssh", Level.FAIL),
        ("module load x", "slurm", Level.FAIL),
        ("nvidia-smi", "slurm", Level.WARN),
    ],
)
def test_a_setup_that_fails(setup: str, kind: str, level: Level) -> None:
    said = only(shell.setup(facts(f"setup: {setup}\n", kind=kind), tried(1)))
    assert said.level is level
    assert said.text.startswith("the set-up ended with 1: what it said")


def test_without_a_setup_only_a_broken_login_shell_is_told_of() -> None:
    assert list(shell.setup(facts(), tried())) == []
    assert only(shell.setup(facts(), tried(1))).text.startswith("the login shell ended with 1")


def test_a_command_that_is_not_found_fails_with_its_runs(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("")
    some = facts(folder=tmp_path)
    assert told(shell.command(some, tried())) == [(Level.PASS, "python /bin/python")]
    missing = only(shell.command(some, tried(where={})))
    assert (missing.level, missing.runs) == (Level.FAIL, (0, 1))
    assert only(shell.command(some, tried(1))).level is Level.WARN


def test_a_script_is_looked_for_here_and_there(tmp_path: Path) -> None:
    here = only(shell.files(facts(folder=tmp_path), None))
    assert (here.level, here.text) == (Level.FAIL, "train.py: not in the project folder")
    assert list(shell.command(facts(folder=tmp_path), tried())) == []
    (tmp_path / "train.py").write_text("")
    gone = only(shell.command(facts(folder=tmp_path), tried(absent=frozenset({"train.py"}))))
    assert (gone.level, gone.text) == (Level.FAIL, "train.py: not there")


@pytest.mark.parametrize("setup", ["cd src", "cp template train.py", "git clone https://x.org/y ."])
def test_what_a_setup_may_see_to_does_not_fail_here(tmp_path: Path, setup: str) -> None:
    some = facts(f"setup: {setup}\n", folder=tmp_path)
    assert list(shell.files(some, None)) == []
    assert only(shell.command(some, tried(absent=frozenset({"train.py"})))).level is Level.FAIL
    assert only(shell.files(replace(some, shared=False), None)).level is Level.WARN


def test_imports_that_are_missing_fail_by_name(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import torch, numpy\n")
    some = facts(folder=tmp_path)
    assert some.question.commands.programs == {Program("python", "train.py", ("numpy", "torch")): (0, 1)}
    lacking = only(shell.imports(some, tried(lacking={"python": ("torch",)})))
    assert (lacking.level, lacking.text) == (Level.FAIL, "/bin/python has no torch")
    assert only(shell.imports(some, tried(lacking={"python": ()}))).level is Level.PASS
    assert only(shell.imports(some, tried())).level is Level.WARN


# inputs


SHA = "ab" * 32


@pytest.mark.parametrize(
    ("wanted", "seen", "level", "words"),
    [
        ("{path: /d/x}", InputSeen("file", 5), Level.PASS, "1 file there"),
        ("{path: /d/x}", InputSeen("folder"), Level.PASS, "1 folder there"),
        ("{path: /d/x}", InputSeen(""), Level.FAIL, "/d/x: not there"),
        ("{path: /d/x}", InputSeen("file", 5, trouble="Permission denied"), Level.FAIL, "Permission denied"),
        ("{path: /d/x, size: 5}", InputSeen("file", 5), Level.PASS, "1 file there"),
        ("{path: /d/x, size: 5}", InputSeen("file", 6), Level.FAIL, "6 bytes) instead of 5B"),
        ("{path: /d/x, size: 12G}", InputSeen("file", 12 * G + G // 2), Level.PASS, "1 file there"),
        ("{path: /d/x, size: 12G}", InputSeen("file", 9 * G), Level.FAIL, "instead of 12G"),
        ("{path: /d/x, size: 12G}", InputSeen("folder"), Level.FAIL, "a folder"),
        (f"{{path: /d/x, sha256: {SHA}}}", InputSeen("file", 5, SHA), Level.PASS, "1 file there"),
        (f"{{path: /d/x, sha256: {SHA}}}", InputSeen("file", 5, "cd" * 32), Level.FAIL, "cdcdcdcdcdcd…, not abab"),
        (f"{{path: /d/x, sha256: {SHA}}}", InputSeen("file", 5, late=True), Level.WARN, "not enough time"),
    ],
)
def test_an_input_is_as_it_is_said_to_be(wanted: str, seen: InputSeen, level: Level, words: str) -> None:
    some = facts(f"inputs: [{wanted}]\n")
    said = only(data.inputs(some, replace(SURVEY, inputs={"/d/x": seen})))
    assert said.level is level
    assert words in said.text


def test_of_very_many_missing_inputs_some_are_named_and_all_counted() -> None:
    paths = [f"/d/{n}" for n in range(data.LINES + 7)]
    some = facts(f"inputs: {paths}\n")
    lines = list(data.inputs(some, replace(SURVEY, inputs={path: InputSeen("") for path in paths})))
    assert len(lines) == data.LINES + 1
    assert lines[-1].text == "and 7 more that are not as they should be"


def test_an_input_that_was_not_asked_for_is_a_warning() -> None:
    assert only(data.inputs(facts("inputs: [/d/x]\n"), SURVEY)).level is Level.WARN
