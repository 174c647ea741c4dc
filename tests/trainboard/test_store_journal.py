"""The journal is there up to its last whole record; what is damaged otherwise is said, and left alone."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainboard.test_store import EXPERIMENT, RUN
from trainboard import journal
from trainboard.documents import Lines, lines_of
from trainboard.store import Database, Records, Store, StoreError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def written(*changes: Lines) -> tuple[bytes, list[journal.Place]]:
    """A journal of these changes, and the end of each of its records."""
    text, place = journal.begun(3)
    places = [place]
    for changed in changes:
        added, place = journal.record(changed, place)
        text += added
        places.append(place)
    return text, places


CHANGES = [
    lines_of({"runs": {"r1": {"id": "r1", "name": 'a"b\n\0{"crc":"'}}}),
    lines_of({"runs": {"r1": {"id": "r1"}, "r2": {}}, "crc": {"crc": {"crc": "00000000"}}}),
    lines_of({"attempts": {"": {"x": [1, {"y": None}]}}}),
]
TEXT, PLACES = written(*CHANGES)

tables = st.dictionaries(
    st.text(max_size=3),
    st.dictionaries(st.text(max_size=3), st.dictionaries(st.text(), st.text()), min_size=1, max_size=3),
    min_size=1,
    max_size=3,
)


def merged(changes: list[Lines]) -> Lines:
    """What the changes come to, one after the other."""
    lines: Lines = {}
    for changed in changes:
        for table, content in changed.items():
            lines[table] = lines.get(table, {}) | content
    return lines


@settings(max_examples=50)
@given(st.lists(tables, max_size=4), st.data())
def test_a_journal_says_what_was_written_from_any_record_on(
    changes: list[dict[str, object]], data: st.DataObject
) -> None:
    lines = [lines_of(changed) for changed in changes]  # type: ignore[arg-type]  # as drawn
    text, places = written(*lines)
    first = data.draw(st.integers(0, len(lines)))
    assert journal.beginning(text) == places[0]
    assert journal.scan(text[places[first].end :], places[first]) == (merged(lines[first:]), places[-1])


def test_a_journal_cut_at_any_byte_says_all_up_to_its_last_whole_record() -> None:
    for cut in range(PLACES[0].end, len(TEXT) + 1):
        whole = [number for number, place in enumerate(PLACES) if place.end <= cut][-1]
        said = journal.scan(TEXT[PLACES[0].end : cut], PLACES[0])
        assert said == (merged(CHANGES[:whole]), PLACES[whole])


def test_zeros_after_the_last_whole_record_are_what_a_power_cut_leaves() -> None:
    last = PLACES[-2].end
    for start, end in ((last, len(TEXT)), (last + 5, last + 9), (last + 5, len(TEXT))):
        torn = TEXT[PLACES[0].end : start] + bytes(end - start) + TEXT[end:]
        assert journal.scan(torn, PLACES[0]) == (merged(CHANGES[:-1]), PLACES[-2])


def test_one_wrong_byte_before_the_last_record_is_damage() -> None:
    for at in range(PLACES[-2].end):
        damaged = TEXT[:at] + bytes([TEXT[at] ^ 1]) + TEXT[at + 1 :]
        with pytest.raises(ValueError, match=r"."):
            journal.scan(damaged[PLACES[0].end :], journal.beginning(damaged))


def test_one_wrong_byte_in_the_documents_of_the_last_record_is_damage() -> None:
    for at in range(PLACES[-2].end, PLACES[-1].end - journal.MARK - 1):
        damaged = TEXT[:at] + bytes([TEXT[at] ^ 1]) + TEXT[at + 1 :]
        with pytest.raises(ValueError, match="damaged after byte"):
            journal.scan(damaged[PLACES[0].end :], PLACES[0])


@given(st.binary())
def test_any_bytes_are_a_journal_or_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        journal.beginning(data)
    try:
        changed, place = journal.scan(data, PLACES[0])
    except ValueError:
        return
    assert (changed, place) == ({}, PLACES[0])


async def three_changes(folder: Path) -> list[Records]:
    """A store with three records in its journal; what it said after each."""
    store, said = Store(folder), []
    await store.put(RUN)
    for number in range(4):
        said.append(await store.load())
        await store.put(replace(RUN, index=number + 1), replace(RUN, id=f"n{number}"))
    return said


async def test_a_store_goes_on_after_a_journal_cut_at_any_byte(folder: Path) -> None:
    """A reader sees all up to the last whole record, and so does the next writer, who cuts off the rest."""
    said = await three_changes(folder)
    path = folder / "state.journal"
    text = path.read_bytes()
    ends = [at + journal.MARK + 1 for at in range(len(text)) if text.startswith(b'\n{"crc"', at)]
    watching = Store(folder)
    for cut in range(ends[2], ends[-1]):
        path.write_bytes(text[:cut])
        expected = said[len([end for end in ends if end <= cut]) - 1]
        assert await Store(folder).load() == await watching.load() == expected
        assert path.read_bytes() == text[:cut]
        await Store(folder).put(EXPERIMENT)
        assert (
            await Store(folder).load()
            == await watching.load()
            == replace(expected, experiments={"rnn-1": EXPERIMENT})
        )


@pytest.mark.parametrize("cut", [0, 5, 16, 30])
async def test_a_journal_without_a_whole_beginning_is_damaged(folder: Path, cut: int) -> None:
    """It is put in place whole, so no crash does that."""
    await three_changes(folder)
    path = folder / "state.journal"
    path.write_bytes(path.read_bytes()[:cut])
    await refused(folder)


async def test_damage_before_the_last_record_is_said_in_one_line_and_never_overwritten(folder: Path) -> None:
    await three_changes(folder)
    path = folder / "state.journal"
    path.write_bytes(path.read_bytes().replace(b'"n1"', b'"m1"', 1))
    await refused(folder)
    path.rename(folder / "aside")
    assert (await Store(folder).load()).runs == {"r1": RUN}


def contents(folder: Path) -> dict[str, bytes]:
    """The files, without locks."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".lock"}


async def refused(folder: Path) -> None:
    """Every call on the store fails in one line that says what to do, and changes no file."""
    before = contents(folder)
    store = Store(folder)
    for call in (store.load(), store.put(RUN), store.fold()):
        with pytest.raises(StoreError) as caught:
            await call
        assert str(caught.value).startswith(f"{folder / 'state.journal'}: damaged")
        assert "move" in str(caught.value)
        assert "\n" not in str(caught.value)
    assert contents(folder) == before


async def test_a_journal_whose_file_is_missing_or_older_is_not_applied_to_what_is_there(folder: Path) -> None:
    store = Store(folder)
    await store.put(RUN)
    old = store.path.read_bytes()
    await store.put(EXPERIMENT)
    await store.fold()
    await store.put(replace(RUN, index=7))
    store.path.write_bytes(old)
    await refused(folder)
    store.path.unlink()
    await refused(folder)
    (folder / "state.journal").unlink()
    assert await store.load() == Records()
    await store.put(RUN)
    assert await Store(folder).load() == Records(runs={"r1": RUN})


async def test_a_crash_between_the_two_new_files_repeats_what_is_known(folder: Path) -> None:
    """The new state file is there, the journal is still the old one: nothing is doubled, lost or turned back."""
    store = Store(folder)
    await store.put(RUN)
    await store.put(replace(RUN, index=1), replace(RUN, id="r2"))
    old = (folder / "state.journal").read_bytes()
    await store.fold()
    (folder / "state.journal").write_bytes(old)
    expected = Records(runs={"r1": replace(RUN, index=1), "r2": replace(RUN, id="r2")})
    assert await Store(folder).load() == await store.load() == expected
    await store.put(replace(RUN, index=2))
    await store.fold()
    for each in (store, Store(folder)):
        assert (await each.load()).runs == {**expected.runs, "r1": replace(RUN, index=2)}
    assert json.loads(store.path.read_bytes())["runs"]["r1"]["index"] == 2


async def test_a_record_that_a_reader_saw_and_its_writer_took_back_is_gone(folder: Path) -> None:
    """Also where another of the same length came in its place."""
    store, reader = Store(folder), Store(folder)
    await store.put(RUN)
    await store.put(replace(RUN, id="r2"))
    path = folder / "state.journal"
    text = path.read_bytes()
    await store.put(replace(RUN, id="r3"))
    assert set((await reader.load()).runs) == {"r1", "r2", "r3"}
    path.write_bytes(text)
    await Store(folder).put(replace(RUN, id="r4"))
    assert set((await reader.load()).runs) == set((await store.load()).runs) == {"r1", "r2", "r4"}


OPERATIONS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["put", "new", "fold", "load", "tear", "again", "database"])),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(OPERATIONS)
def test_whatever_several_stores_do_each_sees_all_that_was_stored(
    tmp_path_factory: pytest.TempPathFactory, operations: list[tuple[int, str]]
) -> None:
    asyncio.run(play(tmp_path_factory.mktemp("mix") / "state", operations))


async def play(folder: Path, operations: list[tuple[int, str]]) -> None:
    """Do these, by one of three stores each, beside a plain dictionary."""
    stores = [Store(folder, fold_above=10_000) for _ in range(3)]
    expected = {"r1": RUN}
    await stores[0].put(RUN)
    for number, (who, operation) in enumerate(operations):
        match operation:
            case "put":
                expected["r1"] = replace(expected["r1"], index=expected["r1"].index + 1)
                await stores[who].update(type(RUN), "r1", lambda run: replace(run, index=run.index + 1))
            case "new":
                expected[f"n{number}"] = replace(RUN, id=f"n{number}")
                await stores[who].put(expected[f"n{number}"])
            case "fold":
                await stores[who].fold()
            case "load":
                assert (await stores[who].load()).runs == expected
            case "tear" if (folder / "state.journal").exists():
                with (folder / "state.journal").open("ab") as file:
                    file.write(b'{"runs":{"torn":{"id":'[: 1 + number % 21])
            case "again":
                stores[who] = Store(folder, fold_above=10_000)
            case "database":
                assert len(Database(folder / "state.json").table("runs")) == len(expected)
    for store in stores:
        assert (await store.load()).runs == expected
        assert list((await store.load()).runs) == list(expected)
