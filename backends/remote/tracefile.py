"""A program of its own: what a trace or a profile that a training wrote says, as one short answer.

Argument: the path. It runs where the file lies, in a process with limits: a trace may have gigabytes, and what
`marshal` reads may be made to crash. Times are microseconds.
"""

import bisect
import codecs
import json
import marshal
import os
import re
import resource
import sys
import zlib
from array import array
from typing import Any, BinaryIO, Callable, Dict, Iterator, List, Optional, Tuple

MEMORY = 2 << 30
"""Bytes of address space that it may have."""

CHUNK = 1 << 20
"""Characters that are read at once."""

LONGEST = 8 << 20
"""Characters of one event, and of what stands before the first."""

STORED = 2000000
"""Events that are kept to find out which ran within which; of those beyond, all of the time counts as their own."""

NAMES = 100000
"""Different names that are told apart."""

TOLD = 300
"""Operations in the answer."""

STEPS = 500
"""Steps in the answer."""

PSTATS = 64 << 20
"""Bytes of a file of cProfile."""

MERGED = 200000
"""Intervals from which on those that touch are made one."""

DEVICE = re.compile(r"/device:(GPU|TPU)|^(GPU|TPU) ?\d*$", re.I)
STREAM = re.compile(r"^(stream\b|XLA Ops)", re.I)
NCCL = re.compile(r"nccl|rccl|all-?reduce|all-?gather|reduce-?scatter", re.I)
COPY = re.compile(r"^(memcpy|memset)", re.I)
LOADING = re.compile(r"dataloader|data_?load|next_batch|prefetch", re.I)
OPTIMIZER = re.compile(r"^Optimizer\.|optimizer", re.I)
STEP = re.compile(r"^ProfilerStep#?\s*(\d+)")
START = re.compile(r'"traceEvents"\s*:\s*\[')
SPACE = re.compile(r"[\s,]*")

ON_GPU = {"kernel": "kernels", "gpu_memcpy": "memory copies", "gpu_memset": "memory copies"}
BY_CATEGORY = {"cuda_runtime": "CUDA calls", "cuda_driver": "CUDA calls", "python_function": "Python"}
ASIDE = ("Trace", "gpu_user_annotation", "overhead")
"""Categories that say nothing of their own."""

KERNELS, COPIES, COMMUNICATION = "kernels", "memory copies", "communication (NCCL)"
LOAD, OPTIMIZE, OPERATORS, OTHER = "data loading", "optimizer", "operators", "other"
GPU = (KERNELS, COPIES, COMMUNICATION)


def main() -> int:
    """Print the answer as JSON; words on standard error where there is none."""
    os.nice(10)
    if sys.platform.startswith("linux"):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        print(json.dumps(answer(sys.argv[-1])))
    except (ValueError, OSError, EOFError, TypeError, MemoryError, zlib.error) as error:
        sys.stderr.write(str(error) or type(error).__name__)
        return 1
    return 0


def answer(path: str) -> Dict[str, Any]:
    """By what is in the file. Raises what reading it raises, and ValueError for a file of another kind."""
    with open(path, "rb") as file:
        head = file.read(4096)
    if head[:2] != b"\x1f\x8b" and head[:1] in (b"{", b"\xfb") and b"\0" in head:
        return pstats(path)
    return trace(path, head[:2] == b"\x1f\x8b")


# cProfile


def pstats(path: str) -> Dict[str, Any]:
    """What cProfile saved."""
    size = os.path.getsize(path)
    if size > PSTATS:
        raise ValueError("%d MB are too many for a file of cProfile" % (size >> 20))
    with open(path, "rb") as file:
        found = marshal.loads(file.read())
    if not isinstance(found, dict):
        raise ValueError("no file of cProfile")
    rows = []
    for key, value in found.items():
        times = value[:4] if isinstance(value, tuple) else None
        if not (is_tuple(key, (str, int, str)) and is_tuple(times, (int, int, float, float))):
            raise ValueError("no file of cProfile")
        (file_name, line, function), (_, calls, own, total) = key, value[:4]
        rows.append([function, file_name, line, calls, total * 1e6, own * 1e6])
    rows.sort(key=lambda row: -row[5])
    names = ("name", "file", "line", "count", "total", "self")
    told = [dict(zip(names, row)) for row in rows[:TOLD]]  # noqa: B905  # Python 3.6 has no `strict`
    return {
        "kind": "pstats",
        "span": sum(row[5] for row in rows),
        "operations": told,
        "more": max(0, len(rows) - TOLD),
    }


def is_tuple(value: object, kinds: Tuple[type, ...]) -> bool:
    """Whether it has exactly such members; a whole number is a fraction, too."""
    return (
        isinstance(value, tuple)
        and len(value) == len(kinds)
        and all(isinstance(each, (int, float) if kind is float else kind) for each, kind in zip(value, kinds))  # noqa: B905  # as below
    )


# Chrome's trace format


class Stream(object):
    """The events of a trace, read piece by piece; one that is still being written is read as far as it goes."""

    def __init__(self, read: Callable[[int], str]) -> None:
        self.read = read
        self.damage = ""
        """Why it was not read to its end; empty where it was."""

    def events(self) -> Iterator[Dict[str, Any]]:
        """One after the other. Raises ValueError where it is no trace at all."""
        decode = json.JSONDecoder(strict=False).raw_decode
        text, at = self.begin()
        while True:
            space = SPACE.match(text, at)
            at = space.end() if space is not None else at
            if at < len(text) and text[at] == "]":
                return
            try:
                event, at = decode(text, at)
            except ValueError:
                more = self.more() if len(text) - at < LONGEST else ""
                if not more:
                    self.damage = self.damage or "it ends in the midst of an event, or is damaged there"
                    return
                text, at = text[at:] + more, 0
                continue
            if isinstance(event, dict):
                yield event

    def begin(self) -> Tuple[str, int]:
        """What was read, and where the first event is in it."""
        text = ""
        while len(text) < LONGEST:
            more = self.more()
            text += more
            bare = text.lstrip("\ufeff \t\r\n")
            if bare.startswith("["):
                return bare, 1
            match = START.search(text)
            if match is not None:
                return text, match.end()
            if not more or (bare and not bare.startswith("{")):
                break
        raise ValueError("it has no trace events")

    def more(self) -> str:
        """The next piece; empty at the end, also where what is packed is torn there."""
        try:
            return self.read(CHUNK)
        except (OSError, zlib.error) as error:
            self.damage = "it is torn: %s" % error
            return ""


class Spans(object):
    """Intervals of time; those that touch or overlap count once."""

    def __init__(self) -> None:
        self.pairs = []  # type: List[Tuple[float, float]]
        self.limit = MERGED

    def add(self, start: float, end: float) -> None:
        """One more."""
        self.pairs.append((start, end))
        if len(self.pairs) >= self.limit:
            self.merge()
            self.limit = max(MERGED, 2 * len(self.pairs))

    def merge(self) -> None:
        """Make one of those that touch."""
        self.pairs.sort()
        merged = []  # type: List[Tuple[float, float]]
        for start, end in self.pairs:
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((start, end))
        self.pairs = merged

    def within(self, start: float, end: float) -> float:
        """How much of an interval they fill; they must be merged."""
        at = max(0, bisect.bisect_left(self.pairs, (start, start)) - 1)
        filled = 0.0
        while at < len(self.pairs) and self.pairs[at][0] < end:
            filled += max(0.0, min(end, self.pairs[at][1]) - max(start, self.pairs[at][0]))
            at += 1
        return filled


class Lane(object):
    """The events of one thread, to find out which ran within which."""

    def __init__(self) -> None:
        self.starts, self.lengths, self.names = array("d"), array("d"), array("l")

    def own(self, add: Callable[[int, float], None]) -> None:
        """Tell of each how long it ran without those within it."""
        order = sorted(range(len(self.starts)), key=lambda at: (self.starts[at], -self.lengths[at]))
        stack = []  # type: List[Tuple[float, int, List[float]]]
        for at in order:
            start, length = self.starts[at], self.lengths[at]
            while stack and stack[-1][0] <= start:
                self.close(stack, add)
            if stack:
                stack[-1][2][0] -= min(length, stack[-1][0] - start)
            stack.append((start + length, self.names[at], [length]))
        while stack:
            self.close(stack, add)

    def close(self, stack: List[Tuple[float, int, List[float]]], add: Callable[[int, float], None]) -> None:
        """The innermost has ended."""
        _, name, left = stack.pop()
        add(name, max(0.0, left[0]))


class Trace(object):
    """What is gathered, event by event."""

    def __init__(self) -> None:
        self.processes = {}  # type: Dict[object, str]
        self.threads = {}  # type: Dict[Tuple[object, object], str]
        self.names = {}  # type: Dict[Tuple[str, str], int]
        self.known = {}  # type: Dict[Tuple[str, str, Tuple[object, object]], Tuple[int, str]]
        self.counts, self.totals, self.selfs = array("l"), array("d"), array("d")
        self.lanes = {}  # type: Dict[Tuple[object, object], Lane]
        self.stored, self.count = 0, 0
        self.spans = {name: Spans() for name in (KERNELS, COPIES, COMMUNICATION, LOAD, OPTIMIZE)}
        self.devices = {}  # type: Dict[object, Spans]
        self.steps = {}  # type: Dict[int, Tuple[float, float]]
        self.first, self.last = float("inf"), float("-inf")

    def take(self, event: Dict[str, Any]) -> None:
        """One event."""
        if event.get("ph") == "M":
            self.meet(event)
        start, length, name = event.get("ts"), event.get("dur"), event.get("name")
        if event.get("ph") != "X" or not is_number(start) or not is_number(length) or not isinstance(name, str):
            return
        assert isinstance(start, (int, float))
        assert isinstance(length, (int, float))
        self.count += 1
        category = str(event.get("cat") or "")
        step = STEP.match(name)
        if step is not None and len(step.group(1)) < 12:
            self.steps.setdefault(int(step.group(1)), (start, start + length))
        if category in ASIDE or step is not None:
            return
        self.first, self.last = min(self.first, start), max(self.last, start + length)
        self.put(event, name, category, float(start), max(0.0, float(length)))

    def put(self, event: Dict[str, Any], name: str, category: str, start: float, length: float) -> None:
        """An event that took time."""
        lane = (hashed(event.get("pid")), hashed(event.get("tid")))
        known = self.known.get((name, category, lane))
        if known is None:
            kind = self.kind(name, category, lane)
            known = self.place(name, kind), kind
            if len(self.known) < NAMES:
                self.known[name, category, lane] = known
        place, kind = known
        self.counts[place] += 1
        self.totals[place] += length
        if kind in self.spans:
            self.spans[kind].add(start, start + length)
        if kind in GPU:
            device = (event.get("args") or {}).get("device") if isinstance(event.get("args"), dict) else None
            device = lane[0] if device is None else hashed(device)
            self.devices.setdefault(device, Spans()).add(start, start + length)
        if kind in GPU or self.stored >= STORED:
            self.selfs[place] += length
            return
        self.stored += 1
        kept = self.lanes.setdefault(lane, Lane())
        kept.starts.append(start)
        kept.lengths.append(length)
        kept.names.append(place)

    def meet(self, event: Dict[str, Any]) -> None:
        """The name of a process or thread."""
        args = event.get("args")
        name = str(args.get("name") or "") if isinstance(args, dict) else ""
        pid, tid = hashed(event.get("pid")), hashed(event.get("tid"))
        if event.get("name") == "process_name" and len(self.processes) < NAMES:
            self.processes[pid] = name
        elif event.get("name") == "thread_name" and len(self.threads) < NAMES:
            self.threads[pid, tid] = name

    def kind(self, name: str, category: str, lane: Tuple[object, object]) -> str:
        """What sort of work it is."""
        on_gpu = ON_GPU.get(category)
        if on_gpu is None and DEVICE.search(self.processes.get(lane[0], "")):
            on_gpu = KERNELS if STREAM.search(self.threads.get(lane, "")) else None
            if on_gpu is None:
                return OTHER  # the same once more: JAX tells modules and steps above their operations
        if on_gpu is not None:
            return COMMUNICATION if NCCL.search(name) else COPIES if COPY.search(name) else on_gpu
        if category in BY_CATEGORY:
            return BY_CATEGORY[category]
        if LOADING.search(name):
            return LOAD
        if OPTIMIZER.search(name):
            return OPTIMIZE
        return OPERATORS if category == "cpu_op" else OTHER

    def place(self, name: str, kind: str) -> int:
        """The number of an operation."""
        key = (name, kind)
        if key not in self.names and len(self.names) >= NAMES:
            key = ("(others)", kind)
        place = self.names.setdefault(key, len(self.counts))
        if place == len(self.counts):
            self.counts.append(0)
            self.totals.append(0.0)
            self.selfs.append(0.0)
        return place

    def add_own(self, place: int, length: float) -> None:
        """Time of an operation itself."""
        self.selfs[place] += length

    def answer(self, damage: str) -> Dict[str, Any]:
        """All of it."""
        for lane in self.lanes.values():
            lane.own(self.add_own)
        for spans in list(self.spans.values()) + list(self.devices.values()):
            spans.merge()
        begin, end = self.first, self.last
        if self.steps:
            begin = min(start for start, _ in self.steps.values())
            end = max(stop for _, stop in self.steps.values())
        span = max(0.0, end - begin) if self.count and begin <= end else 0.0
        busy = [each.within(begin, end) for each in self.devices.values()] if span else []
        return {
            "kind": "trace",
            "events": self.count,
            "span": span,
            "gpus": len(self.devices),
            "idle": max(0.0, 1 - sum(busy) / len(busy) / span) if busy else None,
            "parts": self.parts(begin, end, span, busy),
            "operations": self.operations(),
            "more": max(0, len(self.names) - TOLD),
            "steps": self.by_step(),
            "damage": damage,
            "beyond": max(0, self.count - self.stored) if self.stored >= STORED else 0,
        }

    def parts(self, begin: float, end: float, span: float, busy: List[float]) -> List[Dict[str, Any]]:
        """Time by sort of work: of what is measured as intervals, how much of the span they fill; else its sum."""
        found = {name: spans.within(begin, end) for name, spans in self.spans.items()} if span else {}
        for (_, kind), place in self.names.items():
            if kind not in self.spans:
                found[kind] = found.get(kind, 0.0) + self.selfs[place]
        if busy:
            found["GPU idle"] = max(0.0, span - sum(busy) / len(busy))
        told = [(name, time) for name, time in found.items() if time > 0]
        return [{"name": name, "time": time} for name, time in sorted(told, key=lambda each: -each[1])]

    def operations(self) -> List[Dict[str, Any]]:
        """Those that took most themselves."""
        order = sorted(self.names.items(), key=lambda each: -self.selfs[each[1]])
        return [
            {
                "name": name[:400],
                "part": kind,
                "count": self.counts[at],
                "total": self.totals[at],
                "self": self.selfs[at],
            }
            for (name, kind), at in order[:TOLD]
        ]

    def by_step(self) -> List[Dict[str, Any]]:
        """What each step was spent with."""
        told = []
        for number, (start, end) in sorted(self.steps.items())[:STEPS]:
            busy = [spans.within(start, end) for spans in self.devices.values()]
            told.append(
                {
                    "step": number,
                    "time": end - start,
                    "gpu": sum(busy) / len(busy) if busy else None,
                    "loading": self.spans[LOAD].within(start, end),
                    "optimizer": self.spans[OPTIMIZE].within(start, end),
                }
            )
        return told


def is_number(value: object) -> bool:
    """Whether it is finite, too."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300


def hashed(value: object) -> object:
    """Something to know it by; what is no number is its text."""
    return value if isinstance(value, (int, str)) else str(value)


class Text(object):
    """The text of a file, packed or not, read piece by piece; of one that is torn, what is there."""

    def __init__(self, file: BinaryIO, packed: bool) -> None:
        self.file = file
        self.inflate = zlib.decompressobj(31) if packed else None  # type: Any
        self.left = b""
        self.decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def read(self, size: int) -> str:
        """At most so many bytes of it; empty at the end."""
        while True:
            data = self.left or self.file.read(size)
            if not data:
                return self.decode(b"", True)
            text = self.decode(self.unpacked(data, size) if self.inflate is not None else data)
            if text:
                return text

    def unpacked(self, data: bytes, size: int) -> bytes:
        """A piece of it; several that were packed one by one may follow each other."""
        found = self.inflate.decompress(data, size)  # type: bytes
        self.left = self.inflate.unconsumed_tail
        if self.inflate.eof:
            self.left = self.inflate.unused_data
            self.inflate = zlib.decompressobj(31)
        return found


def trace(path: str, packed: bool) -> Dict[str, Any]:
    """What a trace says."""
    found = Trace()
    with open(path, "rb") as file:
        stream = Stream(Text(file, packed).read)
        for event in stream.events():
            found.take(event)
    return found.answer(stream.damage)
