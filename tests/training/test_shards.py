"""A batch in shards: the sum of their gradients, statistics, masks, states, and what is refused."""

import numpy as np
import pytest
from sharded_runs import chars
from small_runs import adding, curve, net_for
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np.layers.context import Shard
from indrnn_np.layers.shared_statistics import tree_sum
from indrnn_np.optim.schedules import Constant
from indrnn_np.tasks import Batch
from indrnn_np.training import room, shards
from indrnn_np.training.diagnose import Diverged
from indrnn_np.training.gradient_pass import Bptt
from indrnn_np.training.plan import RunPlan
from indrnn_np.training.shards import ShardedPass, Sum
from indrnn_np.training.step import pass_of
from indrnn_np.workspace import Workspace

T, B, D, H, K = 6, 8, 3, 5, 4
LAYERS = {
    "last": [ir.IndRNN(D, H, input_init=0.5), ir.LastStep(), ir.Linear(H, K)],
    "every": [ir.IndRNN(D, H, input_init=0.5), ir.IndRNN(H, H, input_init=0.5), ir.Linear(H, K)],
    "norm": [
        ir.IndRNN(D, H, input_init=0.5),
        ir.BatchNorm(H),
        ir.Dropout(0.3),
        ir.LastStep(),
        ir.Linear(H, K),
    ],
}


def network(name, **options):
    return ir.Sequential(
        LAYERS[name], steps=T, seed=1, **{"dtype": "float64", "backend": "reference"} | options
    )


def plan(count, loss="softmax_cross_entropy", **options):
    fields = {"iterations": 9, "batch": B, "loss": loss, "schedule": Constant(0.1), "validate_every": 0}
    return RunPlan(**fields | options, shards=count)


def batch(name, loss="softmax_cross_entropy", samples=B, **options):
    rng = np.random.default_rng(0)
    shape = (samples,) if name != "every" else (T, samples)
    target = rng.integers(0, K, shape) if loss == "softmax_cross_entropy" else rng.random((*shape, K))
    return Batch(rng.standard_normal((T, samples, D)), target, **options)


def gradient(name, count, part, state=None, **options):
    """Loss, gradient and states of a pass in `count` shards."""
    net = network(name)
    loss, grads, after = pass_of(net, plan(count, **options), Workspace())(part, state)
    return loss, np.array(grads.flat), after


def own_mse(y, target):
    return ((y - target) ** 2).mean(), 2 * (y - target) / y.size


LENGTHS = np.array([6, 1, 3, 6, 0, 2, 5, 4])
MASK = np.random.default_rng(3).random((T, B)) < 0.5
MASK[:, 2:4] = False  # the second of four shards has no target
CASES = {
    "labels at the end": ("last", "softmax_cross_entropy", {}),
    "labels at the end of sequences with lengths": ("last", "softmax_cross_entropy", {"lengths": LENGTHS}),
    "labels at every step": ("every", "softmax_cross_entropy", {}),
    "lengths and a mask": ("every", "softmax_cross_entropy", {"lengths": LENGTHS, "mask": MASK}),
    "numbers": ("every", "mse", {"mask": MASK}),
    "several labels": ("last", "binary_cross_entropy", {}),
    "own loss": ("every", own_mse, {"lengths": LENGTHS}),
}


@pytest.mark.parametrize("count", [2, 3, 4, 8])
@pytest.mark.parametrize("case", CASES)
def test_the_sum_over_shards_is_the_gradient_of_the_batch(case, count):
    name, loss, options = CASES[case]
    part = batch(name, loss, **options)
    whole, summed = gradient(name, 1, part, loss=loss), gradient(name, count, part, loss=loss)
    assert_close(np.float64(summed[0]), np.float64(whole[0]))
    assert_close(summed[1], whole[1])


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("case", ["labels at the end of sequences with lengths", "lengths and a mask"])
def test_a_shard_weighs_as_much_as_the_classes_of_its_labels(case, count):
    name, _, options = CASES[case]
    part, classes = batch(name, **options), {"class_weights": (0.1, 5.0, 1.0, 0.3), "label_smoothing": 0.2}
    whole, summed = gradient(name, 1, part, **classes), gradient(name, count, part, **classes)
    assert_close(np.float64(summed[0]), np.float64(whole[0]))
    assert_close(summed[1], whole[1])
    assert np.abs(whole[1] - gradient(name, 1, part)[1]).max() > 1e-3


def test_recomputation_in_shards_has_the_same_gradient():
    part = batch("every", lengths=LENGTHS)
    assert_close(gradient("every", 4, part, memory="recompute")[1], gradient("every", 1, part)[1])


def test_a_last_batch_with_fewer_samples_than_shards_has_its_own_gradient():
    part = batch("last", samples=3)
    assert_close(gradient("last", 8, part)[1], gradient("last", 1, part)[1])


def test_a_batch_without_any_target_is_refused_as_without_shards():
    part = batch("every", mask=np.zeros((T, B), bool))
    with pytest.raises(ValueError, match="at least one"):
        gradient("every", 2, part)


def test_one_shard_is_the_whole_batch():
    assert type(pass_of(network("last"), plan(1), Workspace())) is Bptt
    assert type(pass_of(network("last"), plan(2), Workspace())) is ShardedPass


class Term:
    """A term whose sums show their brackets."""

    def __init__(self, text):
        self.text = text

    def __iadd__(self, other):
        return Term(f"({self.text} + {other.text})")


@pytest.mark.parametrize(
    "count, expected", [(4, "((0 + 1) + (2 + 3))"), (6, "((0 + (1 + 2)) + (3 + (4 + 5)))"), (1, "0")]
)
def test_the_tree_is_balanced_and_its_order_depends_on_the_shards_only(count, expected):
    terms = iter(Sum(0.0, Term(str(s))) for s in range(count))
    assert tree_sum(lambda: next(terms), count, shards.add).gradient.text == expected


def test_batch_norm_and_dropout_go_by_shard():
    """Shards in one pass are passes of their own, and move the running statistics one after the other."""
    part, net, other = batch("norm"), network("norm"), network("norm")
    _, grads, _ = ShardedPass(net, plan(2), Workspace())(part, None)
    total = np.zeros(net.size)
    for s in range(2):
        samples = slice(4 * s, 4 * s + 4)
        shard = Shard(s)
        y, _, tape = other.forward(np.ascontiguousarray(part.x[:, samples]), shard=shard)
        dy = ir.softmax_cross_entropy(y, part.target[samples], backend="reference")[1]
        total += other.backward(dy / 2, tape)[2].flat
        for update in shard.updates:
            update()
    assert_close(grads.flat, total)
    assert np.array_equal(net.buffers.flat, other.buffers.flat)
    assert not np.array_equal(net.buffers.flat, network("norm").buffers.flat)


def test_shards_drop_other_units_and_the_first_one_those_of_a_batch():
    net, x = network("norm"), batch("norm").x[:, :4].copy()
    one, first, second = (net.forward(x, shard=shard)[0] for shard in (None, Shard(0), Shard(1)))
    assert np.array_equal(one, first) and not np.array_equal(first, second)


def test_a_pass_of_a_shard_does_not_move_the_running_statistics_itself():
    net, shard = network("norm"), Shard(0)
    before = np.array(net.buffers.flat)
    net.forward(batch("norm").x, shard=shard)
    assert np.array_equal(net.buffers.flat, before) and len(shard.updates) == 1


def test_each_shard_continues_its_own_streams():
    first, second = batch("every"), batch("every", carry=True)
    whole, parted = (pass_of(network("every"), plan(count), Workspace()) for count in (1, 4))
    state, states = whole(first, None)[2], parted(first, None)[2]
    for part, expected in zip(parted.whole_state(states), state, strict=True):
        assert (part is None) == (expected is None)
        if expected is not None:
            assert_close(part, expected)
    (loss, grads, _), (other, summed, _) = whole(second, state), parted(second, states)
    assert_close(np.float64(other), np.float64(loss))
    assert_close(summed.flat, grads.flat)
    again = parted.own_state(parted.whole_state(states))
    assert all(np.array_equal(a, b) for a, b in zip(again[1], states[1], strict=True) if a is not None)


def test_a_stream_in_shards_resumes_bit_for_bit(tmp_path):
    whole = chars(tmp_path / "whole", iterations=9)
    chars(tmp_path / "part", iterations=5)
    rest = chars(tmp_path / "part", iterations=9, resume=tmp_path / "part")
    assert np.array_equal(whole.net.flat, rest.net.flat) and curve(whole) == curve(rest)


def test_a_run_names_its_shards(tmp_path):
    result = chars(tmp_path / "run", iterations=1)
    assert result.summary["plan"]["shards"] == 4 and "4 shards" in result.summary["gradients"]
    log = (tmp_path / "run" / "log.txt").read_text()
    assert "shards: 4 of up to 2 samples\n" in log and "running statistics in the order of the shards" in log


def test_a_value_that_is_not_finite_is_named_by_its_sample_of_the_batch():
    x = np.zeros((T, B, D))
    x[2, 5, 1], net = 1e308, network("last")
    net.flat[...] *= 1e3
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(Diverged, match="sample = 5"):
        ir.fit(
            net, (x, np.zeros((B, K))), ir.SGD(1.0), loss="mse", batch=B, epochs=1, shards=4,
            progress=False, schedule=Constant(0.1),
        )  # fmt: skip


def test_shards_need_less_memory():
    task = adding(steps=400)
    needed = []
    for count in (1, 8):
        whole = plan(count, "mse", batch=64, evaluation_batch=1)
        needed.append(room._need(net_for(task), task.batch(0, 64), ir.Adam(), whole)("keep", 64))
    assert needed[1] < needed[0] / 2


def test_statistics_over_one_value_are_found_by_shard():
    x = np.zeros((T, B, D), np.float32)
    net = ir.Sequential([ir.IndRNN(D, H), ir.BatchNorm(H, per_step=True), ir.Linear(H, 1)], steps=T)
    with pytest.raises(ValueError, match="takes each statistic over one value"):
        ir.fit(
            net, (x, np.zeros((T, B, 1), np.float32)), ir.Adam(), batch=B, epochs=1, shards=B, progress=False
        )


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"shards": 9, "batch": 8}, "shards is 9 with batch 8, expected at most 8"),
        ({"shards": 0}, "shards is 0, expected a whole number of at least 1"),
        ({"shards": 2, "graph": True}, "graph is True, expected False because shards is 2"),
        ({"shards": 2, "gradients": "online"}, "gradients is 'online', expected 'bptt' because shards is 2"),
    ],
)
def test_a_plan_refuses_shards_that_cannot_be_added(fields, message):
    with pytest.raises(ValueError, match=message):
        ir.Plan(**{"iterations": 1} | fields)
