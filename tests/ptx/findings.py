"""The list of findings: what launches and copies did wrong."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A fault of a launch or a copy: its kind (see the package's docstring), the kernel, a text, the line of PTX."""

    kind: str
    kernel: str
    text: str
    line: int = 0


recorded: list[Finding] = []


def record(finding: Finding) -> None:
    """Add a finding, unless an equal one is there."""
    if finding not in recorded:
        recorded.append(finding)


def clear() -> None:
    recorded.clear()


def kinds() -> set[str]:
    return {finding.kind for finding in recorded}


def describe(finding: Finding) -> str:
    """Return a finding as one line of text."""
    return f"{finding.kind}: {finding.kernel}: {finding.text}"
