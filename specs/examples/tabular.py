"""Train a small network in numpy on a table: what a device measures, from who is measured and how.

    python tabular.py --hidden 32 --lr 0.01 --seed 1

The table is made up, with a fault as tables have them: one of the three devices reads old people badly. Prints the
loss of every epoch, and writes what it predicted of rows that it has not seen, with their inputs, so that
`trainboard errors RUN` finds where it is wrong.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

DEVICES = ("A", "B", "C")
FIELDS = ("age", "weight", "dose", "device")


def measured(count, rng):
    """A table: its columns, and what the devices said."""
    table = {
        "age": rng.uniform(20, 90, count).round(1),
        "weight": rng.normal(72, 12, count).round(1),
        "dose": rng.uniform(0, 5, count).round(2),
        "device": rng.choice(DEVICES, count),
    }
    truth = 0.5 * table["dose"] ** 2 - 0.04 * table["weight"] + np.sin(table["age"] / 15)
    faulty = (table["age"] > 60) & (table["device"] == "B")
    return table, truth + rng.normal(0, np.where(faulty, 1.5, 0.3), count)


def columns(table):
    """The table as numbers around 0: rows × 6, a device being three of them."""
    numbers = [
        (table["age"] - 55) / 20,
        (table["weight"] - 72) / 12,
        (table["dose"] - 2.5) / 1.4,
        *((table["device"] == device).astype(float) for device in DEVICES),
    ]
    return np.stack(numbers, axis=1)


class Network:
    """Two layers with ReLU between them, trained by Adam on the squared error."""

    def __init__(self, inputs, hidden, lr, rng):
        self.lr, self.count = lr, 0
        self.params = {
            "W1": rng.normal(0, np.sqrt(2 / inputs), (inputs, hidden)),
            "b1": np.zeros(hidden),
            "W2": rng.normal(0, np.sqrt(1 / hidden), (hidden, 1)),
            "b2": np.zeros(1),
        }
        self.moments = {name: (np.zeros_like(value), np.zeros_like(value)) for name, value in self.params.items()}

    def predict(self, rows):
        """What it expects of each row."""
        hidden = np.maximum(0, rows @ self.params["W1"] + self.params["b1"])
        return (hidden @ self.params["W2"] + self.params["b2"])[:, 0]

    def learn(self, rows, wanted):
        """One step; the loss before it."""
        hidden = np.maximum(0, rows @ self.params["W1"] + self.params["b1"])
        error = (hidden @ self.params["W2"] + self.params["b2"])[:, 0] - wanted
        out = 2 * error[:, None] / len(rows)
        inner = (out @ self.params["W2"].T) * (hidden > 0)
        self.step({"W1": rows.T @ inner, "b1": inner.sum(0), "W2": hidden.T @ out, "b2": out.sum(0)})
        return float(np.mean(error**2))

    def step(self, grads):
        """Adam."""
        self.count += 1
        for name, grad in grads.items():
            mean, square = self.moments[name]
            mean += 0.1 * (grad - mean)
            square += 0.001 * (grad**2 - square)
            rate = self.lr * np.sqrt(1 - 0.999**self.count) / (1 - 0.9**self.count)
            self.params[name] -= rate * mean / (np.sqrt(square) + 1e-8)


def train(args):
    rows = np.random.default_rng(0)  # the same table for every seed: runs are compared on the same rows
    seen, wanted = measured(args.rows, rows)
    unseen, truth = measured(args.rows // 4, rows)
    rng = np.random.default_rng(args.seed)
    inputs, others = columns(seen), columns(unseen)
    model = Network(inputs.shape[1], args.hidden, args.lr, rng)
    for epoch in range(1, args.epochs + 1):
        order = rng.permutation(len(wanted))
        losses = [model.learn(inputs[part], wanted[part]) for part in np.array_split(order, max(1, len(order) // 64))]
        val_loss = float(np.mean((model.predict(others) - truth) ** 2))
        print(f"epoch {epoch}/{args.epochs} loss={np.mean(losses):.4f} val_loss={val_loss:.4f}", flush=True)
    if args.predictions:
        write(Path(args.predictions), unseen, truth, model.predict(others))


def write(path, table, truth, predicted):
    """A row each: its number, what was measured, what was expected, and the inputs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(("id", "target", "prediction", *FIELDS))
        for at, (target, guess) in enumerate(zip(truth, predicted, strict=True)):
            out.writerow((at, f"{target:.5f}", f"{guess:.5f}", *(table[name][at] for name in FIELDS)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rows", type=int, default=8000, help="of the table; a quarter more is kept unseen")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--predictions", help="the file to write to what was predicted in the end")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
