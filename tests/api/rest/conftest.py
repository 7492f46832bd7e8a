"""One office for the tests of a module."""

from collections.abc import Iterator

import pytest

from tests.api.rest.office import Office, opened


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Two days have passed with the pipeline running: trades are open and closed, orders are filled and refused."""
    with opened(tmp_path_factory.mktemp("home")) as found:
        found.post("/api/trading-pipeline/start")
        found.pass_time(48)
        yield found


@pytest.fixture(scope="module")
def quiet_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Nothing has been decided yet."""
    with opened(tmp_path_factory.mktemp("home")) as found:
        yield found
