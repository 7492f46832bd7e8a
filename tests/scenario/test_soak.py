"""The short form of `make soak`."""

import pytest

from tests.soak import ON_TIME, soak


@pytest.mark.slow
def test_instants_are_decided_on_time_between_random_kills_and_the_books_stay_whole() -> None:
    result = soak(minutes=0.5, speed=3000, seed=3)
    assert result["kills"] >= 1
    assert result["instants_decided"] > 50
    assert result["on_time"] >= ON_TIME
    assert "chain whole, tables agree" in result["books"]
