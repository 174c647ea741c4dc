"""What nvidia-smi of many versions prints: right where it tells, None where it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.machine import Gpu, Slice
from backends.nvidia import parse_gpu, parse_slices, throttle
from backends.remote.commands import Commands
from backends.remote.gpuparts import xids
from backends.remote.gputool import LOST, bus_of
from tests.backends.recorded import FOLDER, NEW, OLD, recorded, tool

if TYPE_CHECKING:
    from pathlib import Path


def gpus(name: str, fields: tuple[str, ...]) -> list[Gpu | None]:
    """All lines of a recording."""
    return [parse_gpu(line, fields) for line in recorded(name).splitlines()]


def test_every_recording_says_where_it_is_from() -> None:
    for path in FOLDER.iterdir():
        assert path.read_text().startswith("# "), path


def test_a_busy_and_an_idle_gpu_tell_all_that_there_is() -> None:
    busy, idle = gpus("nvidia-smi-550-query.csv", NEW)
    assert busy == Gpu(
        index=0,
        uuid="GPU-5f3d2a10-0b7c-4c1f-8a3e-0d1c2b3a4f50",
        name="NVIDIA A100-SXM4-80GB",
        utilization=97,
        memory_used=40536 << 20,
        memory_total=81920 << 20,
        temperature=64,
        power=398.45,
        power_limit=400,
        throttle=("power cap",),
        ecc=0,
    )
    assert idle is not None
    assert (idle.throttle, idle.ecc) == ((), 2)


def test_the_reasons_of_older_drivers_are_the_same() -> None:
    [hot] = gpus("nvidia-smi-470-query.csv", OLD)
    assert hot is not None
    assert hot.throttle == ("hardware slowdown", "thermal slowdown", "hardware thermal slowdown")


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("nvidia-smi-390-query.csv", (*NEW[:11], "clocks_throttle_reasons.active")),
        ("nvidia-smi-560-laptop.csv", NEW),
    ],
)
def test_what_a_device_does_not_tell_is_none(name: str, fields: tuple[str, ...]) -> None:
    [gpu] = gpus(name, fields)
    assert gpu is not None
    assert (gpu.power, gpu.power_limit, gpu.ecc, gpu.throttle, gpu.lost) == (None, None, None, (), "")
    assert gpu.memory_total
    assert gpu.temperature is not None


def test_a_row_of_a_gpu_off_the_bus_is_lost_and_the_others_are_not() -> None:
    gone, other = gpus("nvidia-smi-lost-row.csv", NEW)
    assert gone is not None
    assert other is not None
    assert (gone.index, gone.lost, gone.memory_used, gone.utilization) == (0, "GPU is lost", None, None)
    assert (other.lost, other.utilization) == ("", 55)


def test_one_unknown_error_is_no_lost_gpu_but_nothing_than_errors_is() -> None:
    line = recorded("nvidia-smi-550-query.csv").splitlines()[0]
    one = parse_gpu(line.replace("398.45", "[Unknown Error]"), NEW)
    words = line.split(", ")
    words[3] = words[4] = words[6] = "[Unknown Error]"
    all_of_them = parse_gpu(", ".join(words), NEW)
    assert one is not None
    assert all_of_them is not None
    assert (one.lost, one.power, all_of_them.lost) == ("", None, "Unknown Error")


def test_a_line_with_a_decimal_comma_is_no_reading_rather_than_a_wrong_one() -> None:
    line = recorded("nvidia-smi-550-query.csv").splitlines()[0]
    assert parse_gpu(line.replace("398.45", "398,45"), NEW) is None


@pytest.mark.parametrize(
    ("name", "bus", "why"),
    [
        ("nvidia-smi-520-device-handle.txt", "0000:07:00", "GPU is lost.  Reboot the system to recover this GPU"),
        ("nvidia-smi-550-device-handle.txt", "0000:20:00", "Unknown Error"),
        ("nvidia-smi-610-device-handle.txt", "0000:34:00", "Unknown Error"),
    ],
)
def test_the_message_about_a_lost_gpu_is_known_in_all_its_forms(name: str, bus: str, why: str) -> None:
    line = recorded(name).strip()
    found = LOST.search(line)
    assert found is not None
    assert bus_of(found[1]) == bus
    assert line.rpartition(found[1])[2].strip(": ") == why


def test_slices_belong_to_their_gpu() -> None:
    found = parse_slices(recorded("nvidia-smi-535-mig-list.txt"))
    assert found == {
        "GPU-9c73eb7b-8d6d-6c0e-dc13-97873e2ede40": (
            Slice("MIG-a686709d-6dc2-542a-8851-0d2508448c10", "1g.10gb"),
            Slice("MIG-53864714-0a66-5df2-9007-9268e30d9a72", "3g.40gb"),
        )
    }
    [older] = parse_slices(recorded("nvidia-smi-460-mig-list.txt")).values()
    assert [part.uuid.rpartition("/")[2] for part in older] == ["0", "0"]
    assert [part.profile for part in older] == ["3g.20gb", "2g.10gb"]


def test_reasons_are_words_and_an_idle_gpu_has_none() -> None:
    assert throttle("0x0000000000000001") == ()
    assert throttle("0x0000000000000084") == ("power cap", "power brake")
    assert throttle("[N/A]") == ()


def test_xids_are_counted_by_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool(tmp_path, "dmesg", "say dmesg-xid.txt")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert xids(Commands()) == {"0000:07:00": 2, "0000:0f:00": 1}


def test_kernel_messages_that_may_not_be_read_are_not_no_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    tool(tmp_path, "dmesg", "echo 'dmesg: read kernel buffer failed: Operation not permitted' >&2; exit 1")
    tool(tmp_path, "journalctl", "exit 1")
    assert xids(Commands()) is None
    tool(tmp_path, "journalctl", "say dmesg-xid.txt")
    assert xids(Commands()) == {"0000:07:00": 2, "0000:0f:00": 1}


@settings(max_examples=60)
@given(st.text(max_size=200))
def test_any_text_is_a_gpu_or_none(text: str) -> None:
    gpu = parse_gpu(text, NEW)
    assert gpu is None or gpu.index >= 0
    assert isinstance(parse_slices(text), dict)
    assert isinstance(bus_of(text), str)
