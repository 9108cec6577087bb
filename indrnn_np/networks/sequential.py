"""Forward and backward passes of a network of layers in sequence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .. import _check
from .._check.sequences import TIME_MAJOR, batch_layout
from .._types import AnyArray, Array, ArrayInput, Probe, State
from ..layers.chain import Tape, backward_layers
from ..layers.context import Shard
from ..parameters import Views
from ..workspace import Workspace
from . import inference, recompute, summary, tangents, tape_stamp
from .checks import check_gradient, check_input, check_step, convert_input, states_of
from .network import Network
from .recompute import KEEP, MEMORY, WindowsTape


class Sequential(Network):
    """Network of layers that run in sequence.

    All parameters are in one flat array `flat (P,)`. `params["0.W"]` is a view of it, named by the
    layer number and the letter of the paper. The running statistics are in `buffers`.

    Parameters
    ----------
    layers : iterable of Layer
        Layers from input to output.
    steps : int, optional
        Sequence length T (the longest, with lengths), from which the bounds on |u| follow.
    backend : str
        "cpu", "reference" or "cuda". With "cuda", arrays are on the GPU (`to_host()` copies an
        array back); x may be a NumPy array.
    dtype : str
        "float32" or "float64".
    seed : int
        Seed of the initial parameters and of all dropout masks.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_np as ir
    >>> net = ir.Sequential([ir.IndRNN(2, 8), ir.LastStep(), ir.Linear(8, 1)], steps=5)
    >>> net(np.zeros((5, 3, 2), np.float32)).shape
    (3, 1)
    """

    def forward(
        self,
        x: AnyArray,
        state: Sequence[State] | None = None,
        lengths: Array | None = None,
        training: bool = True,
        work: Workspace | None = None,
        memory: str = "keep",
        shard: Shard | None = None,
    ) -> tuple[AnyArray, tuple[State, ...], Tape | WindowsTape]:
        """Run x (T, B, D), or (T, B) symbols, through the layers.

        Parameters
        ----------
        state : sequence, optional
            Initial state, one entry for each layer. Pass the returned state on to continue a
            stream.
        lengths : int array (B,), optional
            Sequence length of each sample.
        training : bool
            Use the statistics of the batch and dropout, and keep the tape for backward.
        work : Workspace, optional
            Buffers that are reused between iterations.
        memory : str
            "keep", or "recompute" to store the states of few steps and recompute the others in
            backward (recompute.py).
        shard : Shard, optional
            Part of a batch that x is (training/shards.py). None: a whole batch.

        Returns
        -------
        y, state, tape
            Output, state after the last step, and tape for backward.
        """
        lengths = check_input(self, x, lengths, training)
        _check.choice("Sequential.forward", "memory", memory, MEMORY)
        states = states_of(self, "Sequential.forward", "state", state)
        if memory == KEEP:
            return self.run(x, states, lengths, training, work, shard)
        return recompute.forward(self, x, states, lengths, training, work, shard=shard)

    def backward(
        self,
        dy: AnyArray | None,
        tape: Tape | WindowsTape,
        dstate: Sequence[State] | None = None,
        probe: Probe | None = None,
        input_gradient: bool = True,
    ) -> tuple[AnyArray, tuple[State, ...], Views]:
        """Propagate the gradient dy of the output to the input, initial state and parameters.

        Parameters
        ----------
        dy : array or None
            Gradient of the output; None is zero.
        tape
            Tape of the forward pass.
        dstate : sequence, optional
            Gradient of the state that forward returned.
        probe : callable, optional
            Called as `probe(layer, t0, t1, dh, da)` for each chunk of each recurrent layer, with
            the gradients of its outputs (None if zero; for RNN, LSTM, GRU and RotatingIndRNN the
            total ∂L/∂h_t, including later steps) and of its pre-activations. Calls come in the order of the
            computation, on the calling thread. If the probe has a true attribute `any_thread`,
            calls may come from other threads; the probe must then call no operation of this
            package.
        input_gradient : bool
            Compute dx. Training does not need it: False saves the first layer its product.

        Returns
        -------
        dx, dstate, grads
            Gradient of x (None for symbols or without `input_gradient`) and of the initial state,
            and the parameter gradients by name; `grads.flat` is (P,).
        """
        tape_stamp.check("Sequential.backward", tape, self.identity, self.device)
        _check.boolean("Sequential.backward", "input_gradient", input_gradient)
        dy = check_gradient(self.device, dy, tape.output, probe)
        dstate = states_of(self, "Sequential.backward", "dstate", dstate)
        grads = Views(self.params.shapes, self.device.zeros(self.flat.shape, self.dtype), self.identity)
        if isinstance(tape, WindowsTape):
            dx, before = recompute.backward(self.layers, dy, tape, dstate, probe, grads, input_gradient)
        else:
            dx, before = backward_layers(
                self.layers, dy, tape, dstate, probe, grads, input_gradient=input_gradient
            )
        return dx, before, grads

    def jvp(
        self,
        x: Array,
        direction: Mapping[str, Array] | Array,
        x_dot: Array | None = None,
        state: Sequence[State] | None = None,
        state_dot: Sequence[State] | None = None,
        lengths: Array | None = None,
    ) -> tangents.Jvp:
        """Return the output and its derivative along a direction (forward mode).

        The pass is a training pass: batch norm uses the statistics of the batch, and dropout the
        mask of this iteration. The running statistics do not change.

        Parameters
        ----------
        x : array (T, B, D) or (T, B)
            Input or symbols.
        direction : array (P,), or mapping of str to array
            Direction of the parameters, flat or by name.
        x_dot : array (T, B, D), optional
            Direction of x. None is zero.
        state, state_dot : sequence, optional
            Initial state as in `forward`, and its direction. None is zero.
        lengths : int array (B,), optional
            Sequence length of each sample.

        Returns
        -------
        Jvp
            y, y_dot, state, state_dot.

        Notes
        -----
        ḣ_t = φ'_t ⊙ (W ẋ_t + Ẇ x_t + ḃ + u̇ ⊙ h_{t-1} + u ⊙ ḣ_{t-1}) in an IndRNN layer. For a loss
        with gradients dy and g, <dy, ẏ> = <g, direction>: a check of `backward` without a step size.

        Examples
        --------
        >>> import numpy as np
        >>> import indrnn_np as ir
        >>> net = ir.Sequential([ir.IndRNN(1, 2, "identity", "ones", 1.0)], steps=3, dtype="float64")
        >>> x = np.ones((3, 1, 1))
        >>> bool((net.jvp(x, np.zeros(net.size), x_dot=x).y_dot == net(x)).all())
        True
        """
        return tangents.jvp(self, x, direction, x_dot, state, state_dot, lengths)

    def __call__(
        self,
        x: ArrayInput,
        state: Sequence[State] | None = None,
        lengths: ArrayInput = None,
        layout: str = TIME_MAJOR,
    ) -> AnyArray:
        """Return the output in inference.

        Parameters
        ----------
        x : array (T, B, D), or an array or list in `layout`
            Numbers are converted to the precision of the network, with a warning.
        state : sequence, optional
            Initial state, as in `forward`.
        lengths : int array (B,), optional
            Sequence length of each sample. A list of sequences of unequal lengths defines them.
        layout : str
            Order of the axes: "tbd"; "btd" (B, T, D), (B, T), or a list of B sequences; "bdt".

        Returns
        -------
        array (B, K), or (T, B, K) in `layout`
        """
        x_of_time, lengths = convert_input(self, x, lengths, layout)
        y = self.infer(x_of_time, state, lengths)[0]
        return batch_layout(y if getattr(x, "in_gpu_memory", False) else self.device.to_host(y), layout)

    def infer(
        self, x: AnyArray, state: Sequence[State] | None = None, lengths: Array | None = None
    ) -> tuple[AnyArray, tuple[State, ...]]:
        """Return the output and the final state. Only the memory of the output grows with T."""
        return inference.infer(self, x, state, lengths)

    def step(self, x_t: AnyArray, state: Sequence[State] | None = None) -> tuple[AnyArray, tuple[State, ...]]:
        """Run one time step in inference: return y_t for x_t (B, D) or (B,), and the next state."""
        after, y = [], self.device.bring(check_step(self, x_t))
        states = states_of(self, "Sequential.step", "state", state)
        for layer, before, ctx in zip(self.layers, states, self.contexts(fuse=False), strict=True):
            y, layer_state = layer.step(y, before, ctx)
            after.append(layer_state)
        return y, tuple(after)

    def gates(self, tape: Tape | WindowsTape) -> list[Array]:
        """Return the gates of each piecewise linear recurrence: NumPy (T, B, H), true if open."""
        tape_stamp.check("Sequential.gates", tape, self.identity, self.device)
        return recompute.gates(self.layers, tape, self.device)

    def recompute_statistics(self, batches: Iterable[ArrayInput], carried: bool = False) -> None:
        """Recompute the running statistics of batch norm from batches, each x or (x, lengths).

        With `carried`, the batches are windows of one stream and the state is carried between them.
        """
        inference.recompute_statistics(self, batches, carried)

    def __repr__(self) -> str:
        return summary.to_line(self)

    def __str__(self) -> str:
        layers = (f"    {i}: {summary.to_code(layer)}" for i, layer in enumerate(self.layers))
        return "\n".join([summary.to_line(self), *layers])

    def _repr_html_(self) -> str:
        """Return the table of the layers, which a notebook shows."""
        return summary.to_html(self)
