"""C functions of an exported network; a file holds those that its network calls.

$ stands for the prefix of the file. Arrays of weights are stored by columns, so the inner loop
runs over outputs, which do not depend on each other: compilers turn it into vector code.
"""

from __future__ import annotations

from typing import NamedTuple


class Function(NamedTuple):
    """Code of a C function, and the names of the functions that it calls."""

    code: str
    calls: tuple[str, ...] = ()


PRODUCT = """\
/* y += W x, with W (outputs, inputs) stored by columns. */
static inline void $product(int inputs, int outputs, const float *restrict W, const float *restrict x,
        float *restrict y)
{
    for (int i = 0; i < inputs; i++, W += outputs)
        for (int k = 0; k < outputs; k++)
            y[k] += W[k] * x[i];
}
"""

AFFINE = """\
/* y = W x + b */
static inline void $affine(int inputs, int outputs, const float *restrict W, const float *restrict b,
        const float *restrict x, float *restrict y)
{
    for (int k = 0; k < outputs; k++)
        y[k] = b[k];
    $product(inputs, outputs, W, x, y);
}
"""

ACTIVATION = """\
static inline float ${name}(float a)
{{
    return {value};
}}
"""

INDRNN = """\
/* h = phi(a + u h), unit by unit */
static inline void $indrnn_{name}(int units, const float *restrict u, const float *restrict a,
        float *restrict h)
{{
    for (int i = 0; i < units; i++)
        h[i] = ${name}(a[i] + u[i] * h[i]);
}}
"""

RNN = """\
/* h = phi(a) */
static inline void $rnn_{name}(int units, const float *restrict a, float *restrict h)
{{
    for (int i = 0; i < units; i++)
        h[i] = ${name}(a[i]);
}}
"""

LSTM = """\
/* c = sigma(f) c + sigma(i) tanh(g),  h = sigma(o) tanh(c),  with a = [i f g o] */
static inline void $lstm(int units, const float *restrict a, float *restrict h, float *restrict c)
{
    for (int i = 0; i < units; i++) {
        c[i] = $sigmoid(a[units + i]) * c[i] + $sigmoid(a[i]) * $tanh(a[2 * units + i]);
        h[i] = $sigmoid(a[3 * units + i]) * $tanh(c[i]);
    }
}
"""

GRU = """\
/* n = tanh(a_n + sigma(a_r + v_r) v_n),  z = sigma(a_z + v_z),  h = (1 - z) n + z h,  with a = [a_r a_z a_n] */
static inline void $gru(int units, const float *restrict a, const float *restrict v, float *restrict h)
{
    for (int i = 0; i < units; i++) {
        float r = $sigmoid(a[i] + v[i]);
        float z = $sigmoid(a[units + i] + v[units + i]);
        float n = $tanh(a[2 * units + i] + r * v[2 * units + i]);
        h[i] = (1.0f - z) * n + z * h[i];
    }
}
"""

BATCH_NORM = """\
/* y = factor x + shift, unit by unit */
static inline void $scale(int units, const float *restrict factor, const float *restrict shift,
        const float *restrict x, float *restrict y)
{
    for (int i = 0; i < units; i++)
        y[i] = factor[i] * x[i] + shift[i];
}
"""

LAYER_NORM = """\
/* y = scale (x - mean) / sqrt(var + eps) + shift, with the mean and the variance of x */
static inline void $layer_norm(int units, double eps, const float *restrict scale,
        const float *restrict shift, const float *restrict x, float *restrict y)
{
    double mean = 0.0, var = 0.0;
    for (int i = 0; i < units; i++)
        mean += x[i];
    mean /= units;
    for (int i = 0; i < units; i++)
        var += (x[i] - mean) * (x[i] - mean);
    double factor = 1.0 / sqrt(var / units + eps);
    for (int i = 0; i < units; i++)
        y[i] = (float)(scale[i] * ((x[i] - mean) * factor) + shift[i]);
}
"""

ADD = """\
/* y = x + f */
static inline void $add(int units, const float *restrict x, const float *restrict f, float *restrict y)
{
    for (int i = 0; i < units; i++)
        y[i] = x[i] + f[i];
}
"""

COPY = """\
static inline void $copy(int count, const float *restrict from, float *restrict to)
{
    for (int i = 0; i < count; i++)
        to[i] = from[i];
}
"""

ACTIVATIONS = {
    "relu": "a < 0.0f ? 0.0f : a",
    "tanh": "tanhf(a)",
    "sigmoid": "1.0f / (1.0f + expf(-a))",
    "identity": "a",
}

FUNCTIONS: dict[str, Function] = {
    "product": Function(PRODUCT),
    "affine": Function(AFFINE, ("product",)),
    **{name: Function(ACTIVATION.format(name=name, value=value)) for name, value in ACTIVATIONS.items()},
    **{f"indrnn_{name}": Function(INDRNN.format(name=name), (name,)) for name in ACTIVATIONS},
    **{f"rnn_{name}": Function(RNN.format(name=name), (name,)) for name in ACTIVATIONS},
    "lstm": Function(LSTM, ("sigmoid", "tanh")),
    "gru": Function(GRU, ("sigmoid", "tanh")),
    "scale": Function(BATCH_NORM),
    "layer_norm": Function(LAYER_NORM),
    "add": Function(ADD),
    "copy": Function(COPY),
}


def code_of(called: set[str]) -> str:
    """Return the code of the functions `called` and of those that they call, each after its own calls."""
    needed = set(called)
    for name in reversed(FUNCTIONS):
        if name in needed:
            needed.update(FUNCTIONS[name].calls)
    return "\n".join(function.code for name, function in FUNCTIONS.items() if name in needed)
