"""The file that keeps a run's samples: whole after a crash at any byte, shared by processes, of two versions."""

from __future__ import annotations

import json
import math
import stat
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainboard.cells import CELL
from trainboard.series import Sample
from trainboard.seriesfile import KEEP, SeriesFile
from trainboard.stored import Mark

if TYPE_CHECKING:
    from pathlib import Path

    from trainboard.stored import Stored

numbers = st.floats(allow_nan=True, allow_infinity=True)
samples = st.lists(
    st.builds(
        Sample,
        metric=st.sampled_from(["loss", "val/acc", "größe \n\x1b", "\udcff"]),
        value=numbers,
        step=st.floats(allow_nan=False, allow_infinity=False),
        index=st.sampled_from(["step", "epoch", ""]),
        wall=st.none() | st.floats(min_value=0, max_value=2e9),
    ),
    max_size=6,
)
batches_of_sources = st.lists(st.tuples(st.sampled_from(["stdout", "a.csv", "b/c.jsonl"]), samples), max_size=6)
# One file is used again for every example; each example clears it first.
on_one_file = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def loss(step: float, value: float = 0.5) -> Sample:
    return Sample("loss", value, float(step), "step", 10.0)


def all_of(stored: Stored) -> list[tuple[str, Sample]]:
    """Every sample with its source, by its own name there; nan equals nan in their `repr`."""
    assert stored.columns is not None or not stored.count
    found = {source: iter(stored.samples(source)) for source, _ in stored.tables.metrics}
    order = [] if stored.columns is None else stored.columns.metrics.tolist()
    sources = [stored.tables.metrics[number][0] for number in order]
    return [(source, next(found[source])) for source in sources]


def steps(stored: Stored) -> list[float]:
    return [sample.step for sample in stored.samples()]


def fresh(folder: Path) -> SeriesFile:
    path = folder / "run.samples"
    path.unlink(missing_ok=True)
    return SeriesFile(path)


def test_a_file_that_is_not_there_is_an_empty_one(tmp_path: Path) -> None:
    stored = SeriesFile(tmp_path / "run.samples").load()
    assert (stored.samples(), stored.series(), stored.count, stored.marks) == ([], {}, 0, {})


def test_the_file_and_its_folder_are_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "home" / "series" / "run.samples"
    SeriesFile(path).append("stdout", [loss(1)], Mark(10))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700


@on_one_file
@given(batches=batches_of_sources)
def test_what_was_appended_is_read_again(tmp_path: Path, batches: list[tuple[str, list[Sample]]]) -> None:
    file = fresh(tmp_path)
    for number, (source, batch) in enumerate(batches):
        assert file.append(source, batch, Mark(number, {"n": number}))
    stored = SeriesFile(file.path).load()
    assert repr(all_of(stored)) == repr([(source, sample) for source, batch in batches for sample in batch])
    assert stored.marks == {source: Mark(n, {"n": n}) for n, (source, _) in enumerate(batches)}
    assert {name: len(each) for name, each in stored.series().items()} == {
        name: sum(sample.metric == name for sample in stored.samples()) for name in stored.series()
    }
    assert sum(map(len, stored.series().values())) == stored.count


@on_one_file
@given(batches=batches_of_sources.filter(bool), data=st.data())
def test_a_file_cut_anywhere_gives_what_one_of_its_commits_covers(
    tmp_path: Path, batches: list[tuple[str, list[Sample]]], data: st.DataObject
) -> None:
    file = fresh(tmp_path)
    committed: dict[int, list[tuple[str, Sample]]] = {0: []}
    marks: dict[int, dict[str, int]] = {0: {}}
    for number, (source, batch) in enumerate(batches, 1):
        file.append(source, batch, Mark(number))
        committed[number] = committed[number - 1] + [(source, sample) for sample in batch]
        marks[number] = marks[number - 1] | {source: number}
    whole = file.path.read_bytes()
    file.path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    stored = SeriesFile(file.path).load()
    at = max((mark.offset for mark in stored.marks.values()), default=0)
    assert repr(all_of(stored)) == repr(committed[at])
    assert {source: mark.offset for source, mark in stored.marks.items()} == marks[at]

    # And it goes on from there.
    torn = SeriesFile(file.path)
    before = all_of(torn.load())
    assert torn.append("stdout", [loss(9)], Mark(99))
    again = SeriesFile(file.path).load()
    assert repr(all_of(again)) == repr([*before, ("stdout", loss(9))])
    assert again.marks["stdout"].offset == 99


@on_one_file
@given(noise=st.binary(min_size=1, max_size=200), at=st.integers(0, 800))
def test_a_damaged_file_gives_what_stands_before_the_damage(tmp_path: Path, noise: bytes, at: int) -> None:
    file = fresh(tmp_path)
    for step in range(5):
        file.append("stdout", [loss(step)], Mark(step))
    whole = file.path.read_bytes()
    file.path.write_bytes(whole[:at] + noise + whole[at + len(noise) :])
    found = steps(SeriesFile(file.path).load())
    assert found == list(range(len(found)))


def test_a_file_that_is_none_of_ours_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "run.samples"
    path.write_bytes(b"something else" * 10)
    file = SeriesFile(path)
    assert file.load().count == 0
    assert file.append("stdout", [loss(1)], Mark(10))
    assert steps(SeriesFile(path).load()) == [1]


def test_samples_after_the_last_commit_did_not_happen(tmp_path: Path) -> None:
    file = fresh(tmp_path)
    file.append("stdout", [loss(1)], Mark(10, {"at": 10}))
    size = file.path.stat().st_size
    with file.path.open("ab") as stream:
        stream.write(bytes(CELL + 7))
    again = SeriesFile(file.path)
    stored = again.load()
    assert (steps(stored), stored.marks) == ([1], {"stdout": Mark(10, {"at": 10})})
    again.append("stdout", [loss(2)], Mark(20))
    assert steps(SeriesFile(file.path).load()) == [1, 2]
    assert file.path.stat().st_size < size + 3 * CELL


def test_commits_stay_a_small_part_of_the_file(tmp_path: Path) -> None:
    file = fresh(tmp_path)
    state = {"large": "x" * 2_000}
    for step in range(1_000):
        file.append("stdout", [loss(step)], Mark(step, state))
    assert SeriesFile(file.path).load().count == 1_000
    assert file.path.stat().st_size < 40_000  # a thousand states would be two million


def test_a_long_file_keeps_a_commit_to_fall_back_to(tmp_path: Path) -> None:
    file = fresh(tmp_path)
    for step in range(300):
        file.append("stdout", [loss(step * 100 + n) for n in range(100)], Mark(step))
    whole = file.path.read_bytes()
    file.path.write_bytes(whole[:-1])
    kept = SeriesFile(file.path).load().count
    assert 0 < 30_000 - kept < 2 * KEEP / CELL


def test_a_writer_that_starts_again_keeps_the_same_commits(tmp_path: Path) -> None:
    steady, restarted = SeriesFile(tmp_path / "steady"), tmp_path / "restarted"
    for step in range(100):
        batch = [loss(step * 100 + n) for n in range(100)]
        steady.append("stdout", batch, Mark(step, {"s": step}))
        SeriesFile(restarted).append("stdout", batch, Mark(step, {"s": step}))
    assert restarted.read_bytes()[CELL:] == steady.path.read_bytes()[CELL:]


def test_a_second_writer_is_noticed_and_nothing_is_overwritten(tmp_path: Path) -> None:
    ours, theirs = SeriesFile(tmp_path / "run.samples"), SeriesFile(tmp_path / "run.samples")
    ours.append("stdout", [loss(1)], Mark(10))
    theirs.append("stdout", [loss(2)], Mark(20))
    assert ours.append("stdout", [loss(2)], Mark(20)) is False
    assert steps(ours.load()) == [1, 2]
    assert ours.append("stdout", [loss(3)], Mark(30)) is True


def test_writers_of_different_threads_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "run.samples"

    def write(source: str) -> None:
        file = SeriesFile(path)
        for step in range(40):
            while not file.append(source, [loss(step)], Mark(step)):
                file.load()

    writers = [threading.Thread(target=write, args=(f"{n}.csv",)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    stored = SeriesFile(path).load()
    assert {source: [each.step for each in stored.samples(source)] for source in ("0.csv", "1.csv", "2.csv")} == {
        f"{n}.csv": list(range(40)) for n in range(3)
    }


def test_reading_on_gives_what_came_since(tmp_path: Path) -> None:
    ours, theirs = SeriesFile(tmp_path / "run.samples"), SeriesFile(tmp_path / "run.samples")
    assert steps(ours.load()) == []
    for step in range(0, 9_000, 1_000):  # past commits that stay
        theirs.append("a.csv", [loss(step + n) for n in range(1_000)], Mark(step + 1_000))
        news = ours.read_on()
        assert news is not None
        assert (steps(news), news.start, news.count) == (list(range(step, step + 1_000)), step, step + 1_000)
        assert news.marks == {"a.csv": Mark(step + 1_000)}
    assert ours.append("a.csv", [loss(9_000)], Mark(9_001))
    news = ours.read_on()
    assert news is not None
    assert (news.samples(), news.count) == ([], 9_001)


def test_a_file_that_was_begun_anew_cannot_be_read_on(tmp_path: Path) -> None:
    ours, theirs = SeriesFile(tmp_path / "run.samples"), SeriesFile(tmp_path / "run.samples")
    ours.append("stdout", [loss(1)], Mark(10))
    theirs.drop("stdout")
    theirs.append("stdout", [loss(2)], Mark(10))
    assert ours.read_on() is None
    assert ours.append("stdout", [loss(3)], Mark(20)) is False
    assert steps(ours.load()) == [2]


def test_a_file_whose_last_commit_was_torn_cannot_be_read_on(tmp_path: Path) -> None:
    file = fresh(tmp_path)
    file.append("stdout", [loss(step) for step in range(2 * KEEP // CELL)], Mark(10))
    file.append("stdout", [loss(0.5)], Mark(20))
    file.append("stdout", [], Mark(30))  # in the place of the one before
    whole = file.path.read_bytes()
    file.path.write_bytes(whole[:-1])
    assert file.read_on() is None
    assert file.load().marks == {"stdout": Mark(10)}


def test_after_a_disk_failed_nobody_knows_what_is_new(tmp_path: Path) -> None:
    file = SeriesFile(tmp_path / "home" / "run.samples")
    file.append("stdout", [loss(1)], Mark(10))
    (tmp_path / "home").rename(tmp_path / "away")
    (tmp_path / "home").write_text("")
    with pytest.raises(OSError, match="home"):
        file.append("stdout", [loss(2)], Mark(20))
    (tmp_path / "home").unlink()
    (tmp_path / "away").rename(tmp_path / "home")
    assert file.read_on() is None
    assert steps(file.load()) == [1]
    assert file.append("stdout", [loss(2)], Mark(20))


def test_a_source_that_is_dropped_leaves_the_others(tmp_path: Path) -> None:
    file = fresh(tmp_path)
    for step in range(3):
        file.append("stdout", [loss(step)], Mark(step))
        file.append("a.csv", [Sample("acc", 0.1, step, "step")], Mark(step))
    assert file.drop("stdout")
    stored = SeriesFile(file.path).load()
    assert ([sample.metric for sample in stored.samples()], set(stored.marks)) == (["acc"] * 3, {"a.csv"})
    assert file.append("stdout", [loss(7)], Mark(7))
    assert [sample.step for sample in SeriesFile(file.path).load().samples("stdout")] == [7]


def test_what_was_complete_is_told(tmp_path: Path) -> None:
    file = fresh(tmp_path)
    file.append("stdout", [loss(1)], Mark(1))
    assert SeriesFile(file.path).load().complete is False
    file.append("stdout", [], Mark(1), complete=True)
    assert SeriesFile(file.path).load().complete is True


def test_one_name_in_several_sources_is_several_metrics(tmp_path: Path) -> None:
    file = fresh(tmp_path)
    file.append("a.csv", [loss(1)], Mark(1))
    assert list(file.load().series()) == ["loss"]
    file.append("stdout", [loss(2)], Mark(1))
    file.append("runs/val/events.out.tfevents.1", [loss(3)], Mark(1))
    file.append("runs/val/events.out.tfevents.2", [loss(4)], Mark(1))
    found = {name: each.steps.tolist() for name, each in file.load().series().items()}
    assert found == {"loss (a.csv)": [1], "loss": [2], "loss (val)": [3, 4]}


@pytest.fixture
def long(tmp_path: Path) -> SeriesFile:
    """A file of several pieces: a metric at each of 20,000 steps, and one at every thousandth."""
    file = fresh(tmp_path)
    for start in range(0, 20_000, 1000):
        value = {7_777: 99.0, 8_888: -99.0}
        many = [loss(step, value.get(step, step % 10)) for step in range(start, start + 1000)]
        file.append("stdout", [*many, Sample("val", start / 2, start, "step")], Mark(start))
    return SeriesFile(file.path, piece=2_500 * CELL)


def test_a_long_file_is_thinned_to_its_peaks_and_keeps_what_is_rare(long: SeriesFile) -> None:
    stored = long.load(2_000)
    series = stored.series()
    assert stored.count == 20_020
    assert len(stored.samples()) <= 3_000
    assert {-99.0, 99.0} <= set(series["loss"].values.tolist())
    assert series["val"].steps.tolist() == [*range(0, 20_000, 1000)]
    assert (series["loss"].steps[0], series["loss"].steps[-1]) == (0, 19_999)
    assert stored.marks == {"stdout": Mark(19_000)}


def test_what_was_read_in_pieces_is_what_was_read_at_once(long: SeriesFile) -> None:
    assert long.load(20_019).samples()[-1] == SeriesFile(long.path).load().samples()[-1]
    assert steps(SeriesFile(long.path).load(1_000_000)) == steps(SeriesFile(long.path).load())


def test_a_thinned_file_goes_on_where_it_ended(long: SeriesFile) -> None:
    other = SeriesFile(long.path)
    other.load(2_000)
    assert long.load(2_000).count == 20_020
    assert long.append("stdout", [loss(20_000)], Mark(20_000))
    assert not other.append("stdout", [loss(20_000)], Mark(20_000))
    news = other.read_on()
    assert news is not None
    assert (news.count, steps(news)) == (20_021, [20_000])
    assert SeriesFile(long.path).load().count == 20_021


def test_only_so_many_of_a_long_file_are_taken(long: SeriesFile) -> None:
    stored = long.load(2_000, 10_005)
    assert stored.count == 10_005
    assert stored.series()["loss"].steps[-1] < 10_000


def test_a_resume_replaces_in_a_thinned_file_what_it_replaces_in_the_whole_one(tmp_path: Path) -> None:
    file = fresh(tmp_path)
    file.append("stdout", [loss(step) for step in [*range(9_000), *range(4_321, 12_000)]], Mark(1))
    thin = file.load(1_000).series()["loss"]
    whole = file.load().series()["loss"]
    assert len(thin) < 3_000
    assert set(thin.current()[0].tolist()) <= set(whole.current()[0].tolist())
    before = thin.steps[thin.replaced[0]]
    assert before.min() >= 4_321
    assert before.max() == 8_999


def test_only_what_is_wanted_is_made_a_series(tmp_path: Path) -> None:
    file = fresh(tmp_path)
    file.append("stdout", [loss(1), Sample("acc", math.nan, 1, "epoch", None)], Mark(1))
    found = file.load().series(("acc",))
    assert list(found) == ["acc"]
    assert (found["acc"].index, math.isnan(found["acc"].walls[0])) == ("epoch", True)


def test_a_folder_that_cannot_be_written_is_an_error_and_not_silence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        SeriesFile(tmp_path / "file" / "run.samples").append("stdout", [], Mark())


@pytest.mark.parametrize("state", [{}, {"nested": {"a": [1, None, "x"]}}, {"sel": "\x00\xff€"}])
def test_the_state_travels_with_the_samples(tmp_path: Path, state: dict[str, Any]) -> None:
    SeriesFile(tmp_path / "run.samples").append("stdout", [loss(1)], Mark(123, state))
    assert SeriesFile(tmp_path / "run.samples").load().marks == {"stdout": Mark(123, state)}


OLD = """{"trainboard": "series", "version": 1}
{"m":0,"name":"loss","index":"step"}
[0,1,0.5,10.0]
[0,2,NaN,null]
{"offset":40,"state":{"extractor":{"version":1,"x":2},"finished":%s}}
[0,3,0.25,10.0]
"""


@pytest.mark.parametrize("finished", [True, False])
def test_a_file_of_the_first_version_is_read_once_and_rewritten(tmp_path: Path, finished: bool) -> None:
    old = tmp_path / "run.series"
    old.write_text(OLD % json.dumps(finished))
    for _ in range(2):
        stored = SeriesFile(tmp_path / "run.samples").load()
        assert repr(stored.samples()) == repr([loss(1), Sample("loss", math.nan, 2.0, "step", None)])
        assert stored.marks == {"stdout": Mark(40, {"reader": {"version": 1, "x": 2}})}
        assert stored.complete is finished
        assert not old.exists()


@on_one_file
@given(cut=st.integers(0, len(OLD)))
def test_an_old_file_that_was_cut_is_read_up_to_its_last_commit(tmp_path: Path, cut: int) -> None:
    (tmp_path / "run.series").write_text((OLD % "true")[:cut])
    file = fresh(tmp_path)
    stored = file.load()
    assert steps(stored) == ([1, 2] if stored.marks else [])
    assert file.append("stdout", [loss(3)], Mark(50))
    assert steps(SeriesFile(file.path).load()) == [*steps(stored), 3]
