"""Samples line by line: they are the single ones, and in columns they give the same series and the same file."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from trainboard.extract import Extractor
from trainboard.samples import Line, Samples
from trainboard.series import Sample, Series, by_metric
from trainboard.seriesfile import SeriesFile
from trainboard.stored import Mark

ONE: Line = (("loss", "acc"), ("step", 1.0), 10.0)
TWO: Line = (("loss",), ("epoch", 1.5), None)
BOTH = Samples([ONE, TWO], [0.5, 1, 0.25])
SINGLE = [
    Sample("loss", 0.5, 1.0, "step", 10.0),
    Sample("acc", 1.0, 1.0, "step", 10.0),
    Sample("loss", 0.25, 1.5, "epoch", None),
]


@st.composite
def many(draw: st.DrawFn) -> Samples:
    kinds = st.lists(st.sampled_from("abcde"), min_size=1, max_size=4, unique=True).map(tuple)
    index = st.tuples(st.sampled_from(("", "step", "epoch")), st.floats(0, 100))
    lines: list[Line] = draw(st.lists(st.tuples(kinds, index, st.none() | st.floats(0, 1e9)), max_size=60))
    count = sum(len(line[0]) for line in lines)
    value = st.floats(allow_nan=False) | st.integers(-1000, 1000)
    return Samples(lines, draw(st.lists(value, min_size=count, max_size=count)))


def test_samples_are_the_single_ones_in_their_order() -> None:
    assert list(BOTH) == SINGLE
    assert [type(sample.value) for sample in BOTH] == [float] * 3
    assert len(BOTH) == 3
    assert SINGLE == BOTH
    assert tuple(SINGLE) == BOTH
    assert SINGLE[:2] != BOTH
    assert BOTH.metrics == ["loss", "acc"]


def test_one_or_some_of_them_can_be_asked_for() -> None:
    assert BOTH[0] == SINGLE[0]
    assert BOTH[-1] == SINGLE[-1]
    assert BOTH[1:] == SINGLE[1:]
    assert BOTH[:] is BOTH
    assert not Samples()


def test_a_list_that_they_are_added_to_stays_the_same_list() -> None:
    samples = kept = list(SINGLE)
    samples += BOTH
    assert kept is samples == SINGLE * 2


def test_names_and_times_can_be_others() -> None:
    assert [sample.metric for sample in BOTH.renamed(str.upper)] == ["LOSS", "ACC", "LOSS"]
    assert [sample.wall for sample in BOTH.seen_at(10.0, None)] == [None, None, None]
    assert BOTH.seen_at(11.0, None) == BOTH


def test_a_log_gives_one_entry_for_each_line() -> None:
    samples = Extractor().feed(b"".join(b"step %d loss=0.%d acc=0.5 lr=0.1\n" % (i, i) for i in range(1, 50)))
    assert isinstance(samples, Samples)
    assert len(samples.lines) == 49
    assert len(samples) == 3 * 49


@settings(max_examples=50, deadline=None)
@given(many(), many())
def test_series_of_them_are_those_of_the_single_ones(before: Samples, samples: Samples) -> None:
    whole, single = by_metric(samples, by_metric(before)), by_metric(list(samples), by_metric(list(before)))
    assert list(whole) == list(single)
    for name, found in whole.items():
        assert (found.index, found.min, found.max) == (single[name].index, single[name].min, single[name].max)
        assert _columns(found) == _columns(single[name])


def _columns(series: Series) -> str:
    return repr([column.tolist() for column in (series.steps, series.values, series.walls)])


@settings(max_examples=25, deadline=None)
@given(st.lists(many(), min_size=1, max_size=3))
def test_a_file_holds_them_as_it_holds_single_ones(pieces: list[Samples]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        whole, single = SeriesFile(Path(folder) / "whole"), SeriesFile(Path(folder) / "single")
        for place, samples in enumerate(pieces):
            assert whole.append("log", samples, Mark(place))
            assert single.append("log", list(samples), Mark(place))
        found = SeriesFile(whole.path).load()
        assert found.samples() == [sample for samples in pieces for sample in samples]
        assert found.samples() == SeriesFile(single.path).load().samples()
        assert {of for of, _ in found.tables.metrics} <= {"log"}
