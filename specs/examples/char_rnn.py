"""Train a small character RNN on a short text: numpy only, gradients by hand.

    python char_rnn.py --lr 0.003 --seed 1

Reads its text, predicts every next character, and prints the training loss as it goes, and now and then the loss on
unseen text and what the layers do. The same seed gives the same losses. For `O` on the board it writes with
--sequences what it expected of every unseen character, at the end also what its hidden units did, and with --states
all of these after each character.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from probe import log_layers  # beside this file: a copy of trainboard/probe.py


class CharRNN:
    """One tanh layer: h' = tanh(Wx[x] + h Wh + bh), dropout, and the logits of the next character: h' Wy + by."""

    def __init__(self, vocabulary, hidden, rng):
        def normal(*shape):
            return (rng.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)

        self.rng = rng
        self.params = {
            "Wx": normal(vocabulary, hidden),
            "Wh": normal(hidden, hidden),
            "bh": np.zeros(hidden, np.float32),
            "Wy": normal(hidden, vocabulary),
            "by": np.zeros(vocabulary, np.float32),
        }

    def start(self, batch):
        """The state before the first character."""
        return np.zeros((batch, len(self.params["bh"])), np.float32)

    def forward(self, x, y, h, dropout=0.0):
        """Mean loss of predicting y from x (both batch × time), the last state, and what backward needs."""
        p, states = self.params, [h]
        for t in range(x.shape[1]):
            states.append(np.tanh(p["Wx"][x[:, t]] + states[-1] @ p["Wh"] + p["bh"]))
        hidden = np.stack(states[1:], axis=1)
        mask = ((self.rng.random(hidden.shape) >= dropout) / (1 - dropout)).astype(np.float32)
        hidden *= mask
        logits = hidden @ p["Wy"] + p["by"]
        probs = np.exp(logits - logits.max(axis=-1, keepdims=True))
        probs /= probs.sum(axis=-1, keepdims=True)
        loss = -np.log(np.take_along_axis(probs, y[..., None], axis=-1)).mean()
        return float(loss), states[-1], (x, y, states, hidden, mask, probs)

    def backward(self, cache):
        """Gradients of the loss, back through time."""
        x, y, states, hidden, mask, probs = cache
        p = self.params
        grads = {name: np.zeros_like(value) for name, value in p.items()}
        dlogits = probs.copy()
        np.put_along_axis(dlogits, y[..., None], np.take_along_axis(dlogits, y[..., None], axis=-1) - 1, axis=-1)
        dlogits /= y.size
        grads["Wy"] = np.einsum("bth,btv->hv", hidden, dlogits, optimize=True)
        grads["by"] = dlogits.sum(axis=(0, 1))
        dhidden = (dlogits @ p["Wy"].T) * mask
        later = np.zeros_like(states[0])
        for t in reversed(range(x.shape[1])):
            inside = (dhidden[:, t] + later) * (1 - states[t + 1] ** 2)
            grads["Wh"] += states[t].T @ inside
            grads["bh"] += inside.sum(axis=0)
            np.add.at(grads["Wx"], x[:, t], inside)
            later = inside @ p["Wh"].T
        return grads


class Adam:
    """Kingma & Ba 2015, after clipping the gradient to a norm."""

    def __init__(self, params, lr, clip=1.0, betas=(0.9, 0.999)):
        self.params, self.lr, self.clip, self.betas, self.steps = params, lr, clip, betas, 0
        self.mean = {name: np.zeros_like(value) for name, value in params.items()}
        self.square = {name: np.zeros_like(value) for name, value in params.items()}

    def step(self, grads):
        """Update the parameters in place; the norm of the gradient as it was."""
        self.steps += 1
        norm = float(np.sqrt(sum((grad**2).sum() for grad in grads.values())))
        scale = min(1.0, self.clip / (norm + 1e-8))
        b1, b2 = self.betas
        for name, grad in grads.items():
            grad = grad * scale
            self.mean[name] += (1 - b1) * (grad - self.mean[name])
            self.square[name] += (1 - b2) * (grad**2 - self.square[name])
            mean = self.mean[name] / (1 - b1**self.steps)
            square = self.square[name] / (1 - b2**self.steps)
            self.params[name] -= self.lr * mean / (np.sqrt(square) + 1e-8)
        return norm


def read(path):
    """A text as numbers: nine tenths for training, the rest for validation, and its alphabet."""
    text = Path(path).read_text(encoding="utf-8")
    alphabet = sorted(set(text))
    numbers = np.array([alphabet.index(character) for character in text])
    split = len(numbers) * 9 // 10
    return numbers[:split], numbers[split:], alphabet


def batches(numbers, batch, length):
    """(x, y, first) for ever: `batch` pieces of the text read side by side; `first` where they begin anew."""
    width = (len(numbers) - 1) // batch
    x = numbers[: batch * width].reshape(batch, width)
    y = numbers[1 : batch * width + 1].reshape(batch, width)
    while True:
        for at in range(0, width - length + 1, length):
            yield x[:, at : at + length], y[:, at : at + length], at == 0


def evaluate(model, numbers):
    """Mean loss over a whole text; of every character but the first its probabilities; the states after those."""
    loss, _, (_, _, states, _, _, probs) = model.forward(numbers[None, :-1], numbers[None, 1:], model.start(1))
    return loss, probs[0], [state[0] for state in states[2:]]  # none after the last, which it has not read


def write_sequence(path, alphabet, numbers, probs, states=(), top=5):
    """A line for each character: it, its probability, what else was likely; with `states` all units after it."""
    lines = []
    for at, number in enumerate(numbers[1:]):
        likely = np.argsort(-probs[at])[:top]
        line = {
            "t": alphabet[number],
            "p": round(float(probs[at, number]), 6),
            "top": [[alphabet[each], round(float(probs[at, each]), 4)] for each in likely],
        }
        if at < len(states):
            line["units"] = [round(float(value), 2) for value in states[at]]
        lines.append(json.dumps(line, ensure_ascii=False))
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_states(folder, step, characters, states):
    """A row of all units for each character that was read, and of what kind it is."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = [
        "vowel" if each in "aeiouAEIOU" else "consonant" if each.isalpha() else "blank" if each.isspace() else "sign"
        for each in characters
    ]
    (folder / "labels.csv").write_text("\n".join(["label", *kinds]) + "\n", encoding="utf-8")
    np.save(folder / f"step_{step}.npy", np.array(states, np.float16))


def train(args):
    rng = np.random.default_rng(args.seed)
    training, validation, alphabet = read(args.text)
    vocabulary = len(alphabet)
    model = CharRNN(vocabulary, args.hidden, rng)
    adam = Adam(model.params, args.lr)
    print(
        f"{len(training)} characters to train on, {len(validation)} to validate, alphabet of {vocabulary}", flush=True
    )
    epoch, tokens, since, h = 0, 0, time.perf_counter(), None
    stream = batches(training, args.batch, args.length)
    for step in range(1, args.steps + 1):
        x, y, first = next(stream)
        if first:
            epoch, h = epoch + 1, model.start(args.batch)
        loss, h, cache = model.forward(x, y, h, args.dropout)
        grads = model.backward(cache)
        norm = adam.step(grads)
        log_layers(model.params, step, grads=grads, every=args.layers_every, quantiles=True)
        tokens += x.size
        if step % args.log_every == 0:
            speed = tokens / (time.perf_counter() - since)
            print(
                f"step {step} epoch {epoch} loss={loss:.4f} lr={args.lr:g} grad_norm={norm:.3f} tok/s={speed:.0f}",
                flush=True,
            )
            tokens, since = 0, time.perf_counter()
        if step % args.eval_every == 0 or step == args.steps:
            val_loss, probs, states = evaluate(model, validation)
            print(f"step {step} epoch {epoch} val_loss: {val_loss:.4f}", flush=True)
            if args.sequences:
                args.sequences.mkdir(parents=True, exist_ok=True)
                units = states if step == args.steps else ()
                write_sequence(args.sequences / f"step_{step}.jsonl", alphabet, validation, probs, units)
            if args.states:
                write_states(args.states, step, [alphabet[number] for number in validation[1:-1]], states)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", default=Path(__file__).with_name("corpus.txt"), help="what to learn")
    parser.add_argument("--lr", type=float, default=0.003)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--dropout", type=float, default=0.5)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=32, help="characters between two updates")
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log-every", type=int, default=50, help="steps between two lines of the training loss")
    parser.add_argument("--eval-every", type=int, default=100, help="steps between two validations")
    parser.add_argument("--layers-every", type=int, default=50, help="steps between two lines of each layer")
    parser.add_argument(
        "--sequences", type=Path, metavar="FOLDER", help="where to write what it expected of the text"
    )
    parser.add_argument("--states", type=Path, metavar="FOLDER", help="where to save the states of its hidden units")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
