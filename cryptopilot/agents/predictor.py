"""Predictor: folds bars and news into features, asks the models, ranks how sure they are."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from cryptopilot.agents.rows import Candle, Rows
from cryptopilot.domain.candle import Bar
from cryptopilot.domain.errors import ModelUnavailableError
from cryptopilot.domain.events import BarsObserved, InstantGivenUp, PredictionsMade, StageDue
from cryptopilot.domain.instrument import Instrument
from cryptopilot.domain.news import MARKET_WIDE, NewsItem
from cryptopilot.domain.prediction import EnsembleCard, Evidence, Prediction
from cryptopilot.domain.stage import ALREADY_HANDLED, NOTHING_YET, Skipped, Stage, StageReport
from cryptopilot.domain.tape import NewsTape, PredictorState, RankTape, Tape
from cryptopilot.ports.model import Model
from cryptopilot.rules.arithmetic import UNKNOWN
from cryptopilot.rules.features import Features
from cryptopilot.rules.scores import combined, direction_probability, news_step, score_of, weighted_mean

REMEMBERED = 5
"""How many headlines per coin a prediction names."""


class PredictorAgent:
    """One for all wallets. Predictions are made for every instant, whoever asks for them and whenever.

    Args:
        models: the members, with their declared weights.
        fading: what is left of a news level after one bar.
        timeframe_ms: the length of a bar.
        rows: where features and predictions are kept for a strategy that looks back.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        models: Sequence[tuple[Model, float]],
        fading: float,
        timeframe_ms: int,
        rows: Rows,
    ) -> None:
        self._instruments = instruments
        self._models = tuple(model for model, _ in models)
        self._fading, self._step, self._rows = fading, timeframe_ms, rows
        self.card = EnsembleCard(
            "ensemble", "1", tuple(m.card for m in self._models), tuple(weight for _, weight in models)
        )
        self._tapes = {s: Tape.new() for s in instruments}
        self._ranks = {s: RankTape.of([]) for s in instruments}
        self._news: dict[str, NewsTape] = {
            c: NewsTape() for c in (*sorted({i.base for i in instruments.values()}), MARKET_WIDE)
        }
        self._observed = -1
        self._handled = -1
        self._predictions: tuple[Prediction, ...] = ()
        self.errors: dict[str, str] = {}

    def on_observed(self, event: BarsObserved) -> Iterable[object]:
        """Fold one instant and predict it; the stage only publishes what this computes."""
        closed = event.closed
        if closed.instant <= self._observed:
            return ()
        self._observed = closed.instant
        self._predictions = ()  # If a model fails now, there are none; never those of the instant before.
        self._hear(closed.news)
        evidence: list[Evidence] = []
        market = self._news[MARKET_WIDE].level
        for symbol, instrument in self._instruments.items():
            for late in closed.late.get(symbol, ()):
                self._advance(symbol, instrument, late)
            bar = closed.bars.get(symbol)
            if bar is not None:
                row = self._advance(symbol, instrument, bar)
                evidence.append(Evidence(symbol, row, self._news[instrument.base].level, market))
        self._predictions = tuple(self._predict(closed.instant, evidence))
        for p in self._predictions:
            self._rows.predicted(p.symbol, p.instant, p.direction_prob, p.confidence, p.expected_edge)
        return ()

    def on_due(self, event: StageDue) -> Iterable[object]:
        if self._observed <= self._handled:
            why = ALREADY_HANDLED if self._observed >= 0 else NOTHING_YET
            yield StageReport(Stage.PREDICTOR, self._observed, 0, skipped=(Skipped("*", why),))
            return
        self._handled = self._observed
        yield PredictionsMade(self._observed, self._predictions)
        silent = tuple(Skipped(p.symbol, "every model abstains") for p in self._predictions if p.score != p.score)
        yield StageReport(Stage.PREDICTOR, self._observed, len(self._predictions), skipped=silent)

    def on_given_up(self, event: InstantGivenUp) -> Iterable[object]:
        self._handled = event.instant
        return ()

    def state(self) -> PredictorState:
        strengths = {s: r.by_age.tolist() for s, r in self._ranks.items()}
        rows = self._rows
        return PredictorState(self._observed, self._tapes, strengths, self._news, rows.state(), rows.length)

    def restore(self, state: PredictorState) -> None:
        """Become what *state* describes; symbols it does not know start anew."""
        self._observed = self._handled = state.instant
        self._tapes |= {s: t for s, t in state.tapes.items() if s in self._tapes}
        self._ranks |= {s: RankTape.of(w) for s, w in state.strengths.items() if s in self._ranks}
        self._news |= {c: n for c, n in state.news.items() if c in self._news}
        self._rows.restore(state.rows)

    def resume(self, instant: int) -> None:
        """Everything up to *instant* has been decided."""
        self._handled = instant

    def levels(self) -> dict[str, float]:
        """How the news stands by coin, in [-1, 1]; NaN while nothing has been said."""
        return {coin: tape.level for coin, tape in self._news.items()}

    def _advance(self, symbol: str, instrument: Instrument, bar: Bar) -> Features:
        """Fold a bar; the features after it, which also begin its row for the strategy."""
        price = instrument.price
        candle = Candle(
            price(bar.open), price(bar.high), price(bar.low), price(bar.close), instrument.volume(bar.volume)
        )
        tape = self._tapes[symbol]
        tape.advance(candle.high, candle.low, candle.close, candle.volume)
        row = tape.row()
        self._rows.push(symbol, bar.open_time + self._step, candle, row)
        return row

    def _hear(self, news: Sequence[NewsItem]) -> None:
        fresh: defaultdict[str, float] = defaultdict(float)
        named: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        for item in news:
            for coin in item.coins:
                fresh[coin] += item.score
                named[coin].insert(0, (item.first_seen_at, item.id))
        for coin, tape in self._news.items():
            level = news_step(tape.level, self._fading, fresh[coin])
            if level != level:
                if tape.level == tape.level:
                    self._news[coin] = NewsTape()
            else:
                self._news[coin] = NewsTape(level, (*named[coin], *tape.recent)[:REMEMBERED])

    def _opinions(self, model: Model, evidence: Sequence[Evidence]) -> list[tuple[float, ...]]:
        """What a model says of every symbol; one that cannot abstains on all of them."""
        try:
            parts = model.parts(evidence)
            self.errors.pop(model.card.name, None)
        except ModelUnavailableError as error:
            self.errors[model.card.name] = str(error)
            return [(UNKNOWN,) * len(model.card.parts)] * len(evidence)
        return parts

    def _predict(self, instant: int, evidence: Sequence[Evidence]) -> Iterable[Prediction]:
        opinions = [self._opinions(model, evidence) for model in self._models]
        weights = self.card.weights
        for about, *parts in zip(evidence, *opinions, strict=True):
            total, weight = 0.0, 0.0
            for own, declared in zip(parts, weights, strict=True):
                total, weight = combined(total, weight, score_of(own), declared)
            score = weighted_mean(total, weight)
            confidence = self._ranks[about.symbol].place(abs(score))
            coin = self._instruments[about.symbol].base
            news = tuple(n for _, n in (*self._news[coin].recent, *self._news[MARKET_WIDE].recent))
            yield Prediction(
                about.symbol, instant, direction_probability(score), confidence, score, UNKNOWN, False,
                about.features, tuple(parts), news,
            )  # fmt: skip
