"""Attack the package from outside: kills, damaged files, random settings and random calls; judge every answer.

    python benchmarks/campaign.py --quick                   every part for a few seconds: at most 60 s on 2 cores
    python benchmarks/campaign.py --out benchmarks/results  100,000 inputs, and campaign.md
    python benchmarks/campaign.py --only files --count 5000 one part
    python benchmarks/campaign.py --only api --seed 3 --first 1234 --count 1     one input again

The package refuses an input with an error in its grammar, or it accepts the input and the result agrees with a plain
reference. Everything else is a finding: an accepted input with a wrong result (silent), another error (foreign), no
answer within 10 s (slow), a dead process (crash). Exit code 1 with findings. Linux, because a part runs in a fork.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import random
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy reads it when it is imported
FOLDER = Path(__file__).parent
if importlib.util.find_spec("indrnn_np") is None:
    sys.path.insert(0, str(FOLDER.parent))
sys.path.append(str(FOLDER.parent / "tests"))  # small data

import numpy as np  # noqa: E402
from campaign_parts.judge import BAD, CRASH, GOOD, SLOW, Died, TooSlow, Verdict, forked, judge  # noqa: E402

# Inputs of the long form, and seconds of the quick form. campaign_parts.NAME.Part takes a folder; its `attempt(rng,
# number)` returns an input, and `size` is the number of different inputs.
PARTS = {
    "corpus": (1_000, np.inf), "kills": (4_000, 10), "files": (50_000, 10), "settings": (7_000, 8),
    "api": (40_000, 10),
}  # fmt: skip
MEMORY = Path("/dev/shm")  # a file system without disk, where syncing is free
EXTRA = 2 << 30  # bytes that a forked process may allocate in addition to those it inherits
LIFE = 4000  # inputs of one forked process
COLUMNS = (*GOOD, *BAD)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="every part for a few seconds")
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=[*PARTS], metavar="PART", help=", ".join(PARTS)
    )
    parser.add_argument("--seed", type=int, default=0, help="of the inputs (default: 0)")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of a part's first input")
    parser.add_argument("--count", type=int, metavar="N", help="inputs of each part")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for campaign.md")
    args = parser.parse_args(argv)
    print(f"campaign, seed {args.seed}", flush=True)
    rows, findings = attack(args)
    rows.append(("all", *map(sum, list(zip(*rows, strict=True))[1:])))
    lines = [f"| {' | '.join(row)} |" for row in (("part", "tried", *COLUMNS, "seconds"), ["---"] * 9)]
    lines += [f"| {name} | {' | '.join(f'{number:,}' for number in numbers)} |" for name, *numbers in rows]
    lines += ["", f"{len(findings) or 'No'} different findings."]
    lines += [f"- {kind}, {len(texts)} times, {texts[0]}" for (_, kind, *_), texts in findings.items()]
    print("\n".join(lines))
    if args.out is not None:
        write(args.out / "campaign.md", args.seed, lines)
    return 1 if findings else 0


def attack(args: argparse.Namespace) -> tuple[list[tuple[Any, ...]], dict[tuple[str, ...], list[str]]]:
    """Try the inputs; return a row of the table for each part, and the findings by place and error."""
    rows, findings = [], defaultdict(list)
    place = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="indrnn_np-campaign-", dir=place) as folder:
        for name in args.only:
            began, counts = time.monotonic(), Counter()
            part, (count, seconds) = make(name, Path(folder)), PARTS[name]
            numbers = range(part.size)[args.first :][: args.count or count]
            end = began + seconds if args.quick else np.inf
            for number, what, verdict in verdicts(part, args.seed, numbers, end):
                counts[verdict.kind] += 1
                if verdict.kind in BAD:
                    error = (verdict.message if verdict.place else what).split(":")[0].split(",")[0]
                    again = f"--only {name} --seed {args.seed} --first {number} --count 1"
                    text = f"{verdict.place}: {verdict.message[:300]!r}; {what!r}, {again}"
                    findings[name, verdict.kind, verdict.place, error].append(text)
            counted = (counts[kind] for kind in COLUMNS)
            rows.append((name, counts.total(), *counted, round(time.monotonic() - began)))
    return rows, findings


def make(name: str, folder: Path) -> Any:
    """Return a part, with a folder of its own."""
    import indrnn_np

    indrnn_np.set_threads(1)  # a pool of threads does not survive a fork
    (folder / name).mkdir()
    return importlib.import_module(f"campaign_parts.{name}").Part(folder / name)


def attempt_of(part: Any, seed: int, number: int) -> Any:
    """Return one input, the same in every process."""
    return part.attempt(random.Random(f"{seed} {type(part).__module__} {number}"), number)


def verdicts(part: Any, seed: int, numbers: range, end: float = np.inf) -> Iterator[tuple[int, str, Verdict]]:
    """Try inputs until `time.monotonic()` is `end`, and yield number, description and verdict of each."""

    def work(send: Callable[[Any], None]) -> None:
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + EXTRA, resource.RLIM_INFINITY))
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning is no answer
            for number in numbers[:LIFE]:
                if time.monotonic() > end:
                    break
                attempt = attempt_of(part, seed, number)
                send((number, attempt.what[:300], judge(attempt)))

    while numbers and time.monotonic() < end:
        try:
            for tried in forked(work):
                numbers = numbers[1:]
                yield tried
        except (Died, TooSlow) as error:  # the first input without an answer is the reason
            verdict = Verdict(CRASH if isinstance(error, Died) else SLOW, f"exit code {error}")
            yield numbers[0], attempt_of(part, seed, numbers[0]).what, verdict
            numbers = numbers[1:]


def write(path: Path, seed: int, lines: list[str]) -> None:
    """Write the table with machine, versions, date, commit and seed."""
    import machine

    about = machine.describe() | {"seed": seed}
    head = ["# Campaign", "", "Written by `python benchmarks/campaign.py` (docs/benchmarks.md).", ""]
    head += [f"- {name}: {value}" for name, value in about.items() if name != "blas"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*head, "", *lines, ""]), encoding="utf-8")
    print(f"written: {path}")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the temporary folder is removed
    sys.exit(main())
