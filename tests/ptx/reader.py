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
ACCESSES = [("ld",), ("st",), ("atom",), ("red",)]
FENCES = [("membar",), ("fence",)]
SKIPPED = (".reg", ".param", ".pragma", ".loc")  # in a kernel's body


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

    @property
    def accesses_memory(self) -> bool:
        """Whether it loads, stores or changes global or shared memory."""
        return self.parts[:1] in ACCESSES and self.parts[1] in ("global", "shared")

    @property
    def is_wide_fence(self) -> bool:
        """Whether it orders the accesses of a thread for all blocks."""
        return self.parts[:1] in FENCES and self.parts[-1] in ("gl", "sys", "gpu")


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
    def has_fences(self) -> bool:
        """Whether blocks may wait for each other."""
        return any(instruction.is_wide_fence for instruction in self.instructions)

    @property
    def accesses(self) -> list[int]:
        """Numbers of the lines that load, store or change global or shared memory."""
        return [instruction.line for instruction in self.instructions if instruction.accesses_memory]


def read(text: str) -> Kernel:
    """Read PTX that holds one kernel; functions beside it are skipped."""
    kernel = Kernel(text.splitlines())
    in_kernel, depth = False, 0
    for number, line in _statements(kernel.lines):
        if match := SHARED.match(line):
            _add_shared(kernel, int(match[1]), match[2], int(match[3] or 0))
        elif ".entry" in line or line.startswith(".func"):
            in_kernel = ".entry" in line
        elif line in "{}":
            depth += 1 if line == "{" else -1
        elif in_kernel and depth == 0 and (match := re.match(r"\.param \.(\w+)", line)):
            kernel.parameters.append(match[1])
        elif in_kernel and depth and (match := REGISTERS.match(line)):
            kernel.registers[match[1]] = int(match[2])
        elif in_kernel and depth and not line.startswith(SKIPPED):
            kernel.instructions.append(_instruction(number, line))
    entries = sum(".entry" in line for line in kernel.lines)
    if entries != 1:
        raise Unsupported(f"{entries} kernels in one text")
    return kernel


def _statements(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not empty, without comments, with their numbers; a call of several lines as one."""
    call = ""
    for number, line in enumerate(lines, 1):
        code = f"{call} {line.split('//')[0].strip()}".strip()
        call = code if code.startswith("call") and not code.endswith(";") else ""
        if code and not call:
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
