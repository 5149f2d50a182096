"""Imports and the processes they run in."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tajo.simulators.brevo import BrevoSimulator, BrevoSwitches

if TYPE_CHECKING:
    from conftest import Api


def run(api: Api, body: dict[str, Any]) -> dict[str, Any]:
    """Import into list 2, let it end, and give the process as shown."""
    id = api.post("/contacts/import", {"listIds": [2], **body}, status=202)["processId"]
    api.clock.forward(10)
    shown = api.get(f"/processes/{id}")
    assert shown["status"] == "completed"
    return shown


def row(email: str, **attributes: Any) -> dict[str, Any]:
    return {"email": email, "attributes": attributes}


def test_a_process_is_queued_then_in_process_then_completed(api: Api, simulator: BrevoSimulator) -> None:
    """1 s in the queue and 1 s of work; the contacts are there when it is completed, not before."""
    reply = api("POST", "/contacts/import", {"jsonBody": [row("ada@x.eu")], "listIds": [2]})
    assert (reply.status_code, reply.json()) == (202, {"processId": 1})
    assert api.get("/processes/1") == {"id": 1, "name": "IMPORTUSER", "status": "queued"}
    api.clock.forward(1)
    assert api.get("/processes/1")["status"] == "in_process"
    assert simulator.contacts == {}
    api.clock.forward(1)
    assert api.get("/processes/1")["status"] == "completed"
    assert simulator.contacts["ada@x.eu"].list_ids == {2}


def test_the_working_status_has_two_names(api: Api, simulator: BrevoSimulator) -> None:
    simulator.switches = BrevoSwitches(working_status="processing")
    api.post("/contacts/import", {"jsonBody": [row("ada@x.eu")], "listIds": [2]}, status=202)
    api.clock.forward(1)
    assert api.get("/processes/1")["status"] == "processing"


def test_a_failed_process_changes_nothing_and_has_no_info(api: Api, simulator: BrevoSimulator) -> None:
    simulator.fail_imports()
    api.post("/contacts/import", {"jsonBody": [row("ada@x.eu")], "listIds": [2]}, status=202)
    api.clock.forward(2)
    assert api.get("/processes/1") == {"id": 1, "name": "IMPORTUSER", "status": "failed"}
    assert simulator.contacts == {}
    run(api, {"jsonBody": [row("ada@x.eu")]})
    assert list(simulator.contacts) == ["ada@x.eu"]


def test_processes_are_listed_newest_first(api: Api) -> None:
    for _ in range(3):
        run(api, {"jsonBody": [row("ada@x.eu")]})
    listed = api.get("/processes", limit=2)
    assert (listed["count"], [item["id"] for item in listed["processes"]]) == (3, [3, 2])
    assert [item["id"] for item in api.get("/processes", offset=1, sort="asc")["processes"]] == [2, 3]
    assert api("GET", "/processes/99").json() == {"code": "invalid_parameter", "message": "processId is invalid"}
    assert api("GET", "/processes/99").status_code == 404


def test_an_import_needs_a_list(api: Api) -> None:
    assert api.post("/contacts/import", {"jsonBody": [row("ada@x.eu")]}, status=400) == {
        "code": "missing_parameter",
        "message": "Missing listIds or newList",
    }
    api.post("/contacts/import", {"jsonBody": [row("ada@x.eu")], "listIds": [99]}, status=400)


def test_an_import_can_make_its_list(api: Api, simulator: BrevoSimulator) -> None:
    body = {"jsonBody": [row("ada@x.eu")], "newList": {"listName": "Webinar", "folderId": 1}}
    api.post("/contacts/import", body, status=202)
    api.clock.forward(2)
    assert simulator.contacts["ada@x.eu"].list_ids == {3}
    assert simulator.lists[3].name == "Webinar"


@pytest.mark.parametrize("body", [{}, {"jsonBody": [row("a@x.eu")], "fileBody": "EMAIL\na@x.eu"}])
def test_exactly_one_source_of_rows(api: Api, body: dict[str, Any]) -> None:
    api.post("/contacts/import", {**body, "listIds": [2]}, status=400)


def test_rows_without_any_identifier_are_refused_at_once(api: Api) -> None:
    refusal = api.post("/contacts/import", {"jsonBody": [row("nonsense")], "listIds": [2]}, status=400)
    assert refusal["message"].startswith("We could not find any valid email or SMS or Contact ID in the file")


def test_more_than_ten_megabytes_are_refused(api: Api) -> None:
    rows = [row("ada@x.eu", FIRSTNAME="x" * 10 * 1024 * 1024)]
    api.post("/contacts/import", {"jsonBody": rows, "listIds": [2]}, status=400)
    rows = [row("ada@x.eu", FIRSTNAME="x" * (10 * 1024 * 1024 - 200))]
    api.post("/contacts/import", {"jsonBody": rows, "listIds": [2]}, status=202)


def test_invalid_addresses_are_skipped_and_listed_in_a_csv(api: Api, simulator: BrevoSimulator) -> None:
    shown = run(api, {"jsonBody": [row("ada@x.eu"), row("nonsense"), row("x@y")]})
    reports = shown["info"]["import"]
    assert set(reports) == {
        "invalid_emails",
        "duplicate_contact_id",
        "duplicate_ext_id",
        "duplicate_email_id",
        "duplicate_phone_id",
        "duplicate_whatsapp_id",
        "duplicate_landline_number_id",
    }
    assert [kind for kind, url in reports.items() if url is not None] == ["invalid_emails"]
    api.headers = {}  # links work without a key
    assert api("GET", reports["invalid_emails"]).text.splitlines() == ["invalid_emails", "nonsense", "x@y"]
    assert list(simulator.contacts) == ["ada@x.eu"]
    simulator.switches = BrevoSwitches(report_lifetime_s=3600)
    api.clock.forward(3600)
    assert api("GET", reports["invalid_emails"]).status_code == 403


def test_a_phone_of_another_contact_drops_the_row(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_contact("ada@x.eu", attributes={"SMS": "33612345678"})
    rows = [row("bob@x.eu", SMS="+33612345678"), row("ada@x.eu", SMS="0033612345678", FIRSTNAME="Ada")]
    shown = run(api, {"jsonBody": rows})
    assert api("GET", shown["info"]["import"]["duplicate_phone_id"]).text == "duplicate_phone_id\n33612345678\n"
    assert list(simulator.contacts) == ["ada@x.eu"]
    assert simulator.contacts["ada@x.eu"].attributes["FIRSTNAME"] == "Ada"


def test_or_only_the_phone_by_switch(api: Api, simulator: BrevoSimulator) -> None:
    simulator.switches = BrevoSwitches(import_clash="field")
    simulator.add_contact("ada@x.eu", ext_id="crm-1", attributes={"SMS": "33612345678"})
    shown = run(api, {"jsonBody": [row("bob@x.eu", SMS="+33612345678", EXT_ID="crm-1", FIRSTNAME="Bob")]})
    assert shown["info"]["import"]["duplicate_ext_id"] is not None
    assert simulator.contacts["bob@x.eu"].attributes == {"FIRSTNAME": "Bob"}


@pytest.mark.parametrize(("winner", "name"), [("first", "One"), ("last", "Two")])
def test_which_of_two_rows_for_one_address_counts_is_a_switch(
    api: Api, simulator: BrevoSimulator, winner: str, name: str
) -> None:
    simulator.switches = BrevoSwitches(import_winner=winner)
    shown = run(api, {"jsonBody": [row("ada@x.eu", FIRSTNAME="One"), row("ADA@x.eu", FIRSTNAME="Two")]})
    assert simulator.contacts["ada@x.eu"].attributes == {"FIRSTNAME": name}
    assert shown["info"]["import"]["duplicate_email_id"] is not None


def test_unknown_attributes_are_ignored_as_of_the_end_of_the_import(api: Api, simulator: BrevoSimulator) -> None:
    rows = [row("ada@x.eu", MINUTES="41", OTHER="x")]
    api.post("/contacts/import", {"jsonBody": rows, "listIds": [2]}, status=202)
    simulator.add_attribute("MINUTES", "float")
    api.clock.forward(2)
    assert simulator.contacts["ada@x.eu"].attributes == {"MINUTES": 41}


@pytest.mark.parametrize(
    ("type", "value", "stored"),
    [
        ("date", "1990-02-28", "1990-02-28"),
        ("date", "28-02-1990", "1990-02-28"),
        ("date", "28/02/1990", None),
        ("boolean", True, None),
        ("boolean", "Yes", True),
        ("boolean", "no", False),
        ("float", "12.5", 12.5),
        ("float", 12, 12),
        ("float", "12,5", None),
    ],
)
def test_values_of_a_json_import(api: Api, simulator: BrevoSimulator, type: str, value: Any, stored: Any) -> None:
    simulator.add_attribute("VALUE", type)
    run(api, {"jsonBody": [row("ada@x.eu", VALUE=value)]})
    assert simulator.contacts["ada@x.eu"].attributes.get("VALUE") == stored


def test_json_booleans_and_slashed_dates_have_switches(api: Api, simulator: BrevoSimulator) -> None:
    simulator.switches = BrevoSwitches(import_json_booleans=True, import_dates=("d/m/y",))
    simulator.add_attribute("VIP", "boolean")
    simulator.add_attribute("DAY", "date")
    run(api, {"jsonBody": [row("ada@x.eu", VIP=True, DAY="11/02/1989")]})
    assert simulator.contacts["ada@x.eu"].attributes == {"VIP": True, "DAY": "1989-02-11"}


def test_a_csv_has_a_header_semicolons_and_line_feeds(api: Api, simulator: BrevoSimulator) -> None:
    for name, kind in (("VIP", "boolean"), ("DAY", "date"), ("MINUTES", "float")):
        simulator.add_attribute(name, kind)
    simulator.add_attribute("TOPICS", "multiple-choice", options=["A", "B"])
    text = (
        "email;FIRSTNAME;VIP;DAY;MINUTES;TOPICS;SMS\n"
        'Ada@x.eu;"Ada; Countess";Yes;28-02-1990;41;A,B,Z;+33612345678\n'
        "bob@x.eu;Bob;;;;;"
    )
    run(api, {"fileBody": text})
    assert simulator.contacts["ada@x.eu"].attributes == {
        "FIRSTNAME": "Ada; Countess",
        "VIP": True,
        "DAY": "1990-02-28",
        "MINUTES": 41,
        "TOPICS": ["A", "B"],
        "SMS": "33612345678",
    }
    assert simulator.contacts["bob@x.eu"].attributes == {"FIRSTNAME": "Bob"}


def test_a_lower_case_column_is_unknown_unless_names_are_folded(api: Api, simulator: BrevoSimulator) -> None:
    run(api, {"fileBody": "EMAIL;firstname\nada@x.eu;Ada"})
    assert simulator.contacts["ada@x.eu"].attributes == {}
    simulator.switches = BrevoSwitches(lowercase_attributes="folded")
    run(api, {"fileBody": "EMAIL;firstname\nada@x.eu;Ada"})
    assert simulator.contacts["ada@x.eu"].attributes == {"FIRSTNAME": "Ada"}


def test_a_file_url_is_read_from_the_files_a_test_laid_out(api: Api, simulator: BrevoSimulator) -> None:
    simulator.files["https://files.example/a.csv"] = "EMAIL\nada@x.eu"
    simulator.files["https://files.example/b.json"] = '[{"email": "bob@x.eu"}]'
    run(api, {"fileUrl": "https://files.example/a.csv"})
    run(api, {"fileUrl": "https://files.example/b.json"})
    assert set(simulator.contacts) == {"ada@x.eu", "bob@x.eu"}
    api.post("/contacts/import", {"fileUrl": "https://files.example/c.csv", "listIds": [2]}, status=400)


def test_empty_values_erase_only_when_asked(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_contact("ada@x.eu", attributes={"FIRSTNAME": "Ada"})
    run(api, {"jsonBody": [row("ada@x.eu", FIRSTNAME="")]})
    assert simulator.contacts["ada@x.eu"].attributes == {"FIRSTNAME": "Ada"}
    run(api, {"jsonBody": [row("ada@x.eu", FIRSTNAME="")], "emptyContactsAttributes": True})
    assert simulator.contacts["ada@x.eu"].attributes == {}


def test_existing_contacts_may_be_left_as_they_are(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_contact("ada@x.eu", attributes={"FIRSTNAME": "Ada"})
    run(api, {"jsonBody": [row("ada@x.eu", FIRSTNAME="New")], "updateExistingContacts": False})
    assert simulator.contacts["ada@x.eu"].attributes == {"FIRSTNAME": "Ada"}
    assert simulator.contacts["ada@x.eu"].list_ids == {2}


def test_an_import_keeps_the_blocklist_and_can_set_it(api: Api, simulator: BrevoSimulator) -> None:
    contact = simulator.add_contact("ada@x.eu", email_blacklisted=True)
    run(api, {"jsonBody": [row("ada@x.eu")], "emailBlacklist": False})
    assert contact.email_blacklisted
    run(api, {"jsonBody": [row("bob@x.eu")], "emailBlacklist": True, "smsBlacklist": True})
    assert simulator.contacts["bob@x.eu"].email_blacklisted
    assert simulator.contacts["bob@x.eu"].sms_blacklisted
    simulator.switches = BrevoSwitches(import_false_unblocks=True)
    run(api, {"jsonBody": [row("ada@x.eu")]})
    assert contact.email_blacklisted
    run(api, {"jsonBody": [row("ada@x.eu")], "emailBlacklist": False})
    assert not contact.email_blacklisted


def test_rows_can_be_known_by_phone_or_ext_id(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_contact("ada@x.eu", ext_id="crm-1")
    rows = [
        {"attributes": {"EXT_ID": "crm-1", "FIRSTNAME": "Ada"}},
        {"attributes": {"SMS": "33612345678"}},
        {"attributes": {"FIRSTNAME": "Nobody"}},
    ]
    run(api, {"jsonBody": rows})
    assert simulator.contacts["ada@x.eu"].attributes == {"FIRSTNAME": "Ada"}
    assert set(simulator.contacts) == {"ada@x.eu", "33612345678@mailin-sms.com"}


def test_the_end_is_told_to_the_notify_url_without_a_body_and_to_the_owner(api: Api, simulator: BrevoSimulator) -> None:
    run(api, {"jsonBody": [row("ada@x.eu")], "notifyUrl": "https://me.example/cb?job=7"})
    (delivery,) = simulator.take_webhooks("https://me.example/cb?job=7")
    assert (delivery.payload, delivery.headers) == (None, {})
    assert simulator.owner_mails == [1]
    run(api, {"jsonBody": [row("ada@x.eu")], "disableNotification": True})
    assert simulator.owner_mails == [1]


def test_consent_groups_of_an_import_need_the_feature(api: Api, simulator: BrevoSimulator) -> None:
    body = {"jsonBody": [row("ada@x.eu")], "listIds": [2], "consentGroupIds": [1]}
    assert api.post("/contacts/import", body, status=403)["code"] == "CONSENT_GROUP_NOT_ENABLED"
    simulator.switches = BrevoSwitches(consent_groups=True)
    api.post("/contacts/consent-groups", {"name": "News", "signupMode": "manual"})
    run(api, body)
    assert simulator.contacts["ada@x.eu"].consent_groups == {1: "subscribed"}


def test_ten_thousand_rows_take_well_under_a_second(api: Api, simulator: BrevoSimulator) -> None:
    """About 0.3 s from the call to the contacts; 3 s are allowed, for when other work goes on."""
    simulator.add_attribute("MINUTES", "float")
    rows = [row(f"c{n}@x.eu", FIRSTNAME="Ada", MINUTES=n, SMS=f"336{n:08d}") for n in range(10_000)]
    start = time.perf_counter()
    run(api, {"jsonBody": rows})
    assert time.perf_counter() - start < 3
    assert len(simulator.contacts) == 10_000
