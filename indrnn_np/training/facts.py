"""What must be the same on all ranks of a run, because each of them makes every update."""

from __future__ import annotations

from .._cpu import provenance
from .._types import Json
from .trainer import Trainer


def facts_of(trainer: Trainer) -> Json:
    """Return data, settings, state, versions and machine of a run, as JSON with NumPy arrays."""
    from .. import __version__

    net, optimizer = trainer.net, trainer.optimizer
    batch = trainer.task.batch(net.iteration, trainer.plan.batch)
    machine = provenance.machine()
    specs = [net.spec(), optimizer.spec(), trainer.schedule.spec(), net.backend, net.dtype.name]
    return {
        "data": [trainer.task.describe(), batch.x, batch.target],
        "settings": [trainer.extra, specs],
        "parameters": [net.state_dict(), optimizer.state_dict()],
        "versions": [__version__, provenance.versions()],
        "processors or threads": {name: machine[name] for name in ("cpu", "threads", "blas")},
    }
