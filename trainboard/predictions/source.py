"""Where the predictions of one run are had from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from trainboard.predictions.summary import Comparison, Summary


class Source(Protocol):
    """A file of predictions of one run, or one of this machine. Every call raises `Refused`, in one line."""

    @property
    def name(self) -> str:
        """Whose it is, for people; untrusted."""

    @property
    def file(self) -> str:
        """What is read, and where, as far as it is known: `preds.csv on gpu1`; untrusted."""

    async def read(self) -> Summary:
        """What the file says; it is read where it lies. Given up, that ends there too."""

    async def compared(self, other: Source) -> Comparison:
        """What the other's file says of the same samples."""

    async def changed(self, found: Summary) -> bool:
        """Whether the file is another one than that which was read."""
