"""Whether the TLS files of the settings can serve: there, readable, belonging together, and valid for a while yet."""

import ssl
from pathlib import Path
from typing import NamedTuple

from cryptopilot.domain.timeframe import DAY, iso
from cryptopilot.engine.clock import wall_ms
from cryptopilot.runtime.diagnosis import Finding, State
from cryptopilot.runtime.settings import Settings

SOON_MS = 21 * DAY
"""Renewals by machines come thirty days before the end: nine days later one has failed."""

_ANY_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python does not name: we read the times ourselves."""

_NAMES = "CRYPTOPILOT_TLS_CERTIFICATE", "CRYPTOPILOT_TLS_KEY"


class Validity(NamedTuple):
    """From when until when a certificate counts, ms UTC."""

    begins: int
    ends: int


def tls(settings: Settings) -> Finding:
    """How the certificate and its key stand."""
    paths = settings.tls_certificate, settings.tls_key
    certificate, key = paths
    if certificate is None and key is None:
        return Finding("tls", State.WELL, "none; the address is for this machine, or a proxy does it")
    for name, path in zip(_NAMES, paths, strict=True):
        problem = f"{name} is not set" if path is None else _unreadable(name, path)
        if problem is not None:
            return Finding("tls", State.WRONG, problem, "set both to PEM files that this user may read")
    assert certificate is not None
    assert key is not None
    try:
        return _judged(certificate, validity(certificate, key))
    except (ssl.SSLError, OSError, ValueError) as error:
        seen = f"{certificate} and {key} cannot serve: {error}"
        return Finding("tls", State.WRONG, seen, "give the certificate, with its chain, and the key it was made for")


def validity(certificate: Path, key: Path) -> Validity:
    """How long a certificate counts, as a client would read it: by a handshake in memory with the server that uses it.

    Raises:
        SSLError: no certificate, no key, a key that is another's or encrypted, or no certificate of a server.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key, password=lambda: "")  # Nobody is there to be asked for one.
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(certificate)
    client.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | _ANY_TIME
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(back, there)
    answering = server.wrap_bio(there, back, server_side=True)
    while not all([_shaken(asking), _shaken(answering)]):
        pass  # Each goes on with what the other has said.
    told = asking.getpeercert()
    assert told is not None
    return Validity(*(int(ssl.cert_time_to_seconds(str(told[n]))) * 1000 for n in ("notBefore", "notAfter")))


def _shaken(side: ssl.SSLObject) -> bool:
    """Whether this side of a handshake has come to its end."""
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _judged(certificate: Path, valid: Validity) -> Finding:
    now, renew = wall_ms(), "renew it, then restart"
    if now < valid.begins:
        return Finding(
            "tls", State.WRONG, f"{certificate} counts only from {iso(valid.begins)}", "wait, or set the clock"
        )
    if now >= valid.ends:
        return Finding("tls", State.WRONG, f"{certificate} has expired at {iso(valid.ends)}", renew)
    if now >= valid.ends - SOON_MS:
        days = (valid.ends - now) // DAY
        return Finding("tls", State.NOTE, f"{certificate} expires at {iso(valid.ends)}, in {days} days", renew)
    return Finding("tls", State.WELL, f"{certificate} with its key, until {iso(valid.ends)}")


def _unreadable(name: str, path: Path) -> str | None:
    try:
        path.open("rb").close()
    except OSError as error:
        return f"{name} is {path}: {error.strerror}"
    return None
