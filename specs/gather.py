"""Several readings of one section, each of which may fail by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

from specs.model import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Parameters = ParamSpec("Parameters")
Found = TypeVar("Found")


class Gather:
    """Calls readers and keeps what they complain of, so that one mistake does not hide the next."""

    def __init__(self) -> None:
        self.errors: list[SpecError] = []

    def __call__(
        self, read: Callable[Parameters, Found], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Found:
        """What `read` returns. Where it fails, None: `done` must come before that is used."""
        try:
            return read(*args, **kwargs)
        except SpecError as error:
            self.errors.append(error)
        except ExceptionGroup as group:
            self.errors += all_of(group)
        return cast("Found", None)

    def add(self, errors: Iterable[SpecError]) -> None:
        """Keep these too."""
        self.errors += errors

    def done(self) -> None:
        """Raise what was kept: a `SpecError`, or an `ExceptionGroup` of several."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise ExceptionGroup("mistakes in one section", self.errors)


def all_of(group: ExceptionGroup[Exception]) -> list[SpecError]:
    """The errors of a group that `Gather.done` raised. Raises again what is none of ours."""
    ours, others = group.split(SpecError)
    if others is not None:
        raise others
    found: list[SpecError] = []
    for each in ours.exceptions if ours is not None else ():
        found += all_of(each) if isinstance(each, ExceptionGroup) else [each]
    return found
