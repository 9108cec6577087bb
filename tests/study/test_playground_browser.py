"""The playground in a real browser: its numbers are the package's, and everybody can read and use it."""

import json
import re

import numpy as np
import pytest
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np.commands.study_playground import PAGE
from indrnn_np.ops.indrnn import reference as indrnn
from indrnn_np.ops.recurrence.activation import ACTIVATIONS
from indrnn_np.ops.rnn import reference as rnn

SETTINGS = 200
PAGES = [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)]

# The page's functions on settings in JSON, and all that they return.
CALL = """text => JSON.stringify(JSON.parse(text).map(({activation, x, W, u, b, U, dh, everyStep}) => {
  const {ACTIVATIONS, forward, backward, noGradient, closedForm, denseForward, denseBackward} = playground;
  const rows = matrix => matrix.map(row => Float64Array.from(row)), φ = ACTIVATIONS[activation];
  const layer = {W: rows(W), u: Float64Array.from(u), b: Float64Array.from(b)}, dense = {...layer, U: rows(U)};
  const h = forward(rows(x), layer, φ), sums = noGradient(layer);
  const total = backward(rows(dh), rows(x), h, layer, φ, sums);
  const closed = u.map((u_i, i) => closedForm(u_i, h.slice(1).map(row => φ.slope(row[i])), everyStep));
  const dense_h = denseForward(rows(x), dense, φ), dense_dh = denseBackward(rows(dh), dense_h, dense, φ);
  const result = {h, dh: total.h, dx: total.x, dW: sums.W, du: [sums.u], db: [sums.b], closed, dense_h, dense_dh};
  for (const name in result) result[name] = result[name].map(row => [...row]);
  return result;
}))"""
SET = """([id, value]) => {
  const control = document.getElementById(id);
  control.value = value;
  control.dispatchEvent(new Event("input"));
}"""


@pytest.fixture
def page(visit):
    return visit(PAGE)[0]


def random_setting(rng, loss=None):
    """Draw a setting; `loss` is "last" or "every" for a sum of states, None for a random gradient of each state."""
    T, D, H = (int(rng.integers(low, high)) for low, high in ((1, 100), (1, 4), (1, 9)))
    activation = str(rng.choice(list(ACTIVATIONS)))
    widest = 1.5 * ACTIVATIONS[activation].bound
    dh = rng.standard_normal((T, H)) if loss is None else np.ones((T, H))
    if loss == "last":
        dh[:-1] = 0
    return {
        "activation": activation, "x": rng.standard_normal((T, D)), "W": rng.standard_normal((H, D)),
        "u": rng.uniform(-widest, widest, H), "b": rng.standard_normal(H), "dh": dh,
        "U": rng.standard_normal((H, H)) * widest / np.sqrt(H), "everyStep": loss == "every",
    }  # fmt: skip


def call(page, settings):
    text = json.dumps([
        {name: getattr(value, "tolist", lambda v=value: v)() for name, value in setting.items()}
        for setting in settings
    ])  # fmt: skip
    return json.loads(page.evaluate(CALL, text))


def reference(setting):
    """Return the same arrays by the package, in float64."""
    x, W, u, b, U, dh = (setting[name] for name in ("x", "W", "u", "b", "U", "dh"))
    x, dh, activation, h0 = x[:, None], dh[:, None], setting["activation"], np.zeros((1, len(u)))
    h = indrnn.forward(x, W, u, b, h0, activation)
    dx, dW, du, db, _ = indrnn.backward(dh, x, h, W, u, None, activation)
    dense_h, seen = rnn.forward(x, W, U, b, h0, activation), []
    rnn.backward(dh, x, dense_h, W, U, None, activation, probe=lambda t0, t1, dh, da: seen.append(dh.copy()))
    return {"h": h[:, 0], "dh": total_gradient(setting, h)[:, 0], "dx": dx[:, 0], "dW": dW, "du": du[None],
              "db": db[None], "dense_h": dense_h[:, 0], "dense_dh": seen[0][:, 0]}  # fmt: skip


def total_gradient(setting, h):
    """Return ∂L/∂h_t (T, 1, H): dh_t + u ⊙ da_{t+1}."""
    u, dh = setting["u"], setting["dh"][:, None]
    da, _, _ = ir.get_backend("reference").recurrence.backward(dh, h, u, None, setting["activation"])
    return dh + u * np.concatenate([da[1:], np.zeros_like(da[:1])])


def test_its_functions_are_those_of_the_package(page):
    rng = np.random.default_rng(0)
    settings = [random_setting(rng) for _ in range(SETTINGS)]
    assert {setting["activation"] for setting in settings} == set(ACTIVATIONS)
    for setting, found in zip(settings, call(page, settings), strict=True):
        for name, expected in reference(setting).items():
            actual = np.array(found[name], float)
            assert_close(actual, expected, f"{setting['activation']} {name}")
            np.testing.assert_allclose(actual, expected, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("loss", ["last", "every"])
def test_the_closed_form_is_the_gradient(page, loss):
    rng = np.random.default_rng(1)
    settings = [random_setting(rng, loss) for _ in range(50)]
    for setting, found in zip(settings, call(page, settings), strict=True):
        closed = np.array(found["closed"], float).T
        assert_close(closed, np.array(found["dh"], float), loss)
        assert_close(closed, reference(setting)["dh"], loss)


def test_its_bound_is_the_packages(page):
    for activation in ACTIVATIONS:
        for steps in (2, 10, 50, 200):
            found = page.evaluate(
                "([φ, T]) => playground.recurrentBound(playground.ACTIVATIONS[φ], 2, T)", [activation, steps]
            )
            assert_close(found, ir.recurrent_bound(activation, 2.0, steps))


def matrices():
    rng = np.random.default_rng(2)
    for size in range(1, 9):
        cycle = np.roll(np.eye(size), 1, axis=0)
        rotation = np.linalg.qr(rng.standard_normal((size, size)))[0]
        yield from (np.zeros((size, size)), cycle, rotation, np.triu(rng.standard_normal((size, size))))
        yield from rng.standard_normal((10, size, size))


def test_its_eigenvalues_are_those_of_numpy(page):
    for A in matrices():
        found = page.evaluate("A => playground.eigenvalues(A)", A.tolist())
        radius = page.evaluate("A => playground.spectralRadius(A)", A.tolist())
        assert_close(float(radius), np.abs(np.linalg.eigvals(A)).max())
        found = np.array(found) @ [1, 1j]
        # The coefficients of the characteristic polynomial do not depend on the order of its roots.
        assert_close(np.poly(found).real, np.poly(A).real, scale=10)  # products of up to 8 eigenvalues


def signal(name, T):
    t = np.arange(1, T + 1)
    sine, alternating = np.sin(2 * np.pi * t / 20), np.where(t % 2, 1, -1)
    return {"pulse": t == 1, "constant": t > 0, "sine": sine, "alternating": alternating}[name]


def number(text):
    """Return the number of a text such as −1.2×10⁻³."""
    plain = text.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "0123456789--"))
    return float(plain.replace("×10", "e"))


CASES = [
    ("relu", "pulse", 1, 0, [0.7, -0.9, 1.1], "last", 0.9),
    ("tanh", "sine", 2, -0.5, [1.2], "every", 1.2),
    ("sigmoid", "alternating", -1.5, -2, [4, 3, 0, -5], "last", 5),
    ("identity", "constant", 0.5, 0.3, [0.99, 1.02], "every", 0),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_the_shown_numbers_are_true(page, case):
    activation, name, strength, bias, u, loss, radius = case
    T, H = 40, len(u)
    values = {"H": H, "T": T, "phi": activation, "signal": name, "strength": strength, "bias": bias, "loss": loss,
              "radius": radius}  # fmt: skip
    values |= {f"u{i}": value for i, value in enumerate(u, start=1)}
    for control in values.items():
        page.evaluate(SET, list(control))
    dh = np.ones((T, H))
    dh[: -1 if loss == "last" else 0] = 0
    setting = {"activation": activation, "x": strength * signal(name, T)[:, None] * 1.0, "W": np.ones((H, 1)), "dh": dh,
               "u": np.array(u, float), "b": np.full(H, float(bias)), "U": np.eye(H)}  # fmt: skip
    expected = reference(setting)
    for t in (1, 17, T):
        page.evaluate(SET, ["step", t])
        cells = page.locator("#numbers data")
        shown = np.array([number(text) for text in cells.all_inner_texts()]).reshape(H, 5)
        exact = np.array([float(cell.get_attribute("value")) for cell in cells.all()]).reshape(H, 5)
        h, gradient = expected["h"][t], expected["dh"][t - 1]
        table = np.stack([u, h, ACTIVATIONS[activation].array_dphi(h), gradient, gradient], axis=1)
        assert_close(exact, table)
        np.testing.assert_allclose(shown, table, rtol=1e-4)
    assert f"= {ir.recurrent_bound(activation, 2.0, T):.4g}." in page.inner_text("#bound")
    assert float(re.search(r"spectral radius (\S+),", page.inner_text("#plane-text"))[1]) == radius
    norms = re.findall(r"[\d.]+(?:×10[⁻\d⁰-⁹¹²³]+)?(?= in the)", page.inner_text("#norms-text"))
    assert number(norms[0]) == pytest.approx(np.linalg.norm(expected["dh"][0]), rel=0.01)


def test_it_trains_below_the_baseline(page):
    page.click("#start")
    page.wait_for_function("document.getElementById('status').textContent.includes('iteration 500')")
    page.click("#start")
    assert page.inner_text("#start") == "Start" and page.inner_text("#status").startswith("Paused")
    text = page.inner_text("#curve-text")
    assert "below the baseline" in text and number(re.search(r"error (\S+) on", text)[1]) < 0.05
    page.wait_for_timeout(100)
    assert page.inner_text("#curve-text") == text  # paused
    page.click("#reset")
    assert page.inner_text("#curve-text").startswith("Iteration 0: ")


def test_its_training_error_is_that_of_the_package(page):
    """Compare the error of the trained network on the sequences outside training, and its bound on u."""
    run = page.evaluate("""() => {
      const run = playground.newTraining(30, 0.005, 1);
      for (let k = 0; k < 400; k++) playground.iterate(run);
      const plain = array => [...array];
      return {flat: plain(run.flat), x: run.others.map(({x}) => x.map(plain)), target: run.others.map(o => o.target),
              errors: run.heldOut.map(([, error]) => error)};
    }""")
    net = ir.Sequential([ir.IndRNN(2, 8), ir.IndRNN(8, 8), ir.LastStep(), ir.Linear(8, 1)], steps=30, dtype="float64",
                        backend="reference")  # fmt: skip
    values = np.array(run["flat"])
    sizes = {"0.W": 16, "0.u": 8, "0.b": 8, "1.W": 64, "1.u": 8, "1.b": 8, "3.W": 8, "3.b": 1}
    assert len(values) == sum(sizes.values())
    for name, part in zip(sizes, np.split(values, np.cumsum([*sizes.values()])[:-1]), strict=True):
        net.params[name][...] = part.reshape(net.params[name].shape)
    x = np.ascontiguousarray(np.transpose(run["x"], (1, 0, 2)))
    marked = (x[..., 0] * x[..., 1]).sum(axis=0)
    assert_close(np.array(run["target"]), marked)
    error = np.mean((net(x)[:, 0] - marked) ** 2)
    assert run["errors"][-1] == pytest.approx(error, rel=1e-9)
    assert run["errors"][0] > 1 / 6 > 5 * run["errors"][-1]
    assert max(np.abs(values[16:24]).max(), np.abs(values[96:104]).max()) <= ir.recurrent_bound(
        "relu", 2.0, 30
    )


def test_everything_has_a_name_and_a_summary(page):
    unnamed = """[...document.querySelectorAll("input, select, button")]
      .filter(one => !(one.labels?.[0] ?? one).textContent.trim()).map(one => one.outerHTML)"""
    assert page.evaluate(unnamed) == [] and page.locator("input").count() == 17
    pictures = page.locator("svg")
    assert pictures.count() == 9
    for picture in pictures.all():
        assert picture.get_attribute("role") == "img"
        for part in picture.get_attribute("aria-labelledby").split():
            assert page.inner_text(f"#{part}").strip()
    before = {name: page.inner_text(f"#{name}-text") for name in ("states", "gradient", "norms", "plane")}
    page.evaluate(SET, ["u3", 1.2])
    for name, text in before.items():
        assert page.inner_text(f"#{name}-text") != text
    assert page.get_attribute("#u3", "aria-valuetext") == "1.200, beyond the bound, gradient explodes"
    assert "aria-live" in page.locator("#gradient-text").evaluate("one => one.outerHTML")


def test_the_keyboard_moves_every_control(page):
    order = page.evaluate("""[...document.querySelectorAll("input, select, button, summary, [tabindex]")]
      .filter(one => one.checkVisibility()).map(one => one.id)""")
    for name in order:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == name
    before = page.inner_text("#gradient-text")
    for slider in page.locator("input:visible").all():
        value = float(slider.input_value())
        slider.focus()
        page.keyboard.press("ArrowLeft" if value == float(slider.get_attribute("max")) else "ArrowRight")
        assert float(slider.input_value()) != value
    assert page.inner_text("#gradient-text") != before
    page.focus("#start")
    page.keyboard.press("Space")
    assert page.inner_text("#start") == "Pause"


# Words of drawings that leave their drawing or touch each other, as `drawing: words`.
UNREADABLE = """[...document.querySelectorAll("svg")].flatMap(svg => {
  const frame = svg.getBoundingClientRect(), texts = [...svg.querySelectorAll("text")];
  const boxes = texts.map(text => text.getBoundingClientRect());
  const bad = texts.filter((_, i) => {
    const a = boxes[i], inside = a.left >= frame.left - 1 && a.right <= frame.right + 1 && a.top >= frame.top - 2
      && a.bottom <= frame.bottom + 2;
    const free = boxes.every((b, j) => j === i || a.right <= b.left || b.right <= a.left || a.bottom <= b.top + 4
      || b.bottom <= a.top + 4);
    return !inside || !free;
  });
  return bad.map(text => `${svg.id}: ${text.textContent}`);
})"""
WIDE = "document.documentElement.scrollWidth <= window.innerWidth"
STATES = [
    {}, {"H": 8, "phi": "identity", "T": 200, "u8": 1.5, "u7": -1.5, "signal": "noise", "kind": "chain"},
    {"phi": "sigmoid", "u1": 6, "bias": -2, "loss": "every", "radius": 6, "kind": "rotation"},
    {"T": 2, "H": 1, "signal": "alternating", "strength": -2}, {"phi": "tanh", "signal": "constant", "u1": 0, "T": 103},
]  # fmt: skip


@pytest.mark.parametrize("scheme, width", PAGES)
def test_it_is_quiet_and_readable(visit, scheme, width, tmp_path):
    page, said, asked = visit(PAGE, scheme, width)
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert back == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 29)"}[scheme]
    page.evaluate("document.querySelector('details').open = true")
    assert "h_t = φ(W x_t + u ⊙ h_{t-1} + b)" in page.inner_text("#code")
    for state in STATES:
        for control in state.items():
            page.evaluate(SET, list(control))
        assert page.evaluate(WIDE) and page.evaluate(UNREADABLE) == [], state
    for button in page.locator("#examples button").all():
        button.click()
        assert page.evaluate(WIDE) and page.evaluate(UNREADABLE) == [], button.inner_text()
    page.click("#start")
    page.wait_for_function("document.getElementById('curve-text').textContent.startsWith('Iteration 60')")
    page.click("#start")
    assert page.evaluate(WIDE) and page.evaluate(UNREADABLE) == []
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    assert (tmp_path / "page.png").stat().st_size > 20_000
    assert said == [] and [url for url in asked if not url.startswith("data:")] == []


def test_pointing_at_a_drawing_chooses_the_step(page):
    box = page.locator("#gradient").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    assert 20 < int(page.input_value("#step")) < 30
