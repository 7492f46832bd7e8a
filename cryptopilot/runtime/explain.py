"""Why: from profit back to fill, order, verdict, signal, prediction, features, candle and headline."""

from typing import Any

from cryptopilot.adapters.storage.reader import Reader
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.ids import instant_of
from cryptopilot.domain.instrument import Instrument, money
from cryptopilot.domain.prediction import EnsembleCard, Prediction, abstained, contributions, made_by, reasoning
from cryptopilot.domain.signal import SIDES, Judged, words
from cryptopilot.domain.timeframe import iso
from cryptopilot.ports.candles import CandleSource
from cryptopilot.rules import protection
from cryptopilot.rules.signals import HOLD
from cryptopilot.runtime.shapes.decisions import (
    Lineage,
    LineageCandle,
    LineageFill,
    LineagePrediction,
    LineageSignal,
    LineageTrade,
)
from cryptopilot.runtime.shapes.pipeline import Verdict

EXITS = {
    protection.NOTHING: "open",
    protection.STOP: "stop",
    protection.TARGET: "target",
    protection.SIGNAL_EXIT: "signal",
    protection.TIME_LIMIT: "time limit",
    protection.FORCED: "by hand",
}
_ALLOWED = "the id of a trade, order or signal, or SYMBOL@TIME such as BTC/USDT@2022-03-01T12:00:00Z"


_MONEY = ("min_order", "max_order", "free_cash")
_TIMES = ("stale_signal", "stale_price")


def refusal(rule: str, limit: float, found: float, quote: str) -> str:
    """Which rule said no and by how much, in the units that people use."""
    if found != found:
        return f"{rule}: unknown (limit {limit:g})" if limit == limit else rule
    if rule == "cooldown":
        return f"cooldown: {found / 60_000:.0f} min left"
    if rule in _TIMES:
        return f"{rule}: {found / 1000:.0f} s old (limit {limit / 1000:.0f} s)"
    if rule in _MONEY:
        return f"{rule}: {money(round(found), quote):.2f} {quote} (limit {money(round(limit), quote):.2f})"
    if rule in ("halted", "whitelist"):
        return rule
    return f"{rule}: {found:.3g} (limit {limit:.3g})"


def verdict_of(judged: Judged, quote: str) -> Verdict:
    """What the review said of a signal, with its numbers; money in words only."""
    held = judged.signal.side == HOLD or judged.limit != judged.limit
    said = words(judged.rule) if held else refusal(judged.rule, judged.limit, judged.found, quote)
    return {
        "approved": judged.approved,
        "rule": judged.rule or None,
        "limit": _in_units(judged.rule, judged.limit, quote),
        "found": _in_units(judged.rule, judged.found, quote),
        "in_words": "approved" if judged.approved else said,
        "order_id": judged.order_id or None,
    }


def _in_units(rule: str, x: float, quote: str) -> float | None:
    """A limit or what was found: amounts in the quote asset, times in milliseconds, shares as fractions."""
    return float(money(round(x), quote)) if rule in _MONEY and x == x else _known(x)


class Explainer:
    """Lineage of one wallet's decisions in one session."""

    def __init__(self, reader: Reader, candles: CandleSource, card: EnsembleCard) -> None:
        self._reader, self._candles, self._card = reader, candles, card

    def lineage(self, identifier: str) -> Lineage:
        """Everything behind the trade, order or signal of that id.

        Raises:
            InvalidValueError: no decision has that id.
        """
        try:
            instant = instant_of(identifier)
        except ValueError as error:
            raise InvalidValueError("decision", identifier, _ALLOWED) from error
        trade = self._reader.trade(identifier)
        order = self._reader.order(identifier)
        for judged in self._reader.judged(instant):
            if identifier in (judged.order_id, judged.signal.id):
                return self._told(judged, trade or self._reader.trade(judged.order_id))
        if order is not None:  # A protective or timed exit has no signal of its own: its trade's entry has.
            fills = self._reader.fills(order_id=identifier)
            if fills:
                return self.lineage(fills[0].trade_id)
        raise InvalidValueError("decision", identifier, f"{_ALLOWED}; decisions before the retention limit are pruned")

    def at(self, symbol: str, instant: int) -> Lineage:
        """What was decided about *symbol* at *instant*, HOLDs and refusals included."""
        for judged in self._reader.judged(instant):
            if judged.signal.symbol == symbol:
                return self._told(judged, self._reader.trade(judged.order_id))
        raise InvalidValueError(
            "decision", f"{symbol}@{iso(instant)}", f"an instant at which it was judged; or {_ALLOWED}"
        )

    def _told(self, judged: Judged, trade: Any | None) -> Lineage:
        signal = judged.signal
        instrument = self._candles.instruments[signal.symbol]
        prediction = next((p for p in self._reader.predictions(signal.instant) if p.symbol == signal.symbol), None)
        return {
            "label": self._candles.label,
            "symbol": signal.symbol,
            "instant": iso(signal.instant),
            "trade": None if trade is None else self._trade(trade, instrument),
            "signal": {
                "id": signal.id,
                "signal_type": signal.signal_type,
                "side": SIDES[signal.side],
                "title": signal.title,
                "reason": words(signal.reason),
                "confidence": _known(signal.confidence),
                "position_size": signal.size,
                "price": f"{instrument.decimal_price(signal.mark_ticks):f}",
                "stop_loss": f"{instrument.decimal_price(signal.stop_ticks):f}" if signal.stop_ticks else None,
                "take_profit": f"{instrument.decimal_price(signal.target_ticks):f}" if signal.target_ticks else None,
                "expires_at": iso(signal.expires_at),
                "verdict": verdict_of(judged, instrument.quote),
            },
            "prediction": None if prediction is None else self._prediction(prediction),
            "candle": self._candle(signal.symbol, signal.instant, instrument),
        }

    def _trade(self, row: Any, instrument: Instrument) -> LineageTrade:
        fills: list[LineageFill] = [
            {
                "order_id": f.order_id,
                "side": "buy" if f.side > 0 else "sell",
                "at": iso(f.at),
                "quantity": f"{instrument.quantity(f.lots):f}",
                "price": f"{instrument.decimal_price(f.ticks):f}",
                "fee": f"{money(f.fee, instrument.quote):f}",
                "realised_pnl": f"{money(f.realised, instrument.quote):f}",
                "why": "entry" if f.side > 0 else EXITS[f.reason],
            }
            for f in self._reader.fills(row.id)
        ]
        return {
            "trade_id": row.id,
            "pnl": f"{money(row.realised, instrument.quote):f}",
            "fees": f"{money(row.fees, instrument.quote):f}",
            "opened_at": iso(row.opened_at),
            "closed_at": None if row.closed_at is None else iso(row.closed_at),
            "exit_reason": EXITS[row.exit_reason],
            "fills": fills,
        }

    def _prediction(self, p: Prediction) -> LineagePrediction:
        ours = made_by(p, self._card)
        return {
            "id": p.id,
            "direction_prob": _known(p.direction_prob),
            "calibrated": p.calibrated,
            "confidence": _known(p.confidence),
            "expected_edge": _known(p.expected_edge),
            "reasoning": reasoning(p, self._card) if ours else "made by other models than those listed now",
            "contributions": [
                {"model": c.model, "part": c.part, "value": c.value} for c in contributions(p, self._card)
            ]
            if ours
            else [],
            "abstained": abstained(p, self._card) if ours else [],
            "features": {name: _known(value) for name, value in p.features._asdict().items()},
            "model_name": self._card.name,
            "model_version": self._card.version,
            "headlines": [
                {
                    "title": n.title,
                    "source": n.source,
                    "published_at": iso(n.published_at),
                    "first_seen_at": iso(n.first_seen_at),
                    "score": round(n.score, 4),
                    "simulated": n.simulated,
                }
                for n in self._reader.news(p.news_ids)
            ],
        }

    def _candle(self, symbol: str, instant: int, instrument: Instrument) -> LineageCandle | None:
        bar = self._candles.closed(instant).bars.get(symbol)
        if bar is None:
            return None
        return {
            "open_time": iso(bar.open_time),
            "open": f"{instrument.decimal_price(bar.open):f}",
            "high": f"{instrument.decimal_price(bar.high):f}",
            "low": f"{instrument.decimal_price(bar.low):f}",
            "close": f"{instrument.decimal_price(bar.close):f}",
            "volume": f"{instrument.quantity(bar.volume):f}",
        }


def _known(x: float) -> float | None:
    return x if x == x else None


def in_words(told: Lineage) -> list[str]:
    """A lineage for a terminal, from profit back to headline."""
    lines = [f"{told['label']}"] if told["label"] else []
    lines += [] if told["trade"] is None else _trade_words(told["symbol"], told["trade"])
    lines += _signal_words(told["symbol"], told["instant"], told["signal"])
    if told["prediction"] is not None:
        lines += _prediction_words(told["prediction"])
    c = told["candle"]
    if c is not None:
        prices = " ".join(f"{name} {c[name]}" for name in ("open", "high", "low", "close", "volume"))
        lines.append(f"candle     {c['open_time']} {prices}")
    return lines


def _trade_words(symbol: str, t: LineageTrade) -> list[str]:
    head = f"trade      {t['trade_id']} {symbol}: pnl {t['pnl']}, fees {t['fees']}, {_left(t)}"
    return [
        head,
        *(
            f"  fill     {f['at']} {f['side']} {f['quantity']} at {f['price']}, fee {f['fee']} ({f['why']})"
            for f in t["fills"]
        ),
    ]


def _left(t: LineageTrade) -> str:
    return "still open, nothing realised yet" if t["closed_at"] is None else f"left by: {t['exit_reason']}"


def _signal_words(symbol: str, instant: str, s: LineageSignal) -> list[str]:
    verdict = s["verdict"]
    approved = verdict["approved"]
    judged = f"approved, order {verdict['order_id']}" if approved else f"not ordered: {verdict['in_words']}"
    confidence = "unknown" if s["confidence"] is None else f"{s['confidence']:.3f}"
    lines = [
        f"verdict    {judged}",
        f"signal     {s['title']} {symbol} at {instant}: {s['reason']}; confidence {confidence}",
    ]
    if s["stop_loss"]:
        share = f"size {s['position_size']:.4f} of equity"
        lines.append(f"           price {s['price']}, stop {s['stop_loss']}, target {s['take_profit']}, {share}")
    return lines


def _prediction_words(p: LineagePrediction) -> list[str]:
    chance = "unknown" if p["direction_prob"] is None else f"{p['direction_prob']:.3f}"
    believed = "calibrated" if p["calibrated"] else "uncalibrated"
    shown = {
        name: p["features"][name] for name in ("rsi", "macd", "atr", "momentum_short", "volatility", "volume_ratio")
    }
    told = ", ".join(f"{name} {'unknown' if x is None else format(x, '.5g')}" for name, x in shown.items())
    return [
        f"prediction {chance} ({believed}): {p['reasoning']}",
        f"features   {told}",
        *(
            f"headline   seen {h['first_seen_at']} {h['source']}: {h['title']} (score {h['score']:+.2f})"
            for h in p["headlines"]
        ),
    ]
