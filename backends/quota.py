"""What `quota`, `lfs quota` and `xfs_quota` print → the quotas, and the room that they leave. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from backends.checks import Space
from backends.machine import Quota
from backends.runner.quotas import records

if TYPE_CHECKING:
    from backends.runner.quotas import Record


def parse_quota(whose: str, text: str, device: str) -> tuple[Space, ...]:
    """The room on one device; nothing where there is no limit."""
    quotas = (quota(whose, record) for record in of_device(text, device))
    return tuple(_room(each) for each in quotas if each.limit is not None or each.files_limit is not None)


def of_device(text: str, device: str) -> list[Record]:
    """What is said of a device; `lfs` and `xfs_quota` are asked for one folder only, and print no heading."""
    heading = re.search(r"^Disk quotas for", text, re.MULTILINE)
    return [record for record in records(text) if record.name == device or not heading]


def quota(whose: str, record: Record) -> Quota:
    """In our words."""
    return Quota(whose, record.used, record.limit or None, record.files, record.files_limit or None)


def _room(quota: Quota) -> Space:
    blocks = None if quota.limit is None else max(0, quota.limit - quota.used)
    files = None if quota.files_limit is None else max(0, quota.files_limit - (quota.files_used or 0))
    return Space(f"{quota.whose} quota", blocks, files)
