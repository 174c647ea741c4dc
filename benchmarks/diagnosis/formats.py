"""How the programs print: each kind of data has another program's lines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Format:
    """How a program prints: a line of a step, and one of the validation."""

    step: Callable[[int, int, int, float, float, float], str]
    """Epoch, step, steps of an epoch, loss, norm of the gradient, learning rate."""
    epoch: Callable[[int, int, int, float, float, float | None], str]
    """Epoch, epochs in all, step, mean loss of the epoch, loss and accuracy of the validation."""


def _plain_step(epoch: int, step: int, per_epoch: int, loss: float, norm: float, lr: float) -> str:
    return f"step {step} train_loss {loss:.4f} grad_norm {norm:.4g} lr {lr:.4g}\n"


def _plain_epoch(epoch: int, epochs: int, step: int, mean: float, loss: float, right: float | None) -> str:
    return f"epoch {epoch}/{epochs} val_loss {loss:.4f} val_acc {right or 0.0:.4f}\n"


def _json_step(epoch: int, step: int, per_epoch: int, loss: float, norm: float, lr: float) -> str:
    return json.dumps({"step": step, "loss": loss, "grad_norm": norm, "learning_rate": lr}) + "\n"


def _json_epoch(epoch: int, epochs: int, step: int, mean: float, loss: float, right: float | None) -> str:
    return json.dumps({"step": step, "epoch": epoch, "eval_loss": loss}) + "\n"


def _bars_step(epoch: int, step: int, per_epoch: int, loss: float, norm: float, lr: float) -> str:
    return (
        f"Epoch: [{epoch}][{step % per_epoch}/{per_epoch}]  Loss: {loss:.5f}  Grad norm: {norm:.3e}  LR: {lr:.2e}\n"
    )


def _bars_epoch(epoch: int, epochs: int, step: int, mean: float, loss: float, right: float | None) -> str:
    return f"Epoch: [{epoch}] Test: Loss: {loss:.5f}  Acc: {100 * (right or 0.0):.2f}%\n"


def _iter_step(epoch: int, step: int, per_epoch: int, loss: float, norm: float, lr: float) -> str:
    return f"iter {step}: loss {loss:.4f}, gnorm {norm:.4f}, lr {lr:.3e}\n" if step % 2 == 0 else ""


def _iter_epoch(epoch: int, epochs: int, step: int, mean: float, loss: float, right: float | None) -> str:
    return f"step {step}: val loss {loss:.4f}\n"


def _colon_step(epoch: int, step: int, per_epoch: int, loss: float, norm: float, lr: float) -> str:
    return f"[epoch {epoch}] step: {step}, loss: {loss:.6f}, grad_norm: {norm:.5f}, lr: {lr:.6g}\n"


def _colon_epoch(epoch: int, epochs: int, step: int, mean: float, loss: float, right: float | None) -> str:
    return f"[epoch {epoch}] step: {step}, val_loss: {loss:.6f}, val_accuracy: {right or 0.0:.4f}\n"


def _no_step(epoch: int, step: int, per_epoch: int, loss: float, norm: float, lr: float) -> str:
    return ""


def _keras_epoch(epoch: int, epochs: int, step: int, mean: float, loss: float, right: float | None) -> str:
    accuracy = "" if right is None else f" - val_accuracy: {right:.4f}"
    return f"Epoch {epoch}/{epochs}\n{step}/{step} - 1s - loss: {mean:.4f} - val_loss: {loss:.4f}{accuracy}\n"


def _terse_step(epoch: int, step: int, per_epoch: int, loss: float, norm: float, lr: float) -> str:
    return f"epoch={epoch} iteration={step} loss={loss:.4f}\n" if step % 5 == 0 else ""


def _terse_epoch(epoch: int, epochs: int, step: int, mean: float, loss: float, right: float | None) -> str:
    return f"epoch={epoch} iteration={step} val_loss={loss:.4f}\n"


FORMATS: dict[str, Format] = {
    "digits": Format(_plain_step, _plain_epoch),
    "blobs": Format(_colon_step, _colon_epoch),
    "uneven": Format(_plain_step, _plain_epoch),
    "tumours": Format(_colon_step, _colon_epoch),
    "keras": Format(_no_step, _keras_epoch),
    "terse": Format(_terse_step, _terse_epoch),
    "friedman": Format(_json_step, _json_epoch),
    "shapes": Format(_bars_step, _bars_epoch),
    "characters": Format(_iter_step, _iter_epoch),
}
