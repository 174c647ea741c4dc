"""Cells of a host's line that have something to say other than a figure."""

from __future__ import annotations

from backends.machine import Disk, Gpu, Health
from trainboard.events import HostSeen, Link
from tui.widgets.host_strip import cell


def seen(health: Health) -> HostSeen:
    """A host that tells this."""
    return HostSeen("gpu1", "ssh", Link.UP, "", "", 1.0, health, 0, 0, 0.0)


def test_a_disk_that_does_not_answer_counts_for_nothing() -> None:
    dead, alive = Disk("/scratch", 0, 0, trouble="does not answer"), Disk("/home", 10 << 30, 4 << 30)
    assert cell(seen(Health(1.0, disks=(dead, alive))), "disk", 1.0) == "disk 4.0G"
    assert cell(seen(Health(1.0, disks=(dead,))), "disk", 1.0) == "disk ?"
    assert cell(seen(Health(1.0)), "disk", 1.0) == ""


def test_a_gpu_that_is_lost_is_none_to_have() -> None:
    lost = Gpu(0, "GPU-1", "A100", None, None, None, lost="GPU is lost")
    idle = Gpu(1, "GPU-2", "A100", 0.0, 0, 10)
    assert cell(seen(Health(1.0, gpus=(lost, idle))), "gpus", 1.0) == "GPU 1/2"
