"""A sequence split over ranks: each rank holds a piece of the time steps; pieces.py runs the layers."""

from __future__ import annotations

import numpy as np

from .. import _check
from .._types import Array, Value
from ..layers import IndRNN, Linear, Recurrence
from ..layers.chain import Tape, backward_layers, forward_layers
from ..layers.recurrent import Independent
from ..networks import tape_stamp
from ..networks.checks import check_gradient, check_input
from ..networks.sequential import Sequential
from ..parameters import Views
from .pieces import Piece
from .ranks import check_communicator, ranks_of

SPLIT = (IndRNN, Recurrence, Linear)
MATRIX = "because its units read each other, so that a piece has no map of a few numbers a column"
BOTH_WAYS = "because a piece would have to be run from both of its ends"
# Type of a layer that is not split: the reason.
REASONS = {
    "BatchNorm": "because its statistics need the time steps of all ranks",
    "Bidirectional": BOTH_WAYS,
    "LastStep": "because only the last rank has the last step; pass a dy that is zero at the other steps",
    "Dropout": "because its masks are drawn for a whole sequence",
    "RNN": MATRIX, "LSTM": MATRIX, "GRU": MATRIX,
}  # fmt: skip
OTHER = "because TimeSplit does not run other layers"


class TimeSplit:
    """Forward and backward passes of a network whose sequence is split over ranks.

    Rank r of N passes the time steps [r T/N, (r+1) T/N) of all samples, as its own array. The pieces
    are in the order of the ranks and may have unequal lengths. All arrays over time have the steps of
    one piece.

    Parameters
    ----------
    net : Sequential
        Network of IndRNN, Recurrence and Linear, the same on all ranks, on backend "cpu" or
        "reference". Its `steps` is the length T of the whole sequence.
    comm : mpi4py.MPI.Comm or None
        Communicator of N ranks, such as `MPI.COMM_WORLD`; N is a power of two. None: one process,
        with the bits of `net.forward` and `net.backward`.

    Raises
    ------
    ValueError
        If a layer cannot be split: other layers (batch norm needs statistics over all time steps),
        and layers in reverse. If the network is on a GPU, if the ranks are no power of two, or if
        they have other parameters.

    Notes
    -----
    With relu and identity, a piece maps the state before it to

        clip(A h + B, min(p, q), max(p, q)),    A = u^T of the piece

    and backward is A c + B with A = Π u φ'_t for every activation (docs/time-parallel.md). One
    Allgather for each recurrent layer and direction passes the maps on: in float32 20 bytes a column
    forward and 12 backward, where a column is one neuron of one sample. Results agree with one
    process within the tolerance of the scan over time. With tanh and sigmoid, and where a map is not
    finite or |A| exceeds 1e30, the state passes from rank to rank: exact, but one rank runs at a time.

    There are no `lengths` and no initial states: all samples have T steps, and start from zero or
    from the learned h0. An error in a pass ends all ranks, as in `fit`.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_np as ir
    >>> net = ir.Sequential([ir.IndRNN(1, 4), ir.Linear(4, 1)], steps=100)
    >>> split = ir.TimeSplit(net, comm=None)  # with mpiexec: comm=MPI.COMM_WORLD
    >>> y, tape = split.forward(np.ones((100, 2, 1), np.float32))  # this rank's piece of x
    >>> grads = split.backward(np.ones_like(y), tape)
    >>> grads["0.u"].shape
    (4,)
    """

    def __init__(self, net: Sequential, comm: Value) -> None:
        check_network(net)
        check_communicator("TimeSplit", comm)
        self.net, self.ranks = net, ranks_of(comm)
        self._layers = tuple(
            Piece(layer, self.ranks) if isinstance(layer, Independent) else layer for layer in net.layers
        )
        facts = {"layers, steps or seed": net.spec(), "parameters": net.flat}
        self.ranks.check_equal("TimeSplit", lambda: facts)

    def forward(self, x: Array) -> tuple[Array, Tape]:
        """Run the piece of this rank through the layers, as a training pass.

        All ranks call this method together.

        Parameters
        ----------
        x : array (T_r, B, D)
            Time steps of this rank; at least one.

        Returns
        -------
        y : array (T_r, B, K)
            Output of the same time steps.
        tape : Tape
            Tape for `backward`.

        Raises
        ------
        ValueError
            If x does not fit the network, or the pieces do not fit each other.
        """
        net = self.net
        with self.ranks.ending_together():
            check_input(net, x, None, training=True)
            self._check_pieces(x)
            stamp, contexts = tape_stamp.begin(net.identity, None), net.contexts(training=True)
            y, _, tape = forward_layers(self._layers, x, (None,) * len(net.layers), contexts)
            tape_stamp.finish(stamp, tape, x, net.params, net.device)
        return y, tape

    def backward(self, dy: Array, tape: Tape) -> Views:
        """Return the gradients of the parameters for the whole sequence, with equal bits on all ranks.

        All ranks call this method together.

        Parameters
        ----------
        dy : array (T_r, B, K)
            Gradient of the output of this rank's time steps. For a mean over all time steps, divide
            by their number on all ranks.
        tape : Tape
            Tape of `forward`.

        Returns
        -------
        Views
            Gradients by name; `grads.flat` is (P,). The gradients of the pieces are added in pairs
            (ranks.py).

        Raises
        ------
        ValueError
            If dy or the tape does not belong to the last passes of the network.
        """
        net = self.net
        with self.ranks.ending_together():
            tape_stamp.check("TimeSplit.backward", tape, net.identity, net.device)
            dy = check_gradient(net.device, dy, tape.output, None)
            grads = Views(net.params.shapes, net.device.zeros(net.flat.shape, net.dtype), net.identity)
            backward_layers(self._layers, dy, tape, None, None, grads, input_gradient=False)
            self.ranks.add(0.0, grads.flat)
        return grads

    def _check_pieces(self, x: Array) -> None:
        """Check that the pieces of all ranks have time steps and equal batches, and fit the network."""
        where, net = "TimeSplit.forward", self.net
        shapes = self.ranks.gather([x.shape[:2]])
        for rank, (steps, batch) in enumerate(shapes):
            if steps < 1:
                _check.fail(where, f"x of rank {rank} has {steps} steps", "at least 1")
            if batch != shapes[0][1]:
                because = "as on rank 0, because each rank has time steps of the same samples"
                _check.fail(where, f"x of rank {rank} has {batch} samples", f"{shapes[0][1]}", because)
        total = sum(steps for steps, _ in shapes)
        if net.steps is not None and total > net.steps and net.bounded:
            because = "(steps of the network), because the bounds on |u| hold for sequences of that length"
            _check.fail(where, f"the pieces have {total} steps", f"at most {net.steps}", because)


def check_network(net: Sequential) -> None:
    """Check that a network can be split over time; the error names the layer that cannot, and the reason."""
    if not isinstance(net, Sequential):
        _check.fail("TimeSplit", f"net is a {type(net).__name__}", "a Sequential", error=TypeError)
    if net.device.arrays is not np.ndarray:
        because = "because the maps of the pieces are computed by NumPy"
        _check.fail("TimeSplit", f"the network is on {net.backend!r}", "'cpu' or 'reference'", because)
    for i, layer in enumerate(net.layers):
        kind = type(layer).__name__
        if not isinstance(layer, SPLIT):
            expected = "IndRNN, Recurrence or Linear"
            _check.fail("TimeSplit", f"layers[{i}] is {kind}", expected, REASONS.get(kind, OTHER))
        if getattr(layer, "reverse", False):
            because = "because the states pass from earlier time steps to later ones"
            _check.fail("TimeSplit", f"layers[{i}] is {kind} with reverse=True", "reverse=False", because)
