"""How long things take is read while the pipeline goes on."""

from collections import deque
from collections.abc import Iterator

import pytest

from cryptopilot.runtime.latency import Quantiles, quantiles, settled


class Growing(deque[float]):
    """A window to which the pipeline appends while it is being read, so many times."""

    disturbances = 0

    def __iter__(self) -> Iterator[float]:
        for took in super().__iter__():
            if self.disturbances:
                self.disturbances -= 1
                self.append(took)
            yield took


def test_quantiles_are_interpolated_between_the_runs() -> None:
    hundred = deque(float(ms) for ms in range(100, -1, -1))
    assert quantiles({"trader": hundred}) == {"trader": pytest.approx(Quantiles(50.0, 95.0, 99.0))}


def test_a_stage_that_has_never_run_has_none() -> None:
    assert quantiles({"trader": deque()}) == {"trader": None}


def test_a_window_that_grows_while_it_is_read_is_read_again() -> None:
    window = Growing([1.0, 2.0])
    window.disturbances = 3
    assert settled(window).tolist() == [1.0, 2.0, 1.0, 1.0, 1.0]


def test_a_window_that_never_comes_to_rest_is_an_error_and_no_number() -> None:
    window = Growing([1.0])
    window.disturbances = 1_000_000
    with pytest.raises(RuntimeError, match="mutated"):
        settled(window)
