"""A fourth part that no rule was made with: other data, networks, optimisers and lines than in all the others.

The answers were written from what was done to each training, before any of them was run.
"""

from __future__ import annotations

from benchmarks.diagnosis.blind2 import bad, good
from benchmarks.diagnosis.blind4.points import counts, moons, nodes, wave
from benchmarks.diagnosis.blind4.tensors import letters, textures
from benchmarks.diagnosis.recipes import NO_LEARNING, UNSEEN

HEALTHY = (
    good("WH1", "nodes of a graph, Adam with weight decay", nodes),
    good("WH2", "nodes, three hops, wide", nodes, depth=3, hidden=48, lr=5e-3),
    good("WH3", "noise of points, NAdam: half of it cannot be known", moons),
    good("WH4", "noise of points, plain SGD, slow", moons, optimizer="SGD", lr=0.02, epochs=24),
    good("WH5", "counts, Adamax: likelihoods around zero and below", counts),
    good("WH6", "counts, RMSprop", counts, optimizer="RMSprop", lr=1e-3),
    good("WH7", "letters, RAdam: flat, and then it learns", letters),
    good("WH8", "letters, AdamW, larger", letters, optimizer="AdamW", lr=3e-3, hidden=48, decay=0.01),
    good("WH9", "textures, SGD", textures),
    good("WH10", "textures, one cycle, dropout", textures, schedule="one_cycle", lr=0.1, dropout=0.2),
    good("WH11", "a wave by its equation, Adam", wave),
    good("WH12", "a wave by its equation, a stiffer one", wave, stiff=9.0, lr=2e-3),
)

FAULTY = (
    bad("W1", "nodes, learning rate 1e-7", "lr_low", NO_LEARNING, nodes, lr=1e-7, dropout=0.0),
    bad("W2", "nodes, labels of the training at random", "memorised_noise mismatch", "overfitting", nodes,
           labels="random", hidden=256, decay=0.0, dropout=0.0, epochs=300),
    bad("W3", "nodes, weight decay 2", "weight_decay", NO_LEARNING | {"plateau", "underfitting"}, nodes, decay=2.0),
    bad("W4", "nodes, sign of the loss flipped", "loss_sign", "divergence", nodes, sign=-1.0),
    bad("W5", "nodes, the optimizer has a copy", "no_update", NO_LEARNING, nodes, copied=True, dropout=0.0),
    bad("W6", "noise of points, learning rate 3", "lr_high divergence", NO_LEARNING | {"spikes", "oscillation",
           "dead_units"}, moons, lr=3.0),
    bad("W7", "noise of points, gradients clipped at 1e-5, SGD", "clipping lr_low", NO_LEARNING | {"plateau"}, moons,
           clip=1e-5, optimizer="SGD", lr=0.02),
    bad("W8", "noise of points, the optimizer has a copy", "no_update", NO_LEARNING, moons, copied=True),
    bad("W9", "noise of points, inputs 5000 times too large", "input_scale loss_scale exploding",
           "bad_init lr_high divergence", moons, scale=5000.0),
    bad("W10", "counts, a target that is not a number", "non_finite", "", counts, broken=100),
    bad("W11", "counts, inputs 1000 times too large", "input_scale loss_scale exploding",
           "bad_init non_finite divergence lr_high", counts, scale=1000.0),
    bad("W12", "counts, 36 rows", "overfitting memorised_noise mismatch", "", counts, rows=36, batch=12, hidden=96,
           epochs=150),
    bad("W13", "counts, learning rate 2", "lr_high divergence exploding", NO_LEARNING | {"spikes", "oscillation",
           "dead_units", "non_finite"}, counts, lr=2.0),
    bad("W14", "letters, learning rate 1", "lr_high divergence oscillation", NO_LEARNING | {"spikes", "plateau"},
           letters, lr=1.0),
    bad("W15", "letters, learning rate 1e-8", "lr_low", NO_LEARNING, letters, lr=1e-8),
    bad("W16", "letters, one row has too few frames: its loss is infinite", "non_finite", "", letters, endless=77),
    bad("W17", "letters, others than were said", "memorised_noise mismatch no_learning at_chance plateau",
           "overfitting", letters, labels="random", hidden=64, epochs=40),
    bad("W18", "textures, softmax applied twice", "softmax_twice", NO_LEARNING | {"plateau"}, textures, twice=True,
           optimizer="NAdam", lr=3e-3, epochs=40, sound={"optimizer": "NAdam", "lr": 3e-3, "epochs": 40}),
    bad("W19", "textures, biases of -8: dead units", "dead_units bad_init", NO_LEARNING | {"vanishing", "plateau"},
           textures, bias=-8.0),
    bad("W20", "textures, weights N(0, 3)", "bad_init exploding loss_scale input_scale", "divergence lr_high",
           textures, std=3.0, lr=0.01),
    bad("W21", "textures, 40 pictures", "overfitting memorised_noise mismatch", "", textures, rows=40, batch=20,
           wide=48, epochs=80),
    bad("W22", "textures, the rate grows to no end", "lr_high divergence", "spikes oscillation exploding", textures,
           schedule="growing", lr=0.03, epochs=40),
    bad("W23", "textures, validated on darker ones", "mismatch overfitting", UNSEEN, textures, unlike=6.0),
    bad("W24", "a wave, learning rate 1e-8", "lr_low", NO_LEARNING | {"plateau"}, wave, lr=1e-8),
    bad("W25", "a wave, weights N(0, 5): saturated", "saturated bad_init loss_scale exploding input_scale",
           NO_LEARNING | {"plateau"}, wave, std=5.0),
    bad("W26", "a wave, the root of an error of zero", "non_finite", "", wave, bare=True),
    bad("W27", "a wave, learning rate 1", "lr_high divergence oscillation", NO_LEARNING | {"spikes", "plateau"},
           wave, lr=1.0),
)  # fmt: skip

FOURTH = (*HEALTHY, *FAULTY)
