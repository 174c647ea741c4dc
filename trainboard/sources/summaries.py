"""Texts, pictures and sounds among the summaries of TensorBoard's event files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainboard.sources.tfrecords import Records
from trainboard.specimens import LONGEST, Specimen, Text, Unreadable, decoded, heard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trainboard.specimens import Body


def specimens(data: bytes) -> Iterator[Specimen]:
    """All of them, in the order of the file. The first call imports protocol buffers: not on an event loop."""
    from google.protobuf.message import DecodeError
    from tensorboardX.proto.event_pb2 import Event

    plugins: dict[str, str] = {}
    records, alien = Records(), 0
    for record in records.feed(data):
        try:
            event = Event.FromString(record)
        except DecodeError:
            alien += 1
            continue
        for value in event.summary.value:
            plugin = plugins.setdefault(value.tag, value.metadata.plugin_data.plugin_name)
            for body in _bodies(value, plugin):
                yield Specimen(value.tag, event.step, body)
    if alien + records.damaged:
        yield Specimen("event file", None, Unreadable(f"{alien + records.damaged} damaged records were passed over"))


def _bodies(value: Any, plugin: str) -> Iterator[Body]:  # noqa: ANN401  # protocol buffers ship no types
    kind = value.WhichOneof("value")
    strings = value.tensor.string_val if kind == "tensor" else ()
    if kind == "image":
        yield decoded(value.image.encoded_image_string)
    elif kind == "audio":
        yield heard(value.audio.encoded_audio_string)
    elif plugin == "images":
        yield from map(decoded, strings[2:])  # behind the width and the height
    elif plugin == "audio":
        yield from map(heard, strings[::2])  # each before its label
    elif plugin == "text":
        yield from (Text(each[:LONGEST].decode("utf-8", "replace")) for each in strings)
