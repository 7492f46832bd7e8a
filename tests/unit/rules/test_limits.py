"""Every limit at its boundary, and the proof that no check could be lost or loosened unnoticed."""

import ast
import inspect
import math
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import pytest

from cryptopilot.rules import RULES
from cryptopilot.rules import limits as rules
from cryptopilot.rules.limits import (
    APPROVED,
    COOLDOWN,
    FREE_CASH,
    HALTED,
    MAX_CONCURRENT,
    MAX_DAILY_LOSS,
    MAX_DRAWDOWN,
    MAX_ORDER,
    MAX_POSITION,
    MIN_CONFIDENCE,
    MIN_ORDER,
    NOT_WHITELISTED,
    ORDER_TOO_LARGE,
    STALE_PRICE,
    STALE_SIGNAL,
    Ask,
    Book,
    Limits,
)
from tests.unit.rules.twins import both

NAN = float("nan")
LIMITS = Limits(
    min_confidence=0.7, max_daily_loss=0.05, max_drawdown=0.15, max_signal_age_ms=60_000,
    max_price_age_ms=120_000, max_concurrent=5, max_position=0.10, min_order=1_000, max_order=200_000,
    max_correlation=0.7,
)  # fmt: skip
BOOK = Book(halted=False, equity=1_000_000, day_base=1_000_000, peak=1_000_000, free_cash=500_000, slots_taken=0)
ASK = Ask(
    only_reduces=False, allowed=True, confidence=0.9, notional=50_000, magnitude=50_000.0, fee=50,
    signal_age_ms=0, price_age_ms=0, cooldown_left_ms=0,
)  # fmt: skip

verdict, correlated = both(rules.verdict), both(rules.correlated)
Verdict = Callable[[Ask, Book, Limits], tuple[int, float]]


class Case(NamedTuple):
    """What the review answers when the ask, the book or the limits differ from an order that passes."""

    code: int
    found: float
    changes: dict[str, Any]

    def __str__(self) -> str:
        return f"{NAMES[self.code]} {' '.join(f'{k}={v}' for k, v in self.changes.items())}"

    def holds(self, judge: Verdict) -> bool:
        code, found = judge(*(_changed(of, self.changes) for of in (ASK, BOOK, LIMITS)))  # type: ignore[arg-type]
        return code == self.code and repr(found) == repr(self.found)


NAMES = {code: name for name, code in vars(rules).items() if name.isupper() and code in range(16)}


def _changed(of: tuple[object, ...], changes: dict[str, Any]) -> tuple[object, ...]:
    fields = cast("Any", of)._fields
    return cast("tuple[object, ...]", cast("Any", of)._replace(**{k: v for k, v in changes.items() if k in fields}))


def passes(**changes: Any) -> Case:
    return Case(APPROVED, 0.0, changes)


BIG = 9_007_199_254_740_992.0
NOT_JUDGED = {"max_daily_loss": 2.0, "max_drawdown": 2.0}
CASES = [
    passes(),
    Case(HALTED, 1.0, {"halted": True}),
    Case(NOT_WHITELISTED, 0.0, {"allowed": False}),
    # Ages pass at their limit.
    passes(signal_age_ms=59_999),
    passes(signal_age_ms=60_000),
    Case(STALE_SIGNAL, 60_001.0, {"signal_age_ms": 60_001}),
    passes(price_age_ms=119_999),
    passes(price_age_ms=120_000),
    Case(STALE_PRICE, 120_001.0, {"price_age_ms": 120_001}),
    # Confidence passes at its limit.
    Case(MIN_CONFIDENCE, math.nextafter(0.7, 0.0), {"confidence": math.nextafter(0.7, 0.0)}),
    passes(confidence=0.7),
    passes(confidence=math.nextafter(0.7, 1.0)),
    Case(MIN_CONFIDENCE, NAN, {"confidence": NAN}),
    Case(MIN_CONFIDENCE, 0.9, {"min_confidence": NAN}),
    # Daily loss and drawdown refuse at theirs.
    passes(equity=950_001),
    Case(MAX_DAILY_LOSS, 0.05, {"equity": 950_000}),
    Case(MAX_DAILY_LOSS, 0.050001, {"equity": 949_999}),
    Case(MAX_DAILY_LOSS, NAN, {"day_base": 0}),
    Case(MAX_DAILY_LOSS, 0.0, {"max_daily_loss": NAN}),
    passes(equity=850_001, day_base=850_001),
    Case(MAX_DRAWDOWN, 0.15, {"equity": 850_000, "day_base": 850_000}),
    Case(MAX_DRAWDOWN, 0.150001, {"equity": 849_999, "day_base": 849_999}),
    Case(MAX_DRAWDOWN, NAN, {"peak": 0}),
    Case(MAX_DRAWDOWN, 0.0, {"max_drawdown": NAN}),
    # A cooldown is over when nothing of it is left.
    Case(COOLDOWN, 1.0, {"cooldown_left_ms": 1}),
    passes(cooldown_left_ms=0),
    passes(cooldown_left_ms=-1),
    passes(slots_taken=4),
    Case(MAX_CONCURRENT, 5.0, {"slots_taken": 5}),
    Case(MAX_CONCURRENT, 6.0, {"slots_taken": 6}),
    # What cannot be booked exactly is no order.
    passes(magnitude=math.nextafter(BIG, 0.0)),
    Case(ORDER_TOO_LARGE, BIG, {"magnitude": BIG}),
    Case(ORDER_TOO_LARGE, NAN, {"magnitude": NAN}),
    # Sizes pass at their limit.
    passes(notional=99_999),
    passes(notional=100_000),
    Case(MAX_POSITION, 0.100001, {"notional": 100_001}),
    Case(MAX_POSITION, NAN, {"equity": 0, **NOT_JUDGED}),
    Case(MAX_POSITION, 0.05, {"max_position": NAN}),
    Case(MIN_ORDER, 999.0, {"notional": 999}),
    passes(notional=1_000),
    passes(notional=1_001),
    passes(notional=49_999, max_order=50_000),
    passes(notional=50_000, max_order=50_000),
    Case(MAX_ORDER, 50_001.0, {"notional": 50_001, "max_order": 50_000}),
    # The fee is paid too.
    passes(free_cash=50_051),
    passes(free_cash=50_050),
    Case(FREE_CASH, 50_050.0, {"free_cash": 50_049}),
    # Leaving is never refused.
    passes(only_reduces=True, halted=True, confidence=NAN, equity=0),
]
REFUSALS = [case for case in CASES if case.code != APPROVED]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_limit_passes_and_refuses_on_its_own_side(case: Case) -> None:
    assert case.holds(verdict)


@pytest.mark.parametrize("case", REFUSALS, ids=str)
def test_leaving_is_never_refused(case: Case) -> None:
    assert passes(**case.changes, only_reduces=True).holds(verdict)


def test_every_refusal_that_the_review_knows_has_its_cases() -> None:
    assert {case.code for case in REFUSALS} == set(range(1, 16)) - {rules.MAX_CORRELATION}


def test_the_first_limit_broken_is_the_one_that_answers() -> None:
    """Break everything, then mend it one by one: the refusals come in the order of the checks."""
    mends: list[tuple[int, dict[str, Any]]] = [
        (HALTED, {"halted": False}),
        (NOT_WHITELISTED, {"allowed": True}),
        (STALE_SIGNAL, {"signal_age_ms": 0}),
        (STALE_PRICE, {"price_age_ms": 0}),
        (MIN_CONFIDENCE, {"confidence": 0.9}),
        (MAX_DAILY_LOSS, {"day_base": 1}),
        (MAX_DRAWDOWN, {"peak": 1}),
        (COOLDOWN, {"cooldown_left_ms": 0}),
        (MAX_CONCURRENT, {"slots_taken": 0}),
        (ORDER_TOO_LARGE, {"magnitude": 1.0}),
        (MAX_POSITION, {"max_position": 1.0}),
        (MIN_ORDER, {"min_order": 0}),
        (MAX_ORDER, {"max_order": 10**9}),
        (FREE_CASH, {"free_cash": 10**9}),
    ]
    assert {code for code, _ in mends} == {case.code for case in REFUSALS}
    broken: dict[str, Any] = {
        "halted": True, "allowed": False, "signal_age_ms": 10**9, "price_age_ms": 10**9, "confidence": 0.0,
        "equity": 500_000, "cooldown_left_ms": 1, "slots_taken": 9, "magnitude": BIG, "notional": 300_000,
        "min_order": 400_000, "max_order": 200_000, "free_cash": 0,
    }  # fmt: skip
    answered = []
    for _, mend in mends:
        answered.append(verdict(*(_changed(of, broken) for of in (ASK, BOOK, LIMITS)))[0])  # type: ignore[arg-type]
        broken |= mend
    assert answered == [code for code, _ in mends]
    assert verdict(*(_changed(of, broken) for of in (ASK, BOOK, LIMITS))) == (APPROVED, 0.0)  # type: ignore[arg-type]


# -- Correlation

MOVES = [float((i * 7) % 5 - 2) for i in range(168)]


def _against(correlation: float) -> list[float]:
    """Returns that correlate with MOVES about as much as asked for: MOVES and a series apart from it."""
    other = [float((i * 3) % 7 - 3) for i in range(168)]
    part = math.sqrt(1.0 - correlation * correlation)
    return [correlation * a / math.sqrt(2.0) + part * b / 2.0 for a, b in zip(MOVES, other, strict=True)]


def test_correlation_passes_at_its_limit_and_below() -> None:
    breaks, found = correlated(MOVES, _against(0.6), LIMITS)
    assert not breaks
    assert 0.5 < found < 0.7
    assert correlated(MOVES, _against(0.6), LIMITS._replace(max_correlation=found)) == (False, found)
    just_under = LIMITS._replace(max_correlation=math.nextafter(found, 0.0))
    assert correlated(MOVES, _against(0.6), just_under) == (True, found)


def test_only_moving_the_same_way_breaks_the_limit() -> None:
    against = [-x for x in MOVES]
    assert correlated(MOVES, MOVES, LIMITS)[0]
    assert not correlated(MOVES, against, LIMITS)[0]


@pytest.mark.parametrize("pairs", [0, 99])
def test_too_few_pairs_to_tell_break_the_limit(pairs: int) -> None:
    breaks, found = correlated(MOVES[:pairs], _against(0.0)[:pairs], LIMITS)
    assert breaks
    assert math.isnan(found)


def test_a_hundred_pairs_are_enough_to_tell() -> None:
    other = _against(0.0)
    assert not correlated(MOVES, [NAN] * 68 + other[68:], LIMITS)[0]
    assert correlated(MOVES, [NAN] * 69 + other[69:], LIMITS)[0]


def test_a_market_that_does_not_move_or_an_unknown_limit_breaks_it() -> None:
    assert correlated(MOVES, [0.0] * 168, LIMITS)[0]
    assert correlated(MOVES, _against(0.0), LIMITS._replace(max_correlation=NAN))[0]


# -- No check can be lost, loosened or made blind to NaN unnoticed

SOURCE = ast.parse(inspect.getsource(rules.verdict).removeprefix("@rule\n"))  # A mutant is no rule.


MOVED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
}  # fmt: skip
OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.GtE: ast.Lt}


class Rewriter(ast.NodeTransformer):
    """Changes the check, or the comparison, that reads as *text*, and nothing else."""

    def __init__(self, kind: type[ast.AST], text: str, change: Callable[[Any], ast.AST | None]) -> None:
        self.kind, self.text, self.change, self.changed = kind, text, change, 0

    def visit(self, node: ast.AST) -> Any:
        if not isinstance(node, self.kind) or ast.unparse(getattr(node, "test", node)) != self.text:
            return self.generic_visit(node)
        self.changed += 1
        return self.change(node)


def _removed(node: ast.If) -> None:
    """The check does not take place."""


def _moved(node: ast.Compare) -> ast.Compare:
    """The boundary belongs to the other side."""
    return ast.Compare(node.left, [MOVED[type(node.ops[0])]()], node.comparators)


def _blinded(node: ast.If) -> ast.If:
    """``not a < b`` written as ``a >= b``, which NaN passes."""
    inner = cast("ast.Compare", cast("ast.UnaryOp", node.test).operand)
    test = ast.Compare(inner.left, [OPPOSITE[type(inner.ops[0])]()], inner.comparators)
    return ast.If(test, node.body, node.orelse)


def _rewritten(kind: type[ast.AST], text: str, change: Callable[[Any], ast.AST | None]) -> Verdict:
    rewriter = Rewriter(kind, text, change)
    tree = rewriter.visit(ast.parse(ast.unparse(SOURCE)))
    assert rewriter.changed == 1
    names = dict(vars(rules))
    exec(compile(ast.fix_missing_locations(tree), "a mutant", "exec"), names)  # noqa: S102  # Our own source.
    return cast("Verdict", names["verdict"])


def _texts(kind: type[ast.AST]) -> list[str]:
    return [ast.unparse(getattr(n, "test", n)) for n in ast.walk(SOURCE) if isinstance(n, kind)]


CHECKS = _texts(ast.If)
COMPARISONS = _texts(ast.Compare)
NEGATED = [text for text in _texts(ast.UnaryOp) if text.removeprefix("not ") in COMPARISONS]
WHOLE = {"signal_age_ms", "price_age_ms", "slots_taken", "ask.notional"}
NAN_REACHES = [text for text in NEGATED if not any(name in text for name in WHOLE)]
"""Checks on doubles; in those on integers the two ways of writing are one."""


def test_there_are_fifteen_checks_of_which_five_may_meet_nan() -> None:
    assert len(CHECKS) == len(set(CHECKS)) == 15
    assert len(NAN_REACHES) == 5


@pytest.mark.parametrize("check", CHECKS)
def test_a_verdict_without_one_of_its_checks_is_noticed(check: str) -> None:
    mutant = _rewritten(ast.If, check, _removed)
    assert any(not case.holds(mutant) for case in CASES)


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_a_check_moved_to_the_other_side_of_its_boundary_is_noticed(comparison: str) -> None:
    mutant = _rewritten(ast.Compare, comparison, _moved)
    assert any(not case.holds(mutant) for case in CASES)


@pytest.mark.parametrize("check", NAN_REACHES)
def test_a_check_that_lets_nan_pass_is_noticed(check: str) -> None:
    mutant = _rewritten(ast.If, check, _blinded)
    assert any(not case.holds(mutant) for case in CASES)


def test_a_rewriting_that_changes_nothing_keeps_every_case() -> None:
    on_record = list(RULES)
    mutant = _rewritten(ast.If, CHECKS[0], lambda node: node)
    assert on_record == RULES
    assert all(case.holds(mutant) for case in CASES)
