"""``cryptopilot optimise`` and ``cryptopilot walk-forward``.

Exit codes: 0 done, 1 nothing had a result or it was interrupted, 2 wrong use.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cryptopilot.cli.output import NO, say
from cryptopilot.research.search import optimise as searching
from cryptopilot.research.search.documents import (
    leg_document,
    leg_line,
    sample_lines,
    settings,
    study_document,
    study_lines,
)
from cryptopilot.research.windows import Scheme
from cryptopilot.runtime.search import Effort, Experiment, Optimised, Walked, optimised, walked

INTERRUPTED = "interrupted: every trial that had ended is kept; the same command goes on from there"


def optimise(experiment: Experiment[Any], effort: Effort, url: str, file: Path | None) -> None:
    """Search, answer, and leave with 1 when nothing was found."""
    with _bar(f"{experiment.strategy}: trials") as bar:
        answer = optimised(experiment, effort, url, lambda progress: bar(0, 1, progress))
    _answer(_optimised_document(answer), _optimised_lines(answer), file)
    if answer.winner is None:
        raise typer.Exit(NO)


def walk_forward(experiment: Experiment[Any], effort: Effort, scheme: Scheme, url: str, file: Path | None) -> None:
    """Walk, answer, and leave with 1 when nothing was traded."""
    with _bar(f"{experiment.strategy}: window") as bar:
        answer = walked(experiment, effort, scheme, url, bar)
    _answer(_walked_document(answer), _walked_lines(answer), file)
    if answer.outside is None or answer.interrupted:
        raise typer.Exit(NO)


def _optimised_document(answer: Optimised) -> Mapping[str, Any]:
    winner = None if answer.winner is None else answer.winner.as_json()
    return {
        **study_document(answer.name, answer.search, answer.found),
        "interrupted": answer.interrupted,
        "winner": winner,
    }


def _optimised_lines(answer: Optimised) -> Iterator[str]:
    yield from study_lines(answer.name, answer.search, answer.found)
    if answer.winner is not None:
        yield f"the winner again, {settings(answer.found.front[0].trial.values)}:"
        yield from sample_lines(answer.winner)
    if answer.interrupted:
        yield INTERRUPTED


def _walked_document(answer: Walked) -> Mapping[str, Any]:
    return {
        "study": answer.name,
        "search": answer.search.identity(),
        "interrupted": answer.interrupted,
        "windows": [leg_document(leg) for leg in answer.legs],
        "out_of_sample": None if answer.outside is None else answer.outside.as_json(),
    }


def _walked_lines(answer: Walked) -> Iterator[str]:
    yield f"study {answer.name}: {len(answer.legs)} windows, each objective in training -> out of sample"
    yield from (f"  {leg_line(leg, answer.search.objectives)}" for leg in answer.legs)
    if answer.outside is not None:
        yield "out of sample, all tests together:"
        yield from sample_lines(answer.outside)
    if answer.interrupted:
        yield INTERRUPTED


def _answer(document: Mapping[str, Any], lines: Iterable[str], file: Path | None) -> None:
    say(list(lines))
    if file is not None:
        file.write_text(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


@contextmanager
def _bar(what: str) -> Iterator[Any]:
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
