"""Points in a file of NumPy, NPY or NPZ; nothing is ever unpickled. Pure."""

from __future__ import annotations

import io
import math
import zipfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trainboard.points import BYTES, LABELS, ROWS, Points, PointsError, finite, labelled_by, thinned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trainboard.points import Matrix, Places

WIDEST = 65_536
"""Numbers of one row."""
STRETCHES = 256
"""Places of a large file at which rows are read."""
HEADER = 65_536
"""Bytes in which the header of an NPY file ends."""
_NUMERIC = "fiub"


@dataclass(frozen=True, slots=True)
class Layout:
    """What the header of an NPY file says."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool
    start: int
    """Where the numbers begin, in bytes."""

    @property
    def rows(self) -> int:
        """Lines of the table."""
        return self.shape[0]

    @property
    def width(self) -> int:
        """Numbers of a row; of records, one."""
        return math.prod(self.shape[1:])


def layout(head: bytes) -> Layout:
    """The header of an NPY file, by its beginning. Raises `PointsError`."""
    file = io.BytesIO(head)
    try:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
        if read is None:
            raise PointsError(f"NPY of version {version[0]}.{version[1]} is not read; save it with numpy.save")
        shape, fortran, dtype = read(file)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError, OverflowError) as error:
        said = str(error).partition("\n")[0][:120]
        raise PointsError(f"no NPY file, or a torn one: {said}") from error
    if dtype.hasobject:
        raise PointsError("holds Python objects, which are pickled and never loaded; save numbers, of one dtype")
    if any(not isinstance(size, int) or size < 0 for size in shape):
        raise PointsError("the shape in its header is none")
    return Layout(dtype, tuple(shape), bool(fortran), file.tell())


def table(found: Layout) -> Layout:
    """The same, as a table of numbers that can be shown. Raises `PointsError` where it is none."""
    kinds = [found.dtype[name] for name in found.dtype.names] if found.dtype.names else [found.dtype]
    if not any(kind.kind in _NUMERIC and kind.shape == () for kind in kinds):
        raise PointsError(f"holds {found.dtype.name}, not numbers; save float32")
    if not found.shape:
        raise PointsError("is one number; an embedding has a row for each point")
    if not found.rows or not found.width:
        raise PointsError("has no rows, or no numbers in them: there is nothing to draw")
    if found.width > WIDEST or found.dtype.itemsize > 8 * WIDEST:
        raise PointsError(f"has rows of {found.width:,} numbers; at most {WIDEST:,} are read: pool or flatten less")
    return found


@dataclass(frozen=True, slots=True)
class Pick:
    """Which rows of a file are read: stretches of `long` rows from each of `starts` on."""

    starts: tuple[int, ...]
    long: int

    @property
    def rows(self) -> Places:
        """Their numbers."""
        return (np.array(self.starts, np.intp)[:, None] + np.arange(self.long)).ravel()


def pick(found: Layout, size: int) -> Pick:
    """Rows that are spread over a file of so many bytes: all of them, or what `ROWS` and `BYTES` allow."""
    whole = found.rows
    wide = found.width * found.dtype.itemsize
    if not found.fortran:
        whole = min(whole, max(0, size - found.start) // wide) if wide else 0
    most = min(whole, ROWS, max(1, BYTES // max(1, wide)))
    if most >= whole:
        return Pick((0,) if whole else (), whole)
    # In Fortran's order every stretch is as many pieces as there are columns.
    stretches = min(most, STRETCHES if not found.fortran else max(1, 4096 // max(1, found.width)))
    long = most // stretches
    return Pick(tuple((whole - long) * at // max(1, stretches - 1) for at in range(stretches)), long)


def ranges(found: Layout, picked: Pick) -> list[tuple[int, int]]:
    """Where these rows lie: offsets and lengths, in the order that `assembled` takes them."""
    item = found.dtype.itemsize
    wide = found.width * item
    if not found.fortran:
        return [(found.start + start * wide, picked.long * wide) for start in picked.starts]
    return [
        (found.start + (column * found.rows + start) * item, picked.long * item)
        for start in picked.starts
        for column in range(found.width)
    ]


def assembled(found: Layout, picked: Pick, pieces: Sequence[bytes]) -> Points:
    """The points of these rows. Raises `PointsError`."""
    item = found.dtype.itemsize
    if found.fortran and any(len(piece) != picked.long * item for piece in pieces):
        raise PointsError("is torn, and in Fortran's order: what is missing is in every row")
    data = b"".join(pieces)
    wide = max(1, found.width * item)
    array = np.frombuffer(data[: len(data) // wide * wide], found.dtype)
    if found.fortran:
        array = array.reshape(-1, found.width, picked.long).transpose(0, 2, 1)
    rows = picked.rows[: array.size // max(1, found.width)]
    if not len(rows):
        raise PointsError("has no whole row yet: it is torn, or still being written")
    notes = []
    if len(rows) < found.rows:
        torn = len(picked.starts) == 1
        notes.append(
            f"{len(rows):,} of {found.rows:,} rows{': the file is torn, or still being written' if torn else ''}"
        )
    matrix, left = _numbers(array.reshape(-1) if array.dtype.names else array.reshape(len(rows), -1))
    if left:
        notes.append(f"without the fields {', '.join(left)}, which are no numbers")
    if len(found.shape) > 2:
        notes.append(f"{'×'.join(map(str, found.shape[1:]))} numbers of each, in one row")
    return finite(Points(matrix, rows, found.rows, notes=tuple(notes)))


def _numbers(array: NDArray[Any]) -> tuple[Matrix, list[str]]:
    """As double floats; of records the fields that are numbers, and what the others are called."""
    with np.errstate(all="ignore"):
        if array.dtype.names is None:
            return array.astype(np.float64), []
        fields = {name: array.dtype[name] for name in array.dtype.names}
        kept = [name for name, kind in fields.items() if kind.kind in _NUMERIC and kind.shape == ()]
        matrix = np.stack([array[name].astype(np.float64) for name in kept], axis=1)
        return matrix, [name for name in fields if name not in kept]


def of_archive(data: bytes) -> Points:
    """The largest table of an NPZ file; an array with one label for each of its rows tells the classes.

    Raises `PointsError`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            arrays = {each.filename: _member(archive, each) for each in archive.infolist()[:64]}
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        OSError,
        ValueError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise PointsError(f"no NPZ file, or a torn one: {str(error)[:120]}") from error
    known = {name.removesuffix(".npy"): each for name, each in arrays.items() if isinstance(each, tuple)}
    tables = {name: each for name, each in known.items() if len(each[0].shape) > 1 and each[0].dtype.kind in _NUMERIC}
    if not tables:
        why = next((str(each) for each in arrays.values() if isinstance(each, PointsError)), "it has none")
        raise PointsError(f"no array in it is a table of numbers: {why}")
    name = max(tables, key=lambda each: math.prod(tables[each][0].shape))
    found, content = tables[name]
    points = _whole(found, content)
    labels = next(
        (_words(*each) for key, each in known.items() if LABELS.fullmatch(key) and each[0].rows == found.rows), ()
    )
    labelled = labelled_by(points, labels) if labels else points
    others = [
        each
        for each in arrays
        if each.removesuffix(".npy") != name and not LABELS.fullmatch(each.removesuffix(".npy"))
    ]
    note = (f"array {name}; not shown: {', '.join(others[:4])}",) if others else ()
    return thinned(replace(labelled, notes=(*labelled.notes, *note)))


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> tuple[Layout, bytes] | PointsError:
    with archive.open(entry) as file:
        content = file.read(4 * BYTES)  # a small archive may hold endless zeros
    try:
        return layout(content[:HEADER]), content
    except PointsError as error:
        return error


def _whole(found: Layout, content: bytes) -> Points:
    found = table(found)
    picked = pick(found, len(content))
    return assembled(found, picked, [content[start : start + long] for start, long in ranges(found, picked)])


def _words(found: Layout, content: bytes) -> tuple[str, ...]:
    """The numbers or texts of a one-dimensional array, as words; none where it is something else."""
    if found.dtype.kind not in "fiubUS" or math.prod(found.shape) != found.rows or not found.dtype.itemsize:
        return ()
    data = content[found.start : found.start + found.rows * found.dtype.itemsize]
    array = np.frombuffer(data[: len(data) // found.dtype.itemsize * found.dtype.itemsize], found.dtype)
    return tuple(_word(value) for value in array.tolist())


def _word(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return f"{value:g}" if isinstance(value, float) else str(value)


def words_of_array(data: bytes) -> tuple[str, ...]:
    """The labels of an NPY file beside the table. Raises `PointsError`."""
    return _words(layout(data[:HEADER]), data)
