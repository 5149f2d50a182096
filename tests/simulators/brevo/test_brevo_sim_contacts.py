"""Creating, updating, finding and deleting contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tajo.simulators.brevo import BrevoSimulator, BrevoSwitches

if TYPE_CHECKING:
    from conftest import Api


def test_a_new_contact_gets_an_id_and_an_update_answers_nothing(api: Api, simulator: BrevoSimulator) -> None:
    body = {"email": "ada@x.eu", "attributes": {"FIRSTNAME": "Ada"}, "listIds": [2], "updateEnabled": True}
    assert api.post("/contacts", body) == {"id": 1}
    body["attributes"] = {"FIRSTNAME": "Augusta"}
    assert api("POST", "/contacts", body).status_code == 204
    assert simulator.contacts["ada@x.eu"].attributes == {"FIRSTNAME": "Augusta"}
    assert simulator.contacts["ada@x.eu"].list_ids == {2}


def test_addresses_are_lower_case_whatever_comes_in(api: Api) -> None:
    api.post("/contacts", {"email": "Ada@X.eu"})
    assert api.get("/contacts/ADA%40x.EU")["email"] == "ada@x.eu"
    assert api.post("/contacts", {"email": "ADA@x.eu"}, status=400)["metadata"] == {"duplicate_identifiers": ["email"]}


@pytest.mark.parametrize("code", ["duplicate_parameter", "invalid_parameter"])
def test_an_existing_address_without_update_is_refused_with_a_drifting_code(
    api: Api, simulator: BrevoSimulator, code: str
) -> None:
    simulator.switches = BrevoSwitches(code_drift=code)
    api.post("/contacts", {"email": "ada@x.eu"})
    assert api.post("/contacts", {"email": "ada@x.eu"}, status=400) == {
        "code": code,
        "message": "Unable to create contact, email is already associated with another Contact",
        "metadata": {"duplicate_identifiers": ["email"]},
    }


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("SMS", {"attributes": {"SMS": "+33612345678"}}),
        ("WHATSAPP", {"attributes": {"WHATSAPP": "0033612345678"}}),
        ("LANDLINE_NUMBER", {"attributes": {"LANDLINE_NUMBER": "33612345678"}}),
        ("ext_id", {"ext_id": "crm-42"}),
    ],
)
def test_a_second_contact_with_the_same_identifier_is_refused_whole(
    api: Api, simulator: BrevoSimulator, kind: str, body: dict[str, object]
) -> None:
    api.post("/contacts", {"email": "ada@x.eu", **body})
    api.post("/contacts", {"email": "bob@x.eu"})
    refusal = api.put("/contacts/bob%40x.eu", {**body, "listIds": [2]}, status=400)
    assert refusal["metadata"] == {"duplicate_identifiers": [kind]}
    assert refusal["message"] == f"Unable to update contact, {kind} is already associated with another Contact"
    assert simulator.contacts["bob@x.eu"].list_ids == set()
    created = api.post("/contacts", {"email": "new@x.eu", "updateEnabled": True, **body}, status=400)
    assert created["metadata"] == {"duplicate_identifiers": [kind]}
    assert "new@x.eu" not in simulator.contacts


def test_an_identifier_is_free_again_after_a_change_or_a_deletion(api: Api) -> None:
    api.post("/contacts", {"email": "ada@x.eu", "attributes": {"SMS": "+33612345678"}})
    api.put("/contacts/ada%40x.eu", {"attributes": {"SMS": "+33600000000"}})
    api.post("/contacts", {"email": "bob@x.eu", "attributes": {"SMS": "+33612345678"}})
    api.delete("/contacts/bob%40x.eu")
    api.put("/contacts/ada%40x.eu", {"attributes": {"SMS": ""}})
    api.post("/contacts", {"email": "eve@x.eu", "attributes": {"SMS": "+33612345678"}})
    api.post("/contacts", {"email": "sue@x.eu", "attributes": {"SMS": "+33600000000"}})


@pytest.mark.parametrize("number", ["+33612345678", "0033612345678", "33612345678"])
def test_phone_numbers_are_stored_without_plus(api: Api, number: str) -> None:
    api.post("/contacts", {"attributes": {"SMS": number}})
    shown = api.get("/contacts/33612345678", identifierType="phone_id")
    assert shown["attributes"]["SMS"] == "33612345678"
    assert shown["email"] == "33612345678@mailin-sms.com"  # a phone-only contact gets a synthetic address


@pytest.mark.parametrize("number", ["0612345678", "phone", "+33 6 12"])
def test_a_number_without_country_code_is_refused(api: Api, number: str) -> None:
    refusal = api.post("/contacts", {"email": "ada@x.eu", "attributes": {"SMS": number}}, status=400)
    assert refusal == {"code": "invalid_parameter", "message": "Invalid phone number"}


@pytest.mark.parametrize(
    "email", ["ada", "ada@x", "ada@@x.eu", "a da@x.eu", "ada@x.eu,bob@x.eu", "adé@x.eu", ".a@x.eu"]
)
def test_an_invalid_address_is_refused(api: Api, email: str) -> None:
    assert api.post("/contacts", {"email": email}, status=400) == {
        "code": "invalid_parameter",
        "message": "Invalid email address",
    }


def test_a_contact_needs_an_identifier(api: Api) -> None:
    assert api.post("/contacts", {"attributes": {"FIRSTNAME": "Ada"}}, status=400)["code"] == "missing_parameter"


@pytest.mark.parametrize("list_ids", [2, ["2"], [99]])
def test_list_ids_are_an_array_of_numbers_of_existing_lists(api: Api, list_ids: object) -> None:
    assert api.post("/contacts", {"email": "a@x.eu", "listIds": list_ids}, status=400)["code"] == "invalid_parameter"


def test_lists_are_added_by_list_ids_and_removed_by_unlink_only(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_list(7, "Webinar")
    api.post("/contacts", {"email": "ada@x.eu", "listIds": [2]})
    api.put("/contacts/ada%40x.eu", {"listIds": [7]})
    assert api.get("/contacts/ada%40x.eu")["listIds"] == [2, 7]
    api.put("/contacts/ada%40x.eu", {"unlinkListIds": [2]})
    assert api.get("/contacts/ada%40x.eu")["listIds"] == [7]


def test_a_numeric_ext_id_needs_its_identifier_type(api: Api) -> None:
    api.post("/contacts", {"email": "ada@x.eu", "ext_id": "4242"})
    assert api("GET", "/contacts/4242").status_code == 404
    assert api.get("/contacts/4242", identifierType="ext_id")["attributes"]["EXT_ID"] == "4242"
    assert api.get("/contacts/1")["email"] == "ada@x.eu"
    assert api("PUT", "/contacts/4242?identifierType=ext_id", {"attributes": {"FIRSTNAME": "A"}}).status_code == 204


@pytest.mark.parametrize(
    ("place", "shown"),
    [("attribute", (True, False)), ("field", (False, True)), ("both", (True, True))],
)
def test_where_the_ext_id_shows_is_a_switch(
    api: Api, simulator: BrevoSimulator, place: str, shown: tuple[bool, bool]
) -> None:
    simulator.switches = BrevoSwitches(ext_id_shown=place)
    simulator.add_contact("ada@x.eu", ext_id="crm-42")
    contact = api.get("/contacts/ada%40x.eu")
    assert ("EXT_ID" in contact["attributes"], "ext_id" in contact) == shown


def test_only_get_takes_a_phone_number_without_identifier_type(api: Api) -> None:
    api.post("/contacts", {"email": "ada@x.eu", "attributes": {"SMS": "33612345678"}})
    assert api.get("/contacts/%2B33612345678")["email"] == "ada@x.eu"
    assert api.get("/contacts/33612345678")["email"] == "ada@x.eu"
    assert api("PUT", "/contacts/33612345678", {}).status_code == 404


def test_an_unknown_contact_is_404_and_a_malformed_address_400(api: Api) -> None:
    assert api("GET", "/contacts/no%40x.eu").json() == {
        "code": "document_not_found",
        "message": "Contact does not exist",
    }
    assert api("PUT", "/contacts/no%40x.eu", {}).status_code == 404
    assert api("GET", "/contacts/not-an-address").status_code == 400


def test_identifiers_are_percent_decoded_one_part_at_a_time(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_contact("a/b+c@x.eu", ext_id="crm/42?")
    assert api.get(f"/contacts/{quote('a/b+c@x.eu', safe='')}")["id"] == 1
    assert api.get(f"/contacts/{quote('crm/42?', safe='')}?identifierType=ext_id")["id"] == 1


def test_an_unescaped_plus_may_be_read_as_a_space(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_contact("a+b@x.eu")
    assert api("GET", "/contacts/a+b@x.eu").status_code == 200
    simulator.switches = BrevoSwitches(plus_in_path="space")
    assert api("GET", "/contacts/a+b@x.eu").status_code == 400


def test_force_merge_keeps_the_contact_modified_last_and_deletes_the_other(api: Api, simulator: BrevoSimulator) -> None:
    api.post("/contacts", {"email": "ada@x.eu", "listIds": [2], "attributes": {"LASTNAME": "L"}})
    api.clock.forward(60)
    api.post("/contacts", {"ext_id": "crm-42", "attributes": {"SMS": "+33612345678"}})
    body = {"email": "ada@x.eu", "attributes": {"SMS": "+33612345678"}, "forceMerge": True, "getId": True}
    assert api.post("/contacts", body) == {"id": 2}
    (survivor,) = simulator.contacts.values()
    assert (survivor.email, survivor.ext_id, survivor.list_ids) == ("ada@x.eu", "crm-42", {2})
    assert survivor.attributes == {"SMS": "33612345678", "LASTNAME": "L"}


def test_contacts_come_newest_first_in_pages(api: Api, simulator: BrevoSimulator) -> None:
    for number in range(7):
        simulator.add_contact(f"c{number}@x.eu")
    page = api.get("/contacts", limit=3, offset=2)
    assert page["count"] == 7
    assert [contact["email"] for contact in page["contacts"]] == ["c4@x.eu", "c3@x.eu", "c2@x.eu"]
    assert "statistics" not in page["contacts"][0]
    assert [c["id"] for c in api.get("/contacts", limit=3, offset=6)["contacts"]] == [1]
    assert [c["id"] for c in api.get("/contacts", limit=2, sort="asc")["contacts"]] == [1, 2]
    assert api.get("/contacts", offset=7)["contacts"] == []


@pytest.mark.parametrize(
    ("path", "maximum"),
    [
        ("/contacts", 1000),
        ("/contacts/lists", 50),
        ("/contacts/folders", 50),
        ("/contacts/lists/2/contacts", 500),
        ("/contacts/segments", 50),
        ("/smtp/templates", 1000),
        ("/smtp/blockedContacts", 100),
        ("/emailCampaigns", 100),
        ("/processes", 50),
        ("/events", 10000),
    ],
)
def test_pages_have_a_documented_maximum(api: Api, path: str, maximum: int) -> None:
    api.get(path, limit=maximum)
    assert api("GET", path, params={"limit": maximum + 1}).json()["code"] == "out_of_range"


def test_contacts_are_filtered_by_time_ids_lists_and_attributes(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_attribute("TOPICS", "multiple-choice", options=["A", "B", "C"])
    simulator.add_contact("ada@x.eu", list_ids=[2], attributes={"FIRSTNAME": "Ada", "TOPICS": ["A", "B"]})
    api.clock.forward(3600)
    simulator.add_contact("bob@x.eu", attributes={"FIRSTNAME": "Bob", "TOPICS": ["A"]})

    def found(**params: object) -> list[str]:
        return sorted(contact["email"] for contact in api.get("/contacts", **params)["contacts"])

    assert found(modifiedSince="2026-11-24T12:30:00.000Z") == ["bob@x.eu"]
    assert found(modifiedSince="2026-11-24T14:00:00.000+01:00") == ["bob@x.eu"]
    assert found(createdSince="2026-11-24T13:30:00.000Z") == []
    assert found(ids=[1, 2]) == ["ada@x.eu", "bob@x.eu"]
    assert found(listIds=2) == ["ada@x.eu"]
    assert found(filter='equals(FIRSTNAME,"Bob")') == ["bob@x.eu"]
    assert found(filter='equals(TOPICS,"A, B")') == ["ada@x.eu"]
    simulator.add_segment(5, "Adas", lambda contact: contact.attributes.get("FIRSTNAME") == "Ada")
    assert found(segmentId=5) == ["ada@x.eu"]
    assert api("GET", "/contacts?listIds=2&segmentId=5").status_code == 400
    assert api("GET", "/contacts", params={"ids": list(range(1, 22))}).status_code == 400


def test_dates_carry_the_zone_of_the_account(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_contact("ada@x.eu")
    assert api.get("/contacts/1")["createdAt"] == "2026-11-24T13:00:00.000+01:00"
    simulator.switches = BrevoSwitches(utc_offset_minutes=None)
    assert api.get("/contacts/1")["createdAt"] == "2026-11-24T12:00:00.000Z"


def test_reads_may_lag_behind_writes(api: Api, simulator: BrevoSimulator) -> None:
    """With a lag of 5 s a contact is created at 0, changed at 3, deleted at 10; reads see each 5 s later."""
    simulator.switches = BrevoSwitches(read_lag_s=5)
    api.post("/contacts", {"email": "ada@x.eu", "attributes": {"FIRSTNAME": "Ada"}})
    assert api("GET", "/contacts/ada%40x.eu").status_code == 404
    assert api.get("/contacts")["count"] == 0
    api.clock.forward(3)
    api.put("/contacts/ada%40x.eu", {"attributes": {"FIRSTNAME": "Augusta"}})
    api.clock.forward(2)
    assert api.get("/contacts/ada%40x.eu")["attributes"] == {"FIRSTNAME": "Ada"}
    api.clock.forward(3)
    assert api.get("/contacts/ada%40x.eu")["attributes"] == {"FIRSTNAME": "Augusta"}
    api.clock.forward(2)
    api.delete("/contacts/ada%40x.eu")
    assert api.get("/contacts")["count"] == 1
    api.clock.forward(5)
    assert api.get("/contacts")["count"] == 0


def test_an_account_in_process_answers_425_as_often_as_ordered(api: Api, simulator: BrevoSimulator) -> None:
    simulator.too_early(2)
    assert api.post("/contacts", {"email": "a@x.eu"}, status=425)["code"] == "account_in_process"
    assert api.post("/contacts", {"email": "a@x.eu"}, status=425)["code"] == "account_in_process"
    api.post("/contacts", {"email": "a@x.eu"})


def test_a_batch_changes_all_or_nothing(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_contact("ada@x.eu")
    simulator.add_contact("bob@x.eu", attributes={"SMS": "33612345678"})
    good = {"email": "Ada@x.eu", "attributes": {"FIRSTNAME": "Ada"}, "listIds": [2]}
    refusal = api.post("/contacts/batch", {"contacts": [good, {"email": "no@x.eu"}]}, status=404)
    assert refusal["message"] == "Contact does not exist"
    assert simulator.contacts["ada@x.eu"].list_ids == set()
    api.post("/contacts/batch", {"contacts": [good, {"id": 2}, {"sms": "+33612345678"}]}, status=204)
    assert simulator.contacts["ada@x.eu"].list_ids == {2}


@pytest.mark.parametrize("switch", ["404", "410", "405"])
def test_the_deprecated_batch_may_be_gone(api: Api, simulator: BrevoSimulator, switch: str) -> None:
    simulator.switches = BrevoSwitches(batch=switch)
    api.post("/contacts/batch", {"contacts": [{"id": 1}]}, status=int(switch))


def test_accepted_bodies_are_kept_for_tests_to_look_at(api: Api, simulator: BrevoSimulator) -> None:
    body = {"email": "ada@x.eu", "emailBlacklisted": False}
    api.post("/contacts", body)
    api.post("/contacts", {"email": "nonsense"}, status=400)
    assert simulator.bodies == [("POST", "/contacts", body)]


def test_lifting_a_blocklist_and_large_imports_are_complained_about(api: Api, simulator: BrevoSimulator) -> None:
    api.post("/contacts", {"email": "ada@x.eu", "emailBlacklisted": True})
    assert simulator.complaints() == []
    api.put("/contacts/1", {"emailBlacklisted": False})
    api.post("/contacts/batch", {"contacts": [{"id": 1, "smsBlacklisted": False}]}, status=204)
    rows = [{"email": "ada@x.eu", "attributes": {"FIRSTNAME": "x" * 8 * 1024 * 1024}}]
    api.post("/contacts/import", {"jsonBody": rows, "listIds": [2], "emailBlacklist": False}, status=202)
    *lifted, large = simulator.complaints()
    assert lifted == [
        "PUT /contacts/1: emailBlacklisted is false",
        "POST /contacts/batch: smsBlacklisted is false",
        "POST /contacts/import: emailBlacklist is false",
    ]
    assert large.startswith("POST /contacts/import: 8")
