"""A table of points in many dimensions, as a program saved it: NPY, NPZ, CSV or TSV; none is ever unpickled. Pure.

What is left out is counted and said, never silent: torn rows, rows that are not finite, columns that are no numbers.
"""

from __future__ import annotations

import csv
import io
import math
import re
import zipfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]
    Places = NDArray[np.intp]

ROWS = 20_000
"""Points that are drawn; of more, so many of all of the table."""
WIDEST = 65_536
"""Numbers of one row."""
BYTES = 48 << 20
"""Read of one file."""
STRETCHES = 256
"""Places of a large file at which rows are read."""
HEADER = 65_536
"""Bytes in which the header of an NPY file ends."""
FEW = 1000
"""Classes; a column with more different words is of names."""
_NUMERIC = "fiub"
_LABELS = re.compile(
    r"(?i)(?:true_?|y_?)?(?:label|class|target|category|cluster|species|group|digit|y)(?:es|s)?(?:_?name)?"
)
_NAMES = re.compile(r"(?i)(?:name|token|word|text|title|file|path|sample|key)s?")
_COUNTS = re.compile(r"(?i)(?:id|idx|index|row|step|epoch|iteration|unnamed: 0|)")
_NO_NUMBER = frozenset(("", "nan", "null", "none", "na", "n/a"))


class PointsError(Exception):
    """A table that cannot be shown: `str()` is one line that says why and what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Points, and what is known of each."""

    matrix: Matrix
    """Points × dimensions, all finite."""
    rows: Places
    """Of each point, its row in the table, from 0."""
    total: int
    """Rows of the table; of a text that was not read to its end, of what was read."""
    labels: tuple[str, ...] = ()
    """The class of each point; empty where nobody tells."""
    names: tuple[str, ...] = ()
    """What each point is; empty where nobody tells."""
    notes: tuple[str, ...] = ()
    """What was left out, for people."""


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


def finite(points: Points) -> Points:
    """Without the rows that are not finite. Raises `PointsError` where none is left."""
    good: NDArray[np.bool_] = np.asarray(np.isfinite(points.matrix).all(axis=1))
    lost = len(good) - int(good.sum())
    if not good.any():
        what = "all of its rows have a NaN or an infinity" if lost else "has no rows"
        raise PointsError(f"{what}: there is nothing to draw")
    if not lost:
        return points
    return _kept(points, good, f"{lost:,} rows left out: not finite")


def _kept(points: Points, which: NDArray[np.bool_], note: str = "") -> Points:
    places = np.flatnonzero(which)
    return replace(
        points,
        matrix=points.matrix[places],
        rows=points.rows[places],
        labels=tuple(points.labels[place] for place in places) if points.labels else (),
        names=tuple(points.names[place] for place in places) if points.names else (),
        notes=(*points.notes, note) if note else points.notes,
    )


def chosen(count: int, most: int = ROWS) -> Places:
    """At most so many of `count` places, rising: drawn, the same at every time, for tables have their rhythms."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))


def thinned(points: Points, most: int = ROWS) -> Points:
    """At most so many points."""
    count = len(points.matrix)
    if count <= most:
        return points
    which = np.zeros(count, np.bool_)
    which[chosen(count, most)] = True
    return _kept(points, which, f"{most:,} of {count:,} rows")


# Archives.


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
        (_words(*each) for key, each in known.items() if _LABELS.fullmatch(key) and each[0].rows == found.rows), ()
    )
    labelled = labelled_by(points, labels) if labels else points
    others = [
        each
        for each in arrays
        if each.removesuffix(".npy") != name and not _LABELS.fullmatch(each.removesuffix(".npy"))
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


# Texts.


def of_text(data: bytes, *, tabs: bool = False, cut: bool = False) -> Points:
    """The points of a CSV or TSV file, with or without a line of titles; `cut`: it goes on after that.

    A column that is called a label, else one of few different words, tells the classes. Raises `PointsError`.
    """
    lines = _lines(data, cut=cut)
    if not lines:
        raise PointsError("is empty: there is nothing to draw")
    delimiter = "\t" if tabs and b"\t" in data[:HEADER] else _delimiter(lines[:20])
    first = _cells(lines[0], delimiter)
    second = _cells(lines[1], delimiter) if len(lines) > 1 else []
    titled = _is_titles(first, second)
    titles = first if titled else [f"{at}" for at in range(len(first))]
    body = lines[1:] if titled else lines
    places = chosen(len(body))
    rows, kept, ragged = [], [], 0
    for place in places.tolist():
        cells = _cells(body[place], delimiter)
        if len(cells) == len(titles):
            rows.append(cells)
            kept.append(place)
        else:
            ragged += 1
    if not rows:
        raise PointsError(
            "has titles but no rows: there is nothing to draw" if not ragged else "no row is as long as the first"
        )
    notes = []
    if len(places) < len(body):
        notes.append(f"{len(places):,} of {len(body):,} rows")
    if cut:
        notes.append(f"the first {BYTES >> 20} MB alone")
    if ragged:
        notes.append(f"{ragged:,} rows left out: not {len(titles)} columns long")
    return _of_columns(titles if titled else None, rows, np.array(kept, np.intp), len(body), notes)


def _of_columns(
    titles: list[str] | None, rows: list[list[str]], kept: Places, total: int, notes: list[str]
) -> Points:
    columns = [*zip(*rows, strict=True)]
    said = titles or [""] * len(columns)
    numeric = [place for place, cells in enumerate(columns) if _is_numeric(cells)]
    label = _label_column(said, columns, numeric)
    name = next((at for at in range(len(columns)) if at not in numeric and at != label), None)
    counts = [at for at in numeric if titles and _COUNTS.fullmatch(titles[at].strip()) and len(numeric) > 1]
    wanted = [at for at in numeric if at != label and at not in counts]
    if not wanted:
        raise PointsError("has no column of numbers to draw")
    matrix = np.array([[_number(cell) for cell in columns[at]] for at in wanted], np.float64).T
    left = [titles[at] for at in (*counts, *(set(range(len(columns))) - {*numeric, label, name}))] if titles else []
    if left:
        notes.append(f"not drawn: {', '.join(sorted(left)[:4])}")
    labels = tuple(cell.strip() for cell in columns[label]) if label is not None else ()
    names = tuple(cell.strip() for cell in columns[name]) if name is not None else ()
    return finite(Points(matrix, kept, total, labels, names, tuple(notes)))


def words_of_text(data: bytes) -> tuple[str, ...]:
    """One label for each line of a text beside the table, as of the embedding projector's `metadata.tsv`."""
    lines = _lines(data, cut=False)
    if not lines:
        return ()
    delimiter = _delimiter(lines[:20])
    first = _cells(lines[0], delimiter)
    titled = len(first) > 1 or _LABELS.fullmatch(first[0].strip()) is not None
    body = [_cells(line, delimiter) for line in (lines[1:] if titled else lines)]
    body = [cells if len(cells) == len(first) else [""] * len(first) for cells in body]
    columns = [*zip(*body, strict=True)]
    if not columns:
        return ()
    found = _label_column(first, columns, [at for at, cells in enumerate(columns) if _is_numeric(cells)])
    return tuple(cell.strip() for cell in columns[0 if found is None else found])


def words_of_array(data: bytes) -> tuple[str, ...]:
    """The labels of an NPY file beside the table. Raises `PointsError`."""
    return _words(layout(data[:HEADER]), data)


def labelled_by(points: Points, words: Sequence[str]) -> Points:
    """The points with the labels of all rows; where these are of another table, that is said."""
    if len(words) != points.total:
        said = f"the labels beside it are {len(words):,}, not {points.total:,}: not used"
        return replace(points, notes=(*points.notes, said))
    return replace(points, labels=tuple(words[row] for row in points.rows.tolist()))


def _lines(data: bytes, *, cut: bool) -> list[str]:
    text = data.decode("utf-8-sig", "replace").replace("\0", "")
    lines = text.splitlines()
    if cut and lines:
        lines.pop()
    return [line for line in lines if line.strip()]


def _delimiter(lines: Sequence[str]) -> str:
    counts: Mapping[str, int] = {each: min((line.count(each) for line in lines), default=0) for each in "\t,;"}
    best = max(counts, key=lambda each: counts[each])
    return best if counts[best] else " " if all(len(line.split()) > 1 for line in lines) else ","


def _cells(line: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        return line.split()
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return line.split(delimiter)


def _is_titles(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether the first line names the columns: no number in it, or the numbers of the columns themselves."""
    numbers = [cell.strip() for cell in first if not math.isnan(_number(cell))]
    counted = [str(at) for at in range(len(numbers))]
    return not numbers or (len(numbers) > 1 and numbers == counted and list(first) != list(second))


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _is_numeric(cells: Sequence[str]) -> bool:
    """Whether a column is of numbers, some of which may be missing."""
    some = [cells[place] for place in chosen(len(cells), 200).tolist()]
    said = [cell for cell in some if cell.strip().lower() not in _NO_NUMBER]
    good = sum(not math.isnan(_number(cell)) for cell in said)
    return good >= 0.8 * len(said) and (good > 0 or any(cell.strip().lower() == "nan" for cell in some))


def _label_column(titles: Sequence[str], columns: Sequence[Sequence[str]], numeric: Sequence[int]) -> int | None:
    """The column of the classes; None where there is none."""
    named = [at for at, title in enumerate(titles) if _LABELS.fullmatch(title.strip())]
    if named and (named[0] not in numeric or len(numeric) > 1 or len(columns) == 1):
        return named[0]
    words = {at: len(set(cells)) for at, cells in enumerate(columns) if at not in numeric}
    few = {at: count for at, count in words.items() if count <= min(FEW, max(1, len(columns[at]) // 2))}
    few = {at: count for at, count in few.items() if not _NAMES.fullmatch(titles[at].strip())} or few
    return min(few, key=lambda at: few[at]) if few else None


READERS: Mapping[str, Callable[[bytes], tuple[str, ...]]] = {
    ".npy": words_of_array,
    ".csv": words_of_text,
    ".tsv": words_of_text,
    ".txt": words_of_text,
}
"""By the end of its name: how a file of labels is read."""
