"""The plan of a run: its length and its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .. import _check, _files
from .._types import ClassWeights, Json, LossFunction, Metric, Value
from ..gradients.online import EXACT
from ..networks.recompute import KEEP, MEMORY
from ..optim.schedules import Constant, Plateau, Schedule
from ..settings.tables import number
from ..tasks import Task
from ..tasks.targets import loss_name
from . import class_weights, metrics, plan_checks
from .plan_checks import BPTT
from .ranks import OneRank, ranks_of

# Fields that may be None.
LEFT_OPEN = (
    "iterations", "epochs", "loss", "metrics", "class_weights", "schedule", "validate_every", "time_table", "shards",
    "comm",
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """Length and settings of a run.

    Parameters
    ----------
    iterations, epochs : int, float
        Length of the run: updates, or passes through the data. Set exactly one. Without `resume` it
        counts from the current iteration of the network; with `resume` it is the total length.
    batch : int
        Samples per batch.
    loss : str or callable
        "mse", "softmax_cross_entropy", "binary_cross_entropy", or a function f(y, target) that
        returns the mean loss and its gradient dy (training/own_loss.py). None: the loss of the task.
        The name of a function is its key in the lines of the run, so it differs from their other keys.
    metrics : mapping of str to callable
        Functions f(y, target) of all outputs and targets of a split, which return a number. Each
        evaluation records their values.
    schedule : Schedule
        Learning rate of each iteration, such as `ir.Cosine(1e-3, 10_000)`. None: the optimizer's.
    clip_norm, clip_value : float
        Limits of the global norm and of each element of the gradient. Elements are clipped first.
        0: no limit.
    log_every, checkpoint_every : int
        Iterations between log lines, and between checkpoints. With `checkpoint_every=0` only the
        best and the last state are saved.
    validate_every : int
        Iterations between validations. None: once per epoch, or every 100 iterations of an
        unlimited stream of data. 0: never.
    evaluation_batch : int
        Samples per batch of an evaluation.
    bn_batch : int
        Training samples from which an evaluation computes the statistics of batch norm. 0: use the
        running statistics.
    memory : str
        "keep" all states for the backward pass, or "recompute" them in windows (docs/memory.md).
    minutes : float
        Limit of the run time in minutes, without pauses. 0: no limit.
    patience : int
        Early stopping: end after so many validations without a new best. However the run ends,
        unless it is interrupted, it then returns and evaluates the best state. 0: neither.
    graph : bool
        Launch an iteration as two CUDA graphs, with backend "cuda" (docs/cuda.md).
    gradients : str
        "bptt" (back-propagation through time), or "online": forward in time, in memory that does
        not depend on T (`ir.online`, docs/gradients.md).
    rule : str
        Rule of online gradients: "exact", or the approximate "traces" or "depth-only".
    update_every : int
        Time steps between updates with online gradients, for losses of every time step. The
        gradient is then approximate. 0: one update at the end of each sequence.
    time_table : str or Path, optional
        JSON file that replaces the table by which layers with time="auto" choose
        (layers/time_table.py).
    shards : int, optional
        Parts of a batch that run one after the other, or on the ranks of `comm`; their gradients are
        added (docs/scale.md). None: one for each rank.
    sync_bn : bool
        Batch norm uses the statistics of the shards of all ranks, each of which has one shard.
    class_weights : str or sequence of float, optional
        Weights of the classes in the training loss: a number above 0 for each class, or "balanced"
        (training/class_weights.py). None: 1 for each class.
    label_smoothing : float
        Label smoothing ε in [0, 1): the probability that a target spreads over all classes in the
        training loss. Evaluations have neither weights nor smoothing.
    comm : mpi4py.MPI.Comm, optional
        Communicator whose ranks share each batch. None: this process runs alone.

    Examples
    --------
    >>> from dataclasses import replace
    >>> plan = Plan(iterations=1000, clip_norm=1.0)
    >>> replace(plan, batch=64).batch
    64
    """

    iterations: int | None = None
    batch: int = 32
    loss: str | LossFunction | None = None
    epochs: float | None = None
    metrics: Mapping[str, Metric] | None = None
    schedule: Schedule | None = None
    clip_norm: float = 0.0
    clip_value: float = 0.0
    log_every: int = 100
    validate_every: int | None = None
    checkpoint_every: int = 1000
    evaluation_batch: int = 100
    bn_batch: int = 0
    memory: str = KEEP
    minutes: float = 0.0
    patience: int = 0
    graph: bool = False
    gradients: str = BPTT
    rule: str = EXACT
    update_every: int = 0
    time_table: str | Path | None = None
    shards: int | None = None
    sync_bn: bool = False
    class_weights: ClassWeights = None
    label_smoothing: float = 0.0
    comm: Value = None

    def __post_init__(self) -> None:
        _check.options("Plan", self)
        for name, value in vars(self).items():
            if value is None and name not in LEFT_OPEN:
                _check.fail("Plan", f"{name} is None", "a value", error=TypeError)
            object.__setattr__(self, name, number("Plan", name, value))
        if callable(self.loss) and self.graph:
            because = "because a graph repeats launches, and loss is a function on the CPU"
            _check.fail("Plan", "graph is True", "False", because)
        if self.loss is not None and not callable(self.loss):
            _check.choice("Plan", "loss", self.loss, metrics.LOSSES)
        object.__setattr__(self, "class_weights", class_weights.checked(self.class_weights))
        _check.choice("Plan", "memory", self.memory, MEMORY)
        if self.time_table is not None:
            _files.user_path("Plan", "time_table", self.time_table)
        plan_checks.gradients(self)
        plan_checks.functions(self)
        plan_checks.shards(self)

    @property
    def ranks(self) -> OneRank:
        """The ranks of `comm`, or the one of this process."""
        return ranks_of(self.comm)

    def complete(self, task: Task, lr: float, done: int = 0) -> RunPlan:
        """Return the plan of a run on `task`, in which each field but `epochs` has a value.

        Parameters
        ----------
        task : Task
            Data of the run, which defines the default loss and the length of an epoch.
        lr : float
            Learning rate if there is no schedule.
        done : int
            Updates done before, to which `iterations` or `epochs` are added.
        """
        every = self.validate_every
        if every is None:
            every = (task.epoch_length(self.batch) or 100) if "validation" in task.splits else 0
        self._check_validation(task, every)
        fields = vars(self) | {
            "iterations": done + self._length(task), "epochs": None, "loss": self.loss or task.loss,
            "schedule": self.schedule or Constant(lr), "validate_every": every,
            "shards": self.shards or self.ranks.size, "class_weights": class_weights.of_task(self, task),
        }  # fmt: skip
        return RunPlan(**fields)

    def _check_validation(self, task: Task, every: int) -> None:
        """Check that the task has validation data, and that there are validations if the run depends on them."""
        if self.metrics and not task.splits:
            because = "because metrics are computed in evaluations"
            _check.fail("Plan", "metrics is set without validation", "validation, such as 0.2", because)
        if every and "validation" not in task.splits:
            because = f"because task {task.name!r} has no validation data"
            _check.fail("Plan", f"validate_every is {every}", "0", because)
        users = {"the plateau schedule": isinstance(self.schedule, Plateau), "patience": self.patience > 0}
        for user, uses in users.items():
            if uses and not every:
                problem, expected = "validate_every is 0", "a number above 0"
                if "validation" not in task.splits:
                    problem, expected = f"task {task.name!r} has no validation", "validation data"
                _check.fail("Plan", problem, expected, f"because {user} depends on validations")

    def _length(self, task: Task) -> int:
        """Return the number of updates of the run."""
        iterations, epochs = self.iterations, self.epochs
        if iterations is not None and epochs is None:
            return iterations
        if epochs is None or iterations is not None:
            _check.fail("Plan", f"iterations is {iterations} and epochs is {epochs}", "exactly one of them")
        length = task.epoch_length(self.batch)
        if length is None:
            because = f"because task {task.name!r} has an unlimited stream of data"
            _check.fail("Plan", f"epochs is {epochs}", "iterations", because)
        return max(1, round(epochs * length))


class RunPlan(Plan):
    """A plan without open fields (`Plan.complete`). `iterations` is the iteration at which the run ends."""

    iterations: int
    loss: str | LossFunction
    schedule: Schedule
    validate_every: int
    shards: int

    @property
    def restores_best(self) -> bool:
        """Whether the run returns to its best state: at its end, or when a plateau schedule reduces the rate."""
        return self.patience > 0 or isinstance(self.schedule, Plateau)

    @property
    def loss_name(self) -> str:
        """Name of the loss in metrics and files."""
        return loss_name(self.loss)

    def metric(self, task: Task) -> str:
        """Return the metric that decides which state is best: of the task, or an own loss in its place."""
        from_loss = task.metric == task.loss or task.metric in metrics.DERIVED
        return self.loss_name if self.loss != task.loss and from_loss else task.metric

    def spec(self) -> Json:
        """Return the fields as JSON, without schedule, `epochs` and `comm`; functions by their names."""
        left_out = ("epochs", "schedule", "comm")
        fields = {name: value for name, value in vars(self).items() if name not in left_out}
        fields |= {"loss": self.loss_name, "metrics": sorted(self.metrics or ())}
        table, weights = fields.pop("time_table"), fields.pop("class_weights")
        fields |= {} if table is None else {"time_table": str(table)}  # TOML has no None
        return fields if weights is None else fields | {"class_weights": list(weights)}
