"""Who predicts."""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from cryptopilot.domain.prediction import Evidence, ModelCard


class Model(Protocol):
    """A member of the ensemble: evidence in, weighted parts out; their sum is its score in [-1, 1].

    Every model passes tests/contract/test_models.py.
    """

    @property
    def card(self) -> ModelCard: ...

    def parts(self, evidence: Sequence[Evidence]) -> list[tuple[float, ...]]:
        """One tuple per symbol, as long as the card's parts; a NaN in it means the model abstains on that symbol.

        Raises:
            ModelUnavailableError: it cannot predict now, and abstains on all of them.
        """


@runtime_checkable
class RuledModel(Protocol):
    """A model whose parts are what one rule of `rules.scores` answers: research runs that rule compiled."""

    @property
    def rule(self) -> Callable[..., tuple[float, ...]]: ...
