"""sbatch scripts as specs: the same job, and every option accounted for."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specs.expand import expand
from specs.importers.convert import turn
from specs.importers.directives import take_apart
from specs.importers.shell import as_command, split
from specs.load import loads
from specs.model import SpecError
from specs.scanner import scan
from tests.specs.importers.outcome import keeps_its_promise

if TYPE_CHECKING:
    from specs.importers.imported import Imported
    from specs.model import Setting, Spec

HERE = Path("/tmp")
TRAIN = """\
#!/bin/bash -l
# Train the net.
#SBATCH --job-name="my net" --partition=gpu
#SBATCH --gres=gpu:2 -c 4 --mem=16000   # one node
#SBATCH -t 1-12:00 -A deep
#SBATCH --constraint=a100|v100
#SBATCH --output=logs/%j.out

module purge
module load cuda/12 \\
    python/3.11
source ~/.bashrc
eval "$(conda shell.bash hook)" && conda activate net
set -euo pipefail
export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK

# the training itself
for lr in {1..3}; do
    srun python train.py --out {here} --lr 0.$lr
done
"""


def imported(text: str) -> Imported:
    return turn(text.encode(), HERE / "train.sh", HERE)


def spec(text: str) -> Spec:
    return loads(imported(text).text, HERE / "spec.yaml")


def runs(text: str) -> tuple[Setting, ...]:
    return expand(spec(text))


def job(*lines: str, body: str = "python train.py") -> str:
    return "\n".join(["#!/bin/bash", *(f"#SBATCH {line}" for line in lines), body, ""])


def test_a_script_becomes_a_spec_that_a_person_could_have_written() -> None:
    found = imported(TRAIN)
    assert (
        found.text
        == """\
# The job script train.sh; submit it with --on BACKEND, or say where: [BACKEND].
# Train the net.

name: my-net
command: |
  set -euo pipefail

  # the training itself
  for lr in {1..3}; do
      srun python train.py --out {{here}} --lr 0.$lr
  done
workdir: .  # where sbatch was called; the project folder
setup: |
  module purge
  module load cuda/12 \\
      python/3.11
  source ~/.bashrc || true
  eval "$(conda shell.bash hook)" && conda activate net
  export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK

resources:
  gpus: 2  # --gres=gpu:2
  cpus: 4  # --cpus-per-task=4
  memory: 16000M  # --mem=16000
  time: 1d12h  # --time=1-12:00
slurm: {partition: gpu, account: deep, sbatch: ["--constraint=a100|v100"]}
"""
    )
    assert found.notes == (
        'line 7: "--output=logs/%j.out" is left out: the log is kept with each attempt, see `trainboard logs`',
    )


def test_the_command_is_the_scripts_own_again() -> None:
    [run] = runs(TRAIN)
    assert "srun python train.py --out {here} --lr 0.$lr\n" in run.command
    assert run.command.startswith("set -euo pipefail\n")


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("90", 5400), ("30:30", 1830), ("2:00:00", 7200), ("1-0", 86400), ("1-2:30", 95400), ("1-2:30:15", 95415)],
)
def test_a_time_limit_is_read_as_sbatch_reads_it(time: str, seconds: int) -> None:
    assert spec(job(f"--time={time}")).resources.time == seconds


@pytest.mark.parametrize("time", ["UNLIMITED", "0"])
def test_no_time_limit_stays_none(time: str) -> None:
    found = spec(job(f"-t {time}"))
    assert (found.resources.time, found.slurm.sbatch) == (None, (f"--time={time}",))


@pytest.mark.parametrize(
    ("options", "gpus", "words"),
    [
        ("--gres=gpu", 1, ()),
        ("--gres=gpu:a100:2", 2, ("--gres=gpu:a100:2",)),
        ("--gres=gpu:2,lscratch:10", 2, ("--gres=lscratch:10,gpu:2",)),
        ("--gres=lscratch:10 --gpus=1", 1, ("--gres=lscratch:10,gpu:1",)),
        ("--gpus-per-node=v100:4 --nodes=2", 4, ("--nodes=2", "--gres=gpu:v100:4")),
        ("-G 2", 2, ()),
        ("-G 4 -N 2", 0, ("--gpus=4", "--nodes=2")),
        ("--gpus-per-task=1 -n 2", 0, ("--gpus-per-task=1", "--ntasks=2")),
        ("--gres=gpu:a100", 1, ("--gres=gpu:a100",)),
        ("--gres=gpu:v100:1,gpu:a100:2", 3, ("--gres=gpu:v100:1,gpu:a100:2",)),
        ("--gres=gpu:0", 0, ("--gres=gpu:0",)),
        ("--gres=gpu:x:y:2", 0, ("--gres=gpu:x:y:2",)),
        ("--gres=shard:2", 0, ("--gres=shard:2",)),
    ],
)
def test_gpus_are_counted_and_their_type_is_kept(options: str, gpus: int, words: tuple[str, ...]) -> None:
    found = spec(job(options))
    assert (found.resources.gpus, found.slurm.sbatch) == (gpus, words)


def test_an_array_is_a_sweep_whose_runs_know_their_task() -> None:
    found = spec(job("--array=0-8:4,3%2"))
    settings = expand(found)
    assert [run.params["SLURM_ARRAY_TASK_ID"] for run in settings] == [0, 4, 8, 3]
    assert found.sweep.at_most == 2
    assert settings[1].env["SLURM_ARRAY_TASK_ID"] == "4"
    assert settings[1].env["SLURM_ARRAY_TASK_COUNT"] == "4"
    assert settings[1].env["SLURM_ARRAY_TASK_MAX"] == "8"


def test_a_long_array_is_a_range() -> None:
    text = job("-a 1-1000:3")
    assert "{range: [1, 1001, 3]}" in imported(text).text
    assert [run.params["SLURM_ARRAY_TASK_ID"] for run in runs(text)] == list(range(1, 1001, 3))


@pytest.mark.parametrize("array", ["1-", "5-1", "a", "1-3%x", "1-200000"])
def test_a_wrong_array_is_an_error_at_its_line(array: str) -> None:
    with pytest.raises(SpecError, match=r"train\.sh:3: ") as caught:
        imported(job("--mem=1G", f"--array={array}"))
    assert caught.value.line == 3


def test_every_other_option_is_kept_as_one_word() -> None:
    found = spec(job("-N1 -n 2 --mail-type END --mail-user=me@here.org", "-Hv -k --exclusive=user", "-w 'n[1-3]'"))
    assert found.slurm.sbatch == (
        *("--nodes=1", "--ntasks=2", "--mail-type=END", "--mail-user=me@here.org"),
        *("--hold", "--verbose", "--no-kill", "--exclusive=user", "--nodelist=n[1-3]"),
    )


def test_what_cannot_be_kept_is_a_line_each() -> None:
    found = imported(job("-o x.log -e y.log", "--signal=B:USR1@60", "stray", "-M other", "--reservation='my own'"))
    assert [re.sub(r" is left out:.*|: left out", "", note) for note in found.notes] == [
        'line 4: "stray" is no option',
        *('line 2: "--output=x.log"', 'line 2: "--error=y.log"', 'line 3: "--signal=B:USR1@60"'),
        *('line 5: "--clusters=other"', 'line 6: "--reservation=my own"'),
    ]


def test_options_behind_the_first_command_are_none_as_with_sbatch() -> None:
    found = imported(job("--mem=1G", body="python train.py\n#SBATCH --mem=2G"))
    assert found.notes == ("line 4: #SBATCH behind the first command, which sbatch does not read: left out",)
    assert "memory: 1G" in found.text


def test_exported_variables_are_the_runs_and_bare_names_come_from_the_caller() -> None:
    assert spec(job("--export=ALL,LR=0.1,TOKEN")).env == {"LR": "0.1", "TOKEN": None}
    assert "NONE" in imported(job("--export=NONE")).notes[0]


def test_braces_in_an_exported_variable_stay() -> None:
    assert spec(job("'--export=A={b}-$C'")).setup == "export A='{b}-$C'"


def test_flags_of_the_shell_are_set_for_the_command() -> None:
    assert spec("#!/bin/bash -el\nmodule load a\npython x.py\n").command == "set -e\npython x.py\n"


def test_kinds_of_mail_add_up() -> None:
    assert spec(job("--mail-type=END", "--mail-type=FAIL -p a", "-p b")).slurm.sbatch == ("--mail-type=END,FAIL",)


def test_a_requeue_is_a_retry() -> None:
    assert spec(job("--requeue")).retry.on == ("PREEMPTED", "NODE_FAIL")
    assert spec(job("--requeue --no-requeue")).retry.on == ()


def test_a_folder_that_is_not_on_this_machine_is_gone_to_where_the_run_is() -> None:
    assert spec(job("--chdir=/")).workdir == Path("/")
    found = spec(job("-D '/no such/folder'"))
    assert (found.workdir, found.setup) == (HERE.resolve(), "cd '/no such/folder'")


def test_the_folder_of_submission_is_where_the_run_is() -> None:
    assert spec(job(body="cd $SLURM_SUBMIT_DIR\npython train.py")).setup == (
        'export SLURM_SUBMIT_DIR="$PWD"\ncd $SLURM_SUBMIT_DIR\n'
    )


def test_a_script_of_another_language_is_run_itself() -> None:
    found = imported("#!/usr/bin/env python3\n#SBATCH --mem=1G\nprint({'a': 1})\n")
    assert loads(found.text, HERE / "s.yaml").command == "/usr/bin/env python3 train.sh"
    assert "no shell reads it" in found.notes[0]


def test_windows_line_ends_are_read() -> None:
    found = imported(job("--mem=1G").replace("\n", "\r\n"))
    assert "memory: 1G" in found.text
    assert "Windows" in found.notes[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "begins with"),
        ("python train.py\n", "begins with"),
        ("#!/bin/bash\n#SBATCH --mem=1G\n", "has no command"),
        (job("--mem=1G", "hetjob", "--mem=2G"), "several jobs"),
        ("#!/bin/bash\necho \0\n", "NUL"),
    ],
)
def test_what_is_no_job_is_an_error(text: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        imported(text)


@pytest.mark.parametrize(
    ("script", "setup", "command"),
    [
        ("module load a && python x.py", "", "module load a && python x.py"),
        ("module load a; cd b || exit 1\npython x.py", "module load a; cd b || exit 1", "python x.py"),
        ("X=1 python x.py", "", "X=1 python x.py"),
        ("X=$(date -I)\nconda run python x.py", "X=$(date -I)", "conda run python x.py"),
        ("export A='b\nc'\nmodule load d", "", "export A='b\nc'\nmodule load d"),
        ("source env.sh # here\npython x.py", "source env.sh # here", "python x.py"),
        ("echo a > b\npython x.py", "", "echo a > b\npython x.py"),
        ("if x; then\nmodule load a\nfi", "", "if x; then\nmodule load a\nfi"),
        ("source run.sh", "", "source run.sh"),
        ("set -e\ncd a\npython x.py", "cd a", "set -e\npython x.py"),
    ],
)
def test_what_sets_up_is_told_from_what_is_run(script: str, setup: str, command: str) -> None:
    found = split(script)
    assert (found.setup, found.command) == (setup, command)


SHELL = st.lists(st.sampled_from(["{", "}", "{{", "}}", "{a}", "$", "${", "x", " ", "\n", "#", '"', "'", "{--b}"]))


@given(SHELL.map("".join))
def test_a_script_is_the_same_once_it_is_a_command(text: str) -> None:
    found = as_command(text)
    if found is not None:
        assert "".join(str(part) for part in scan(found)) == text


@pytest.mark.parametrize(
    "text", ["echo {a}", "x=${a:-{b}}", "awk '{print {{}}}'", "f() { :; }; # {a}", "{a,b}{1..2}"]
)
def test_braces_of_the_shell_stay(text: str) -> None:
    assert as_command(text) is not None


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0\\'"), max_size=8)


@given(st.lists(WORDS, max_size=4))
def test_quotes_hold_a_value_together(words: list[str]) -> None:
    line = " ".join(f"--wckey='{word}'" for word in words)
    assert [option.value for option in take_apart(f"#!/bin/sh\n#SBATCH {line} # and more\nx", "s").options] == words


OPTIONS = st.sampled_from(
    [
        *(
            "--mem=",
            "-t",
            "--time",
            "--gres=gpu",
            "--gres",
            ":",
            "--array=",
            "-a1-3",
            "-Hx",
            "--=",
            "-",
            "hetjob",
            "#",
        ),
        *(
            "'",
            "\\",
            "--export=A={b},",
            "--chdir=",
            "-J",
            "é",
            "\x1b",
            "1-2",
            "%",
            "--nice",
            "--no-requeue",
            "-D",
            "\t",
        ),
    ]
)


@settings(max_examples=60)
@given(st.lists(st.lists(OPTIONS, max_size=4).map(" ".join), max_size=4), SHELL.map("".join))
def test_any_script_is_a_right_spec_or_one_error(lines: list[str], body: str) -> None:
    text = "\n".join(["#!/bin/bash", *(f"#SBATCH {line}" for line in lines), body])
    keeps_its_promise(text.encode(), "x.sh")


def test_the_set_up_and_command_do_what_the_script_did(tmp_path: Path) -> None:
    body = "export A='x y'\nB=$A-{b}\nset -u\necho \"$B\" {c} ${A:-{d}} '{{e}}'\nfor i in {1..2}; do echo $i; done"
    found = spec(f"#!/bin/bash\n{body}\n")
    [run] = expand(found)
    plain = subprocess.run(["bash", "-c", body], capture_output=True, text=True, check=True)
    ours = f"set -e\n{found.setup}\nset +e\n{run.command}"
    assert subprocess.run(["bash", "-c", ours], capture_output=True, text=True, check=True).stdout == plain.stdout
