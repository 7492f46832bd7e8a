"""Ensemble: decide by prediction, with the house's own signal types. It is the default."""

from dataclasses import dataclass

from cryptopilot.ports.parameters import Parameter


@dataclass(frozen=True, slots=True)
class Ensemble:
    """A mark rather than a strategy: who finds it decides with `rules.signal_types.signal_of`, row by row.

    It has no `signals` over columns because the signal types look at the books, too: a weak fall of what is held is
    another reason to hold than a fall of what is not.
    """

    name: str = "ensemble"
    version: str = "1"
    parameters: tuple[Parameter, ...] = ()
    lookback: int = 1
