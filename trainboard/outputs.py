"""What runs write that can be looked at, recognised by what the spec says, by names and by how files begin. Pure."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase, translate
from typing import TYPE_CHECKING

from trainboard.profile.traced import PATTERNS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from backends.base import Result

HEAD = 4096
"""Bytes of a file that its kind is recognised by."""


class Kind(StrEnum):
    """What there is to look at in files."""

    PREDICTIONS = "predictions"
    SEQUENCES = "sequences"
    SAMPLES = "samples"
    EMBEDDINGS = "embeddings"
    TRACES = "traces"
    OTHER = "other"


class Doubt(StrEnum):
    """Why an output may be of something else than the run that it is listed for."""

    LATER = "later"
    SHARED = "shared"


SLACK = 60.0
"""Seconds that a file may be newer than the end of the run that wrote it: clocks differ, file systems write late."""


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One file that a run wrote."""

    path: str
    """From where its program ran; untrusted."""
    size: int
    """Bytes."""
    changed: float
    """When it was written last, by the clock of its host."""
    step: int | None = None
    """That its name tells."""


@dataclass(frozen=True, slots=True)
class Output:
    """Files of one kind whose names differ in numbers alone; the oldest step first."""

    kind: Kind
    name: str
    """Their path, `*` where they differ."""
    files: tuple[OutputFile, ...]
    named: bool = False
    """The spec names them; else they were recognised."""
    doubt: Doubt | None = None
    """Why they may be of something else."""

    @property
    def size(self) -> int:
        """Bytes, of all."""
        return sum(each.size for each in self.files)

    @property
    def changed(self) -> float:
        """When the newest was written."""
        return max(each.changed for each in self.files)

    @property
    def steps(self) -> tuple[int, ...]:
        """Those that the names tell."""
        return tuple(dict.fromkeys(each.step for each in self.files if each.step is not None))


@dataclass(frozen=True, slots=True)
class Sort:
    """How files of a kind are recognised."""

    kind: Kind
    name: re.Pattern[str]
    """Found in the path, in small letters."""
    head: Callable[[bytes], bool] | None = None
    """Whether a file that begins so is one; None: the name is enough."""


def keys_of(head: bytes) -> frozenset[str]:
    """The names of the columns or keys that the first line of a table or JSONL has, in small letters."""
    line, _, _ = head.decode("utf-8-sig", "replace").partition("\n")
    line = line.strip()
    if line.startswith("{"):
        return _keys_of_json(line)
    names = re.split(r"[,;\t]", line)
    return frozenset(each.strip().strip('"').lower() for each in names) if len(names) > 1 else frozenset()


def _keys_of_json(line: str) -> frozenset[str]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):  # cut off, or torn: what stands before a colon
        return frozenset(name.lower() for name in re.findall(r'"([A-Za-z_]\w{0,40})"\s*:', line))
    return frozenset(map(str.lower, found)) if isinstance(found, dict) else frozenset()


TEXTS = frozenset({"t", "text", "token", "char", "tokens", "chars", "texts"})
"""What the characters or tokens of a sequence are called."""
CHANCES = frozenset(
    {"p", "prob", "probability", "logprob", "probs", "logprobs", "top", "dist", "units", "activations"}
)
"""What the expectations of a model are called; or the activations beside a text."""
SAMPLED = frozenset({"text", "sample", "samples", "generated", "output", "completion", "content"})
"""What a text that a model made is called."""
_TARGETS = re.compile(r"^(target|label|y_true|truth|true|gold|actual|y)s?$")
_PREDICTED = re.compile(r"^(pred\w*|y_pred|y_hat|yhat|output|score\w*|prob_.*|proba_.*|logits?(_.*)?)$")


def is_sequence(head: bytes) -> bool:
    """Characters or tokens with what the model expected."""
    keys = keys_of(head)
    return bool(keys & TEXTS and keys & CHANCES)


def is_predictions(head: bytes) -> bool:
    """Targets with predictions."""
    keys = keys_of(head)
    return any(map(_TARGETS.match, keys)) and any(map(_PREDICTED.match, keys))


def is_texts(head: bytes) -> bool:
    """Texts by step."""
    return head.lstrip().startswith(b"{") and bool(keys_of(head) & SAMPLED)


def is_numbers(head: bytes) -> bool:
    """A table of several columns of numbers in NumPy's format."""
    found = re.search(rb"'descr': *'[<>|=][fiu]\d+'.*'shape': *\((\d+), *(\d+)\)", head[:HEAD])
    return head.startswith(b"\x93NUMPY") and found is not None and int(found[2]) > 1


_TABLE = r"\.(csv|tsv|jsonl|ndjson|parquet)(\.gz)?$"
_SAMPLE = r"(sample|generat|preview|recon|fake|output)"
SORTS: Sequence[Sort] = (
    Sort(Kind.TRACES, re.compile("|".join(translate(each.removeprefix("**/")) for each in PATTERNS))),
    Sort(Kind.SEQUENCES, re.compile(r"\.(jsonl|ndjson|json)$"), is_sequence),
    Sort(
        Kind.EMBEDDINGS,
        re.compile(
            r"^(?!.*(?:labels|metadata)\.).*(embed|emb(?=[._-])|activation|latent|hidden|features).*\.(npy|npz|csv|tsv)$"
        ),
    ),
    Sort(Kind.PREDICTIONS, re.compile(_TABLE), is_predictions),
    Sort(Kind.PREDICTIONS, re.compile(r"pred[^/]*\.(csv|tsv|jsonl|ndjson|parquet)(\.gz)?$")),
    Sort(Kind.SAMPLES, re.compile(r"\.(png|jpe?g|gif|wav)$")),
    Sort(Kind.SAMPLES, re.compile(_SAMPLE + r".*\.(txt|md|npy)$")),
    Sort(Kind.SAMPLES, re.compile(_SAMPLE + r".*\.(jsonl|ndjson)$"), is_texts),
    Sort(Kind.EMBEDDINGS, re.compile(r"\.npy$"), is_numbers),
)
"""How files are recognised that the spec does not name; the first that fits holds."""


def needs_head(path: str) -> bool:
    """Whether only the beginning of a file tells of what kind it may be."""
    return any(sort.head is not None and sort.name.search(path.lower()) for sort in SORTS)


def recognise(path: str, head: bytes | None = None) -> Kind:
    """What a file is; without its beginning as far as the name tells."""
    lower = path.lower()
    for sort in SORTS:
        if sort.name.search(lower) and (sort.head is None or (head is not None and sort.head(head))):
            return sort.kind
    return Kind.OTHER


_NUMBER = re.compile(r"\d+")
_STEP = re.compile(r"(?:step|iter|iteration|epoch|ep|it|s|e)[-_=.]?(\d{1,15})(?!\d)", re.IGNORECASE)


def step_of(path: str) -> int | None:
    """The step that a path tells: the number behind such a word, else the last number of the file's name."""
    told = _STEP.findall(path)
    numbers = told or _NUMBER.findall(path.rpartition("/")[2])
    return int(numbers[-1]) if numbers and len(numbers[-1]) < 16 else None


def grouped(files: Iterable[tuple[Result, Kind, bool]], run: str = "") -> tuple[Output, ...]:
    """Files with their kind, and whether the spec names it, as outputs: of the spec first, the newest first.

    `run`: the run's name; numbers in that tell no files apart.
    """
    groups: defaultdict[tuple[Kind, bool, str], list[Result]] = defaultdict(list)
    for file, kind, named in files:
        parts = file.path.split(run) if run else [file.path]
        groups[kind, named, run.join(_NUMBER.sub("*", part) for part in parts)].append(file)
    found = [_output(*key, members) for key, members in groups.items()]
    return tuple(sorted(found, key=lambda each: (not each.named, each.kind is Kind.OTHER, -each.changed, each.name)))


def _output(kind: Kind, named: bool, name: str, members: Sequence[Result]) -> Output:
    if len(members) == 1:
        name = members[0].path
    files = [OutputFile(each.path, each.size, each.changed, step_of(each.path)) for each in members]
    files.sort(key=lambda each: (each.step is not None, each.step or 0, each.changed, each.path))
    return Output(kind, name, tuple(files), named)


def doubted(output: Output, run: str, ended: float | None, *, shared: bool) -> Doubt | None:
    """Why an output may not be of this run: it was changed after its end, or others ran in the same folder at the
    same time and its name does not tell whose it is."""
    if ended is not None and output.changed > ended + SLACK:
        return Doubt.LATER
    return Doubt.SHARED if shared and not is_of(output.name, {run}) else None


def is_of(path: str, names: Collection[str]) -> bool:
    """Whether a folder or file of a path is called like one of these runs."""
    for part in path.split("/"):
        while part:
            if part in names:
                return True
            part = part.rpartition(".")[0]
    return False


def named_by(patterns: Mapping[str, Sequence[str]], path: str) -> Kind | None:
    """The kind that the spec's globs give a path; None where none of them finds it."""
    for key, globs in patterns.items():
        if any(finds(each, path) for each in globs):
            return Kind(key)
    return None


def finds(pattern: str, path: str) -> bool:
    """Whether a glob finds a path: `**` stands for any folders, and a folder for all that is in it."""
    return _finds([each for each in pattern.split("/") if each not in ("", ".")], path.split("/"))


def _finds(parts: Sequence[str], names: Sequence[str]) -> bool:
    if not parts:
        return True
    if parts[0] == "**":
        return any(_finds(parts[1:], names[at:]) for at in range(len(names)))
    return bool(names) and fnmatchcase(names[0], parts[0]) and _finds(parts[1:], names[1:])
