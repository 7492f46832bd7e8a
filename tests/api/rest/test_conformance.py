"""What the OpenAPI document says, held against what the application does with requests made from it."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis import Case, Response
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig

from cryptopilot.api.app import bare_app
from tests.api.rest.office import Office, opened, served
from tests.conftest import ROOT

DOCUMENT: dict[str, Any] = bare_app(None).openapi()  # type: ignore[arg-type]
SCHEMA = schemathesis.openapi.from_dict(json.loads(json.dumps(DOCUMENT)), config=SchemathesisConfig(seed=1))
WELL_BEHAVED = {"seed": 1, "generation": {"mode": "positive", "with-security-parameters": False}}
LINKED = schemathesis.openapi.from_dict(
    json.loads(json.dumps(DOCUMENT)), config=SchemathesisConfig.from_dict(WELL_BEHAVED)
)
load_all_checks()
UNSUITED: list[Any] = [
    # A text that fits its pattern may still be no amount within its range, no known symbol, or no page's cursor.
    CHECKS.get_one("positive_data_acceptance"),
]
"""Checks that ask for more than a document can say."""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Office, str]]:
    """An office in which something has happened, on a real socket."""
    with opened(tmp_path_factory.mktemp("home")) as office:
        office.post("/api/trading-pipeline/start")
        office.pass_time(12)
        with served(office) as address:
            yield office, address


@SCHEMA.exclude(path="/api/auth/logout").parametrize()  # Which would end the session that asks.
@settings(
    max_examples=12, deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_every_answer_is_one_that_the_document_describes(live: tuple[Office, str], case: Case[Any]) -> None:
    office, address = live
    case.call_and_validate(
        base_url=address, headers={"Authorization": f"Bearer {office.token}"}, excluded_checks=UNSUITED
    )


@pytest.fixture
def holding(tmp_path: Path) -> Iterator[tuple[Office, str]]:
    """An office that holds positions, on a real socket."""
    with opened(tmp_path / "home", PIPELINE_MIN_CONFIDENCE=0) as office:
        office.post("/api/trading-pipeline/start")
        while office.get("/api/positions")["count"] < 3:
            office.pass_time(1)
        with served(office) as address:
            yield office, address


ROUNDS = 12
WITH_LINKS = "/api/(positions|decisions|orders|trades|fills)"
"""Without closing everything, after which nothing could be closed by its id."""


def test_what_is_listed_can_be_asked_for_and_left_by_its_id(holding: tuple[Office, str]) -> None:
    office, address = holding
    followed = Counter[str]()

    class Visitor(LINKED.include(path_regex=WITH_LINKS).exclude(path_regex="close-all").as_state_machine()):  # type: ignore[misc]
        """Follows the links of the document, from any answer to the next."""

        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            return {"base_url": address, "headers": {"Authorization": f"Bearer {office.token}"}}

        def validate_response(self, response: Response, case: Case[Any], **_: Any) -> None:
            case.validate_response(response, excluded_checks=UNSUITED)
            if response.status_code == 200:
                followed[case.operation.label] += 1

    targets = {
        "GET /api/decisions/{decision_id}", "GET /api/decisions/{decision_id}/lineage",
        "POST /api/positions/{position_id}/close",
    }  # fmt: skip
    for _ in range(ROUNDS):
        with suppress(FlakyStrategyDefinition):  # A position that one visit has closed is not there for the next.
            Visitor.run(
                settings=settings(
                    max_examples=40, stateful_step_count=4, deadline=None, database=None, phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )
            )  # fmt: skip
        if targets <= set(followed):
            return
    pytest.fail(f"links that were never followed to a success: {sorted(targets - set(followed))}")


def test_the_books_still_add_up_afterwards(live: tuple[Office, str]) -> None:
    office, _ = live
    account = office.get("/api/account")["account"]
    assert float(account["equity"]) == pytest.approx(float(account["cash"]) + float(account["positions_value"]))
    office.desk.access.audit.verify()
    assert office.service.error is None


def test_the_document_is_printed_without_a_service() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cryptopilot.api.schema"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    printed = json.loads(done.stdout)
    assert printed == json.loads(json.dumps(DOCUMENT))
    assert {"StreamFromClient", "StreamFromServer"} <= set(printed["components"]["schemas"])
