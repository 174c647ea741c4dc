"""What a helper's survey says → facts about the host. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backends.checks import DISK, Card, FolderSeen, InputSeen, Space, Survey, Unknown
from backends.quota import parse_quota
from backends.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def parse_survey(found: dict[str, Any], paths: Sequence[str]) -> Survey:
    """`paths`: the inputs, in the order in which they were asked for."""
    cards = tuple(Card(one_line(name, 60), memory) for name, memory in found["cards"])
    trouble = one_line(found["gpu_trouble"])
    return Survey(
        python=one_line(found["python"], 20),
        cpus=found["cpus"],
        memory=found["memory"],
        folders=tuple(map(_folder, found["folders"])),
        inputs={path: _input(each) for path, each in zip(paths, found["inputs"], strict=True)},
        cards=Unknown(trouble) if trouble else cards,
    )


def _folder(found: dict[str, Any]) -> FolderSeen:
    spaces: list[Space] = []
    if found["disk"] is not None:
        spaces.append(Space(DISK, *found["disk"]))
    for whose, text, _ in found["quota"]:
        spaces += parse_quota(whose, text, found["device"])
    trouble = _first(trouble for _, _, trouble in found["quota"] if trouble)
    return FolderSeen(
        one_line(found["path"]),
        found["exists"],
        one_line(found["trouble"]),
        tuple(spaces),
        trouble,
        found["filesystem"],
    )


def _input(found: dict[str, Any]) -> InputSeen:
    return InputSeen(found["kind"], found["size"], found["sha256"], one_line(found["trouble"]), found["late"])


def _first(words: Iterable[str]) -> str:
    return one_line(next(iter(words), ""))
