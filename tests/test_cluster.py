"""The test cluster is what the other tests take it for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import asyncssh
import pytest

from tests.cluster import HOSTS, Cluster, ClusterError, start, stop, up_already
from tests.cluster.layout import default_ports
from tests.cluster.lifecycle import running
from tests.cluster.nvidia_smi import answer, parse
from tests.cluster.processes import end, family, started_at
from tests.cluster.recordings import recording
from tests.cluster.services import accepts
from tests.conftest import need

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

JOB = """\
#!/bin/sh
echo "gpus=$CUDA_VISIBLE_DEVICES"
nvidia-smi -L | wc -l
"""


def eventually(command: Callable[[], str], wanted: Callable[[str], bool], *, seconds: float = 20) -> str:
    """Repeat a command until its output is as wanted; AssertionError with the last output otherwise."""
    deadline = time.monotonic() + seconds
    while not wanted(said := command()):
        assert time.monotonic() < deadline, said
    return said


def output(cluster: Cluster, alias: str, command: str) -> str:
    """What a command that succeeds prints on a host."""
    done = cluster.run(alias, command)
    assert done.returncode == 0, done.stderr
    return done.stdout


def present(cluster: Cluster, alias: str) -> str:
    """The alias, or a skip with the reason why this machine has no such host."""
    reason = dict(cluster.left_out).get(alias)
    if reason:
        need(f"{alias}: {reason}", os.environ)
    return alias


@pytest.mark.slurm
def test_up_twice_changes_nothing(cluster: Cluster) -> None:
    before = running(cluster)
    again = start(cluster.dir)
    assert again == cluster
    assert running(again) == before
    assert {"sshd", "twofactor", "munged", "mariadb", "slurmdbd", "slurmctld", "node1", "node2", "node3"} == set(
        before
    )


@pytest.mark.slurm
def test_a_job_through_the_gateway_is_told_its_gpus_and_sees_the_nodes(cluster: Cluster) -> None:
    done = subprocess.run(
        ["ssh", "-F", cluster.ssh_config, "gateway", "sbatch --wait --parsable --gres=gpu:2 --output=job-%j.log"],
        input=JOB,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    log = cluster.home("gateway") / f"job-{done.stdout.strip()}.log"
    devices, cards = log.read_text().splitlines()
    assert len(devices.removeprefix("gpus=").split(",")) == 2
    assert cards == "4"


@pytest.mark.slurm
def test_the_accounting_knows_a_job_and_its_comment(cluster: Cluster) -> None:
    job = output(cluster, "gateway", "sbatch --parsable --comment='token 7|é' --output=/dev/null --wrap true").strip()
    line = eventually(
        lambda: output(cluster, "gateway", f"sacct -X -n -P -j {job} -o jobid,state,comment"),
        lambda said: "COMPLETED" in said,
    )
    assert line.strip() == f"{job}|COMPLETED|token 7|é"


@pytest.mark.slurm
def test_the_short_partition_ends_after_an_hour(cluster: Cluster) -> None:
    said = output(cluster, "gateway", "sinfo -h -o '%P %l %D'")
    assert set(said.splitlines()) == {"gpu* 2-00:00:00 3", "short 1:00:00 3"}


@pytest.mark.sshd
@pytest.mark.parametrize("alias", ["gpu1", "gpu2", "behind", "maxsessions"])
def test_a_plain_server_has_gpus_and_no_scheduler(sshd: Cluster, alias: str) -> None:
    assert sshd.run(alias, "squeue").returncode == 127
    assert sshd.run(alias, "bash -l -c squeue").returncode == 127
    cards = output(sshd, alias, "nvidia-smi --query-gpu=index --format=csv,noheader").split()
    assert len(cards) == sshd.host(alias).gpus


@pytest.mark.sshd
def test_each_host_has_a_home_of_its_own(sshd: Cluster) -> None:
    for alias in ("gpu1", "gpu2"):
        assert output(sshd, alias, "pwd; echo ~").split() == [str(sshd.home(alias))] * 2


@pytest.mark.sshd
def test_the_recording_may_change_while_the_replayer_loops(sshd: Cluster) -> None:
    path = sshd.gpus("gpu2")
    before = path.read_text()
    argv = [
        "ssh",
        "-F",
        str(sshd.ssh_config),
        "gpu2",
        "nvidia-smi -lms 50 -i 0 --query-gpu=index,utilization.gpu --format=csv,noheader",
    ]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as loop:
        assert loop.stdout is not None
        try:
            assert loop.stdout.readline() == "0, 0 %\n"
            changed = json.loads(before)
            changed["gpus"][0]["utilization.gpu"] = 97
            draft = path.with_suffix(".draft")
            draft.write_text(json.dumps(changed))
            draft.replace(path)
            assert eventually(loop.stdout.readline, lambda line: "97" in line) == "0, 97 %\n"
        finally:
            loop.terminate()
            path.write_text(before)


@pytest.mark.sshd
def test_a_host_without_python_has_none_even_in_a_login_shell(sshd: Cluster) -> None:
    assert sshd.run("nopython", "python3 -V").returncode == 127
    assert sshd.run("nopython", "bash -l -c 'python3 -V'").returncode == 127


@pytest.mark.sshd
def test_a_full_disk_refuses_every_byte(sshd: Cluster) -> None:
    done = sshd.run(present(sshd, "full"), "echo text > ~/new")
    assert done.returncode != 0
    assert "No space left on device" in done.stderr


@pytest.mark.sshd
@pytest.mark.parametrize(("alias", "question"), [("tcsh", "echo $tcsh"), ("fish", "echo $FISH_VERSION")])
def test_a_login_shell_is_what_the_alias_says(sshd: Cluster, alias: str, question: str) -> None:
    assert output(sshd, present(sshd, alias), question)[0].isdigit()
    assert output(sshd, alias, "id -un").strip() == sshd.user(alias)


@pytest.mark.sshd
def test_a_banner_comes_before_the_output_of_every_command(sshd: Cluster) -> None:
    said = output(sshd, present(sshd, "banner"), "echo 42").splitlines()
    assert said[0].startswith("***")
    assert said[1:] == ["42"]


@pytest.mark.sshd
@pytest.mark.parametrize(
    ("alias", "complaint"),
    [
        ("wrongkey", "REMOTE HOST IDENTIFICATION HAS CHANGED"),
        ("unknown", "No ED25519 host key is known"),
        ("down", "Connection refused"),
        ("twofactor", "Permission denied"),
    ],
)
def test_a_bad_host_fails_in_its_own_way(sshd: Cluster, alias: str, complaint: str) -> None:
    argv = ["ssh", "-F", str(sshd.ssh_config), "-o", "BatchMode=yes", alias, "true"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20)
    assert done.returncode == 255
    assert complaint in done.stderr


@pytest.mark.sshd
async def test_a_silent_host_takes_the_connection_and_says_nothing(sshd: Cluster) -> None:
    assert accepts(sshd.host("silent").address, sshd.port("sshd"))
    with pytest.raises(TimeoutError):
        await asyncssh.connect("silent", config=[str(sshd.ssh_config)], login_timeout=0.5, connect_timeout=0.5)


@pytest.mark.sshd
async def test_the_third_channel_is_refused_where_sessions_are_few(sshd: Cluster) -> None:
    async with (
        asyncssh.connect("maxsessions", config=[str(sshd.ssh_config)]) as connection,
        connection.create_process("cat"),
        connection.create_process("cat"),
    ):
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.create_process("cat")


@pytest.mark.sshd
async def test_a_password_opens_the_account_of_a_real_user(sshd: Cluster) -> None:
    alias = present(sshd, "password")
    async with asyncssh.connect(alias, config=[str(sshd.ssh_config)], password=sshd.password) as connection:
        assert (await connection.run("id -un")).stdout == f"{sshd.user(alias)}\n"


class Answers(asyncssh.SSHClient):
    """Answers keyboard-interactive prompts in turn and keeps what was asked."""

    def __init__(self, *answers: str) -> None:
        self.left = list(answers)
        self.asked: list[str] = []

    def kbdint_auth_requested(self) -> str | None:
        """Say yes as long as there is an answer left."""
        return "" if self.left else None

    def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str]:
        """Give one answer per prompt."""
        self.asked += [prompt for prompt, _ in prompts]
        return [self.left.pop(0) for _ in prompts]


@pytest.mark.sshd
async def test_two_factors_are_asked_one_after_the_other(sshd: Cluster) -> None:
    client = Answers(sshd.password, sshd.code)
    connection, _ = await asyncssh.create_connection(lambda: client, "twofactor", config=[str(sshd.ssh_config)])
    async with connection:
        assert client.asked == ["Password: ", "Verification code: "]
        done = await connection.run("cat; exit 3", input="through")
        assert (done.stdout, done.exit_status) == ("through", 3)


@pytest.mark.sshd
@pytest.mark.parametrize("wrong", [0, 1])
async def test_one_wrong_factor_is_no_login(sshd: Cluster, wrong: int) -> None:
    answers = [sshd.password, sshd.code]
    answers[wrong] = "wrong"
    client = Answers(*answers)
    with pytest.raises(asyncssh.PermissionDenied):
        await asyncssh.create_connection(lambda: client, "twofactor", config=[str(sshd.ssh_config)])


@pytest.fixture
def second() -> Iterator[tuple[Path, int]]:
    """A folder and ports for a cluster beside the others."""
    base = next(base for base in range(default_ports() + 2000, 30000, 100) if not accepts("127.0.0.12", base + 22))
    folder = Path(tempfile.mkdtemp(prefix="trainboard-cluster-"))
    yield folder, base
    stop(folder)


@pytest.mark.slurm
@pytest.mark.slow
def test_down_leaves_no_process_no_user_and_no_file(second: tuple[Path, int], cluster: Cluster) -> None:
    folder, base = second
    beside = start(folder, port_base=base)
    output(beside, "gpu1", "setsid nohup sleep 1000 >/dev/null 2>&1 </dev/null & echo $!")
    output(beside, "gateway", "sbatch --output=/dev/null --wrap 'echo > ~/runs; exec sleep 1000'")
    runs = beside.home("gateway") / "runs"
    eventually(lambda: str(runs.exists()), lambda there: there == "True")
    users = [beside.user(alias) for alias in beside.aliases if beside.user(alias)]
    born = {pid: started_at(pid) for pid in family(beside)}
    assert len(born) > 10

    assert stop(folder)
    assert not {pid for pid, started in born.items() if started and started_at(pid) == started}
    assert not folder.exists()
    assert not up_already(folder)
    passwd = Path("/etc/passwd").read_text()
    assert not [user for user in users if f"{user}:" in passwd]
    assert str(folder) not in Path("/proc/mounts").read_text()
    assert up_already(cluster.dir)
    assert not stop(folder)


def test_down_leaves_a_folder_alone_that_is_no_cluster(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ClusterError, match="not the folder of a test cluster"):
        stop(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


@pytest.mark.sshd
def test_up_leaves_a_folder_alone_that_is_no_cluster(sshd: Cluster, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ClusterError, match="not empty"):
        start(tmp_path, port_base=sshd.port_base + 1000, slurm=False)


@pytest.mark.sshd
def test_a_taken_port_is_named_before_anything_starts(sshd: Cluster, second: tuple[Path, int]) -> None:
    with pytest.raises(ClusterError, match=f"port {sshd.port('sshd')} for sshd is taken"):
        start(second[0], port_base=sshd.port_base, slurm=False)


@pytest.mark.sshd
def test_a_start_that_was_cut_off_is_taken_up_again(second: tuple[Path, int], sshd: Cluster) -> None:
    folder, base = second
    start(folder, port_base=base, slurm=False)
    (folder / "cluster.json").unlink()
    assert stop(folder)
    start(folder, port_base=base, slurm=False)
    for file in (folder / "run").glob("*.pid"):
        end([int(file.read_text().split()[0])], grace=2)
    (folder / "cluster.json").unlink()
    again = start(folder, port_base=base, slurm=False)
    assert output(again, "gpu1", "echo back") == "back\n"


@pytest.mark.sshd
def test_env_prints_what_a_shell_can_read(sshd: Cluster) -> None:
    argv = [sys.executable, "-m", "tests.cluster", "env", "--dir", str(sshd.dir)]
    printed = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]).stdout
    script = f'{printed}\nprintf "%s\\n" "$SLURM_CONF" "$TRAINBOARD_SSH_CONFIG" "$CLUSTER_PASSWORD"'
    read = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()
    assert read == [str(sshd.slurm_conf), str(sshd.ssh_config), sshd.password]


def test_a_missing_server_is_a_skip_here_and_a_failure_in_ci() -> None:
    need("", {"CI": "true"})
    with pytest.raises(pytest.skip.Exception, match="slurmd not installed"):
        need("slurmd not installed", {})
    with pytest.raises(pytest.fail.Exception, match="slurmd not installed"):
        need("slurmd not installed", {"CI": "true"})


def test_no_two_hosts_share_an_address() -> None:
    assert len({host.address for host in HOSTS}) == len(HOSTS)
    assert len({host.alias for host in HOSTS}) == len(HOSTS)


def replay(*arguments: str) -> tuple[str, int]:
    """What the replayer says of two idle cards with one process on the second."""
    recorded = recording("gpu9", 2)
    recorded["apps"] = [
        {"gpu_uuid": recorded["gpus"][1]["uuid"], "pid": 4711, "process_name": "python, -u", "used_memory": 1024}
    ]
    return answer({**recorded}, parse(arguments))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--query-gpu=index,memory.used,power.draw", "--format=csv,noheader,nounits"), "0, 3, 61.27\n1, 3, 62.27\n"),
        (("--query-gpu=temperature.gpu,index", "--format=csv,noheader", "-i", "1"), "32, 1\n"),
        (
            ("--query-gpu=utilization.gpu,fan.speed", "--format=csv", "--id=0"),
            "utilization.gpu [%], fan.speed [%]\n0 %, [N/A]\n",
        ),
        (
            ("--query-compute-apps=pid,process_name,used_memory", "--format=csv,noheader"),
            "4711, python, -u, 1024 MiB\n",
        ),
    ],
)
def test_the_replayer_prints_the_documented_csv(arguments: tuple[str, ...], text: str) -> None:
    assert replay(*arguments) == (text, 0)


def test_an_unknown_field_or_option_is_exit_status_two() -> None:
    assert replay("--query-gpu=index,hue", "--format=csv") == ('Field "hue" is not a valid field to query.\n\n', 2)
    assert replay("--make-coffee")[1] == 2


def test_a_recorded_failure_is_replayed_with_its_exit_status() -> None:
    failure = {"text": "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", "code": 9}
    assert answer({"failure": failure}, parse(["-L"])) == (f"{failure['text']}\n", 9)
