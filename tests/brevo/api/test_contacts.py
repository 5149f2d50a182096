"""Single contacts, and that no body ever has a blocklist flag."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.brevo.api import contacts, imports
from tajo.brevo.api.contacts import ContactWrite
from tajo.core.errors import RejectedError
from tajo.http import Call

NAMES = st.one_of(
    st.sampled_from(["emailBlacklisted", "emailBlacklist", "smsBlacklisted", "FIRSTNAME", "Vip"]),
    st.from_regex(r"[A-Za-z0-9_]{1,12}", fullmatch=True),
).filter(lambda name: name.upper() not in contacts.UNWRITABLE)
# A topic may well be "Blacklists explained": as a value it is no flag, so generated values leave the word out.
VALUES = st.one_of(
    st.text(max_size=20).filter(lambda text: "Blacklist" not in text),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.lists(st.sampled_from(["FR", "DE"]), max_size=2).map(tuple),
)
WRITES = st.builds(
    ContactWrite,
    email=st.emails(),
    attributes=st.dictionaries(NAMES, VALUES, max_size=6),
    list_ids=st.lists(st.integers(1, 99), max_size=3).map(tuple),
)


@given(WRITES, st.lists(st.integers(1, 99), min_size=1, max_size=3, unique=True), st.booleans())
def test_no_body_ever_speaks_of_a_blocklist(write: ContactWrite, lists: list[int], erase: bool) -> None:
    calls: list[Call[Any]] = [
        contacts.upsert(write),
        contacts.update(write, unlink_list_ids=lists),
        imports.start([write], [*write.list_ids, *lists], empty_contacts_attributes=erase),
    ]
    for call in calls:
        assert "Blacklist" not in json.dumps(call.body, ensure_ascii=False, allow_nan=False)


@given(WRITES)
def test_a_body_has_only_the_keys_we_mean(write: ContactWrite) -> None:
    assert contacts.upsert(write).body.keys() <= {"email", "attributes", "listIds", "updateEnabled"}
    assert contacts.update(write).body.keys() <= {"attributes", "listIds", "unlinkListIds"}


def test_a_write_is_in_brevos_terms_from_the_start() -> None:
    write = ContactWrite(" Ada@X.eu", {"firstname": "Ada", "VIP": True}, (7,))
    assert (write.email, dict(write.attributes), write.list_ids) == (
        "ada@x.eu",
        {"FIRSTNAME": "Ada", "VIP": True},
        (7,),
    )
    assert pickle.loads(pickle.dumps(write)) == write


@pytest.mark.parametrize("name", ["EMAIL", "email", "EXT_ID", "ext_id"])
def test_identities_are_never_written(name: str) -> None:
    """Another EMAIL would subscribe a blocklisted contact again; ext_id is the customer's."""
    with pytest.raises(RejectedError, match="cannot be written"):
        ContactWrite("ada@x.eu", {name: "bob@x.eu"})


def test_a_value_json_cannot_carry_is_refused_when_the_write_is_made() -> None:
    """Not when a whole import is: then one record's fault would be everybody's."""
    with pytest.raises(RejectedError, match="SCORE"):
        ContactWrite("ada@x.eu", {"SCORE": float("nan")})
    assert ContactWrite("ada@x.eu", {"FIRSTNAME": "Ada \ud83d"}).attributes["FIRSTNAME"] == "Ada ?"


def test_an_upsert_creates_or_updates() -> None:
    call = contacts.upsert(ContactWrite("Ada@X.eu", {"SCORE": 12.5, "TAGS": ("a", "b")}, (7, 9)))
    assert (call.method, call.path, call.label, call.repeatable) == ("POST", "/contacts", "bare_contacts", True)
    assert call.body == {
        "email": "ada@x.eu",
        "attributes": {"SCORE": 12.5, "TAGS": ["a", "b"]},
        "listIds": [7, 9],
        "updateEnabled": True,
    }
    assert call.parse({"id": 21}) == 21
    assert call.parse(None) is None
    assert contacts.upsert(ContactWrite("a@x.eu")).body == {"email": "a@x.eu", "updateEnabled": True}


def test_an_update_is_by_email_and_can_take_off_lists() -> None:
    call = contacts.update(ContactWrite("A+b@x.eu", {"FIRSTNAME": ""}), unlink_list_ids=[9])
    assert (call.method, call.path, call.label) == ("PUT", "/contacts/a%2Bb%40x.eu", "contacts")
    assert call.query == {"identifierType": "email_id"}
    assert call.body == {"attributes": {"FIRSTNAME": ""}, "unlinkListIds": [9]}
    assert call.repeatable


def test_a_contact_is_deleted_by_its_email() -> None:
    call = contacts.delete("ada+x@x.eu")
    assert (call.method, call.path, dict(call.query)) == (
        "DELETE",
        "/contacts/ada%2Bx%40x.eu",
        {"identifierType": "email_id"},
    )
    assert call.body is None


def test_a_contact_is_read_with_its_flags() -> None:
    call = contacts.get("A+b@x.eu")
    assert (call.path, call.query) == ("/contacts/a%2Bb%40x.eu", {"identifierType": "email_id"})
    read = call.parse(
        {
            "id": 42,
            "email": "Ada@x.eu",
            "emailBlacklisted": True,
            "modifiedAt": "2026-01-02T10:00:00.000+01:00",
            "listIds": [7],
            "listUnsubscribed": None,
            "attributes": {"FIRSTNAME": "Ada", "SMS": "33612345678"},
            "consentGroups": [],
        }
    )
    assert (read.id, read.email, read.email_blacklisted) == (42, "ada@x.eu", True)
    assert (read.list_ids, read.list_unsubscribed) == ((7,), ())
    assert read.modified_at == datetime(2026, 1, 2, 9, tzinfo=UTC)


def test_a_contact_known_by_phone_only_has_no_email() -> None:
    read = contacts.get("a@x.eu").parse({"id": 1, "attributes": None})
    assert (read.email, read.attributes, read.modified_at) == ("", {}, None)


def test_contacts_are_listed_by_page_and_filter() -> None:
    since = datetime(2026, 1, 5, 9, 11, tzinfo=UTC)
    call = contacts.page(offset=1000, list_id=7, modified_since=since, created_since=since, equals=("vip", "yes"))
    assert (call.path, call.label) == ("/contacts", "bare_contacts")
    assert call.query == {
        "limit": "1000",
        "offset": "1000",
        "sort": "asc",
        "listIds": "7",
        "modifiedSince": "2026-01-05T09:11:00.000Z",
        "createdSince": "2026-01-05T09:11:00.000Z",
        "filter": 'equals(VIP,"yes")',
    }
    read = call.parse({"contacts": [{"id": 1, "email": "a@x.eu"}], "count": 1001})
    assert (len(read.contacts), read.count) == (1, 1001)
    assert contacts.page(newest_first=True).query["sort"] == "desc"
    with pytest.raises(ValueError):
        contacts.page(equals=("VIP", 'a"b'))
