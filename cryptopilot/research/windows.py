"""Windows that a walk forward goes through: train on the past, test on what came next, never the other way round.

All bounds are instants; a span runs from its first instant up to its last, which the next one may begin with: what is
decided at an instant belongs to the span that begins there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from cryptopilot.domain.errors import InvalidValueError


@dataclass(frozen=True, slots=True)
class Span:
    """Instants from *begin*, included, to *end*, excluded; int64 ms UTC."""

    begin: int
    end: int

    def __contains__(self, instant: int) -> bool:
        return self.begin <= instant < self.end


@dataclass(frozen=True, slots=True)
class Window:
    """What is learned from, and what it is then judged by."""

    train: Span
    test: Span


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a walk goes forward. Lengths in ms, whole multiples of the timeframe.

    Args:
        timeframe_ms: distance of instants.
        train_ms, test_ms: lengths of the spans; the last test may be shorter.
        step_ms: from test to test; None is *test_ms*, which leaves no instant out.
        purge_ms: how long a label, or a trade, may go on: what began within that before a test could end in it, so
            training stops so much earlier. embargo_ms: as much again for what echoes longer, such as volatility.
        anchored: every training span begins with the data, and grows; else it moves along.
    Raises:
        InvalidValueError: a length is not allowed.
    Source: M. López de Prado, Advances in Financial Machine Learning (2018), ch. 7: purging and embargo.
    """

    timeframe_ms: int
    train_ms: int
    test_ms: int
    step_ms: int | None = None
    purge_ms: int = 0
    embargo_ms: int = 0
    anchored: bool = False

    def __post_init__(self) -> None:
        for name, value, least in (
            ("train", self.train_ms, self.timeframe_ms),
            ("test", self.test_ms, self.timeframe_ms),
            ("step", self.step, self.test_ms),  # Less, and an instant would be tested twice.
            ("purge", self.purge_ms, 0),
            ("embargo", self.embargo_ms, 0),
        ):
            if value < least or value % self.timeframe_ms:
                raise InvalidValueError(
                    f"{name} in ms", value, f"{least} or more, a multiple of the timeframe ({self.timeframe_ms})"
                )

    @property
    def step(self) -> int:
        return self.test_ms if self.step_ms is None else self.step_ms

    @property
    def gap_ms(self) -> int:
        """How far a test is from the training before it."""
        return self.purge_ms + self.embargo_ms

    def windows(self, data: Span) -> tuple[Window, ...]:
        """Every window of *data*, in order.

        Raises:
            InvalidValueError: there is no room for a single one.
        """
        found = tuple(self._walk(data))
        if not found:
            least = self.train_ms + self.gap_ms + self.timeframe_ms
            raise InvalidValueError(
                "span in ms", data.end - data.begin, f"{least} or more, for one training and a test"
            )
        return found

    def _walk(self, data: Span) -> Iterator[Window]:
        begin = data.begin + self.train_ms + self.gap_ms
        while begin < data.end:
            end = begin - self.gap_ms
            train = Span(data.begin if self.anchored else end - self.train_ms, end)
            yield Window(train, Span(begin, min(begin + self.test_ms, data.end)))
            begin += self.step
