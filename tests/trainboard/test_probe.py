"""The file that a training program may import: what it prints, when, and what it never does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import vermin  # type: ignore[import-untyped]  # it ships no types

import specs
from trainboard import probe
from trainboard.extract import Extractor
from trainboard.layers import layer_map
from trainboard.probe import SAMPLE, Probe
from trainboard.series import by_metric

if TYPE_CHECKING:
    from trainboard.layers import LayerMap

ALWAYS = 1e9
"""A share of the time that is never reached."""


class Program:
    """A training program that looks at its layers."""

    def __init__(self, **params: Any) -> None:  # noqa: ANN401  # arrays, and what is none
        self.params: Any = params
        self.printed = ""
        self.now = 0.0
        self.cost = 0.0
        """Seconds that each writing takes."""
        self.probe = Probe(write=self.write, clock=lambda: self.now)

    def write(self, text: str) -> None:
        self.printed += text
        self.now += self.cost

    def step(self, step: int | None, grads: Any = None, *, every: int = 1, at_most: float = ALWAYS) -> None:  # noqa: ANN401
        self.probe.look(self.params, step, grads, every, at_most)

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.printed.splitlines()]

    @property
    def steps(self) -> list[int]:
        return sorted({record["step"] for record in self.records})

    def last(self, layer: str) -> dict[str, float]:
        """What was printed last of a layer."""
        return next(dict(record[layer]) for record in reversed(self.records) if layer in record)


def matrix(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def read(printed: str) -> LayerMap | None:
    """What the extractor and the map make of a log."""
    extractor = Extractor()
    return layer_map(by_metric([*extractor.feed(printed.encode()), *extractor.finish()]))


def test_the_numbers_are_those_of_the_arrays() -> None:
    program = Program(w=matrix(8, 4))
    grad = matrix(8, 4)
    grad[:, 1] = grad[0, 2] = 0.0
    program.params["w"][0, :2] = 0.0
    program.step(0)
    before = program.params["w"].copy()
    program.params["w"] -= 0.01 * grad
    program.step(1, {"w": grad})
    after = program.params["w"]
    assert program.last("w") == pytest.approx(
        {
            "norm": np.linalg.norm(after),
            "zeros": np.mean(after == 0),
            "update_ratio": np.linalg.norm(after - before) / np.linalg.norm(after),
            "grad_norm": np.linalg.norm(grad),
            "grad_zeros": 9 / 32,
            "dead": 1 / 4,
        },
        rel=1e-3,
    )


def test_what_is_printed_is_read_as_layers() -> None:
    program = Program(
        conv1={"kernel": matrix(3, 3, 2, 4), "bias": matrix(4)}, hidden_layers=[matrix(4, 4), matrix(4, 2)]
    )
    for step in range(21):
        program.step(step, program.params, every=10)
    found = read("epoch 1 loss 0.5\n" + program.printed)
    assert found is not None
    assert found.layers == ("conv1.kernel", "hidden_layers.0", "hidden_layers.1")
    assert found.steps.tolist() == [0, 10, 20]
    assert list(found.quantities) == ["norm", "grad_norm", "update_ratio", "zeros", "grad_zeros", "dead"]
    assert found.quantities["norm"][2, 0] == pytest.approx(
        np.linalg.norm(program.params["hidden_layers"][1]), rel=1e-3
    )
    assert all(mask[:, word == "update_ratio" :].all() for word, mask in found.seen.items())


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_weights_that_are_lost_are_printed_and_read(value: float) -> None:
    program = Program(a=np.full((2, 2), value), b=np.ones((2, 2)))
    program.step(0, program.params)
    found = read(program.printed)
    assert found is not None
    norm = found.quantities["norm"][0, 0]
    assert found.seen["norm"].all()
    assert not np.isfinite(norm) if value else norm == 0


@pytest.mark.filterwarnings("error")
def test_numbers_that_are_too_large_make_no_warning() -> None:
    program = Program(w=np.full((2, 2), 1e300), v=np.full((2, 2), np.inf))
    program.step(0)
    program.step(1, program.params)
    assert program.last("w")["norm"] == np.inf
    assert program.last("v")["norm"] == np.inf


def test_a_weight_that_does_not_change_has_the_ratio_zero() -> None:
    program = Program(w=matrix(4, 4), z=np.zeros((4, 4)))
    program.step(0)
    program.step(1)
    assert program.last("w")["update_ratio"] == 0
    assert program.last("z")["update_ratio"] == 0


def test_the_sample_of_a_large_layer_is_about_right() -> None:
    program = Program(w=matrix(512, 512))
    program.params["w"][:, ::4] = 0.0
    program.step(0)
    before = program.params["w"].copy()
    program.params["w"] *= 1.01
    program.params["w"][::2] *= 1.05
    program.step(1)
    after = program.params["w"]
    assert after.size > SAMPLE
    assert program.last("w")["zeros"] == pytest.approx(0.25, abs=0.02)
    true = np.linalg.norm(after - before) / np.linalg.norm(after)
    assert program.last("w")["update_ratio"] == pytest.approx(true, rel=0.05)


def test_it_prints_at_the_first_step_and_at_every_hundredth() -> None:
    program = Program(w=matrix(2, 2))
    for step in range(7, 350):
        program.step(step, every=100)
    assert program.steps == [7, 100, 200, 300]
    assert [("update_ratio" in record["w"]) for record in program.records] == [False, True, True, True]


def test_calls_are_counted_where_no_step_is_given() -> None:
    program = Program(w=matrix(2, 2))
    for _ in range(25):
        program.step(None, every=10)
    assert program.steps == [0, 10, 20]


def test_a_program_that_calls_it_now_and_then_gets_its_lines() -> None:
    program = Program(w=matrix(2, 2))
    for step in (500, 1000, 1500, 2000, 2300):
        program.step(step, every=100)
    assert program.steps == [500, 1000, 1500, 2000, 2300]
    assert "update_ratio" in program.last("w")


def test_only_weights_are_printed_unless_there_are_none() -> None:
    program = Program(
        w=matrix(2, 2), b=matrix(2), count=np.ones((2, 2), int), empty=np.ones((0, 2)), scalar=np.ones(())
    )
    program.step(0)
    assert [set(record) - {"step"} for record in program.records] == [{"w"}]
    program = Program(b=matrix(2), scalar=np.ones(()))
    program.step(0, {"b": matrix(2), "scalar": np.ones(())})
    assert set(program.last("b")) == {"norm", "zeros", "grad_norm", "grad_zeros"}


def test_names_can_be_read_and_differ() -> None:
    long = ".".join(["module", *["deep"] * 30, "weight"])
    program = Program()
    program.params = [(name, matrix(2, 2)) for name in ("0.weight", "a/b:0", "a.b", "module.c", long, "ä ö", "1")]
    program.step(0)
    names = [next(key for key in record if key != "step") for record in program.records]
    assert names[:4] == ["layer0.weight", "a.b", "a.b_2", "c"]
    assert len(set(names)) == len(names) == 7
    assert max(map(len, names)) <= probe.NAME_LENGTH
    found = read(program.printed)
    assert found is not None
    assert set(found.layers) == set(names)


def test_gradients_may_come_as_a_list_in_the_order_of_the_weights() -> None:
    program = Program(a=matrix(2, 2), b=matrix(2, 2))
    program.step(0, [matrix(2, 2), np.zeros((2, 2))])
    assert program.last("a")["grad_norm"] > 0
    assert program.last("b")["grad_norm"] == 0


def test_it_takes_no_more_of_the_time_than_it_may() -> None:
    program = Program(w=matrix(2, 2))
    program.cost = 1.0
    for step in range(1000):
        program.now += 0.1
        program.step(step, every=10, at_most=0.02)
    assert program.steps[:2] == [0, 10]
    assert 2 <= len(program.steps) - 1 <= 3
    assert all("update_ratio" in record["w"] for record in program.records[1:])


@pytest.mark.parametrize(
    "params", [None, 3, "w", {}, {"w": None}, {"w": object()}, [1, 2], object(), {"w": np.array(["a"])}]
)
def test_a_failure_is_one_line_and_then_silence(params: object) -> None:
    program = Program()
    program.params = params
    for step in range(3):
        program.step(step)
    assert program.printed.count("\n") == 1
    assert program.printed.startswith("log_layers: ValueError: no arrays")


def test_arrays_that_change_their_shape_end_it() -> None:
    program = Program(w=matrix(2, 2))
    program.step(0)
    program.params = {"w": matrix(3, 3)}
    program.step(1)
    program.step(2)
    assert program.printed.count("\n") == 2
    assert "no layers are printed from here on" in program.printed


def test_output_that_cannot_be_written_does_not_end_the_training() -> None:
    def write(text: str) -> None:
        raise BrokenPipeError

    Probe(write=write).look({"w": matrix(2, 2)}, 0, None, 1, ALWAYS)


SCRIPT = """
import sys
import numpy as np
from probe import log_layers
w = {"w": np.ones((2, 2)), "v": np.ones((2, 2))}
for step in range(3):
    sys.stdout.write(f"\\r{step}/2 [===>...] loss: 0.5")
    log_layers(w, step, every=1, at_most=1e9)
    log_layers(w, step, name="other", every=1, at_most=1e9)
print("\\r2/2 [======] loss: 0.4")
"""


def alone(folder: Path, **environ: str) -> str:
    """What a program prints that has a copy of the file beside it, and nothing of ours."""
    shutil.copy(Path(probe.__file__), folder)
    (folder / "tqdm.py").write_text("")
    (folder / "train.py").write_text("import tqdm\n" + SCRIPT)
    found = subprocess.run(
        [sys.executable, "train.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": "", **environ},
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )
    return found.stdout.decode()


def test_a_copy_of_the_file_is_enough(tmp_path: Path) -> None:
    found = read(alone(tmp_path))
    assert found is not None
    assert found.layers == ("w", "v", "other.w", "other.v")


def test_a_progress_bar_does_not_hide_a_layer(tmp_path: Path) -> None:
    found = read(alone(tmp_path))
    assert found is not None
    assert found.seen["norm"].all()


def test_of_several_processes_only_the_first_prints(tmp_path: Path) -> None:
    assert "norm" in alone(tmp_path, RANK="0")
    assert "norm" not in alone(tmp_path, RANK="1")


def test_the_copy_beside_the_example_is_the_same() -> None:
    copy = Path(specs.__file__).parent / "examples" / "probe.py"
    assert copy.read_bytes() == Path(probe.__file__).read_bytes()


def test_it_imports_nothing_that_is_not_pythons_own() -> None:
    script = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('probe', {probe.__file__!r})\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "print(*{name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names)"
    )
    found = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True)
    assert set(found.stdout.split()) == {"__main__"}


def test_it_runs_on_old_pythons() -> None:
    assert vermin.detect(Path(probe.__file__).read_text())[1] <= (3, 8)


@pytest.mark.parametrize("name", ["jax.numpy", "tensorflow.experimental.numpy"])
def test_arrays_of_other_libraries_are_counted_as_those_of_numpy(name: str) -> None:
    xp = pytest.importorskip(name, reason=f"{name} is not installed, which this test runs the probe on")
    weight, grad = matrix(4, 3), matrix(4, 3)
    weight[0], grad[:, 1] = 0.0, 0.0
    ours, theirs = Program(w=weight), Program(w=xp.asarray(weight))
    for step in range(2):
        ours.step(step, {"w": grad})
        theirs.step(step, {"w": xp.asarray(grad)})
        ours.params, theirs.params = {"w": weight * 1.5}, {"w": xp.asarray(weight * 1.5)}
    assert theirs.steps == ours.steps == [0, 1]
    assert [each["w"] for each in theirs.records] == [pytest.approx(each["w"]) for each in ours.records]


class TestTorch:
    """Where torch is installed."""

    @pytest.fixture
    def torch(self) -> Any:  # noqa: ANN401
        return pytest.importorskip("torch", reason="torch is not installed, which these tests run the probe on")

    def program(self, model: Any) -> Program:  # noqa: ANN401
        program = Program()
        program.params = model
        return program

    def test_a_module_needs_no_gradients_given(self, torch: Any) -> None:  # noqa: ANN401
        nn = torch.nn
        model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Conv1d(1, 2, 3), nn.Linear(4, 2))
        with torch.no_grad():
            model[0].bias[:3], model[0].bias[3:] = -100.0, 100.0
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        program = self.program(model)
        for step in range(2):
            optimizer.zero_grad()
            model(torch.ones(5, 1, 4)).square().mean().backward()
            before = model[0].weight.detach().clone()
            optimizer.step()
            program.step(step)
        weight = model[0].weight.detach()
        assert program.last("layer0.weight") == pytest.approx(
            {
                "norm": float(weight.norm()),
                "zeros": 0.0,
                "update_ratio": float((weight - before).norm() / weight.norm()),
                "grad_norm": float(model[0].weight.grad.norm()),
                "grad_zeros": 0.5,
                "dead": 0.5,
            },
            rel=1e-3,
        )
        assert "dead" in program.last("layer2.weight")

    def test_rows_that_were_not_looked_up_are_not_dead(self, torch: Any) -> None:  # noqa: ANN401
        model = torch.nn.Embedding(10, 3)
        model(torch.tensor([1, 2])).sum().backward()
        program = self.program(model)
        program.step(0)
        assert program.last("weight")["grad_zeros"] == pytest.approx(0.8)
        assert "dead" not in program.last("weight")

    def test_frozen_weights_are_left_out(self, torch: Any) -> None:  # noqa: ANN401
        model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
        model[0].requires_grad_(False)
        program = self.program(model)
        program.step(0)
        assert [set(record) - {"step"} for record in program.records] == [{"layer1.weight"}]

    @pytest.mark.parametrize("kind", ["float64", "float16", "bfloat16"])
    def test_every_kind_of_number_is_counted(self, torch: Any, kind: str) -> None:  # noqa: ANN401
        program = Program(w=torch.full((300, 300), 2.0, dtype=getattr(torch, kind)))
        program.step(0, {"w": torch.full((300, 300), 1000.0, dtype=getattr(torch, kind))})
        program.step(1)
        assert program.records[0]["w"]["norm"] == 600
        assert program.records[0]["w"]["grad_norm"] == pytest.approx(300_000, rel=1e-3)
        assert program.last("w")["update_ratio"] == 0

    def test_the_device_is_waited_for_once(self, torch: Any) -> None:  # noqa: ANN401
        """Tensors without data: whatever needs a value of theirs raises, as it would wait for a GPU."""
        fakes = pytest.importorskip("torch._subclasses.fake_tensor", reason="this torch has no tensors without data")
        with fakes.FakeTensorMode():
            weight, grad = torch.empty(64, 300, 300), torch.empty(64, 300, 300)
            library = probe._library(weight)
            tensor = probe.Tensor("w", weight, grad, 0)
            measured = library.measure(tensor, library.sample(weight))
            with pytest.raises(fakes.DataDependentOutputException):
                list(library.read([measured]))

    def test_what_it_does_leaves_the_training_as_it_was(self, torch: Any) -> None:  # noqa: ANN401
        def trained(program: Program | None) -> list[float]:
            torch.manual_seed(0)
            model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
            optimizer = torch.optim.Adam(model.parameters())
            losses = []
            for step in range(5):
                optimizer.zero_grad()
                loss = model(torch.randn(6, 4)).square().mean()
                loss.backward()
                optimizer.step()
                if program is not None:
                    program.params = model
                    program.step(step)
                losses.append(loss.item())
            return losses

        assert trained(Program()) == trained(None)
