"""A manifest names a run by everything that it was made from, and by nothing else."""

import hashlib
import json
import math
from decimal import Decimal

import pytest

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.limits import RiskLimits
from cryptopilot.domain.mandate import Mandate
from cryptopilot.research.manifest import sources
from cryptopilot.research.plain import canonical
from tests.conftest import ROOT
from tests.fakes.backtests import START, a_manifest

CHANGES = {
    "inputs": {"BTC_USDT-1h.parquet": "ff"},
    "strategy": "other",
    "parameters": {"fast": 13},
    "mandate": Mandate(RiskLimits(max_concurrent=4)),
    "costs": {"expected": {"fee_ppm": 999}},
    "symbols": ("BTC/USDT",),
    "timeframe": "5m",
    "begins_at": START + 1,
    "ends_at": START + 2,
    "capital": Decimal(1),
    "quote": "EUR",
    "seed": 8,
}


def test_the_same_inputs_give_the_same_bytes() -> None:
    assert canonical(a_manifest().as_json()) == canonical(a_manifest().as_json())


def test_the_code_is_every_rule_every_strategy_and_the_look_of_the_page() -> None:
    names = {str(path.relative_to(ROOT / "cryptopilot")) for path in sources()}
    assert names >= {"rules/limits.py", "domain/risk.py", "research/report/page.py", "research/report/style.css"}
    assert not {name for name in names if name.endswith(".css")} - {"research/report/style.css"}


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_another_input_or_setting_gives_another_id(name: str) -> None:
    assert a_manifest(**{name: CHANGES[name]}).id != a_manifest().id


def test_the_order_in_which_parameters_were_given_does_not_count() -> None:
    forth, back = {"a": 1, "b": 2}, {"b": 2, "a": 1}
    assert a_manifest(parameters=forth).id == a_manifest(parameters=back).id


def test_anybody_can_compute_the_id_from_the_document() -> None:
    document = json.loads(json.dumps(a_manifest().as_json()))
    found = document.pop("id")
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    assert found == hashlib.sha256(text.encode()).hexdigest()


def test_times_are_utc_money_is_text_and_a_whitelist_is_sorted() -> None:
    mandate = Mandate(RiskLimits(whitelist=frozenset({"SOL/USDT", "ADA/USDT", "ETH/USDT"})))
    document = json.loads(json.dumps(a_manifest(mandate=mandate).as_json()))
    assert (document["begins_at"], document["capital"]) == ("2022-01-01T00:00:00Z", "10000")
    assert document["mandate"]["limits"]["whitelist"] == ["ADA/USDT", "ETH/USDT", "SOL/USDT"]
    assert document["mandate"]["geometry"]["stop"] == 0.02


@pytest.mark.parametrize("value", [math.inf, -math.inf, Decimal("NaN"), object(), b"bytes"])
def test_what_has_no_json_value_is_refused_with_its_name(value: object) -> None:
    with pytest.raises(InvalidValueError, match=r"parameters\[odd\]"):
        a_manifest(parameters={"odd": value}).as_json()


def test_a_parameter_whose_name_ends_like_a_time_stays_a_number() -> None:
    document = a_manifest(parameters={"buy_at": 30, "unknown": math.nan}).as_json()
    assert document["parameters"] == {"buy_at": 30, "unknown": None}
