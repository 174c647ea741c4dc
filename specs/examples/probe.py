"""What happens inside the network, for the log: one file without dependencies, to import or to copy.

    from trainboard.probe import log_layers  # where trainboard is installed
    from probe import log_layers  # where a copy of this file lies beside the program

    loss.backward()
    optimizer.step()
    log_layers(model, step)  # a torch module; before the next zero_grad()
    log_layers(params, step, grads=grads)  # mappings of arrays: numpy, JAX, TensorFlow, CuPy

Every 100 steps it prints a line for each weight with two or more axes:

    {"step": 100, "conv1.weight": {"norm": 3.2, "zeros": 0.0, "update_ratio": 0.0012, "grad_norm": 0.013, ...}}

    norm          Euclidean norm of the weights
    zeros         share of weights that are exactly zero
    update_ratio  norm of what the step changed, by the norm of the weights
    grad_norm     Euclidean norm of the gradient
    grad_zeros    share of its numbers that are exactly zero
    dead          share of the layer's outputs whose whole gradient is exactly zero

With `quantiles=True` also `q.05` and `grad_q.05`, … : five percent of the weights, of the gradient, are below that.
From these trainboard draws how the whole distribution went.

`zeros`, `grad_zeros`, `update_ratio` and the quantiles are of a sample of at most 16,384 weights of each layer. Where
arrays are spread over processes, the first one tells of its part of them. Trainboard reads the lines without being
told; so does all that reads JSON. A failure is one line and the end of the printing, never an exception.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
import time
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from types import ModuleType

    # Of frameworks that are not imported here.
    Array = Any
    Tree = Any

SAMPLE = 16384
"""Weights of a layer that are looked at for shares and for the update."""
NAME_LENGTH = 64
"""Letters of a layer's name; of a longer one, its end."""
PERCENTS = (0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 100)
"""Of the quantiles."""
TINY = 1e-30
"""What a change is divided by where the weights are all zero."""
_BARS = frozenset(("tqdm", "keras", "progressbar", "alive_progress", "fastprogress"))
_WRAPPER = re.compile(r"(?<![^.])(?:module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")


def log_layers(
    params: Tree,
    step: int | None = None,
    *,
    grads: Tree = None,
    every: int = 100,
    at_most: float = 0.02,
    name: str = "",
    quantiles: bool = False,
) -> None:
    """Print the layers' norms where it is time for it. Call it at every step: else it takes two microseconds.

    `params` is a torch module, a Keras model, a mapping of arrays, nested as it may be, or pairs of a name and an
    array; `grads` is built alike, and torch needs none. Without a `step` the calls are counted. `every` is in steps;
    `at_most` is the share of the time that may go into this: steps are left out to keep to it. A `name` tells two
    networks of one program apart: it stands before the layers' names. `quantiles`: tell how the numbers are
    distributed, too; the lines are six times as long then.
    """
    probe = _PROBES.get(name)
    if probe is None:
        probe = _PROBES[name] = Probe(name)
    probe.look(params, step, grads, every, at_most, quantiles)


class Probe:
    """What is remembered of one network from call to call."""

    def __init__(
        self,
        name: str = "",
        write: Callable[[str], object] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._name = name
        self._write = write or _write
        self._clock = clock
        self._library: _Library | None = None
        self._off = False
        self._spread = False
        """Whether quantiles are printed."""
        self._step: int | None = None
        """Of the call before."""
        self._expected = False
        """Whether the call before took this one for one that prints."""
        self._before: dict[str, Array] = {}
        """Samples of the weights at the call before, where it did."""
        self._began = 0.0
        """When the first lines were printed: for these libraries load and compile, and that does not count."""
        self._spent = 0.0
        """Seconds since then that went into this."""

    def look(
        self, params: Tree, step: int | None, grads: Tree, every: int, at_most: float, quantiles: bool = False
    ) -> None:
        """One call of `log_layers`."""
        if self._off:
            return
        self._spread = quantiles
        try:
            self._look(params, step, grads, max(1, every), at_most)
        except Exception as error:  # whatever it is, the training goes on
            self._off, self._before = True, {}
            said = str(error).strip().partition("\n")[0]
            with suppress(Exception):
                self._write(f"log_layers: {type(error).__name__}: {said} (no layers are printed from here on)\n")

    def _look(self, params: Tree, step: int | None, grads: Tree, every: int, at_most: float) -> None:
        last = self._step
        step = self._step = (0 if last is None else last + 1) if step is None else int(step)
        ahead = step + (1 if last is None else max(1, step - last))
        due, soon = last is None or step // every > last // every, ahead // every > step // every
        expected, self._expected = self._expected, soon
        if not (due or soon or expected):
            return
        start = self._clock()
        affordable = last is None or self._spent <= at_most * (start - self._began)
        before, self._before = self._before, {}
        if due and (before or (affordable and not expected)):
            self._print(step, params, grads, before)
        if last is None:
            start = self._began = self._clock()
        if soon and affordable and not self._off:
            self._before = {each.name: self._of(each).sample(each.array) for each in _tensors(params, None)}
        self._spent += self._clock() - start

    def _print(self, step: int, params: Tree, grads: Tree, before: dict[str, Array]) -> None:
        tensors = list(_tensors(params, grads))
        if not tensors:
            raise ValueError(f"no arrays of numbers in a {type(params).__name__}")
        library = self._of(tensors[0])
        if library.rank() > 0:
            self._off = True
            return
        measured = [library.measure(each, before.get(each.name)) for each in tensors]
        lines = []
        for each, said in zip(tensors, library.read(measured)):  # noqa: B905  # `strict` came with Python 3.10
            name = f"{self._name}.{each.name}" if self._name else each.name
            if self._spread:
                said.update(library.quantiles(each))
            rounded = {quantity: float(f"{number:.4g}") for quantity, number in said.items()}
            lines.append(json.dumps({"step": step, name: rounded}) + "\n")
        self._write("".join(lines))

    def _of(self, tensor: Tensor) -> _Library:
        """What can count with its array."""
        if self._library is None:
            self._library = _library(tensor.array)
        return self._library


_PROBES: dict[str, Probe] = {}


def _write(text: str) -> None:
    # A bar that stands open would be a part of the first line: it is drawn anew at its next step.
    over = "" if _BARS.isdisjoint(sys.modules) else "\r"
    sys.stdout.write(over + text)
    sys.stdout.flush()


class Tensor(NamedTuple):
    """The weights of a layer."""

    name: str
    array: Array
    grad: Array
    """None where there is none."""
    axis: int | None
    """That of the layer's outputs, the first or the last. None for a table, where a row whose gradient is zero is one
    that was not looked up, and for a row of weights."""


def _tensors(params: Tree, grads: Tree) -> list[Tensor]:
    """The arrays with two or more axes, under names that differ; all, where none has."""
    tables: set[int] = set()
    keras = hasattr(params, "trainable_weights")
    if keras:
        found = [(getattr(each, "path", None) or each.name, _bare(each)) for each in params.trainable_weights]
    elif hasattr(params, "named_parameters"):
        found = list(params.named_parameters())
        found = [pair for pair in found if pair[1].requires_grad] or found
        modules = [module for module in params.modules() if "Embedding" in type(module).__name__]
        tables = {id(array) for module in modules for array in module.parameters(recurse=False)}
    else:
        found = list(_leaves(params))
    given = list(_leaves(grads)) if grads is not None else []
    by_name = dict(given)
    if by_name.keys().isdisjoint(name for name, _ in found) and len(given) == len(found):
        by_name = {name: grad for (name, _), (_, grad) in zip(found, given)}  # noqa: B905
    filled = [(name, array) for name, array in found if len(array.shape) > 0 and math.prod(array.shape)]
    numeric = [(name, array) for name, array in filled if "float" in str(array.dtype)]
    wide = [(name, array) for name, array in numeric if len(array.shape) > 1]
    tensors: dict[str, Tensor] = {}
    for name, array in wide or numeric:
        grad = by_name[name] if name in by_name else getattr(array, "grad", None)
        axis = 0 if _is_torch(array) and not keras else -1
        flat = len(array.shape) < 2 or id(array) in tables
        short = _short(name, tensors)
        tensors[short] = Tensor(short, array, grad, None if flat else axis)
    return list(tensors.values())


def _leaves(tree: Tree, path: str = "") -> Iterator[tuple[str, Array]]:
    """The arrays of nested mappings, sequences and pytrees, and where they are."""
    tree = _bare(tree)
    if hasattr(tree, "dtype") and hasattr(tree, "shape"):
        yield path, tree
    elif hasattr(tree, "items"):
        for key, value in tree.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    elif isinstance(tree, (str, bytes, int, float, complex)) or tree is None:
        return
    elif hasattr(tree, "__iter__"):
        for at, value in enumerate(tree):
            pair = isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)
            key, value = value if pair else (at, value)
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    elif "jax" in sys.modules:
        for keys, leaf in sys.modules["jax"].tree_util.tree_flatten_with_path(tree)[0]:
            if leaf is not tree:
                yield from _leaves(leaf, path + "".join(map(str, keys)))


def _bare(array: Array) -> Array:
    """The array in a variable of a framework."""
    value = getattr(array, "value", array)
    return value() if callable(value) else value


def _is_torch(array: Array) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def _short(name: str, taken: dict[str, Tensor]) -> str:
    """A name of letters, digits and dots that begins with a letter and is not taken."""
    name = re.sub(r":\d+$", "", _WRAPPER.sub("", name))
    name = re.sub(r"[^A-Za-z0-9_]+", ".", name).strip(".")
    if len(name) > NAME_LENGTH:
        name = name[-NAME_LENGTH:].partition(".")[2] or name[-NAME_LENGTH:]
    name = name if name[:1].isalpha() else f"layer{name}"
    first, count = name, 1
    while name in taken:
        count += 1
        name = f"{first}_{count}"
    return name


def _stride(shape: Sequence[int]) -> int:
    """Each which weight is in the sample, so that it does not keep to some columns of a matrix."""
    stride = -(-math.prod(shape) // SAMPLE)
    while math.gcd(stride, shape[-1]) > 1:
        stride += 1
    return stride


def _library(array: Array) -> _Library:
    """What counts with this array. One that we do not know is copied to numpy."""
    if _is_torch(array):
        return _Torch(sys.modules["torch"])
    root = type(array).__module__.partition(".")[0]
    if root in ("jax", "jaxlib"):
        return _Jax(sys.modules["jax"].numpy)
    if root == "tensorflow":
        return _Tensorflow(sys.modules["tensorflow"].experimental.numpy)
    return _Arrays(sys.modules["cupy"] if root == "cupy" else __import__("numpy"))


class _Library:
    """How to count with the arrays of one library. Nothing waits for the device but `fetch`."""

    def __init__(self, xp: ModuleType) -> None:
        self.xp = xp

    def measure(self, tensor: Tensor, before: Array) -> Measured:
        """What happens to the weights of a layer; `before` is their sample at the call before, where there is one."""
        array, grad = self.part(tensor.array), None if tensor.grad is None else self.part(tensor.grad)
        shape = tuple(array.shape)
        sampled = -(-math.prod(shape) // _stride(shape))
        outputs = 1 if tensor.axis is None else shape[tensor.axis]
        return Measured(self.scalars(array, grad, before, tensor.axis), (1, sampled, 1, 1, 1, sampled, outputs))

    def read(self, measured: list[Measured]) -> Iterator[dict[str, float]]:
        """What is printed of each layer, brought here at once."""
        numbers = iter(self.fetch([scalar for each in measured for scalar in each.scalars if scalar is not None]))
        for each in measured:
            norm, nonzero, sampled, changed, grad_norm, grad_nonzero, alive = (
                None if scalar is None else float(next(numbers)) / of
                for scalar, of in zip(*each)  # noqa: B905
            )
            said = {
                "norm": norm,
                "zeros": _rest(nonzero),
                "update_ratio": None if changed is None or sampled is None else changed / max(sampled, TINY),
                "grad_norm": grad_norm,
                "grad_zeros": _rest(grad_nonzero),
                "dead": _rest(alive),
            }
            yield {quantity: number for quantity, number in said.items() if number is not None}

    def quantiles(self, tensor: Tensor) -> dict[str, float]:
        """How the weights and the gradient are distributed; of what is not finite nothing is told."""
        told: dict[str, float] = {}
        for prefix, array in (("q", tensor.array), ("grad_q", tensor.grad)):
            if array is None or getattr(array, "is_sparse", False):
                continue
            part = self.part(array)
            sampled = -(-math.prod(part.shape) // _stride(part.shape))
            numbers = self.ranked(part, [round(percent * (sampled - 1) / 100) for percent in PERCENTS])
            if all(map(math.isfinite, numbers)):
                names = [f"{prefix}.{percent:02}" for percent in PERCENTS]
                told.update(zip(names, numbers))  # noqa: B905  # as above
        return told

    def ranked(self, array: Array, places: Sequence[int]) -> Sequence[float]:
        """Some of the sample's numbers, by their places among all of it; a nan is the greatest."""
        raise NotImplementedError

    def rank(self) -> int:
        """Which of the processes of a run this is."""
        return int(os.environ.get("RANK") or 0)

    def part(self, array: Array) -> Array:
        """The array; of one that is spread over processes, what is here."""
        return array

    def sample(self, array: Array) -> Array:
        """Some of the weights, copied."""
        raise NotImplementedError

    def scalars(self, array: Array, grad: Array, before: Array, axis: int | None) -> Sequence[Array]:
        """Norm and count of what is not zero; norms of the sample and of its change; norm, count and live outputs of
        the gradient. None for what is not known."""
        raise NotImplementedError

    def fetch(self, scalars: list[Array]) -> Sequence[float]:
        """Their values."""
        raise NotImplementedError


class Measured(NamedTuple):
    """What was measured of a layer, and what each of it is a share of."""

    scalars: Sequence[Array]
    of: tuple[int, ...]


def _rest(share: float | None) -> float | None:
    return None if share is None else 1 - share


class _Torch(_Library):
    """Without a copy of any whole tensor."""

    def rank(self) -> int:
        distributed = self.xp.distributed
        if distributed.is_available() and distributed.is_initialized():
            return int(distributed.get_rank())
        return super().rank()

    def part(self, array: Array) -> Array:
        array = array.detach()
        return array.to_local() if hasattr(array, "to_local") else array

    def sample(self, array: Array) -> Array:
        return self._thin(self.part(array)).to(self.xp.float32, copy=True)

    def scalars(self, array: Array, grad: Array, before: Array, axis: int | None) -> Sequence[Array]:
        count = self.xp.count_nonzero
        sample = self._thin(array).float()
        found = [self._norm(array), count(sample), *[None] * 5]
        if before is not None:
            found[2:4] = self._norm(sample), self._norm(sample - before)
        if grad is not None and not grad.is_sparse:
            found[4:6] = self._norm(grad), count(self._thin(grad))
            if axis is not None:
                others = [each for each in range(grad.ndim) if each != axis % grad.ndim]
                found[6] = count(self.xp.linalg.vector_norm(grad, math.inf, others))
        return found

    def fetch(self, scalars: list[Array]) -> Sequence[float]:
        device, single = scalars[0].device, self.xp.float32
        numbers: list[float] = self.xp.stack([scalar.to(device, single) for scalar in scalars]).tolist()
        return numbers

    def ranked(self, array: Array, places: Sequence[int]) -> Sequence[float]:
        numbers: list[float] = self._thin(array).float().sort().values[places].tolist()
        return numbers

    def _thin(self, array: Array) -> Array:
        return array.reshape(-1)[:: _stride(array.shape)]

    def _norm(self, array: Array) -> Array:
        return self.xp.linalg.vector_norm(array, dtype=self.xp.float32 if array.dtype.itemsize < 4 else None)


class _Arrays(_Library):
    """numpy, and what has its functions."""

    def measure(self, tensor: Tensor, before: Array) -> Measured:
        with self._quiet():
            return super().measure(tensor, before)

    def sample(self, array: Array) -> Array:
        with self._quiet():
            return self.xp.array(self._thin(self.part(array)), dtype="float32")

    def scalars(self, array: Array, grad: Array, before: Array, axis: int | None) -> Sequence[Array]:
        sample = self._single(self._thin(array))
        found = [self._norm(array), self._count(sample), *[None] * 5]
        if before is not None:
            found[2:4] = self._norm(sample), self._norm(sample - before)
        if grad is not None:
            found[4:6] = self._norm(grad), self._count(self._thin(grad))
            if axis is not None:
                rows = self.xp.reshape(self.xp.abs(grad), (-1, grad.shape[-1]))
                found[6] = self._count(self.xp.max(rows, axis=0))
        return found

    def fetch(self, scalars: list[Array]) -> Sequence[float]:
        return [float(scalar) for scalar in scalars]

    def ranked(self, array: Array, places: Sequence[int]) -> Sequence[float]:
        with self._quiet():
            flat = self._single(self._thin(array))
        numpy = __import__("numpy")
        here = flat.get() if hasattr(flat, "get") else numpy.asarray(flat)
        numbers: list[float] = numpy.sort(here)[places].tolist()
        return numbers

    def _quiet(self) -> AbstractContextManager[object]:
        """What overflows is printed as infinite: numpy need not warn of it."""
        errstate = getattr(self.xp, "errstate", None)
        return errstate(all="ignore") if errstate else nullcontext()

    def _thin(self, array: Array) -> Array:
        return self.xp.reshape(array, (-1,))[:: _stride(array.shape)]

    def _norm(self, array: Array) -> Array:
        flat = self._single(self.xp.reshape(array, (-1,)))
        return self.xp.linalg.norm(flat)

    def _count(self, array: Array) -> Array:
        return self.xp.count_nonzero(array)

    def _single(self, array: Array) -> Array:
        return self.xp.asarray(array, dtype="float32")


class _Jax(_Arrays):
    """Compiled, once for each shape."""

    def __init__(self, xp: ModuleType) -> None:
        super().__init__(xp)
        self._jax = sys.modules["jax"]
        self._compiled = self._jax.jit(super().scalars, static_argnums=3)

    def rank(self) -> int:
        return int(self._jax.process_index())

    def part(self, array: Array) -> Array:
        return array if getattr(array, "is_fully_addressable", True) else array.addressable_data(0)

    def scalars(self, array: Array, grad: Array, before: Array, axis: int | None) -> Sequence[Array]:
        # The same to the compiler with and without a sample: so it need not run again the second time.
        found = list(self._compiled(array, grad, self.sample(array) if before is None else before, axis))
        return found if before is not None else [*found[:2], None, None, *found[4:]]

    def fetch(self, scalars: list[Array]) -> Sequence[float]:
        numbers: list[float] = self._jax.device_get(scalars)
        return numbers


class _Tensorflow(_Arrays):
    """With numpy's functions as TensorFlow has them, but for the norm."""

    def fetch(self, scalars: list[Array]) -> Sequence[float]:
        tensorflow = sys.modules["tensorflow"]
        numbers: list[float] = tensorflow.stack([self._single(scalar) for scalar in scalars]).numpy().tolist()
        return numbers

    def _norm(self, array: Array) -> Array:
        return sys.modules["tensorflow"].norm(self._single(array))
