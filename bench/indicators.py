"""One closed candle through EMA(12), RSI(14), MACD(12, 26, 9), Bollinger(20, 2) and ATR(14) of one symbol.

Ours are the rules themselves, as plain Python, one candle at a time with the window as a list: what the live path
calls. Peers: nautilus_trader's compiled classes, fed one candle at a time; and TA-Lib's abstract functions over a
500-row DataFrame, recomputed for the new candle. All get the same candles and are timed in CPU time, in turns, so
that a busy moment of the machine hits all of them; the newest values are compared before any number is shown.
"""

import math
from statistics import median

from bench.measure import Figure, peer, report, timed
from bench.peers.candles import candles
from cryptopilot.domain.tape import Tape
from cryptopilot.rules.features import BAND_BARS, FEATURES_START, Features, feature_step
from cryptopilot.rules.indicators import bollinger

CANDLES, ROUNDS, REPETITIONS = 20_000, 5, 5
FRAMES = 60
TOLERANCE = 1e-6


def five(bars: list[tuple[float, float, float]]) -> dict[str, float]:
    """The newest values after feeding every bar."""
    state, closes = FEATURES_START, [0.0] * 0
    low_band = high_band = math.nan
    for high, low, close in bars:
        state = feature_step(state, high, low, close)
        closes.append(close)
        if len(closes) > BAND_BARS:
            del closes[0]
        if len(closes) == BAND_BARS:
            low_band, _, high_band = bollinger(closes, 2.0)
    (quick, lazy, smooth), rsi, atr = state
    return {
        "ema": quick[2], "rsi": rsi[4], "macd": quick[2] - lazy[2], "signal": smooth[2],
        "low_band": low_band, "high_band": high_band, "atr": atr[3],
    }  # fmt: skip


def whole_row(bars: list[tuple[float, float, float]]) -> Features:
    """All seventeen features at every bar."""
    tape = Tape.new()
    for high, low, close in bars:
        tape.advance(high, low, close, 1000.0)
        row = tape.row()
    return row


def compare(frame: dict[str, float], nautilus: dict[str, float]) -> None:
    """Stop unless the peers found what we find."""
    same = five(candles(500 + FRAMES))
    for name, value in same.items():
        assert math.isclose(value, frame[name], rel_tol=TOLERANCE), (name, value, frame[name])
    assert math.isclose(five(candles(CANDLES))["ema"], nautilus["ema"], rel_tol=TOLERANCE)


def main() -> None:
    bars = candles(CANDLES)
    five(bars)
    ours: list[float] = []
    rows: list[float] = []
    compiled: list[float] = []
    frames: list[float] = []
    for _ in range(ROUNDS):
        ours += [timed(lambda: five(bars)) / CANDLES * 1e6 for _ in range(REPETITIONS)]
        rows.append(timed(lambda: whole_row(bars)) / CANDLES * 1e6)
        nautilus, frame = peer("nautilus.py", str(CANDLES), "5"), peer("dataframe.py", str(FRAMES), "3")
        if nautilus and frame:
            compare(frame, nautilus)
            compiled.append(nautilus["seconds"] * 1e6)
            frames.append(frame["seconds"] * 1e6)
    value = median(ours)
    figures = [Figure("five indicators, one candle", "us", value, "<= 3 us", value <= 3.0)]
    if compiled:
        theirs, recomputed = median(compiled), median(frames)
        figures += [
            Figure(
                "... against compiled classes", "us", value, "> 1x as fast", theirs / value > 1.0,
                peer="nautilus_trader (Cython)", peer_median=theirs, ratio=theirs / value,
            ),
            Figure(
                "... against a DataFrame", "us", value, ">= 300x as fast", recomputed / value >= 300.0,
                peer="TA-Lib abstract, 500 rows", peer_median=recomputed, ratio=recomputed / value,
            ),
        ]  # fmt: skip
    figures.append(Figure("the whole row of 17 features", "us", median(rows), "", None))
    report("indicators", figures)


if __name__ == "__main__":
    main()
