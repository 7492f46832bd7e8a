"""What is decided but not yet sent. It is sent after the instant that decided it has become durable."""

from cryptopilot.domain.order import Protection
from cryptopilot.domain.risk import Approved
from cryptopilot.ports.broker import Broker


class Outbox:
    """Intents of one wallet, in order."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._approved: list[Approved] = []
        self._protections: dict[str, Protection] = {}

    def intend(self, approved: Approved) -> None:
        self._approved.append(approved)

    def protect(self, protection: Protection) -> None:
        """Only the newest protection of a symbol is worth sending."""
        self._protections[protection.symbol] = protection

    def dispatch(self) -> list[Approved]:
        """Send everything; answers with the orders that the venue took.

        Raises:
            TransientError: an order's fate is unknown; it and all after it stay in the outbox.
        """
        for symbol in list(self._protections):
            self._broker.protect(self._protections[symbol])
            del self._protections[symbol]
        sent: list[Approved] = []
        while self._approved:
            self._broker.submit(self._approved[0])
            sent.append(self._approved.pop(0))
        return sent

    def drop(self) -> None:
        """Forget everything: the instant that intended it was given up."""
        self._approved.clear()
        self._protections.clear()
