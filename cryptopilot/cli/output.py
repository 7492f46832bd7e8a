"""How commands answer: lines for people, one JSON document for programs, and errors in one clear line."""

import json
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import typer

from cryptopilot.domain.errors import CryptoPilotError, IntegrityError, InvalidValueError

DONE, NO, WRONG_USE = 0, 1, 2

STDOUT = "-"
"""The name of a file that means the output."""

_P = ParamSpec("_P")


def say(lines: Sequence[str]) -> None:
    for line in lines:
        typer.echo(line)


def say_json(document: Any) -> None:
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def require_folder(file: Path | str | None) -> None:
    """That a file can be written: before minutes of work, not after them.

    Raises:
        InvalidValueError: its folder is not there, or it is a folder itself.
    """
    if file in (None, STDOUT):
        return
    path = Path(str(file)).resolve()
    if path.is_dir() or not path.parent.is_dir():
        raise InvalidValueError("file", str(file), "the name of a file in a folder that is there")


def clear_errors(command: Callable[_P, None]) -> Callable[_P, None]:
    """End a command with our errors' own words: 2 for wrong use, 1 when the answer is no."""

    @wraps(command)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except CryptoPilotError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(NO if isinstance(error, IntegrityError) else WRONG_USE) from error

    return guarded
