"""Tables of points as programs save them, and as they should not be."""

from __future__ import annotations

import io
import pickle
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.base import HostUnreachable
from tests.trainboard.outputfakes import Place, wrote
from trainboard import pointarrays as arrays
from trainboard import points
from trainboard.actions import Refused
from trainboard.embeddings import labels_beside, load
from trainboard.outputs import Kind, OutputFile, recognise
from trainboard.pointarrays import of_archive
from trainboard.points import PointsError
from trainboard.pointtexts import of_text, words_of_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trainboard.points import Points

TABLE = np.random.default_rng(4).normal(size=(50, 6))


def npy(array: Any) -> bytes:  # noqa: ANN401  # whatever numpy saves
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def npz(**arrays: Any) -> bytes:  # noqa: ANN401  # whatever numpy saves
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def of_npy(data: bytes) -> Points:
    """As the screen reads it, from a file of these bytes."""
    found = arrays.table(arrays.layout(data[: arrays.HEADER]))
    picked = arrays.pick(found, len(data))
    return arrays.assembled(found, picked, [data[at : at + long] for at, long in arrays.ranges(found, picked)])


def refusal(read: Callable[[bytes], Points], data: bytes) -> str:
    """Why it is not read; empty where it is."""
    try:
        read(data)
    except PointsError as error:
        return str(error)
    return ""


async def loaded(folder: Path, **files: bytes | str) -> Points:
    """The first of these files, through the door of outputs."""
    work = wrote(folder, {name.replace("__", "."): content for name, content in files.items()})
    found = (await work.find()).outputs
    first = next(iter(files)).replace("__", ".")
    file = next(each for output in found for each in output.files if each.path == first)
    return await load(work, file, found)


@pytest.mark.parametrize("kind", ["<f8", "<f4", "<f2", ">f4", ">f8", "<i2", ">i8", "u1", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_of_every_kind_and_order_are_read(kind: str, order: Any) -> None:  # noqa: ANN401  # a literal of numpy
    array = np.asarray((TABLE * 50).astype(kind), order=order)
    found = of_npy(npy(array))
    np.testing.assert_array_equal(found.matrix, array.astype(float))
    assert found.rows.tolist() == list(range(50))
    assert found.notes == ()


def test_objects_are_refused_and_no_pickle_is_loaded() -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return pytest.fail, ("a pickle was loaded",)

    with pytest.raises(PointsError, match="pickled and never loaded"):
        of_npy(npy(np.array([[Trap()]], dtype=object)))
    with pytest.raises(PointsError, match="pickled and never loaded"):
        of_archive(npz(x=np.array([[Trap()]], dtype=object)))


async def test_a_pickle_by_any_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"emb\.npy: is a pickle"):
        await loaded(tmp_path, emb__npy=pickle.dumps([1, 2]))


def test_of_records_the_fields_that_are_numbers_are_read() -> None:
    array = np.zeros(5, dtype=[("x", "f4"), ("name", "U4"), ("y", "i4"), ("v", "f4", (2,))])
    array["x"], array["y"] = np.arange(5), np.arange(5) * 2
    found = of_npy(npy(array))
    np.testing.assert_array_equal(found.matrix, np.stack([np.arange(5), np.arange(5) * 2], axis=1))
    assert found.notes == ("without the fields name, v, which are no numbers",)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.array(["a", "b"]), "not numbers"),
        (np.array([[1j]]), "not numbers"),
        (np.array(["2026-01-01"], dtype="M8[D]"), "not numbers"),
        (np.float32(3), "is one number"),
        (np.zeros((0, 4)), "has no rows"),
        (np.zeros((2, 70_000), np.uint8), "at most 65,536"),
        (np.full((3, 2), np.nan), "there is nothing to draw"),
    ],
)
def test_what_is_no_table_of_numbers_is_said_in_a_line(array: Any, said: str) -> None:  # noqa: ANN401  # see above
    with pytest.raises(PointsError, match=said):
        of_npy(npy(array))


def test_rows_that_are_not_finite_are_left_out_and_counted() -> None:
    array = TABLE.copy()
    array[3, 1], array[10, 0], array[11, 5] = np.nan, np.inf, -np.inf
    found = of_npy(npy(array))
    assert len(found.matrix) == 47
    assert 3 not in found.rows.tolist()
    assert found.notes == ("3 rows left out: not finite",)


def test_a_torn_file_gives_the_rows_that_are_there_and_says_so() -> None:
    data = npy(TABLE)
    found = of_npy(data[: len(data) - 6 * 8 * 10 - 3])
    assert len(found.matrix) == 39
    assert found.notes == ("39 of 50 rows: the file is torn, or still being written",)
    with pytest.raises(PointsError, match="Fortran"):
        of_npy(npy(np.asfortranarray(TABLE))[:-30])
    with pytest.raises(PointsError, match="torn"):
        of_npy(data[:20])


def test_more_than_two_axes_are_one_row_each() -> None:
    found = of_npy(npy(TABLE.reshape(50, 2, 3)))
    np.testing.assert_array_equal(found.matrix, TABLE)
    assert found.notes == ("2×3 numbers of each, in one row",)


@pytest.mark.parametrize("order", ["C", "F"])
def test_of_a_large_table_rows_from_all_of_it_are_read(order: Any) -> None:  # noqa: ANN401  # a literal of numpy
    array = np.asarray(np.arange(100_000.0)[:, None] * [1, 10, 100], order=order)
    data = npy(array)
    found = of_npy(data)
    assert points.ROWS / 2 < len(found.matrix) <= points.ROWS
    np.testing.assert_array_equal(found.matrix, array[found.rows])
    assert (found.rows[0], found.rows[-1]) == (0, 99_999)
    layout = arrays.layout(data)
    read = sum(long for _, long in arrays.ranges(layout, arrays.pick(layout, len(data))))
    assert read == len(found.matrix) * 24


@given(st.binary(max_size=300), st.sampled_from([b"", b"\x93NUMPY\x01\x00", b"\x93NUMPY\x02\x00v\x00{'descr': "]))
@settings(max_examples=80)
def test_any_bytes_are_read_or_refused_in_a_line(data: bytes, start: bytes) -> None:
    for read in (of_npy, of_archive, of_text):
        refused = refusal(read, start + data)
        assert "\n" not in refused


@pytest.mark.parametrize("shape", ["(-1, 3)", "(10**9, 10**9)", "(3,)", "(2, True)", "'x'", "()", "(0, 0)"])
@pytest.mark.parametrize("descr", ["'<f4'", "'|O'", "'<f4' * 9", "[('a', '<f4'), ('b', '|O')]", "'<V8'", "'|S0'"])
def test_any_header_is_read_or_refused(shape: str, descr: str) -> None:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}".encode()
    data = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(64)
    assert "\n" not in refusal(of_npy, data)


def test_an_archive_gives_its_largest_table_with_its_labels() -> None:
    found = of_archive(npz(small=np.zeros((2, 2)), emb=TABLE, labels=np.array(["a", "b"] * 25)))
    np.testing.assert_array_equal(found.matrix, TABLE)
    assert found.labels == ("a", "b") * 25
    assert found.notes == ("array emb; not shown: small.npy",)


def test_an_archive_that_holds_endless_zeros_is_not_unpacked_whole() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as member:
        member.write(npy(np.zeros((1, 4), np.uint8)).replace(b"(1, 4), ", b"(9**9,4)"))
        for _ in range(260):
            member.write(bytes(1 << 20))
    with pytest.raises(PointsError):
        of_archive(file.getvalue())


CSV = "id,label,name,f0,f1\n" + "".join(f"{i},c{i % 3},n{i},{i * 0.5},{-i}\n" for i in range(30))


def test_a_table_with_titles_gives_features_classes_and_names() -> None:
    found = of_text(CSV.encode())
    np.testing.assert_array_equal(found.matrix, [[i * 0.5, -i] for i in range(30)])
    assert found.labels[:3] == ("c0", "c1", "c2")
    assert found.names[5] == "n5"
    assert found.notes == ("not drawn: id",)


@pytest.mark.parametrize("delimiter", ["\t", ",", ";", " "])
def test_a_table_without_titles_is_all_points(delimiter: str) -> None:
    text = "\n".join(delimiter.join(f"{value:.6f}" for value in line) for line in TABLE)
    found = of_text(text.encode())
    np.testing.assert_allclose(found.matrix, TABLE, atol=1e-6)
    assert (found.labels, found.names) == ((), ())


def test_the_index_that_pandas_writes_is_no_dimension() -> None:
    found = of_text(b",0,1\n0,0.5,2\n1,0.25,3\n2,1.5,4\n")
    np.testing.assert_array_equal(found.matrix, [[0.5, 2], [0.25, 3], [1.5, 4]])


def test_ragged_rows_and_rows_with_holes_are_left_out_and_counted() -> None:
    text = "a,b\n" + "1,2\n" * 20 + "1\n1,2,3\n,4\nnan,5\nx,7\ninf,1\n" + '"1","3"\n'
    found = of_text(text.encode())
    assert len(found.matrix) == 21
    assert found.notes == ("2 rows left out: not 2 columns long", "4 rows left out: not finite")


def test_a_numeric_label_is_a_class_and_no_dimension() -> None:
    found = of_text(b"x,y,label\n1,2,0\n3,4,1\n5,7,1\n")
    assert found.matrix.shape[1] in (1, 2)
    assert of_text(b"f,g,label\n1,2,0\n3,4,1\n5,7,1\n").labels == ("0", "1", "1")


def test_classes_that_come_in_a_rhythm_are_all_drawn() -> None:
    text = "label,x\n" + "".join(f"c{i % 3},{i}\n" for i in range(30_000))
    found = of_text(text.encode())
    assert len(found.matrix) == points.ROWS
    assert found.notes == ("20,000 of 30,000 rows",)
    assert min(found.labels.count(f"c{kind}") for kind in range(3)) > 6000


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "is empty"), ("a,b\n", "no rows"), ("a,b\nx,y\nz,w\n", "no column of numbers"), ("\x00\x00", "is empty")],
)
def test_a_text_without_points_is_said_in_a_line(text: str, said: str) -> None:
    with pytest.raises(PointsError, match=said):
        of_text(text.encode())


def test_one_column_and_one_row_are_points() -> None:
    assert of_text(b"1\n2\n3\n").matrix.shape == (3, 1)
    assert of_text(b"1,2,3\n").matrix.shape == (1, 3)


async def test_labels_beside_a_table_are_its_classes(tmp_path: Path) -> None:
    labels = "label\n" + "\n".join(["cat", "dog"] * 25)
    found = await loaded(tmp_path, emb_100__npy=npy(TABLE), emb_100_labels__csv=labels)
    assert found.labels == ("cat", "dog") * 25


async def test_labels_of_another_table_are_not_used_and_that_is_said(tmp_path: Path) -> None:
    found = await loaded(tmp_path, emb__npy=npy(TABLE), labels__npy=npy(np.arange(7)))
    assert found.labels == ()
    assert found.notes == ("the labels beside it are 7, not 50: not used",)
    broken = await loaded(tmp_path, emb__npy=npy(TABLE), labels__npy=pickle.dumps([1]))
    assert "without the labels of labels.npy" in broken.notes[0]


@pytest.mark.parametrize(
    ("beside", "fits"),
    [
        ("a/emb_100_labels.csv", True),
        ("a/emb_labels.npy", True),
        ("a/labels_100.npy", True),
        ("a/metadata.tsv", True),
        ("a/emb_200_labels.csv", False),
        ("labels.npy", False),
        ("a/emb_200.npy", False),
    ],
)
def test_labels_are_found_by_their_name(beside: str, fits: bool) -> None:
    file = OutputFile(beside, 10, 0.0)
    assert labels_beside("a/emb_100.npy", [file, OutputFile("a/emb_100.npy", 9, 0.0)]) == (file if fits else None)


def test_the_metadata_of_a_projector_tells_one_word_for_each_row() -> None:
    assert words_of_text(b"cat\ndog\ncat\n") == ("cat", "dog", "cat")
    assert words_of_text(b"name\tlabel\nn1\tcat\nn2\tdog\nn3\tdog\n") == ("cat", "dog", "dog")


def test_a_file_of_labels_is_no_embedding() -> None:
    assert recognise("emb_labels.csv", b"label\ncat\n") is Kind.OTHER
    assert recognise("emb_100.csv", b"0.1,0.2\n") is Kind.EMBEDDINGS


async def test_only_what_is_drawn_of_a_large_file_travels(tmp_path: Path) -> None:
    array = np.arange(200_000 * 16, dtype=np.float32).reshape(-1, 16)
    work = wrote(tmp_path, {"emb.npy": npy(array)})
    found = (await work.find()).outputs
    place = work.backend
    assert isinstance(place, Place)
    place.fetched.clear()
    shown = await load(work, found[0].files[0], found)
    np.testing.assert_array_equal(shown.matrix, array[shown.rows])
    assert sum(long for _, _, long in place.fetched) < 0.15 * array.nbytes


async def test_a_host_that_is_gone_is_no_empty_table(tmp_path: Path) -> None:
    work = wrote(tmp_path, {"emb.npy": npy(TABLE)})
    found = (await work.find()).outputs
    place = work.backend
    assert isinstance(place, Place)
    place.failure = HostUnreachable("here: no route")
    with pytest.raises(Refused, match="no route"):
        await load(work, found[0].files[0], found)
