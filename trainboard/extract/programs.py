"""Which program a log says that a shell started: the next one's metrics are not those of the one before."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LINE_CAP = 512
"""Bytes of a shell's line that are looked at."""
# `+ python train.py`, `user@host:~$ CUDA_VISIBLE_DEVICES=0 python3 -u train.py --lr 1`, `torchrun … train.py`.
_STARTED = re.compile(
    rb"(?:^\+ |[$#>] |^)(?:\w{1,80}=\S{0,80} )*(?:[\w./-]{0,80}/)?(?:python[\d.]{0,8}|torchrun)"
    rb"\s[^\n]{0,400}?([\w-]{1,80}\.py)\b"
)


class Programs:
    """The first program of a log, and the one that runs now."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = list(names)

    @property
    def other(self) -> str:
        """The running program, where it is not the first."""
        return self.names[-1] if len(self.names) > 1 and self.names[-1] != self.names[0] else ""

    def see(self, line: bytes) -> bool:
        """Whether a line says that a program is started."""
        found = _STARTED.search(line[:LINE_CAP])
        if found:
            self.names = [*self.names[:1], found[1].decode()]
        return found is not None
