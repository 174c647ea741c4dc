"""The helper's frames and the rules for files that are sent to a host."""

from __future__ import annotations

import ast
import inspect
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends import queue, remote, runner
from backends.base import JobState
from backends.host import helper_command, helper_text
from backends.programs import modules, runner_source
from backends.queue import scene, tickets
from backends.queue.folder import Folder
from backends.queue.order import order
from backends.queue.processes import boot_id, start_time
from backends.queue.records import ticket_of
from backends.remote import control, folders
from backends.remote.attempts import attempt_state, marked
from backends.remote.commands import Commands
from backends.remote.frames import GREETING, Decoder, Failure, encode
from backends.remote.scan import scan
from backends.server import Standing, stands
from tests.backends.recorded import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    Operation = Callable[[dict[str, Any], bytes], tuple[dict[str, Any], bytes]]

headers = st.dictionaries(st.text(), st.one_of(st.integers(), st.text(), st.none(), st.lists(st.text())))


@given(st.lists(st.tuples(headers, st.binary())), st.integers(min_value=1, max_value=64))
def test_frames_survive_any_cutting(frames: list[tuple[dict[str, Any], bytes]], piece: int) -> None:
    stream = b"".join(encode(header, payload) for header, payload in frames)
    decoder = Decoder()
    found = [frame for at in range(0, len(stream), piece) for frame in decoder.feed(stream[at : at + piece])]
    assert found == frames


def test_a_stream_that_is_not_ours_is_an_error() -> None:
    with pytest.raises(ValueError, match="a frame of"):
        list(Decoder().feed(b"Welcome to gpu1, last login yesterday"))


SENT = [import_module(name) for package in (queue, runner, remote) for name in modules(package)]


@pytest.mark.parametrize("module", SENT, ids=lambda module: module.__name__)
def test_what_is_sent_to_hosts_is_python_3_6_and_imports_the_standard_library_only(module: ModuleType) -> None:
    tree = ast.parse(inspect.getsource(module), feature_version=(3, 6))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    # Of our own only what is sent before it.
    own = [name for name in imported if name.startswith("backends.")]
    before = SENT[: SENT.index(module)]
    assert set(own) - {remote.__name__, queue.__name__, runner.__name__} <= {each.__name__ for each in before}
    assert {name.partition(".")[0] for name in imported - set(own)} <= sys.stdlib_module_names
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.NamedExpr)]


def test_the_helper_starts_from_its_command_line_in_any_shell(tmp_path: Path) -> None:
    for shell in ("sh", "bash", "dash", "tcsh", "fish"):
        if not any(Path(folder, shell).exists() for folder in os.environ["PATH"].split(":")):
            continue
        request = encode({"id": 1, "op": "exists", "path": str(tmp_path)})
        done = subprocess.run(
            [shell, "-c", helper_command(sys.executable)],
            input=helper_text() + request,
            capture_output=True,
            timeout=30,
        )
        assert GREETING in done.stdout, (shell, done.stderr)


def test_the_helper_ends_with_its_connection_and_ends_what_it_ran(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys;exec(sys.stdin.buffer.read(int(sys.stdin.buffer.readline())))"]
    helper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert helper.stdin is not None
    assert helper.stdout is not None
    pid_file = tmp_path / "pid"
    argv = ["sh", "-c", f"echo $$ > {pid_file}.new; mv {pid_file}.new {pid_file}; exec sleep 600"]
    request = {"id": 1, "op": "run", "argv": argv, "timeout": 600, "cap": 1000, "cwd": str(tmp_path)}
    helper.stdin.write(helper_text() + encode(request))
    helper.stdin.flush()
    while not pid_file.exists():
        assert helper.poll() is None
    helper.stdin.close()
    assert helper.wait(20) == 0
    pid = int(pid_file.read_text())
    assert wait_until_gone(pid)
    helper.stdout.close()


class Slow(Commands):
    """A command that is there for a while before the helper knows of it."""

    def __init__(self) -> None:
        super().__init__()
        self.there, self.known = threading.Event(), threading.Event()
        self.pid = 0

    def process(self, argv: list[str], environment: dict[str, str], folder: str) -> subprocess.Popen[bytes]:
        """Start it, and let it be known when the test says so."""
        process = super().process(argv, environment, folder)
        self.pid = process.pid
        self.there.set()
        assert self.known.wait(60)
        return process


def test_a_command_that_is_being_started_when_the_connection_ends_is_ended_too() -> None:
    commands = Slow()
    header = {"id": 1, "argv": ["sleep", "600"], "timeout": 600, "cap": 100}
    running = threading.Thread(target=commands.run, args=(header, b""))
    running.start()
    assert commands.there.wait(60)
    ending = threading.Thread(target=commands.close)
    ending.start()
    until(lambda: commands.closed)
    commands.known.set()
    ending.join(60)
    assert wait_until_gone(commands.pid)
    running.join(60)
    with pytest.raises(Failure, match="the connection has ended"):
        commands.run(header, b"")


def wait_until_gone(pid: int) -> bool:
    """Whether a process has ended, or does within a minute."""
    gone = threading.Event()
    for _ in range(1200):
        if start_time(pid) is None:
            return True
        gone.wait(0.05)
    return False


def put(*folders_: tuple[Path, str, dict[str, bytes]], **more: object) -> list[dict[str, Any]]:
    """Put folders in place as the helper does; what became of each."""
    listed = [[str(path), token, [[n, len(d)] for n, d in files.items()], []] for path, token, files in folders_]
    payload = zlib.compress(b"".join(data for _, _, files in folders_ for data in files.values()))
    header = {"root": "", "policy": None, "folders": listed} | more
    return list(json.loads(folders.publish(header, payload)[1]))


def plan_of(token: str, **more: object) -> bytes:
    """A plan.json that the runner can use."""
    return json.dumps({"token": token, "run": "r", "shell": ["sh"], "grace": 1, "log": None} | more).encode()


def told(op: Operation, *attempts: tuple[Path, str], **more: object) -> list[dict[str, Any]]:
    """What an operation on attempts answers."""
    header = {"attempts": [[str(path), token] for path, token in attempts]} | more
    return list(json.loads(op(header, b"")[1]))


def state_of(path: Path, boot: str | None = None) -> dict[str, Any]:
    """What the helper says of an attempt directory."""
    return attempt_state(str(path), boot_id() if boot is None else boot)


def run(path: Path) -> None:
    """The runner, to its end."""
    argv, text = [sys.executable, "-", str(path)], runner_source().encode()
    subprocess.run(argv, input=text, check=True, timeout=30, capture_output=True)


def test_a_folder_is_published_whole_or_not_at_all(tmp_path: Path) -> None:
    sound, broken = tmp_path / "runs/e/r/1", tmp_path / "runs/e/s/1"
    first, second = put(
        (broken, "aa", {"plan.json": plan_of("aa"), "no/such/folder": b"x"}),
        (sound, "bb", {"plan.json": plan_of("bb"), "run.sh": b"true"}),
    )
    assert first["error"] == "ENOENT"
    assert list(broken.parent.iterdir()) == []
    assert second == {"path": str(sound)}
    assert sorted(path.name for path in sound.iterdir()) == ["plan.json", "run.sh", "state"]
    assert sound.stat().st_mode & 0o777 == 0o700


def test_publishing_twice_with_one_token_is_once_and_with_another_refused_for_that_one_alone(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    put((first, "aa", {"plan.json": plan_of("aa")}))
    outcomes = put(
        (first, "aa", {"plan.json": plan_of("aa"), "more": b""}),
        (first, "bb", {"plan.json": plan_of("bb")}),
        (second, "cc", {"plan.json": plan_of("cc")}),
    )
    assert outcomes[0] == {"path": str(first)}
    assert (outcomes[1]["error"], outcomes[1]["message"]) == ("EEXIST", f"{first}: there is another attempt")
    assert outcomes[2] == {"path": str(second)}
    assert [path.name for path in first.iterdir() if path.name != "state"] == ["plan.json"]


def test_several_who_publish_one_attempt_at_the_same_moment_are_all_right(tmp_path: Path) -> None:
    attempt = (tmp_path / "r/1", "aa", {"plan.json": plan_of("aa"), "run.sh": b"true"})
    outcomes: list[list[dict[str, Any]]] = []
    ready = threading.Barrier(4)

    def publish() -> None:
        ready.wait(10)
        outcomes.append(put(attempt, attempt))

    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert outcomes == [[{"path": str(attempt[0])}] * 2] * 4
    assert [path.name for path in attempt[0].parent.iterdir()] == ["1"]


def test_what_a_killed_upload_left_is_swept_away_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "1.aa.99.98.tmp/state").mkdir(parents=True)
    (tmp_path / "1.bb.99.98.tmp").mkdir()
    put((tmp_path / "1", "aa", {"plan.json": plan_of("aa")}))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "1.bb.99.98.tmp"]


def test_a_folder_of_files_and_links_keeps_what_it_came_with(tmp_path: Path) -> None:
    path = tmp_path / "e/.batches/b"
    links = [[str(path), "b", [["attempts", 2]], [["0.log", "../../r/1/out.log"]]]]
    [first] = put((path, "b", {"attempts": b"r\n"}), folders=links)
    [again] = put((path, "b", {"attempts": b"r\n"}), folders=links)
    [other] = put((path, "c", {"attempts": b"s\n"}))
    assert (first, again, other["error"]) == ({"path": str(path)}, {"path": str(path)}, "EEXIST")
    assert (path / "attempts").read_text() == "r\n"
    assert (path / "0.log").readlink() == Path("../../r/1/out.log")


def test_the_policy_is_written_with_what_is_published(tmp_path: Path) -> None:
    for most in (1, 2):
        put((tmp_path / "1", "aa", {"plan.json": plan_of("aa")}), root=str(tmp_path), policy={"at_most": most})
        assert json.loads((tmp_path / "policy.json").read_text()) == {"at_most": most}


# taking back


@pytest.fixture
def attempt(tmp_path: Path) -> Path:
    """An attempt that waits for somebody to start it."""
    path = tmp_path / "1"
    put((path, "aa", {"plan.json": plan_of("aa"), "run.sh": b"touch ran"}))
    return path


@pytest.mark.parametrize("op", [control.cancel, control.withdraw])
def test_an_attempt_that_comes_while_it_is_taken_back_never_begins(tmp_path: Path, op: Operation) -> None:
    """Both write beside its place; whoever is first there sweeps that, in the midst of what the other one does."""
    for number in range(50):
        path = tmp_path / f"{number}/1"
        coming = threading.Thread(target=put, args=((path, "aa", {"plan.json": plan_of("aa")}),))
        coming.start()
        [outcome] = told(op, (path, "aa"))
        coming.join(20)
        assert "error" not in outcome, (number, outcome)
        assert state_of(path)["taken_back"]


@pytest.mark.parametrize(
    ("op", "reason"), [(control.cancel, "cancelled before it began"), (control.withdraw, "withdrawn")]
)
def test_an_attempt_that_has_not_begun_can_be_taken_back_and_then_never_begins(
    attempt: Path, op: Operation, reason: str
) -> None:
    for _ in range(2):  # again is no harm
        assert told(op, (attempt, "aa"))[0]["done"] in ("withdrawn", "ended before")
    run(attempt)
    assert not (attempt / "ran").exists()
    record = state_of(attempt)["exit"]
    assert (record["state"], record["reason"]) == ("CANCELLED", reason)
    assert record["withdrawn"] is (op is control.withdraw)


def test_an_attempt_that_has_begun_is_not_withdrawn(attempt: Path) -> None:
    run(attempt)
    assert told(control.withdraw, (attempt, "aa")) == [{"done": "begun"}]
    assert (attempt / "ran").exists()
    assert state_of(attempt)["exit"]["state"] == "COMPLETED"


def test_an_attempt_that_was_cancelled_is_not_told_as_withdrawn_later(attempt: Path) -> None:
    told(control.cancel, (attempt, "aa"))
    assert told(control.withdraw, (attempt, "aa")) == [{"done": "begun"}]


def test_a_claim_that_was_taken_back_says_so_although_its_taker_was_killed_before_the_record(attempt: Path) -> None:
    told(control.withdraw, (attempt, "aa"))
    (attempt / "state/exit").unlink()
    assert stands(state_of(attempt)) == Standing(JobState.CANCELLED, "withdrawn")
    assert told(control.withdraw, (attempt, "aa")) == [{"done": "withdrawn"}]
    assert state_of(attempt)["exit"]["withdrawn"] is True


@pytest.mark.parametrize("op", [control.cancel, control.withdraw])
def test_an_attempt_taken_back_before_it_was_published_never_begins(tmp_path: Path, op: Operation) -> None:
    path = tmp_path / "e/r/1"
    told(op, (path, "aa"))
    assert put((path, "aa", {"plan.json": plan_of("aa"), "run.sh": b"touch ran"})) == [{"path": str(path)}]
    run(path)
    assert not (path / "ran").exists()
    assert stands(state_of(path)).state is JobState.CANCELLED


def test_of_a_withdrawal_and_a_start_at_the_same_moment_exactly_one_wins(tmp_path: Path) -> None:
    rounds = range(25)
    for n in rounds:
        put((tmp_path / str(n), "aa", {"plan.json": plan_of("aa"), "run.sh": b"touch ran"}))
    program = tmp_path / "runner.py"
    program.write_text(runner_source())
    starts = [subprocess.Popen([sys.executable, str(program), str(tmp_path / str(n))]) for n in rounds]
    taken = {n for n in rounds if told(control.withdraw, (tmp_path / str(n), "aa")) == [{"done": "withdrawn"}]}
    for each in starts:
        assert each.wait(60) == 0
    assert {n for n in rounds if (tmp_path / str(n) / "ran").exists()} == set(rounds) - taken
    for n in rounds:
        assert state_of(tmp_path / str(n))["exit"]["withdrawn"] is (n in taken)


def test_trouble_with_one_attempt_is_no_trouble_with_the_next(tmp_path: Path, attempt: Path) -> None:
    (tmp_path / "odd").mkdir()  # without a state folder
    first, second = told(control.hold, (tmp_path / "odd", "bb"), (attempt, "aa"))
    assert (first["error"], second) == ("ENOENT", {"done": "held"})


# how an attempt stands


def write(path: Path, **records: object) -> None:
    """State files."""
    for name, record in records.items():
        (path / "state" / name).write_text(json.dumps(record))


def here(pid: int, **more: object) -> dict[str, object]:
    """What a process of this host says of itself."""
    return {"pid": pid, "start": start_time(pid), "boot": boot_id(), "host": os.uname()[1], "time": 1.0} | more


def test_an_attempt_that_nobody_moves_on_is_stranded(attempt: Path) -> None:
    never = stands(state_of(attempt))
    assert (never.state, never.stranded) == (JobState.PENDING, True)
    write(attempt, waiting=here(os.getpid(), reason="1 run ahead"))
    assert stands(state_of(attempt)) == Standing(JobState.PENDING, "1 run ahead")
    write(attempt, hold={})
    assert stands(state_of(attempt)) == Standing(JobState.HELD, "1 run ahead")
    gone = stands(state_of(attempt, boot="another"))
    assert (gone.state, gone.stranded, gone.reason) == (
        JobState.HELD,
        True,
        "nothing moves it on: its waiter is gone",
    )


def test_after_a_restart_of_the_host_what_ran_is_node_fail_and_what_waited_is_stranded(
    tmp_path: Path, attempt: Path
) -> None:
    waited = tmp_path / "2"
    put((waited, "bb", {"plan.json": plan_of("bb")}))
    write(waited, waiting=here(os.getpid(), reason="x"))
    (attempt / "state/claim").mkdir()
    write(attempt, waiting=here(os.getpid()), started=here(os.getpid()))
    assert [stands(state_of(path)).state for path in (attempt, waited)] == [JobState.RUNNING, JobState.PENDING]
    after = [stands(state_of(path, boot="next")) for path in (attempt, waited)]
    assert after[0] == Standing(JobState.NODE_FAIL, "the host was restarted")
    assert (after[1].state, after[1].stranded) == (JobState.PENDING, True)


def test_a_run_on_another_host_of_the_same_files_is_not_ended(attempt: Path) -> None:
    (attempt / "state/claim").mkdir()
    write(attempt, started=here(os.getpid(), host="gpu7", boot="its own"))
    standing = stands(state_of(attempt))
    assert standing == Standing(JobState.UNKNOWN, "it began on gpu7, which is not the host that answers now")


def test_a_run_that_waits_on_another_host_of_the_same_files_is_alive(attempt: Path) -> None:
    write(attempt, waiting=here(os.getpid(), host="gpu7", boot="its own"), cancel={})
    (attempt / "state/claim").mkdir()
    elsewhere = Standing(JobState.UNKNOWN, "it waits on gpu7, which is not the host that answers now")
    assert stands(state_of(attempt)) == elsewhere


def test_an_attempt_whose_claimer_was_killed_before_it_began_has_failed_and_can_never_start(attempt: Path) -> None:
    (attempt / "state/claim").mkdir()
    assert stands(state_of(attempt)) == Standing(JobState.FAILED, "killed as it began")
    write(attempt, waiting=here(gone(), start=1))
    assert stands(state_of(attempt)) == Standing(JobState.FAILED, "killed as it began")
    after = stands(state_of(attempt, boot="next"))
    assert after == Standing(JobState.NODE_FAIL, "the host was restarted as it began")
    run(attempt)
    assert not (attempt / "ran").exists()
    write(attempt, cancel={})
    assert stands(state_of(attempt)) == Standing(JobState.CANCELLED, "cancelled before it began")


def test_an_attempt_that_was_claimed_by_a_process_that_lives_is_starting(attempt: Path) -> None:
    (attempt / "state/claim").mkdir()
    write(attempt, waiting=here(os.getpid()), cancel={})
    assert stands(state_of(attempt)) == Standing(JobState.PENDING, "starting")


def test_a_guard_is_known_by_its_own_start_whenever_that_was(attempt: Path) -> None:
    (attempt / "state/claim").mkdir()
    runner_gone = here(gone(), start=1, guard=os.getpid())
    write(attempt, started=runner_gone | {"guard_start": start_time(os.getpid())})
    assert stands(state_of(attempt)).reason == "its runner was killed; what it ran is being ended"
    write(attempt, started=runner_gone | {"guard_start": 1})  # another process has got its pid
    assert stands(state_of(attempt)).state is JobState.LOST


def test_the_earlier_lives_of_an_attempt_are_counted(attempt: Path) -> None:
    assert state_of(attempt)["restarts"] == 0
    write(attempt, started=here(os.getpid()))
    (attempt / "state/ends.jsonl").write_text('{"state": "TIMEOUT"}\n{"state": "NODE_FAIL"}\n')
    assert state_of(attempt)["restarts"] == 2
    write(attempt, exit={"state": "COMPLETED", "restarts": 3})
    assert state_of(attempt)["restarts"] == 3


def gone() -> int:
    """The pid of a process that has ended."""
    dead = subprocess.Popen(["true"])
    dead.wait()
    return dead.pid


def test_a_clock_that_is_an_hour_off_ends_nothing(attempt: Path) -> None:
    (attempt / "state/claim").mkdir()
    for shift in (-3600, 3600):
        write(attempt, started=here(os.getpid(), time=time.time() + shift), beat={"time": time.time() + shift})
        assert stands(state_of(attempt)).state is JobState.RUNNING


def test_a_program_whose_runner_is_gone_is_told_with_what_it_holds_and_cancel_ends_it(attempt: Path) -> None:
    program = "import os, time; os.fork() and print(flush=True); time.sleep(600)"
    environment = os.environ | {"TRAINBOARD_TOKEN": "aa"}
    left = subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE)
    assert left.stdout is not None
    left.stdout.readline()
    (attempt / "state/claim").mkdir()
    write(attempt, started=here(gone(), start=1, gpus=[{"index": 0, "uuid": "GPU-0"}]))
    assert stands(state_of(attempt)) == Standing(
        JobState.RUNNING, "its runner is gone; 2 processes of it still run and hold GPU 0; cancel ends them"
    )
    told(control.cancel, (attempt, "aa"))
    assert left.wait(10) == -signal.SIGKILL
    left.stdout.close()
    assert marked("aa") == []
    assert stands(state_of(attempt)) == Standing(JobState.CANCELLED, "cancelled; its runner was gone")


def test_a_runner_that_is_gone_with_all_that_it_ran_is_lost(attempt: Path) -> None:
    (attempt / "state/claim").mkdir()
    write(attempt, started=here(gone(), start=1))
    assert stands(state_of(attempt)) == Standing(JobState.LOST, "the runner is gone and left no exit record")


# order


def test_a_new_priority_keeps_the_place_and_the_top_is_before_all(tmp_path: Path) -> None:
    paths = [tmp_path / str(n) for n in range(3)]
    for n, path in enumerate(paths):
        put((path, f"a{n}", {"plan.json": plan_of(f"a{n}", queue={"priority": 0, "place": 2.0})}))
    told(control.priority, (paths[0], "a0"), priority=7)
    told(control.top, (paths[2], "a2"), (paths[1], "a1"), leases=str(tmp_path / "leases"))
    found = [json.loads((path / "state/priority").read_text()) for path in paths]
    assert found[0] == {"priority": 7, "place": 2.0}
    assert found[2]["place"] < found[1]["place"] < 0


def test_the_top_is_before_what_was_put_there_though_its_waiter_has_not_seen_that_yet(tmp_path: Path) -> None:
    leases = tmp_path / "leases"
    folder = Folder(str(leases))
    folder.make()
    paths = [tmp_path / str(n) for n in range(3)]
    tickets_ = [ticket_of(f"a{n}", os.getuid(), {"directory": str(path)}) for n, path in enumerate(paths)]
    standing = [tickets.take(folder, ticket) for ticket in tickets_]
    for path, ticket in zip(paths, tickets_, strict=True):
        put((path, ticket.token, {"plan.json": plan_of(ticket.token)}))
    told(control.priority, (paths[0], "a0"), priority=7)
    told(control.top, (paths[2], "a2"), leases=str(leases))
    told(control.top, (paths[1], "a1"), leases=str(leases))
    now = scene.current(scene.scan(folder))
    assert [ticket.token for ticket in order(now.tickets, ())] == ["a1", "a2", "a0"]
    assert {ticket.priority for ticket in now.tickets} == {7}
    for descriptor in standing:
        os.close(descriptor)


# scan


def pages(root: Path) -> list[list[Any]]:
    """All that a scan finds, a page each."""
    found, after = [], ""
    while True:
        header, data = scan({"root": str(root), "after": after}, b"")
        found.append(json.loads(zlib.decompress(data)))
        after = header["next"]
        if not after:
            return found


def test_a_scan_finds_every_attempt_once_page_by_page(tmp_path: Path) -> None:
    names = [f"e{n % 3}/r{n:04d}/{attempt}" for n in range(350) for attempt in (1, 10)]
    for name in names:
        (tmp_path / name / "state").mkdir(parents=True)
        (tmp_path / name / "plan.json").write_bytes(plan_of("aa"))
        (tmp_path / name / "spec.yaml").write_text("name: é\n")
    (tmp_path / names[0] / "state/started").write_text('{"job_id": "7_1"}')
    for odd in ("e0/r0000/1.aa.tmp", ".programs/x/y", "e0/.batches/1", "e0/r0000/2"):
        (tmp_path / odd).mkdir(parents=True)
    (tmp_path / "e0/r0000/2/plan.json").write_text("{")
    (tmp_path / "policy.json").write_text("{}")
    found = pages(tmp_path)
    assert [len(page) for page in found] == [500, 200]
    assert sorted(entry[0] for page in found for entry in page) == sorted(names)
    assert {entry[0]: entry[3] for page in found for entry in page if entry[3]} == {names[0]: "7_1"}
    assert found[0][0][2] == "name: é\n"


def test_a_scan_of_a_root_that_is_not_there_finds_nothing(tmp_path: Path) -> None:
    assert pages(tmp_path / "none") == [[]]
