"""Print thirty docstrings, comments and messages of the package, taken at random by a seed, for review."""

import argparse
import ast
import functools
import random
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
MESSAGE_WORDS = 3  # a string of fewer words is a name, not a message


class Piece(NamedTuple):
    """A piece of prose and its place."""

    path: str
    line: int
    kind: str
    text: str


def pieces(path: Path, root: Path = ROOT) -> Iterator[Piece]:
    """Yield the docstrings, the messages and the comments of a file."""
    name = path.relative_to(root).as_posix()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = {id(node) for owner in ast.walk(tree) for node in docstring_of(owner)}
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in documented:
            yield Piece(name, node.lineno, "docstring", node.value.strip())
        elif id(node) not in inside and len((text := message(node)).split()) >= MESSAGE_WORDS:
            yield Piece(name, node.lineno, "message", text)
    yield from comments(path, name)


def docstring_of(node: ast.AST) -> list[ast.Constant]:
    """Return the docstring of a module, class or function in a list, which is empty without one."""
    if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) or not node.body:
        return []
    first = getattr(node.body[0], "value", None)
    return [first] if isinstance(first, ast.Constant) and isinstance(first.value, str) else []


def message(node: ast.AST) -> str:
    """Return a string as it is written, with {expression} for each value of an f-string; "" for another node."""
    if isinstance(node, ast.JoinedStr):
        return "".join(message(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return f"{{{ast.unparse(node.value)}}}"
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def comments(path: Path, name: str) -> Iterator[Piece]:
    """Yield each comment; comments on consecutive lines are one piece. Directives to tools are left out."""
    found: list[Piece] = []
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            text = token.string.lstrip("# ")
            if token.type != tokenize.COMMENT or text.startswith(("fmt:", "noqa", "type:", "shellcheck")):
                continue
            alone = token.line.strip().startswith("#")
            last = found[-1] if found else None
            if alone and last and last.line + last.text.count("\n") + 1 == token.start[0]:
                found[-1] = last._replace(text=f"{last.text}\n{text}")
            else:
                found.append(Piece(name, token.start[0], "comment", text))
    yield from found


def sample(seed: int, count: int = 30, root: Path = ROOT) -> list[Piece]:
    """Return `count` pieces of the package below `root`, in the order of their places."""
    found = everything(root)
    return sorted(random.Random(seed).sample(found, min(count, len(found))))


@functools.cache
def everything(root: Path) -> list[Piece]:
    """Return all pieces of the package below `root`, in the order of their places."""
    files = (root / "indrnn_np").rglob("*.py")
    return sorted(piece for path in files for piece in pieces(path, root))


def main() -> None:
    """Print the sample."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=30)
    args = parser.parse_args()
    for number, piece in enumerate(sample(args.seed, args.count), start=1):
        text = piece.text.replace("\n", "\n    ")
        print(f"{number}. {piece.path}:{piece.line} ({piece.kind})\n    {text}\n")


if __name__ == "__main__":
    main()
