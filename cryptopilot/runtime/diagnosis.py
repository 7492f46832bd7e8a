"""Why a session raises no signals, or makes no trades: the causes, as its stored books tell them.

Only reads, so it works beside a running server as well as with none. Every time is market time.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Engine

from cryptopilot.adapters.storage.journal import SqlJournal
from cryptopilot.adapters.storage.pages import Pages
from cryptopilot.adapters.storage.reader import Reader
from cryptopilot.adapters.storage.sessions import MarketSession
from cryptopilot.domain.account import Account
from cryptopilot.domain.errors import CryptoPilotError
from cryptopilot.domain.events import EntriesResumed, Funnel, InstantDecided, Marked, StagesStarted, StagesStopped
from cryptopilot.domain.instrument import atoms, money
from cryptopilot.domain.mandate import Mandate
from cryptopilot.domain.timeframe import DAY, MINUTE, iso
from cryptopilot.rules.limits import Book, daily_loss, drawdown
from cryptopilot.rules.scores import RANK_FEWEST
from cryptopilot.runtime.markets import open_market
from cryptopilot.runtime.views.decisions import why
from cryptopilot.runtime.wiring import WALLET


class State(StrEnum):
    """How something stands. A note is what somebody decided or what passes; wrong is what needs somebody."""

    WELL = "ok"
    NOTE = "note"
    WRONG = "wrong"

    @property
    def mark(self) -> str:
        """As it stands before a line."""
        return self.value.upper().ljust(5) if self is State.WRONG else self.value.ljust(5)


class Finding(NamedTuple):
    """One thing looked at: how it stands, what was seen, and what to do about it; nothing when it is well."""

    what: str
    state: State
    seen: str
    remedy: str = ""


SIGNALS, TRADES = "signals", "trades"

_REMEDIES = {
    "min_confidence": "wait for a stronger prediction, or lower PIPELINE_MIN_CONFIDENCE",
    "cooldown": "wait, or shorten PIPELINE_COOLDOWN",
    "max_concurrent": "wait for an exit, or raise PIPELINE_MAX_CONCURRENT_TRADES",
    "max_correlation": "hold coins that move apart, or raise PIPELINE_MAX_CORRELATION",
    "min_order": "lower PIPELINE_MIN_ORDER, or raise PIPELINE_MAX_POSITION_SIZE",
    "free_cash": "wait for an exit, or begin a session with more PIPELINE_CAPITAL",
    "whitelist": "add the symbols to PIPELINE_WHITELIST, or unset it",
    "stale_signal": "raise PIPELINE_TRADE_INTERVAL, or lower PIPELINE_SPEED",
    "stale_price": "look at the market's source: its prices come too late",
}
_LOOK_CLOSER = "ask about one instant: cryptopilot explain SYMBOL@TIME"


@dataclass(frozen=True, slots=True)
class _Case:
    """What is known of a session that has begun; *funnel* is of the newest day of market time."""

    session: MarketSession
    reader: Reader
    account: Account
    mandate: Mandate
    funnel: Funnel
    now: int

    @property
    def symbols(self) -> list[str]:
        return list(self.session.spec["symbols"])

    def quoted(self, amount: float) -> str:
        """Atoms as people say them."""
        return f"{money(round(amount), self.account.quote):.2f} {self.account.quote}"


def diagnose(engine: Engine, session: MarketSession, *, runs: bool) -> Iterator[Finding]:
    """The causes of silence in *session*, in the order of the pipeline; where nothing stands against it, that.

    Args:
        engine: a database at this program's revision; runs: whether a process has the home now.
    """
    quote = str(session.spec["symbols"][0]).partition("/")[2]
    journal = SqlJournal(engine, session.id, quote, {})
    account, mandate = journal.account(WALLET), journal.mandate(WALLET)
    if account is None or mandate is None or session.last_instant is None:
        yield Finding(SIGNALS, State.NOTE, f"{session.id} has not begun", "start it: cryptopilot serve")
        return
    since = session.last_instant - DAY + 1
    funnel = Pages(engine, session.id, WALLET).funnel(since, None)
    reader = Reader(engine, session.id, WALLET)
    case = _Case(session, reader, account, mandate, funnel, session.last_instant)
    progress = journal.progress()
    deciding = progress is not None and progress.deciding
    yield from _or_well(SIGNALS, _no_signals(case, runs=runs, deciding=bool(deciding)), _signals_well(case))
    yield from _or_well(TRADES, _no_trades(case), _spell(case) + why(funnel))


def _or_well(what: str, found: Iterator[Finding], seen: str) -> Iterator[Finding]:
    findings = list(found)
    yield from findings or [Finding(what, State.WELL, seen)]


def _spell(case: _Case) -> str:
    return f"in the day until {iso(case.now)}: "


def _signals_well(case: _Case) -> str:
    counted = ", ".join(f"{count} {kind}" for kind, count in sorted(case.funnel.signals.items()))
    return f"{_spell(case)}{counted}"


# -- No signals ------------------------------------------------------------------------------------------------------


def _no_signals(case: _Case, *, runs: bool, deciding: bool) -> Iterator[Finding]:
    ended = list(_ended(case))
    yield from ended
    if not deciding:
        yield _stopped(case)
    elif not runs and not ended:
        yield _note(SIGNALS, f"nothing runs; the newest instant is {iso(case.now)}", "start it: cryptopilot serve")
    yield from _failed(case)
    yield from _unpredicted(case)


def _ended(case: _Case) -> Iterator[Finding]:
    try:
        candles = open_market(case.session.spec).candles
    except CryptoPilotError as error:
        yield _wrong(SIGNALS, f"no bars: {error}", "put the recording back where it was, or open another market")
        return
    last = candles.last_instant
    if last is not None and case.now + candles.timeframe_ms > last:
        again = "start once more for a new session, or choose a longer stretch with --to"
        yield _note(SIGNALS, f"{case.session.market} has come to its end at {iso(case.now)}", again)


def _stopped(case: _Case) -> Finding:
    event = next(case.reader.backwards(StagesStarted, StagesStopped), None)
    if isinstance(event, StagesStopped):
        seen = f"the pipeline was stopped by {event.who} at {iso(event.at)}"
    else:
        seen = "the pipeline was never started"
    return _note(SIGNALS, seen, "start it: on the page, by POST /api/trading-pipeline/start, or cryptopilot serve")


def _failed(case: _Case) -> Iterator[Finding]:
    event = next(case.reader.backwards(InstantDecided), None)
    if isinstance(event, InstantDecided) and event.failure:
        seen = f"the instant {iso(event.at)} was given up: {event.failure}"
        yield _wrong(SIGNALS, seen, "the next instants are decided afresh; if it comes again, report it with the log")


def _unpredicted(case: _Case) -> Iterator[Finding]:
    f = case.funnel
    if not f.instants:
        yield _note(SIGNALS, f"nothing was decided in the day until {iso(case.now)}", "wait for the next instant")
    elif not f.predictions:
        seen = f"no bars: in {f.instants} instants no candle arrived to predict from"
        yield _wrong(SIGNALS, seen, "look for gaps: cryptopilot data check; choose another stretch or symbol")
    elif not f.known:
        seen = f"every model abstains: all {f.predictions} predictions are unknown"
        yield _wrong(SIGNALS, seen, "look at model_errors in the status; a start with more history helps young series")
    elif f.holds.get("strategy_failed", 0):
        seen = f"the strategy failed on {f.holds['strategy_failed']} of {f.predictions} predictions"
        yield _wrong(
            SIGNALS, seen, "look at strategy_errors in the status; cryptopilot lookahead runs it over a history"
        )
    elif f.holds.get("unknown_confidence", 0) and not f.signals.get("BUY", 0):
        seen = f"too little history for a rank, which takes {RANK_FEWEST} earlier predictions of a symbol"
        yield _note(SIGNALS, seen, "wait, or begin the stretch later, so that there is more history before it")


# -- No trades -------------------------------------------------------------------------------------------------------


def _no_trades(case: _Case) -> Iterator[Finding]:
    yield from _halted(case)
    yield from _reducing(case)
    yield from _closed_out(case)
    yield from _too_small(case)
    f = case.funnel
    if f.signals.get("BUY", 0) and not f.filled:
        top = max(f.refusals, key=lambda rule: f.refusals[rule]) if f.refusals else ""
        yield _note(TRADES, _spell(case) + why(f) + _resting(case, top), _REMEDIES.get(top, _LOOK_CLOSER))
    elif f.known and not f.filled:
        yield _note(TRADES, _spell(case) + why(f), _LOOK_CLOSER)


def _halted(case: _Case) -> Iterator[Finding]:
    if case.account.halted:
        event = case.reader.halted()
        by = "" if event is None else f" by {event.who} at {iso(event.at)}: {event.why}"
        yield _note(TRADES, f"entries are halted{by}", "resume on the page, or by POST /api/risk/resume")


def _reducing(case: _Case) -> Iterator[Finding]:
    """Losses at their limit. That of the day is over at midnight; a drawdown waits for somebody."""
    limits = case.mandate.limits
    book = case.account.book()
    lost, fallen = daily_loss(book), drawdown(book)
    if not fallen < limits.max_drawdown:
        seen = f"reducing: drawdown {fallen:.1%} at its limit of {limits.max_drawdown:.1%}"
        yield _wrong(
            TRADES, seen + _since(case, drawdown, limits.max_drawdown),
            "look at what was lost; then resume by POST /api/risk/resume, or open a new session with --fresh",
        )  # fmt: skip
    if not lost < limits.max_daily_loss:
        seen = f"reducing: daily loss {lost:.1%} at its limit of {limits.max_daily_loss:.1%}"
        remedy = "entries go on at the next midnight UTC of market time, or by POST /api/risk/resume"
        yield _note(TRADES, seen + _since(case, daily_loss, limits.max_daily_loss), remedy)


def _since(case: _Case, loss: Callable[[Book], float], limit: float) -> str:
    """From which instant on the loss has been at its limit without a break."""
    began: int | None = None
    for event in case.reader.backwards(Marked, EntriesResumed):
        if not isinstance(event, Marked):
            break
        if loss(Book(False, event.equity, event.day_base, event.peak, 0, 0)) < limit:
            break
        began = event.at
    return "" if began is None else f", since {iso(began)}"


def _closed_out(case: _Case) -> Iterator[Finding]:
    allowed = [s for s in case.symbols if case.mandate.limits.allows(s)]
    if not allowed:
        named = ", ".join(sorted(case.mandate.limits.whitelist or ())) or "empty"
        seen = f"the whitelist ({named}) has none of this market's symbols"
        yield _wrong(TRADES, seen, _REMEDIES["whitelist"] + "; there are: " + ", ".join(case.symbols))


def _too_small(case: _Case) -> Iterator[Finding]:
    """Whether the largest order that a position's share allows is below the smallest one that may be sent."""
    limits, account = case.mandate.limits, case.account
    largest = limits.max_position * account.equity
    smallest = atoms(limits.min_order, account.quote)
    if largest < smallest:
        share = f"{limits.max_position:.1%} of {case.quoted(account.equity)} is {case.quoted(largest)}"
        seen = f"order too small: {share}, below the smallest order of {case.quoted(smallest)}"
        yield _wrong(TRADES, seen, _REMEDIES["min_order"] + ", or begin a session with more PIPELINE_CAPITAL")


def _resting(case: _Case, rule: str) -> str:
    """Which symbols rest after they were left, and for how long."""
    if rule != "cooldown":
        return ""
    ends: Mapping[str, int] = {
        s: at + case.mandate.limits.cooldown_ms - case.now for s, at in sorted(case.account.left_at.items())
    }
    left = [f"{s} {ms / MINUTE:.0f} min" for s, ms in ends.items() if ms > 0]
    return f" Still resting: {', '.join(left)}." if left else ""


def _note(what: str, seen: str, remedy: str) -> Finding:
    return Finding(what, State.NOTE, seen, remedy)


def _wrong(what: str, seen: str, remedy: str) -> Finding:
    return Finding(what, State.WRONG, seen, remedy)
