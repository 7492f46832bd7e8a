"""Finds strategies: built in, installed, or in a file of the user's own.

A strategy's code runs with everything this process may do. A file is run because the user of this machine named it, on
the command line or in the environment; whoever speaks through the API may name what is built in or installed (`named`),
never a path.
"""

import importlib.util
import sys
import traceback
from collections.abc import Mapping
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from cryptopilot.agents.strategies.chosen import Chosen, choose
from cryptopilot.agents.strategies.ensemble import Ensemble
from cryptopilot.agents.strategies.reversion import Reversion
from cryptopilot.agents.strategies.trend import Trend
from cryptopilot.domain.errors import NotFoundError
from cryptopilot.ports.strategy import StrategyError

GROUP = "cryptopilot.strategies"
"""The entry points under which installed packages offer their strategies."""

BUILT_IN: Mapping[str, Any] = {"ensemble": Ensemble, "trend": Trend, "reversion": Reversion}


def find(text: str, values: Mapping[str, object] | None = None) -> Chosen | Ensemble:
    """The strategy that *text* names, with *values* for its parameters.

    Args:
        text: a name, built in or installed, or ``PATH.py`` or ``PATH.py:CLASS``.
    Raises:
        NotFoundError: there is no such name, file or class.
        StrategyError: it cannot be imported, is no strategy, or is one of several; says where and why.
        InvalidValueError: a parameter's value is not allowed.
    """
    if _is_path(text):
        return choose(_class_in(text), values)
    return named(text, values)


def named(name: str, values: Mapping[str, object] | None = None) -> Chosen | Ensemble:
    """The built-in or installed strategy of that name; as `find`, but never a path."""
    if name in BUILT_IN:
        return choose(BUILT_IN[name], values)
    offered = {point.name: point for point in _installed()}
    if name not in offered:
        there = ", ".join([*BUILT_IN, *sorted(offered)])
        raise NotFoundError("strategy", name, f"there are: {there}; or name a file, such as path/to/my.py")
    return choose(_loaded(offered[name]), values)


def file_of(text: str) -> Path | None:
    """The file that *text* names; None where it names a built-in or installed strategy."""
    return Path(_split(text)[0]) if _is_path(text) else None


def names() -> list[str]:
    """What `named` finds: built in first, then installed."""
    return [*BUILT_IN, *sorted({point.name for point in _installed()} - set(BUILT_IN))]


def _installed() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))


def _loaded(point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as error:  # Somebody else's module.
        raise StrategyError(point.name, f"importing {point.value}", _where(error)) from error


def _is_path(text: str) -> bool:
    return _split(text)[0].endswith(".py") or "/" in text or "\\" in text


def _split(text: str) -> tuple[str, str]:
    """Path and class; a colon belongs to the path where no Python name follows it."""
    path, colon, name = text.rpartition(":")
    return (path, name) if colon and path.endswith(".py") else (text, "")


def _class_in(text: str) -> Any:
    path, name = Path(_split(text)[0]), _split(text)[1]
    if not path.is_file():
        raise NotFoundError("strategy file", str(path), "name a Python file that is there")
    module = _imported(path)
    if name:
        if not isinstance(getattr(module, name, None), type):
            there = ", ".join(sorted(_own(module))) or "no class"
            raise NotFoundError("strategy", name, f"{path} has: {there}")
        return getattr(module, name)
    found = {called: kind for called, kind in _own(module).items() if _looks_like_one(kind)}
    if not found:
        raise StrategyError(str(path), "the file", "no class in it has signals(columns) or start()")
    if len(found) > 1:
        raise StrategyError(str(path), "the file", f"several strategies; say which: {path}:{' or :'.join(found)}")
    return next(iter(found.values()))


def _imported(path: Path) -> ModuleType:
    """The file, run as a module of its own, anew each time; its neighbours can be imported while it runs."""
    name = f"strategy_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_Source(name, str(path)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    sys.modules[spec.name] = module  # Dataclasses look their module up.
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # Somebody else's module.
        del sys.modules[spec.name]
        raise StrategyError(str(path), "importing it", _where(error)) from error
    finally:
        sys.path.remove(folder)
    return module


class _Source(SourceFileLoader):
    """Takes the file as it is now: kept bytecode does not notice an edit within the second that it was written in."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _where(error: BaseException) -> str:
    """What went wrong, and at which line of whose file."""
    told = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return told
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    return f"{told} (line {frames[-1].lineno} of {frames[-1].filename})" if len(frames) > 1 else told


def _own(module: ModuleType) -> dict[str, type]:
    """The classes that a module defines itself."""
    return {n: v for n, v in vars(module).items() if isinstance(v, type) and v.__module__ == module.__name__}


def _looks_like_one(kind: type) -> bool:
    return callable(getattr(kind, "signals", None)) or callable(getattr(kind, "start", None))
