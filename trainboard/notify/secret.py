"""Text that is never shown: the addresses of notifiers, which hold passwords and tokens. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class MissingVariable(Exception):
    """The environment lacks a variable that a secret names; `str()` is one line without the secret."""


class Secret:
    """A text that may name variables of the environment, `${NAME}`; only `reveal` and `written` give it away."""

    __slots__ = ("_written",)

    def __init__(self, written: str) -> None:
        self._written = written

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._written == other._written

    def __hash__(self) -> int:
        return hash(self._written)

    @property
    def written(self) -> str:
        """The text as the config has it."""
        return self._written

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that it names, each once."""
        return tuple(dict.fromkeys(VARIABLE.findall(self._written)))

    def reveal(self, environ: Mapping[str, str]) -> str:
        """The text. Raises `MissingVariable`.

        A variable that is the whole text is taken as it is; in a part of it, what a URL would take for its own marks
        is quoted: a password may hold an `@`.
        """
        for name in self.variables:
            if not environ.get(name):
                raise MissingVariable(f"the environment has no {name}")
        if whole := VARIABLE.fullmatch(self._written):
            return environ[whole[1]]
        return VARIABLE.sub(lambda match: quote(environ[match[1]], safe=""), self._written)
