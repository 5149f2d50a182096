"""Each refusal of Brevo becomes the error that says what to do next, and quotes nobody's address."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.brevo.api.errors import Clash, NotFound, RateLimited, SendingBlocked, TooEarly, error_for, scrub
from tajo.core.errors import ContractError, CredentialError, RejectedError, TajoError, TransientError
from tajo.http import Call, Reply

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
UNKNOWN_IP = (
    "We have detected you are using an unrecognised IP address {}. If you performed this action make sure to add the "
    "new IP address in this link: https://app.brevo.com/security/authorised_ips"
)


def call(label: str = "contacts") -> Call[None]:
    return Call("POST", "/contacts", parse=lambda _: None, origin="brevo.contacts.upsert", label=label)


def judged(
    status: int, body: Any = None, *, headers: dict[str, str] | None = None, label: str = "contacts"
) -> TajoError:
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return error_for(call(label), Reply(status, headers or {}, raw), NOW)


def refused(code: str, message: str, **more: Any) -> dict[str, Any]:
    return {"code": code, "message": message, **more}


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        ("Key not found", "does not know this API key", "SMTP or MCP key"),
        ("authentication not found in headers", "no api-key header", "proxy"),
        ("API Key is not enabled", "expired or was switched off", "make a new one"),
        ("Your API key has expired", "expired or was switched off", "make a new one"),
        ("something new", "refuses the access", "authorised_ips"),
    ],
)
def test_the_causes_of_a_401_are_told_apart(said: str, message: str, hint: str) -> None:
    error = judged(401, refused("unauthorized", said))
    assert type(error) is CredentialError
    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize("ip", ["203.0.113.7", "2001:db8::17"])
def test_an_unknown_ip_is_named_with_its_remedy_and_the_key_left_alone(ip: str) -> None:
    error = judged(401, refused("unauthorized", UNKNOWN_IP.format(ip)))
    assert isinstance(error, CredentialError)
    assert f"IP address {ip}" in error.message
    assert error.hint == "add it at https://app.brevo.com/security/authorised_ips"
    assert "key" not in error.line().lower()


def test_an_unknown_ip_that_is_not_named_still_has_its_remedy() -> None:
    error = judged(401, refused("unauthorized", "unrecognised IP address"))
    assert "of this machine" in error.message
    assert "authorised_ips" in error.hint


def test_a_401_without_body_or_from_a_proxy_is_still_about_access() -> None:
    for body in (None, b"<html>no</html>"):
        assert type(judged(401, body)) is CredentialError


@pytest.mark.parametrize(
    ("status", "code"),
    [(402, "not_enough_credits"), (402, "account_under_validation"), (400, "account_under_validation"), (402, "new")],
)
def test_blocked_sending_is_an_error_of_its_own(status: int, code: str) -> None:
    error = judged(status, refused(code, "no"))
    assert isinstance(error, SendingBlocked)
    assert isinstance(error, CredentialError)
    assert error.hint


def test_a_missing_right_and_a_missing_thing() -> None:
    assert type(judged(403, refused("permission_denied", "no"))) is CredentialError
    error = judged(404, refused("document_not_found", "Contact does not exist"))
    assert isinstance(error, NotFound)
    assert (error.status, error.code) == (404, "document_not_found")
    assert isinstance(judged(404, refused("invalid_parameter", "processId is invalid")), NotFound)


@pytest.mark.parametrize("code", ["duplicate_parameter", "invalid_parameter"])
def test_a_clash_is_known_by_its_metadata_whichever_code_it_has(code: str) -> None:
    body = refused(code, "Unable to update contact", metadata={"duplicate_identifiers": ["email", "SMS"]})
    for status in (400, 409):
        error = judged(status, body)
        assert isinstance(error, Clash)
        assert error.identifiers == ("EMAIL", "SMS")
        assert (error.status, error.code) == (status, code)


def test_the_older_wording_of_a_clash_names_nobody() -> None:
    error = judged(400, refused("duplicate_parameter", "Contact already exist"))
    assert isinstance(error, Clash)
    assert error.identifiers == ()


def test_other_refusals_keep_code_and_words() -> None:
    error = judged(400, refused("invalid_parameter", "Invalid date format"))
    assert type(error) is RejectedError
    assert (error.status, error.code) == (400, "invalid_parameter")
    assert error.message == 'Brevo refuses this: 400 invalid_parameter "Invalid date format"'
    assert type(judged(422, None)) is RejectedError
    assert type(judged(409, refused("", "busy"))) is RejectedError


def test_retired_calls_and_redirects_break_the_contract() -> None:
    for status in (301, 308, 405, 410):
        assert type(judged(status, refused("method_not_allowed", "no"))) is ContractError


def test_a_limit_says_when_to_come_back() -> None:
    """By Brevo's own seconds; else a second later, or a minute for the buckets counted by the hour."""
    error = judged(429, b"slow down", headers={"x-sib-ratelimit-reset": "12"})
    assert isinstance(error, RateLimited)
    assert error.retry_at == NOW + timedelta(seconds=12)
    assert not error.ambiguous
    for label, seconds in (("contacts", 1), ("other", 60)):
        error = judged(429, None, label=label)
        assert isinstance(error, RateLimited)
        assert error.retry_at == NOW + timedelta(seconds=seconds)
    error = judged(429, None, headers={"x-sib-ratelimit-reset": "0"})
    assert isinstance(error, RateLimited)
    assert error.retry_at == NOW + timedelta(seconds=1)


def test_too_early_comes_again() -> None:
    assert isinstance(judged(425, None), TooEarly)
    assert isinstance(judged(400, refused("account_in_process", "wait")), TooEarly)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 524, 408])
def test_a_failing_server_may_have_done_it(status: int) -> None:
    error = judged(status, b"<html>Bad gateway</html>")
    assert type(error) is TransientError
    assert error.ambiguous


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_a_page_that_is_not_brevos_judges_no_record(status: int) -> None:
    """A proxy's 404 in HTML must not send every contact to the dead letters."""
    error = judged(status, b"<!doctype html><title>blocked</title>")
    assert type(error) is TransientError
    assert "before Brevo" in error.message
    assert not error.ambiguous


def test_errors_survive_a_pickle() -> None:
    for error in (judged(429, None), judged(400, refused("duplicate_parameter", "x"))):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), again.__dict__) == (type(error), error.__dict__)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Invalid email address ada@x.eu given", "Invalid email address ‹e-mail› given"),
        ("contact <Ada+1@X.eu>, is bad", "contact <‹e-mail›>, is bad"),
        ("ada%40x.eu", "‹e-mail›"),
        ("김@예시.한국 없음", "‹e-mail› 없음"),
        ('"ada l"@x.eu is bad', ""),
        ("SMS +33 6 12 34 56 78 is taken", "SMS ‹number› is taken"),
        ("key xkeysib-0123456789abcdef-XyZ unknown", "key ‹key› unknown"),
        ("two\nlines\x00", "two lines"),
    ],
)
def test_no_address_number_or_key_is_quoted(said: str, kept: str) -> None:
    assert scrub(said) == kept


@given(st.emails(), st.text(max_size=20), st.text(max_size=20))
def test_no_error_quotes_an_address_brevo_quoted(email: str, before: str, after: str) -> None:
    body = refused("invalid_parameter", f"{before} {email} {after}", metadata={"duplicate_identifiers": [email]})
    for status in (400, 402, 403, 404, 409, 425, 500):
        error = judged(status, body)
        assert "@" not in error.line()


@given(
    st.integers(300, 599),
    st.one_of(
        st.binary(max_size=40),
        st.builds(
            lambda v: json.dumps(v).encode(),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(
                        st.sampled_from(["code", "message", "metadata", "duplicate_identifiers"]), inner, max_size=4
                    )
                ),
                max_leaves=8,
            ),
        ),
    ),
)
def test_whatever_comes_back_is_one_of_our_errors(status: int, body: bytes) -> None:
    assert isinstance(error_for(call(), Reply(status, {}, body), NOW), TajoError)
