"""The worker that runs one backtest: ``python -m cryptopilot.runtime.jobs.backtest``, in the job's folder."""

import re
import traceback
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from cryptopilot.domain.errors import CryptoPilotError
from cryptopilot.research.plain import plain
from cryptopilot.research.statistics import Statistics
from cryptopilot.runtime.backtesting import Answer, Question, answer
from cryptopilot.runtime.jobs.errand import DOCUMENT, PAGE, Errand, Limits, Line
from cryptopilot.runtime.jobs.worker import settle
from cryptopilot.runtime.markets import Choice
from cryptopilot.runtime.settings import load_settings

MOST_POINTS = 5000
"""Of the equity in a report: a screen shows no more, and every minute of some years would be hundreds of megabytes."""
_LONGEST = 1000
_FOLDERS = re.compile(r"(?<![\w.])/(?:[^\s/]+/)*(?=[^\s/])")
"""The folders of an absolute path; BTC/USDT and n/a are none."""


def main() -> None:
    """Work on the errand that the server sends, and say how it goes."""
    text, answers = settle(Limits())
    try:
        errand = msgspec.json.decode(text, type=Errand)
        _say(answers, Line(figures=_work(errand, answers)))
    except CryptoPilotError as error:
        _say(answers, Line(problem=_without_folders(str(error))))
    except MemoryError:
        _say(answers, Line(problem=f"it needs more memory than a backtest may use: {Limits().memory // 2**20} MiB"))
    except Exception as error:  # The outermost loop of this process.
        traceback.print_exc()
        _say(answers, Line(problem=f"it failed: {type(error).__name__}; the job's log in the home says where"))


def _work(errand: Errand, answers: BinaryIO) -> dict[str, Any]:
    """Run the backtest, write its reports, and say in short what came of it."""
    settings = load_settings(**errand.environment)
    choice = Choice(errand.exchange, errand.start, errand.until)
    question = Question(settings, choice, errand.fee, errand.latency_ms, trials=errand.trials)
    found = answer(question, lambda doing, share: _say(answers, Line(doing, share)))
    _say(answers, Line("writing", 0.95))
    _write(DOCUMENT, msgspec.json.encode(found.document(MOST_POINTS)))
    _write(PAGE, found.html().encode())
    return figures(found)


def figures(found: Answer) -> dict[str, Any]:
    """The few numbers by which backtests are told apart, at expected costs."""
    shown: Statistics = found.expected[1]
    told: Any = plain(
        {
            "manifest_id": found.manifest.id,
            "quote": shown.quote,
            "final_equity": shown.account.final,
            "fees": shown.account.fees,
            "total_return": shown.returns.total,
            "cagr": shown.returns.cagr,
            "sharpe": shown.returns.sharpe,
            "max_drawdown": shown.drawdowns.deepest,
            "trades": shown.trades.closed,
            "win_rate": shown.trades.win_rate,
            "profit_factor": shown.trades.profit_factor,
            "buy_and_hold": shown.market.total,
            "seconds": round(found.seconds, 3),
        }
    )
    return dict(told)


def _write(name: str, content: bytes) -> None:
    """A report is there whole or not at all."""
    draft = Path(f".{name}")
    draft.write_bytes(content)
    draft.rename(name)


def _say(answers: BinaryIO, line: Line) -> None:
    answers.write(msgspec.json.encode(line) + b"\n")


def _without_folders(text: str) -> str:
    """An error's words without the places of files on this machine, which are no client's business."""
    return _FOLDERS.sub("", text)[:_LONGEST]


if __name__ == "__main__":
    main()
