"""What every kind of backend means by submit, jobs, cancel, follow and run: one body of tests over all kinds."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from backends.base import Chunk, CommandFailed, HostTimeout, JobState, Unreadable
from backends.queue.processes import start_time
from specs.command import fill
from specs.model import Resources
from tests.backends.projects import packed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.backends.conftest import Desk


async def test_a_run_completes_and_its_output_is_in_its_log(desk: Desk) -> None:
    attempt = await desk.start(desk.plan("echo hello; echo trouble >&2"))
    job = await desk.ended(attempt)
    assert (job.state, job.exit_code, job.job_id) == (JobState.COMPLETED, 0, attempt.job_id)
    assert await desk.log(attempt) == "hello\ntrouble\n"


async def test_a_run_that_fails_tells_its_exit_code(desk: Desk) -> None:
    job = await desk.ended(await desk.start(desk.plan("exit 3")))
    assert (job.state, job.exit_code, job.reason) == (JobState.FAILED, 3, "exit code 3")


async def test_a_program_killed_by_a_signal_failed_and_says_which(desk: Desk) -> None:
    job = await desk.ended(await desk.start(desk.plan("kill -SEGV $$")))
    assert (job.state, job.reason) == (JobState.FAILED, "killed by SIGSEGV")


async def test_setup_that_fails_ends_the_attempt_before_the_command(desk: Desk) -> None:
    attempt = await desk.start(desk.plan("echo trained", setup="false\necho more"))
    job = await desk.ended(attempt)
    assert (job.state, await desk.log(attempt)) == (JobState.FAILED, "")


async def test_setup_speaks_to_the_same_shell_as_the_command(desk: Desk) -> None:
    attempt = await desk.start(desk.plan('echo "$WHERE"', setup="WHERE=here"))
    await desk.ended(attempt)
    assert await desk.log(attempt) == "here\n"


async def test_files_that_a_run_writes_are_found_where_they_are_and_followed(desk: Desk) -> None:
    command = "mkdir -p runs/a; echo step,loss > runs/a/m.csv; echo 1,0.5 >> runs/a/m.csv"
    attempt = await desk.start(desk.plan(command))
    await desk.ended(attempt)
    found = await desk.backend.results(attempt.directory, ("runs/**/*.csv",))
    [file] = found.files
    assert (file.path, file.size, file.changed > attempt.submitted - 60) == ("runs/a/m.csv", 16, True)
    path = f"{found.folder}/{file.path}"
    assert (await desk.backend.read(path, 10, 100)).data == b"1,0.5\n"
    async with asyncio.timeout(20), contextlib.aclosing(desk.backend.follow(path, 10)) as pieces:
        piece = await anext(pieces)
        assert isinstance(piece, Chunk)
        assert (piece.offset, piece.data) == (10, b"1,0.5\n")


async def test_environment_arrives_as_it_was_written(desk: Desk) -> None:
    value = 'it\'s $(touch /tmp/x); "two"\nlines `id` \\'
    attempt = await desk.start(desk.plan('printf %s "$TEXT"', env={"TEXT": value}))
    await desk.ended(attempt)
    assert await desk.log(attempt) == value


async def test_files_of_parameters_lie_where_the_command_looks_for_them(desk: Desk) -> None:
    command = fill("cat {params_file} '{params_file.yaml}'", {})
    attempt = await desk.start(desk.plan(command, files={"params.json": '{"a": "é"}\n', "params.yaml": "a: 1\n"}))
    await desk.ended(attempt)
    assert await desk.log(attempt) == '{"a": "é"}\na: 1\n'


async def test_a_secret_reaches_the_program_and_no_file(desk: Desk) -> None:
    attempt = await desk.start(desk.plan("printf %s $KEY | rev", secrets={"KEY": "s3cret-12345"}))
    await desk.ended(attempt)
    assert await desk.log(attempt) == "54321-terc3s"
    found = await desk.backend.run_command(["grep", "-rl", "s3cret-12345", attempt.directory])
    assert (found.code, found.out) == (1, b"")


async def test_the_attempt_directory_is_for_the_user_alone(desk: Desk) -> None:
    attempt = await desk.start(desk.plan("true"))
    await desk.ended(attempt)
    modes = await desk.backend.run_command(["find", attempt.directory, "-maxdepth", "0", "-perm", "/077"])
    assert modes.out == b""


async def test_a_run_starts_in_the_project_folder(desk: Desk) -> None:
    attempt = await desk.start(desk.plan("pwd"))
    await desk.ended(attempt)
    assert await desk.log(attempt) == f"{desk.workdir}\n"


async def test_the_project_is_sent_where_it_is_not_shared(desk: Desk, tmp_path: Path) -> None:
    project = tmp_path / "my project"
    (project / "src").mkdir(parents=True)
    (project / "src" / "train.sh").write_text("echo trained with $1\n")
    attempt = await desk.start(desk.plan("sh src/train.sh lr", code=packed(project)))
    again = await desk.start(desk.plan("sh src/train.sh more", code=packed(project)))
    for each, words in ((attempt, "lr"), (again, "more")):
        await desk.ended(each)
        assert await desk.log(each) == f"trained with {words}\n"


async def test_cancelling_ends_the_whole_process_tree(desk: Desk) -> None:
    command = "setsid sh -c 'echo $$ > deep; exec sleep 600' & sleep 600 & echo up; wait"
    attempt = await desk.start(desk.plan(command))
    await desk.logged(attempt, "up")
    await desk.backend.cancel([attempt])
    job = await desk.ended(attempt)
    assert (job.state, job.reason) == (JobState.CANCELLED, "cancelled")
    assert start_time(int((desk.workdir / "deep").read_text())) is None


async def test_a_cancelled_program_may_save_first(desk: Desk) -> None:
    command = "trap 'echo saved; exit 0' TERM; echo up; while :; do sleep 0.1; done"
    attempt = await desk.start(desk.plan(command))
    await desk.logged(attempt, "up")
    await desk.backend.cancel([attempt])
    job = await desk.ended(attempt)
    assert job.state is JobState.CANCELLED
    assert "saved" in await desk.log(attempt)


async def test_starting_twice_is_starting_once(desk: Desk) -> None:
    plan = desk.plan("echo once; sleep 1")
    first = await desk.start(plan)
    second = await desk.start(plan)
    await desk.ended(first)
    if second.job_id != first.job_id:  # a scheduler runs the second job too, which then finds the claim
        await desk.until(second, lambda job: job.state.ended)
    assert (await desk.log(first)).count("once\n") == 1


async def test_a_time_limit_ends_a_run_as_timeout(desk: Desk) -> None:
    if desk.backend.kind == "slurm":
        pytest.skip("Slurm counts limits in minutes; tests/backends/test_runner.py covers its warning signal")
    job = await desk.ended(await desk.start(desk.plan("sleep 600", resources=Resources(time=1))))
    assert (job.state, job.reason) == (JobState.TIMEOUT, "time limit")


async def test_a_log_is_followed_from_any_offset_as_it_grows(desk: Desk) -> None:
    attempt = await desk.start(desk.plan("echo one; while [ ! -e go ]; do sleep 0.05; done; echo two"))
    await desk.logged(attempt, "one\n")
    pieces = desk.backend.follow(f"{attempt.directory}/out.log", 2)
    log = b""
    async with asyncio.timeout(60), contextlib.aclosing(pieces):
        async for piece in pieces:
            assert isinstance(piece, Chunk)
            assert piece.offset == 2 + len(log)
            log += piece.data
            if log == b"e\n":
                (desk.workdir / "go").touch()
            if log.endswith(b"two\n"):
                break
    assert log == b"e\ntwo\n"


async def test_a_log_that_is_begun_anew_is_told_as_restarted(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("a long first line\n")
    pieces = desk.backend.follow(str(path), 0)
    async with asyncio.timeout(30), contextlib.aclosing(pieces):
        first = await anext(pieces)
        path.write_text("anew\n")
        second = await anext(pieces)
    assert (first.data, first.restarted) == (b"a long first line\n", False)  # type: ignore[union-attr]  # it is there
    assert (second.data, second.restarted) == (b"anew\n", True)  # type: ignore[union-attr]


async def test_a_file_that_cannot_be_read_says_why_and_is_tried_on(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "later"
    pieces = desk.backend.follow(str(path), 0)
    async with asyncio.timeout(30), contextlib.aclosing(pieces):
        assert await anext(pieces) == Unreadable("No such file or directory")
        path.write_bytes(b"\xff\x00now")
        piece = await anext(pieces)
    assert piece.data == b"\xff\x00now"  # type: ignore[union-attr]


async def test_a_command_is_run_without_a_shell(desk: Desk) -> None:
    done = await desk.backend.run_command(["printf", "%s|", "a b", "$(id)", "", "'"])
    assert (done.code, done.out) == (0, b"a b|$(id)||'|")


async def test_a_hung_command_times_out_and_delays_nobody(desk: Desk) -> None:
    hung = asyncio.create_task(desk.backend.run_command(["sleep", "600"], timeout=600))
    quick = await desk.backend.run_command(["echo", "quick"])
    assert (quick.out, hung.done()) == (b"quick\n", False)
    hung.cancel()
    with pytest.raises(HostTimeout, match="no answer within 1 s"):
        await desk.backend.run_command(["sleep", "600"], timeout=1)


async def test_output_past_the_cap_is_cut_and_said_so(desk: Desk) -> None:
    done = await desk.backend.run_command(["head", "-c", "300000", "/dev/zero"], cap=1000)
    assert (done.code, len(done.out), done.truncated) == (0, 1000, True)


async def test_a_command_that_is_not_there_is_an_error_with_its_name(desk: Desk) -> None:
    with pytest.raises(CommandFailed, match="no-such-tool"):
        await desk.backend.run_command(["no-such-tool"])


async def test_the_host_tells_its_health(desk: Desk) -> None:
    async with contextlib.aclosing(desk.backend.health(0.1)) as readings:
        health = await anext(readings)
    assert health.hostname
    assert health.memory_total
    assert health.memory_available is not None
    assert health.disks[0].total >= health.disks[0].free > 0


async def test_an_attempt_nobody_knows_of_is_not_in_the_answer(desk: Desk) -> None:
    plan = desk.plan("true")
    attempt = await desk.start(plan)
    stranger = type(attempt)("f" * 16, "", f"{attempt.directory}-not", attempt.submitted)
    tokens = [job.token for job in await desk.backend.jobs([attempt, stranger])]
    assert attempt.token in tokens
    assert stranger.token not in tokens
    await desk.ended(attempt)
