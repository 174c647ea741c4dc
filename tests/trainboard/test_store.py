"""The store keeps what it acknowledged, whatever happens, whoever else writes."""

# ruff: noqa: ASYNC220, ASYNC221, ASYNC240 - nothing else runs in the loop of a test that looks at its files

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import threading
from dataclasses import fields, replace
from io import UnsupportedOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tinydb import TinyDB, where

from backends.base import JobState
from trainboard import journal
from trainboard.documents import TABLES, documents_of, lines_of, parse, text_of
from trainboard.files import Disk
from trainboard.records import Attempt, Experiment, Run
from trainboard.store import Database, Records, Store, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def an_attempt(id: str, **changes: object) -> Attempt:
    attempt = Attempt(id, "r1", 1, "triton", JobState.SUBMITTING, 1.0, "/scratch/x/r1/1")
    return replace(attempt, **changes)  # type: ignore[arg-type]  # a test's shorthand


EXPERIMENT = Experiment(
    "rnn-1", "rnn", "/x/rnn.yaml", "name: rnn\n# ünïcode\n", 1.0, "val_loss", "minimize", {"epochs": 50.0}
)
RUN = Run("r1", "rnn-1", 0, "lr=0.1", {"lr": 0.1, "optim.name": "a'd\udcffam", "deep": None, "on": True})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


class Counted:
    """Counts what is written, each change being one write."""

    def __init__(self) -> None:
        self.writes = 0
        self.disk = Disk(write=self._write)

    def _write(self, descriptor: int, content: bytes | memoryview) -> int:
        self.writes += 1
        return os.write(descriptor, content)


@pytest.fixture
def counted(folder: Path) -> tuple[Store, Counted]:
    counted = Counted()
    return Store(folder, disk=counted.disk), counted


# --- What is put is there


async def test_what_was_put_is_loaded_by_another_store(folder: Path) -> None:
    attempt = an_attempt("a1", exit_code=0, ended=3.5, state=JobState.COMPLETED)
    await Store(folder).put(EXPERIMENT, RUN, attempt)
    records = await Store(folder).load()
    assert records == Records({"rnn-1": EXPERIMENT}, {"r1": RUN}, {"a1": attempt})
    assert type(records.attempts["a1"].state) is JobState


async def test_a_store_without_a_file_is_empty_and_loading_makes_none(folder: Path) -> None:
    assert await Store(folder).load() == Records()
    assert not folder.exists()


async def test_putting_a_record_again_replaces_it(folder: Path) -> None:
    store = Store(folder)
    await store.put(an_attempt("a1"))
    await store.put(an_attempt("a1", state=JobState.RUNNING))
    assert (await Store(folder).load()).attempts == {"a1": an_attempt("a1", state=JobState.RUNNING)}


async def test_an_update_sees_what_another_store_wrote(folder: Path) -> None:
    ours, theirs = Store(folder), Store(folder)
    await ours.put(an_attempt("a1"))
    await theirs.update(Attempt, "a1", lambda attempt: replace(attempt, job_id="42"))
    updated = await ours.update(Attempt, "a1", lambda attempt: replace(attempt, state=JobState.RUNNING))
    assert updated == an_attempt("a1", job_id="42", state=JobState.RUNNING)
    assert (await theirs.load()).attempts["a1"] == updated


async def test_a_change_that_raises_reaches_its_caller_alone(folder: Path) -> None:
    store = Store(folder)

    def stop(records: Records) -> Sequence[Run]:
        raise StopIteration

    results = await asyncio.gather(
        store.update(Run, "nobody", lambda run: run),
        store.put(RUN),
        store.change(stop),
        store.put(replace(RUN, id="r2", params={"x": object()})),  # type: ignore[dict-item]  # that is the point
        store.change(lambda _: [EXPERIMENT, "no record"]),  # type: ignore[list-item]  # that is the point
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [KeyError, type(None), RuntimeError, TypeError, KeyError]
    assert await Store(folder).load() == Records(runs={"r1": RUN})


async def test_a_snapshot_stays_as_it_was_when_it_was_loaded(folder: Path) -> None:
    store = Store(folder)
    await store.put(RUN)
    before = await store.load()
    await store.put(replace(RUN, id="r2"))
    assert list(before.runs) == ["r1"]
    assert list((await store.load()).runs) == ["r1", "r2"]


async def test_records_that_did_not_change_stay_the_same_objects(folder: Path) -> None:
    store = Store(folder)
    await store.put(RUN, an_attempt("a1"), an_attempt("a2"))
    before = await store.load()
    await Store(folder).put(an_attempt("a2", job_id="7"))
    after = await store.load()
    assert after.runs["r1"] is before.runs["r1"]
    assert after.attempts["a1"] is before.attempts["a1"]
    assert after.attempts["a2"].job_id == "7"


async def test_a_closed_store_takes_no_more_changes(folder: Path) -> None:
    store = Store(folder)
    await store.put(RUN)
    store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.put(EXPERIMENT)
    assert await Store(folder).load() == Records(runs={"r1": RUN})


# --- Little work


async def test_changes_asked_for_at_once_share_a_write(counted: tuple[Store, Counted]) -> None:
    store, storage = counted
    await asyncio.gather(*(store.put(an_attempt(f"a{n}")) for n in range(500)))
    assert storage.writes == 1
    assert len((await store.load()).attempts) == 500


async def test_changes_asked_for_during_a_write_share_the_next(counted: tuple[Store, Counted]) -> None:
    store, storage = counted
    writing, go_on = threading.Event(), threading.Event()

    def change(_: Records) -> Sequence[Run]:
        writing.set()
        go_on.wait()
        return [RUN]

    first = asyncio.create_task(store.change(change))
    await asyncio.to_thread(writing.wait)
    others = [asyncio.create_task(store.put(an_attempt(f"a{n}"))) for n in range(50)]
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(first, *others)
    assert storage.writes == 2
    assert len((await store.load()).attempts) == 50


async def test_files_that_did_not_change_are_not_read_again(folder: Path) -> None:
    store = Store(folder)
    await store.put(RUN)
    await store.put(EXPERIMENT)
    first = await store.load()
    assert await store.load() is first
    await store.fold()
    assert await store.load() is first


async def test_a_change_adds_what_changed_and_leaves_the_rest_alone(folder: Path) -> None:
    store = Store(folder)
    await store.put(RUN, *(an_attempt(f"a{n}") for n in range(100)))
    before, whole = (folder / "state.json").stat(), (folder / "state.json").read_bytes()
    await store.put(an_attempt("a7", job_id="7"))
    await store.put(an_attempt("a100"))
    assert (folder / "state.json").stat() == before
    assert (folder / "state.json").read_bytes() == whole
    lines = (folder / "state.journal").read_text().splitlines()
    assert [list(json.loads(line)) for line in lines] == [["generation"], ["crc"], *([["attempts"], ["crc"]] * 2)]
    assert len((await Store(folder).load()).attempts) == 101


async def test_a_journal_that_becomes_long_is_folded_by_itself(folder: Path) -> None:
    store = Store(folder, fold_above=2_000)
    for number in range(60):
        await store.put(an_attempt("a1", job_id=f"{number}"), an_attempt(f"a{number + 2}"))
    await store.fold()
    assert json.loads(store.path.read_bytes())["journal"]["generation"]["number"] > 2
    assert json.loads(store.path.read_bytes())["attempts"]["a1"]["job_id"] == "59"
    assert (folder / "state.journal").stat().st_size < 100
    assert len((await Store(folder).load()).attempts) == 61
    assert await Store(folder).load() == await store.load()


async def test_a_change_that_changes_nothing_writes_nothing(counted: tuple[Store, Counted]) -> None:
    store, storage = counted
    await store.put(RUN, an_attempt("a1"))
    await store.update(Attempt, "a1", lambda attempt: replace(attempt, state=JobState.SUBMITTING))
    await store.put(RUN)
    assert storage.writes == 1


async def test_a_change_whose_caller_gave_up_before_it_was_written_is_dropped(folder: Path) -> None:
    store = Store(folder)
    given_up = asyncio.create_task(store.put(RUN))
    stays = asyncio.create_task(store.put(EXPERIMENT))
    await asyncio.sleep(0)
    given_up.cancel()
    await stays
    assert await Store(folder).load() == Records(experiments={"rnn-1": EXPERIMENT})


# --- Several writers


def next_id(records: Records) -> list[Experiment]:
    """Give out a number: pure, on what is stored."""
    number = len(records.experiments) + 1
    return [replace(EXPERIMENT, id=f"rnn-{number}", source=str(os.getpid()))]


def write_beside_others(folder: Path, count: int) -> None:
    """One process of several: numbers given out, and one field of a shared record counted up."""

    async def work() -> None:
        store = Store(folder, fold_above=1_000)
        for _ in range(count):
            await store.change(next_id)
            await store.update(Run, "r1", lambda run: replace(run, index=run.index + 1))

    asyncio.run(work())


async def test_processes_that_write_and_fold_at_once_lose_nothing_and_never_share_an_id(folder: Path) -> None:
    await Store(folder).put(RUN)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write_beside_others, args=(folder, 40)) for _ in range(3)]
    for process in processes:
        process.start()
    reader, seen, same = Store(folder), [0], []
    while any(process.is_alive() for process in processes):
        records, fresh = await reader.load(), await Store(folder).load()
        same.append(len(records.experiments) <= len(fresh.experiments))
        seen += [records.runs["r1"].index, fresh.runs["r1"].index]
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert seen == sorted(seen)
    assert all(same)
    records = await reader.load()
    assert list(records.experiments) == [f"rnn-{n}" for n in range(1, 121)]
    assert len({experiment.source for experiment in records.experiments.values()}) == 3
    assert records.runs["r1"].index == 120
    assert await Store(folder).load() == records
    await reader.fold()
    assert json.loads(reader.path.read_bytes())["journal"]["generation"]["number"] > 3


async def test_two_files_within_one_clock_tick_are_told_apart(folder: Path) -> None:
    """The file's time grows with every write, even where the clock stands or goes back."""
    store, other = Store(folder), Store(folder)
    await store.put(RUN)
    future = 4_000_000_000_000_000_000
    os.utime(store.path, ns=(future, future))
    for index in (5, 6):
        await other.update(Run, "r1", lambda run, index=index: replace(run, index=index))  # type: ignore[misc]  # bound now
        await other.fold()
    assert store.path.stat().st_mtime_ns == future + 2
    assert (await store.load()).runs["r1"].index == 6


async def test_a_lock_held_by_another_process_is_an_error_that_names_it(folder: Path) -> None:
    store = Store(folder, patience=0.05)
    await store.put(RUN)
    with filelock.FileLock(folder / "state.lock"):
        with pytest.raises(StoreError) as caught:
            await store.put(EXPERIMENT)
        assert (await store.load()).runs == {"r1": RUN}
    assert str(caught.value).startswith(f"{folder / 'state.lock'}: held for 0.05 s by ")
    assert f"process {os.getpid()}" in str(caught.value) or not Path("/proc/locks").exists()
    await store.put(EXPERIMENT)


KILLED = """
import asyncio, sys
from pathlib import Path
from dataclasses import replace
from tests.trainboard.test_store import an_attempt
from trainboard.store import Store

async def main():
    store = Store(Path(sys.argv[1]))
    number = int(sys.argv[2])
    while True:
        await asyncio.gather(*(store.put(an_attempt(f"a{n}", reason="x" * 2000)) for n in range(number, number + 20)))
        number += 20
        print(number, flush=True)

asyncio.run(main())
"""


STOPPED = """
import asyncio, resource, signal, sys
from dataclasses import replace
from pathlib import Path
from tests.trainboard.test_store import EXPERIMENT
from trainboard.store import Store

resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
asyncio.run(Store(Path(sys.argv[1])).put(replace(EXPERIMENT, text="x" * 1_000_000)))
"""


async def test_a_process_killed_half_way_through_a_write_leaves_what_was_there(folder: Path) -> None:
    """The kernel kills it as it writes byte 200,001."""
    await Store(folder).put(RUN)
    await Store(folder).put(replace(RUN, id="r2"))
    writer = subprocess.run([sys.executable, "-c", STOPPED, str(folder)], cwd=Path(__file__).parents[2], timeout=60)
    assert writer.returncode == -signal.SIGXFSZ
    assert (folder / "state.journal").stat().st_size == 200_000
    assert await Store(folder).load() == Records(runs={"r1": RUN, "r2": replace(RUN, id="r2")})
    await Store(folder).put(EXPERIMENT)
    assert await Store(folder).load() == Records({"rnn-1": EXPERIMENT}, {"r1": RUN, "r2": replace(RUN, id="r2")})


def acknowledged(lines: Iterator[str], count: int) -> int:
    """The last number of so many acknowledgements."""
    return [int(next(lines)) for _ in range(count)][-1]


@pytest.mark.slow
async def test_a_process_killed_at_any_moment_leaves_all_that_was_acknowledged(folder: Path) -> None:
    number, chance = 0, random.Random(1)
    for _ in range(12):
        writer = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(folder), str(number)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert writer.stdout is not None
        number = acknowledged(writer.stdout, 2)
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(chance.uniform(0, 0.02))
        writer.send_signal(signal.SIGKILL)
        number = max([number, *(int(line) for line in writer.stdout if line.endswith("\n"))])
        writer.wait()
        attempts = (await Store(folder).load()).attempts
        assert {f"a{n}" for n in range(number)} <= set(attempts)
        number = len(attempts)
    await Store(folder).put(RUN)
    kept = {"state.journal", "state.json", "state.lock", "state.fold.lock"}
    drafts = {"state.json.fold", "state.journal.tmp"}  # of one name each, so that kills leave no heap of them
    assert {path.name for path in folder.iterdir()} <= kept | drafts


# --- Bad files, bad folders


async def test_a_leftover_draft_is_harmless(folder: Path) -> None:
    await Store(folder).put(RUN)
    for name in ("state.journal.tmp", "state.json.fold"):
        (folder / name).write_text('{"half')
        (folder / name).chmod(0o666)
    store = Store(folder)
    assert (await store.load()).runs == {"r1": RUN}
    await store.put(EXPERIMENT)
    await store.fold()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == dict.fromkeys(["state.json", "state.journal", "state.lock", "state.fold.lock"], 0o600)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"runs": []}',
        b'{"runs": {"r1": 5}}',
        b'{"runs": {"r1": {"id": "r1"}}}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
    ],
)
async def test_a_damaged_file_is_reported_in_one_line_and_never_overwritten(folder: Path, content: bytes) -> None:
    folder.mkdir()
    (folder / "state.json").write_bytes(content)
    store = Store(folder)
    for call in (store.load(), store.put(RUN)):
        with pytest.raises(StoreError) as caught:
            await call
        assert str(caught.value).startswith(f"{folder / 'state.json'}: damaged")
        assert "move it away" in str(caught.value)
        assert "\n" not in str(caught.value)
    assert (folder / "state.json").read_bytes() == content


async def test_a_missing_field_is_named_with_its_record(folder: Path) -> None:
    folder.mkdir()
    (folder / "state.json").write_text('{"runs": {"r1": {"id": "r1"}}}')
    with pytest.raises(StoreError, match=r"runs 'r1'.*'experiment'"):
        await Store(folder).load()


async def test_a_store_is_usable_again_once_the_damage_is_repaired(folder: Path) -> None:
    store = Store(folder)
    await store.put(RUN)
    whole = store.path.read_bytes()
    store.path.write_bytes(whole[:-20])
    with pytest.raises(StoreError):
        await store.load()
    store.path.write_bytes(whole)
    assert (await store.load()).runs == {"r1": RUN}


async def test_a_file_at_its_limit_leaves_what_was_there(folder: Path) -> None:
    """The write stops half way, as the kernel stops it at a limit on file sizes."""
    store = Store(folder)
    await store.put(RUN)
    await store.put(replace(RUN, id="r2"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        with pytest.raises(StoreError, match=r"cannot be written: File too large; nothing stored"):
            await store.put(replace(EXPERIMENT, text="x" * 1_000_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    await store.put(EXPERIMENT)
    runs = {"r1": RUN, "r2": replace(RUN, id="r2")}
    assert await Store(folder).load() == Records({"rnn-1": EXPERIMENT}, runs)


async def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot be written: Not a directory.*TRAINBOARD_HOME"):
        await Store(tmp_path / "file" / "state").put(RUN)
    with pytest.raises(StoreError, match=r"cannot be read: Not a directory"):
        await Store(tmp_path / "file" / "state").load()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes into any folder")
async def test_a_read_only_folder_is_one_line(folder: Path) -> None:
    await Store(folder).put(RUN)
    folder.chmod(0o500)
    try:
        with pytest.raises(StoreError, match="cannot be written: Permission denied"):
            await Store(folder).put(EXPERIMENT)
        assert (await Store(folder).load()).runs == {"r1": RUN}
    finally:
        folder.chmod(0o700)


async def test_files_and_folders_are_the_users_alone(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        store = Store(tmp_path / "deep" / "state")
        await store.put(RUN)
        await store.put(EXPERIMENT)
        await store.fold()
    finally:
        os.umask(mask)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "deep").rglob("*")}
    files = ["state.json", "state.journal", "state.lock", "state.fold.lock"]
    assert modes == dict.fromkeys(files, 0o600) | {"state": 0o700}
    assert stat.S_IMODE((tmp_path / "deep").stat().st_mode) == 0o700


# --- The file itself


async def test_keys_and_tables_of_a_newer_version_are_kept(folder: Path) -> None:
    store = Store(folder)
    await store.put(RUN, an_attempt("a1"))
    data = json.loads(store.path.read_bytes())
    data["attempts"]["a1"] |= {"host": "node3", "state": "TELEPORTED"}
    data["studies"] = {"f1": {"id": "f1"}}
    store.path.write_text(json.dumps(data))
    assert (await store.load()).attempts["a1"].state is JobState.UNKNOWN
    await store.update(Attempt, "a1", lambda attempt: replace(attempt, job_id="9"))
    await store.fold()
    after = json.loads(store.path.read_bytes())
    assert after["studies"] == data["studies"]
    assert after["attempts"]["a1"] == data["attempts"]["a1"] | {"job_id": "9"}


async def test_a_record_of_a_newer_version_in_the_journal_is_kept(folder: Path) -> None:
    store = Store(folder)
    await store.put(RUN)
    (folder / "state.json").write_text(store.path.read_text().replace('"number":1', '"number":4'))
    text, place = journal.begun(4)
    finding = '"f1":{"id":"f1"}'
    added, _ = journal.record({"studies": {"f1": finding}}, place)
    (folder / "state.journal").write_bytes(text + added)
    await store.update(Run, "r1", lambda run: replace(run, index=4))
    assert Database(store.path).table("studies").all() == [{"id": "f1"}]
    await store.fold()
    assert json.loads(store.path.read_bytes())["studies"] == {"f1": {"id": "f1"}}


async def test_the_file_is_a_tinydb_database(folder: Path) -> None:
    store = Store(folder)
    await store.put(EXPERIMENT, RUN, an_attempt("a1"), an_attempt("a2", state=JobState.FAILED))
    assert TinyDB(folder / "state.json").tables() == {*TABLES.values(), "journal"}
    await store.put(an_attempt("a1", state=JobState.FAILED), an_attempt("a3"))
    assert len(TinyDB(folder / "state.json").table("attempts")) == 2
    for _ in range(2):
        found = Database(folder / "state.json").table("attempts").search(where("state") == "FAILED")
        assert [(str(document.doc_id), document["id"]) for document in found] == [("a1", "a1"), ("a2", "a2")]
        await store.fold()
    assert len(TinyDB(folder / "state.json").table("attempts")) == 3


async def test_a_database_takes_no_changes(folder: Path) -> None:
    await Store(folder).put(RUN)
    with pytest.raises(UnsupportedOperation, match="go through Store"):
        Database(folder / "state.json").table("runs").truncate()
    assert await Store(folder).load() == Records(runs={"r1": RUN})


def filled(kind: type[Any], text: str) -> Any:  # noqa: ANN401 - of that kind
    """A record with a value of its own in each field, as the fields are declared."""
    values = {
        "str": text,
        "str | None": text,
        "int": 7,
        "int | None": 7,
        "float": 1.5,
        "float | None": 1.5,
        "bool": True,
        "JobState": JobState.TIMEOUT,
        "Mapping[str, float]": {text: 0.5},
        "Mapping[str, str]": {text: "x"},
        "Mapping[str, Any]": {text: ("x", {"y": 2.5})},
        "Mapping[str, Scalar]": {text: None, "lr": 0.1},
        "Sequence[str]": (text, "b"),
        "Sequence[float]": (1.5, 2.5),
        "Sequence[float | None]": (1.5, None),
    }
    return kind(**{field.name: values[str(field.type)] for field in fields(kind)})


@pytest.mark.parametrize("kind", [Experiment, Run, Attempt])
async def test_every_field_of_a_record_comes_back_equal_and_of_its_type(folder: Path, kind: type[Any]) -> None:
    store, record = Store(folder), filled(kind, "ünï'\udcff\n\u2028")
    await store.put(record, RUN)
    await store.put(replace(filled(kind, "x"), id=record.id), replace(record, id="another"))
    await store.put(record)
    for _ in range(2):
        [found] = [each for each in (await Store(folder).load()).of(kind).values() if each.id == record.id]
        assert found == record
        assert [type(getattr(found, field.name)) for field in fields(kind)] == [
            type(getattr(record, field.name)) for field in fields(kind)
        ]
        await store.fold()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


documents = st.dictionaries(
    st.text(), st.dictionaries(st.text(), st.dictionaries(st.text(), json_values, max_size=3), max_size=3), max_size=3
)


@settings(max_examples=100)
@given(documents)
def test_documents_come_back_as_they_were(content: dict[str, dict[str, dict[str, Any]]]) -> None:
    content = {f"x{table}": rows for table, rows in content.items()}
    lines = lines_of(content)
    assert json.loads(text_of(lines)) == content == documents_of(lines)
    assert parse(text_of(lines))[0] == lines
    assert parse(json.dumps(content, indent=1).encode())[0] == lines


@given(
    st.binary()
    | st.lists(st.sampled_from(['{"a":{', '"b":{}', '"c":1', "\n", ",\n", "\n},\n", "\n}}\n", "}", ","])).map(
        lambda pieces: "".join(pieces).encode()
    )
)
@example(b'{"a":{\n"b":{},"c":{}\n}}\n')
@example(b'{"a":{\n"b":{}\n},\n"a":{\n"c":{}\n}}\n')
def test_any_text_is_read_as_json_reads_it_or_refused(text: bytes) -> None:
    try:
        lines, _ = parse(text)
    except ValueError:
        lines = None
    try:
        content = json.loads(text)
        expected = lines_of(content) if is_a_database(content) else None
    except ValueError:
        expected = None
    assert lines == expected


def is_a_database(content: object) -> bool:
    return isinstance(content, dict) and all(
        isinstance(table, dict) and all(isinstance(document, dict) for document in table.values())
        for table in content.values()
    )
