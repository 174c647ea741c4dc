"""Train a small network in torch to read digits, which are drawn in a font of 5 by 7 dots, shifted and noisy.

    python digits.py --lr=0.003 --width=32 --epochs=5 --seed=1

Prints the loss of every epoch and the accuracy on digits that it has not seen, and saves a checkpoint after each;
with --resume=CHECKPOINT it goes on from one.
"""

import argparse
import csv
from pathlib import Path

import torch
from torch import nn

FONT = (
    "01110 10001 10011 10101 11001 10001 01110",
    "00100 01100 00100 00100 00100 00100 01110",
    "01110 10001 00001 00010 00100 01000 11111",
    "11111 00010 00100 00010 00001 10001 01110",
    "00010 00110 01010 10010 11111 00010 00010",
    "11111 10000 11110 00001 00001 10001 01110",
    "00110 01000 10000 11110 10001 10001 01110",
    "11111 00001 00010 00100 01000 01000 01000",
    "01110 10001 10001 01110 10001 10001 01110",
    "01110 10001 10001 01111 00001 00010 01100",
)


def draw(count, noise, generator):
    """Pictures of 12 by 12 (count × 1 × 12 × 12) and the digits on them."""
    shapes = torch.tensor([[[float(dot) for dot in row] for row in digit.split()] for digit in FONT])
    digits = torch.randint(10, (count,), generator=generator)
    pictures = torch.zeros(count, 1, 12, 12)
    down = torch.randint(6, (count,), generator=generator).tolist()
    right = torch.randint(8, (count,), generator=generator).tolist()
    for at, digit in enumerate(digits.tolist()):
        pictures[at, 0, down[at] : down[at] + 7, right[at] : right[at] + 5] = shapes[digit]
    return pictures + noise * torch.randn(pictures.shape, generator=generator), digits


def network(width, dropout):
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(2 * width * 9, 10),
    )


def accuracy(model, pictures, digits):
    model.eval()
    with torch.no_grad():
        return (model(pictures).argmax(dim=1) == digits).float().mean().item()


def train(args):
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    generator = torch.Generator().manual_seed(args.seed)
    pictures, digits = (part.to(device) for part in draw(args.examples, args.noise, generator))
    others = torch.Generator().manual_seed(2**31)  # of no run: all see the same, and can be compared sample by sample
    unseen = [part.to(device) for part in draw(1000, args.noise, others)]
    model = network(args.width, args.dropout).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)
    done = 0
    if args.resume:
        saved = torch.load(args.resume, map_location=device, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        done = saved["epoch"]
    folder = Path(args.checkpoints)
    folder.mkdir(parents=True, exist_ok=True)
    for epoch in range(done + 1, args.epochs + 1):
        model.train()
        order, total = torch.randperm(len(digits), generator=generator).to(device), 0.0
        for batch in order.split(args.batch):
            loss = nn.functional.cross_entropy(model(pictures[batch]), digits[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        found = accuracy(model, *unseen)
        print(f"epoch {epoch} loss={total / len(digits):.4f} val_acc={found:.4f}", flush=True)
        saved = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}
        torch.save(saved, folder / f"epoch-{epoch}.pt")
    if args.predictions:
        write(Path(args.predictions), model, unseen)


def write(path, model, unseen):
    """What was predicted for digits that it has not seen: the scores, and what may explain the errors."""
    pictures, digits = unseen
    model.eval()
    with torch.no_grad():
        scores = model(pictures).softmax(dim=1)
    inked = pictures.clamp(0, 1).flatten(2)
    across = inked.reshape(-1, 12, 12)
    middle = torch.arange(12.0, device=across.device)
    right = (across.sum(1) * middle).sum(1) / across.sum((1, 2))
    down = (across.sum(2) * middle).sum(1) / across.sum((1, 2))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "digit", "guess", *(f"prob_{digit}" for digit in range(10)), "ink", "down", "right"])
        for at, digit in enumerate(digits.tolist()):
            chances = [f"{chance:.6f}" for chance in scores[at].tolist()]
            inputs = (f"{value[at].item():.3f}" for value in (inked.sum((1, 2)), down, right))
            rows.writerow([at, digit, scores[at].argmax().item(), *chances, *inputs])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lr", type=float, default=0.003)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--noise", type=float, default=0.25)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--examples", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoints", default="checkpoints", help="the folder to save to")
    parser.add_argument("--predictions", help="the file to write to what was predicted in the end")
    parser.add_argument("--resume", help="the checkpoint to go on from")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
