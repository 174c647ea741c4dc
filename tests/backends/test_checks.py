"""What each kind of backend tells before a run is submitted: this machine, an SSH host, a Slurm cluster."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from backends.base import Checkpoints, HostUnreachable, JobState
from backends.checks import Forecast, Program, Rehearsal, Unknown
from backends.remote import survey as helper
from backends.remote.commands import Commands
from backends.remote.frames import Failure
from backends.remote.seldom import told
from backends.server import Server
from backends.slurm import Slurm
from specs.model import Input, Resources, SlurmOptions
from tests.backends.conftest import Desk, over_ssh

if TYPE_CHECKING:
    from pathlib import Path

    from backends.checks import Survey
    from tests.cluster import Cluster

GPUS = Resources(gpus=1, cpus=1)


def names_in(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


async def surveyed(desk: Desk, *inputs: Input, patience: float = 20, **changes: object) -> Survey:
    """What the host of a desk has."""
    return await desk.backend.survey(desk.plan("true", **changes), inputs, patience)


async def test_the_space_of_folders_is_told_by_the_names_they_were_asked_by(desk: Desk, tmp_path: Path) -> None:
    wanted = (str(tmp_path), f"{tmp_path}/not yet/there", "~/runs")
    found = await desk.backend.space(wanted)
    assert tuple(disk.path for disk in found) == wanted
    status = os.statvfs(tmp_path)
    assert found[0].total == found[1].total == status.f_blocks * status.f_frsize
    assert abs(found[0].free - status.f_bavail * status.f_frsize) < 1 << 30


async def rehearsed(desk: Desk, setup: str, *programs: Program, **changes: object) -> Rehearsal:
    """What becomes of a set-up there."""
    done = await desk.backend.rehearse(desk.plan("true", setup=setup, **changes), programs)
    assert isinstance(done, Rehearsal)
    return done


async def test_a_survey_tells_of_folders_and_leaves_nothing_behind(desk: Desk, tmp_path: Path) -> None:
    before = await asyncio.to_thread(names_in, tmp_path)
    found = await surveyed(desk)
    root, project = found.folders
    assert (root.path, root.exists, root.trouble) == (str(tmp_path / "runs"), False, "")
    assert (project.path, project.exists) == (str(tmp_path), True)
    assert root.tightest is not None
    disk = os.statvfs(tmp_path)
    assert abs((root.tightest.free or 0) - disk.f_bavail * disk.f_frsize) < 1 << 30
    assert found.cpus == os.cpu_count()
    assert found.memory is not None
    assert tuple(map(int, found.python.split("."))) >= (3, 6)
    assert await asyncio.to_thread(names_in, tmp_path) == before


async def test_inputs_are_there_or_not(desk: Desk, tmp_path: Path) -> None:
    data = tmp_path / "data.bin"
    data.write_bytes(b"x" * 1000)
    (tmp_path / "folder").mkdir()
    paths = [str(data), str(tmp_path / "folder"), str(tmp_path / "none"), str(data / "below"), "/dev/null"]
    found = (await surveyed(desk, *map(Input, paths))).inputs
    assert list(found) == paths
    seen = [(each.kind, each.size, each.trouble) for each in found.values()]
    assert seen[:4] == [("file", 1000, ""), ("folder", None, ""), ("", None, ""), ("", None, "")]
    assert seen[4][2] == "is neither a file nor a folder"


async def test_a_checksum_is_remembered_until_the_file_changes(desk: Desk, tmp_path: Path) -> None:
    data = tmp_path / "data.bin"
    data.write_bytes(b"one")
    wanted = Input(str(data), None, "0" * 64)
    first = (await surveyed(desk, wanted)).inputs[str(data)]
    assert first.sha256 == hashlib.sha256(b"one").hexdigest()
    # With no time left it can only be what is remembered.
    again = (await surveyed(desk, wanted, patience=-1)).inputs[str(data)]
    assert again == first
    data.write_bytes(b"two, and another size")
    late = (await surveyed(desk, wanted, patience=-1)).inputs[str(data)]
    assert (late.sha256, late.late) == ("", True)


async def test_a_setup_is_tried_in_a_login_shell_in_the_project_folder(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("")
    setup = "pwd > where\nfrob() { :; }"
    asked = [
        Program("python3", "train.py", ("json", "no_such_module")),
        Program("frob"),
        Program("${NOTHING:-no-such-command}", "none.py"),
    ]
    done = await rehearsed(desk, setup, *asked)
    assert done.setup == 0
    assert (tmp_path / "where").read_text().strip() == str(tmp_path)
    assert done.where["python3"].endswith("python3")
    assert done.where["frob"] == "frob"
    assert "${NOTHING:-no-such-command}" not in done.where
    assert done.absent == {"none.py"}
    assert done.lacking == {"python3": ("no_such_module",)}


async def test_a_setup_that_fails_says_how_and_no_secret(desk: Desk) -> None:
    done = await rehearsed(
        desk,
        "echo before; echo bad: $KEY >&2; (exit 3); echo after",
        Program("python3"),
        secrets={"KEY": "hush-hush"},
    )
    assert (done.setup, done.said, done.where) == (3, "before / bad: •••", {})


async def test_a_setup_that_leaves_the_shell_is_found_out(desk: Desk) -> None:
    assert (await rehearsed(desk, "trap - EXIT; exit 0")).setup is None
    assert (await rehearsed(desk, "exit 4")).setup == 4


async def test_a_program_is_not_said_to_be_there_by_what_a_setup_prints(desk: Desk) -> None:
    done = await rehearsed(desk, "echo '~x~ word 0 /bin/frob'; echo setup 0", Program("frob"))
    assert done.where == {}


async def test_a_setup_runs_without_gpus(desk: Desk, tmp_path: Path) -> None:
    await rehearsed(desk, 'echo "[$CUDA_VISIBLE_DEVICES]" > gpus', env={"CUDA_VISIBLE_DEVICES": "0,1"})
    assert (tmp_path / "gpus").read_text() == "[]\n"


@pytest.mark.sshd
async def test_the_gpus_of_a_server_are_told(sshd: Cluster, tmp_path: Path) -> None:
    server = Server("gpu1", over_ssh(sshd, "gpu1"), str(tmp_path / "runs"))
    found = await server.survey(Desk(server, tmp_path).plan("true", resources=GPUS), (), 1)
    await server.close()
    assert isinstance(found.cards, tuple)
    assert [card.name for card in found.cards] == ["NVIDIA A100-SXM4-80GB"] * 4
    assert len(found.folders) == 1  # the project folder is not there: it is sent


@pytest.mark.sshd
async def test_a_full_disk_is_told_of_by_writing(sshd: Cluster, tmp_path: Path) -> None:
    if "full" not in sshd.aliases:
        pytest.skip(dict(sshd.left_out)["full"])
    server = Server("full", over_ssh(sshd, "full"), "~/runs")
    found = await server.survey(Desk(server, tmp_path).plan("true"), (), 1)
    await server.close()
    assert "No space left on device" in found.folders[0].trouble


@pytest.mark.sshd
async def test_a_host_that_is_down_is_an_error_and_no_survey(sshd: Cluster, tmp_path: Path) -> None:
    server = Server("down", over_ssh(sshd, "down"), "~/runs")
    with pytest.raises(HostUnreachable):
        await server.survey(Desk(server, tmp_path).plan("true"), (), 1)
    await server.close()


async def test_what_a_run_used_comes_back_with_its_end(desk: Desk) -> None:
    attempt = await desk.start(desk.plan('head -c 3000000 /dev/urandom > "$TRAINBOARD_ATTEMPT"/data'))
    job = await desk.ended(attempt)
    assert job.state is JobState.COMPLETED
    assert job.peaks is not None
    assert 3000000 <= (job.peaks.disk or 0) < 5000000
    assert job.peaks.memory is not None
    assert 0 < (job.peaks.seconds or 0) < 60


async def test_when_checkpoints_were_saved_and_when_the_time_is_over_is_told(desk: Desk) -> None:
    resources = Resources(cpus=1, time=600)
    checkpoints = Checkpoints(str(desk.workdir / "*.pt"), keep=None, resume="")
    attempt = await desk.start(desk.plan("echo 1 > 1.pt; sleep 1", resources=resources, checkpoints=checkpoints))
    running = await desk.until(attempt, lambda job: job.state is JobState.RUNNING or job.state.ended)
    assert running.time_limit is not None
    assert 600 <= running.time_limit < 900
    job = await desk.ended(attempt)
    [saved] = job.checkpoints
    assert saved == pytest.approx((desk.workdir / "1.pt").stat().st_mtime)


async def test_only_a_scheduler_forecasts(desk: Desk) -> None:
    found = await desk.backend.forecast(desk.plan("true"))
    assert (found is not None) == (desk.backend.kind == "slurm")


async def forecast(cluster: Cluster, folder: Path, needs: Resources, **slurm: object) -> Forecast:
    """What the real cluster says of a job."""
    backend = Slurm("triton", over_ssh(cluster, "gateway"), str(folder / "runs"), shared=True)
    own = SlurmOptions(**slurm)  # type: ignore[arg-type]  # fields by name
    found = await backend.forecast(Desk(backend, folder).plan("true", resources=needs, slurm=own))
    left = await backend.run_command(["squeue", "-h", "-o", "%Z"])
    assert str(folder) not in left.out.decode()  # nothing was submitted
    await backend.close()
    assert found is not None
    return found


@pytest.mark.slurm
async def test_slurm_says_when_a_job_would_start(cluster: Cluster, tmp_path: Path) -> None:
    found = await forecast(cluster, tmp_path, replace(GPUS, time=600))
    assert (found.refusal, found.passing) == ("", False)
    assert found.start is not None
    assert abs(found.start - time.time()) < 86400
    assert isinstance(found.partitions, tuple)
    kinds = {(each.partition, each.default, each.avail, each.limit, each.usual) for each in found.partitions}
    assert kinds == {("gpu", True, "up", 172800.0, 3600.0), ("short", False, "up", 3600.0, 600.0)}
    assert {(each.count, each.cpus, each.memory, each.gpus) for each in found.partitions} == {
        (3, 16, 20000 << 20, (("a100", 4),))
    }


@pytest.mark.slurm
@pytest.mark.parametrize(
    ("needs", "slurm", "words"),
    [
        (Resources(gpus=9), {}, "Requested node configuration is not available"),
        (Resources(), {"partition": "nope"}, "invalid partition specified: nope"),
        (Resources(), {"sbatch": ("--constraint=zz",)}, "Invalid feature specification"),
        (Resources(), {"sbatch": ("--comment=a b",)}, "must be one word"),
    ],
)
async def test_slurm_refuses_what_can_never_run(
    cluster: Cluster, tmp_path: Path, needs: Resources, slurm: dict[str, object], words: str
) -> None:
    found = await forecast(cluster, tmp_path, needs, **slurm)
    assert words in found.refusal
    assert (found.start, found.passing) == (None, False)


@pytest.mark.sshd
async def test_a_gateway_without_slurm_is_no_refusal(sshd: Cluster, tmp_path: Path) -> None:
    backend = Slurm("gpu1", over_ssh(sshd, "gpu1"), str(tmp_path / "runs"))
    found = await backend.forecast(Desk(backend, tmp_path).plan("true"))
    await backend.close()
    assert found is not None
    assert isinstance(found.partitions, Unknown)
    assert found.passing
    assert "sbatch is not on this gateway" in found.refusal


async def test_the_helper_ends_a_tool_that_hangs(tmp_path: Path) -> None:
    tool = tmp_path / "quota"
    tool.write_text("#!/bin/sh\nexec sleep 600\n")
    tool.chmod(0o755)
    begun = time.monotonic()
    with pytest.raises(Failure, match="no answer within"):
        await asyncio.to_thread(told, [str(tool)], 0.5, Commands())
    assert time.monotonic() - begun < 5


def test_what_cannot_be_written_to_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert helper.folder(str(tmp_path / "file/below"))["trouble"].endswith("Not a directory")
    assert helper.folder("/proc/nowhere/below")["trouble"].startswith("/proc: ")


def test_of_an_input_that_may_not_be_read_the_reason_is_told(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert helper.described(str(loop), None)["trouble"] == "Too many levels of symbolic links"
