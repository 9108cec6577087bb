"""Data-parallel training: a batch in shards, whose gradients are added by one binary tree.

    shard s     samples [s B/S, (s + 1) B/S) of the batch, for s = 0 to S - 1
    gradient    g = Σ_s n_s / n · g_s,  where n_s of the n targets that count are in shard s,
                or n_s and n are the sums of their class weights
    tree        the sum of S shards is the sum of the first S // 2 plus the sum of the others

The sum is the gradient of the batch's loss. The tree depends on S only. Each of N ranks computes
the part of the tree over its S/N shards, and the upper levels of the tree are between the ranks
(ranks.py), so the bits do not depend on N. Shards of a rank run one after the other in the same
buffers: memory holds the activations of one shard, and log2(S/N) + 1 gradients.

Batch norm uses the statistics of the shard. The running statistics move by the statistics of shard
0, then of shard 1, and so on. With `sync_bn` each rank has one shard, and batch norm uses the
statistics of all of them (layers/shared_statistics.py). Each shard has its own dropout masks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from .. import _check
from .._types import AnyArray, Array, Slice, State, Value
from ..layers import LastStep
from ..layers.context import Shard
from ..layers.shared_statistics import tree_sum
from ..networks.sequential import Sequential
from ..parameters import Views
from ..tasks import Batch
from ..workspace import Workspace
from . import class_weights, metrics
from .gradient_pass import GradientPass, Part
from .passes import passes_of
from .plan import RunPlan


class Sum(NamedTuple):
    """Loss and gradient (P,), of a shard or of several."""

    loss: float
    gradient: Array


def samples_of(s: int, S: int, B: int) -> Slice:
    """Return the samples of shard s of S in a batch of B."""
    return slice(s * B // S, (s + 1) * B // S)


def cut(batch: Batch, samples: Slice, axis: int) -> Batch:
    """Return some samples of a batch; `axis` is the axis of the samples in the targets: 0 or 1."""

    def part(array: Array, axis: int) -> Array:
        return np.ascontiguousarray(array[(slice(None),) * axis + (samples,)])

    return replace(
        batch, x=part(batch.x, 1), target=part(batch.target, axis),
        lengths=None if batch.lengths is None else part(batch.lengths, 0),
        mask=None if batch.mask is None else part(batch.mask, axis), recalled=None,
    )  # fmt: skip


def add(one: Sum, other: Sum) -> Sum:
    """Return the sum of both; the gradient of the first is overwritten."""
    gradient = one.gradient
    gradient += other.gradient
    return Sum(one.loss + other.loss, gradient)


def mapped(state: State, function: Callable[[AnyArray], AnyArray]) -> State:
    """Return a state with `function(array)` in place of each array."""
    if isinstance(state, tuple):
        return tuple(mapped(part, function) for part in state)
    return function(state) if _check.is_array(state) else state


def joined(states: Sequence[State]) -> State:
    """Return the state of all samples from the states of consecutive shards, with NumPy arrays."""
    if isinstance(states[0], tuple):
        return tuple(joined(parts) for parts in zip(*states, strict=True))
    return np.concatenate(states) if _check.is_array(states[0]) else states[0]


class ShardedPass(GradientPass):
    """Back-propagation through time by shards.

    The state of a pass is a tuple with the state of each shard of this rank.
    """

    def __init__(self, net: Sequential, plan: RunPlan, work: Workspace) -> None:
        super().__init__(net)
        self.plan, self.ranks, self._work = plan, plan.ranks, work
        self._classes = class_weights.options(plan, net)
        each = plan.shards // self.ranks.size
        self._own = range(self.ranks.rank * each, (self.ranks.rank + 1) * each)
        self._axis = 0 if any(isinstance(layer, LastStep) for layer in net.layers) else 1
        self.about = f"back-propagation through time, in {plan.shards} shards of a batch"
        ranks = "" if self.ranks.size == 1 else f" on {self.ranks.size} ranks"
        notes = [f"shards: {plan.shards} of up to {-(-plan.batch // plan.shards)} samples{ranks}"]
        if net.buffers and plan.sync_bn:
            self._check_device()
            notes.append("batch norm: statistics of all shards")
        elif net.buffers:
            notes.append("batch norm: statistics by shard, running statistics in the order of the shards")
        self.notes = tuple(notes)

    def __call__(self, batch: Batch, state: State) -> tuple[Value, Views, State]:
        """Return the loss and the gradient of the whole batch, and the states of this rank's shards."""
        self._check_samples(batch)
        net, shards = self.net, self._shards(batch, state)
        after: list[State] = []
        updates: list[Callable[[], object]] = []

        def next_shard() -> Sum:
            part, before, shard = next(shards)
            # Not in `parts`: a search for the first number that is not finite may end earlier on one rank.
            if self.plan.sync_bn:
                shard = replace(shard, gather=self.ranks.gather)
            share, reached = self._shard(part, before, shard, batch)
            after.append(mapped(reached, net.device.copy))  # the next shard overwrites the buffers
            updates.extend(shard.updates)
            return share

        loss, gradient = tree_sum(next_shard, len(self._own), add)
        loss = self.ranks.add(loss, gradient)
        self._move_statistics(updates)
        grads = Views(net.params.shapes, net.device.bring(gradient), net.identity)
        return loss, grads, tuple(after)

    def _shard(self, part: Batch, state: State, shard: Shard, batch: Batch) -> tuple[Sum, State]:
        """Return the share of a shard in loss and gradient of the batch, and its state after the last step."""
        net, plan, nothing = self.net, self.plan, Sum(0.0, np.zeros(self.net.flat.shape, self.net.dtype))
        if part.x.shape[1] == 0:  # the last batch of an epoch may have fewer samples than shards
            return nothing, None
        passes = passes_of(net, plan, part, self._work, self._classes)
        y, after, tape = passes.forward(part, state, shard)
        count, total = (metrics.weight_of(of, y, self._classes) for of in (part, batch))
        empty = count == 0 < total
        if empty and not shard.gather:
            return nothing, after
        loss, dy = (0.0, None) if empty else passes.loss_of(y, part)
        weight = count / total
        # With `gather` the gradients of all shards meet in batch norm.
        gradient = net.device.to_host(passes.backward(dy, tape, weight if shard.gather else None).flat)
        if not shard.gather:
            gradient *= gradient.dtype.type(weight)
        return Sum(loss * weight, gradient), after

    def _check_device(self) -> None:
        """Check that batch norm over the shards of all ranks can run where the network is."""
        if not isinstance(self.net.flat, np.ndarray):
            because = "because the statistics of all ranks are joined on the CPU"
            _check.fail("fit", "sync_bn is True on backend 'cuda'", "'cpu' or 'reference'", because)

    def _check_samples(self, batch: Batch) -> None:
        """Check that with `sync_bn` each rank has a sample, because all ranks exchange statistics."""
        samples = batch.x.shape[1]
        if self.plan.sync_bn and samples < self.plan.shards:
            because = "because each rank takes part in batch norm; choose another batch size"
            _check.fail("fit", f"samples in a batch: {samples}", f"at least {self.plan.shards}", because)

    def _move_statistics(self, updates: list[Callable[[], object]]) -> None:
        """Make the updates of the running statistics in the order of the shards of all ranks."""
        device, running = self.net.device, self.net.buffers.flat

        def move(values: Array) -> Array:
            device.assign(running, values)
            for update in updates:
                update()
            return device.to_host(running)

        if self.net.buffers:
            device.assign(running, self.ranks.in_turn(move, device.to_host(running)))

    def parts(self, batch: Batch, state: State) -> Iterator[Part]:
        yield from self._shards(batch, state)

    def _shards(self, batch: Batch, state: State) -> Iterator[tuple[Batch, State, Shard]]:
        """Yield samples, initial states and number of each shard of this rank."""
        for s, before in zip(self._own, state or (None,) * len(self._own), strict=True):
            samples = samples_of(s, self.plan.shards, batch.x.shape[1])
            yield cut(batch, samples, self._axis), before, Shard(s, samples.start)

    def own_state(self, state: State) -> State:
        """Return the states of this rank's shards, from the state of the whole batch."""
        if state is None:
            return None
        device = self.net.device

        def take(array: AnyArray, s: int) -> AnyArray:
            samples = samples_of(s, self.plan.shards, len(array))
            return device.asarray(np.array(device.to_host(array)[samples]))

        return tuple(mapped(state, partial(take, s=s)) for s in self._own)

    def whole_state(self, state: State) -> State:
        """Return the state of the whole batch, with NumPy arrays, from those of all ranks' shards."""
        to_host = self.net.device.to_host
        return None if state is None else joined(self.ranks.gather([mapped(part, to_host) for part in state]))
