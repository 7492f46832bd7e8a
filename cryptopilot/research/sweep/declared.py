"""A declaration with its numbers, as what the full driver takes: a table of wishes, or a strategy over columns."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from cryptopilot.ports.parameters import Parameter
from cryptopilot.ports.strategy import LONGEST_LOOKBACK, Columns, Wishes, wishes
from cryptopilot.research.history import History
from cryptopilot.research.layout import WishTable
from cryptopilot.research.sweep.declaration import PRICES, Declaration
from cryptopilot.research.sweep.shelf import Shelf
from cryptopilot.research.sweep.space import Group, Space
from cryptopilot.research.wishing import table_of


def wished(declaration: Declaration, shelf: Shelf) -> Wishes:
    """What a declaration without parameters wishes at each row of a shelf; size and time limit are the mandate's."""
    enter, leave = shelf.asked(declaration)
    side = enter.astype(np.int8) - leave.astype(np.int8)
    return wishes(side, stop=declaration.stop.value, target=declaration.target.value)


def wish_table(history: History, symbol: str, declaration: Declaration, shelf: Shelf) -> WishTable:
    """The same for the driver, over the whole history of that symbol alone."""
    return table_of(history, {symbol: wished(declaration, shelf)})


def wish_tables(
    history: History, symbol: str, declaration: Declaration, group: Group, shelf: Shelf
) -> Iterator[WishTable]:  # fmt: skip
    """Those of a group's combinations, which wish on the same side at the same bars."""
    shared = wish_table(history, symbol, declaration.bound(group.values(0)), shelf)
    for k in range(len(group.brackets)):
        bound = declaration.bound(group.values(k))
        yield shared._replace(stop=np.array([[bound.stop.value]]), target=np.array([[bound.target.value]]))


def strategy_class(space: Space, cache: Path | None = None) -> type:
    """A class that is a `ports.strategy.Strategy` in research: a combination's values arrive as keywords.

    Its indicators are folded from the first row that there is, so it is no strategy for live trading, where there are
    `lookback` rows only: an average of n bars still holds e**(-2 * lookback / n) of what came before.
    """
    declared = space.declaration

    class Declared:
        name = declared.name
        version = "1"
        parameters = tuple(
            Parameter.number(name, values[0], min(values), max(values), step=1.0, words="of the sweep's grid")
            for name, values in space.grid.items()
        )
        lookback = LONGEST_LOOKBACK

        def __init__(self, **values: float) -> None:
            self._declaration = declared.bound(values)

        def signals(self, columns: Columns) -> Wishes:
            """See `Strategy.signals`."""
            prices: Mapping[str, object] = {name: getattr(columns, name) for name in PRICES}
            return wished(self._declaration, Shelf(prices, cache))  # type: ignore[arg-type]

    return Declared
