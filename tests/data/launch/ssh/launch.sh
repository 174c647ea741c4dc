#!/bin/sh
# Puts char-rnn-1/003-lr=0.003-seed=2, attempt 1, into the queue of this host; again does nothing.
# It wants WANDB_API_KEY in its environment.
cd "$(dirname "$0")" && exec python3 ../../../.programs/0123/waiter.py .
