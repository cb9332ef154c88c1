"""The conditions of the tdx notation's sections: comparisons as in SQL, joined by AND and OR.

`NOT` before a bracket is carried inwards to the tests (`NOT (a OR b)` is `NOT a AND NOT b`), which
have negations of their own, so that a test that cannot be said makes the whole stricter here, too.
"""

import re
from collections.abc import Callable

from p13n.notation import operators
from p13n.notation.criteria import NEVER, Condition, all_of, any_of
from p13n.notation.operators import Inexpressible, Operand, Test

_TOKENS = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^']|'')*')
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<quoted>"(?:[^"]|"")+")
      | (?P<word>[A-Za-z_][A-Za-z0-9_.]*)
      | (?P<sign><=|>=|<>|!=|=|<|>|\(|\)|,)
    )""",
    re.VERBOSE,
)
_SIGNS = {">", "<", ">=", "<="}
_DEPTH_MAX = 50


OperandOf = Callable[[str], Operand]
"""Gives the operand of a name. Raises Inexpressible."""


class Unreadable(Exception):
    """A criteria text that is no condition."""


def condition_of(source: str, operand_of: OperandOf, never: Callable[[str], None]) -> str | None:
    """The condition; None where the text is empty. `never` is told each test that cannot be said.

    Raises Unreadable.
    """
    if not source.strip():
        return None
    parser = _Parser(_tokens(source), operand_of, never)
    condition = parser.either(False, 0)
    parser.end()
    return condition.text


def _tokens(source: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    at = 0
    while source[at:].strip():
        found = _TOKENS.match(source, at)
        if found is None or found.lastgroup is None:
            raise Unreadable(f"`{source[at:].strip()[:20]}` is not understood")
        kind, value = found.lastgroup, found[found.lastgroup]
        if kind == "text":
            value = value[1:-1].replace("''", "'")
        elif kind == "quoted":
            kind, value = "name", value[1:-1].replace('""', '"')
        tokens.append((kind, value))
        at = found.end()
    return tokens


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(
        self,
        tokens: list[tuple[str, str]],
        operand_of: OperandOf,
        never: Callable[[str], None],
    ) -> None:
        self._tokens = tokens
        self._operand_of = operand_of
        self._never = never
        self._at = 0

    def either(self, negated: bool, depth: int) -> Condition:
        """`a OR b`; negated, both must not hold."""
        if depth > _DEPTH_MAX:
            raise Unreadable("it nests too deep")
        found = [self._both(negated, depth)]
        while self._word("OR"):
            found.append(self._both(negated, depth))
        return _joined(found, negated)

    def end(self) -> None:
        """Nothing may be left."""
        if self._at < len(self._tokens):
            raise Unreadable(f"`{self._tokens[self._at][1]}` is not expected there")

    def _both(self, negated: bool, depth: int) -> Condition:
        found = [self._one(negated, depth)]
        while self._word("AND"):
            found.append(self._one(negated, depth))
        return _joined(found, not negated)

    def _one(self, negated: bool, depth: int) -> Condition:
        if self._word("NOT"):
            return self._one(not negated, depth + 1)
        if self._sign("("):
            inner = self.either(negated, depth + 1)
            self._expect(")")
            return inner
        return self._test(negated)

    def _test(self, negated: bool) -> Condition:
        name = self._name()
        asks_null = self._at < len(self._tokens) and self._tokens[self._at] == ("word", "IS")
        try:
            test = self._operator(negated)
            operand = self._operand_of(name)
            if operand.is_list and not asks_null:
                raise Inexpressible(f"`{name}` is a list, of which only IS NULL is asked here")
            return Condition(test(operand))
        except Inexpressible as error:
            self._never(str(error))
            return Condition(NEVER)

    def _operator(self, negated: bool) -> Test:
        if self._word("IS"):
            negated ^= self._word("NOT")
            if not self._word("NULL"):
                raise Unreadable("IS is followed by NULL or NOT NULL")
            return operators.is_null(negated)
        negated ^= self._word("NOT")
        if self._word("LIKE"):
            return operators.like(self._text(), negated)
        if self._word("IN"):
            self._expect("(")
            values = [self._value()]
            while self._sign(","):
                values.append(self._value())
            self._expect(")")
            return operators.among(values, negated)
        if self._word("BETWEEN"):
            low = self._value()
            if not self._word("AND"):
                raise Unreadable("BETWEEN is followed by a value, AND and a value")
            return _between(low, self._value(), negated)
        kind, sign = self._next("an operator")
        if kind == "sign" and sign in ("=", "!=", "<>"):
            return operators.equal(self._value(), negated ^ (sign != "="))
        if kind == "sign" and sign in _SIGNS:
            return operators.relation(sign, self._value(), negated)
        raise Unreadable(f"`{sign}` is no operator")

    def _name(self) -> str:
        kind, value = self._next("a name")
        if kind not in ("word", "name"):
            raise Unreadable(f"`{value}` is no name")
        return value

    def _text(self) -> str:
        kind, value = self._next("a text")
        if kind != "text":
            raise Unreadable(f"`{value}` is no text in quotes")
        return value

    def _value(self) -> object:
        kind, value = self._next("a value")
        match kind:
            case "text":
                return value
            case "number":
                return float(value) if "." in value else int(value)
            case "word" if value.upper() in ("TRUE", "FALSE"):
                return value.upper() == "TRUE"
        raise Unreadable(f"`{value}` is no value")

    def _next(self, wanted: str) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise Unreadable(f"it ends where {wanted} is expected")
        self._at += 1
        return self._tokens[self._at - 1]

    def _word(self, word: str) -> bool:
        return self._skip("word", word)

    def _sign(self, sign: str) -> bool:
        return self._skip("sign", sign)

    def _skip(self, kind: str, value: str) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at][0] == kind
        if found and self._tokens[self._at][1].upper() == value:
            self._at += 1
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._sign(sign):
            raise Unreadable(f"`{sign}` is missing")


def _joined(conditions: list[Condition], is_and: bool) -> Condition:
    if is_and:
        joined = all_of(conditions)
        return Condition(NEVER) if joined is None else joined
    return any_of(conditions)


def _between(low: object, high: object, negated: bool) -> Test:
    at_least = operators.relation(">=", low, False)
    at_most = operators.relation("<=", high, False)
    if not negated:
        return lambda operand: f"{at_least(operand)} && {at_most(operand)}"
    below = operators.relation("<", low, False)
    above = operators.relation(">", high, False)
    return lambda operand: f"({below(operand)} || {above(operand)})"
