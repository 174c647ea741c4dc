"""`trainboard import`: as it is typed, with real sbatch, and from a sheet of results back to the same runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from backends.base import JobState
from backends.sbatch import slurm_options
from specs.expand import expand
from specs.importers.convert import turn
from specs.load import load, loads
from trainboard.plans import plan_of
from trainboard.records import Attempt, Experiment, Run
from trainboard.results import Result, Value
from trainboard.sheets import as_csv, as_xlsx

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster import Cluster

SPEC = """\
name: net
command: python train.py {args}
params: {on: true, whole: 1.0, word: "1e3", empty: "", none: null, text: "=1+1 'x' $${HOME}"}
sweep:
  lr: [0.001, 1.0e-05, 0.30000000000000004]
  optim.name: [adam, sgd]
  seeds: 2
  exclude: [{lr: 0.001, seed: 2}]
"""


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trainboard", "import", *words],
        cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip


def test_a_spec_is_printed_and_what_was_not_kept_is_on_standard_error(tmp_path: Path) -> None:
    (tmp_path / "job.sh").write_text("#!/bin/bash\n#SBATCH --mem=1G -o x.log\npython train.py\n")
    found = command(tmp_path, "job.sh")
    assert found.returncode == 0
    assert loads(found.stdout, tmp_path / "x.yaml").resources.memory == 1 << 30
    [line] = found.stderr.splitlines()
    assert line.startswith('trainboard: job.sh: line 2: "--output=x.log" is left out: the log is kept')


def test_a_spec_is_saved_for_where_it_lies_and_over_nothing(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "sheet.csv").write_text("lr\n0.1\n0.2\n")
    words = ("a/sheet.csv", "-o", "a/b/net.yaml", "--command", "train --lr {lr}")
    assert command(tmp_path, *words).stdout == "a/b/net.yaml: 2 runs\n"
    assert load(tmp_path / "a/b/net.yaml").workdir == (tmp_path / "a").resolve()
    again = command(tmp_path, *words)
    assert (again.returncode, again.stderr) == (
        2,
        "trainboard: a/b/net.yaml: is there already; --force replaces it\n",
    )
    assert command(tmp_path, *words, "--force").returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("none.csv",), "none.csv: cannot be read: No such file or directory"),
        (("sheet.csv",), 'sheet.csv: two columns are the parameter "lr"'),
        (("job.sh", "--command", "x"), "job.sh: says itself what to run: --command is for sheets"),
        (("job.sh", "-o", "no/x.yaml"), "no/x.yaml: cannot be written: No such file or directory"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    (tmp_path / "sheet.csv").write_text("lr,seed,lr\n1,2,3\n")
    (tmp_path / "job.sh").write_text("#!/bin/sh\ntrue\n")
    found = command(tmp_path, *words)
    assert (found.returncode, found.stderr, found.stdout) == (2, f"trainboard: {said}\n", "")


@pytest.mark.parametrize(("write", "name"), [(as_csv, "net.csv"), (as_xlsx, "net.xlsx")])
def test_a_sheet_of_results_is_a_spec_of_the_same_runs(write: object, name: str, tmp_path: Path) -> None:
    settings = expand(loads(SPEC, tmp_path / "net.yaml"))
    experiment = Experiment("net-1", "net", "net.yaml", SPEC, 0.0)
    results = []
    for setting in settings:
        run = Run(f"net-1.{setting.index}", "net-1", setting.index, setting.name, setting.params)
        attempt = Attempt(run.id, run.id, 1, "here", JobState.COMPLETED, 0.0, "/x", started=1.0, ended=2.5)
        results.append(Result(experiment, run, attempt, {"=loss": Value(0.5, float("nan"), None)}))
    assert callable(write)
    again = turn(write(results), tmp_path / name, tmp_path, "python train.py {args}")
    assert again.notes == ()
    found = expand(loads(again.text, tmp_path / "again.yaml"))
    kinds = [{(k, type(v).__name__, v) for k, v in each.params.items()} for each in settings]
    assert [{(k, type(v).__name__, v) for k, v in each.params.items()} for each in found] == kinds
    assert [sorted(each.command.split()) for each in found] == [sorted(each.command.split()) for each in settings]


@pytest.mark.slurm
@pytest.mark.parametrize(
    "options",
    [
        "--gres=gpu:2 -c 4 --mem=2000 -t 30:30",
        "--gpus=1 --ntasks=1 --cpus-per-task 2 --mem-per-cpu=300M --time=0-1",
        "--gres=gpu:a100:2 --nodes=1 --mem=1G --exclude=node3 -p short --time=10",
        "-N 2 --ntasks-per-node=2 --gpus-per-node=1 --mem=500M --nice=7",
        "--mail-user=me@here --mail-type=END --mail-type=FAIL -p gpu -p short -w node2",
    ],
)
def test_sbatch_makes_the_same_job_of_the_script_and_of_its_spec(
    cluster: Cluster, options: str, tmp_path: Path
) -> None:
    script = f"#!/bin/bash\n#SBATCH {options}\ntrue\n"
    spec = loads(turn(script.encode(), tmp_path / "job.sh", tmp_path).text, tmp_path / "job.yaml")
    ours = " ".join(f"'{word}'" for word in slurm_options(plan_of(spec, "job-1", expand(spec)[0], "token", {})))
    jobs = [job(cluster, "", script), job(cluster, ours, "#!/bin/bash\ntrue\n")]
    assert jobs[0] == jobs[1]
    assert "TimeLimit" in jobs[0]


def job(cluster: Cluster, options: str, script: str) -> dict[str, str]:
    """What Slurm understood, of a job that is held and then cancelled."""
    argv = [
        "ssh",
        "-F",
        str(cluster.ssh_config),
        "gateway",
        f"sbatch --parsable --hold -J job -o /dev/null {options}",
    ]
    done = subprocess.run(argv, input=script, capture_output=True, text=True, timeout=60, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    number = done.stdout.strip()
    shown = cluster.run("gateway", f"scontrol show job -o {number} && scancel {number}").stdout
    fields = dict(re.findall(r"(\S+?)=(\S*)", shown))
    wanted = (
        *("Partition", "TimeLimit", "NumNodes", "NumCPUs", "NumTasks", "CPUs/Task", "MinMemoryNode", "MinMemoryCPU"),
        *("TRES", "ReqNodeList", "ExcNodeList", "Nice", "MailUser", "MailType", "NtasksPerN:B:S:C"),
    )
    return {name: fields[name] for name in wanted if name in fields}


ARRAY = """\
#!/bin/bash
#SBATCH --array=2-6:2%2 --mem=200M -t 5 --output=task-%a.out
cd "$SLURM_SUBMIT_DIR"
words=(a b c d e f g)
echo "task $SLURM_ARRAY_TASK_ID of $SLURM_ARRAY_TASK_COUNT up to $SLURM_ARRAY_TASK_MAX by $SLURM_ARRAY_TASK_STEP"
echo "${words[$SLURM_ARRAY_TASK_ID]} {words} $(cat data.txt)"
"""


@pytest.mark.slurm
def test_an_imported_array_prints_what_the_script_prints(cluster: Cluster, tmp_path: Path) -> None:
    for folder in (tmp_path, plain := cluster.home("gateway") / f"import-{tmp_path.name}"):
        folder.mkdir(exist_ok=True)
        (folder / "job.sh").write_text(ARRAY)
        (folder / "data.txt").write_text("the data")
    done = cluster.run("gateway", f"cd {plain} && sbatch --wait job.sh")
    assert done.returncode == 0, done.stderr
    expected = [(plain / f"task-{task}.out").read_text() for task in (2, 4, 6)]

    environ = {**os.environ, "TRAINBOARD_SSH_CONFIG": str(cluster.ssh_config)}
    home = tmp_path / ".trainboard"
    home.mkdir()
    config = f"backends:\n  triton: {{kind: slurm, host: gateway, poll: 1, root: {tmp_path}/root}}\n"
    (home / "config.yaml").write_text(config)
    for words in (["import", "job.sh", "-o", "job.yaml"], ["submit", "job.yaml"]):
        trainboard(tmp_path, environ, *words)
    assert [trainboard(tmp_path, environ, "logs", "-f", f"job-1.{number}") for number in range(3)] == expected


def trainboard(folder: Path, environ: dict[str, str], *words: str) -> str:
    """The output of a command that must do its work."""
    argv = [sys.executable, "-m", "trainboard", *words]
    done = subprocess.run(argv, cwd=folder, env=environ, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout
