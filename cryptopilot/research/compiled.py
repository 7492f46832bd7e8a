"""The rules, compiled: the functions that live calls as plain Python, made for millions of candles.

Every rule is compiled in a shadow of its own module: a copy of that module's names in which each rule is
replaced by its compiled twin. So compiled rules call compiled rules, and the originals know nothing of it.
A loop over a list of rules is unrolled in the twin (`research.unrolled`). Compilation happens at the first call with
arguments of a kind.
"""

import functools
import hashlib
import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType
from typing import Any, ParamSpec, TypeVar, cast

import numba
import numpy as np

from cryptopilot import rules
from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.research.unrolled import numbered, unrolled

_P = ParamSpec("_P")
_R = TypeVar("_R")


class CompiledRules:
    """A compiled twin of every rule, and of the drivers that loop over them.

    Args:
        cache: where kernels outlive the process, in a folder for each version of the rules; None: nowhere.
    """

    def __init__(self, cache: Path | None = None) -> None:
        for module in pkgutil.iter_modules(rules.__path__, f"{rules.__name__}."):
            importlib.import_module(module.name)
        self._cache = cache
        self._twins: dict[object, Any] = {}
        shadows: dict[str, dict[str, Any]] = {}
        for function in rules.RULES:
            names = shadows.setdefault(function.__module__, dict(vars(sys.modules[function.__module__])))
            self._twins[function] = self._compiled(function, names)
        for names in shadows.values():
            self._replace(names)

    def __len__(self) -> int:
        return len(self._twins)

    def rule(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """The compiled twin of a rule.

        Raises:
            KeyError: *function* is no rule.
        """
        return cast("Callable[_P, _R]", self._twins[function])

    def driver(self, function: Callable[_P, _R], *, within: bool = False, allocates: bool = True) -> Callable[_P, _R]:
        """*function*, compiled; its globals that are rules or earlier drivers are replaced by their twins.

        Args:
            within: its code becomes part of whatever calls it.
            allocates: whether it makes arrays; one that does not is spared the counting of references, which costs
                more than what is done with them, and fails to compile if it does.
        Raises:
            InvalidValueError: it is not a plain function without a closure.
        """
        if function not in self._twins:
            names = dict(_plain(function).__globals__)
            self._replace(names)
            self._twins[function] = self._compiled(function, names, forceinline=within, _nrt=allocates)
        return cast("Callable[_P, _R]", self._twins[function])

    def _replace(self, names: dict[str, Any]) -> None:
        twins = {n: self._twins[v] for n, v in names.items() if isinstance(v, FunctionType) and v in self._twins}
        for chain, members in _chains(names).items():
            twins |= {numbered(chain, i): self._twins[member] for i, member in enumerate(members)}
        names |= twins

    def _compiled(self, function: Callable[..., object], names: dict[str, Any], **options: bool) -> Any:
        plain = _plain(function)
        code = unrolled(plain, {chain: len(members) for chain, members in _chains(names).items()})
        twin = FunctionType(code, names, plain.__name__, plain.__defaults__)
        twin.__qualname__, twin.__kwdefaults__ = plain.__qualname__, plain.__kwdefaults__
        njit: Any = numba.njit  # Its stubs know not every option.
        if self._cache is None:
            return njit(**options)(twin)
        source = Path(plain.__code__.co_filename)
        with _kernels_in(self._cache / version((source, *_folder(source.parent)))):
            return njit(cache=True, **options)(twin)


def compiled_rules(cache: Path | None = None) -> CompiledRules:
    """The compiled rules of this process: one set for each cache folder, because compiling takes seconds."""
    return _kept(cache)


_kept = functools.cache(CompiledRules)


def version(drivers: Iterable[Path] = ()) -> str:
    """Names what kernels depend on: the sources of all rules and of *drivers*, and who compiles them.

    Numba looks only at the file of the function itself: after an edit in a rule it would go on with the old
    kernels of every caller.
    """
    digest = hashlib.sha256(f"{sys.version} {np.__version__} {numba.__version__}".encode())
    for path in sorted({*_folder(Path(next(iter(rules.__path__)))), *drivers}):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _plain(function: Callable[..., object]) -> FunctionType:
    if not isinstance(function, FunctionType) or function.__closure__ is not None:
        raise InvalidValueError("driver", function, "a plain function that captures no variable")
    return function


def _chains(names: Mapping[str, object]) -> dict[str, tuple[FunctionType, ...]]:
    """The lists of rules among a module's names."""
    tuples = {name: value for name, value in names.items() if isinstance(value, tuple) and value}
    return {
        name: members
        for name, members in tuples.items()
        if all(isinstance(m, FunctionType) and m in rules.RULES for m in members)
    }


def _folder(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(folder.glob("*.py")))


@contextmanager
def _kernels_in(folder: Path) -> Iterator[None]:
    """Numba takes its cache folder from its configuration, at the moment a function is wrapped."""
    folder.mkdir(parents=True, exist_ok=True)
    config: Any = numba.config
    before, config.CACHE_DIR = config.CACHE_DIR, str(folder)
    try:
        yield
    finally:
        config.CACHE_DIR = before
