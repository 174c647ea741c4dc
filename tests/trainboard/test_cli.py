"""The command line as it is typed: a process of its own, its output, its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.cluster import Cluster

PROMISED = {
    "run", "experiment", "backend", "job_id", "state", "name", "params", "submitted", "started", "ended", "exit_code",
    "reason",
}  # fmt: skip
SPEC = """\
name: small
command: for i in 1 2 3; do echo step $i loss 0.$i; done; echo ran with {lr}
params: {lr: 0.1}
sweep: {lr: [0.1, 0.2]}
metrics: {objective: loss, total: {steps: 3}}
"""
DEMO = 240
"""Seconds: it needs 30 of a processor, of which other tests may leave little."""
WAITS = "name: waits\ncommand: echo up; while :; do sleep 0.1; done\n"
LOCAL = "backends: {local: {kind: local, leases: %(leases)s}}\n"
CONFIG = """\
backends:
  here: {kind: local, leases: %(root)s/leases}
  gpu1: {kind: ssh, root: %(root)s/gpu1, leases: %(root)s/leases-far}
  triton: {kind: slurm, host: gateway, poll: 1, root: %(root)s/triton}
"""


@dataclass(frozen=True)
class Shell:
    """A folder, a state of its own, and the command."""

    folder: Path
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "TRAINBOARD_HOME": str(self.home), **self.more}

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def argv(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "trainboard", *words]

    def __call__(self, *words: str, patience: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*words), capture_output=True, text=True, cwd=self.folder, env=self.environ,
            stdin=subprocess.DEVNULL, timeout=patience,
        )  # fmt: skip

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.argv(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder,
            env=self.environ, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def done(self, *words: str) -> str:
        """The output of a command that must do its work."""
        found = self(*words)
        assert (found.returncode, found.stderr) == (0, "")
        return found.stdout

    def json(self, *words: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        return json.loads(self.done(*words, "--json"))

    def refused(self, *words: str) -> str:
        """The one line on standard error of a command that must refuse its input, and has changed nothing."""
        found = self(*words)
        assert (found.returncode, found.stdout) == (2, ""), found.stderr
        [line] = found.stderr.splitlines()
        assert line.startswith("trainboard: ")
        assert not (self.home / "state.json").exists()
        assert not (self.home / "runs").exists()
        return line.removeprefix("trainboard: ")

    def end(self) -> None:
        """Cancel what goes on: a test that fails in its midst leaves nothing behind."""
        alive = [path for path in self.folder.rglob("plan.json") if not (path.parent / "state/exit").exists()]
        if alive:
            self("cancel", *sorted({json.loads(path.read_text())["experiment"] for path in alive}))


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """This machine as the only backend, with a queue of its own."""
    shell = Shell(tmp_path)
    shell.write("home/config.yaml", LOCAL % {"leases": tmp_path / "leases"})
    yield shell
    shell.end()


@pytest.fixture
def everywhere(tmp_path: Path, cluster: Cluster) -> Iterator[Shell]:
    """This machine, a server over SSH and a Slurm cluster."""
    shell = Shell(tmp_path, {"TRAINBOARD_SSH_CONFIG": str(cluster.ssh_config)})
    shell.write("home/config.yaml", CONFIG % {"root": tmp_path / "far"})
    yield shell
    shell.end()


def follow_to_the_end(shell: Shell, run: str) -> str:
    return shell.done("logs", "-f", run)


# --- a whole life on this machine


def test_a_run_from_submission_to_its_curve(shell: Shell) -> None:
    shell.write("s.yaml", SPEC)
    submitted = shell.json("submit", "s.yaml")
    assert [row["run"] for row in submitted] == ["small-1.0", "small-1.1"]
    assert [row["params"] for row in submitted] == [{"lr": 0.1}, {"lr": 0.2}]
    for row in submitted:
        assert set(row) == PROMISED
        assert (row["state"], row["backend"], row["experiment"]) == ("PENDING", "local", "small-1")
        assert row["job_id"]
    log = follow_to_the_end(shell, "small-1.0")
    assert log == "step 1 loss 0.1\nstep 2 loss 0.2\nstep 3 loss 0.3\nran with 0.1\n"
    follow_to_the_end(shell, "small-1.1")
    rows = {row["run"]: row for row in shell.json("ls")}
    assert set(rows) == {"small-1.0", "small-1.1"}
    for row in rows.values():
        assert set(row) == PROMISED
        assert (row["state"], row["exit_code"], row["reason"]) == ("COMPLETED", 0, "")
        assert row["started"] <= row["ended"]
    shown = shell.json("show", "small-1.0")
    assert {name: shown[name] for name in PROMISED} == rows["small-1.0"]
    assert Path(shown["log"]).read_text() == log
    assert (shown["attempt"], Path(shown["directory"]).is_dir()) == (1, True)
    assert (shown["progress"]["done"], shown["progress"]["share"], shown["progress"]["eta_s"]) == (3, 1, None)
    assert (shown["progress"]["best_step"], shown["progress"]["in_time"]) == (1, None)
    assert shown["times"] is None  # nobody saw when its lines came
    found = shell.json("metrics", "small-1.0")
    assert found == {
        "source": "small-1.0",
        "outcome": "completed",
        "metrics": [{"name": "loss", "index": "step", "count": 3, "first": 0.1, "last": 0.3, "min": 0.1, "max": 0.3}],
        "progress": {"done": 3.0, "total": 3.0, "unit": "step", "eta_s": None},
    }
    assert {report["source"] for report in shell.json("metrics", "small-1")} == {"small-1.1", "small-1.0"}
    assert shell.done("logs", "small-1.0") == log
    assert "COMPLETED" in shell.done("ls", "--offline")
    assert "small-1.0" in shell.done("show", "small-1.0")
    table = shell.done("metrics", "small-1.0", "--csv").splitlines()
    assert table[0] == "source,metric,step,index,wall,value"
    assert table[1].startswith("small-1.0,loss,1,step,")


def test_a_log_is_followed_while_the_run_goes_on_and_cancel_ends_it(shell: Shell) -> None:
    shell.write("w.yaml", WAITS)
    [row] = shell.json("submit", "w.yaml")
    following = shell.start("logs", "-f", row["run"])
    assert following.stdout is not None
    assert following.stdout.readline() == "up\n"
    assert shell.json("metrics", row["run"])["outcome"] == "running"
    [cancelled] = shell.json("cancel", row["experiment"])
    assert (set(cancelled), cancelled["run"]) == (PROMISED, row["run"])
    out, err = following.communicate(timeout=30)
    assert (following.returncode, out, err) == (0, "", "")
    [ended] = shell.json("ls")
    assert (ended["state"], ended["reason"]) == ("CANCELLED", "cancelled")
    again = shell("cancel", row["run"])
    assert (again.returncode, again.stderr) == (0, f"trainboard: {row['run']} had ended before: CANCELLED\n")


def test_a_run_that_fails_is_shown_as_such(shell: Shell) -> None:
    shell.write("bad.yaml", "name: bad\ncommand: echo out of luck; exit 3\n")
    shell.json("submit", "bad.yaml")
    assert follow_to_the_end(shell, "bad-1.0") == "out of luck\n"
    shown = shell.json("show", "bad-1.0")
    assert (shown["state"], shown["exit_code"], shown["reason"]) == ("FAILED", 3, "exit code 3")


def test_numbers_that_json_does_not_have_are_words(shell: Shell) -> None:
    shell.write("s.yaml", SPEC.replace("[0.1, 0.2]", "[.inf, -.inf, .nan]"))
    assert [row["params"]["lr"] for row in shell.json("submit", "s.yaml", "--dry-run")] == ["inf", "-inf", "nan"]


def test_words_with_an_equals_sign_change_the_spec(shell: Shell) -> None:
    shell.write("s.yaml", SPEC)
    rows = shell.json("submit", "s.yaml", "lr=0.7", "--dry-run", "name=other")
    assert [(row["experiment"], row["params"]) for row in rows] == [("other", {"lr": 0.7})]


def test_a_dry_run_shows_the_script_and_does_nothing(shell: Shell) -> None:
    shell.write("s.yaml", SPEC)
    rows = shell.json("submit", "s.yaml", "--dry-run")
    for row, lr in zip(rows, ("0.1", "0.2"), strict=True):
        assert set(row) == PROMISED | {"script"}
        assert f"echo ran with {lr}\n" in row["script"]
        assert (row["run"], row["job_id"], row["state"]) == (None, None, None)
    assert "echo ran with 0.2" in shell.done("submit", "s.yaml", "--dry-run")
    assert [path.name for path in shell.home.iterdir()] == ["config.yaml"]


def test_nothing_yet_is_an_empty_list(shell: Shell) -> None:
    assert shell.json("ls") == []
    assert shell.done("ls").splitlines() == ["RUN  STATE  BACKEND  JOB  SUBMITTED  TOOK  NAME  REASON"]
    assert not (shell.home / "state.json").exists()


def test_this_machine_is_the_only_host_of_a_first_start(shell: Shell) -> None:
    shell = Shell(shell.folder, {"TRAINBOARD_SSH_CONFIG": "/nowhere"})
    [host] = shell.json("hosts")
    assert {"backend", "state", "age_s", "gpus", "disks", "memory", "queue"} <= set(host)
    assert (host["backend"], host["state"], host["queue"]) == ("local", "up", {"running": 0, "pending": 0})
    assert host["memory"]["total"] > host["memory"]["available"] > 0
    assert "local" in shell.done("hosts")


def test_the_config_is_shown_with_the_hosts_that_could_be_added(shell: Shell) -> None:
    hosts = shell.write("ssh", "Host alpha\nHost beta\nHost *\n")
    shell = Shell(shell.folder, {"TRAINBOARD_SSH_CONFIG": str(hosts)})
    found = shell.json("config")
    assert (found["config"], found["state"]) == (str(shell.home / "config.yaml"), str(shell.home))
    assert [backend["name"] for backend in found["backends"]] == ["local"]
    assert found["offered"] == ["alpha", "beta"]
    plain = shell("config")
    assert (plain.returncode, "local" in plain.stdout, "alpha, beta" in plain.stderr) == (0, True, True)


def test_a_file_without_metrics_says_so(shell: Shell) -> None:
    shell.write("a.log", "hello\n")
    assert shell.done("metrics", "a.log") == "a.log: unknown\nno metrics\n"


def test_metrics_of_any_file(shell: Shell) -> None:
    shell.write("a.log", "epoch 1 val_loss: 0.5\nepoch 2 val_loss: nan\n")
    found = shell.json("metrics", "a.log")
    assert set(found) == {"source", "outcome", "metrics", "progress"}
    assert (found["source"], found["outcome"], found["metrics"][0]["last"]) == ("a.log", "nan", "nan")
    assert set(found["metrics"][0]) == {"name", "index", "count", "first", "last", "min", "max"}
    assert set(found["progress"]) == {"done", "total", "unit", "eta_s"}


def test_words_of_a_log_cannot_drive_the_terminal(shell: Shell) -> None:
    shell.write(
        "s.yaml", 'name: x\ncommand: \'true\'\nparams: {p: "\\e]0;owned\\a"}\nsweep: {p: ["\\e]0;owned\\a"]}\n'
    )
    assert "\x1b" not in shell.done("submit", "s.yaml") + shell.done("ls")


def test_a_log_as_json(shell: Shell) -> None:
    shell.write("s.yaml", "name: x\ncommand: printf 'one\\n\\377two\\n'\n")
    [row] = shell.json("submit", "s.yaml")
    found = shell.json("logs", "-f", row["run"])
    assert (found["run"], found["size"], found["text"]) == (row["run"], 9, "one\n\ufffdtwo\n")
    assert found["log"].endswith("/out.log")


@pytest.mark.slow
def test_the_demo_tells_its_results_as_json(shell: Shell) -> None:
    shorter = shell.write("python", f'#!/bin/sh\nexec {sys.executable} "$@" --steps 600\n')
    shorter.chmod(0o755)
    found = Shell(shell.folder, {"PYTHON": str(shorter)})("demo", "--json", patience=DEMO)
    assert found.returncode == 0
    assert "char-rnn-1.3  COMPLETED" in found.stderr
    results = json.loads(found.stdout)
    assert [row["state"] for row in results] == ["COMPLETED"] * 4
    assert all(row["objective"] == "val_loss" and row["best"] <= row["last"] < 2.2 for row in results)


@pytest.mark.slow
def test_the_demo_trains_and_prints_what_came_out(shell: Shell) -> None:
    found = shell("demo", "--no-screen", patience=DEMO)
    assert (found.returncode, found.stderr) == (0, "")
    progress, _, results = found.stdout.partition("\n\n")
    for run in range(4):
        assert f"char-rnn-1.{run}  submitted" in progress
        assert f"char-rnn-1.{run}  COMPLETED" in progress
        assert any(line.startswith(f"char-rnn-1.{run}  ") and "val_loss" in line for line in progress.splitlines())
    titles, *rows = results.splitlines()
    assert titles.split()[:3] == ["RUN", "STATE", "TOOK"]
    assert [row.split()[:2] for row in rows] == [[f"char-rnn-1.{run}", "COMPLETED"] for run in range(4)]
    assert sorted(path.name for path in shell.home.iterdir()) == ["config.yaml", "demo"]  # a state of its own


# --- other machines


@pytest.mark.sshd
@pytest.mark.slurm
@pytest.mark.parametrize("backend", ["gpu1", "triton"])
def test_a_run_on_another_machine(everywhere: Shell, backend: str) -> None:
    everywhere.write("s.yaml", SPEC)
    everywhere.write("train.txt", "the project is sent along\n")
    [row] = everywhere.json(
        "submit", "s.yaml", "lr=0.5", "command=cat train.txt; echo step 1 loss {lr}", "--on", backend
    )
    assert (row["backend"], row["state"]) == (backend, "PENDING")
    assert follow_to_the_end(everywhere, row["run"]) == "the project is sent along\nstep 1 loss 0.5\n"
    shown = everywhere.json("show", row["run"])
    assert (shown["state"], shown["exit_code"], shown["job_id"]) == ("COMPLETED", 0, row["job_id"])
    assert everywhere.json("metrics", row["run"])["metrics"][0]["last"] == 0.5


@pytest.mark.slurm
def test_a_dry_run_for_slurm_is_the_batch_script_of_all_its_runs(everywhere: Shell) -> None:
    everywhere.write("s.yaml", SPEC + "setup: module load cuda\nresources: {gpus: 2, time: 1h}\nwhere: [triton]\n")
    first, second = everywhere.json("submit", "s.yaml", "--dry-run")
    assert first["backend"] == "triton"
    assert first["script"] == second["script"]
    for line in ("--gres=gpu:2", "--time=60", "--array=0-1"):
        assert f"#SBATCH {line}\n" in first["script"]
    for_people = everywhere.done("submit", "s.yaml", "--dry-run")
    assert for_people.count("#SBATCH --array=0-1\n") == 1
    assert for_people.count("module load cuda\n") == 2, "what each task begins"


@pytest.mark.slurm
def test_a_dry_run_of_one_run_for_slurm_is_no_array(everywhere: Shell) -> None:
    everywhere.write("s.yaml", SPEC + "resources: {gpus: 2, time: 1h}\nwhere: [triton]\n")
    [only] = everywhere.json("submit", "s.yaml", "lr=0.1", "--dry-run")
    assert "#SBATCH --gres=gpu:2\n" in only["script"]
    assert "--array" not in only["script"]


@pytest.mark.slurm
def test_a_run_on_slurm_is_cancelled(everywhere: Shell) -> None:
    everywhere.write("w.yaml", WAITS)
    [row] = everywhere.json("submit", "w.yaml", "--on", "triton")
    following = everywhere.start("logs", "-f", row["run"])
    assert following.stdout is not None
    assert following.stdout.readline() == "up\n"
    everywhere.done("cancel", row["run"])
    following.communicate(timeout=40)
    assert following.returncode == 0
    assert everywhere.json("show", row["run"])["state"] == "CANCELLED"


@pytest.mark.slurm
def test_a_job_that_somebody_else_started_has_a_log_and_a_curve(everywhere: Shell, cluster: Cluster) -> None:
    name = "$(id)|a;b \U0001f682"
    out = everywhere.folder / "theirs-%j.out"
    script = "#!/bin/sh\necho step 1 loss 0.25\necho step 2 loss 0.125\nsleep 120\n"
    (everywhere.folder / "theirs.sh").write_text(script)
    sent = cluster.run("gateway", f"sbatch --parsable -J '{name}' -o {out} {everywhere.folder}/theirs.sh")
    job_id = sent.stdout.strip()
    assert (sent.returncode, job_id.isdecimal()) == (0, True), sent.stderr
    key = f"triton:{job_id}"
    try:
        following = everywhere.start("logs", "-f", key)
        assert following.stdout is not None
        assert following.stdout.readline() == "step 1 loss 0.25\n"
        assert following.stdout.readline() == "step 2 loss 0.125\n"
        [row] = [row for row in everywhere.json("ls") if row["job_id"] == job_id]
        assert (row["run"], row["experiment"], row["backend"], row["state"]) == (None, None, "triton", "RUNNING")
        assert (set(row), row["name"]) == (PROMISED, name)
        assert everywhere.done("logs", key) == "step 1 loss 0.25\nstep 2 loss 0.125\n"
        found = everywhere.json("metrics", key)
        assert (found["source"], found["metrics"][0]["count"], found["outcome"]) == (key, 2, "running")
        [cancelled] = everywhere.json("cancel", key)
        assert cancelled["state"] in ("CANCELLED", "COMPLETING")
        following.communicate(timeout=40)
        assert following.returncode == 0
    finally:
        cluster.run("gateway", f"scancel {job_id}")


@pytest.mark.sshd
def test_hosts_tell_their_gpus_and_a_host_that_is_down_is_one_row(tmp_path: Path, sshd: Cluster) -> None:
    shell = Shell(tmp_path, {"TRAINBOARD_SSH_CONFIG": str(sshd.ssh_config)})
    shell.write("home/config.yaml", "backends:\n  gpu1: {kind: ssh}\n  dead: {kind: ssh, host: down}\n")
    found = shell("hosts", "--json")
    up, dead = json.loads(found.stdout)
    assert found.returncode == 0
    assert (up["state"], len(up["gpus"]), dead["state"]) == ("up", 4, "down")
    assert set(up["gpus"][0]) >= {"index", "uuid", "name", "utilization", "memory_used", "memory_total"}
    assert set(up) == set(dead)
    assert "refused the connection" in dead["reason"]


@pytest.mark.sshd
def test_runs_for_a_host_that_is_down_wait_here_and_the_reason_is_one_line(tmp_path: Path, sshd: Cluster) -> None:
    shell = Shell(tmp_path, {"TRAINBOARD_SSH_CONFIG": str(sshd.ssh_config)})
    shell.write("home/config.yaml", "backends:\n  dead: {kind: ssh, host: down}\n")
    shell.write("s.yaml", SPEC)
    found = shell("submit", "s.yaml", "--json")
    rows = json.loads(found.stdout)
    assert [(row["state"], row["backend"], row["job_id"]) for row in rows] == [("PENDING", None, None)] * 2
    assert all("refused the connection" in row["reason"] for row in rows)
    assert found.returncode == 0, "they are taken: they are sent as soon as the host answers"
    [line] = found.stderr.splitlines()
    assert line.startswith("trainboard: 2 runs wait here: not submitted: ")
    assert line.endswith("they go on while the board or `trainboard watch` is open")
    listing = shell("ls", "--json")
    assert (listing.returncode, json.loads(listing.stdout)) == (0, rows)
    assert "shown as last seen" in listing.stderr


@pytest.mark.sshd
def test_only_the_host_of_a_run_is_asked_for_it(tmp_path: Path, sshd: Cluster) -> None:
    shell = Shell(tmp_path, {"TRAINBOARD_SSH_CONFIG": str(sshd.ssh_config)})
    shell.write("home/config.yaml", "backends:\n  here: {kind: local}\n  dead: {kind: ssh, host: down}\n")
    shell.write("s.yaml", SPEC)
    shell.json("submit", "s.yaml", "lr=0.1")
    assert follow_to_the_end(shell, "small-1.0").endswith("ran with 0.1\n")  # and no word of the other host
    assert shell.json("show", "small-1.0")["state"] == "COMPLETED"


@pytest.mark.sshd
@pytest.mark.slurm
def test_a_host_is_added_as_what_it_is(tmp_path: Path, cluster: Cluster) -> None:
    shell = Shell(tmp_path, {"TRAINBOARD_SSH_CONFIG": str(cluster.ssh_config)})
    found = shell("config", "add", "gateway", "gpu1")
    assert (found.returncode, found.stdout) == (0, "")
    assert found.stderr.splitlines() == ["trainboard: gateway added, kind slurm", "trainboard: gpu1 added, kind ssh"]
    kinds = {backend["name"]: backend["kind"] for backend in shell.json("config")["backends"]}
    assert kinds == {"local": "local", "gateway": "slurm", "gpu1": "ssh"}
    down = shell("config", "add", "down")
    assert (down.returncode, len(down.stderr.splitlines())) == (1, 1)


# --- bad input: one line that says where, exit code 2, nothing submitted

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: x\ncommand: run\nresorces: {gpus: 1}\n", ("s.yaml:3", '"resorces"', 'did you mean "resources"')),
        (
            "name: x\ncommand: run\nresources: {gpu: 1}\n",
            ("s.yaml:3", '"resources.gpu"', 'did you mean "resources.gpus"'),
        ),
        ("name: x\ncommand: run\nresources: {gpus: many}\n", ("s.yaml:3", "gpus", "many")),
        ("name: x\ncommand: [run]\n", ("s.yaml:2", "command")),
        ("name: x\ncommand: run\nparams:\n\tlr: 1\n", ("s.yaml:4", "tab")),
        (f"name: x\ncommand: run\n{BOMB}", ("s.yaml:",)),
        ("name: x\n", ("s.yaml", "command")),
        ("name: x\ncommand: run {lr}\n", ("s.yaml", "lr")),
        ("name: x\ncommand: run\nname: y\n", ("s.yaml:3", "name")),
        ("", ("s.yaml",)),
        ("name: x\ncommand: run\nenv: {NOT_SET_ANYWHERE: null}\n", ("s.yaml", "env", "NOT_SET_ANYWHERE")),
        ("name: x\ncommand: run\nwhere: [locl]\n", ("s.yaml", '"locl"', '"local"')),
        ("name: ../x\ncommand: run\n", ("s.yaml:1", "name")),
    ],
)
def test_a_bad_spec_is_one_line_that_says_where(shell: Shell, text: str, words: tuple[str, ...]) -> None:
    shell.write("s.yaml", text)
    line = shell.refused("submit", "s.yaml")
    assert [word for word in words if word not in line] == []
    assert len(line) < 400


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("submit", "nowhere.yaml"), ("nowhere.yaml", "no such file")),
        (("submit", "."), (".: ", "folder")),
        (("submit", "s.yaml", "--on", "loca"), ("s.yaml", '"loca"', '"local"')),
        (("submit", "s.yaml", "resources.gpu=1"), ("resources.gpu", "gpus")),
        (("submit", "s.yaml", "lrr=1"), ("lrr", "lr")),
        (("submit", "s.yaml", "resources.gpus=-1"), ("gpus",)),
        (("show", "small-1.0"), ('"small-1.0"', "trainboard ls")),
        (("logs", "small-1.0"), ('"small-1.0"',)),
        (("logs", "-f", "small-1.0"), ('"small-1.0"',)),
        (("cancel", "small-1.0"), ('"small-1.0"',)),
        (("cancel", ""), ('""',)),
        (("metrics", "small-1.0"), ('"small-1.0"',)),
        (("metrics", "./no.log"), ("no.log", "No such file")),
        (("metrics", "no.log"), ("no.log", "No such file")),
        (("metrics", "no.csv"), ("no.csv", "No such file")),
        (("config", "add"), ("host",)),
        ((), ("terminal",)),
    ],
)
def test_bad_words_are_one_line_that_says_which(
    shell: Shell, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    shell.write("s.yaml", SPEC)
    line = shell.refused(*arguments)
    assert [word for word in words if word not in line] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("backends:\n  gpu1: {kind: shh}\n", ("config.yaml:2", '"shh"', '"ssh"')),
        (
            "backends:\n  gpu1: {kind: ssh, rot: /x}\n",
            ("config.yaml:2", '"backends.gpu1.rot"', 'did you mean "backends.gpu1.root"'),
        ),
        ("backend: {}\n", ("config.yaml:1", '"backend"', 'did you mean "backends"')),
        ("backends: [\n", ("config.yaml:",)),
        ("\t\n", ("config.yaml:1", "tab")),
        ("poll: 0\n", ("config.yaml:1", "poll")),
    ],
)
@pytest.mark.parametrize("command", [("ls",), ("submit", "s.yaml"), ("hosts",), ("config",)])
def test_a_bad_config_is_one_line_that_says_where(
    shell: Shell, text: str, words: tuple[str, ...], command: tuple[str, ...]
) -> None:
    shell.write("s.yaml", SPEC)
    shell.write("home/config.yaml", text)
    line = shell.refused(*command)
    assert [word for word in words if word not in line] == []


@pytest.mark.parametrize("words", [("sumbit", "s.yaml"), ("ls", "--jsn"), ("ls", "a=b"), ("submit",), ("show",)])
def test_bad_usage_is_no_traceback(shell: Shell, words: tuple[str, ...]) -> None:
    found = shell(*words)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.splitlines()[-1].startswith("trainboard")
    assert "Traceback" not in found.stderr


def test_a_near_miss_is_told_the_run_that_is_there(shell: Shell) -> None:
    shell.write("s.yaml", SPEC)
    shell.json("submit", "s.yaml")
    found = shell("show", "smal-1.0")
    assert (found.returncode, '"small-1.0"' in found.stderr, len(found.stderr.splitlines())) == (2, True, 1)
    several = shell("logs", "small-1")
    assert (several.returncode, "is 2 runs" in several.stderr, len(several.stderr.splitlines())) == (2, True, 1)


def test_a_damaged_store_is_one_line_and_left_as_it_is(shell: Shell) -> None:
    state = shell.write("home/state.json", "{ half")
    found = shell("ls")
    assert (found.returncode, len(found.stderr.splitlines()), "damaged" in found.stderr) == (1, 1, True)
    assert state.read_text() == "{ half"


@pytest.mark.parametrize(
    "command", [("ls", "--json"), ("config", "--json"), ("logs", "small-1.0"), ("metrics", "s.log", "--csv")]
)
def test_a_reader_that_leaves_early_is_no_error(shell: Shell, command: tuple[str, ...]) -> None:
    shell.write("s.yaml", SPEC)
    shell.write("s.log", "step 1 loss 2\n" * 20_000)
    shell.json("submit", "s.yaml")
    follow_to_the_end(shell, "small-1.1")
    read, write = os.pipe()
    os.close(read)  # gone before the first line
    with os.fdopen(write, "wb") as closed:
        found = subprocess.run(
            shell.argv(*command), stdout=closed, stderr=subprocess.PIPE, text=True, cwd=shell.folder,
            env=shell.environ, timeout=60, check=False,
        )  # fmt: skip
    assert (found.returncode, found.stderr) == (0, "")


def test_secrets_are_in_no_file(shell: Shell) -> None:
    shell = Shell(shell.folder, {"MY_KEY": "s3cret-" + "4711"})
    shell.write("s.yaml", "name: x\ncommand: test ${{#MY_KEY}} -eq 11\nenv: {MY_KEY: null}\n")
    shell.json("submit", "s.yaml")
    follow_to_the_end(shell, "x-1.0")
    assert shell.json("show", "x-1.0")["state"] == "COMPLETED"
    files = [path for path in shell.folder.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert [path for path in files if b"s3cret-4711" in path.read_bytes()] == []
