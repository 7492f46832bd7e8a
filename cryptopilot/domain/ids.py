"""Identifiers: pure functions of what they identify, so that doing a thing twice cannot make two of it."""

import hashlib


def decision_id(wallet_id: str, symbol: str, instant: int, kind: str) -> str:
    """24 hexadecimal digits: the instant (so that ids sort by time and lead to their segment), then a hash."""
    digest = hashlib.sha256(f"{wallet_id}|{symbol}|{instant}|{kind}".encode()).hexdigest()
    return f"{instant:011x}{digest[:13]}"


def instant_of(identifier: str) -> int:
    """The instant inside a decision id, in ms UTC.

    Raises:
        ValueError: it is not one.
    """
    if len(identifier) != 24:
        raise ValueError(f"not a decision id: {identifier!r}")
    return int(identifier[:11], 16)
