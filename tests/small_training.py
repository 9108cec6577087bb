"""A small network and its training, in a module that a spawned process can import: it finds no test module."""

import numpy as np

import indrnn_np as ir


def make(name="reference", hidden=3):
    layers = [
        ir.IndRNN(2, hidden),
        ir.BatchNorm(hidden),
        ir.Dropout(0.3),
        ir.LastStep(),
        ir.Linear(hidden, 3),
    ]
    return ir.Sequential(layers, steps=3, backend=name, seed=1)


def gradients(net, seed=0):
    x = np.random.default_rng(seed).standard_normal((3, 4, 2)).astype(net.dtype)
    y, _, tape = net.forward(x)
    dy = ir.softmax_cross_entropy(y, np.arange(4) % 3, backend=net.ops)[1]
    return net.backward(dy, tape)[2]


def trained(net, optimizer, seeds=(1, 2)):
    for seed in seeds:
        optimizer.update(net, gradients(net, seed))
        net.project()
    return net
