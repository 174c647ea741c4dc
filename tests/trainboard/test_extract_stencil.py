"""Lines that differ in their digits alone, and times that are written alike, are read as the first of them was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from trainboard.extract import Extractor, tables
from trainboard.extract.recipe import NOTHING
from trainboard.extract.shape import FINITE
from trainboard.extract.stamps import Clock, Stamp, seconds
from trainboard.extract.stencil import INERT, STENCILS_CAP, Stencils, outlines_of

if TYPE_CHECKING:
    from trainboard.series import Sample


def known(*lines: bytes) -> Stencils:
    stencils = Stencils()
    for line, outline in zip(lines, outlines_of(lines), strict=True):
        stencils.keep(outline, line, FINITE.split(line), NOTHING)
    return stencils


def test_lines_that_differ_in_their_digits_have_one_outline() -> None:
    one, other, longer = outlines_of([b"step 12 loss 0.5", b"step 90 loss 7.1", b"step 100 loss 0.5"])
    assert one == other != longer


def test_a_line_that_says_nothing_is_inert_whatever_its_digits_are() -> None:
    stencils = known(b"read 12 files from 3 shards")
    (outline,) = outlines_of([b"read 98 files from 7 shards"])
    assert stencils.known[outline] is INERT


def test_digits_of_a_name_tell_the_variants_of_an_outline_apart() -> None:
    stencils = known(b"top1 is 12", b"top5 is 34")
    (outline,) = outlines_of([b"top1 is 12"])
    variants = stencils.known[outline]
    first, fifth = variants.of(b"top1 is 99"), variants.of(b"top5 is 99")
    assert first is not None
    assert fifth is not None
    assert first is not fifth
    assert variants.of(b"top3 is 99") is None


def test_a_line_is_worth_a_stencil_when_its_outline_comes_again() -> None:
    stencils = Stencils()
    assert stencils.is_new(b"step 0")
    assert not stencils.is_new(b"step 0")


def test_names_with_a_zero_that_head_no_table_do_not_hide_names_with_another_digit_that_do() -> None:
    log = ["epoch 1", *["f0, aa, bb"] * 3, "f1, aa, bb", *["some text"] * 3, "0.25, 0.5, 0.75"]
    assert [sample.metric for sample in read(log, anew=False)] == ["f1", "aa", "bb"]


def test_ever_new_outlines_take_bounded_memory() -> None:
    stencils = Stencils()
    for length in range(3 * STENCILS_CAP):
        stencils.keep_inert(b"%x" % length)
    assert len(stencils.known) <= STENCILS_CAP


value = st.sampled_from(["0.5", "0.7", "12", "99", "nan", "1e-3", "3.25", "1,234.5", "N/A"])
line = st.one_of(
    st.builds("epoch {} top1 {} top5 {}".format, st.integers(0, 12), value, value),
    st.builds("[rank{}] step {} loss={}".format, st.integers(0, 2), st.integers(0, 120), value),
    st.builds("Iteration {}, lr = {}".format, st.integers(0, 120), value),
    st.builds("    Train net output #{}: loss = {}".format, st.integers(0, 2), value),
    st.builds(
        "2024-05-01 1{}:0{}:07,125 step {}: acc: {}".format, *[st.integers(0, 9)] * 2, st.integers(0, 9), value
    ),
    st.builds("{} {} {}".format, st.integers(0, 12), value, value),
    st.sampled_from(["", "Validation:", "epoch  loss  acc", "epoch,loss,acc", "conv2d_1 saved", "| a | b | c | d |"]),
)


def read(lines: list[str], *, anew: bool) -> list[Sample]:
    """The samples of lines, one by one; `anew`: by an extractor that has read no other line of the shape."""
    log = "".join(f"{text}\n" for text in lines).encode()
    samples: list[Sample] = []
    extractor, fed = Extractor(), 0
    for end in (place + 1 for place, byte in enumerate(log) if byte == ord("\n")):
        if anew:
            extractor = Extractor.restore(extractor.state())
            fed = extractor.offset
        samples += extractor.feed(log[fed:end])
        fed = end
    return samples


@settings(deadline=None, max_examples=40)
@given(st.lists(line, min_size=1, max_size=30))
def test_what_was_read_before_makes_no_difference_to_how_a_line_is_read(lines: list[str]) -> None:
    # Where a table is open, a line that was foreseen may win over its rows: that is remembered for speed alone.
    calm = [text for text in lines if not text.startswith(("epoch ", "epoch,", "|")) or "top1" in text]
    assert repr(read(calm * 3, anew=False)) == repr(read(calm * 3, anew=True))


@given(st.lists(st.integers(0, 10**8), min_size=1, max_size=30), st.sampled_from([b"", b"Z", b"+02:00"]))
def test_a_clock_tells_the_time_that_its_token_tells(moments: list[int], zone: bytes) -> None:
    clock, stamp = Clock(), Stamp(0, zone=zone)
    for moment in moments:
        minutes, milliseconds = divmod(moment, 60_000)
        hours, minute = divmod(minutes, 60)
        token = b"2024-05-%02d %02d:%02d:%02d,%03d" % (
            1 + hours // 24 % 28, hours % 24, minute, milliseconds // 1000, milliseconds % 1000,
        )  # fmt: skip
        assert clock.time(stamp, (token,), None) == seconds(stamp, (token,), None)


def test_a_row_of_numbers_is_not_looked_at_as_a_header() -> None:
    tables.header.cache_clear()
    assert tables.headed(b"1 0.5 0.7") == ()
    assert tables.header.cache_info().misses == 0


def test_a_header_in_quotes_or_between_bars_is_found_above_a_row() -> None:
    assert [table.cells(b"1,0.5,0.7") for table in tables.headed(b'"epoch","loss","acc"')] == [
        [b"1", b"0.5", b"0.7", b""]
    ]
    assert [table.cells(b"| 1 | 0.5 |") for table in tables.headed(b"| epoch | loss |")] == [[b"1", b"0.5", b""]]
