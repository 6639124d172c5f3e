"""An OpenQASM 2 text cut into statements: enough of the language to bound it, and no more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from qloop.intake.bounds import Bounds
from qloop.intake.refusal import Unfit, excerpt
from qloop.intake.tokens import Token

EXPRESSION: Final = 1_000       # words in parentheses of one statement; the parser's recursion grows with them
WORDS_A_QUBIT: Final = 6        # q [ 0 ] , and one to spare
_OPEN: Final = {"(": ")", "[": "]"}
_NO_TOKEN: Final = Token("sign", "", 0)


class Statement(NamedTuple):
    """The words before `end`, which is ';', '{' or '}'."""

    words: list[Token]
    end: str
    line: int

    @property
    def head(self) -> str:
        """The first word."""
        return self.words[0].text if self.words else ""


class Operand(NamedTuple):
    """A register, or one bit of it."""

    name: str
    indexed: bool


def statements(words: Iterable[Token], bounds: Bounds) -> Iterator[Statement]:
    """All statements in order. Raises `Unfit` for parentheses that are open or too deep, and for an open end."""
    kept: list[Token] = []
    most = EXPRESSION + WORDS_A_QUBIT * bounds.qubits
    nest = _Nest(bounds.nesting)
    last = _NO_TOKEN
    for token in words:
        last = token
        if token.kind == "sign" and token.text in (";", "{", "}"):
            nest.must_be_closed(token)
            yield Statement(kept, token.text, kept[0].line if kept else token.line)
            kept, nest = [], _Nest(bounds.nesting)
            continue
        nest.see(token)
        kept.append(token)
        if len(kept) > most:
            raise Unfit(f"A statement has more than {most:,} words", "Split it", token.line)
    if kept:
        raise Unfit(f"The text ends within the statement {excerpt(kept[0].text)}", "End every statement with ';'",
                    last.line)


class _Nest:
    """The parentheses that are open within a statement."""

    def __init__(self, most: int) -> None:
        self._most, self._open = most, ""
        self._inside = 0

    def see(self, token: Token) -> None:
        if self._open:
            self._inside += 1
        if self._inside > EXPRESSION:
            raise Unfit(f"The expressions of one statement have more than {EXPRESSION:,} words", "Shorten them",
                        token.line)
        if token.kind != "sign":
            return
        if token.text in _OPEN:
            self._open += _OPEN[token.text]
        elif token.text in (")", "]"):
            if not self._open.endswith(token.text):
                raise Unfit(f"A {excerpt(token.text)} closes nothing", "", token.line)
            self._open = self._open[:-1]
        if len(self._open) > self._most:
            raise Unfit(f"Parentheses are nested deeper than {self._most}", "Simplify the expression", token.line)

    def must_be_closed(self, token: Token) -> None:
        if self._open:
            raise Unfit(f"A {excerpt(self._open[-1])} is missing", "", token.line)


def after_parentheses(words: list[Token], begin: int) -> int:
    """The place behind the parentheses that open at `begin`; `begin` itself if none do."""
    depth, at = 0, begin
    while at < len(words) and (depth or words[at].text == "("):
        depth += {"(": 1, ")": -1}.get(words[at].text, 0)
        at += 1
        if depth == 0:
            break
    return at


def operands(words: list[Token]) -> Iterator[Operand]:
    """The registers and bits named in what follows a gate's name and angles."""
    for at, token in enumerate(words):
        if token.kind == "name":
            following = words[at + 1].text if at + 1 < len(words) else ""
            yield Operand(token.text, following == "[")
