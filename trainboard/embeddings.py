"""Embeddings that a run saved, read where they lie: no more of a large file than is drawn."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from trainboard import pointarrays as arrays
from trainboard import pointtexts as texts
from trainboard.actions import Refused
from trainboard.pointarrays import HEADER
from trainboard.points import BYTES, Points, PointsError, labelled_by
from trainboard.show import size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from trainboard.outputs import Output, OutputFile
    from trainboard.written import Written

_LABEL_READERS: Mapping[str, Callable[[bytes], tuple[str, ...]]] = {
    ".npy": arrays.words_of_array,
    ".csv": texts.words_of_text,
    ".tsv": texts.words_of_text,
    ".txt": texts.words_of_text,
}
"""By the end of its name: how a file of labels is read."""
_STEP = re.compile(r"[._-]?(\d+)$")
_BESIDE = ("{stem}_labels", "{stem}.labels", "{stem}_metadata", "{bare}_labels", "labels{number}", "labels_{number}")
_OF_FOLDER = ("labels", "metadata", "targets", "classes", "y")


async def load(
    work: Written, file: OutputFile, others: Sequence[Output], progress: Callable[[int], None] = lambda _: None
) -> Points:
    """The points of a file, with the labels that stand in it or beside it. Raises `Refused`, in one line."""
    try:
        found = await _points(work, file, progress)
    except PointsError as error:
        raise Refused(f"{file.path}: {error}") from error
    if found.labels:
        return found
    beside = labels_beside(file.path, (each for output in others for each in output.files))
    return await _labelled(work, found, beside) if beside is not None else found


async def _points(work: Written, file: OutputFile, progress: Callable[[int], None]) -> Points:
    lower = file.path.lower()
    (head,) = await work.pieces(file.path, [(0, HEADER)])
    if head[:1] == b"\x80" or lower.endswith((".pt", ".pth", ".pkl", ".pickle")):
        raise PointsError("is a pickle, which may run any program and is never loaded; save it with numpy.save")
    if head.startswith(b"\x93NUMPY"):
        layout = arrays.table(arrays.layout(head))
        picked = arrays.pick(layout, file.size)
        pieces = await work.pieces(file.path, arrays.ranges(layout, picked), progress)
        return await asyncio.to_thread(arrays.assembled, layout, picked, pieces)
    if head.startswith(b"PK"):
        if file.size > BYTES:
            raise PointsError(f"has {size(file.size)}; of an archive {size(BYTES)} are read at most: save it as .npy")
        return await asyncio.to_thread(arrays.of_archive, await work.read(file.path, BYTES, progress=progress))
    if lower.endswith((".npy", ".npz")):
        raise PointsError("does not begin as a file of NumPy: it is empty, torn, or something else")
    data = head if len(head) < HEADER else await work.read(file.path, BYTES, progress=progress)
    cut = len(data) >= BYTES
    return await asyncio.to_thread(lambda: texts.of_text(data, tabs=lower.endswith(".tsv"), cut=cut))


async def _labelled(work: Written, found: Points, beside: OutputFile) -> Points:
    """With the labels of another file; what is wrong with that is said, and no reason to draw nothing."""
    try:
        if beside.size > BYTES:
            raise PointsError(f"has {size(beside.size)}")
        data = await work.read(beside.path, BYTES)
        read = _LABEL_READERS[beside.path[beside.path.rindex(".") :].lower()]
        return labelled_by(found, await asyncio.to_thread(read, data))
    except (PointsError, Refused) as error:
        return replace(found, notes=(*found.notes, f"without the labels of {beside.path}: {error}"))


def labels_beside(path: str, files: Iterable[OutputFile]) -> OutputFile | None:
    """The file of labels that goes with a table, by its name: `emb_100_labels.npy`, `labels.csv`, `metadata.tsv`."""
    folder, _, name = path.rpartition("/")
    stem = name.rpartition(".")[0]
    step = _STEP.search(stem)
    words = {"stem": stem, "bare": stem[: step.start()] if step else stem, "number": step[1] if step else ""}
    wanted = [each.format(**words).lower() for each in _BESIDE] + list(_OF_FOLDER)
    found: dict[str, OutputFile] = {}
    for each in files:
        where, _, own = each.path.rpartition("/")
        start, dot, end = own.lower().rpartition(".")
        if where == folder and f"{dot}{end}" in _LABEL_READERS and each.path != path:
            found.setdefault(start, each)
    return next((found[each] for each in wanted if each in found), None)
