"""The text of a file, packed or not, line by line; whatever is in it."""

import codecs
import gzip
import io
import zlib
from typing import Any, BinaryIO, Dict, Iterator, List, Tuple

from backends.predictions.refused import Refused

Buffer = Any

LONGEST = 8 << 20
"""Bytes of one line."""

KINDS = (
    (b"\x80\x02", "a pickle, which is never loaded"),
    (b"\x80\x03", "a pickle, which is never loaded"),
    (b"\x80\x04", "a pickle, which is never loaded"),
    (b"\x80\x05", "a pickle, which is never loaded"),
    (b"PK\x03\x04", "a ZIP archive (as torch.save and numpy.savez write)"),
    (b"\x93NUMPY", "an array of numpy"),
    (b"\x89HDF", "an HDF5 file"),
    (b"ARROW1", "a Feather file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
    (b"BZh", "packed by bzip2"),
    (b"\xfd7zXZ", "packed by xz"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd"),
)
"""How files begin that are read by nobody here."""

ADVICE = "write a table: CSV with a header, JSON lines or Parquet"


class Guard(io.RawIOBase):
    """The bytes of a file: a line must end at some time, and what is packed may be torn."""

    def __init__(self, file: BinaryIO, packed: bool) -> None:
        self.file = gzip.GzipFile(fileobj=file) if packed else file  # type: Any
        self.read_some = getattr(self.file, "read1" if packed else "read")
        """Of what is packed and torn all comes that there is."""
        self.since = 0
        self.ended = True
        """Whether the last byte ended a line."""
        self.damage = ""
        """Why it was not read to its end."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        try:
            data = self.read_some(len(buffer))
        except (EOFError, zlib.error, OSError) as error:
            self.damage = "it is torn: %s" % error
            data = b""
        if data:
            last = data.rfind(b"\n")
            self.since = self.since + len(data) if last < 0 else len(data) - last - 1
            self.ended = last == len(data) - 1
            if self.since > LONGEST:
                raise Refused("a line of more than %d MB" % (LONGEST >> 20), ADVICE)
            if b"\0" in data:
                raise Refused("no text: it has NUL bytes", ADVICE)
        buffer[: len(data)] = data
        return len(data)


class Odd(object):
    """How many bytes were no UTF-8: they are shown as �."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, error: UnicodeError) -> Tuple[str, int]:
        self.count += 1
        return "\ufffd", getattr(error, "end", 0)


class Behind(io.RawIOBase):
    """Bytes that were read already, then the rest of a file."""

    def __init__(self, first: bytes, rest: "io.BufferedReader[Any]") -> None:
        self.first = first
        self.rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        if not self.first:
            return self.rest.readinto(buffer)
        data, self.first = self.first[: len(buffer)], self.first[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


def opened(first: bytes, rest: "io.BufferedReader[Any]", odd: Odd) -> io.TextIOWrapper:
    """The text of bytes that were read already, and of what follows; a mark of the order of bytes is left out."""
    codecs.register_error("trainboard-odd", odd)
    buffer = io.BufferedReader(Behind(first, rest), 1 << 20)
    return io.TextIOWrapper(buffer, encoding="utf-8-sig", errors="trainboard-odd", newline="")


def look(path: str) -> bytes:
    """How the file begins. Raises `Refused` for what is no table."""
    with open(path, "rb") as file:
        head = file.read(4096)
    if head[:2] == b"\x1f\x8b":
        try:
            with gzip.open(path) as packed:
                head = packed.read(4096)
        except (EOFError, zlib.error, OSError):
            head = b""
    for begins, kind in KINDS:
        if head.startswith(begins):
            raise Refused("it is %s" % kind, ADVICE)
    if not head.strip():
        raise Refused("it is empty", "the run may not have written it yet")
    return head
