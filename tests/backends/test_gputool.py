"""nvidia-smi kept running: fields that it does not know, GPUs that are lost, hangs and ends."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backends.queue.processes import start_time
from backends.remote.commands import Commands
from backends.remote.gputool import FIELDS, GONE, GPU_RETRY, SILENT, GpuTool, Lost
from backends.remote.helper import Helper
from tests.backends.recorded import recorded, tool, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REST = "exec sleep 600"
LINES = recorded("nvidia-smi-550-query.csv").splitlines()
UUIDS = [line.split(", ")[1] for line in LINES]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[str], GpuTool]]:
    """Makes the reader of an nvidia-smi that does what a test wants."""
    made: list[GpuTool] = []

    def make(script: str, commands: Commands | None = None) -> GpuTool:
        made.append(GpuTool(1.0, commands or Commands(), str(tmp_path / "driver")))
        made[-1].tool = str(tool(tmp_path, "nvidia-smi", script))
        return made[-1]

    yield make
    for each in made:
        each.close()


def driver(folder: Path, *buses: str) -> None:
    """The driver's folder, of GPUs on these places."""
    for at, bus in enumerate(buses):
        path = folder / "driver" / bus / "information"
        path.parent.mkdir(parents=True)
        path.write_text(f"Model: \t\t NVIDIA A100-SXM4-80GB\nGPU UUID: \t {UUIDS[at]}\nBus Location: \t {bus}\n")


def later(gpus: GpuTool) -> None:
    """As if a minute had passed."""
    gpus.stream.begun -= GPU_RETRY


def test_an_nvidia_smi_that_ended_is_tried_again_after_a_minute(
    make: Callable[[str], GpuTool], tmp_path: Path
) -> None:
    gpus = make(
        f"[ -e {tmp_path}/mended ] || {{ say nvidia-smi-mismatch.txt; exit 18; }}; echo '0, GPU-1, A'; {REST}"
    )
    why = "nvidia-smi ended: Failed to initialize NVML: Driver/library version mismatch NVML library version: 535.183"
    until(lambda: gpus.latest() == ([], [], why))
    (tmp_path / "mended").touch()
    assert gpus.latest() == ([], [], why)
    later(gpus)
    until(lambda: gpus.latest() == (["0, GPU-1, A"], [], ""))


def test_an_nvidia_smi_that_hangs_is_ended_and_started_anew(make: Callable[[str], GpuTool], tmp_path: Path) -> None:
    gpus = make(f"[ -e {tmp_path}/mended ] || {REST}; echo '0, GPU-1, A'; {REST}")
    assert gpus.latest() == ([], [], "")
    gpus.spoke -= GPU_RETRY / 2
    until(lambda: gpus.latest() == ([], [], SILENT) and gpus.stream.process is None)
    (tmp_path / "mended").touch()
    later(gpus)
    until(lambda: gpus.latest() == (["0, GPU-1, A"], [], ""))


def test_an_nvidia_smi_that_cannot_be_started_is_an_error_and_no_crash(make: Callable[[str], GpuTool]) -> None:
    gpus = make("")
    assert gpus.tool is not None
    Path(gpus.tool).chmod(0o600)
    assert gpus.latest() == ([], [], "nvidia-smi does not start: Permission denied")


def test_a_hung_nvidia_smi_ends_with_the_helper(make: Callable[..., GpuTool]) -> None:
    helper = Helper(lambda frame: None)
    gpus = make(REST, helper.commands)
    assert gpus.latest() == ([], [], "")
    assert gpus.stream.process is not None
    pid = gpus.stream.process.pid
    helper.close()
    until(lambda: start_time(pid) is None)


def test_no_gpu_at_all_is_no_error(make: Callable[[str], GpuTool]) -> None:
    gpus = make("say nvidia-smi-no-devices.txt; exit 6")
    until(lambda: gpus.latest() == ([], [], "") and gpus.stream.process is None and gpus.nothing)
    assert gpus.none


def test_a_driver_that_is_not_there_is_told_where_its_tool_is(make: Callable[[str], GpuTool]) -> None:
    gpus = make("say nvidia-smi-no-driver.txt; exit 9")
    until(lambda: gpus.latest().error.startswith("nvidia-smi ended: NVIDIA-SMI has failed because it couldn't"))
    assert not gpus.none


def test_fields_that_the_driver_does_not_know_cost_only_themselves(make: Callable[[str], GpuTool]) -> None:
    unknown = "echo 'Field \"%s\" is not a valid field to query.'; echo; exit 2"
    gpus = make(
        f'case "$1" in\n*clocks_event*) {unknown % "clocks_event_reasons.active"};;\n'
        f"*mig.mode*) {unknown % 'mig.mode.current'};;\n"
        f'esac\necho "0, GPU-1, $1"; {REST}'
    )
    until(lambda: gpus.latest().lines)
    asked = gpus.latest().lines[0].partition("--query-gpu=")[2].split(",")
    assert asked == [*FIELDS[:11], "clocks_throttle_reasons.active"]
    assert gpus.fields == asked
    assert gpus.latest().error == ""


def test_a_field_that_every_driver_knows_is_not_dropped(make: Callable[[str], GpuTool]) -> None:
    gpus = make("echo 'Field \"uuid\" is not a valid field to query.'; exit 2")
    until(lambda: 'Field "uuid"' in gpus.latest().error)
    assert gpus.fields == list(FIELDS)


def test_a_gpu_whose_row_stays_away_is_lost_and_the_others_go_on(make: Callable[[str], GpuTool]) -> None:
    gpus = make(f"say nvidia-smi-550-query.csv; {REST}")
    until(lambda: gpus.latest().lines == LINES)
    gpus.heard[0] -= 60
    gpus.stream.begun -= 60
    assert gpus.latest().lines == LINES[1:]
    assert gpus.latest().lost == [Lost(0, UUIDS[0], "NVIDIA A100-SXM4-80GB", GONE)]
    gpus.hear(LINES[0])
    assert gpus.latest() == (LINES, [], "")


def test_an_nvidia_smi_that_ends_at_a_lost_gpu_is_asked_for_the_others(
    make: Callable[[str], GpuTool], tmp_path: Path
) -> None:
    driver(tmp_path, "0000:07:00.0", "0000:0f:00.0")
    gpus = make(
        f'case "$*" in *" -i 0000:0f:00.0 "*) say nvidia-smi-550-query.csv | tail -n 1; {REST};; esac\n'
        "say nvidia-smi-520-device-handle.txt; exit 15"
    )
    until(lambda: gpus.latest().lines)
    why = "GPU is lost.  Reboot the system to recover this GPU"
    assert gpus.latest() == (LINES[1:], [Lost(0, UUIDS[0], "NVIDIA A100-SXM4-80GB", why)], "")


def test_an_nvidia_smi_that_goes_on_past_a_lost_gpu_is_left_alone(make: Callable[[str], GpuTool]) -> None:
    gpus = make(f"say nvidia-smi-610-device-handle.txt; say nvidia-smi-550-query.csv | head -n 1; {REST}")
    until(lambda: gpus.latest().lines)
    assert gpus.latest() == (LINES[:1], [Lost(0, "0000:34:00", "", "Unknown Error")], "")


def test_the_only_gpu_that_is_lost_is_shown_as_that(make: Callable[[str], GpuTool], tmp_path: Path) -> None:
    driver(tmp_path, "0000:07:00.0")
    gpus = make("say nvidia-smi-no-devices.txt; exit 6")
    until(lambda: gpus.latest().lost)
    assert gpus.latest() == ([], [Lost(0, UUIDS[0], "NVIDIA A100-SXM4-80GB", "No devices were found")], "")


def test_tools_are_run_in_the_language_of_programs(
    make: Callable[[str], GpuTool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    comma = "say nvidia-smi-550-query.csv | sed 's/\\([0-9]\\)\\.\\([0-9][0-9],\\)/\\1,\\2/g'"
    gpus = make(f'if [ "$LC_ALL" = C ]; then say nvidia-smi-550-query.csv; else {comma}; fi; {REST}')
    until(lambda: len(gpus.latest().lines) == 2)
    assert gpus.latest().lines == LINES


def test_closing_while_it_starts_again_leaves_nothing_running(make: Callable[[str], GpuTool]) -> None:
    gpus = make(
        f'case "$1" in *event*) echo \'Field "{FIELDS[-1]}" is not a valid field to query.\'; exit 2;; esac; {REST}'
    )
    gpus.latest()
    gpus.close()
    until(lambda: not gpus.stream.commands.running and gpus.stream.process is None)
    later(gpus)
    assert gpus.latest() == ([], [], gpus.error)
    assert gpus.stream.process is None
