"""How well trouble is named: `python -m benchmarks.diagnosis [--logs FOLDER] [--failures]`.

Trains small networks on the CPU, right and wrong ones (see `recipes`), and looks at their logs twenty times while
they grow: with the layers' values and without, and once more with runmedic. Needs the group `bench` of
pyproject.toml. Thresholds are fitted on the first two parts alone; which kinds of fault failed in the others was
known while the rules were made. The last four parts were added afterwards, and the last three of them with programs
that share little with the others. What is printed of them but the last is of faults that were seen: rules were mended
by them since. At first sight the first cause was right, with the layers' values and without them,

    last    in 44 of 54
    blind2  in 42 and 37 of 93
    blind3  in 24 and 19 of 58, and 1 of 24 healthy ones was disturbed
    blind4  in 30 and 30 of 54, and 4 of 24 healthy ones were disturbed; rules were not mended by it

The four of `blind4`: a loss that is not finite from the tenth epoch on, in both trainings of WH10, so they are not
healthy; and overfitting in both of WH9, whose accuracy stays at 0.94 and 0.86 while nothing is left of the training
loss. A fault that left no trace in what its training prints, held against sound ones, is listed and not counted in
`blind3` and `blind4`: see `twins`. Exit code 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.diagnosis.blind2 import PROGRAMS, Program
from benchmarks.diagnosis.blind3 import THIRD
from benchmarks.diagnosis.blind4 import FOURTH
from benchmarks.diagnosis.doctors import Ours, Runmedic
from benchmarks.diagnosis.recipes import FIT_SEEDS, SEEDS, Part, Recipe, Training
from benchmarks.diagnosis.recipes import PARTS as FORMER
from benchmarks.diagnosis.score import Tally, Verdict, examine, growth, tally, without_layers, wrong
from benchmarks.diagnosis.train import train
from benchmarks.diagnosis.twins import ends_of, sound_of, took_hold

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

PARTS = (
    *FORMER,
    Part("blind2", "other programs", PROGRAMS, SEEDS, untouched=True),
    Part("blind3", "a third lot of programs", THIRD, (0,), untouched=True, twins=True),
    Part("blind4", "a fourth lot, unseen by rules", FOURTH, FIT_SEEDS, untouched=True, twins=True),
)
NEEDED = ("torch", "sklearn", "runmedic")
FLAGGED, HEALTHY, WITH_LAYERS, FROM_LOG, SOON = 0.97, 0, 0.85, 0.70, 0.5
"""Targets: shares of the faults that are flagged, of healthy runs disturbed, of first causes that are right with the
layers' values and without, and of the faults that are found early."""
LAYERS, PLAIN, PEER = "ours, with layers", "ours, from the log alone", "runmedic 0.1.1"
Verdicts = dict[str, list[Verdict]]
"""By the part's id."""
COLUMNS = "{:<30} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}"


def main(argv: list[str] | None = None) -> int:
    """Print the tables; 1 where a target is missed, 2 where something is not installed."""
    options = _options().parse_args(argv)
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(f"{', '.join(missing)} not installed: pip install --group bench")
        return 2
    options.logs.mkdir(parents=True, exist_ok=True)
    parts = [part for part in PARTS if not options.part or part.id in options.part]
    kept = _logs(parts, options.logs)
    untraced = set(_untraced(parts, kept, options.logs))
    tables: dict[str, Verdicts] = {title: {part.id: [] for part in parts} for title in (LAYERS, PLAIN, PEER)}
    for part in parts:
        for recipe in part.recipes:
            for seed in part.seeds:
                for title, verdict in _examined(kept[recipe.id, seed].read_text(), recipe, seed):
                    tables[title][part.id].append(verdict)
    for title, verdicts in tables.items():
        _table(title, verdicts, untraced)
        if options.failures:
            _failures(verdicts)
    _list(parts, untraced)
    return _targets(tables[LAYERS], tables[PLAIN])


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.diagnosis", description="How well trouble is named.")
    folder = Path(tempfile.gettempdir()) / "trainboard-diagnosis"
    parser.add_argument("--logs", type=Path, default=folder, help="where logs are kept for the next time")
    parser.add_argument("--part", action="append", choices=[part.id for part in PARTS], help="only these")
    parser.add_argument("--failures", action="store_true", help="tell each run that was not judged right")
    return parser


def _logs(parts: Iterable[Part], folder: Path) -> dict[tuple[str, int], Path]:
    """Where the log of each training is; it is made where there is none."""
    logs, start = {}, time.monotonic()
    for part in parts:
        for recipe in part.recipes:
            for seed in part.seeds:
                logs[recipe.id, seed] = _kept(recipe, seed, folder)
    print(f"{len(logs)} trainings in {time.monotonic() - start:.0f} s")
    return logs


def _kept(recipe: Training, seed: int, folder: Path) -> Path:
    path = folder / f"{recipe.id}-{seed}-{recipe.key(seed)}.log"
    if not path.exists():
        path.write_text(_log(recipe, seed))
    return path


def _untraced(parts: Iterable[Part], logs: Mapping[tuple[str, int], Path], folder: Path) -> Iterator[tuple[str, int]]:
    """The faulty trainings that end as well as the sound ones of their kind."""
    for part in parts:
        for recipe in part.recipes if part.twins else ():
            if recipe.faulty and isinstance(recipe, Program):
                sound = [ends_of(_kept(sound_of(recipe), seed, folder).read_text()) for seed in SEEDS]
                for seed in part.seeds:
                    if not took_hold(ends_of(logs[recipe.id, seed].read_text()), sound):
                        yield recipe.id, seed


def _log(training: Training, seed: int) -> str:
    if isinstance(training, Program):
        return training.log(seed)
    assert isinstance(training, Recipe)
    return train(training, seed)


def _examined(log: str, recipe: Training, seed: int) -> Iterator[tuple[str, Verdict]]:
    """The verdict of each table on one log."""
    yield LAYERS, examine(growth(log), recipe, seed, True, Ours())
    plain = list(growth(without_layers(log)))
    yield PLAIN, examine(plain, recipe, seed, False, Ours())
    yield PEER, examine(plain, recipe, seed, False, Runmedic())


def _table(title: str, verdicts: Verdicts, untraced: Collection[tuple[str, int]]) -> None:
    print("\n" + COLUMNS.format(title, "flagged", "first", "any", "by 20 %", "median", "healthy"))
    print(COLUMNS.format("", "", "right", "right", "of run", "found at", "disturbed"))
    for part in PARTS:
        if part.id in verdicts:
            traced = [each for each in verdicts[part.id] if (each.recipe.id, each.seed) not in untraced]
            _row(part.what, tally(traced))
            if len(traced) < len(verdicts[part.id]):
                _row("  with those without a trace", tally(verdicts[part.id]))
    _row("all but the fitted", tally(_of(verdicts, lambda part: not part.fitted)))


def _list(parts: Iterable[Part], untraced: Collection[tuple[str, int]]) -> None:
    """Those whose fault did not take hold."""
    named = {recipe.id: recipe.what for part in parts for recipe in part.recipes}
    if untraced:
        print(f"\n{len(untraced)} without a trace of their fault: they end as well as the sound ones of their kind")
    for id, seed in sorted(untraced):
        print(f"  {id}-{seed} ({named[id]})")


def _row(title: str, counts: Tally) -> None:
    of = counts.faulty
    shares = (counts.flagged, counts.first_right, counts.right_anywhere, counts.early)
    print(
        COLUMNS.format(
            title,
            *(f"{number}/{of}" for number in shares),
            f"{counts.found_at:.0%}",
            f"{counts.disturbed}/{counts.healthy}",
        )
    )


def _failures(verdicts: Verdicts) -> None:
    for part, found in verdicts.items():
        for line in wrong(found, _said):
            print(f"  {part:<12} {line}")


def _said(verdict: Verdict) -> str:
    recipe = verdict.recipe
    ever = next((look for look in verdict.looks if look), ())
    said = " > ".join("|".join(sorted(each)) for each in (verdict.looks[-1] or ever)) or "nothing"
    asked = "|".join(sorted(recipe.answers(verdict.layers))) or "nothing"
    return f"{recipe.id}-{verdict.seed} ({recipe.what}): {said}, and right is {asked}"


def _of(verdicts: Verdicts, wanted: Callable[[Part], bool]) -> list[Verdict]:
    return [each for part in PARTS if wanted(part) for each in verdicts.get(part.id, ())]


def _targets(layers: Verdicts, plain: Verdicts) -> int:
    """Each target beside what was reached, over the parts that were neither fitted on nor added at the end."""
    with_layers, from_log = (
        tally(_of(each, lambda part: not part.fitted and not part.untouched)) for each in (layers, plain)
    )
    if not with_layers.faulty:
        return 0
    of = with_layers.faulty
    reached = [
        ("flagged, with layers", with_layers.flagged / of, FLAGGED, 1),
        ("first cause right, with layers", with_layers.first_right / of, WITH_LAYERS, 1),
        ("first cause right, from the log alone", from_log.first_right / of, FROM_LOG, 1),
        ("found by 20 % of the run, with layers", with_layers.early / of, SOON, 1),
        ("healthy disturbed at any of 20 looks", float(with_layers.disturbed + from_log.disturbed), HEALTHY, -1),
    ]
    print()
    for what, number, target, sign in reached:
        shown = f"{number:.1%}" if sign > 0 else f"{number:.0f}"
        asked = f"at least {target:.0%}" if sign > 0 else f"{target}"
        print(f"{what:<40} {shown:>7}; target {asked}{'' if sign * number >= sign * target else '  MISSED'}")
    return int(any(sign * number < sign * target for _, number, target, sign in reached))


if __name__ == "__main__":
    sys.exit(main())
