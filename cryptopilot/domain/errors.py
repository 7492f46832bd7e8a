"""Errors, named by what to do next. Each of ours descends from one of the three families below."""

from decimal import Decimal


class CryptoPilotError(Exception):
    """The root of every error raised on purpose."""


class TransientError(CryptoPilotError):
    """Wait, look, try again."""


class RejectedError(CryptoPilotError):
    """This request is wrong: drop it, go on."""


class IntegrityError(CryptoPilotError):
    """The books cannot be trusted: stop trading."""


class InvalidValueError(RejectedError):
    """A value is out of its bounds; the message names field, value and what is allowed."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{field} is {value!r}; allowed: {allowed}")
        self.field, self.value, self.allowed = field, value, allowed


class UnknownSymbolError(RejectedError):
    """A symbol that this market does not have."""

    def __init__(self, symbol: str, known: tuple[str, ...]) -> None:
        super().__init__(f"symbol {symbol!r} is not in this market; it has: {', '.join(known) or 'none'}")
        self.symbol, self.known = symbol, known


class MalformedCandleError(RejectedError):
    """A candle that cannot be true: it is kept out and never becomes a price."""

    def __init__(self, symbol: str, open_time: object, why: str) -> None:
        super().__init__(f"{symbol} candle at {open_time}: {why}")
        self.symbol, self.open_time, self.why = symbol, open_time, why


class InstrumentGridError(RejectedError):
    """Tick and lot sizes whose products would not stay exact within 64 bits."""

    def __init__(self, symbol: str, why: str) -> None:
        super().__init__(f"instrument {symbol}: {why}")
        self.symbol, self.why = symbol, why


class DataFileError(RejectedError):
    """A file that is missing, empty, damaged or not what its name says."""

    def __init__(self, path: object, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path, self.why = path, why


class OutOfOrderError(RejectedError):
    """An instant that is not after the last one handled: the clock went backwards, or it was sent twice."""

    def __init__(self, instant: int, last: int) -> None:
        super().__init__(f"instant {instant} is not after {last}, the last one handled; nothing was done")
        self.instant, self.last = instant, last


class ApprovalSpentError(RejectedError):
    """An approval was used a second time."""


class UnreviewedOrderError(IntegrityError):
    """Something tried to send an order that `review` has not approved."""


class ModelUnavailableError(RejectedError):
    """A model cannot predict now: its file is missing, stale or broken. It abstains, visibly."""


class ServiceClosedError(TransientError):
    """The service has not been opened yet, or is being closed."""


class NotFoundError(RejectedError):
    """Nothing has that name or id; says what is there instead, or where to look."""

    def __init__(self, field: str, value: object, hint: str) -> None:
        super().__init__(f"{field} {value!r} does not exist; {hint}")
        self.field, self.value, self.hint = field, value, hint


class ConflictError(RejectedError):
    """The request is right, but not now: what it asks for is so already, or something stands against it."""


class JournalUnavailableError(TransientError):
    """The database did not take the transaction: nothing of it is written, no entry may be sent."""


class JournalRefusedError(IntegrityError):
    """The database refused a batch that contradicts what it holds: our books and its are not the same."""


class SpillFailedError(IntegrityError):
    """Facts can be kept neither in the journal nor in the spill."""


class PipelineStoppedError(IntegrityError):
    """The loop has ended on an error that it cannot go on from; nothing is decided or sent any more."""


class JournalCorruptError(IntegrityError):
    """The journal's chain is broken; names the wallet and the first bad sequence number."""

    def __init__(self, wallet_id: str, sequence: int, why: str) -> None:
        super().__init__(f"journal of {wallet_id} is broken at sequence {sequence}: {why}")
        self.wallet_id, self.sequence, self.why = wallet_id, sequence, why


class LedgerMismatchError(IntegrityError):
    """Two views of the books that must agree do not."""

    def __init__(self, what: str, *, ours: Decimal | int | str, theirs: Decimal | int | str) -> None:
        super().__init__(f"{what}: we hold {ours}, the other side says {theirs}")
        self.what, self.ours, self.theirs = what, ours, theirs


class HomeTakenError(RejectedError):
    """A second process wants the same home; names the one that has it."""

    def __init__(self, home: object, holder: str) -> None:
        super().__init__(f"{home} is in use by {holder}; stop that one first or choose another CRYPTOPILOT_HOME")
        self.home, self.holder = home, holder


class WriterLostError(IntegrityError):
    """Another process has become the writer of our books while we were away."""


class SettingsError(RejectedError):
    """One or more settings are wrong; every line names one, its value and what is allowed."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class PoolUnavailableError(TransientError):
    """Nobody is there, or nobody is left, to run tasks; what was finished is kept."""


class StudyTakenError(RejectedError):
    """Another process works on the same study; two would run the same trials."""

    def __init__(self, study: str) -> None:
        super().__init__(
            f"study {study!r} is being worked on by another process; wait for it, or choose another --study"
        )
        self.study = study


class StudyMismatchError(RejectedError):
    """A study of that name searches something else; every line names what differs."""

    def __init__(self, study: str, differences: list[str]) -> None:
        lines = "\n".join(f"  {line}" for line in differences)
        super().__init__(
            f"study {study!r} belongs to another search; choose another --study, or ask for the same:\n{lines}"
        )
        self.study, self.differences = study, differences
