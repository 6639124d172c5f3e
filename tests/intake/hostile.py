"""Hostile OpenQASM 2: each text with words of the refusal that it must meet."""

from __future__ import annotations

HEAD = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'


def doubling(levels: int) -> str:
    """Each gate uses the one before it twice; the last is applied once: 2 ** levels gates."""
    gates = "".join(f"gate g{n} a {{ g{n - 1} a; g{n - 1} a; }}\n" for n in range(1, levels + 1))
    return f"{HEAD}gate g0 a {{ h a; }}\n{gates}qreg q[1];\ng{levels} q[0];\n"


def chain(levels: int) -> str:
    """Each gate uses the one before it once: no cost, but as deep as it is long."""
    gates = "".join(f"gate g{n} a {{ g{n - 1} a; }}\n" for n in range(1, levels + 1))
    return f"{HEAD}gate g0 a {{ h a; }}\n{gates}qreg q[1];\ng{levels} q[0];\n"


TEXTS: dict[str, tuple[str | bytes, str]] = {
    "51 bytes that abort the process": ('OPENQASM 2.0;include "qelib1.inc";qreg q[20000000];', "20,000,000 qubits"),
    "a register that panics": ("OPENQASM 2.0;qreg q[4294967295];", "4,294,967,295 qubits"),
    "a register beyond 64 bits": (f"qreg q[{'9' * 30}];", "qubits"),
    "a size of many digits": (f"qreg q[{'9' * 5000}];", "5,000 digits"),
    "many registers": (HEAD + "".join(f"qreg q{n}[500];" for n in range(3)), "1,500 qubits"),
    "many classical registers": (HEAD + "qreg q[1];" + "".join(f"creg c{n}[5000];" for n in range(3)), "15,000"),
    "a register without a size": ("qreg q;", "declared as"),
    "a negative register": ("qreg q[-1];", "declared as"),
    "an expression as size": ("qreg q[2*3];", "declared as"),
    "the password file": ('OPENQASM 2.0;\ninclude "/etc/passwd";', "'/etc/passwd'"),
    "a file above": ('include "../../etc/hostname"; qreg q[1];', "no file is read"),
    "a device": ("include '/dev/zero'; qreg q[1];", "no file is read"),
    "the standard gates by a path": ('include "./qelib1.inc"; qreg q[1];', "no file is read"),
    "an include of nothing": ("include ; qreg q[1];", "names no file"),
    "gates that double": (doubling(28), "written out"),
    "gates that double for ever": (doubling(31), "written out"),
    "gates as deep as long": (chain(1500), "nested 33 deep"),
    "a recursive gate": (HEAD + "gate f a { f a; } qreg q[1]; f q[0];", "uses itself"),
    "two recursive gates": (HEAD + "gate f a { g a; } gate g a { f a; } qreg q[1]; f q[0];", "not defined at this"),
    "many definitions": (HEAD + "".join(f"gate g{n} a {{}}" for n in range(2100)) + "qreg q[1];", "definitions of"),
    "a gate on too many qubits": (f"gate g {','.join(f'a{n}' for n in range(1100))} {{}} qreg q[1];", "one gate"),
    "a gate in a gate": ("gate f a { gate g b { } } qreg q[1];", "opens no definition"),
    "a body that does not end": (HEAD + "qreg q[1]; gate f a { h a;", "is not closed"),
    "a brace too many": ("qreg q[1]; }", "closes nothing"),
    "a statement cut by a brace": (HEAD + "gate f a { h a } qreg q[1];", "';' is missing"),
    "deep parentheses": (HEAD + "qreg q[1]; rx(" + "(" * 100_000 + "1" + ")" * 100_000 + ") q[0];", "nested deeper"),
    "deep functions": (HEAD + "qreg q[1]; rx(" + "sin(" * 50_000 + "1" + ")" * 50_000 + ") q[0];", "nested deeper"),
    "a chain of powers": (HEAD + "qreg q[1]; rx(1" + "^1" * 200_000 + ") q[0];", "expressions of one statement"),
    "a chain of signs": (HEAD + "qreg q[1]; rx(" + "-" * 300_000 + "1) q[0];", "expressions of one statement"),
    "a parenthesis that stays open": (HEAD + "qreg q[1]; rx(1 q[0];", "')' is missing"),
    "parentheses that cross": (HEAD + "qreg q[1]; rx(1] q[0];", "closes nothing"),
    "an infinite number": (HEAD + "qreg q[1];\nrx(1e999) q[0];", "too large for a double"),
    "a division by zero": (HEAD + "qreg q[1]; rx(1/0) q[0];", "divide by zero"),
    "the logarithm of nothing": (HEAD + "qreg q[1]; rx(ln(0)) q[0];", "line 3"),
    "a root of less than nothing": (HEAD + "qreg q[1]; rx(sqrt(-1)) q[0];", "line 3"),
    "an overflow": (HEAD + "qreg q[1]; rx(exp(1000)) q[0];", ""),
    "a product that overflows": (HEAD + "qreg q[1]; rx(1e200*1e200) q[0];", "is inf"),
    "a difference of infinities": (HEAD + "qreg q[1]; rx(1e200*1e200-1e200*1e200) q[0];", "is nan"),
    "an overflow within a gate": (HEAD + "gate g(a) q { rx(exp(exp(a))) q; } qreg q[1]; g(99) q[0];", ""),
    "an overflow two gates down": (HEAD + "gate f(a) q { rz(a*a) q; } gate g(a) q { f(a*a) q; } qreg q[1]; "
                                   "g(1e99) q[0];", "is inf"),
    "a delay of ages": (HEAD + "opaque delay(t) q; qreg q[1]; delay(1e300) q[0];", ""),
    "a broadcast of too much": (HEAD + "qreg q[1000];" + "h q;" * 200, "instructions"),
    "barriers on everything": (HEAD + "qreg q[1000];" + "barrier q;" * 2000, "written out"),
    "conditions without end": (HEAD + "qreg q[1]; creg c[1];" + "if(c==1) x q[0];" * 10_000, "written out"),
    "a number for a condition": (HEAD + f"qreg q[1]; creg c[1]; if(c=={'9' * 60}) x q[0];", ""),
    "a string without an end": ('OPENQASM 2.0;\ninclude "qelib1.inc;\nqreg q[1];', "line 2"),
    "a string to the end": ('include "' + "a" * 500_000, "not closed"),
    "NUL bytes": (b"OPENQASM 2.0;\nqreg q[1];\n\0", "line 3"),
    "half of a character": (b"OPENQASM 2.0;\n// \xc3\nqreg q[1];", "line 2"),
    "another encoding": ("OPENQASM 2.0; qreg q[1];".encode("utf-16"), "UTF-8"),
    "half of a surrogate pair": ("qreg q[1];\n// \ud800", "surrogate"),
    "too many bytes": (b"// " + b"a" * (1 << 20), "bytes"),
    "too many characters": ("ä" * (1 << 19) + "ä", "bytes"),
    "a million lines": ("\n" * 1_000_000, "empty"),
    "a million lines and a word": (HEAD + "\n" * 1_000_000 + "@", "line 1,000,003"),
    "a million statements": (";" * 1_000_000, "declares no qubits"),
    "a statement of a million words": ("a " * 500_000, "words"),
    "a name without end": (f"qreg {'q' * 300}[1];", "300 characters"),
    "nothing": ("", "empty"),
    "a comment": ("// nothing\n", "declares no qubits"),
    "another language": ("OPENQASM 3.0; qubit[2] q;", "OpenQASM 3.0"),
    "prose": ("Dear reader, this is no circuit.", "'.'"),
    "a terminal's escape": ("qreg q[1]; \x1b[31m", "x1b"),
    "a mark of direction": ("qreg q[1]; \u202e x q[0];", "u202e"),
    "a gate nobody knows": (HEAD + "qreg q[1];\nflip q[0];", "'flip' is not defined"),
    "a gate before its include": ('qreg q[1];\nh q[0]; include "qelib1.inc";', "not included at this point"),
    "a gate that qelib1.inc has not": (HEAD + "qreg q[1]; u0(1000000000) q[0];", "'u0' is not defined"),
    "a bit that is not there": (HEAD + "qreg q[1];\nh q[7];", "line 4"),
    "a register twice": ("qreg q[1];\nqreg q[1];", "line 2"),
    "the same qubit twice": (HEAD + "qreg q[2];\ncx q[0],q[0];", "line 4"),
    "too few angles": (HEAD + "qreg q[1];\nrx q[0];", "number of angles"),
    "a compressed file": (b"\x1f\x8b" + b"\0" * 50, "gzip"),
    "a file of Python": ("import os\nos.system('true')\n", ""),
    "an archive": (b"PK\x03\x04" + b"\0" * 50, ""),
}
