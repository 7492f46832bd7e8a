"""Who hears what. Handlers of an event run in the order in which they were joined, which wiring makes the river's.

What a handler returns is published next, before the event after it: one event, one cascade. A handler's error
reaches whoever published.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

_E = TypeVar("_E")
Handler = Callable[[Any], Iterable[object]]


class Bus:
    """An ordered, in-process bus. Publishing returns every event of the cascade, in the order it happened."""

    def __init__(self) -> None:
        self._handlers: dict[type, list[Handler]] = {}

    def on(self, kind: type[_E], handler: Callable[[_E], Iterable[object]]) -> None:
        """Let *handler* hear every event of *kind*."""
        self._handlers.setdefault(kind, []).append(handler)

    def publish(self, event: object) -> list[object]:
        """Hand *event* to its handlers and their answers to theirs, depth first."""
        heard: list[object] = [event]
        for handler in self._handlers.get(type(event), ()):
            for answer in handler(event):
                heard += self.publish(answer)
        return heard
