"""Bytes for the journal: book events as JSON that people can read, segments and checkpoints as MessagePack."""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from cryptopilot.domain.events import BOOK_EVENTS, BookEvent, Funnel
from cryptopilot.domain.mandate import Mandate
from cryptopilot.domain.prediction import Prediction
from cryptopilot.domain.signal import Judged
from cryptopilot.domain.tape import Checkpoint

GENESIS = b"\x00" * 32

_json = msgspec.json.Encoder()
_pack = msgspec.msgpack.Encoder()
_events: dict[str, msgspec.json.Decoder[Any]] = {name: msgspec.json.Decoder(kind) for name, kind in BOOK_EVENTS.items()}
_predictions = msgspec.msgpack.Decoder(tuple[Prediction, ...])
_judged = msgspec.msgpack.Decoder(tuple[Judged, ...])
_checkpoint = msgspec.msgpack.Decoder(Checkpoint)
_funnel = msgspec.json.Decoder(Funnel)
_mandate = msgspec.json.Decoder(Mandate)


def encode_event(event: BookEvent) -> bytes:
    return _json.encode(event)


def decode_event(kind: str, body: bytes) -> BookEvent:
    """The event, or ValueError when kind or body are none of ours."""
    decoder = _events.get(kind)
    if decoder is None:
        raise ValueError(f"unknown kind of event {kind!r}")
    event: BookEvent = decoder.decode(body)
    return event


def link(previous: bytes, sequence: int, kind: str, body: bytes) -> bytes:
    """The hash that chains one event to the one before it."""
    return hashlib.sha256(b"%b%d|%b|%b" % (previous, sequence, kind.encode(), body)).digest()


def encode_segment(entries: Sequence[Prediction] | Sequence[Judged]) -> tuple[bytes, str]:
    """A segment's bytes and its root."""
    body = _pack.encode(entries)
    return body, hashlib.sha256(body).hexdigest()


def decode_predictions(body: bytes) -> tuple[Prediction, ...]:
    return _predictions.decode(body)


def decode_judged(body: bytes) -> tuple[Judged, ...]:
    return _judged.decode(body)


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    return _pack.encode(checkpoint)


def decode_checkpoint(body: bytes) -> Checkpoint:
    return _checkpoint.decode(body)


def encode_funnel(funnel: Funnel) -> bytes:
    return _json.encode(funnel)


def decode_funnel(body: bytes) -> Funnel:
    return _funnel.decode(body)


def encode_mandate(mandate: Mandate) -> str:
    return _json.encode(mandate).decode()


def decode_mandate(text: str) -> Mandate:
    return _mandate.decode(text)
