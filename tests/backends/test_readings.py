"""Frames of a helper as readings: what is not repeated stays, whose clock is off, what is untrusted is cleaned."""

from __future__ import annotations

from typing import Any

from backends.machine import Disk, Process, Quota
from backends.readings import Readings
from backends.remote.gpuparts import filled
from tests.backends.recorded import NEW, recorded

LINES = recorded("nvidia-smi-550-query.csv").splitlines()
FIRST = LINES[0].split(", ")[1]


def frame(**changes: object) -> dict[str, Any]:
    """What is in every frame."""
    usual: dict[str, Any] = {
        "hostname": "gpu1",
        "cpus": 64,
        "load": 3.5,
        "cpu": 12.5,
        "time": 1000.0,
        "memory_total": 100,
        "memory_available": 60,
        "swap_total": 10,
        "swap_free": 9,
        "gpus": LINES,
        "gpu_error": "",
    }
    return usual | changes


def test_what_a_frame_does_not_repeat_is_as_it_was() -> None:
    readings = Readings()
    app = [FIRST, 17, 1 << 30, "ann", "python train.py", "/runs/e/r/1", 99.0, 5 << 20]
    parts = {"fields": NEW, "lost": [], "slices": None, "xids": {"0000:07:00": 3}, "apps": [app], "amd": None}
    disks = {"disks": [["/home", 100, 40, ""]], "quotas": {"/home": [["user", 7, 10, 3, 0]]}}
    first = readings.take(frame(**parts, **disks), 1000.0)
    second = readings.take(frame(cpu=50.0), 1003.0)
    assert (first.gpus, first.processes, first.disks) == (second.gpus, second.processes, second.disks)
    assert second.processes == (Process(FIRST, 17, "ann", "python train.py", 1 << 30, "/runs/e/r/1", 99.0, 5 << 20),)
    assert [(gpu.processes, gpu.xids) for gpu in second.gpus] == [(1, 3), (0, 0)]
    assert second.disks == (Disk("/home", 100, 40, (Quota("user", 7, 10, 3, None),)),)
    assert (second.cpu, second.swap_total, second.swap_free, second.at) == (50.0, 10, 9, 1003.0)


def test_who_holds_a_gpu_is_kept_until_it_changes() -> None:
    readings = Readings()
    held = {"fields": NEW, "held": [[FIRST, "e/1 of ann"], [FIRST, "e/2\x07 of bob"]]}
    assert readings.take(frame(**held), 1000.0).gpus[0].held == "e/1 of ann, e/2 of bob"
    assert readings.take(frame(), 1003.0).gpus[0].held == "e/1 of ann, e/2 of bob"
    assert readings.take(frame(held=None), 1006.0).gpus[0].held == ""


def test_a_process_that_is_named_with_its_whole_gpu_is_on_the_slice_where_it_is() -> None:
    readings = Readings()
    lines = recorded("nvidia-smi-535-mig-query.csv").splitlines()
    card = lines[0].split(", ")[1]
    memory, places = filled(recorded("nvidia-smi-535-mig.xml"))
    assert places == [[card, 1, 21341]]
    slices = {"names": recorded("nvidia-smi-535-mig-list.txt"), "memory": memory, "places": places}
    apps = [[card, 21341, 1, "ann", "", "", None, None], [card, 5, 1, "ann", "", "", None, None]]
    health = readings.take(frame(fields=NEW, gpus=lines, slices=slices, apps=apps), 1000.0)
    assert [process.gpu for process in health.processes] == [health.gpus[0].slices[1].uuid, card]
    assert (health.gpus[0].processes, health.gpus[1].processes) == (2, 0)
    whole = readings.take(frame(slices=None), 1003.0)
    assert [process.gpu for process in whole.processes] == [card, card]
    assert whole.gpus[0].slices == ()


def test_processes_that_nobody_knows_are_not_no_processes() -> None:
    readings = Readings()
    [first, _] = readings.take(frame(fields=NEW, apps=None, xids=None), 1000.0).gpus
    assert (first.processes, first.xids) == (None, None)


def test_a_gpu_whose_memory_is_held_by_none_that_we_see_has_an_unknown_number_of_processes() -> None:
    held, free = Readings().take(frame(fields=NEW, apps=[]), 1000.0).gpus
    assert (held.memory_used, held.processes) == (40536 << 20, None)
    assert free.processes == 0


def test_a_clock_that_is_off_is_told_by_the_quickest_frame() -> None:
    readings = Readings()
    assert readings.take(frame(fields=NEW, time=4600.0), 1000.4).clock == 3599.6
    assert readings.take(frame(time=4603.0), 1003.1).clock == 3599.9
    assert readings.take(frame(time=4606.0), 1009.0).clock == 3599.9


def test_a_lost_gpu_stands_where_it_stood() -> None:
    lost = [[0, FIRST, "NVIDIA A100-SXM4-80GB", "GPU is lost"]]
    health = Readings().take(frame(fields=NEW, gpus=LINES[1:], lost=lost), 1000.0)
    assert [(gpu.index, gpu.lost, gpu.utilization) for gpu in health.gpus] == [(0, "GPU is lost", None), (1, "", 0)]


def test_processes_on_amds_gpus_are_found_by_the_drivers_number() -> None:
    amd = {"texts": {"rocm": recorded("rocm-smi-6.3.json")}, "trouble": ""}
    apps = [["26967", 3137, 5, "ann", "python", "", 1.0, 7]]
    health = Readings().take(frame(fields=NEW, gpus=[], amd=amd, apps=apps), 1000.0)
    [gpu] = health.gpus
    assert [process.gpu for process in health.processes] == [gpu.uuid] == ["0x5f3a1c2b9e8d7f60"]
    assert gpu.processes == 1


def test_a_tool_for_amds_gpus_that_hangs_is_an_error() -> None:
    amd = {"texts": {}, "trouble": "rocm-smi: no answer within 20 s"}
    health = Readings().take(frame(fields=NEW, gpus=[], amd=amd, apps=[]), 1000.0)
    assert (health.gpus, health.gpu_error) == ((), "rocm-smi: no answer within 20 s")


def test_an_attempt_directory_that_is_no_clean_path_is_none() -> None:
    app = [FIRST, 17, None, "ann", "x", "/runs/\x1b[2J", None, None]
    assert Readings().take(frame(fields=NEW, apps=[app]), 1000.0).processes[0].directory == ""


def test_texts_of_a_host_are_one_clean_line() -> None:
    app = [FIRST, 17, None, "a\x1b[31m", "x\ny\x07", "", None, None]
    changes: dict[str, object] = {"hostname": "h\n\x1b]0;x", "gpu_error": "a\nb", "apps": [app]}
    health = Readings().take(frame(fields=NEW, disks=[["/a\nb", 1, 1, "c\x1b"]], **changes), 1000.0)
    texts = [health.hostname, health.gpu_error, health.processes[0].user, health.processes[0].command]
    texts += [health.disks[0].path, health.disks[0].trouble]
    assert not [text for text in texts if "\n" in text or "\x1b" in text or "\x07" in text]
