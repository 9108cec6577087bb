"""The recurrent network in plain NumPy: one loop over time that mirrors the equations line by line."""

from __future__ import annotations

import numpy as np

from ... import _check
from ..indrnn.reference import valid
from ..recurrence.reference import dφ, previous, φ


def forward(x, W, U, b, h0, activation="tanh", lengths=None, reverse=False, work=None):
    """Run one recurrent layer over all T steps.

    Equation   h_t = φ(W x_t + U h_{t-1} + b),  Elman 1990
    Reads      x (T, B, D), W (H, D), U (H, H), b (H,), h0 (B, H), lengths (B,) integers or None
    Returns    h (T+1, B, H): row 0 is h0, row t+1 the output of step t
    Raises     ValueError naming the array, what it has and what was expected
    """
    check_forward("rnn.forward", x, W, U, b, h0, activation, lengths)
    T, B, _ = x.shape
    a = x @ W.T + b  # (T, B, H)
    h = np.empty((T + 1, *h0.shape), a.dtype)
    h[0] = state = h0
    for t, counts in walk(T, B, lengths, reverse):
        h_t = φ[activation](a[t] + state @ U.T)
        h[t + 1] = np.where(counts, h_t, 0)
        state = np.where(counts, h_t, state)
    return h


def backward(dh, x, h, W, U, dhT=None, activation="tanh", lengths=None, reverse=False, work=None, probe=None):
    """Carry the gradient back through the layer.

    Equation   da_t = φ'_t ⊙ (dh_t + Uᵀ da_{t+1}),  dU = Σ_{t,b} da_t h_{t-1}ᵀ,  dh0 = Uᵀ da_1
    Reads      dh (T, B, H) or None, x (T, B, D), h (T+1, B, H) from forward, W (H, D), U (H, H), dhT (B, H) or None
    Returns    dx (T, B, D), dW (H, D), dU (H, H), db (H,), dh0 (B, H)
    Raises     ValueError naming the array, what it has and what was expected
    """
    check_backward("rnn.backward", dh, x, h, W, U, dhT, activation, lengths)
    (T, B, _), ends = x.shape, ends_of(x, lengths)
    da, whole = np.empty_like(h[1:]), np.empty_like(h[1:])
    dU = np.zeros(U.shape, np.result_type(h.dtype, np.float64))
    carry = np.zeros_like(h[0]) if dhT is None else dhT  # Uᵀ da_{t+1}, or the gradient on the last state
    for t, counts in walk(T, B, lengths, not reverse):
        h_t, h_prev = h[t + 1], previous(h, t, ends, reverse)
        # forward: h_t = φ(W x_t + U h_prev + b)
        whole[t] = np.where(counts, carry if dh is None else dh[t] + carry, 0)
        da[t] = np.where(counts, dφ[activation](h_t) * whole[t], 0)
        dU += da[t].T @ np.where(counts, h_prev, 0)
        carry = np.where(counts, da[t] @ U, carry)
    if probe is not None:
        probe(0, T, whole, da)
    return *of_inputs(da, x, W, lengths), dU.astype(h.dtype), total(da), carry.copy()


def walk(T, B, lengths, from_the_end):
    """(t, which samples have not ended (B, 1)) in walking order."""
    ends = np.full(B, T) if lengths is None else lengths
    for t in range(T - 1, -1, -1) if from_the_end else range(T):
        yield t, (t < ends)[:, None]


def ends_of(x, lengths):
    """How many steps each sample has."""
    return np.full(x.shape[1], len(x)) if lengths is None else lengths


def of_inputs(da, x, W, lengths):
    """dx and dW of a = W x, for da (T, B, G) that is zero in the padding."""
    return da @ W, np.einsum("tbg,tbd->gd", da, x if lengths is None else np.where(valid(x, lengths), x, 0))


def total(da):
    """The sum over steps and samples: the gradient of a bias."""
    return da.sum(axis=(0, 1), dtype=np.result_type(da.dtype, np.float64)).astype(da.dtype)


def check_forward(where, x, W, U, b, h0, activation, lengths):
    """The contract of forward, shared with the twin."""
    _check.choice(where, "activation", activation, φ)
    check_start(where, 1, x, W, U, {"b": b}, {"h0": h0}, lengths)


def check_backward(where, dh, x, h, W, U, dhT, activation, lengths):
    """The contract of backward, shared with the twin."""
    _check.choice(where, "activation", activation, φ)
    check_states(where, 1, dh, x, W, U, {"h": h}, {}, {"dhT": dhT}, lengths)


def check_start(where, gates, x, W, U, biases, states, lengths):
    """Before a walk: W (gates · H, D) and U (gates · H, H), biases as long, initial states (B, H)."""
    G, H = check_weights(where, gates, x, W, U)
    for name, value in biases.items():
        _check.array(where, name, value, 1, "(H,)" if gates == 1 else f"({gates} H,)")
        _check.matches(where, name, value, (G,), "U", U)
    for name, value in states.items():
        _check.array(where, name, value, 2, "(B, H)")
        like = f"to match x with shape {x.shape} and U with shape {U.shape}"
        _check.shape(where, name, value, (x.shape[1], H), like)
    _check.floats(where, _check.FLOATS, x=x, W=W, U=U, **biases, **states)
    _check.lengths(where, lengths, *x.shape[:2])


def check_states(where, gates, dh, x, W, U, states, kept, last, lengths):
    """Before a walk back: states (T+1, B, H), what forward kept by name with its gates (T, B, n H), last gradients."""
    _, H = check_weights(where, gates, x, W, U)
    T, B, _ = x.shape
    given = {name: (value, (T + 1, B, H)) for name, value in states.items()}
    given |= {name: (value, (T, B, n * H)) for name, (value, n) in kept.items()}
    given |= {name: (value, (B, H)) for name, value in last.items() if value is not None}
    given |= {} if dh is None else {"dh": (dh, (T, B, H))}
    like = f"to match x with shape {x.shape} and U with shape {U.shape}"
    for name, (value, expected) in given.items():
        _check.array(where, name, value, len(expected))
        _check.shape(where, name, value, expected, like)
    _check.floats(where, _check.FLOATS, x=x, W=W, U=U, **{name: value for name, (value, _) in given.items()})
    _check.lengths(where, lengths, T, B)


def check_weights(where, gates, x, W, U):
    """(gates · H, H) of W and U that fit x and each other."""
    _check.array(where, "x", x, 3, "(T, B, D): time, batch, inputs")
    rows = "H" if gates == 1 else f"{gates} H"
    _check.array(where, "W", W, 2, f"({rows}, D)")
    _check.array(where, "U", U, 2, f"({rows}, H)")
    H = U.shape[1]
    _check.shape(where, "U", U, (gates * H, H), f"as U (… , H) has {rows} rows")
    _check.shape(
        where, "W", W, (gates * H, x.shape[2]), f"to match U with shape {U.shape} and x with shape {x.shape}"
    )
    return gates * H, H
