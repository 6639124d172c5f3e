"""What an OpenQASM 2 text would cost to parse, found by counting: sums of registers, instructions, expanded gates.

This is a net in front of the parser, not a second parser: what passes may still be no OpenQASM 2, which the sandboxed
parser says. What it refuses would have been too large, or could have made the parser open a file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from qloop.intake.bounds import Bounds
from qloop.intake.refusal import Unfit, excerpt, over
from qloop.intake.statements import Statement, after_parentheses, operands, statements
from qloop.intake.tokens import decoded, tokens

INCLUDES: Final = ("qelib1.inc",)
VERSIONS: Final = ("2", "2.0")
CONDITIONAL: Final = 20         # what an `if` costs, in gates: a block of its own is built for it
BUILT_IN: Final = frozenset({"U", "CX"})
# The gates of qelib1.inc as Qiskit knows them, which are not expanded.
STANDARD: Final = frozenset({
    "u3", "u2", "u1", "cx", "id", "u", "p", "x", "y", "z", "h", "s", "sdg", "t", "tdg", "rx", "ry",
    "rz", "sx", "sxdg", "cz", "cy", "swap", "ch", "ccx", "cswap", "crx", "cry", "crz", "cu1", "cp", "cu3",
    "csx", "cu", "rxx", "rzz", "rccx", "rc3x", "c3x", "c3sqrtx", "c4x",
})


class _Gate(NamedTuple):
    """What one use of a gate costs (itself and all that it is written out to), and how deep its definition goes."""

    cost: int
    nesting: int


class Count:
    """What has been seen of a text so far."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.gates: dict[str, _Gate] = {}
        self.own: list[str] = []        # gates with a definition in the text
        self._included = False
        self._registers: dict[str, int] = {}
        self._sums = {"qreg": 0, "creg": 0}
        self.instructions = self.expanded = 0
        self._inside, self._body, self._seen = "", _Gate(1, 1), 0
        self._kinds: dict[str, Callable[[Statement], None]] = {
            "OPENQASM": self._version, "include": self._include, "qreg": self._register, "creg": self._register,
            "opaque": self._opaque}

    def see(self, statement: Statement) -> None:
        """Count one statement."""
        if statement.end == "}":
            self._close(statement)
        elif statement.end == "{":
            self._open(statement)
        elif self._inside:
            self._within(statement)
        elif statement.words:
            self._kinds.get(statement.head, self._operation)(statement)
            self._seen += 1

    def end(self) -> None:
        """The text is over."""
        if self._inside:
            raise Unfit(f"The definition of gate {excerpt(self._inside)} is not closed", "Add the missing '}'")
        if not self._sums["qreg"]:
            raise Unfit("It declares no qubits", "Declare a register: qreg q[2];")

    def _version(self, statement: Statement) -> None:
        told = "".join(word.text for word in statement.words[1:])
        if told not in VERSIONS:
            raise Unfit(f"It is OpenQASM {printable_version(told)}, and version 2.0 is accepted",
                        "Export it as OpenQASM 2, or send QPY", statement.line)

    def _include(self, statement: Statement) -> None:
        if len(statement.words) != 2 or statement.words[1].kind != "string":
            raise Unfit("'include' names no file", f'Write include "{INCLUDES[0]}";', statement.line)
        if statement.words[1].text[1:-1] not in INCLUDES:
            raise Unfit(f"It includes {excerpt(statement.words[1].text[1:-1])}, and only {INCLUDES[0]} is accepted; no "
                        "file is read", "Write the definitions of gates into the text itself", statement.line)
        self._included = True

    def _register(self, statement: Statement) -> None:
        kinds = [word.kind for word in statement.words]
        shape = [word.text for word in statement.words[2::2]]
        if kinds != ["name", "name", "sign", "whole", "sign"] or shape != ["[", "]"]:
            raise Unfit("A register is not declared as 'qreg q[2];'", "", statement.line)
        head, size = statement.head, int(statement.words[3].text)
        what, bound = ("qubits", "qubits") if head == "qreg" else ("classical bits", "clbits")
        self._sums[head] += size
        most = int(getattr(self.bounds, bound))
        if self._sums[head] > most:
            raise over(what, self._sums[head], most, bound, statement.line)
        self._registers[statement.words[1].text] = size

    def _opaque(self, statement: Statement) -> None:
        if len(statement.words) > 1:
            self._define(statement.words[1].text, _Gate(1, 1), statement.line)

    def _open(self, statement: Statement) -> None:
        if statement.head != "gate" or len(statement.words) < 2 or self._inside:
            raise Unfit("A '{' opens no definition of a gate", "Only gates have bodies", statement.line)
        begin = after_parentheses(statement.words, 2)
        width = sum(1 for _ in operands(statement.words[begin:]))
        if width > self.bounds.qubits:
            raise over("qubits in one gate", width, self.bounds.qubits, "qubits", statement.line)
        self._inside, self._body = statement.words[1].text, _Gate(1, 1)

    def _close(self, statement: Statement) -> None:
        if not self._inside:
            raise Unfit("A '}' closes nothing", "", statement.line)
        if statement.words:
            raise Unfit("A ';' is missing before '}'", "", statement.line)
        self._define(self._inside, self._body, statement.line)
        self.own.append(self._inside)
        self._inside = ""

    def _define(self, name: str, gate: _Gate, line: int) -> None:
        self.gates[name] = gate
        if len(self.gates) > self.bounds.definitions:
            raise over("definitions of gates", len(self.gates), self.bounds.definitions, "definitions", line)
        if gate.nesting > self.bounds.nesting:
            raise Unfit(f"The definition of gate {excerpt(name)} uses definitions nested {gate.nesting} deep, and at "
                        f"most {self.bounds.nesting} are accepted", "Define it with fewer layers", line)

    def _within(self, statement: Statement) -> None:
        """A gate used in the definition of another."""
        if not statement.words:
            return
        used = _Gate(1, 0) if statement.head == "barrier" else self._used(statement.head, statement.line)
        # Costs grow by products; beyond the bound their exact size is of no interest, so numbers stay small.
        cost = min(self._body.cost + used.cost, self.bounds.expanded + 1)
        self._body = _Gate(cost, max(self._body.nesting, used.nesting + 1))

    def _used(self, name: str, line: int) -> _Gate:
        if name in self.gates:
            return self.gates[name]
        if name == self._inside:
            raise Unfit(f"The definition of gate {excerpt(name)} uses itself", "Gates cannot be recursive", line)
        if name in STANDARD and not self._included:
            raise Unfit(f"The gate {excerpt(name)} is one of {INCLUDES[0]}, which is not included at this point",
                        f'Begin with: include "{INCLUDES[0]}";', line)
        if name not in STANDARD | BUILT_IN:
            raise Unfit(f"The gate {excerpt(name)} is not defined at this point", "Define it before its use", line)
        return _Gate(1, 0)

    def _operation(self, statement: Statement) -> None:
        """A gate, measurement, reset or barrier, perhaps with a condition."""
        words, weight = statement.words, 1
        if statement.head == "if":
            words, weight = words[after_parentheses(words, 1):], CONDITIONAL
        if not words or words[0].kind != "name":
            raise Unfit("A statement begins with no name", "", statement.line)
        name = words[0].text
        sizes = [1 if bit.indexed else self._registers.get(bit.name, 1)
                 for bit in operands(words[after_parentheses(words, 1):])]
        if name == "barrier":
            self._add(1, sum(sizes), statement.line)
            return
        cost = 1 if name in ("measure", "reset") else self._used(name, statement.line).cost
        self._add(max(sizes, default=1), weight * cost * max(sizes, default=1), statement.line)

    def _add(self, instructions: int, expanded: int, line: int) -> None:
        self.instructions += instructions
        self.expanded += expanded
        if self.instructions > self.bounds.instructions:
            raise over("instructions", f"{self.instructions:,} or more", self.bounds.instructions, "instructions", line)
        if self.expanded > self.bounds.expanded:
            raise over("gates when its definitions are written out", f"more than {self.bounds.expanded:,}",
                       self.bounds.expanded, "expanded", line)


def printable_version(told: str) -> str:
    """A version as the text gives it, for a message."""
    return excerpt(told, 8).strip("'")


def count(data: bytes, bounds: Bounds) -> Count:
    """All counts of a text; raises `Unfit` at the first thing that is over a bound or must not be parsed."""
    counted = Count(bounds)
    for statement in statements(tokens(decoded(data), bounds), bounds):
        counted.see(statement)
    counted.end()
    return counted
