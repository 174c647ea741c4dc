"""TensorBoard event files, written by a real writer: every kind of value, cut at every byte, damaged anywhere."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorboardX import SummaryWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboardX.proto.tensor_pb2 import TensorProto
from tensorboardX.proto.tensor_shape_pb2 import TensorShapeProto

from trainboard.layernames import PERCENTS, of_a_spread
from trainboard.sources import base, table
from trainboard.sources.tensorboard import EventReader
from trainboard.sources.tfrecords import RECORD_CAP, masked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from trainboard.series import Sample

WEIGHTS = np.random.default_rng(7).normal(0.5, 2.0, 4000)
WEIGHTS[:1000] = 0


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An event file as PyTorch's and tensorboardX's `SummaryWriter` writes it."""
    folder = tmp_path_factory.mktemp("runs")
    with SummaryWriter(str(folder)) as writer:
        for step in range(3):
            writer.add_scalar("train/loss", 1 / (step + 1), step * 10, walltime=1767225600.5 + step)
        bins = [-20, -1, -1e-12, 1e-12, 1, 20]
        writer.add_histogram("weights/fc", WEIGHTS, 20, bins=bins, walltime=1767225610)
        writer.add_text("notes", "loss: 3", 20)
        writer.add_pr_curve("pr", np.array([0, 1, 1]), np.array([0.1, 0.8, 0.6]), 20)
        picture = Summary.Image(height=4, width=4, encoded_image_string=b"PNG")
        writer.file_writer.add_summary(Summary(value=[Summary.Value(tag="digits", image=picture)]), 20)
        writer.add_scalar("epoch", 2, 20)
        writer.add_scalar("val/acc", 0.75, 20, walltime=1767225620)
    return next(Path(folder).glob("events.*")).read_bytes()


def read(data: bytes, total: Mapping[str, float] | None = None) -> list[Sample]:
    reader = EventReader(total)
    return [*reader.feed(data, 1.0), *reader.finish(1.0)]


def framed(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked(length)) + data + struct.pack("<I", masked(data))


def event(step: int = 1, **value: object) -> bytes:
    return framed(
        Event(wall_time=1767225600.0, step=step, summary=Summary(value=[Summary.Value(**value)])).SerializeToString()
    )


def tensor_event(
    values: ArrayLike, dtype: int, plugin: str = "scalars", tag: str = "loss", **fields: object
) -> bytes:
    content = np.asarray(values)
    tensor = TensorProto(
        dtype=dtype,
        tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in content.shape]),
        **(fields or {"tensor_content": content.tobytes()}),
    )
    data = SummaryMetadata.PluginData(plugin_name=plugin)
    return event(tag=tag, tensor=tensor, metadata=SummaryMetadata(plugin_data=data))


def values(samples: list[Sample]) -> dict[str, float]:
    return {sample.metric: sample.value for sample in samples}


def curves(samples: list[Sample]) -> dict[str, float]:
    """Without the quantiles of distributions."""
    return {name: value for name, value in values(samples).items() if not of_a_spread(name)}


def test_scalars_have_the_step_and_the_time_of_the_file(written: bytes) -> None:
    found = [sample for sample in read(written) if sample.metric == "train/loss"]
    assert [(sample.step, sample.wall) for sample in found] == [
        (0, 1767225600.5), (10, 1767225601.5), (20, 1767225602.5)
    ]  # fmt: skip
    assert [sample.value for sample in found] == pytest.approx([1, 1 / 2, 1 / 3])
    assert {sample.index for sample in found} == {"step"}


def test_pictures_texts_curves_and_the_epoch_are_no_metrics(written: bytes) -> None:
    parts = ("norm", "mean", "std", "min", "max", "zeros", *(f"q.{percent:02}" for percent in PERCENTS))
    assert set(values(read(written))) == {"train/loss", "val/acc", *(f"weights/fc/{part}" for part in parts)}


def test_a_histogram_tells_its_norm_mean_spread_range_and_zeros(written: bytes) -> None:
    found = values(read(written))
    assert found["weights/fc/norm"] == pytest.approx(np.linalg.norm(WEIGHTS))
    assert found["weights/fc/mean"] == pytest.approx(WEIGHTS.mean())
    assert found["weights/fc/std"] == pytest.approx(WEIGHTS.std())
    assert (found["weights/fc/min"], found["weights/fc/max"]) == (WEIGHTS.min(), WEIGHTS.max())
    assert found["weights/fc/zeros"] == pytest.approx(0.25)


def test_a_histogram_tells_how_its_numbers_are_distributed(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_histogram("w", WEIGHTS, 1)
    found = values(read(next(tmp_path.glob("events.*")).read_bytes()))
    for percent in PERCENTS:
        assert found[f"w/q.{percent:02}"] == pytest.approx(np.quantile(WEIGHTS, percent / 100), rel=0.1, abs=0.02)


def test_a_histogram_with_wide_buckets_does_not_guess_its_zeros(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_histogram("w", WEIGHTS, 1, bins="auto")
        writer.add_histogram("narrow", WEIGHTS, 1)
        writer.add_histogram("dead", np.zeros(10), 1)
        writer.add_histogram("positive", np.arange(1.0, 9.0), 1)
    found = values(read(next(tmp_path.glob("events.*")).read_bytes()))
    assert "w/zeros" not in found
    assert found["narrow/zeros"] == pytest.approx(0.25)
    assert (found["dead/zeros"], found["positive/zeros"]) == (1, 0)


@pytest.mark.parametrize(
    ("dtype", "number"),
    [
        (1, np.float32(0.375)),
        (2, np.float64(0.375)),
        (19, np.float16(0.375)),
        (3, np.int32(3)),
        (9, np.int64(3)),
        (4, np.uint8(3)),
    ],
)
def test_a_scalar_tensor_of_any_type_is_a_scalar(dtype: int, number: np.generic) -> None:
    assert values(read(tensor_event(number, dtype))) == {"loss": number.item()}


def test_values_beside_the_raw_content_and_bfloat16_are_read() -> None:
    assert values(read(tensor_event(0, 1, float_val=[0.5]))) == {"loss": 0.5}
    assert values(read(tensor_event(0, 19, half_val=[0x3800]))) == {"loss": 0.5}
    assert values(read(tensor_event(0, 14, tensor_content=b"\x00\x3f"))) == {"loss": 0.5}
    assert values(read(tensor_event(0, 7, string_val=[b"text"]))) == {}


def test_a_plugin_is_told_with_the_first_value_of_a_tag_only() -> None:
    buckets = np.array([[-1, 0, 2], [0, 1, 2]], np.float64)
    first = tensor_event(buckets, 2, "histograms", "w")
    second = event(2, tag="w", tensor=TensorProto(dtype=2, tensor_content=buckets.tobytes()))
    reader = EventReader()
    reader.feed(first)
    again = EventReader.restore(json.loads(json.dumps(reader.state())))
    assert curves(again.feed(second)) == {
        "w/norm": 1, "w/mean": 0, "w/std": 0.5, "w/min": -1, "w/max": 1
    }  # fmt: skip
    hidden = tensor_event(np.float32(1), 1, "hparams", "h") + event(2, tag="h", simple_value=1)
    assert read(hidden) == []


def test_a_tensor_that_nobody_explains_is_told_as_a_histogram_is() -> None:
    assert curves(read(tensor_event(np.array([3, 0, 4], np.float32), 1, "", "w"))) == pytest.approx(
        {"w/norm": 5, "w/mean": 7 / 3, "w/std": np.std([3, 0, 4]), "w/min": 0, "w/max": 4, "w/zeros": 1 / 3}
    )


def test_cut_at_every_byte_it_reads_the_same(written: bytes) -> None:
    whole = read(written)
    for cut in range(len(written) + 1):
        reader = EventReader()
        samples = reader.feed(written[:cut])
        again = table.kind("events.out.tfevents.1").restore(json.loads(json.dumps(reader.state())))
        samples += again.feed(written[again.offset :])
        assert samples == whole
        assert base.trouble(again) is None


def test_fed_byte_by_byte_it_reads_the_same(written: bytes) -> None:
    reader = EventReader()
    assert [sample for at in range(len(written)) for sample in reader.feed(written[at : at + 1])] == read(written)
    assert reader.offset == len(written)


def test_a_damaged_byte_costs_one_record_and_is_told(written: bytes) -> None:
    whole = read(written)
    for at in range(0, len(written), 7):
        reader = EventReader()
        samples = reader.feed(written[:at] + bytes((written[at] ^ 0x55,)) + written[at + 1 :])
        assert all(sample in whole for sample in samples)
        assert (
            len(
                {sample.metric.rpartition("/")[0] for sample in whole}
                - {s.metric.rpartition("/")[0] for s in samples}
            )
            <= 1
        )
        assert base.trouble(reader) == "1 damaged record was passed over"


def test_zeros_and_noise_between_records_are_passed_over(written: bytes) -> None:
    noise = np.random.default_rng(1).bytes(5000)
    whole = read(written)
    for gap in (b"\0" * 4096, noise, b"\xff" * 300, noise + b"\0" * 70_000):
        for pieces in (1, 9):
            data, reader = written + gap + written, EventReader()
            size = len(data) // pieces + 1
            assert [s for at in range(0, len(data), size) for s in reader.feed(data[at : at + size])] == whole + whole


def test_a_stretch_of_zeros_takes_linear_time_and_no_memory() -> None:
    reader = EventReader()
    for _ in range(100):
        assert reader.feed(b"\0" * (1 << 20)) == []
    assert reader.offset >= (100 << 20) - 16


def test_a_record_too_large_for_measurements_is_passed_over_unheld() -> None:
    scalar = event(3, tag="loss", simple_value=0.5)
    size = RECORD_CAP + 10
    header = struct.pack("<Q", size)
    reader = EventReader()
    reader.feed(header + struct.pack("<I", masked(header)) + b"x" * 100)
    assert reader.offset == 112
    again = EventReader.restore(json.loads(json.dumps(reader.state())))
    again.feed(b"x" * (size - 100))
    assert values(again.feed(b"none" + scalar)) == {"loss": 0.5}
    assert base.trouble(again) is None


def test_a_record_with_a_right_checksum_that_is_no_event_is_passed_over() -> None:
    reader = EventReader()
    assert values(reader.feed(framed(b"\xff\xff\xff") + event(tag="loss", simple_value=2.0))) == {"loss": 2}
    assert base.trouble(reader) == "1 damaged record was passed over"


def test_the_spec_s_total_makes_progress_of_steps_and_of_the_epoch(written: bytes) -> None:
    for total, done in (({"steps": 40}, 20), ({"epochs": 5}, 2)):
        reader = EventReader(total)
        reader.feed(written)
        assert reader.progress is not None
        assert reader.progress.done == done


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=120), st.binary(max_size=60))
def test_any_bytes_are_read_without_raising(record: bytes, rest: bytes) -> None:
    reader = EventReader({"steps": 3})
    reader.feed(framed(record) + rest)
    reader.finish()
    json.dumps(reader.state())


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 30), st.binary(max_size=64), st.sampled_from(("scalars", "histograms", "")))
def test_any_tensor_is_read_without_raising(dtype: int, content: bytes, plugin: str) -> None:
    read(tensor_event(0, dtype, plugin, tensor_content=content))
    read(event(tag="h", histo={"num": 3, "sum": 1e300, "sum_squares": -1, "bucket_limit": [1, 2], "bucket": [1]}))


def test_the_module_imports_no_protocol_buffers_before_a_file_is_read() -> None:
    code = (
        "import sys; from trainboard.sources import table; table.kind('events.out.tfevents.1').reader();"
        "print('google.protobuf' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
    )
