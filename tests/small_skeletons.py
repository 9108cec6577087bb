"""Small .skeleton files for tests."""

import numpy as np

JOINT = " 1.5 2.5 -1.#IND 4.5 0.1 0.2 0.3 0.4 2"  # what stands behind x y z; some of it is no number in the real files


def text(frames):
    """Return a file's content: a list of frames, each a list of (id, coordinates (25, 3))."""
    lines = [str(len(frames))]
    for bodies in frames:
        lines.append(str(len(bodies)))
        for name, joints in bodies:
            lines += [f"{name} 0 1 1 1 1 0 0.1 0.2 2", str(len(joints))]
            lines += [" ".join(repr(float(v)) for v in joint) + JOINT for joint in joints]
    return "\r\n".join(lines) + "\r\n"


def body(value):
    """Return coordinates that tell body, joint and axis apart, exact in float32."""
    return value + np.arange(75, dtype=np.float64).reshape(25, 3) / 128


def name(setup=1, camera=1, performer=1, action=1):
    return f"S{setup:03}C{camera:03}P{performer:03}R001A{action:03}"


def write(folder, samples):
    """Write recordings of one body each, {name: number of frames}; frame f of sample n is body(100 n + f)."""
    folder.mkdir(parents=True, exist_ok=True)
    for n, (sample, count) in enumerate(samples.items()):
        frames = [[("7205", body(100 * n + f))] for f in range(count)]
        (folder / f"{sample}.skeleton").write_text(text(frames), encoding="utf-8")
    return folder
