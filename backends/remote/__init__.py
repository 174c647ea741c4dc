"""The helper: what runs on a host for as long as our connection to it lives, and is never installed there.

Standard library only, Python 3.6 or newer. Its modules are sent as text to `python3 -c` over one channel; on this
machine the same class serves without a process of its own. It speaks frames over one stream in each direction:

    header length (4 bytes, big-endian) · payload length (4 bytes) · header (JSON) · payload (raw bytes)

A request has an `id` and an `op`; its reply has the same `id` and `ok` or `error`. `follow` and `telemetry` answer
with many frames (`event`) until `stop` names them. A followed file sends its next piece only after `ack` for the
last one, so a fast log never floods a slow line.
"""

MODULES = (
    "frames",
    "files",
    "attempts",
    "folders",
    "code",
    "control",
    "scan",
    "room",
    "commands",
    "follow",
    "asking",
    "mounts",
    "seldom",
    "machine",
    "disks",
    "quotas",
    "gputool",
    "gpuapps",
    "gpuparts",
    "amd",
    "telemetry",
    "survey",
    "results",
    "helper",
)
"""In the order in which each needs only those before it; before all of them come those of `backends.queue`."""

SEEK = ("terminal", "seek")
"""Of the program that the helper starts for each step of a search; before them come `frames` and `files`."""

TRACE = ("spans", "trace", "tracestream", "tracefile")
"""Of the program that sums up a trace."""

FOUND = ("frames", "files", "results")
"""What `backends.predictions` needs to find the files of an attempt."""

PYTHONS = ("pythons",)
"""Of the program that lists Python processes; before them come `processes` of `backends.queue`."""
