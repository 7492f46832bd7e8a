"""What a run was made from: enough to make it again, and one name for it."""

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import cast

import numba
import numpy as np

import cryptopilot
from cryptopilot.domain.mandate import Mandate
from cryptopilot.research.compiled import version
from cryptopilot.research.plain import Json, canonical, plain


@dataclass(frozen=True, slots=True)
class Manifest:
    """The inputs, settings and versions of a run. Equal manifests have equal bytes, and so have their reports.

    Args:
        inputs: the SHA-256 of each file of candles or news, in hexadecimal, by name.
        strategy: its name; parameters: what it was given.
        costs: the assumptions, by level; symbols: in the order in which they were looked at.
        begins_at, ends_at: ms UTC, the first and the last instant asked for.
        code: names all sources of CryptoPilot, Python, NumPy and Numba.
    """

    inputs: Mapping[str, str]
    strategy: str
    parameters: Mapping[str, object]
    mandate: Mandate
    costs: Mapping[str, object]
    symbols: tuple[str, ...]
    timeframe: str
    begins_at: int
    ends_at: int
    capital: Decimal
    quote: str
    seed: int
    cryptopilot: str
    code: str
    python: str
    numpy: str
    numba: str

    @property
    def id(self) -> str:
        """The SHA-256 of the canonical text of everything in it, in hexadecimal."""
        return hashlib.sha256(canonical(plain(self)).encode()).hexdigest()

    def as_json(self) -> dict[str, Json]:
        """Everything in it as plain JSON values, its id first.

        Raises:
            InvalidValueError: a parameter or an assumption is infinite or has no JSON value.
        """
        return {"id": self.id, **cast("dict[str, Json]", plain(self))}


def manifest(
    *, inputs: Mapping[str, str], strategy: str, parameters: Mapping[str, object], mandate: Mandate,
    costs: Mapping[str, object], symbols: Sequence[str], timeframe: str, begins_at: int, ends_at: int,
    capital: Decimal, quote: str, seed: int,
) -> Manifest:  # fmt: skip
    """The manifest of a run with the code that is here now."""
    return Manifest(
        inputs=dict(inputs),
        strategy=strategy,
        parameters=dict(parameters),
        mandate=mandate,
        costs=dict(costs),
        symbols=tuple(symbols),
        timeframe=timeframe,
        begins_at=begins_at,
        ends_at=ends_at,
        capital=capital,
        quote=quote,
        seed=seed,
        cryptopilot=cryptopilot.__version__,
        code=code_version(),
        python=platform.python_version(),
        numpy=np.__version__,
        numba=numba.__version__,
    )


def code_version() -> str:
    """Names all sources of CryptoPilot together with Python, NumPy and Numba."""
    return version(sources())


def sources() -> list[Path]:
    """Every file that a run or its report may depend on: all of the package, since strategies and models are chosen."""
    package = Path(cryptopilot.__path__[0])
    return [*package.rglob("*.py"), *(package / "research").rglob("*.css")]
