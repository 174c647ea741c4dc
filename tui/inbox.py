"""The findings of all runs, as the screen looks at them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from trainboard.events import FindingsSeen
    from trainboard.records import Diagnosed, Mute

SIGNS: Mapping[str, tuple[str, str]] = {
    "error": ("▲", "bad"),
    "warning": ("△", "waiting"),
    "info": ("·", "dim"),
}
"""Sign and tone of each severity, the worst first."""


def sign_of(finding: Diagnosed | None) -> tuple[str, str]:
    """Sign and tone of a finding; a blank where there is none."""
    return (" ", "plain") if finding is None else SIGNS.get(finding.severity, ("?", "waiting"))


@dataclass(frozen=True, slots=True)
class Entry:
    """A finding in the list."""

    finding: Diagnosed
    mute: Mute | None

    @property
    def fresh(self) -> bool:
        """Whether it is one that the user has not seen and would want to."""
        return self.finding.read is None and self.mute is None and not self.finding.over


class Inbox:
    """What was found, by row; changed as a whole by `put`."""

    def __init__(self, seen: FindingsSeen | None = None) -> None:
        self.seen: FindingsSeen | None = None
        """What was told last; None: nothing yet."""
        self.entries: tuple[Entry, ...] = ()
        """The newest first."""
        self.unread = 0
        """How many the user has not seen yet."""
        self._rows: dict[str, dict[str, Entry]] = {}
        """By row, and by the finding's id."""
        self._worst: dict[str, Diagnosed] = {}
        if seen is not None:
            self.put(seen)

    def put(self, seen: FindingsSeen) -> set[str]:
        """All findings as they are now; the keys of the rows whose worst one is another than before.

        Only rows with findings that are new cost anything, unless others are muted than before.
        """
        from trainboard.muting import muted_by

        if self.seen is None or seen.mutes != self.seen.mutes:
            self._rows = {}
        self.seen = seen
        news, rows, entries = set(), self._rows, []
        for finding in reversed(seen.findings):
            own = rows.get(finding.key)
            entry = None if own is None else own.get(finding.id)
            if entry is None or entry.finding is not finding:
                entry = Entry(finding, muted_by(finding, seen.mutes))
                rows.setdefault(finding.key, {})[finding.id] = entry
                news.add(finding.key)
            entries.append(entry)
        self.entries = tuple(entries)
        self.unread = sum(entry.fresh for entry in entries) if news else self.unread
        return {key for key in news if self._weigh(key)}

    def _weigh(self, key: str) -> bool:
        """Find out which is the worst of a row; whether it is another one than before."""
        from trainboard.findings import worst

        before, found = self._worst.pop(key, None), worst(self._shown(key))
        if found is not None:
            self._worst[key] = found
        return found is not before

    def _shown(self, key: str) -> list[Diagnosed]:
        """Of a row's newest attempt that has any, what is not muted."""
        return newest([entry.finding for entry in self._rows.get(key, {}).values() if entry.mute is None])

    def worst(self, key: str) -> Diagnosed | None:
        """The worst finding that goes on, of a row's newest attempt."""
        return self._worst.get(key)

    def worst_of(self, keys: Collection[str]) -> Diagnosed | None:
        """The worst one of many rows."""
        if not self._worst:
            return None
        from trainboard.findings import worst

        return worst(finding for key, finding in self._worst.items() if key in keys)

    def of(self, key: str) -> tuple[Diagnosed, ...]:
        """The findings of a row's newest attempt that are not muted: root causes first, what is over last."""
        return tuple(sorted(self._shown(key), key=rank))

    def listed(self, words: Sequence[str], *, every: bool) -> tuple[Entry, ...]:
        """Those with all these words in them; without `every`, only what goes on and is not muted."""
        return tuple(
            entry
            for entry in self.entries
            if (every or (entry.mute is None and not entry.finding.over)) and matches(entry.finding, words)
        )


def newest(findings: Sequence[Diagnosed]) -> list[Diagnosed]:
    """Those of the newest attempt that has any."""
    last = max((each.attempt for each in findings), default=0)
    return [each for each in findings if each.attempt == last]


def rank(finding: Diagnosed) -> tuple[object, ...]:
    """What is to be read first."""
    places = {word: place for place, word in enumerate(SIGNS)}
    return finding.over, bool(finding.root), places.get(finding.severity, places["warning"]), finding.first


def matches(finding: Diagnosed, words: Sequence[str]) -> bool:
    """Whether all words are in what is seen of it."""
    text = f"{finding.name} {finding.key} {finding.rule} {finding.cause} {finding.severity} {finding.message}".lower()
    return all(word in text for word in words)
