"""What a model made as it was trained, to look at: texts, small pictures, sounds. Nothing of a file is executed."""

from __future__ import annotations

import io
import json
import math
import re
import warnings
import wave
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from trainboard.outputs import SAMPLED, step_of
from trainboard.sequences import STEP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
    Reader = Callable[[bytes, str, int | None, bool], Iterable["Specimen"]]

LONGEST = 200_000
"""Characters of one text that are kept."""
PIXELS = 50_000_000
"""Of a picture at most: decoding takes four bytes for each."""
SIDE = 512
"""Pixels of a side that are kept: a terminal has no more."""
MOST = 256
"""Pictures, texts and sounds of one file that are read."""
BUCKETS = 2000
"""Of an envelope."""


@dataclass(frozen=True, slots=True)
class Text:
    """Untrusted."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Made smaller, where it is large."""

    pixels: Pixels
    """Rows × columns × red, green, blue."""
    width: int
    height: int
    """As it is in the file."""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Sound:
    """Its length and how loud it is."""

    seconds: float
    rate: int
    channels: int
    bits: int
    envelope: tuple[float, ...]
    """The loudest of each stretch, over all channels, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why it cannot be shown, in one line."""

    why: str


Body = Text | Picture | Sound | Unreadable


@dataclass(frozen=True, slots=True)
class Specimen:
    """One of them."""

    name: str
    """The file's, or the tag's; untrusted."""
    step: int | None
    body: Body


def read_specimens(path: str, data: bytes, *, cut: bool = False) -> list[Specimen]:
    """What a file has, by how it is called; `cut`: it is larger than what was read. For a thread."""
    name, step = path.rpartition("/")[2], step_of(path)
    for pattern, read in READERS.items():
        if re.search(pattern, path.lower()):
            return _taken(read, data, name, step, cut)
    return _taken(_text, data, name, step, cut)


def _taken(read: Reader, data: bytes, name: str, step: int | None, cut: bool) -> list[Specimen]:
    try:
        found = list(islice(read(data, name, step, cut), MOST + 1))
    except _Bad as error:
        return [Specimen(name, step, Unreadable(str(error)))]
    if len(found) > MOST:
        found[MOST:] = [Specimen(name, step, Unreadable(f"the first {MOST} of this file are shown"))]
    return found or [Specimen(name, step, Unreadable("there is nothing in it to look at"))]


def has_many(path: str) -> bool:
    """Whether one file may have several steps."""
    return re.search(r"\.(jsonl|ndjson)$|tfevents", path.lower()) is not None


class _Bad(Exception):
    """One line that says why a file cannot be shown."""


def _text(data: bytes, name: str, step: int | None, cut: bool) -> Iterator[Specimen]:
    if b"\0" in data[:4096]:
        raise _Bad("it is no text, and of no kind that is shown here")
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n")
    more = "\n…" if cut or len(text) > LONGEST else ""
    yield Specimen(name, step, Text(text[:LONGEST].rstrip("\n") + more))


def _lines(data: bytes, name: str, step: int | None, cut: bool) -> Iterator[Specimen]:
    """A text a line: `{"step": 100, "text": "…"}`."""
    parts = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    for number, line in enumerate(parts):
        if not line.strip() or (cut and number == len(parts) - 1):
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            torn = "torn, or still being written" if number == len(parts) - 1 else "no JSON"
            yield Specimen(name, step, Unreadable(f"line {number + 1} is {torn}"))
            continue
        if isinstance(found, dict):
            yield from _texts_of(found, name, step)


def _texts_of(line: Mapping[str, Any], name: str, step: int | None) -> Iterator[Specimen]:
    told = next((line[key] for key in STEP if key in line), None)
    at = int(told) if isinstance(told, int | float) and math.isfinite(told) else step
    title = str(line.get("name") or line.get("prompt") or line.get("tag") or name)[:80]
    text = next((line[key] for key in line if key.lower() in SAMPLED), None)
    for each in text if isinstance(text, list) else [text]:
        if isinstance(each, str):
            yield Specimen(title, at, Text(each[:LONGEST]))


def _picture(data: bytes, name: str, step: int | None, cut: bool) -> Iterator[Specimen]:
    if cut:
        raise _Bad("the file is too large to be a picture for a terminal")
    yield Specimen(name, step, decoded(data))


def decoded(data: bytes) -> Picture | Unreadable:
    """A picture as PNG, JPEG or GIF: the first of several."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        return Unreadable("pictures need Pillow: pip install 'trainboard[pictures]'")
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # our own limit is a lower one
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "GIF")) as image:
            width, height = image.size
            if width * height > PIXELS:
                return Unreadable(
                    f"{width}×{height} is more than the {PIXELS // 1_000_000} million pixels drawn here"
                )
            about = f"{image.format} {image.mode}"
            if image.mode.startswith(("I", "F")):
                values = np.asarray(image, np.float64)
                top = 65535.0 if values.max(initial=0.0) <= 65535 else float(values.max())
                shown = smaller(np.repeat((values / top * 255).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2))
            else:
                image.thumbnail((SIDE, SIDE))
                shown = _over_grey(np.asarray(image.convert("RGBA")))
    except (UnidentifiedImageError, Image.DecompressionBombError):
        return Unreadable("it is no PNG, JPEG or GIF, whatever its name says")
    except (OSError, ValueError, SyntaxError, IndexError, EOFError) as error:  # what Pillow says of damaged files
        return Unreadable(f"damaged, or still being written: {' '.join(str(error).split())[:120]}")
    return Picture(shown, width, height, about)


def _over_grey(pixels: Pixels) -> Pixels:
    """What is transparent lets a middle grey through."""
    alpha = pixels[..., 3:].astype(np.uint16)
    mixed: Pixels = ((pixels[..., :3] * alpha + 128 * (255 - alpha)) // 255).astype(np.uint8)
    return mixed


def _array(data: bytes, name: str, step: int | None, cut: bool) -> Iterator[Specimen]:
    """Pictures in NumPy's format: one or many, grey or in colour, channels first or last."""
    values = array_of(data, cut=cut)
    pictures = as_pictures(values)
    for number, each in enumerate(pictures[:MOST]):
        title = name if len(pictures) == 1 else f"{name} {number + 1}/{len(pictures)}"
        pixels, odd = as_pixels(each)
        about = f"{values.dtype}" + (f", {odd} values are not finite" if odd else "")
        yield Specimen(title, step, Picture(smaller(pixels), each.shape[1], each.shape[0], about))


def array_of(data: bytes, *, cut: bool = False) -> NDArray[Any]:
    """The numbers of an NPY file; no object is ever made of it, and no more memory taken than it has bytes."""
    file = io.BytesIO(data)
    formats = np.lib.format
    try:
        version = formats.read_magic(file)
        read = formats.read_array_header_1_0 if version == (1, 0) else formats.read_array_header_2_0
        shape, _, dtype = read(file)
    except (ValueError, UnicodeDecodeError, EOFError) as error:
        raise _Bad(f"no NPY file, or a damaged one: {' '.join(str(error).split())[:80]}") from error
    if dtype.hasobject or dtype.kind not in "biuf":
        raise _Bad(f"holds {dtype}: only whole and real numbers are read")
    wanted = math.prod(shape) * dtype.itemsize
    if cut or wanted > len(data) - file.tell():
        raise _Bad("too large to be a picture, torn, or still being written")
    file.seek(0)
    return np.asarray(np.load(file, allow_pickle=False))


def as_pictures(values: NDArray[Any]) -> list[NDArray[Any]]:
    """Each rows × columns × channels. Raises where the shape is none of pictures."""
    if values.size == 0:
        raise _Bad("it is empty")
    if values.ndim == 2:
        return [values[..., None]]
    if values.ndim == 3 and values.shape[2] in (1, 3, 4):
        return [values]
    if values.ndim == 3 and values.shape[0] in (1, 3):
        return [np.moveaxis(values, 0, 2)]
    if values.ndim == 3:
        return [each[..., None] for each in values]
    if values.ndim == 4 and values.shape[3] in (1, 3, 4):
        return list(values)
    if values.ndim == 4 and values.shape[1] in (1, 3):
        return [np.moveaxis(each, 0, 2) for each in values]
    raise _Bad(f"an array of {'×'.join(map(str, values.shape)) or 'no'} numbers is no picture")


def as_pixels(values: NDArray[Any]) -> tuple[Pixels, int]:
    """From 0 to 255, in colour, and how many values are not finite: bytes as they are, 0 to 1, -1 to 1, else by the
    range that there is."""
    odd = 0
    if values.dtype == np.uint8:
        levels = values
    else:
        real = values.astype(np.float64)
        finite = np.isfinite(real)
        odd = int((~finite).sum())
        low, high = (float(real[finite].min()), float(real[finite].max())) if finite.any() else (0.0, 1.0)
        if low >= 0 and high <= 1:
            low, high = 0.0, 1.0
        elif low >= -1 and high <= 1:
            low, high = -1.0, 1.0
        scaled = (np.where(finite, real, low) - low) / (high - low if high > low else 1.0)
        levels = (scaled * 255).round().astype(np.uint8)
    if levels.shape[2] == 4:
        return _over_grey(levels), odd
    return np.ascontiguousarray(np.broadcast_to(levels, (*levels.shape[:2], 3))), odd


def smaller(pixels: Pixels, side: int = SIDE) -> Pixels:
    """At most so many pixels a side."""
    height, width = pixels.shape[:2]
    share = min(1.0, side / max(width, height))
    return pixels if share == 1 else resized(pixels, max(1, round(width * share)), max(1, round(height * share)))


def resized(pixels: Pixels, width: int, height: int) -> Pixels:
    """Another size: the mean of what falls together, or the nearest."""
    for axis, wanted in ((0, height), (1, width)):
        there = pixels.shape[axis]
        if wanted < there:
            starts = np.arange(wanted) * there // wanted
            counts = np.diff(np.append(starts, there))
            total = np.add.reduceat(pixels.astype(np.uint32), starts, axis=axis)
            shape = [1, 1, 1]
            shape[axis] = wanted
            pixels = (total // counts.reshape(shape)).astype(np.uint8)
        elif wanted > there:
            pixels = np.take(pixels, np.arange(wanted) * there // wanted, axis=axis)
    return pixels


def _sound(data: bytes, name: str, step: int | None, cut: bool) -> Iterator[Specimen]:
    yield Specimen(name, step, heard(data, cut=cut))


def heard(data: bytes, *, cut: bool = False) -> Sound | Unreadable:
    """A sound as WAV with whole numbers (PCM)."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            channels, wide, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            told = file.getnframes()
            frames = file.readframes(min(told, len(data)))
    except (wave.Error, EOFError, RuntimeError, ValueError) as error:
        return Unreadable(
            f"no WAV that can be read: {str(error) or 'it ends too soon'}; PCM is read, no float or ADPCM"
        )
    if not 1 <= wide <= 4 or rate < 1:
        return Unreadable(f"{8 * wide} bits at {rate} Hz: PCM of 8 to 32 bits is read")
    whole = len(frames) // (wide * channels) * wide * channels
    if not whole:
        return Unreadable("it has no sound in it, or is still being written")
    levels = _levels(frames[:whole], wide)
    seconds = (told if cut else whole // (wide * channels)) / rate
    return Sound(seconds, rate, channels, 8 * wide, envelope(levels, channels))


def _levels(frames: bytes, wide: int) -> NDArray[np.float64]:
    """From -1 to 1."""
    if wide == 1:
        return (np.frombuffer(frames, np.uint8).astype(np.float64) - 128) / 128
    if wide == 3:
        parts = np.frombuffer(frames, np.uint8).reshape(-1, 3).astype(np.int32)
        values = parts[:, 0] | parts[:, 1] << 8 | parts[:, 2] << 16
        return np.where(values >= 1 << 23, values - (1 << 24), values) / float(1 << 23)
    whole = np.frombuffer(frames, {2: "<i2", 4: "<i4"}[wide])
    return np.asarray(whole / float(1 << (8 * wide - 1)), np.float64)


def envelope(levels: NDArray[np.float64], channels: int) -> tuple[float, ...]:
    """The loudest of each of at most `BUCKETS` stretches."""
    loud = np.abs(levels).reshape(-1, channels).max(axis=1)
    count = min(BUCKETS, len(loud))
    starts = np.arange(count) * len(loud) // count
    return tuple(np.maximum.reduceat(loud, starts).tolist())


def _events(data: bytes, name: str, step: int | None, cut: bool) -> Iterator[Specimen]:
    """Texts, pictures and sounds of TensorBoard's summaries."""
    from trainboard.sources.summaries import specimens

    yield from specimens(data)


READERS: Mapping[str, Reader] = {
    r"\.(jsonl|ndjson)$": _lines,
    r"\.(png|jpe?g|gif)$": _picture,
    r"\.npy$": _array,
    r"\.wav$": _sound,
    r"tfevents": _events,
}
"""By what is found in the path; everything else is a text."""


def by_step(found: Sequence[Specimen]) -> dict[int | None, list[Specimen]]:
    """In the order of the steps."""
    steps = sorted({each.step for each in found}, key=lambda step: (step is not None, step or 0))
    return {step: [each for each in found if each.step == step] for step in steps}
