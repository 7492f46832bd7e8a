"""The doctor looks at the files that TLS is served with, before a client does."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cryptopilot.cli import certificate
from cryptopilot.cli.certificate import SOON_MS, Validity, tls, validity
from cryptopilot.domain.timeframe import DAY, iso, parse_time
from cryptopilot.runtime.diagnosis import Finding, State
from cryptopilot.runtime.settings import load_settings

# Made with: openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 \
#   -subj /CN=pilot.example -addext subjectAltName=DNS:pilot.example
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBojCCAUegAwIBAgIUHGwM3p2hdy+oUGPRoncyhypTh+kwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNcGlsb3QuZXhhbXBsZTAgFw0yNjExMjMxMzIxMjVaGA8yMTI2
MTAzMDEzMjEyNVowGDEWMBQGA1UEAwwNcGlsb3QuZXhhbXBsZTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABBgrPvVG/tWiNmu0aQFWha0hHb4AQeISvRzxBClrhB/I
ZAf8mKQHOxOeGNZY/c08lSCWv1VS8cOZ59NNbk0x5yqjbTBrMB0GA1UdDgQWBBRu
cJ9HohGXqhQalzx4eQEytT/7AzAfBgNVHSMEGDAWgBRucJ9HohGXqhQalzx4eQEy
tT/7AzAPBgNVHRMBAf8EBTADAQH/MBgGA1UdEQQRMA+CDXBpbG90LmV4YW1wbGUw
CgYIKoZIzj0EAwIDSQAwRgIhAPT+ZenzUr6pLfXVns+1gzgy0cXxeL+sf0mMS5EX
/EexAiEA6GQ6t4hGSGINFZvc+xZMz9zOR+j9tZj6uUTcFvc87wM=
-----END CERTIFICATE-----
"""
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAOUaO642WCctL0RW
mtvpZN9yGQ++1C0pOtkV6rvq6FyhRANCAAQYKz71Rv7VojZrtGkBVoWtIR2+AEHi
Er0c8QQpa4QfyGQH/JikBzsTnhjWWP3NPJUglr9VUvHDmefTTW5NMecq
-----END PRIVATE KEY-----
"""
ANOTHER_KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgQY/V6SzgI76PbQkE
l41I7iV909zQD35m7DlMdIZ6Xj+hRANCAAQQyv3B82SYpGD3JZlyv0bU5PiGeh7u
ORKSiikEJzBEk6ltuB7o0lXlGJ66xf2k+msJIoyU/pHNoAYNErYgUMFJ
-----END PRIVATE KEY-----
"""
VALID = Validity(parse_time("begins", "2026-11-23T13:21:25Z"), parse_time("ends", "2126-10-30T13:21:25Z"))

Look = Callable[..., Finding]


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Look:
    """What is found of two files at a wall time."""

    def looked(certificate_: str | None = CERTIFICATE, key: str | None = KEY, now: int = VALID.begins) -> Finding:
        monkeypatch.setattr(certificate, "wall_ms", lambda: now)
        paths = tmp_path / "chain.pem", tmp_path / "key.pem"
        for path, content in zip(paths, (certificate_, key), strict=True):
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_text(content)
        return tls(load_settings(CRYPTOPILOT_TLS_CERTIFICATE=paths[0], CRYPTOPILOT_TLS_KEY=paths[1]))

    return looked


def test_without_tls_nothing_is_wrong() -> None:
    assert tls(load_settings()).state is State.WELL


def test_a_certificate_is_told_until_when_it_counts(look: Look, tmp_path: Path) -> None:
    found = look()
    assert (found.state, iso(VALID.ends) in found.seen) == (State.WELL, True)
    assert validity(tmp_path / "chain.pem", tmp_path / "key.pem") == VALID


def test_a_file_that_is_missing_is_named_by_its_setting(look: Look) -> None:
    for files, name in (({"certificate_": None}, "TLS_CERTIFICATE"), ({"key": None}, "TLS_KEY")):
        found = look(**files)
        assert found.state is State.WRONG
        assert f"CRYPTOPILOT_{name} is " in found.seen
        assert "No such file" in found.seen


def test_one_of_the_two_alone_is_named(tmp_path: Path) -> None:
    (tmp_path / "chain.pem").write_text(CERTIFICATE)
    found = tls(load_settings(CRYPTOPILOT_TLS_CERTIFICATE=tmp_path / "chain.pem"))
    assert (found.state, found.seen) == (State.WRONG, "CRYPTOPILOT_TLS_KEY is not set")


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"key": ANOTHER_KEY}, "KEY_VALUES_MISMATCH"),
        ({"key": CERTIFICATE}, "PEM"),
        ({"certificate_": KEY}, "PEM"),
        ({"certificate_": "hello"}, "PEM"),
        ({"certificate_": ""}, "PEM"),
    ],
)
def test_files_that_do_not_belong_together_or_are_something_else_cannot_serve(
    look: Look, files: dict[str, str], why: str
) -> None:
    found = look(**files)
    assert found.state is State.WRONG
    assert "cannot serve" in found.seen
    assert why in found.seen
    assert found.remedy


def test_a_certificate_that_has_expired_or_soon_will_is_named_with_the_day(look: Look) -> None:
    assert look(now=VALID.ends - SOON_MS - 1).state is State.WELL
    soon = look(now=VALID.ends - 3 * DAY)
    assert (soon.state, f"expires at {iso(VALID.ends)}, in 3 days" in soon.seen) == (State.NOTE, True)
    assert look(now=VALID.ends - 1).state is State.NOTE
    gone = look(now=VALID.ends)
    assert (gone.state, f"has expired at {iso(VALID.ends)}" in gone.seen) == (State.WRONG, True)


def test_a_certificate_that_does_not_count_yet_is_named(look: Look) -> None:
    early = look(now=VALID.begins - 1)
    assert (early.state, f"counts only from {iso(VALID.begins)}" in early.seen) == (State.WRONG, True)
