"""The events of a trace in a file, one after the other, at whatever size."""

import codecs
import json
import re
import zlib
from typing import Any, BinaryIO, Callable, Dict, Iterator, Tuple

CHUNK = 1 << 20
"""Characters that are read at once."""

LONGEST = 8 << 20
"""Characters of one event, and of what stands before the first."""

START = re.compile(r'"traceEvents"\s*:\s*\[')
SPACE = re.compile(r"[\s,]*")


class Text(object):
    """The text of a file, packed or not, read piece by piece; of one that is torn, what is there."""

    def __init__(self, file: BinaryIO, packed: bool) -> None:
        self.file = file
        self.inflate = zlib.decompressobj(31) if packed else None  # type: Any
        self.left = b""
        self.decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def read(self, size: int) -> str:
        """At most so many bytes of it; empty at the end."""
        while True:
            data = self.left or self.file.read(size)
            if not data:
                return self.decode(b"", True)
            text = self.decode(self.unpacked(data, size) if self.inflate is not None else data)
            if text:
                return text

    def unpacked(self, data: bytes, size: int) -> bytes:
        """A piece of it; several that were packed one by one may follow each other."""
        found = self.inflate.decompress(data, size)  # type: bytes
        self.left = self.inflate.unconsumed_tail
        if self.inflate.eof:
            self.left = self.inflate.unused_data
            self.inflate = zlib.decompressobj(31)
        return found


class Stream(object):
    """The events of a trace, read piece by piece; one that is still being written is read as far as it goes."""

    def __init__(self, read: Callable[[int], str]) -> None:
        self.read = read
        self.damage = ""
        """Why it was not read to its end; empty where it was."""

    def events(self) -> Iterator[Dict[str, Any]]:
        """One after the other. Raises ValueError where it is no trace at all."""
        decode = json.JSONDecoder(strict=False).raw_decode
        text, at = self.begin()
        while True:
            space = SPACE.match(text, at)
            at = space.end() if space is not None else at
            if at < len(text) and text[at] == "]":
                return
            try:
                event, at = decode(text, at)
            except ValueError:
                more = self.more() if len(text) - at < LONGEST else ""
                if not more:
                    self.damage = self.damage or "it ends in the midst of an event, or is damaged there"
                    return
                text, at = text[at:] + more, 0
                continue
            if isinstance(event, dict):
                yield event

    def begin(self) -> Tuple[str, int]:
        """What was read, and where the first event is in it."""
        text = ""
        while len(text) < LONGEST:
            more = self.more()
            text += more
            bare = text.lstrip("\ufeff \t\r\n")
            if bare.startswith("["):
                return bare, 1
            match = START.search(text)
            if match is not None:
                return text, match.end()
            if not more or (bare and not bare.startswith("{")):
                break
        raise ValueError("it has no trace events")

    def more(self) -> str:
        """The next piece; empty at the end, also where what is packed is torn there."""
        try:
            return self.read(CHUNK)
        except (OSError, zlib.error) as error:
            self.damage = "it is torn: %s" % error
            return ""
