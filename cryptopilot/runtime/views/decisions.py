"""Signals with their verdicts, and what became of all that was looked at."""

from collections.abc import Callable, Mapping

from cryptopilot.domain.events import Funnel
from cryptopilot.domain.instrument import Instrument
from cryptopilot.domain.prediction import EnsembleCard, Prediction, reasoning
from cryptopilot.domain.signal import SIDES, Judged, words
from cryptopilot.domain.timeframe import iso
from cryptopilot.runtime.explain import verdict_of
from cryptopilot.runtime.moment import Moment
from cryptopilot.runtime.shapes.decisions import FunnelShape
from cryptopilot.runtime.shapes.pipeline import SignalShape
from cryptopilot.runtime.views.market import known, price


def signals(moment: Moment) -> list[SignalShape]:
    """The newest instant's signals with their verdicts, in the order of their review."""
    beliefs = {p.symbol: p for p in moment.predictions}
    return [
        signal(j, moment.instruments[j.signal.symbol], beliefs.get(j.signal.symbol), moment.card) for j in moment.judged
    ]


def signal(judged: Judged, instrument: Instrument, belief: Prediction | None, card: EnsembleCard) -> SignalShape:
    """One judged signal; *belief*, where it is of the same instant, is told as its reason."""
    s = judged.signal
    said = words(s.reason)
    if belief is not None and belief.instant == s.instant:
        said = f"{said}; {reasoning(belief, card)}"
    return {
        "id": s.id,
        "symbol": s.symbol,
        "signal_type": s.signal_type,
        "side": SIDES[s.side],
        "confidence": known(s.confidence),
        "direction_prob": known(s.direction_prob),
        "price": price(instrument, s.mark_ticks),
        "position_size": s.size,
        "stop_loss": price(instrument, s.stop_ticks) if s.stop_ticks else None,
        "take_profit": price(instrument, s.target_ticks) if s.target_ticks else None,
        "reasoning": said,
        "verdict": verdict_of(judged, instrument.quote),
        "expires_at": iso(s.expires_at),
        "timestamp": iso(s.instant),
    }


def funnel(found: Funnel, symbols: int, since: int | None = None, until: int | None = None) -> FunnelShape:
    """How many got how far, and in a sentence why there was no trade, or how many there were."""
    return {
        "since": None if since is None else iso(since),
        "until": None if until is None else iso(until),
        "instants": found.instants,
        "candles": found.instants * symbols,
        "predictions": found.predictions,
        "known": found.known,
        "signals": dict(found.signals),
        "holds": _descending(found.holds),
        "refusals": _descending(found.refusals),
        "approved": found.approved,
        "entries_filled": found.filled,
        "why": why(found),
    }


def why(f: Funnel) -> str:
    """The answer to "why no trade?", from the first step of the funnel that let nothing through."""
    asked = sum(count for kind, count in f.signals.items() if kind not in ("HOLD", "SELL"))
    if not f.instants:
        return "Nothing has been decided yet."
    if not f.predictions:
        return f"No trade: in {f.instants} instants no candle arrived to predict from."
    if not f.known:
        return f"No trade: all {f.predictions} predictions are unknown; every model abstained."
    if not asked:
        return f"No trade: no prediction became a signal to buy; most often {_most(f.holds, words)}."
    if not f.approved:
        return f"No trade: {_all(asked)} refused; most often by {_most(f.refusals, str)}."
    if not f.filled:
        return f"No trade: {f.approved} orders were approved, and none met its limit price before it expired."
    refused = f"; most refusals came from {_most(f.refusals, str)}" if f.refusals else ""
    return f"{f.filled} of {asked} signals to buy became positions{refused}."


def _all(asked: int) -> str:
    return "the only signal to buy was" if asked == 1 else f"all {asked} signals to buy were"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _most(counts: Mapping[str, int], in_words: Callable[[str], str]) -> str:
    if not counts:
        return "for no recorded reason"
    name, count = max(counts.items(), key=lambda item: item[1])
    return f"{in_words(name)} ({_times(count)})"


def _descending(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: -item[1]))
