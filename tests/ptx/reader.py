"""Read PTX: the parameters, registers, shared arrays and numbered instructions of its one kernel."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

GUARD_BYTES = 4096  # between shared arrays, so that an index out of bounds reaches no other array
FIRST_SHARED = 512  # address of the first shared array, so that small negative indices have addresses
SHARED = re.compile(r"(?:\.visible |\.extern )?\.shared \.align (\d+) \.b8 (\w+)\[(\d*)\];")
REGISTERS = re.compile(r"\.reg \.\w+\s+%(\w+?)<(\d+)>;")
LABEL = re.compile(r"(\$?\w+):")
INSTRUCTION = re.compile(r"(?:@(!?)(%p\d+)\s+)?([a-z][\w.:]*)\s*(.*?);")
OPERAND = re.compile(r"\{[^}]*\}|[^,{\s][^,]*")
ACCESS = re.compile(r"\b(ld|st|atom|red)\.(global|shared)")


class Unsupported(Exception):
    """PTX that the emulator does not know."""


@dataclass(frozen=True)
class Instruction:
    """An instruction `@!guard op.parts operands;` of a line of PTX, or a label."""

    line: int
    parts: tuple[str, ...]
    operands: tuple[str, ...] = ()
    guard: str = ""  # register of the condition
    negated: bool = False
    label: str = ""


@dataclass
class Kernel:
    """The kernel of a text of PTX.

    Attributes
    ----------
    lines : list of str
        The text; line numbers begin at 1.
    parameters : list of str
        Type of each parameter: u64, f32.
    registers : dict
        Number of registers of each kind: r, rd, f, fd, p, rs.
    shared : dict
        First address and bytes of each shared array.
    """

    lines: list[str]
    parameters: list[str] = field(default_factory=list)
    registers: dict[str, int] = field(default_factory=dict)
    shared: dict[str, tuple[int, int]] = field(default_factory=dict)
    instructions: list[Instruction] = field(default_factory=list)

    @property
    def shared_bytes(self) -> int:
        """Bytes of shared memory with the gaps between arrays; 0 without shared arrays."""
        return max((start + size + GUARD_BYTES for start, size in self.shared.values()), default=0)

    @property
    def accesses(self) -> list[int]:
        """Numbers of the lines that load, store or change global or shared memory."""
        return [number for number, line in enumerate(self.lines, 1) if ACCESS.search(line)]


def read(text: str) -> Kernel:
    """Read PTX that holds one kernel and no function beside it."""
    kernel = Kernel(text.splitlines())
    inside = False
    for number, line in _code_lines(kernel.lines):
        if match := SHARED.match(line):
            _add_shared(kernel, int(match[1]), match[2], int(match[3] or 0))
        elif match := re.match(r"\.param \.(\w+)", line):
            kernel.parameters.append(match[1])
        elif re.match(r"\.(func|local|const)\b", line) or ".func " in line:
            raise Unsupported(f"line {number}: {line}")
        elif line == "{":
            inside = True
        elif inside and (match := REGISTERS.match(line)):
            kernel.registers[match[1]] = int(match[2])
        elif inside and not line.startswith((".reg", ".pragma", ".loc")) and line != "}":
            kernel.instructions.append(_instruction(number, line))
    entries = sum(".entry" in line for line in kernel.lines)
    if entries != 1:
        raise Unsupported(f"{entries} kernels in one text")
    return kernel


def _code_lines(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not empty, without comments, with their numbers."""
    for number, line in enumerate(lines, 1):
        if code := line.split("//")[0].strip():
            yield number, code


def _add_shared(kernel: Kernel, alignment: int, name: str, size: int) -> None:
    alignment = max(alignment, 16)
    start = max(kernel.shared_bytes, FIRST_SHARED)
    kernel.shared[name] = -(-start // alignment) * alignment, size


def _instruction(number: int, line: str) -> Instruction:
    if match := LABEL.fullmatch(line):
        return Instruction(number, (), label=match[1])
    match = INSTRUCTION.fullmatch(line)
    if not match:
        raise Unsupported(f"line {number}: {line}")
    negated, guard, opcode, rest = match.groups()
    operands = tuple(part.strip() for part in OPERAND.findall(rest))
    return Instruction(number, tuple(opcode.split(".")), operands, guard or "", bool(negated))
