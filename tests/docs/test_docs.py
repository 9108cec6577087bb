"""The documents say what the code says: quoted lines and numbers exist, links lead somewhere, README's example runs."""

import json
import re
import runpy

import numba
import pytest
from doc_blocks import DOCS, ROOT, blocks, section

import indrnn_np
from indrnn_np.backend import OPS
from indrnn_np.bench import report

PAGES = sorted(p for p in (*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(DOCS / "tutorials").glob("*.py")))
MEASURED = ROOT / "benchmarks" / "results"


def quotes():
    """(page, file, line) of every line in a code block that starts with the name of a file."""
    for page in PAGES:
        for block in re.findall(
            r"```python\n# ((?:indrnn_np|benchmarks)/\S+\.py)\n(.*?)```", page.read_text("utf-8"), re.DOTALL
        ):
            yield page.name, block[0], [line.strip() for line in block[1].splitlines() if line.strip()]


def test_equations_quote_the_package():
    found = list(quotes())
    assert len(found) > 10
    for page, file, lines in found:
        source = [line.strip() for line in (ROOT / file).read_text("utf-8").splitlines()]
        for line in lines:
            assert line in source, f"{page} quotes a line that {file} does not have: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_to_files(page):
    prose = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", prose):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which does not exist"


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="plain loops over elements take minutes")
def test_readme_example_runs(tmp_path, capsys):
    code = re.search(r"```python\n(import numpy.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert code is not None
    script = tmp_path / "example.py"
    script.write_text(code.group(1), encoding="utf-8")
    runpy.run_path(str(script))
    printed = capsys.readouterr().out
    assert "passed" in printed


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="plain loops over elements take minutes")
def test_the_code_of_the_page_about_own_data_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = blocks((DOCS / "own-data.md").read_text("utf-8"), "python")
    names = {}
    for code in page:
        exec(code, names)
    printed = capsys.readouterr().out.splitlines()
    assert len(page) == len(printed) == 6
    assert printed[0].endswith("(3, 2)") and all("ing" in printed[i] for i in (0, 5))  # rising, falling
    assert "['common' 'rare']" in printed[2]
    assert printed[3] == "True" and printed[4].startswith("<Flow ")
    iterations, largest = names["result"].curve("largest error", "validation")
    assert len(iterations) == 5 and largest[-1] < largest[0]


def tables(text):
    """The tables of a page: rows of cells, the head first."""
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        lines = [re.split(r"(?<!\\)\|", line.strip("|")) for line in block.splitlines()]
        rows = [[cell.strip().replace(r"\|", "|") for cell in cells] for cells in lines]
        yield [row for row in rows if not re.fullmatch("[-: ]+", row[0])]


def measured(name):
    """Milliseconds by (T, B, D, H) and candidate, out of a file of benchmarks/results/speed, as pages write them."""
    cases = json.loads((MEASURED / "speed" / f"{name}.json").read_text("utf-8"))["cases"]
    layers = [case for case in cases if case["kind"] == "layer"]
    return {
        ("({T}, {B}, {D}, {H})".format(**case), line["candidate"]): rounded(line["ms"])
        for case in layers for line in case["lines"]
    }  # fmt: skip


def rounded(ms):
    """Three digits, and all those before the point."""
    return f"{ms:.0f}" if ms >= 100 else f"{ms:#.3g}"


def test_times_of_the_kernels_page_are_measured_ones():
    page = (DOCS / "kernels.md").read_text("utf-8")
    _, *rows = next(tables(section(page, "What each rung costs")))
    ladder = json.loads((MEASURED / "ladder" / "ladder.json").read_text("utf-8"))
    assert rows == [
        [cells[0], f"`{cells[1]}`", f"{cells[2]} ms", *cells[5:]]
        for case in ladder["cases"]
        for cells in report.ladder_cells(case)
    ]
    _, *rows = next(tables(page.partition("### Threads\n")[2]))
    assert len(rows) == 3
    for shape, *times in rows:
        found = [
            measured(name)[shape, "indrnn_np, both passes"] for name in ("own-1-thread", "own-2-threads")
        ]
        assert times == [f"{time} ms" for time in found]


def test_the_four_judges_say_what_was_measured():
    found = json.loads((MEASURED / "four-judges.json").read_text("utf-8"))
    page = (DOCS / "study" / "four-judges.md").read_text("utf-8")
    agreement, mistakes, cost = (next(tables(section(page, title))) for title in (
        "Agreement", "What each of them cannot see", "Cost",
    ))  # fmt: skip
    cases = found["agreement"]
    assert agreement == [["pair", *cases]] + [
        [pair, *(f"{case['pairs'][pair]:.2g}" for case in cases.values())] for pair in cases["tanh"]["pairs"]
    ]
    judges = list(found["memory_mib"])
    assert mistakes == [["mistake", *judges]] + [
        [name, *(f"{errors[judge]:.2g}" for judge in judges)] for name, errors in found["mistakes"].items()
    ]
    short, long = found["cost"].values()
    for judge, (name, *cells) in zip(judges, cost[1:], strict=True):
        times = [short[judge].get("direction"), short[judge]["gradient"], long[judge]["gradient"]]
        sizes = found["memory_mib"][judge].values()
        assert name == judge and cells == [
            *("" if time is None else f"{digits(time)} ms" for time in times),
            *(f"{digits(size)} MiB" for size in sizes),
        ]
    assert found["machine"]["commit"] in page and found["command"] in page


def digits(value):
    """Two digits, and all those before the point."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def test_registers_of_the_kernels_page_are_those_of_the_table():
    page, known = (DOCS / "kernels.md").read_text("utf-8"), (MEASURED / "ptx.md").read_text("utf-8")
    (_, *capabilities), *rows = next(tables(section(page, "6. The tuned CUDA kernel")))
    assert f"| kernel | dtype | {' | '.join(capabilities)} |" in known
    assert len(rows) == 6
    for kernel, *registers in rows:
        line = (
            f"| {kernel} | float32 | {' | '.join(registers)} | 0 | 0 | 0 |"  # shared memory, stack, spilled
        )
        assert line in known


def test_every_public_name_has_its_place_in_the_api():
    pages = "".join(path.read_text("utf-8") for path in (DOCS / "api").glob("*.md"))
    for name in set(indrnn_np.__all__) - {"__version__"}:
        assert re.search(rf"^\.\. auto(?:class|function|exception):: {name}$", pages, re.MULTILINE), name
    for op in OPS:
        assert re.search(rf"^\.\. automodule:: indrnn_np\.ops\.{op}$", pages, re.MULTILINE), op


def test_every_page_is_in_the_navigation():
    index = (DOCS / "index.md").read_text("utf-8")
    for path in DOCS.glob("*.md"):
        assert path.stem == "index" or re.search(rf"^(.* <)?{path.stem}>?$", index, re.MULTILINE), path.name


def test_the_laboratory_has_one_order_and_one_name_a_page():
    table = re.findall(
        r"\[([^]]+)\]\((\w[\w-]*)\.md\) \|$", (DOCS / "study" / "index.md").read_text("utf-8"), re.MULTILINE
    )
    sidebar = re.findall(r"^study/(.+)$", (DOCS / "index.md").read_text("utf-8"), re.MULTILINE)
    assert sidebar == ["index", *(name for _, name in table)]
    assert {"index", *(name for _, name in table)} == {path.stem for path in (DOCS / "study").glob("*.md")}
    for title, name in table:
        assert (DOCS / "study" / f"{name}.md").read_text("utf-8").startswith(f"# {title}\n")
