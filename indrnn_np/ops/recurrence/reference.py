"""The recurrence in plain NumPy: one loop over time that mirrors the equations line by line."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ... import _check

φ: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda a: np.where(a.real < 0, np.zeros((), a.dtype), a),  # NaN stays NaN
    "tanh": np.tanh,
    "sigmoid": lambda a: np.where(a.real < 0, decay(a) / (1 + decay(a)), 1 / (1 + decay(a))),
    "identity": lambda a: a,
}
dφ: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # the derivative, from the output h = φ(a)
    "relu": lambda h: (h.real > 0).astype(h.dtype),
    "tanh": lambda h: 1 - h * h,
    "sigmoid": lambda h: h * (1 - h),
    "identity": lambda h: np.ones_like(h),
}


def decay(a):
    """exp(-|a|), which does not overflow; for a complex step, with the sign of the real part."""
    return np.exp(np.where(a.real < 0, a, -a))


def forward(a, u, h0, activation="relu", lengths=None, reverse=False, out=None):
    """Run the recurrence over all T steps.

    Equation   h_t = φ(a_t + u ⊙ h_{t-1}),  Li et al. 2018, arXiv:1803.04831, eq. 2 with a_t = W x_t + b
    Reads      a (T, B, H), u (H,), h0 (B, H), lengths (B,) integers or None
    Returns    h (T+1, B, H) in the dtype of a: row 0 is h0, row t+1 the output of step t; it is `out` if given,
               and a may be out[1:] itself
    Raises     ValueError naming the array, what it has and what was expected
    """
    check_forward("recurrence.forward", a, u, h0, activation, lengths, out)
    T, B, _ = a.shape
    h = np.empty((T + 1, *h0.shape), a.dtype) if out is None else out
    h[0] = h0
    ends = np.full(B, T) if lengths is None else lengths
    state = h0.copy()  # h_{t-1} of each sample
    for t in range(T - 1, -1, -1) if reverse else range(T):
        valid = (t < ends)[:, None]  # (B, 1)
        h_t = φ[activation](a[t] + u * state)
        h[t + 1] = np.where(valid, h_t, 0)
        state = np.where(valid, h_t, state)
    return h


def backward(dh, h, u, dhT=None, activation="relu", lengths=None, reverse=False, out=None):
    """Carry the gradient of the loss back through all T steps.

    Equation   da_t = φ'_t ⊙ (dh_t + u ⊙ da_{t+1}),  du = Σ_{t,b} da_t ⊙ h_{t-1},  dh0 = u ⊙ da_1      (eq. 4)
    Reads      dh  (T, B, H)     gradient arriving at the outputs h[1:], or None: only the last state was read
               h   (T+1, B, H)   the states that forward returned
               u   (H,)
               dhT (B, H)        gradient arriving at each sample's last state, or None
    Returns    da (T, B, H) (it is `out` if given), du (H,), dh0 (B, H); rows of da after a sample's end are zero
    Raises     ValueError naming the array, what it has and what was expected
    """
    check_backward("recurrence.backward", dh, h, u, dhT, activation, lengths, out)
    T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
    da = np.empty((T, B, H), h.dtype) if out is None else out
    ends = np.full(B, T) if lengths is None else lengths
    du = np.zeros(H, np.result_type(h.dtype, np.float64))
    carry = (
        np.zeros((B, H), h.dtype) if dhT is None else dhT.copy()
    )  # u ⊙ da_{t+1}, or the gradient on the last state
    for t in range(T) if reverse else range(T - 1, -1, -1):
        valid = (t < ends)[:, None]
        h_t, h_prev = h[t + 1], previous(h, t, ends, reverse)
        # forward: h_t = φ(a_t + u ⊙ h_prev)
        dh_t = carry if dh is None else dh[t] + carry
        da_t = np.where(valid, dφ[activation](h_t) * dh_t, 0)
        da[t] = da_t
        du += np.sum(da_t * np.where(valid, h_prev, 0), axis=0, dtype=du.dtype)
        carry = np.where(valid, u * da_t, carry)
    return da, du.astype(h.dtype), carry


def previous(h, t, ends, reverse):
    """h_{t-1} of every sample: the row before; in reverse the row after, or h0 at the sample's own last step."""
    if not reverse:
        return h[t]
    after = h[t + 2] if t + 2 < len(h) else h[0]
    return np.where((t == ends - 1)[:, None], h[0], after)


def last(h, lengths=None, reverse=False):
    """Each sample's last state (B, H), a fresh array: h[lengths], or h[T]; in reverse the state of step 0."""
    _check.array("recurrence.last", "h", h, 3, "(T+1, B, H)")
    T, B = h.shape[0] - 1, h.shape[1]
    _check.lengths("recurrence.last", lengths, T, B)
    if lengths is None:
        return h[min(T, 1) if reverse else T].copy()
    return h[np.minimum(lengths, 1) if reverse else lengths, np.arange(B)]


def check_forward(where, a, u, h0, activation, lengths, out):
    """The contract of forward, shared with the twins: arrays that fit, or an error that says which does not."""
    _check.choice(where, "activation", activation, φ)
    _check.array(where, "a", a, 3, "(T, B, H): time, batch, units")
    T, B, H = a.shape
    _check.array(where, "u", u, 1, "(H,)")
    _check.array(where, "h0", h0, 2, "(B, H)")
    _check.floats(where, _check.FLOATS, a=a, u=u, h0=h0, out=out)
    _check.matches(where, "u", u, (H,), "a", a)
    _check.matches(where, "h0", h0, (B, H), "a", a)
    _check.lengths(where, lengths, T, B)
    if out is not None:
        _check.array(where, "out", out, 3, "(T+1, B, H)")
        _check.matches(where, "out", out, (T + 1, B, H), "a", a)
        if a.size and _check.shares_memory(a, out) and not _check.same_start(a, out[1:]):
            _check.fail(where, "a overlaps out", "a to be out[1:] itself or an array of its own")


def check_backward(where, dh, h, u, dhT, activation, lengths, out):
    """The contract of backward, shared with the twins."""
    _check.choice(where, "activation", activation, φ)
    _check.array(where, "h", h, 3, "(T+1, B, H): states with the initial one in row 0")
    T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
    _check.array(where, "u", u, 1, "(H,)")
    _check.matches(where, "u", u, (H,), "h", h)
    _check.floats(where, _check.FLOATS, h=h, u=u, dh=dh, dhT=dhT, out=out)
    for name, value, expected in (("dh", dh, (T, B, H)), ("dhT", dhT, (B, H)), ("out", out, (T, B, H))):
        if value is not None:
            _check.array(where, name, value, len(expected))
            _check.matches(where, name, value, expected, "h", h)
    _check.lengths(where, lengths, T, B)
