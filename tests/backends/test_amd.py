"""What the tools for AMD's GPUs print, by version; and who uses these, by the driver's folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.amd import Seen, parse_amd
from backends.machine import Gpu
from backends.remote.amd import processes
from tests.backends.recorded import recorded

if TYPE_CHECKING:
    from pathlib import Path


def test_a_gpu_as_rocm_6_tells_it() -> None:
    seen = parse_amd({"rocm": recorded("rocm-smi-6.3.json")})
    assert seen.gpus == (
        Gpu(
            index=0,
            uuid="0x5f3a1c2b9e8d7f60",
            name="Radeon RX 7900 XT",
            utilization=0,
            memory_used=27856896,
            memory_total=21458059264,
            temperature=41,
            power=22,
            power_limit=265,
            vendor="amd",
        ),
    )
    assert seen.numbers == (("26967", "0x5f3a1c2b9e8d7f60"),)


def test_what_stands_before_the_json_and_what_is_no_card_is_left_aside() -> None:
    seen = parse_amd({"rocm": recorded("rocm-smi-5.json")})
    assert [(gpu.index, gpu.utilization, gpu.power, gpu.power_limit) for gpu in seen.gpus] == [
        (0, 99, 35, 203),
        (1, 0, None, None),
    ]
    assert seen.gpus[0].name.startswith("Navi 21")


def test_a_gpu_without_memory_figures_or_number_is_known_by_its_place() -> None:
    [gpu] = parse_amd({"rocm": recorded("rocm-smi-6.2-apu.json")}).gpus
    assert (gpu.uuid, gpu.name, gpu.power, gpu.memory_total) == ("0000:C4:00.0", "Phoenix3", 7.222, None)


@pytest.mark.parametrize("metric", ["amd-smi-24-metric.json", "amd-smi-25-metric.json"])
def test_a_gpu_as_amd_smi_tells_it(metric: str) -> None:
    seen = parse_amd({"static": recorded("amd-smi-25-static.json"), "metric": recorded(metric)})
    [gpu] = seen.gpus
    assert (gpu.name, gpu.utilization, gpu.power) == ("AMD Instinct MI300X", 12, 20)
    assert (gpu.memory_used, gpu.memory_total) == (283 << 20, 196592 << 20)
    assert gpu.temperature == (38 if "24" in metric else 44)


def test_a_tool_without_a_driver_is_no_gpu_and_no_error() -> None:
    assert parse_amd({"rocm": recorded("rocm-smi-no-driver.txt")}) == Seen()
    assert parse_amd({"rocm": ""}) == Seen()


def test_an_answer_that_is_none_is_an_error() -> None:
    assert parse_amd({"rocm": "Segmentation fault"}).trouble == "the tool for AMD GPUs answers: Segmentation fault"


@settings(max_examples=60)
@given(st.text(max_size=100), st.sampled_from(["rocm", "metric"]))
def test_any_text_is_an_answer(text: str, name: str) -> None:
    assert isinstance(parse_amd({name: text}), Seen)
    assert isinstance(parse_amd({name: '{"card0": ' + text}), Seen)


def test_processes_are_those_that_have_memory_there(tmp_path: Path) -> None:
    for pid, files in {"3137": {"vram_26967": "1058848768", "sdma_26967": "4"}, "9": {"vram_26967": "0"}}.items():
        (tmp_path / pid).mkdir()
        for name, text in files.items():
            (tmp_path / pid / name).write_text(text + "\n")
    assert processes(str(tmp_path)) == [("26967", 3137, 1058848768)]
    assert processes(str(tmp_path / "none")) == []
