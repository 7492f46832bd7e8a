"""Lists: a cursor walks every entry once, whatever comes on top meanwhile, and a filter keeps what it says."""

from collections.abc import Iterator
from typing import Any

import pytest

from cryptopilot.domain.ids import instant_of
from cryptopilot.domain.timeframe import iso, parse_time
from tests.api.rest.office import HOUR, Office, problem_of

TRADES = "/api/trading-pipeline/trades"
LISTS = {
    TRADES: ("trades", "trade_id", "timestamp"),
    "/api/orders": ("orders", "id", "created_at"),
    "/api/fills": ("fills", "order_id", "at"),
    "/api/news": ("news", "id", "first_seen_at"),
    "/api/decisions": ("decisions", "id", "timestamp"),
}


def with_sign(path: str, **query: object) -> str:
    return path + "".join(f"{'&' if n else '?'}{k}={v}" for n, (k, v) in enumerate(query.items()))


def pages(office: Office, path: str, **query: object) -> Iterator[list[Any]]:
    """Every page of a list."""
    field, cursor = LISTS[path][0], None
    while True:
        more: dict[str, object] = {} if cursor is None else {"cursor": cursor}
        answer = office.get(with_sign(path, **query, **more))
        assert answer["count"] == len(answer[field])
        yield answer[field]
        cursor = answer["next_cursor"]
        if cursor is None:
            return


def entries(office: Office, path: str, **query: object) -> list[Any]:
    return [entry for page in pages(office, path, **query) for entry in page]


@pytest.mark.parametrize(
    ("path", "limit"), [(p, n) for p in LISTS for n in (1, 7, 100) if (p, n) != ("/api/decisions", 1)]
)
def test_pages_of_any_length_hold_the_same_entries_once(office: Office, path: str, limit: int) -> None:
    key, whole = LISTS[path][1], entries(office, path, limit=500)
    whole = whole[:700]
    walked: list[Any] = []
    for page in pages(office, path, limit=limit):
        assert len(page) <= limit
        walked += page
        if len(walked) >= len(whole):
            break
    assert walked[: len(whole)] == whole
    assert len({(e[key], str(e)) for e in whole}) == len(whole) > 3


def listed_at(path: str, entry: Any) -> int:
    """The time that an entry's place goes by; a trade's is when it was ordered, which its id begins with."""
    return instant_of(entry["trade_id"]) if path == TRADES else parse_time("at", entry[LISTS[path][2]])


@pytest.mark.parametrize("path", LISTS)
def test_a_list_is_newest_first(office: Office, path: str) -> None:
    times = [listed_at(path, e) for e in entries(office, path, limit=500)]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("path", LISTS)
def test_what_comes_on_top_moves_no_page(quiet_office: Office, path: str) -> None:
    office = quiet_office
    if not office.service.is_running:
        office.post("/api/trading-pipeline/start")
    office.pass_time(24)
    key, limit = LISTS[path][1], 200 if path == "/api/decisions" else 5
    before = [e[key] for e in entries(office, path, limit=500)]
    walked: list[str] = []
    for page in pages(office, path, limit=limit):
        walked += [e[key] for e in page]
        if len(walked) < 20 * limit:
            office.pass_time(1)
    assert walked == before


@pytest.mark.parametrize("path", LISTS)
def test_since_is_included_and_until_is_not(office: Office, path: str) -> None:
    whole = entries(office, path, limit=500)
    times = sorted({listed_at(path, e) for e in whole})
    since, until = times[len(times) // 3], times[2 * len(times) // 3]
    kept = entries(office, path, limit=500, since=iso(since), until=iso(until))
    assert kept == [e for e in whole if since <= listed_at(path, e) < until]
    assert 0 < len(kept) < len(whole)
    assert listed_at(path, kept[-1]) == since


@pytest.mark.parametrize("path", [p for p in LISTS if p != "/api/news"])
def test_a_symbol_keeps_its_own(office: Office, path: str) -> None:
    whole = entries(office, path, limit=500)
    for symbol in sorted({e["symbol"] for e in whole})[:3]:
        kept = entries(office, path, limit=500, symbol=symbol)
        assert kept == [e for e in whole if e["symbol"] == symbol]
        assert kept


def test_news_of_a_symbol_is_about_its_coin(office: Office) -> None:
    whole = entries(office, "/api/news", limit=500)
    kept = entries(office, "/api/news", limit=500, symbol="BTC/USDT")
    assert kept == [e for e in whole if "BTC" in e["coins"]]
    assert 0 < len(kept) < len(whole)


def test_decisions_are_kept_by_rule_and_by_signal_type(office: Office) -> None:
    whole = entries(office, "/api/decisions", limit=500)
    funnel = office.get("/api/decisions/funnel")["funnel"]
    for rule, number in {**funnel["holds"], **funnel["refusals"]}.items():
        kept = entries(office, "/api/decisions", limit=500, rule=rule)
        assert [e["verdict"]["rule"] for e in kept] == [rule] * number
    for kind, number in funnel["signals"].items():
        assert len(entries(office, "/api/decisions", limit=500, signal_type=kind)) == number
    both = entries(office, "/api/decisions", limit=500, rule="min_confidence", symbol="BTC/USDT")
    assert both == [e for e in whole if (e["verdict"]["rule"], e["symbol"]) == ("min_confidence", "BTC/USDT")]


def test_the_audit_is_walked_by_its_sequence(office: Office) -> None:
    for _ in range(5):
        office.post("/api/trading-pipeline/clear-cache")
    whole = office.get("/api/audit?limit=500")
    walked, cursor = [], ""
    while True:
        page = office.get(f"/api/audit?limit=2{cursor}")
        walked += page["entries"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert walked == whole["entries"]
    assert whole["head"] == whole["entries"][0]["hash"]
    by_action = office.get("/api/audit?action=cache.clear")["entries"]
    assert by_action == [e for e in walked if e["action"] == "cache.clear"]
    assert office.get("/api/audit?who=nobody")["entries"] == []


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("limit", 0), ("limit", 501), ("limit", -1), ("limit", "ten"), ("limit", "1e2"), ("limit", "NaN"),
        ("limit", 10**30), ("cursor", "x"), ("cursor", "1." + "a" * 65), ("cursor", "1.%00"), ("cursor", "-1.a"),
        ("symbol", "NOPE/USDT"), ("symbol", "btc/usdt"), ("symbol", "%00"), ("symbol", "x" * 41),
        ("since", "yesterday"), ("since", "1969-12-31"),
        ("since", "0001-01-01T00:00:00%2B23:59"), ("since", "9999-12-31T23:59:59-23:59"),
        ("until", "2101-01-01"), ("until", "2022-13-01"), ("until", "NaN"), ("nonsense", "1"),
    ],
)  # fmt: skip
def test_a_filter_that_makes_no_sense_is_refused_with_what_does(
    office: Office, path: str, field: str, value: object
) -> None:
    told = problem_of(office.ask("GET", f"{path}?{field}={value}"), 422, "invalid_value")
    assert told["field"] == field
    assert told["allowed"]
    assert "value" in told


@pytest.mark.parametrize("path", [*LISTS, "/api/decisions/funnel"])
def test_a_stretch_that_ends_before_it_begins_is_refused(office: Office, path: str) -> None:
    now = office.service.assembly.pipeline.handled
    answer = office.ask("GET", f"{path}?since={iso(now)}&until={iso(now - HOUR)}")
    assert problem_of(answer, 422)["field"] == "until"


@pytest.mark.parametrize("query", ["rule=%00", "rule=X", "signal_type=buy", "rule=" + "a" * 41])
def test_a_rule_or_signal_type_that_is_none_is_refused(office: Office, query: str) -> None:
    assert problem_of(office.ask("GET", f"/api/decisions?{query}"), 422)["field"] == query.partition("=")[0]


@pytest.mark.parametrize("query", ["who=%00", "who=" + "a" * 65, "action=%00", "action=a%0Ab", "cursor=0", "cursor=x"])
def test_an_audit_filter_that_is_none_is_refused(office: Office, query: str) -> None:
    assert problem_of(office.ask("GET", f"/api/audit?{query}"), 422)["field"] == query.partition("=")[0]
