"""Event files for TensorBoard, written with tensorboardX while a network trains."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from .. import _check
from .._types import AnyArray, Json, Value
from .trainer import Trainer

FLUSH = 10  # seconds until events are in the file
ABOUT = ("kind", "split", "iteration")  # entries of a line that are no curves


class TensorBoard:
    """Observer that writes a run into event files for TensorBoard (extra `tensorboard`).

    Each number in a line of the metrics is a scalar, such as `train/mse` or `validation/accuracy`.
    With the training lines it writes the norm of the last gradient of each layer after clipping
    (`gradient_norm/0`), and a histogram of each recurrent weight (`u/0`).

    Parameters
    ----------
    folder : str or Path
        Folder of the event files. It is created with the first line.
    done : int
        Iterations before this run is resumed. TensorBoard hides later events in the folder, because
        the run repeats them.

    Raises
    ------
    ModuleNotFoundError
        If tensorboardX is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_np as ir
    >>> from tempfile import TemporaryDirectory
    >>> net, data = ir.plain(2, 4, 1, layers=1, steps=5), (np.ones((5, 12, 2), "f4"), np.ones((12, 1)))
    >>> with TemporaryDirectory() as folder, TensorBoard(folder) as board:
    ...     result = ir.fit(net, data, ir.Adam(0.01), epochs=2, callbacks=[board], progress=False)
    """

    def __init__(self, folder: str | Path, done: int = 0) -> None:
        self._package = _check.optional("TensorBoard", "tensorboardX", "tensorboard")
        self._folder, self._done = Path(folder), done
        self._writer: Value = None

    def __enter__(self) -> TensorBoard:
        return self

    def __exit__(self, *error: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def observe(self, trainer: Trainer, line: Json) -> None:
        """Write the events of a line."""
        if self._writer is None:
            purge, suffix = (self._done + 1 if self._done else None), f".{self._done}"
            self._writer = self._package.SummaryWriter(
                str(self._folder), purge_step=purge, flush_secs=FLUSH, filename_suffix=suffix
            )
        iteration = line["iteration"]
        for name, value in scalars(line):
            self._writer.add_scalar(name, value, iteration)
        if line["kind"] == "train":
            self._observe_layers(trainer, iteration)

    def _observe_layers(self, trainer: Trainer, iteration: int) -> None:
        """Write the gradient norm of each layer and the histogram of each recurrent weight."""
        net, grads = trainer.net, trainer.step.grads
        assert grads is not None  # a training line follows an update
        gradients = {name: net.device.to_host(array) for name, array in grads.items()}
        for layer, norm in layer_norms(gradients).items():
            self._writer.add_scalar(f"gradient_norm/{layer}", norm, iteration)
        for layer, u in net.recurrent_weights().items():
            self._writer.add_histogram(f"u/{layer}", u, iteration)


def scalars(line: Json) -> Iterator[tuple[str, float]]:
    """Yield the names and values of a line's curves, without values that were not finite (null)."""
    kind = "/".join(line[key] for key in ("kind", "split") if key in line)
    for name, value in line.items():
        if name not in ABOUT and value is not None:
            yield f"{kind}/{name}", value


def layer_norms(grads: Mapping[str, AnyArray]) -> dict[str, float]:
    """Return the norm of the gradient of each layer, from arrays named `layer.parameter`.

    Examples
    --------
    >>> layer_norms({"0.W": np.array([[3.0]]), "0.u": np.array([4.0]), "1.b": np.array([2.0])})
    {'0': 5.0, '1': 2.0}
    """
    squares: dict[str, float] = {}
    for name, array in grads.items():
        layer = name.rpartition(".")[0]
        squares[layer] = squares.get(layer, 0.0) + float(np.sum(np.square(array, dtype=np.float64)))
    return {layer: math.sqrt(square) for layer, square in squares.items()}
