"""What leads where: OpenAPI links from what is listed to what may be asked of it, or done with it."""

from typing import Any, NamedTuple


class _Target(NamedTuple):
    """An operation on one thing, whose id is its only parameter."""

    name: str
    method: str
    path: str
    parameter: str


_DECISION = _Target("decision", "get", "/api/decisions/{decision_id}", "decision_id")
_LINEAGE = _Target("lineage", "get", "/api/decisions/{decision_id}/lineage", "decision_id")
_CLOSE = _Target("close", "post", "/api/positions/{position_id}/close", "position_id")

_LINKS: tuple[tuple[str, str, _Target, str], ...] = (
    ("get", "/api/decisions", _DECISION, "/decisions/0/id"),
    ("get", "/api/decisions", _LINEAGE, "/decisions/0/id"),
    ("get", "/api/decisions/{decision_id}", _LINEAGE, "/decision/id"),
    ("get", "/api/trading-pipeline/signals", _DECISION, "/signals/0/id"),
    ("get", "/api/trading-pipeline/trades", _LINEAGE, "/trades/0/trade_id"),
    ("get", "/api/orders", _LINEAGE, "/orders/0/id"),
    ("get", "/api/fills", _LINEAGE, "/fills/0/trade_id"),
    ("get", "/api/positions", _LINEAGE, "/positions/0/id"),
    ("get", "/api/positions", _CLOSE, "/positions/0/id"),
    ("post", "/api/positions/{position_id}/close", _LINEAGE, "/orders/0"),
)
"""Method and path of the answer that a link starts from, where it leads, and where in the answer the id stands."""


def add_links(document: dict[str, Any]) -> None:
    """Write the links into an OpenAPI *document*, beside the answers that they start from."""
    paths = document["paths"]
    for method, source, target, pointer in _LINKS:
        assert target.method in paths[target.path], target
        links = paths[source][method]["responses"]["200"].setdefault("links", {})
        links[target.name] = {
            "operationRef": f"#/paths/{target.path.replace('/', '~1')}/{target.method}",
            "parameters": {target.parameter: f"$response.body#{pointer}"},
        }
