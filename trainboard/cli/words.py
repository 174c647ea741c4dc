"""The words of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainboard import __version__
from trainboard.cli.level import count, level
from trainboard.cli.parser import Parser

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    Command = Callable[[str, str, str], argparse.ArgumentParser]
    """Makes a command of its name, the function that does it, and its help; what it returns takes its words."""


CHANGING = ("demo", "submit", "cancel", "hold", "release", "requeue", "priority", "top", "rebuild", "notify")
"""Commands that `--readonly` refuses; others write no more than what they were told to."""


def parser() -> argparse.ArgumentParser:
    """All commands. `run` names the function that does each, `module:function`, imported when it is wanted."""
    root = Parser(prog="trainboard", description="A departure board for neural-network training.")
    root.add_argument("--version", action="version", version=f"trainboard {__version__}")
    root.add_argument(
        "--readonly", action="store_true", help="refuse whatever changes something (as $TRAINBOARD_READONLY=1)"
    )
    root.set_defaults(run="trainboard.cli.board:open_board", changes="", parser=root)
    commands = root.add_subparsers(title="commands", metavar="COMMAND")

    def command(name: str, run: str, help: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
        added.set_defaults(run=run, changes=name if name in CHANGING else "", parser=added)
        return added

    for add in (add_submitting, add_listing, add_controlling, add_asking, add_examining, add_comparing, add_writing):
        add(command)
    return root


def add_submitting(command: Command) -> None:
    """What is to run."""
    demo = command("demo", "trainboard.cli.demo:demo", "train a small network on this machine and watch it")
    demo.add_argument(
        "--no-screen", action="store_true", help="lines instead of the board, as where there is no terminal"
    )
    demo.add_argument("--json", action="store_true", help="no screen; the results as JSON, progress on stderr")

    submit = command("submit", "trainboard.cli.submit:submit", "submit every run of a spec")
    submit.add_argument("spec", metavar="SPEC")
    submit.add_argument("overrides", nargs="*", default=[], metavar="key=value")
    submit.add_argument("--on", metavar="BACKEND", help="instead of the spec's own choice")
    submit.add_argument("--variant", metavar="NAME", help="the spec as this variant of it: variant=NAME")
    which = submit.add_mutually_exclusive_group()
    which.add_argument("--again", action="store_true", help="runs that exist already, too")
    which.add_argument(
        "--only", choices=("failed", "missing"), help="those members only, by their parameters: the code may differ"
    )
    submit.add_argument("--force", action="store_true", help="although a check says that the runs would fail")
    submit.add_argument("--send", action="store_true", help="files that are large or look like secrets, too")
    submit.add_argument("--dry-run", action="store_true", help="show the runs and scripts, and do nothing")
    submit.add_argument("--json", action="store_true")

    check = command("check", "trainboard.cli.check:check", "look whether the runs of a spec can run, and submit none")
    check.add_argument("spec", metavar="SPEC")
    check.add_argument("overrides", nargs="*", default=[], metavar="key=value")
    check.add_argument("--on", metavar="BACKEND", help="instead of the spec's own choice")
    check.add_argument("--variant", metavar="NAME", help="the spec as this variant of it: variant=NAME")
    check.add_argument(
        "--patience", metavar="TIME", default="20s", help="for checksums of inputs that are new (%(default)s)"
    )
    check.add_argument("--json", action="store_true")

    importing = command(
        "import", "trainboard.cli.importing:turn", "make a spec of an sbatch script, sheet or W&B sweep"
    )
    importing.add_argument("file", metavar="FILE", help="a script, .csv, .tsv, .xlsx, or a sweep's .yaml or .json")
    importing.add_argument("-o", "--output", metavar="SPEC", help="the file to write; standard output otherwise")
    importing.add_argument("--force", action="store_true", help="over a file that is there already")
    importing.add_argument("--command", metavar="TEXT", help="what the runs of a sheet run, as 'train.py {args}'")


def add_listing(command: Command) -> None:
    """What ran and runs, one by one."""
    listing = command("ls", "trainboard.cli.runs:ls", "list runs, and the jobs that trainboard did not start")
    listing.add_argument("--offline", action="store_true", help="what is on record, without asking any host")
    listing.add_argument("--json", action="store_true")

    asking = command("sweeps", "trainboard.cli.sweeps:listed", "how the sweeps stand that ask for their trials")
    asking.add_argument("experiment", nargs="?", metavar="EXPERIMENT", help="its trials, one by one")
    asking.add_argument("--json", action="store_true")

    show = command("show", "trainboard.cli.runs:show", "all about one run")
    show.add_argument("runs", nargs=1, metavar="RUN")
    show.add_argument("--json", action="store_true")

    logs = command("logs", "trainboard.cli.logs:logs", "print a run's log")
    logs.add_argument("runs", nargs=1, metavar="RUN")
    logs.add_argument("-f", "--follow", action="store_true", help="go on until the run has ended")
    logs.add_argument("--json", action="store_true")

    code = command("code", "trainboard.cli.code:code", "the code that a run ran with, as it was at submission")
    code.add_argument("runs", nargs=1, metavar="RUN|EXPERIMENT")
    how = code.add_mutually_exclusive_group()
    how.add_argument("--diff", action="store_true", help="what was not committed, for `git apply`")
    how.add_argument("--files", action="store_true", help="list the files")
    how.add_argument("--restore", metavar="DIR", help="put them into a new folder")
    how.add_argument("--json", action="store_true")


def add_controlling(command: Command) -> None:
    """What changes jobs, and what does it without a screen."""
    for name, help in (
        ("cancel", "end runs, or whole experiments, for good"),
        ("hold", "keep runs that wait from starting"),
        ("release", "let held runs start"),
        ("requeue", "run again: a new attempt of each run"),
        ("priority", "change the priority of runs that wait"),
        ("top", "put runs before all others of yours that wait"),
    ):
        control = command(name, f"trainboard.cli.control:{name}", help)
        if name == "priority":
            control.add_argument(
                "level", metavar="N", type=level, help="the new priority; +N or -N: so much more or less"
            )
        control.add_argument("runs", nargs="+", metavar="RUN|EXPERIMENT")
        control.add_argument("--json", action="store_true")

    watch = command("watch", "trainboard.cli.watching:watch", "poll, place and retry without a screen, in lines")
    watch.add_argument(
        "--once", action="store_true", help="end when every host was asked and nothing waits for one that answers"
    )
    watch.add_argument("--json", action="store_true", help="each line as JSON")

    rebuild = command(
        "rebuild", "trainboard.cli.rebuild:rebuild", "make the records anew from what lies on the backends"
    )
    rebuild.add_argument("--json", action="store_true")


def add_asking(command: Command) -> None:
    """Hosts, clusters, and what one does there."""
    hosts_words(command("hosts", "trainboard.cli.hosts:hosts", "the state of every backend, or all about some"))

    cluster = command("cluster", "trainboard.cli.cluster:cluster", "partitions, nodes, shares and queue of clusters")
    cluster.add_argument("backend", nargs="?", metavar="BACKEND", help="this one only")
    cluster.add_argument("--json", action="store_true")

    why = command("why", "trainboard.cli.why:why", "why a run waits, and what would start sooner")
    why.add_argument("runs", nargs=1, metavar="RUN")
    why.add_argument("--smaller", action="store_true", help="ask the scheduler when smaller ones would start")
    why.add_argument("--json", action="store_true")

    history = command("history", "trainboard.cli.history:history", "jobs that are over, also those of long ago")
    history.add_argument("words", nargs="*", default=[], metavar="TEXT", help="those with all of these words only")
    history.add_argument("--since", metavar="TIME", default="7d", help="how far back (%(default)s)")
    history.add_argument("--user", action="store_true", help="only jobs that trainboard did not start")
    history.add_argument("--json", action="store_true")

    shell = command("shell", "trainboard.cli.commands:shell", "a shell in a run's folder, on its node while it runs")
    shell.add_argument("runs", nargs=1, metavar="RUN")

    ran = command("commands", "trainboard.cli.commands:commands", "what was run on the hosts, with time and duration")
    ran.add_argument("hosts", nargs="*", metavar="BACKEND")
    ran.add_argument("-n", dest="lines", metavar="N", type=count, default=50, help="so many at most (%(default)s)")
    ran.add_argument("--json", action="store_true")


def add_examining(command: Command) -> None:
    """What is wrong with runs, and where their time goes."""
    metrics = command("metrics", "trainboard.cli.metrics:metrics", "the metrics in runs' logs, or in any log files")
    metrics.add_argument("sources", nargs="+", metavar="RUN|FILE")
    how = metrics.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true")
    how.add_argument("--csv", action="store_true", help="every sample")

    diagnose = command(
        "diagnose", "trainboard.cli.diagnose:diagnose", "what is wrong with runs, or with log files, and why"
    )
    diagnose.add_argument("sources", nargs="+", metavar="RUN|FILE")
    diagnose.add_argument("--json", action="store_true")

    profile = command(
        "profile", "trainboard.cli.profile:profile", "where the time of a running job goes, or what a profile says"
    )
    profile.add_argument("source", metavar="RUN|FILE", help="a file: of py-spy, speedscope, cProfile, or a trace")
    profile.add_argument("--seconds", type=float, default=10.0, metavar="N", help="how long (%(default)g)")
    profile.add_argument("--dump", action="store_true", help="where all threads stand now, of all processes")
    profile.add_argument(
        "--trace",
        nargs="?",
        const="",
        metavar="FILE",
        help="a trace that the run wrote; without: list them",
    )
    profile.add_argument("--native", action="store_true", help="C and C++ too; pauses the program for each sample")
    profile.add_argument("--gil", action="store_true", help="only threads that hold the GIL")
    profile.add_argument("--idle", action="store_true", help="threads that wait, too")
    profile.add_argument("--subprocesses", action="store_true", help="of the process too")
    profile.add_argument("--pid", type=int, metavar="PID", help="this process; the busiest otherwise")
    profile.add_argument("--node", default="", metavar="NODE", help="of a job on several nodes; the first otherwise")
    profile.add_argument("--send", action="store_true", help="send py-spy to a host without it, unasked")
    profile.add_argument("--against", metavar="FILE", help="compare with stacks that were recorded before")
    profile.add_argument("--output", metavar="FILE", help="write what was recorded there, in py-spy's raw format")
    profile.add_argument("--json", action="store_true")

    outputs = command("outputs", "trainboard.cli.outputs:outputs", "what a run wrote that can be looked at")
    outputs.add_argument("runs", nargs=1, metavar="RUN")
    outputs.add_argument("--all", action="store_true", help="other files that it wrote, too")
    outputs.add_argument("--json", action="store_true")


def results_words(results: argparse.ArgumentParser) -> None:
    """Which runs, which columns, in which order, and what is made of them."""
    results.add_argument("names", nargs="+", metavar="EXPERIMENT|RUN")
    results.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="COND",
        help="words, lr>0.001, state=FAILED; several: all hold",
    )
    results.add_argument("--sort", metavar="COLUMN", help="a metric: the best first; loss:final; lr; took")
    results.add_argument("--reverse", action="store_true", help="the other way round")
    results.add_argument("--columns", metavar="COLUMN,…", help="these, in this order")
    results.add_argument(
        "--kind", choices=("best", "last", "final"), default="best", help="of metrics; best otherwise"
    )
    fold = results.add_mutually_exclusive_group()
    fold.add_argument("--by", metavar="PARAM,…", help="runs that agree in these as one line: mean ± deviation (n)")
    fold.add_argument("--fold-seeds", action="store_true", help="the same of runs that differ in their seeds alone")
    how = results.add_mutually_exclusive_group()
    how.add_argument("--csv", metavar="FILE", help="a row a run, a column a parameter; - for standard output")
    how.add_argument("--xlsx", metavar="FILE", help="the same as a workbook")
    how.add_argument("--latex", metavar="FILE", help="the same as a table for LaTeX's booktabs")
    how.add_argument("--json", action="store_true")
    what = results.add_mutually_exclusive_group()
    what.add_argument("--importance", action="store_true", help="how much each parameter matters")
    what.add_argument("--narrow", action="store_true", help="print a spec with ranges narrowed around the best runs")
    results.add_argument("--top", type=count, metavar="N", help="with --narrow: around so many of the best (5)")
    results.add_argument("--offline", action="store_true", help="what is stored, without reading any log")


def add_comparing(command: Command) -> None:
    """What came of runs."""
    results_words(
        command("results", "trainboard.cli.ranking:show", "what came of runs: a table, a sheet, what was best")
    )

    usage = command(
        "usage", "trainboard.cli.usage:usage", "what runs used of what they held, and what to ask for next time"
    )
    usage.add_argument("names", nargs="+", metavar="RUN|EXPERIMENT")
    how = usage.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true")
    how.add_argument("--next", action="store_true", help="what to ask for, as the part of a spec")

    errors = command("errors", "trainboard.cli.errors:errors", "where a network is wrong, from its predictions")
    errors.add_argument("source", metavar="RUN|FILE", help="a file: CSV, TSV, JSONL or Parquet")
    errors.add_argument("other", nargs="?", metavar="RUN|FILE", help="to compare with, sample by sample")
    errors.add_argument("--view", metavar="VIEW", help="one of them whole: overview, confusion, classes, slices, …")
    errors.add_argument("--file", metavar="PATH", help="of the run: this one instead of that in its spec")
    errors.add_argument("--target", metavar="COLUMN", help="of a FILE: what should have been predicted")
    errors.add_argument("--prediction", metavar="COLUMN", help="of a FILE: what was predicted")
    errors.add_argument("--id", metavar="COLUMN", help="of a FILE: what tells its samples apart")
    errors.add_argument("--task", metavar="TASK", help="of a FILE: classification or regression")
    errors.add_argument("--json", action="store_true")

    comparing = command("compare", "trainboard.cli.compare:compare", "runs side by side: what differs, and the best")
    comparing.add_argument("names", nargs="+", metavar="RUN|EXPERIMENT")
    comparing.add_argument("--sort", metavar="COLUMN", help="a parameter or metric; the objective otherwise")
    comparing.add_argument("--offline", action="store_true", help="what is stored, without reading any log")
    comparing.add_argument("--json", action="store_true")

    report = command("report", "trainboard.cli.report:report", "an experiment as one file to mail: HTML or Markdown")
    report.add_argument("experiment", metavar="EXPERIMENT", help="its id, or a name: the newest of it")
    report.add_argument("-o", "--output", metavar="FILE", help="file.html, file.md, or -; EXPERIMENT.html otherwise")
    report.add_argument("--force", action="store_true", help="over a file that is there already")
    report.add_argument("--offline", action="store_true", help="what is stored, without asking any host")
    report.add_argument("--json", action="store_true", help="say what was written as JSON")

    replay = command(
        "replay",
        "trainboard.cli.replay:replayed",
        "what early stopping would have done to runs that are over",
    )
    replay.add_argument("names", nargs="*", metavar="EXPERIMENT|FILE.csv", help="without: all completed runs")
    replay.add_argument("--rule", metavar="RULE", help="as in `watch.early_stop`; without: each with its defaults")
    replay.add_argument("--option", action="append", default=[], metavar="name=number", help="a number of the rule")
    replay.add_argument("--by", metavar="COLUMN,…", help="of a file: runs that agree in these are compared")
    replay.add_argument("--order", metavar="COLUMN,…", help="of a file: the order in which its runs were started")
    replay.add_argument("--json", action="store_true")

    collect = command("collect", "trainboard.cli.results:collect", "bring the results of runs here, now or again")
    collect.add_argument("names", nargs="+", metavar="RUN|EXPERIMENT")
    collect.add_argument("--json", action="store_true")


def add_writing(command: Command) -> None:
    """Specs and the config."""
    spec_words(command("spec", "", "show what a spec makes, change a value in it, or print the schema for editors"))

    notify = command("notify", "trainboard.cli.notify:notify", "send a test notice by the channels of the config")
    notify.add_argument("action", choices=("test",))
    notify.add_argument("channels", nargs="*", default=[], metavar="CHANNEL", help="these only; otherwise all")
    notify.add_argument("--json", action="store_true")

    config = command(
        "config", "trainboard.cli.hosts:config", "show or check the config, or add a host of ~/.ssh/config to it"
    )
    config.add_argument("action", nargs="?", choices=("show", "check", "add"), default="show")
    config.add_argument("hosts", nargs="*", metavar="HOST")
    config.add_argument("--json", action="store_true")


def hosts_words(hosts: argparse.ArgumentParser) -> None:
    """The words behind `hosts`."""
    hosts.add_argument(
        "names", nargs="*", metavar="BACKEND", help="all about these, with the processes on their GPUs"
    )
    how = hosts.add_mutually_exclusive_group()
    how.add_argument("--free", action="store_true", help="where GPUs are free now, and who has the others")
    how.add_argument("-1", dest="one_line", action="store_true", help="one plain line, for a status line")
    hosts.add_argument("--gpus", type=int, metavar="N", help="with --free: so many on one machine (1)")
    hosts.add_argument("--memory", metavar="SIZE", help="with --free: so much free memory on each, as 8G")
    hosts.add_argument("--json", action="store_true")


def spec_words(spec: argparse.ArgumentParser) -> None:
    """The words behind `spec`."""
    words = spec.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, function, help in (
        ("show", "show", "list the runs of a spec, and start nothing"),
        ("set", "set_values", "set values in the file; every other byte of it stays"),
        ("schema", "schema", "print the JSON Schema of specs, for editors"),
    ):
        word = words.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
        changes = "spec set" if name == "set" else ""
        word.set_defaults(run=f"trainboard.cli.spec:{function}", changes=changes, parser=word)
        if name != "schema":
            word.add_argument("spec", metavar="SPEC")
            word.add_argument("overrides", nargs="*" if name == "show" else "+", default=[], metavar="key=value")
        if name == "show":
            word.add_argument("--json", action="store_true")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The words as values. `key=value` may stand anywhere behind `submit`: argparse alone wants them side by side."""
    root = parser()
    chosen, rest = root.parse_known_args(arguments)
    strange = [word for word in rest if word.startswith("-") or "=" not in word or not hasattr(chosen, "overrides")]
    if strange:
        chosen.parser.error(f"unrecognized arguments: {' '.join(strange)}")
    if rest:
        chosen.overrides = [*chosen.overrides, *rest]
    return chosen
