"""Hosts on which something is wrong: what the user reads, and that everything else goes on."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import random
import re
import secrets
import signal
from typing import TYPE_CHECKING

import pytest

from backends.base import (
    BackendError,
    Chunk,
    HelperUnavailable,
    HostKeyRefused,
    HostTimeout,
    HostUnreachable,
    JobState,
    Rejected,
)
from backends.host import Host, helper_command
from backends.server import Server
from backends.slurm import Slurm
from backends.ssh import SshHost
from tests.backends.conftest import Desk, Nobody, over_ssh
from tests.backends.projects import packed
from tests.conftest import need

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator
    from pathlib import Path

    from backends.base import Backend, Health
    from tests.cluster import Cluster

    At = Callable[..., Server]

pytestmark = pytest.mark.sshd


@pytest.fixture
async def at(sshd: Cluster, tmp_path: Path) -> AsyncGenerator[At]:
    """Makes the backend of a host; its runs go to the test's own folder."""
    made: list[Server] = []

    def make(alias: str, root: str = "") -> Server:
        if alias in dict(sshd.left_out):
            need(f"{alias}: {dict(sshd.left_out)[alias]}", os.environ)
        ssh = SshHost(alias, Nobody(), config=sshd.ssh_config, connect_timeout=3 if alias == "silent" else 30)
        host = Host(alias, lambda: ssh.open(helper_command("python3")), ssh.close)
        # Beside the runs: a user of the host's own cannot enter the test's folder.
        leases = f"{root}-leases" if root else str(tmp_path / "leases")
        made.append(Server(alias, host, root or str(tmp_path / "runs"), shared=True, leases=leases))
        return made[-1]

    yield make
    for backend in made:
        await backend.close()


async def says(backend: Backend, words: str) -> bytes:
    """What `echo` answers there."""
    return (await backend.run_command(["echo", words])).out


async def session_pid(backend: Backend, sshd: Cluster) -> int:
    """The sshd process that serves our connection; never the listener."""
    done = await backend.run_command(["sh", "-c", "ps -o ppid= -p $PPID"])
    pid = int(done.out)
    command = await backend.run_command(["ps", "-o", "args=", "-p", str(pid)])
    listener = int((sshd.dir / "run/sshd.pid").read_text().split()[0])
    assert command.out.startswith(b"sshd")
    assert pid != listener
    return pid


# hosts that cannot be used


async def test_a_wrong_host_key_is_refused_with_the_line_of_known_hosts(at: At, sshd: Cluster) -> None:
    with pytest.raises(
        HostKeyRefused, match=rf"wrongkey: the host key has changed.*{sshd.known_hosts}:\d+ has"
    ) as no:
        await at("wrongkey").jobs([])
    assert "ssh-keygen -R" in no.value.advice


async def test_an_unknown_host_key_is_refused_where_nobody_accepts_it(at: At) -> None:
    with pytest.raises(HostKeyRefused, match="unknown: "):
        await at("unknown").jobs([])


@pytest.mark.parametrize(
    ("alias", "error", "words"),
    [
        ("down", HostUnreachable, "down: 127.0.0.27 port .* refused the connection"),
        ("silent", HostUnreachable, "silent: .* took the connection and then said nothing for 3 s"),
        ("nopython", HelperUnavailable, "nopython: logged in, but the helper does not start: .*python3.*not found"),
    ],
)
async def test_a_host_that_cannot_serve_says_why_and_what_to_do(
    at: At, alias: str, error: type[BackendError], words: str
) -> None:
    broken, sound = at(alias), at("gpu1")
    trouble = asyncio.gather(*(broken.jobs([]) for _ in range(3)), return_exceptions=True)
    assert await says(sound, "others go on") == b"others go on\n"
    for answer in await trouble:
        assert isinstance(answer, error)
        assert re.search(words, str(answer))
        assert answer.advice


@pytest.mark.parametrize("kind", ["ssh", "slurm"])
async def test_a_submission_to_a_host_that_is_down_is_a_clear_no_that_may_pass(
    at: At, sshd: Cluster, tmp_path: Path, kind: str
) -> None:
    backend = at("down") if kind == "ssh" else Slurm("down", over_ssh(sshd, "down"), str(tmp_path), shared=True)
    plan = Desk(backend, tmp_path).plan("true")
    no = (await backend.submit([plan]))[plan.token]
    assert isinstance(no, Rejected)
    assert re.fullmatch(r"not submitted: down: .* refused the connection.*", str(no))
    assert isinstance(no.__cause__, HostUnreachable)
    await backend.close()


async def test_a_gateway_without_slurm_says_so_and_what_to_set(sshd: Cluster, tmp_path: Path) -> None:
    backend = Slurm("triton", over_ssh(sshd, "gpu1"), str(tmp_path / "runs"), shared=True)
    with pytest.raises(BackendError, match="triton: squeue is not on this gateway") as no:
        await backend.jobs([])
    assert "kind: ssh" in no.value.advice
    with pytest.raises(Rejected, match="sbatch"):
        await Desk(backend, tmp_path).start(Desk(backend, tmp_path).plan("true"))
    assert await says(backend, "the rest goes on") == b"the rest goes on\n"
    await backend.close()


# login shells


@pytest.mark.parametrize("alias", ["tcsh", "fish", "banner"])
async def test_any_login_shell_carries_a_whole_journey(at: At, tmp_path: Path, alias: str) -> None:
    backend = at(alias, f"~/runs-{secrets.token_hex(4)}")
    (tmp_path / "project").mkdir()
    (tmp_path / "project/train.sh").write_text('printf "loss=%s|%s\\n" "$1" "$NOTE"; sleep "$2"\n')
    desk, code = Desk(backend, tmp_path), packed(tmp_path / "project")
    odd = 'it\'s $HOME; `id` !! \\ "q"'
    attempt = await desk.start(desk.plan("sh train.sh 0.5 600", env={"NOTE": odd}, code=code))
    await desk.logged(attempt, f"loss=0.5|{odd}\n")
    assert (await desk.until(attempt, lambda job: job.state is JobState.RUNNING)).reason == ""
    await backend.cancel([attempt])
    assert (await desk.ended(attempt)).state is JobState.CANCELLED
    second = await desk.start(desk.plan("sh train.sh 0.25 0", code=code))
    assert (await desk.ended(second)).state is JobState.COMPLETED
    assert "loss=0.25|\n" in await desk.log(second)
    async with contextlib.aclosing(backend.health(0.1)) as readings:
        assert (await anext(readings)).memory_total
    for path in (backend.root, backend.leases):
        await backend.run_command(["rm", "-rf", (await backend.host.request("exists", path=path))[0]["path"]])


async def test_two_sessions_are_enough_for_everything_at_once(at: At, tmp_path: Path) -> None:
    desk = Desk(at("maxsessions"), tmp_path)
    backend = desk.backend
    attempts = [await desk.start(desk.plan(f"echo {n}; sleep 600")) for n in range(2)]

    async def health() -> Health:
        async with contextlib.aclosing(backend.health(0.1)) as readings:
            async for reading in readings:
                if reading.gpus:
                    return reading
        raise AssertionError("the readings ended")

    async with asyncio.timeout(60):
        reading = asyncio.create_task(health())
        await asyncio.gather(
            reading,
            *(desk.logged(attempt, f"{n}\n") for n, attempt in enumerate(attempts)),
            *(backend.jobs(attempts) for _ in range(10)),
            *(backend.run_command(["sleep", "0.2"]) for _ in range(20)),
        )
    assert len(reading.result().gpus) == 2
    await backend.cancel(attempts)
    assert [(await desk.ended(attempt)).state for attempt in attempts] == [JobState.CANCELLED] * 2


# commands and connections


async def test_hung_commands_delay_nothing_on_the_same_host(at: At) -> None:
    backend = at("gpu1")
    await backend.jobs([])
    seconds = f"600.{secrets.randbelow(10**9)}"  # by which these commands are known among all

    async def there() -> int:
        return len((await backend.run_command(["pgrep", "-f", f"^sleep {seconds}"])).out.split())

    hung = [asyncio.create_task(backend.run_command(["sleep", seconds], timeout=600)) for _ in range(20)]
    async with asyncio.timeout(60):
        while await there() < len(hung):
            pass
    for _ in range(10):
        await says(backend, "quick")
        await backend.jobs([])
    assert not any(task.done() for task in hung)
    ends = [backend.run_command(["sleep", seconds], timeout=1) for _ in hung]
    for end in await asyncio.gather(*ends, return_exceptions=True):
        assert isinstance(end, HostTimeout)
        assert str(end).startswith("gpu1: no answer within 1 s")
    assert await there() == len(hung), "what took too long is ended on the host"
    for task in hung:
        task.cancel()
    async with asyncio.timeout(60):
        while await there():
            pass


async def test_a_connection_that_breaks_is_told_to_all_who_wait_and_made_anew(
    at: At, sshd: Cluster, tmp_path: Path
) -> None:
    backend = at("gpu1")
    log = tmp_path / "log"
    log.write_bytes(b"one\n")
    pieces = backend.follow(str(log), 0)
    first = await anext(pieces)
    assert isinstance(first, Chunk)
    waiting = asyncio.ensure_future(anext(pieces))
    hung = asyncio.create_task(backend.run_command(["sleep", "600"], timeout=60))
    os.kill(await session_pid(backend, sshd), signal.SIGKILL)
    async with asyncio.timeout(20):
        for task in (waiting, hung):
            with pytest.raises(HostUnreachable, match="gpu1: the connection ended"):
                await task
        assert await says(backend, "back") == b"back\n"
        log.write_bytes(b"one\ntwo\n")
        async with contextlib.aclosing(backend.follow(str(log), first.offset + len(first.data))) as more:
            piece = await anext(more)
    assert piece == Chunk(4, b"two\n", 8)


async def test_a_run_goes_on_when_the_connection_breaks(at: At, sshd: Cluster, tmp_path: Path) -> None:
    desk = Desk(at("gpu1"), tmp_path)
    attempt = await desk.start(desk.plan("echo up; while [ ! -e go ]; do sleep 0.05; done; echo done"))
    await desk.logged(attempt, "up\n")
    os.kill(await session_pid(desk.backend, sshd), signal.SIGKILL)
    (tmp_path / "go").touch()
    with contextlib.suppress(HostUnreachable):  # the first question may meet the broken connection
        await desk.backend.jobs([attempt])
    assert (await desk.ended(attempt)).state is JobState.COMPLETED
    assert await desk.log(attempt) == "up\ndone\n"


async def test_a_killed_helper_is_told_and_started_anew(at: At) -> None:
    backend = at("gpu2")
    with pytest.raises(HostUnreachable, match="gpu2: the connection ended: killed by SIGKILL"):
        await backend.run_command(["sh", "-c", "kill -9 $PPID; sleep 5"])
    assert await says(backend, "back") == b"back\n"


# a full disk


async def test_a_full_disk_refuses_a_submission_and_nothing_half_is_left(at: At, tmp_path: Path) -> None:
    backend = at("full", "~/runs")
    (tmp_path / "project").mkdir()
    (tmp_path / "project/noise").write_bytes(random.Random(1).randbytes(100_000))
    desk, code = Desk(backend, tmp_path), packed(tmp_path / "project")
    for plan in (desk.plan("true"), desk.plan("true", code=code)):
        with pytest.raises(Rejected, match=r"not submitted: full: .*runs/.*: No space left on device") as no:
            await desk.start(plan)
        assert "free some space there" in no.value.advice
    left = await backend.run_command(["find", ".", "-path", "./runs*", "-not", "-type", "d"])
    assert left.out == b""
    assert (await backend.run_command(["sh", "-c", "ls -d runs/t*/*/*"])).out == b""
    async with contextlib.aclosing(backend.health(0.1)) as readings:
        assert (await anext(readings)).disks[0].free == 0


# bytes


async def test_log_bytes_arrive_exactly_as_they_are(at: At, tmp_path: Path) -> None:
    noise = random.Random(2)
    log = b"".join(
        [
            b"\xff\xfe\x00 not UTF-8 \xc3\n",
            b"\x1b[31mred\x1b[0m\x1b]0;title\x07\n",
            b"".join(b"\r%3d%%|" % n for n in range(101)),
            b"\n" + bytes(noise.choices(range(256), k=10_000_000)).replace(b"\n", b" ") + b"\n",
            noise.randbytes(1_000_000),
            "\N{PARTY POPPER}".encode(),
        ]
    )
    path = tmp_path / "log"
    path.write_bytes(log)
    digest, offset = hashlib.sha256(), 0
    async with asyncio.timeout(60), contextlib.aclosing(at("gpu1").follow(str(path), 0)) as pieces:
        async for piece in pieces:
            assert isinstance(piece, Chunk)
            assert (piece.offset, piece.restarted) == (offset, False)
            digest.update(piece.data)
            offset += len(piece.data)
            if offset == len(log):
                break
    assert digest.digest() == hashlib.sha256(log).digest()


# GPUs


@pytest.fixture
def recording(sshd: Cluster) -> Iterator[Callable[..., None]]:
    """Changes what nvidia-smi says on gpu2, until the end of the test."""
    path = sshd.gpus("gpu2")
    before = path.read_text()

    def write(**changes: object) -> None:
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps(json.loads(before) | changes))
        draft.replace(path)

    yield write
    write()


async def until(readings: AsyncGenerator[Health], when: Callable[[Health], bool]) -> Health:
    """The first reading that is as wanted."""
    async with asyncio.timeout(40):
        async for reading in readings:
            if when(reading):
                return reading
    raise AssertionError("the readings ended")


async def test_what_nvidia_smi_says_is_in_the_health(at: At, sshd: Cluster, recording: Callable[..., None]) -> None:
    gpus = json.loads(sshd.gpus("gpu2").read_text())["gpus"]
    gpus[1] |= {"utilization.gpu": 87, "memory.used": 1234, "temperature.gpu": 71, "power.draw": 312.5}
    recording(gpus=gpus)
    async with contextlib.aclosing(at("gpu2").health(1)) as readings:
        reading = await until(readings, lambda health: len(health.gpus) == 2)
    gpu = reading.gpus[1]
    assert (gpu.index, gpu.uuid, gpu.name) == (1, gpus[1]["uuid"], gpus[1]["name"])
    assert (gpu.utilization, gpu.memory_used, gpu.temperature, gpu.power) == (87, 1234 << 20, 71, 312.5)
    assert reading.gpu_error == ""


async def test_an_nvidia_smi_that_fails_is_told_and_the_rest_of_the_health_stays(
    at: At, recording: Callable[..., None]
) -> None:
    recording(failure={"text": "NVIDIA-SMI has failed because it couldn't communicate with the driver", "code": 9})
    async with contextlib.aclosing(at("gpu2").health(1)) as readings:
        reading = await until(readings, lambda health: bool(health.gpu_error))
    assert reading.gpu_error.startswith("nvidia-smi ended: NVIDIA-SMI has failed because it couldn't communicate")
    assert reading.gpus == ()
    assert reading.memory_total
    assert reading.disks


@pytest.mark.slow
async def test_an_nvidia_smi_that_hangs_is_told_and_the_rest_of_the_health_stays(
    at: At, recording: Callable[..., None]
) -> None:
    recording(hang=True)
    async with contextlib.aclosing(at("gpu2").health(1)) as readings:
        first = await anext(readings)
        reading = await until(readings, lambda health: bool(health.gpu_error))
    assert first.memory_total
    assert (reading.gpu_error, reading.gpus) == ("nvidia-smi does not answer", ())
    assert reading.memory_total
