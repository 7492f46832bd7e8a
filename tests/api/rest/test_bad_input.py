"""Bad input at every field of every request, as the OpenAPI document has them: refused by name, nothing is changed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cryptopilot.api.app import bare_app
from cryptopilot.api.problems import Problem
from tests.api.rest.office import PASSWORD, Office, exactly, problem_of
from tests.fakes.workers import a_question

PIPELINE = "/api/trading-pipeline"
DOCUMENT: dict[str, Any] = bare_app(None).openapi()  # type: ignore[arg-type]
NOT_NUMBERS = ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", '"1"', '"NaN"', "true", "[1]", "{}", "1" * 400, '""']
NOT_TEXTS = ["1", "true", "[]", "{}", '["a"]', "NaN", '"\\ud800"', '"\\u0000"', '"' + "x" * 5000 + '"']


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def fields(schema: dict[str, Any], place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every field of a body that carries a value, with its place."""
    for name, inner in resolved(schema)["properties"].items():
        found = resolved(inner)
        if "properties" in found:
            yield from fields(found, (*place, name))
        else:
            yield (*place, name), found


def bodies() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every request that has a body: method, path, schema."""
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            body = operation.get("requestBody")
            if body is not None:
                yield method.upper(), path, body["content"]["application/json"]["schema"]


BODIES = list(bodies())
FIELDS = [(method, path, place, schema) for method, path, body in BODIES for place, schema in fields(body)]
GOOD = {
    "/api/risk/halt": {"why": "a look"},
    "/api/risk/resume": {"why": "a look"},
    "/api/auth/login": {"username": "ada", "password": PASSWORD},
    "/api/backtests": a_question(),
    "/api/auth/setup": {"code": "ABCD-EFGH", "username": "eve", "password": PASSWORD},
}


def body_with(path: str, place: tuple[str, ...], value: str) -> str:
    """A body that is good but for *value*, raw JSON, at *place*."""
    document: dict[str, Any] = dict(GOOD.get(path, {}))
    inner = document
    for name in place[:-1]:
        inner = inner.setdefault(name, {})
    inner[place[-1]] = "@"
    return json.dumps(document).replace('"@"', value)


def bad_values(schema: dict[str, Any]) -> Iterator[str]:
    """Raw JSON that a field of that schema must refuse, one step beyond each of its bounds among it."""
    kinds = {schema.get("type"), *(s.get("type") for s in schema.get("anyOf", []))}
    if kinds & {"number", "integer"}:
        yield from (*NOT_NUMBERS, "null")
        if "integer" in kinds:
            yield from ("1.5", "1e300")
        step = 1 if "integer" in kinds else 1e-6
        yield from (str(schema["minimum"] - step), str(schema["maximum"] + step), "-1e308", "1e308")
    elif "array" in kinds:
        yield from ('"BTC/USDT"', "[1]", '["btc"]', "[null]", '["BTC/USDT", 1]', "{}", "1", "true", '["\\ud800"]')
        yield json.dumps(["BTC/USDT"] * 1001)
    elif "object" in kinds:
        yield from (text for text in (*NOT_TEXTS, "null", '""') if text != "{}")
    else:
        yield from (*NOT_TEXTS, "null", '""')


def test_every_body_and_most_numbers_are_looked_at() -> None:
    assert {path for _, path, _ in BODIES} == {*GOOD, "/api/risk/limits", f"{PIPELINE}/config"}
    numbers = [f for f in FIELDS if f[3].get("type") in ("number", "integer")]
    assert len(numbers) >= 20
    assert all({"minimum", "maximum"} <= set(schema) for *_, schema in numbers)


@pytest.mark.parametrize(("method", "path", "place", "schema"), FIELDS, ids=lambda v: str(v)[-40:])
def test_r33_a_bad_value_is_refused_by_its_field_and_changes_nothing(
    office: Office, method: str, path: str, place: tuple[str, ...], schema: dict[str, Any]
) -> None:
    before = office.books()
    for value in bad_values(schema):
        body = body_with(path, place, value)
        answer = office.ask(method, path, content=body.encode(), headers={"Content-Type": "application/json"})
        if path.startswith("/api/auth/") and answer.status_code in (401, 403, 410, 429):
            assert schema["type"] == "string"  # As good a text as any other; it opens nothing.
            continue
        told = problem_of(answer, 422)
        exactly(Problem, told)
        assert told["allowed"]
        assert told["field"].startswith(".".join(place)) or told["code"] == "malformed", value
        if "password" in place or "code" in place:
            assert told["value"] in (None, "***")
        assert len(answer.content) < 3000
    assert office.books() == before


# What a backtest takes at its bounds is asked where there are candles (test_backtests).
STORED = [field for field in FIELDS if field[1] != "/api/backtests"]


@pytest.mark.parametrize(("method", "path", "place", "schema"), STORED, ids=lambda v: str(v)[-40:])
def test_the_bounds_themselves_are_allowed(
    quiet_office: Office, method: str, path: str, place: tuple[str, ...], schema: dict[str, Any]
) -> None:
    for bound in {"minimum", "maximum"} & set(schema):
        value = int(schema[bound]) if schema["type"] == "integer" else schema[bound]
        body = body_with(path, place, str(value))
        answer = quiet_office.ask(method, path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 200, answer.text
        found = {s["name"]: s["value"] for s in quiet_office.get(f"{PIPELINE}/config")["settings"]}
        assert found[place[-1]] == schema[bound]


AMOUNTS = [
    "NaN",
    "sNaN",
    "Infinity",
    "-1",
    "1e999",
    "1e-999",
    "0x10",
    "",
    " ",
    "1,5",
    "1_0",
    "１０",
    "-0.1",
    "9" * 33,
    "10000001",
    "\x00",
]


@pytest.mark.parametrize("name", ["min_order", "max_order"])
@pytest.mark.parametrize("amount", AMOUNTS)
def test_r33_an_amount_that_is_none_is_refused(office: Office, name: str, amount: str) -> None:
    before = office.books()
    told = problem_of(office.ask("PUT", "/api/risk/limits", json={name: amount}), 422)
    assert (told["field"], bool(told["allowed"])) == (name, True)
    assert office.books() == before


@pytest.mark.parametrize("why", ["", " ", "\n", "two\nlines", "a\x00b", "\u202eevil", "x" * 201, "\x1b[31m"])
def test_a_reason_that_is_none_is_refused(office: Office, why: str) -> None:
    before = office.books()
    assert problem_of(office.ask("POST", "/api/risk/halt", json={"why": why}), 422)["field"] == "why"
    assert office.books() == before


DEEP = 900
MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "two documents": b"{}{}",
    "a list": b"[]",
    "a text": b'"x"',
    "null": b"null",
    "a number": b"1",
    "not UTF-8": b'{"why": "\xff\xfe"}',
    "UTF-16": '{"why": "x"}'.encode("utf-16"),
    "a deep list": b"[" * DEEP + b"]" * DEEP,
    "a deeper list": b"[" * 30_000 + b"]" * 30_000,
    "a deep field": b'{"why": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "a deep unknown field": b'{"x": ' + b'{"x":' * DEEP + b"1" + b"}" * DEEP + b"}",
    "a number of many digits": b'{"why": ' + b"1" * 20_000 + b"}",
    "a name that is half a character": b'{"\\ud800": 1}',
    "a name that is very long": b'{"' + b"x" * 60_000 + b'": 1}',
    "many unknown names": json.dumps({f"x{n}": n for n in range(4000)}).encode(),
    "an unknown name": b'{"why": "x", "nonsense": 1}',
    "a form": b"why=x",
}


@pytest.mark.parametrize("kind", MALFORMED)
@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in BODIES])
def test_a_body_that_is_no_object_of_known_fields_is_refused(office: Office, method: str, path: str, kind: str) -> None:
    before = office.books()
    answer = office.ask(method, path, content=MALFORMED[kind], headers={"Content-Type": "application/json"})
    told = problem_of(answer, 422)
    assert told["field"]
    assert told["allowed"]
    assert len(answer.content) < 20_000
    assert office.books() == before


@pytest.mark.parametrize("where", ["username", "Username", "passwort", "pass", "code2"])
@pytest.mark.parametrize("path", ["/api/auth/login", "/api/auth/setup"])
def test_a_password_in_the_wrong_box_is_not_repeated(office: Office, where: str, path: str) -> None:
    asked: dict[str, Any] = {"username": "ada", "password": PASSWORD, "code": "ABCD"} | {where: {"x": PASSWORD}}
    for body in (asked, [asked], {"username": "ada", where: [PASSWORD]}, PASSWORD):
        answer = office.client.post(path, json=body)
        problem_of(answer, 422)
        assert PASSWORD not in answer.text.replace(f'"username","value":"{PASSWORD}"', "")


def test_the_value_of_an_ordinary_setting_is_shown_though_it_holds_a_word_of_secrets(office: Office) -> None:
    for name in ("cooldown", "min_confidence_threshold"):
        assert problem_of(office.ask("PUT", "/api/risk/limits", json={name: -7}), 422)["value"] == -7


def chunks(number: int, size: int = 8192) -> Iterator[bytes]:
    yield b'{"why": "a look"}'
    for _ in range(number):
        yield b" " * size


@pytest.mark.parametrize("path", ["/api/risk/halt", "/api/auth/login", f"{PIPELINE}/start"])
def test_r34_a_body_that_is_too_long_is_refused_declared_or_not(office: Office, path: str) -> None:
    before = office.books()
    kind = {"Content-Type": "application/json"}
    problem_of(office.ask("POST", path, content=b" " * (64 * 1024 + 1), headers=kind), 413, "too_large")
    problem_of(office.ask("POST", path, content=chunks(9), headers=kind), 413, "too_large")
    for length in ("99999999999999999999", "-1", "1x", "٣"):
        lying = {**kind, "Content-Length": length.encode()}
        answer = office.ask("POST", path, content=b"{}", headers=lying)
        problem_of(answer, 413, "too_large")
    assert office.books() == before


def test_r34_a_body_of_just_the_allowed_length_is_read(quiet_office: Office) -> None:
    body = b'{"why": "a look"}'
    kind = {"Content-Type": "application/json"}
    padded = body + b" " * (64 * 1024 - len(body))
    assert quiet_office.ask("POST", "/api/risk/halt", content=padded, headers=kind).status_code == 200
    answer = quiet_office.ask("POST", "/api/risk/resume", content=chunks(7), headers=kind)
    assert answer.status_code == 200


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json",
                                  "application/xml", "application/json-patch+json", "application/jsonx"])  # fmt: skip
@pytest.mark.parametrize("path", ["/api/risk/halt", "/api/auth/login", f"{PIPELINE}/start"])
def test_r34_a_body_of_another_kind_is_refused(office: Office, path: str, kind: str) -> None:
    before = office.books()
    answer = office.ask("POST", path, content=b'{"why": "a look"}', headers={"Content-Type": kind})
    told = problem_of(answer, 415, "wrong_content_type")
    assert "application/json" in told["detail"]
    assert office.books() == before


IDENTIFIERS = [
    "x", "%00", "a" * 64, "a" * 65, "..%2f..", "BTC/USDT", "BTC/USDT@", "@", "NOPE@2022-01-01", "%F0%9F%92%A9",
    "BTC/USDT@0001-01-01T00:00:00%2B23:59", "BTC/USDT@9999-12-31", "BTC/USDT@2026-11-24T00:00:01Z", "f" * 24, "0" * 24,
    "-1234567890123456789012",
]  # fmt: skip


@pytest.mark.parametrize("identifier", IDENTIFIERS)
@pytest.mark.parametrize("tail", ["", "/lineage"])
def test_a_decision_that_is_none_is_not_found(office: Office, identifier: str, tail: str) -> None:
    answer = office.ask("GET", f"/api/decisions/{identifier}{tail}")
    if len(identifier) > 64 and answer.status_code == 422:
        problem_of(answer, 422)
        return
    told = problem_of(answer, 404, "not_found")
    assert told["field"] == "decision"


@pytest.mark.parametrize("identifier", ["x", "%00", "a" * 64, "%2e%2e", "%F0%9F%92%A9", "BTC"])
def test_a_position_that_is_none_is_not_found(office: Office, identifier: str) -> None:
    before = office.books()
    problem_of(office.ask("POST", f"/api/positions/{identifier}/close"), 404, "not_found")
    assert office.books() == before
