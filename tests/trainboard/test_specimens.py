"""Texts, pictures and sounds are read, and what is wrong with them is told."""

from __future__ import annotations

import io
import json
import struct
import sys
import wave
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tensorboardX import SummaryWriter
from tensorboardX.proto.summary_pb2 import Summary

from trainboard.specimens import (
    Picture,
    Sound,
    Text,
    Unreadable,
    as_pixels,
    by_step,
    has_many,
    read_specimens,
    resized,
)

if TYPE_CHECKING:
    from pathlib import Path

    from trainboard.specimens import Body


def only(path: str, data: bytes, *, cut: bool = False) -> Body:
    (found,) = read_specimens(path, data, cut=cut)
    return found.body


def png(values: np.ndarray[Any, Any], mode: str | None = None) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(values)
    (image.convert(mode) if mode else image).save(file, "PNG")
    return file.getvalue()


def npy(values: np.ndarray[Any, Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def wav(levels: bytes, wide: int = 2, channels: int = 1, rate: int = 8000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(wide)
        out.setframerate(rate)
        out.writeframes(levels)
    return file.getvalue()


COLOURS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]]], np.uint8)


def test_a_text_is_a_sample_with_the_step_of_its_name() -> None:
    (found,) = read_specimens("samples/step_100.txt", "ünce upon\r\na time\n".encode())
    assert (found.step, found.body) == (100, Text("ünce upon\na time"))
    assert only("a.txt", b"half of", cut=True) == Text("half of\n…")
    assert isinstance(only("a.txt", b"\x80\x00\x01"), Unreadable)


def test_lines_of_texts_are_put_together_by_step() -> None:
    lines = [{"step": 2, "text": "b"}, {"step": 1, "prompt": "He", "samples": ["a", "c"]}, {"loss": 1}, [3]]
    data = "\n".join(map(json.dumps, lines)) + '\n{"step": 3, "te'
    found = by_step(read_specimens("samples.jsonl", data.encode()))
    assert {step: [each.body for each in several] for step, several in found.items()} == {
        None: [Unreadable("line 5 is torn, or still being written")],
        1: [Text("a"), Text("c")],
        2: [Text("b")],
    }
    assert found[1][0].name == "He"
    assert has_many("a/samples.jsonl")
    assert not has_many("a/step_1.txt")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA", "1"])
def test_pictures_of_every_kind_are_decoded(mode: str) -> None:
    body = only("a.png", png(np.kron(COLOURS, np.ones((4, 4, 1), np.uint8)), mode))
    assert isinstance(body, Picture)
    assert (body.width, body.height, body.pixels.shape) == (8, 8, (8, 8, 3))
    if mode in ("RGB", "RGBA", "P"):
        assert body.pixels[0, 0].tolist() == [255, 0, 0]


def test_sixteen_bits_keep_their_order_and_what_is_transparent_is_grey() -> None:
    deep = only("a.png", png(np.array([[0, 65535, 30000]], np.uint16)))
    assert isinstance(deep, Picture)
    assert deep.pixels[0, :, 0].tolist() == [0, 255, 116]
    clear = only("a.png", png(np.array([[[255, 0, 0, 0], [255, 0, 0, 255]]], np.uint8)))
    assert isinstance(clear, Picture)
    assert clear.pixels[0].tolist() == [[128, 128, 128], [255, 0, 0]]


def bomb(width: int, height: int) -> bytes:
    """The head of a picture that is said to be so large."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def test_a_picture_that_would_fill_the_memory_is_refused_before_it_is_decoded() -> None:
    assert only("a.png", bomb(10_000, 10_000)) == Unreadable(
        "10000×10000 is more than the 50 million pixels drawn here"
    )
    assert isinstance(only("a.png", bomb(1_000_000, 1_000_000)), Unreadable)


def test_a_large_picture_is_made_smaller() -> None:
    body = only("a.png", png(np.zeros((1500, 3000), np.uint8)))
    assert isinstance(body, Picture)
    assert (body.width, body.height, body.pixels.shape) == (3000, 1500, (256, 512, 3))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_picture_that_is_torn_says_so(share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    whole = png(noise)
    body = only("a.png", whole[: int(len(whole) * share)])
    assert isinstance(body, Unreadable)
    assert "still being written" in body.why


def test_what_only_has_the_name_of_a_picture_says_so() -> None:
    assert only("a.png", b"hello") == Unreadable("it is no PNG, JPEG or GIF, whatever its name says")


def test_without_pillow_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    data = png(COLOURS)
    monkeypatch.setitem(sys.modules, "PIL", None)  # an import, which nothing can be handed for
    assert only("a.png", data) == Unreadable("pictures need Pillow: pip install 'trainboard[pictures]'")


@pytest.mark.parametrize(
    ("shape", "count", "size"),
    [
        ((6, 5), 1, (5, 6)),
        ((6, 5, 3), 1, (5, 6)),
        ((3, 6, 5), 1, (5, 6)),
        ((7, 6, 5), 7, (5, 6)),
        ((2, 6, 5, 1), 2, (5, 6)),
        ((2, 3, 6, 5), 2, (5, 6)),
    ],
)
@pytest.mark.parametrize("kind", ["u1", "<f4", ">f8", "<f2", "?", "<i2"])
def test_arrays_of_every_usual_shape_are_pictures(
    shape: tuple[int, ...], count: int, size: tuple[int, int], kind: str
) -> None:
    values = (np.arange(np.prod(shape)).reshape(shape) % 2).astype(kind)
    found = read_specimens("a.npy", npy(np.asfortranarray(values)))
    assert len(found) == count
    for each in found:
        assert isinstance(each.body, Picture)
        assert (each.body.width, each.body.height) == size
    last = found[-1].body
    assert isinstance(last, Picture)
    assert last.pixels.max() == (1 if kind == "u1" else 255)


def test_values_are_scaled_by_their_range_and_those_that_are_not_finite_are_counted() -> None:
    assert as_pixels(np.array([[[0.0], [0.5]]]))[0][0, :, 0].tolist() == [0, 128]
    assert as_pixels(np.array([[[-1.0], [1.0]]]))[0][0, :, 0].tolist() == [0, 255]
    assert as_pixels(np.array([[[10.0], [30.0]]]))[0][0, :, 0].tolist() == [0, 255]
    (found,) = read_specimens("a.npy", npy(np.array([[0.5, np.nan, np.inf]])))
    assert isinstance(found.body, Picture)
    assert found.body.about == "float64, 2 values are not finite"


class Evil:
    """Would be known if it were ever loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("loaded",)


def test_a_pickle_is_never_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    body = only("a.npy", npy(np.array([Evil()], dtype=object)))
    assert isinstance(body, Unreadable)
    assert "object" in body.why
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no NPY file"),
        (b"\x93NUMPY\x01\x00", "no NPY file"),
        (npy(np.zeros((40, 40)))[:500], "torn"),
        (npy(np.zeros((4, 4)))[:128].replace(b"(4, 4), }", b"(99999999, 9999999), }"), "NPY|torn"),
        (npy(np.zeros(4)), "an array of 4 numbers is no picture"),
        (npy(np.zeros((0, 4))), "it is empty"),
        (npy(np.zeros((4, 4), complex)), "only whole and real numbers"),
    ],
)
def test_arrays_that_are_no_pictures_say_why(data: bytes, why: str) -> None:
    body = only("a.npy", data)
    assert isinstance(body, Unreadable)
    assert any(each in body.why for each in why.split("|"))


def test_a_size_is_met_by_means_or_by_the_nearest() -> None:
    assert resized(COLOURS, 1, 1)[0, 0].tolist() == pytest.approx([66, 66, 66], abs=1)
    assert resized(COLOURS, 4, 2)[0, :, 0].tolist() == [255, 255, 0, 0]


@pytest.mark.parametrize(
    ("wide", "levels"),
    [
        (1, b"\x80\xff\x80\x00"),
        (2, b"\0\0\xff\x7f\0\0\0\x80"),
        (3, b"\0\0\0\xff\xff\x7f\0\0\0\0\0\x80"),
        (4, b"\0\0\0\0\xff\xff\xff\x7f\0\0\0\0\0\0\0\x80"),
    ],
)
def test_a_sound_has_its_length_and_how_loud_it_is(wide: int, levels: bytes) -> None:
    body = only("a.wav", wav(levels, wide, rate=2))
    assert isinstance(body, Sound)
    assert (body.seconds, body.rate, body.channels, body.bits) == (2.0, 2, 1, 8 * wide)
    assert body.envelope == pytest.approx((0, 1, 0, 1), abs=0.01)


def test_a_long_sound_in_stereo_keeps_its_loudest_moments() -> None:
    levels = np.zeros((100_000, 2), "<i2")
    levels[77_777, 1] = -32768
    body = only("a.wav", wav(levels.tobytes(), 2, 2))
    assert isinstance(body, Sound)
    assert len(body.envelope) == 2000
    assert max(body.envelope) == 1.0
    assert body.seconds == 12.5


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF\x24\0\0\0WAVE",
        wav(b"\0" * 20)[:30],
        wav(b""),
        wav(b"\0" * 20).replace(b"\x01\x00\x01\x00", b"\x03\x00\x01\x00", 1),  # floating point
        wav(b"\0" * 20).replace(b"\x01\x00\x01\x00", b"\x01\x00\x00\x00", 1),  # no channels
    ],
)
def test_sounds_of_odd_formats_say_what_is_read(data: bytes) -> None:
    assert isinstance(only("a.wav", data), Unreadable)


def test_texts_pictures_and_sounds_of_tensorboard_are_found(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("loss", 1.0, 1)
        writer.add_text("story", "once upon", 5)
        writer.add_image("digit", np.moveaxis(COLOURS, 2, 0), 5)
        sound = Summary.Audio(encoded_audio_string=wav(b"\0\x10" * 8000))
        writer._get_file_writer().add_summary(Summary(value=[Summary.Value(tag="tone", audio=sound)]), 6)
    (file,) = tmp_path.iterdir()
    found = read_specimens(file.name, file.read_bytes())
    assert [(each.step, type(each.body)) for each in found] == [(5, Text), (5, Picture), (6, Sound)]
    assert found[0].body == Text("once upon")
    assert found[1].name == "digit"
    assert isinstance(found[2].body, Sound)
    assert found[2].body.seconds == pytest.approx(1.0)
    torn = read_specimens(file.name, file.read_bytes()[:-50])
    assert torn[:2] != []


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=200), st.sampled_from([".png", ".npy", ".wav", ".jsonl", ".txt", "tfevents.1"]), st.booleans()
)
def test_no_file_is_too_odd(data: bytes, end: str, cut: bool) -> None:
    heads = {".png": b"\x89PNG\r\n\x1a\n", ".npy": b"\x93NUMPY\x01\x00", ".wav": b"RIFF\xff\0\0\0WAVEfmt "}
    for head in (b"", heads.get(end, b"")):
        assert read_specimens(f"a{end}", head + data, cut=cut)
