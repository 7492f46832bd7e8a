"""How attempts to come in are slowed down: by account and by address, never for ever."""

import ipaddress
import math

from cryptopilot.adapters.storage.throttles import Throttles
from cryptopilot.domain.people import ThrottledError, is_username

FREE = 5
LONGEST_MS = 15 * 60_000


def wait_ms(failures: int) -> int:
    """Milliseconds to wait after so many failures: none up to FREE, then 2, 4, 8 seconds, up to LONGEST_MS."""
    if failures <= FREE:
        return 0
    return min(1000 << min(failures - FREE, 30), LONGEST_MS)


class Throttle:
    """Counts attempts by who is asked for and where it comes from."""

    def __init__(self, throttles: Throttles) -> None:
        self._throttles = throttles

    def admit(self, address: str, account: str | None, now: int) -> None:
        """Count an attempt, as failed until `settle` says that it was not.

        Raises:
            ThrottledError: it comes too soon; it was not counted.
        """
        left = self._throttles.admit(_keys(address, account), now)
        if left:
            raise ThrottledError(math.ceil(left / 1000))

    def settle(self, address: str, account: str | None, at: int) -> None:
        """The attempt admitted at *at* succeeded: the account's failures are forgotten, the address is as before.

        Were the address's forgotten too, whoever has an account could guess at others' without end.
        """
        by_address, *by_account = _keys(address, account)
        self._throttles.settle(by_account, by_address, at)

    def forget(self, username: str, known: frozenset[str]) -> None:
        """Forget an account's failures, from wherever they came; *known* as in `account_key`."""
        names = [username.lower(), *(f"{username.lower()} at {place}" for place in known)]
        self._throttles.forget(f"account {name}" for name in names)


def account_key(username: str, address: str, known: frozenset[str]) -> str | None:
    """What failures on an account count under; None for what is no username: only its address counts.

    An address that the account was signed in from has a count of its own, so that strangers who fail on purpose cannot
    keep the owner out: from there, the owner waits for nobody else's failures.

    Args:
        known: addresses that somebody signed in to the account from.
    """
    if not is_username(username):
        return None
    place = network(address)
    return f"{username.lower()} at {place}" if place in known else username.lower()


def network(address: str) -> str:
    """An address as one attacker has it: of IPv6 the 64 bits that a household gets."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _keys(address: str, account: str | None) -> list[str]:
    by_address = f"address {network(address)}"
    return [by_address] if account is None else [by_address, f"account {account}"]
