"""Every limit at its boundary, and the proof that no check could be lost or loosened unnoticed."""

import ast
import inspect
import math
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, NamedTuple, cast

import pytest

from cryptopilot.rules import RULES, review
from cryptopilot.rules import limits as rules
from cryptopilot.rules.limits import Ask, Book, Finding, Limits, RiskRule
from cryptopilot.rules.review import APPROVED, REVIEW
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
    signal_age_ms=0, price_age_ms=0, cooldown_left_ms=0, now_ms=1_700_000_000_000,
)  # fmt: skip

verdict, correlated = both(review.verdict), both(rules.correlated)
NAMES = [check.__name__ for check in REVIEW]
PUBLISHED = [
    "halted", "whitelist", "stale_signal", "stale_price", "min_confidence", "max_daily_loss", "max_drawdown",
    "cooldown", "max_concurrent", "order_too_large", "max_position", "min_order", "max_order", "free_cash",
]  # fmt: skip
"""The names that programs know; a check that is added needs cases below, and no place here."""
Verdict = Callable[[Ask, Book, Limits], tuple[int, Finding]]


class Case(NamedTuple):
    """What the review answers when the ask, the book or the limits differ from an order that passes.

    *rule* is the name of the refusal, empty for none.
    """

    rule: str
    found: float
    changes: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.rule or 'passes'} {' '.join(f'{k}={v}' for k, v in self.changes.items())}"

    def holds(self, judge: Verdict, names: Sequence[str] = NAMES) -> bool:
        place, finding = judge(*(_changed(of, self.changes) for of in (ASK, BOOK, LIMITS)))  # type: ignore[arg-type]
        rule = "" if place == APPROVED else names[place]
        return (rule, finding.breaks, repr(finding.found)) == (self.rule, bool(self.rule), repr(self.found))


def _changed(of: tuple[object, ...], changes: dict[str, Any]) -> tuple[object, ...]:
    fields = cast("Any", of)._fields
    return cast("tuple[object, ...]", cast("Any", of)._replace(**{k: v for k, v in changes.items() if k in fields}))


def passes(**changes: Any) -> Case:
    return Case("", 0.0, changes)


BIG = 9_007_199_254_740_992.0
NOT_JUDGED = {"max_daily_loss": 2.0, "max_drawdown": 2.0}
CASES = [
    passes(),
    Case("halted", 1.0, {"halted": True}),
    Case("whitelist", 0.0, {"allowed": False}),
    # Ages pass at their limit.
    passes(signal_age_ms=59_999),
    passes(signal_age_ms=60_000),
    Case("stale_signal", 60_001.0, {"signal_age_ms": 60_001}),
    passes(price_age_ms=119_999),
    passes(price_age_ms=120_000),
    Case("stale_price", 120_001.0, {"price_age_ms": 120_001}),
    # Confidence passes at its limit.
    Case("min_confidence", math.nextafter(0.7, 0.0), {"confidence": math.nextafter(0.7, 0.0)}),
    passes(confidence=0.7),
    passes(confidence=math.nextafter(0.7, 1.0)),
    Case("min_confidence", NAN, {"confidence": NAN}),
    Case("min_confidence", 0.9, {"min_confidence": NAN}),
    # Daily loss and drawdown refuse at theirs.
    passes(equity=950_001),
    Case("max_daily_loss", 0.05, {"equity": 950_000}),
    Case("max_daily_loss", 0.050001, {"equity": 949_999}),
    Case("max_daily_loss", NAN, {"day_base": 0}),
    Case("max_daily_loss", 0.0, {"max_daily_loss": NAN}),
    passes(equity=850_001, day_base=850_001),
    Case("max_drawdown", 0.15, {"equity": 850_000, "day_base": 850_000}),
    Case("max_drawdown", 0.150001, {"equity": 849_999, "day_base": 849_999}),
    Case("max_drawdown", NAN, {"peak": 0}),
    Case("max_drawdown", 0.0, {"max_drawdown": NAN}),
    # A cooldown is over when nothing of it is left.
    Case("cooldown", 1.0, {"cooldown_left_ms": 1}),
    passes(cooldown_left_ms=0),
    passes(cooldown_left_ms=-1),
    passes(slots_taken=4),
    Case("max_concurrent", 5.0, {"slots_taken": 5}),
    Case("max_concurrent", 6.0, {"slots_taken": 6}),
    # What cannot be booked exactly is no order.
    passes(magnitude=math.nextafter(BIG, 0.0)),
    Case("order_too_large", BIG, {"magnitude": BIG}),
    Case("order_too_large", NAN, {"magnitude": NAN}),
    # Sizes pass at their limit.
    passes(notional=99_999),
    passes(notional=100_000),
    Case("max_position", 0.100001, {"notional": 100_001}),
    Case("max_position", NAN, {"equity": 0, **NOT_JUDGED}),
    Case("max_position", 0.05, {"max_position": NAN}),
    Case("min_order", 999.0, {"notional": 999}),
    passes(notional=1_000),
    passes(notional=1_001),
    passes(notional=49_999, max_order=50_000),
    passes(notional=50_000, max_order=50_000),
    Case("max_order", 50_001.0, {"notional": 50_001, "max_order": 50_000}),
    # The fee is paid too.
    passes(free_cash=50_051),
    passes(free_cash=50_050),
    Case("free_cash", 50_050.0, {"free_cash": 50_049}),
    # Leaving is never refused.
    passes(only_reduces=True, halted=True, confidence=NAN, equity=0),
]
REFUSALS = [case for case in CASES if case.rule]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_limit_passes_and_refuses_on_its_own_side(case: Case) -> None:
    assert case.holds(verdict)


@pytest.mark.parametrize("case", REFUSALS, ids=str)
def test_leaving_is_never_refused(case: Case) -> None:
    assert passes(**case.changes, only_reduces=True).holds(verdict)


def test_every_refusal_that_the_review_knows_has_its_cases() -> None:
    assert {case.rule for case in REFUSALS} == set(NAMES)
    assert len(set(NAMES)) == len(NAMES)


def test_the_published_checks_are_all_there_in_their_order() -> None:
    assert [name for name in NAMES if name in PUBLISHED] == PUBLISHED


MENDS: list[tuple[str, dict[str, Any]]] = [
    ("halted", {"halted": False}),
    ("whitelist", {"allowed": True}),
    ("stale_signal", {"signal_age_ms": 0}),
    ("stale_price", {"price_age_ms": 0}),
    ("min_confidence", {"confidence": 0.9}),
    ("max_daily_loss", {"day_base": 1}),
    ("max_drawdown", {"peak": 1}),
    ("cooldown", {"cooldown_left_ms": 0}),
    ("max_concurrent", {"slots_taken": 0}),
    ("order_too_large", {"magnitude": 1.0}),
    ("max_position", {"max_position": 1.0}),
    ("min_order", {"min_order": 0}),
    ("max_order", {"max_order": 10**9}),
    ("free_cash", {"free_cash": 10**9}),
]
BROKEN: dict[str, Any] = {
    "halted": True, "allowed": False, "signal_age_ms": 10**9, "price_age_ms": 10**9, "confidence": 0.0,
    "equity": 500_000, "cooldown_left_ms": 1, "slots_taken": 9, "magnitude": BIG, "notional": 300_000,
    "min_order": 400_000, "max_order": 200_000, "free_cash": 0,
}  # fmt: skip


def _answers(judge: Verdict) -> list[int]:
    """Break everything, then mend it one by one: where each answer stands in the list."""
    changes, places = dict(BROKEN), []
    for _, mend in MENDS:
        places.append(judge(*(_changed(of, changes) for of in (ASK, BOOK, LIMITS)))[0])  # type: ignore[arg-type]
        changes |= mend
    return places


def test_the_first_limit_broken_is_the_one_that_answers() -> None:
    """The refusals come in the order of the checks."""
    assert [rule for rule, _ in MENDS] == PUBLISHED
    assert [NAMES[place] for place in _answers(verdict)] == PUBLISHED
    mended = {name: value for _, mend in MENDS for name, value in mend.items()}
    assert _judged(BROKEN | mended) == (APPROVED, Finding(False, 0.0, 0.0))


def _judged(changes: dict[str, Any]) -> tuple[int, Finding]:
    return verdict(*(_changed(of, changes) for of in (ASK, BOOK, LIMITS)))  # type: ignore[arg-type]


def test_a_refusal_tells_the_limit_that_was_broken() -> None:
    limits = {
        "halted": 0.0, "whitelist": 0.0, "stale_signal": 60_000.0, "stale_price": 120_000.0, "min_confidence": 0.7,
        "max_daily_loss": 0.05, "max_drawdown": 0.15, "cooldown": 0.0, "max_concurrent": 5.0, "order_too_large": BIG,
        "max_position": 0.1, "min_order": 1_000.0, "max_order": 50_000.0, "free_cash": 50_049.0,
    }  # fmt: skip
    told = {case.rule: _judged(case.changes)[1].limit for case in REFUSALS if not _unknown_limit(case)}
    assert {rule: told[rule] for rule in PUBLISHED} == limits


def _unknown_limit(case: Case) -> bool:
    return any(name in LIMITS._fields and value != value for name, value in case.changes.items())


# -- Correlation

MOVES = [float((i * 7) % 5 - 2) for i in range(168)]


def _against(correlation: float) -> list[float]:
    """Returns that correlate with MOVES about as much as asked for: MOVES and a series apart from it."""
    other = [float((i * 3) % 7 - 3) for i in range(168)]
    part = math.sqrt(1.0 - correlation * correlation)
    return [correlation * a / math.sqrt(2.0) + part * b / 2.0 for a, b in zip(MOVES, other, strict=True)]


def test_correlation_passes_at_its_limit_and_below() -> None:
    breaks, _, found = correlated(MOVES, _against(0.6), LIMITS)
    assert not breaks
    assert 0.5 < found < 0.7
    assert correlated(MOVES, _against(0.6), LIMITS._replace(max_correlation=found)) == (False, found, found)
    just_under = LIMITS._replace(max_correlation=math.nextafter(found, 0.0))
    assert correlated(MOVES, _against(0.6), just_under) == (True, just_under.max_correlation, found)


def test_only_moving_the_same_way_breaks_the_limit() -> None:
    against = [-x for x in MOVES]
    assert correlated(MOVES, MOVES, LIMITS)[0]
    assert not correlated(MOVES, against, LIMITS)[0]


@pytest.mark.parametrize("pairs", [0, 99])
def test_too_few_pairs_to_tell_break_the_limit(pairs: int) -> None:
    breaks, _, found = correlated(MOVES[:pairs], _against(0.0)[:pairs], LIMITS)
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

# A mutant is written over the source of one check, or of the loop over them, and stands in its place in the list.


def _source(function: Callable[..., object]) -> ast.Module:
    return ast.parse(inspect.getsource(function).removeprefix("@rule\n"))  # A mutant is no rule.


MOVED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
}  # fmt: skip
OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt,
}  # fmt: skip


class Rewriter(ast.NodeTransformer):
    """Changes what reads as *text*, and nothing else."""

    def __init__(self, kind: type[ast.AST], text: str, change: Callable[[Any], ast.AST | None]) -> None:
        self.kind, self.text, self.change, self.changed = kind, text, change, 0

    def visit(self, node: ast.AST) -> Any:
        if not isinstance(node, self.kind) or ast.unparse(node) != self.text:
            return self.generic_visit(node)
        self.changed += 1
        return self.change(node)


def _moved(node: ast.Compare) -> ast.Compare:
    """The boundary belongs to the other side."""
    return ast.Compare(node.left, [MOVED[type(node.ops[0])]()], node.comparators)


def _blinded(node: ast.UnaryOp) -> ast.Compare:
    """``not a < b`` written as ``a >= b``, which NaN passes."""
    inner = cast("ast.Compare", node.operand)
    return ast.Compare(inner.left, [OPPOSITE[type(inner.ops[0])]()], inner.comparators)


def _rewritten(
    function: Callable[..., object], kind: type[ast.AST], text: str, change: Callable[[Any], ast.AST | None]
) -> Any:
    rewriter = Rewriter(kind, text, change)
    tree = rewriter.visit(_source(function))
    assert rewriter.changed == 1
    names = dict(cast("Any", function).__globals__)
    exec(compile(ast.fix_missing_locations(tree), "a mutant", "exec"), names)  # noqa: S102  # Our own source.
    return names[function.__name__]


def _judging(checks: Sequence[RiskRule]) -> Verdict:
    """The loop over another list of checks."""
    names = {**vars(review), "REVIEW": tuple(checks)}
    return cast("Verdict", FunctionType(cast("FunctionType", review.verdict).__code__, names))


def _with(mutant: RiskRule) -> Verdict:
    """The review with *mutant* in the place of the check of its name."""
    return _judging([mutant if check.__name__ == mutant.__name__ else check for check in REVIEW])


def _noticed(mutant: Verdict, names: Sequence[str] = NAMES) -> bool:
    return any(not case.holds(mutant, names) for case in CASES)


class Part(NamedTuple):
    """A piece of a check that a mutant differs in."""

    check: RiskRule
    text: str

    def __str__(self) -> str:
        return f"{self.check.__name__}: {self.text}"


def _parts(kind: type[ast.AST]) -> list[Part]:
    return [
        Part(check, ast.unparse(node))
        for check in REVIEW
        for node in ast.walk(_source(check))
        if isinstance(node, kind)
    ]


COMPARISONS = _parts(ast.Compare)
NEGATED = [Part(one.check, f"not {one.text}") for one in COMPARISONS]
NEGATED = [one for one in NEGATED if one in _parts(ast.UnaryOp)]
WHOLE = {"stale_signal", "stale_price", "max_concurrent", "min_order", "max_order", "free_cash"}
NAN_REACHES = [one for one in NEGATED if one.check.__name__ not in WHOLE]
"""Checks on doubles; in those on integers the two ways of writing are one."""


def test_five_of_the_published_checks_may_meet_nan_and_are_tried_with_it() -> None:
    assert len(PUBLISHED) == 14
    assert len([one for one in NAN_REACHES if one.check.__name__ in PUBLISHED]) == 5


@pytest.mark.parametrize("first", range(len(PUBLISHED) - 1), ids=PUBLISHED[:-1])
def test_two_checks_in_each_other_s_place_are_noticed(first: int) -> None:
    order = [*PUBLISHED]
    order[first], order[first + 1] = order[first + 1], order[first]
    checks = {check.__name__: check for check in REVIEW}
    mutant = _judging([checks[name] for name in order])
    answered = [order[place] for place in _answers(mutant)]
    assert answered != PUBLISHED


def test_a_verdict_that_does_not_let_everybody_leave_is_noticed() -> None:
    tests = [node for node in ast.walk(_source(review.verdict)) if isinstance(node, ast.If)]
    for test in tests:
        assert _noticed(_rewritten(review.verdict, ast.If, ast.unparse(test), lambda _: ast.Pass()))
    assert len(tests) == 2  # Leaving, and what a check finds.


@pytest.mark.parametrize("check", REVIEW, ids=NAMES)
def test_a_verdict_without_one_of_its_checks_is_noticed(check: RiskRule) -> None:
    left = [one for one in REVIEW if one is not check]
    assert _noticed(_judging(left), [one.__name__ for one in left])


@pytest.mark.parametrize("check", REVIEW, ids=NAMES)
def test_a_check_that_refuses_everything_is_noticed(check: RiskRule) -> None:
    always = [_refusing if one is check else one for one in REVIEW]
    assert _noticed(_judging(always))


def _refusing(ask: Ask, book: Book, limits: Limits) -> Finding:
    return Finding(True, 0.0, 0.0)


@pytest.mark.parametrize("part", COMPARISONS, ids=str)
def test_a_check_moved_to_the_other_side_of_its_boundary_is_noticed(part: Part) -> None:
    assert _noticed(_with(_rewritten(part.check, ast.Compare, part.text, _moved)))


@pytest.mark.parametrize("part", NAN_REACHES, ids=str)
def test_a_check_that_lets_nan_pass_is_noticed(part: Part) -> None:
    assert _noticed(_with(_rewritten(part.check, ast.UnaryOp, part.text, _blinded)))


def test_a_rewriting_that_changes_nothing_keeps_every_case() -> None:
    on_record = list(RULES)
    first = COMPARISONS[0]
    mutant = _with(_rewritten(first.check, ast.Compare, first.text, lambda node: node))
    assert on_record == RULES
    assert not _noticed(mutant)
    assert not _noticed(_rewritten(review.verdict, ast.Return, "return (place, finding)", lambda node: node))
