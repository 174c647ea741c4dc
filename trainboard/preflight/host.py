"""Checks of a host: its folders, the room in them, and the machine where there is no scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.checks import DISK, Unknown
from trainboard.preflight import space
from trainboard.preflight.needs import need
from trainboard.preflight.said import failing, passing, warning
from trainboard.show import duration, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backends.base import Room
    from backends.checks import FolderSeen, Survey
    from trainboard.preflight.facts import Facts
    from trainboard.preflight.said import Said

ROOT = "give yourself the right to write there, or set another `root:` for this backend in the config"

FEW_FILES = 10000
"""A project and its environment soon have so many."""


def work_folder(facts: Facts, survey: Survey) -> Iterator[Said]:
    """Whether attempts can be put on the host."""
    root = survey.folders[0]
    if root.trouble:
        yield failing(f"nothing can be written: {root.trouble}", ROOT)
    else:
        yield passing(root.path if root.exists else f"{root.path}, which will be made")


def project_folder(facts: Facts, survey: Survey) -> Iterator[Said]:
    """Whether a host that is said to share the project folder has it."""
    for project in survey.folders[1:]:
        if not project.exists:
            yield failing(
                f"{project.path} is not there, though the config says that this backend shares it",
                "set `shared: false` for it in the config: then the project is sent",
            )
        elif project.trouble:
            yield warning(f"nothing can be written there: {project.trouble}", "have the runs write elsewhere")
        else:
            yield passing(project.path)


def disk(facts: Facts, survey: Survey) -> Iterator[Said]:
    """Whether there is space for what the runs write, and so many files."""
    question = facts.question
    wanted = need(facts.resources.disk, question.learnt.disk)
    for folder in different(survey.folders):
        if (tightest := folder.tightest) is None or tightest.free is None:
            yield warning(f"nobody tells how much space is left at {folder.path}")
        else:
            what = f"{tightest.what} at {folder.path}"
            yield space.judge(what, tightest.free, wanted, question.runs, alone=question.alone)
        for each in folder.spaces:
            if each.files is not None and each.files < FEW_FILES:
                said = failing if each.files < question.runs else warning
                yield said(f"{each.files} more files ({each.what} at {folder.path})", "delete what has many files")
        if folder.quota_trouble:
            yield warning(f"no quota known at {folder.path}: {folder.quota_trouble}")


def different(folders: tuple[FolderSeen, ...]) -> Iterator[FolderSeen]:
    """The folders, one of those that have the same room only: on one file system, under the same quotas.

    What is left there may be another number a moment later, as others write.
    """
    seen: set[object] = set()
    for folder in folders:
        quotas = tuple(space for space in folder.spaces if space.what != DISK)
        room = folder.spaces if folder.filesystem is None else (folder.filesystem, quotas)
        if room not in seen:
            seen.add(room)
            yield folder


def gpus(facts: Facts, survey: Survey) -> Iterator[Said]:
    """Whether the host has so many GPUs."""
    wanted, cards = facts.resources.gpus, survey.cards
    if isinstance(cards, Unknown):
        yield warning(f"not known: {cards.reason}")
    elif len(cards) < wanted:
        there = f"{len(cards)} of them" if cards else "no GPU"
        yield failing(f"a run wants {wanted}, and the host has {there}", "ask for fewer, or name another backend")
    else:
        kinds = {
            name: sum(card.name == name for card in cards) for name in dict.fromkeys(card.name for card in cards)
        }
        yield passing(", ".join(f"{count} × {name}" for name, count in kinds.items()))


def gpu_memory(facts: Facts, survey: Survey) -> Iterator[Said]:
    """Whether so many of them have the memory."""
    declared, known = facts.resources.gpu_memory, facts.question.learnt.gpu_memory
    wanted = need(declared, known)
    if wanted is None:
        return
    if isinstance(survey.cards, Unknown):
        yield warning(f"not known: {survey.cards.reason}")
        return
    if not survey.cards:
        return
    told = [card.memory for card in survey.cards if card.memory is not None]
    fit = sum(memory >= wanted.amount for memory in told)
    largest = f"the largest has {size(max(told, default=None))}"
    if not told:
        yield warning("the GPUs do not tell how much they have")
    elif fit >= facts.resources.gpus:
        yield passing(f"{size(wanted.amount)} ({wanted.source}); {largest}")
    else:
        said = warning if wanted.attempts else failing
        yield said(
            f"a run wants {size(wanted.amount)} ({wanted.source}); {fit} of {len(told)} GPUs have it, {largest}"
        )
    if declared is not None and known is not None and known.amount > declared:
        yield warning(f"a run used {size(known.amount)} ({known.source}), and says {size(declared)}", "declare more")


def memory(facts: Facts, survey: Survey) -> Iterator[Said]:
    """Whether the machine has the memory at all."""
    declared, known = facts.resources.memory, facts.question.learnt.memory
    wanted = need(declared, known)
    if wanted is None:
        return
    if survey.memory is None:
        yield warning("the host does not tell how much it has")
    elif survey.memory < wanted.amount:
        said = warning if wanted.attempts else failing
        yield said(f"a run wants {size(wanted.amount)} ({wanted.source}), and the host has {size(survey.memory)}")
    else:
        yield passing(f"{size(wanted.amount)} ({wanted.source}) of {size(survey.memory)}")


def memory_known(facts: Facts, known: object) -> Iterator[Said]:
    """Whether a run says as much memory as finished ones have used: with less a scheduler kills it."""
    declared, learnt = facts.resources.memory, facts.question.learnt.memory
    if declared is not None and learnt is not None and learnt.amount > declared:
        said = f"a run used {size(learnt.amount)} ({learnt.source}), and asks for {size(declared)}"
        yield warning(said, f"ask for `memory: {size(learnt.amount * 1.2)}`")


def time_known(facts: Facts, known: object) -> Iterator[Said]:
    """Whether a run may go on for as long as finished ones took."""
    declared, learnt = facts.resources.time, facts.question.learnt.seconds
    if declared is not None and learnt is not None and learnt.amount > declared:
        said = f"a run took {duration(learnt.amount)} ({learnt.source}), and gets {duration(declared)}"
        yield warning(said, f"ask for `time: {duration(learnt.amount * 1.2)}`")


def cpus(facts: Facts, survey: Survey) -> Iterator[Said]:
    """Whether the machine has so many."""
    wanted = facts.resources.cpus
    if wanted is None:
        return
    if survey.cpus is None:
        yield warning("the host does not tell how many it has")
    elif survey.cpus < wanted:
        yield failing(f"a run wants {wanted}, and the host has {survey.cpus}", "ask for fewer")
    else:
        yield passing(f"{wanted} of {survey.cpus}")


def queue(facts: Facts, room: Room) -> Iterator[Said]:
    """How many of the runs would start now, or would be taken."""
    runs = facts.question.runs
    if room.queue is not None and room.queue < runs:
        few = f"room for {room.queue} of {runs} runs now ({room.reason or 'the limit on jobs'})"
        yield warning(few, "the others wait here and follow while the board or `trainboard watch` is open")
    elif room.now is None:
        yield passing(f"room for all {runs}" if room.queue is None else f"room for {room.queue} more jobs")
    elif room.now >= runs:
        yield passing("would start at once")
    else:
        few = f"{room.now} of {runs} would start at once"
        yield passing(f"{few}, the others as these end" if room.now else f"{few}: {room.reason or 'it is busy'}")
