"""What travels between us and a helper: frames of a header and raw bytes."""

import errno
import json
import struct
from typing import Any, Dict, Iterator, Tuple

Header = Dict[str, Any]
Reply = Tuple[Header, bytes]

GREETING = b"\n\0trainboard-helper-1\n"
"""The first bytes from a helper; what a login shell prints before them is not ours."""

HEAD = struct.Struct(">II")

LARGEST = 512 << 20
"""Bytes in one frame; more is a broken stream."""


def encode(header: Header, payload: bytes = b"") -> bytes:
    """One frame."""
    text = json.dumps(header).encode("utf-8")
    return HEAD.pack(len(text), len(payload)) + text + payload


class Decoder(object):
    """Bytes in pieces of any size → frames."""

    def __init__(self) -> None:
        self.buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Tuple[Dict[str, Any], bytes]]:
        """The frames that `data` completes. Raises ValueError where the stream is not ours."""
        self.buffer += data
        at = 0
        while len(self.buffer) - at >= HEAD.size:
            header, payload = HEAD.unpack_from(self.buffer, at)
            if header + payload > LARGEST:
                raise ValueError("a frame of %d bytes" % (header + payload))
            end = at + HEAD.size + header + payload
            if len(self.buffer) < end:
                break
            begin = at + HEAD.size
            yield (
                json.loads(self.buffer[begin : begin + header].decode("utf-8")),
                bytes(self.buffer[begin + header : end]),
            )
            at = end
        del self.buffer[:at]


class Failure(Exception):
    """A request that cannot be done, with a kind that the other side can tell apart."""

    def __init__(self, kind: str, message: str) -> None:
        Exception.__init__(self, message)
        self.kind = kind


def described(error: Exception) -> Header:
    """What an error is to the other side: its kind, and a message in one line."""
    if isinstance(error, Failure):
        return {"error": error.kind, "message": str(error)}
    if isinstance(error, OSError):
        where = "" if error.filename is None else "%s: " % error.filename
        kind = errno.errorcode.get(error.errno or 0, "OSError")
        return {"error": kind, "message": "%s%s" % (where, error.strerror or error)}
    return {"error": "failed", "message": "%s: %s" % (type(error).__name__, error)}
