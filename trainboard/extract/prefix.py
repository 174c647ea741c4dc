"""What stands before a line's message: time, level, place in the source, rank."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from trainboard.extract.stamps import MONTHS, Stamp

if TYPE_CHECKING:
    from trainboard.extract.shape import Shape

PIECES_CAP = 16
NUMBER, DATE = b"\x00", b"\x01"
"""What stands for a token in the text of a line that these patterns see."""

_LEVEL = rb"(?:DEBUG|INFO|WARN|WARNING|ERROR|NOTICE|CRITICAL|FATAL|TRACE|debug|info|warn|warning|error)"
# Each piece is one alternative; they repeat in any order.
_PIECE = re.compile(
    rb"""
    (?P<glog> [IWEFD] (?P<md>\d{4}) \x20 (?P<clock>\x01) (?:\x20+\x00)? \x20+ )
  | (?P<unix> :::ML\w+ [ ] \x00 (?=[ ]) )
  | :::MLLOG (?=[ ])
  | \[ (?P<md_at>\x00) \x20 (?P<clock_at>\x01) \x20 (?= @ )
  | (?P<named> (?: (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? \x20 )?
        (?P<month>%(months)s) \x20+ \x00 \x20 \x01 (?P<year>\x20 \x00 (?!\S))? )
  | \[ \x01 \x20 %(level)s \]
  | (?: ts | time | timestamp | date | t ) = "? \x01 Z? "? (?=\s)
  | (?: level | lvl | severity ) = \w+ (?=\s)
  | \[ \x01 (?P<zone1> Z | [+-]\d\d:?\d\d )? \] (?: \x20* : (?=\s) )?
  | \( \x01 (?P<zone2> Z )? \)
  | \x01 (?P<zone3> Z | [+-]\d\d:?\d\d )? (?! \s*< | \s*,\s*\x00 | \w ) [:,]? (?=\s|$|\[|-|%(level)s\b)
  | \[? %(level)s \b \]? (?: \s* [:|] (?: [\w.]+ : (?=\S) )? )?
  | \[ (?: (?:[A-Za-z_]\w*\.)+\w+ | __main__ | root | \w+-\w+ | PID\x20\x00 ) \]:?
  | [\[(]? (?P<logger> (?:[A-Za-z_]\w*\.)+\w+ (?: :[\w<>]+ )? | __main__ :[\w<>]+ )
        :\x00 [\])]? (?= \s+ (?: [-|] \s | %(level)s ) )
  | (?P<host> (?<=\s) [A-Za-z][\w-]* (?:\.[\w-]+)* ) :\x00 (?= \s+ (?:[A-Za-z_]\w*\.)+\w+ :\x00 \s+ %(level)s )
  | \[NeMo \x20 [A-Z] \x20 (?P<nemo>\x01) \x20 \w+ :\x00 \]
  | \[ [\w.-]{1,60} \] \x20 (?= \x01 )
  | [A-Za-z_][\w.-]{0,60} \x20 - \x20 (?= \[? %(level)s \b )
  | (?<=\s) (?:[A-Za-z_]\w{0,40}\.){1,8}\w{1,40} \x20 - \x20
  | [\[(@]{0,2} (?:caller=)? (?P<site> [\w./-]{1,120} \.(?:py|cc|cpp|cxx|cu|c|h|hpp|go|rs|jl|lua) )
        (?: :\x00 )+ [\])]? :?
  | \( \w+ :\x00 \) :?
  | \[ (?P<mpi>\x00,\x00) \] <std(?:out|err)> :
  | [\[(<]? (?: (?:global_|local_)?rank | Rank | RANK | r(?=\d+\]) | default | worker | Worker | proc ) [ _:=]?
        (?: (?P<rank>\x00) (?: / \x00 )? | (?P<ranked>\d{1,5}) ) [\])>]? [:,]?
  | \( (?: [\w.:]+ \x20 )? pid=(?P<pid>\x00) [^)]{0,60} \)
  | \s+
  | (?<=\s) [-|:>] (?=\s)
    """
    % {b"months": MONTHS, b"level": _LEVEL},
    re.VERBOSE,
)


class Prefix(NamedTuple):
    """The prefix of a line."""

    slot: int = 0
    """The first number of the message, unless the message has none."""
    cut: int = 0
    """Where the message begins in the text before that number."""
    stamp: Stamp | None = None
    rank: int | None = None
    """The slot of the rank that printed the line."""
    ranked: int | None = None
    """The rank where it is glued to a word, as in `[rank3]:`."""
    site: str = ""
    """The source file that printed it."""


def prefix(shape: Shape) -> Prefix:
    """The prefix of lines of this shape."""
    line = shape.canon
    end, found = 0, Prefix()
    for _ in range(PIECES_CAP):
        piece = _PIECE.match(line, end)
        if piece is None or piece.end() == end:
            break
        found = _with(found, piece, line)
        end = piece.end()
    slot = shape.slot_at(end)
    start = max(line.rfind(NUMBER, 0, end), line.rfind(DATE, 0, end)) + 1
    return found._replace(slot=slot, cut=end - start)


def _with(found: Prefix, piece: re.Match[bytes], line: bytes) -> Prefix:
    groups = piece.groupdict()
    text = piece[0]
    if groups["site"]:
        found = found._replace(site=groups["site"].decode("utf-8", "replace").rpartition("/")[2])
    if groups["ranked"]:
        found = found._replace(ranked=int(groups["ranked"]))
    for name, last in (("rank", False), ("pid", False), ("mpi", True)):
        if groups[name] is not None:
            found = found._replace(rank=_slot(line, piece.start(name)) + last)
    if found.stamp is None and (DATE in text or groups["unix"]):
        found = found._replace(stamp=_stamp(piece, line))
    return found


def _stamp(piece: re.Match[bytes], line: bytes) -> Stamp:
    if piece["unix"]:
        return Stamp(_slot(line, piece.start()))
    clock = _slot(line, line.index(DATE, piece.start()))
    zone = next((piece[name] for name in ("zone1", "zone2", "zone3") if piece[name]), b"")
    if piece["md"]:
        return Stamp(clock, month=piece["md"])
    if piece["md_at"]:
        return Stamp(clock, day=clock - 1)
    if piece["named"]:
        return Stamp(clock, month=piece["month"], day=clock - 1, year=clock + 1 if piece["year"] else None)
    return Stamp(clock, zone=zone)


def _slot(line: bytes, at: int) -> int:
    """How many tokens stand before a place."""
    return line.count(NUMBER, 0, at) + line.count(DATE, 0, at)
