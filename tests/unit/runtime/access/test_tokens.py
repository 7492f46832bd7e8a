"""Access tokens: only what we signed, with the algorithm we use, for whom, and while it counts."""

import base64
import hmac
import json
import random
import secrets
from dataclasses import dataclass
from typing import Any

import jwt
import pytest

from cryptopilot.domain.errors import InvalidValueError
from cryptopilot.domain.people import Identity, Role, TokenRefusedError
from cryptopilot.runtime.access.tokens import LIFETIME_S, LONGEST, REMEMBERED, KeyRing, Tokens
from cryptopilot.runtime.home import SigningKey
from tests.fakes.access import NOW, HandClock

KEY = "k" * 20 + "0123456789abcdefghij"
ADA = Identity("u1", "Ada", Role.OPERATOR, "s1", NOW + LIFETIME_S * 1000)


@dataclass
class Mint:
    """Our tokens, and whatever somebody else would make of them."""

    clock: HandClock
    tokens: Tokens

    def forge(self, key: Any = KEY, alg: str = "HS256", header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token as ours but for what is said; a claim that is None is left out."""
        now = self.clock.now // 1000
        ours = {
            "iss": "cryptopilot", "aud": "cryptopilot", "sub": "u1", "sid": "s1", "role": "operator", "name": "Ada",
            "iat": now, "nbf": now, "exp": now + LIFETIME_S, "jti": "j1",
        }  # fmt: skip
        kept = {name: value for name, value in (ours | claims).items() if value is not None}
        return jwt.encode(kept, key, alg, {"kid": "new"} | (header or {}))

    def refusal(self, token: str) -> str:
        with pytest.raises(TokenRefusedError) as refused:
            self.tokens.verify(token)
        assert not token or token not in str(refused.value)
        return refused.value.reason


@pytest.fixture
def mint() -> Mint:
    clock = HandClock()
    return Mint(clock, Tokens(KeyRing([SigningKey("new", KEY, 0)]), now=clock))


def test_a_token_says_who_was_told_to_it_until_it_expires(mint: Mint) -> None:
    token = mint.tokens.issue(ADA)
    assert mint.tokens.verify(token) == ADA
    mint.clock.pass_s(LIFETIME_S - 0.001)
    assert mint.tokens.verify(token) == ADA
    mint.clock.pass_s(0.001)
    assert mint.refusal(token) == "expired"


def test_what_ours_look_like_is_what_the_forge_makes(mint: Mint) -> None:
    assert mint.tokens.verify(mint.forge()) == ADA


def test_a_token_that_nobody_has_shown_before_its_end_is_expired(mint: Mint) -> None:
    token = mint.tokens.issue(ADA)
    mint.clock.pass_s(LIFETIME_S)
    assert mint.refusal(token) == "expired"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iss": "somebody"}, "wrong issuer"),
        ({"aud": "somebody"}, "wrong audience"),
        ({"aud": ["cryptopilot", "somebody"]}, "wrong audience"),
        ({"nbf": NOW // 1000 + 3600}, "not yet valid"),
        ({"iat": NOW // 1000 + 3600, "exp": NOW // 1000 + 3700}, "not yet valid"),
        ({"exp": NOW // 1000 - 1}, "expired"),
        ({"exp": NOW // 1000 + LIFETIME_S + 1}, "too long a lifetime"),
        ({"exp": str(NOW)}, "malformed"),
        ({"exp": 1e300}, "malformed"),
        ({"iat": True}, "malformed"),
        ({"nbf": {}}, "malformed"),
        ({"sid": ["s1"]}, "malformed"),
        ({"sid": ""}, "malformed"),
        ({"name": 7}, "malformed"),
        ({"jti": ""}, "malformed"),
        ({"role": "owner"}, "unknown role"),
        ({"role": ["admin"]}, "unknown role"),
        *(
            ({name: None}, f"claim {name} is missing")
            for name in ("iss", "aud", "sub", "sid", "role", "name", "iat", "nbf", "exp", "jti")
        ),
    ],
)  # fmt: skip
def test_every_claim_counts(mint: Mint, changed: dict[str, Any], reason: str) -> None:
    assert mint.refusal(mint.forge(**changed)) == reason


def test_a_token_without_an_algorithm_or_with_another_is_refused(mint: Mint) -> None:
    _, claims, signature = mint.forge().split(".")
    for name in ("none", "None", "NONE", "nOnE", "", None, 7, ["HS256"], "hs256"):
        plain = _segment({"alg": name, "typ": "JWT", "kid": "new"})
        for last in ("", "AA", signature):
            assert mint.refusal(f"{plain}.{claims}.{last}") == "wrong algorithm"
    for name in ("HS384", "HS512"):
        assert mint.refusal(mint.forge(KEY * 2, name)) == "wrong algorithm"


@pytest.mark.parametrize("name", ["RS256", "PS256", "ES256", "EdDSA", "HS512", "none"])
def test_an_algorithm_swapped_in_the_header_is_refused_even_under_a_signature_of_our_key(mint: Mint, name: str) -> None:
    """The confusion of RS256 with HS256: what one kind of key signed is to be taken for the other's."""
    signed = f"{_segment({'alg': name, 'typ': 'JWT', 'kid': 'new'})}.{mint.forge().split('.')[1]}"
    digest = hmac.digest(KEY.encode(), signed.encode(), "sha256")
    assert mint.refusal(f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}") == "wrong algorithm"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"kid": "other"}, "unknown key"),
        ({"kid": "../../etc/passwd"}, "unknown key"),
        ({"kid": ""}, "unknown key"),
        ({"typ": "JWE"}, "malformed"),
        ({"jwk": {"kty": "oct", "k": "AAAA"}}, "malformed"),
        ({"jku": "https://example.org/keys"}, "malformed"),
        ({"x5u": "https://example.org/keys"}, "malformed"),
        ({"crit": ["exp"]}, "malformed"),
    ],
)
def test_the_header_chooses_nothing(mint: Mint, header: dict[str, Any], reason: str) -> None:
    assert mint.refusal(mint.forge(header=header)) == reason


def test_a_header_that_is_not_what_it_should_be_is_refused(mint: Mint) -> None:
    _, claims, signature = mint.forge().split(".")
    headers: list[object] = [
        [],
        "HS256",
        7,
        {"alg": "HS256", "typ": "JWT"},
        {"alg": "HS256", "typ": "JWT", "kid": 7},
        {},
    ]
    for header in headers:
        assert mint.refusal(f"{_segment(header)}.{claims}.{signature}") in ("malformed", "wrong algorithm")
    deep = base64.urlsafe_b64encode(b"[" * 2900).decode().rstrip("=")
    assert mint.refusal(f"{deep}.e30.AA") == "malformed"


def test_a_token_with_any_character_changed_is_refused(mint: Mint) -> None:
    token = mint.tokens.issue(ADA)
    for place in range(len(token) - 1):  # The last character's low bits are none of the signature's.
        other = "A" if token[place] != "A" else "B"
        mint.refusal(token[:place] + other + token[place + 1 :])
    assert mint.tokens.verify(token) == ADA


def test_what_is_no_token_is_malformed(mint: Mint) -> None:
    dice = random.Random(4)
    alphabet = "ABCabc012-_.=+/ \n{}\"'%é\0"
    for _ in range(200):
        text = "".join(dice.choice(alphabet) for _ in range(dice.randrange(1, 400)))
        assert mint.refusal(text) == "malformed"
    for text in ("", ".", "..", "...", "a.b.c", "e30.e30.e30.e30", "x" * 10_240, mint.forge(name="A" * LONGEST)):
        assert mint.refusal(text) in ("malformed", "wrong algorithm")


def test_ours_are_known_by_their_key(mint: Mint) -> None:
    assert mint.refusal(mint.forge(secrets.token_urlsafe(48))) == "wrong signature"


def test_a_replaced_key_verifies_for_one_lifetime_and_signs_no_more() -> None:
    clock = HandClock()
    old, new = SigningKey("old", KEY, 0), SigningKey("new", KEY[::-1], NOW + 60_000)
    before = Tokens(KeyRing([old]), now=clock).issue(ADA)
    clock.pass_s(60)
    after = Tokens(KeyRing([old, new]), now=clock)
    assert after.verify(before) == ADA
    assert jwt.get_unverified_header(after.issue(ADA))["kid"] == "new"
    clock.pass_s(LIFETIME_S)
    forged = Mint(clock, after).forge(KEY, header={"kid": "old"})
    assert Mint(clock, after).refusal(forged) == "unknown key"


def test_a_token_at_hand_ends_with_its_key() -> None:
    clock = HandClock()
    ring = KeyRing([SigningKey("old", KEY, 0), SigningKey("new", KEY[::-1], NOW - LIFETIME_S * 1000 + 5000)])
    tokens = Tokens(ring, now=clock)
    token = Mint(clock, tokens).forge(KEY, header={"kid": "old"})
    assert tokens.verify(token) == ADA
    clock.pass_s(5)
    assert Mint(clock, tokens).refusal(token) == "expired"


def test_a_key_that_came_from_an_environment_that_has_another_now_verifies_nothing() -> None:
    clock = HandClock()
    tokens = Tokens(KeyRing([SigningKey("gone", None, 0), SigningKey("new", KEY, NOW)]), now=clock)
    assert Mint(clock, tokens).refusal(Mint(clock, tokens).forge("None" * 8, header={"kid": "gone"})) == "unknown key"


def test_a_ring_without_a_key_to_sign_with_is_refused() -> None:
    for keys in ([], [SigningKey("gone", None, 0)]):
        with pytest.raises(InvalidValueError, match="signing keys"):
            KeyRing(keys)


def test_a_revoked_session_ends_all_its_tokens_seen_and_unseen_and_no_others(mint: Mint) -> None:
    seen, unseen = mint.tokens.issue(ADA), mint.tokens.issue(ADA)
    other = mint.tokens.issue(ADA._replace(session_id="s2"))
    for token in (seen, other):
        mint.tokens.verify(token)
    mint.tokens.revoke("s1")
    assert mint.refusal(seen) == mint.refusal(unseen) == "revoked"
    assert mint.tokens.verify(other).session_id == "s2"


def test_a_revocation_counts_in_the_next_process() -> None:
    clock = HandClock()
    tokens = Tokens(KeyRing([SigningKey("new", KEY, 0)]), [("s1", NOW - 1000)], now=clock)
    assert Mint(clock, tokens).refusal(tokens.issue(ADA)) == "revoked"


def test_a_clock_set_back_a_little_refuses_nothing_that_was_just_issued(mint: Mint) -> None:
    token = mint.tokens.issue(ADA)
    mint.clock.pass_s(-5)
    assert mint.tokens.verify(token) == ADA


def test_a_token_is_read_once_and_those_at_hand_are_bounded(mint: Mint, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    decode = jwt.decode

    def counted(token: str, *rest: Any, **more: Any) -> Any:
        read.append(token)
        return decode(token, *rest, **more)

    monkeypatch.setattr(jwt, "decode", counted)
    first = mint.tokens.issue(ADA)
    for _ in range(3):
        mint.tokens.verify(first)
    assert len(read) == 1
    for _ in range(REMEMBERED):
        mint.tokens.verify(mint.tokens.issue(ADA))
    mint.tokens.verify(first)
    assert len(read) == REMEMBERED + 2


def _segment(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
