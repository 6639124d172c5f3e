"""Seeds for fuzzing, and ways to damage them; what is done is a function of the generator handed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from hypothesis import strategies as st

from .circuits import packed, rich
from .hostile import HEAD, TEXTS, chain, doubling

Mutation = Callable[[bytearray, np.random.Generator], None]

WORDS = [b"qreg q[3];", b"creg c[2];", b"gate g(a) x { rx(a) x; }", b"opaque o x;", b"if(c==1)", b"measure q -> c;",
         b"barrier q;", b"reset q;", b"(", b")", b"{", b"}", b"[", b"]", b";", b'"', b"'", b"//", b"\n", b"->", b"==",
         b"pi", b"1e308", b"1e999", b".5", b"99999999999", b"-", b"^", b"ln(0)", b"1/0", b"\0", b"\xff", b"\r",
         b"rx(0.1) q;",
         b"u0(9)", b'include "qelib1.inc";', b'include "/etc/passwd";', b"OPENQASM 3.0;", b"gate g0 a { g0 a; }",
         b"U(0,0,0) q;"]
EXTREMES = [b"\0" * 4, b"\xff" * 4, b"\xff" * 8, b"\x7f\xff\xff\xff", b"\0\0\0\1", b"\x7f\xf0" + b"\0" * 6,
            b"\0" * 6 + b"\xf0\x7f", b"\x80" + b"\0" * 7]


def _flip(data: bytearray, rng: np.random.Generator) -> None:
    data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))


def _drop(data: bytearray, rng: np.random.Generator) -> None:
    begin, size = int(rng.integers(len(data))), int(rng.integers(1, 30))
    del data[begin:begin + size]


def _repeat(data: bytearray, rng: np.random.Generator) -> None:
    begin, size = int(rng.integers(len(data))), int(rng.integers(1, 60))
    data[begin:begin] = data[begin:begin + size] * int(rng.integers(1, 20))


def _word(data: bytearray, rng: np.random.Generator) -> None:
    at = int(rng.integers(len(data)))
    data[at:at] = WORDS[int(rng.integers(len(WORDS)))]


def _extreme(data: bytearray, rng: np.random.Generator) -> None:
    at, value = int(rng.integers(len(data))), EXTREMES[int(rng.integers(len(EXTREMES)))]
    data[at:at + len(value)] = value


def _move(data: bytearray, rng: np.random.Generator) -> None:
    begin, size, to = (int(number) for number in rng.integers(0, len(data), 3))
    piece = data[begin:begin + size % 80]
    data[to:to] = piece


IN_PLACE: tuple[Mutation, ...] = (_flip, _flip, _flip, _extreme)
MUTATIONS: tuple[Mutation, ...] = (_drop, _repeat, _word, _word, _move, _move)


def seeds() -> list[bytes]:
    """Good and bad sources of either format, small enough to be damaged often."""
    texts = [source if isinstance(source, bytes) else source.encode(errors="replace") for source, _ in TEXTS.values()]
    good = [f"{HEAD}gate g(a, b) x, y {{ rx(a/2) x; cx x, y; u3(a, b, -pi) y; }}\nqreg q[3]; creg c[3];\n"
            "g(0.3, pi) q[0], q[2]; if (c == 2) h q[1]; barrier q; measure q -> c;", doubling(5), chain(9)]
    circuits = rich()
    files = [packed(*circuits), *(packed(circuit) for circuit in circuits), packed(circuits[2], version=13)]
    short = [text for text in texts if 0 < len(text) < 5000]
    return [*files * 12, *(text.encode() for text in good * 30), *short]


def damaged(count: int, seed: int) -> Iterator[bytes]:
    """That many sources, each damaged one to three times; files keep their length more often than texts do."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    known = seeds()
    for _ in range(count):
        data = bytearray(known[int(rng.integers(len(known)))])
        ways = IN_PLACE if data.startswith(b"QISKIT") and rng.random() < 0.9 else MUTATIONS
        for _ in range(int(rng.integers(1, 4))):
            if data:
                ways[int(rng.integers(len(ways)))](data, rng)
        yield bytes(data)


NAMES = st.sampled_from(["q", "r", "c", "g", "h", "cx", "rx", "U", "CX", "pi", "sin", "gate", "measure", "x" * 50,
                         "u0"])
NUMBERS = st.one_of(st.integers(0, 10).map(str), st.integers(0, 10**12).map(str), st.floats(0, width=64).map(repr),
                    st.sampled_from(["1e308", "1e-400", ".5", "2.", "0x10", "1e", "nan", "inf"]))
EXPRESSIONS = st.recursive(
    st.one_of(NUMBERS, NAMES),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/^"), inner).map(" ".join), inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"-{text}"),
        st.tuples(st.sampled_from(["sin", "ln", "sqrt", "exp", "tan", "acos"]), inner).map(
            lambda two: f"{two[0]}({two[1]})")),
    max_leaves=12)
OPERANDS = st.lists(st.one_of(NAMES, st.tuples(NAMES, NUMBERS).map(lambda two: f"{two[0]}[{two[1]}]")), min_size=1,
                    max_size=4).map(", ".join)
CALLS = st.builds(lambda name, angles, bits: f"{name}({', '.join(angles)}) {bits};" if angles else f"{name} {bits};",
                  NAMES, st.lists(EXPRESSIONS, max_size=3), OPERANDS)
STATEMENTS = st.one_of(
    CALLS,
    st.builds(lambda kind, name, size: f"{kind} {name}[{size}];", st.sampled_from(["qreg", "creg"]), NAMES, NUMBERS),
    st.builds(lambda name, bits, body: f"gate {name} {bits} {{ {' '.join(body)} }}", NAMES, OPERANDS,
              st.lists(CALLS, max_size=4)),
    st.builds(lambda name, number, call: f"if ({name} == {number}) {call}", NAMES, NUMBERS, CALLS),
    st.builds(lambda a, b: f"measure {a} -> {b};", OPERANDS, OPERANDS),
    st.builds(lambda bits: f"barrier {bits};", OPERANDS))
PROGRAMS = st.lists(STATEMENTS, max_size=12).map(lambda found: HEAD + "qreg q[3]; creg c[3];\n" + "\n".join(found))
