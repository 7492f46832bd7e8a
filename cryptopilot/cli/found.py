"""What searches answer, and the bar while they last."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cryptopilot.cli.output import STDOUT, say, say_json
from cryptopilot.research.report.contents import equity_points
from cryptopilot.research.search import optimise as searching
from cryptopilot.research.search.documents import (
    leg_document,
    leg_line,
    sample_lines,
    settings,
    study_document,
    study_lines,
)
from cryptopilot.runtime.search import Optimised, Walked

INTERRUPTED = "interrupted: every trial that had ended is kept; the same command goes on from there"


def optimised_document(answer: Optimised, defaults: Mapping[str, float]) -> Mapping[str, Any]:
    """What programs read of an optimisation."""
    winner = None if answer.winner is None else answer.winner.document()
    return {
        **study_document(answer.name, answer.search, answer.found, defaults),
        "interrupted": answer.interrupted,
        "winner": winner,
    }


def optimised_lines(answer: Optimised, defaults: Mapping[str, float]) -> Iterator[str]:
    """What people read of it."""
    yield from study_lines(answer.name, answer.search, answer.found, defaults)
    if answer.winner is not None:
        yield f"the winner again, {settings(answer.found.front[0].trial.values)}:"
        yield answer.winner.text()
    if answer.interrupted:
        yield INTERRUPTED


def walked_document(answer: Walked) -> Mapping[str, Any]:
    """What programs read of a walk."""
    found: Mapping[str, Any] = {"statistics": None, "equity": []}
    if answer.outside is not None:
        outcome, figures = answer.outside
        found = {"statistics": figures.as_json(), "equity": equity_points(outcome)}
    return {
        "study": answer.name,
        "search": answer.search.identity(),
        "interrupted": answer.interrupted,
        "windows": [leg_document(leg) for leg in answer.legs],
        "out_of_sample": found,
    }


def walked_lines(answer: Walked) -> Iterator[str]:
    """What people read of it."""
    yield f"study {answer.name}: {len(answer.legs)} windows, each objective in training -> out of sample"
    yield from (f"  {leg_line(leg, answer.search.objectives)}" for leg in answer.legs)
    if answer.outside is not None:
        yield "out of sample, all tests together:"
        yield from sample_lines(answer.outside[1])
    if answer.interrupted:
        yield INTERRUPTED


def say_found(document: Mapping[str, Any], lines: Iterable[str], file: str | None) -> None:
    """Answer people, and write what programs read."""
    if file == STDOUT:
        say_json(document)
        return
    say(list(lines))
    if file is not None:
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
        Path(file).write_text(text + "\n", encoding="utf-8")


@contextmanager
def bar_of(what: str) -> Iterator[Any]:
    """A bar on stderr while a person watches, with the best so far."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, TextColumn("{task.fields[best]}"), console=console, transient=True) as progress:
        progress.disable = not sys.stderr.isatty()
        task = progress.add_task(what, best="")

        def told(number: int, of: int, heard: searching.Progress) -> None:
            words = f"{what} {number + 1} of {of}" if of > 1 else what
            progress.update(task, completed=heard.ended, total=heard.of, best=_best(heard), description=words)

        yield told


def _best(heard: searching.Progress) -> str:
    if heard.best is None:
        return f"{heard.failed} failed" if heard.failed else ""
    return f"best: trial {heard.best.trial.number}, {settings(heard.best.trial.values)}"
