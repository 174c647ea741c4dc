"""What a trace says, gathered event by event. Times are microseconds."""

import re
from array import array
from typing import Any, Dict, List, Tuple

from backends.remote.spans import Lane, Spans

STORED = 2000000
"""Events that are kept to find out which ran within which; of those beyond, all of the time counts as their own."""

NAMES = 100000
"""Different names that are told apart."""

TOLD = 300
"""Operations in the answer."""

STEPS = 500
"""Steps in the answer."""

DEVICE = re.compile(r"/device:(GPU|TPU)|^(GPU|TPU) ?\d*$", re.I)
STREAM = re.compile(r"^(stream\b|XLA Ops)", re.I)
NCCL = re.compile(r"nccl|rccl|all-?reduce|all-?gather|reduce-?scatter", re.I)
COPY = re.compile(r"^(memcpy|memset)", re.I)
LOADING = re.compile(r"dataloader|data_?load|next_batch|prefetch", re.I)
OPTIMIZER = re.compile(r"^Optimizer\.|optimizer", re.I)
STEP = re.compile(r"^ProfilerStep#?\s*(\d+)")

ON_GPU = {"kernel": "kernels", "gpu_memcpy": "memory copies", "gpu_memset": "memory copies"}
BY_CATEGORY = {"cuda_runtime": "CUDA calls", "cuda_driver": "CUDA calls", "python_function": "Python"}
ASIDE = ("Trace", "gpu_user_annotation", "overhead")
"""Categories that say nothing of their own."""

KERNELS, COPIES, COMMUNICATION = "kernels", "memory copies", "communication (NCCL)"
LOAD, OPTIMIZE, OPERATORS, OTHER = "data loading", "optimizer", "operators", "other"
GPU = (KERNELS, COPIES, COMMUNICATION)


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
