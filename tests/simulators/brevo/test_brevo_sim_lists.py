"""Lists, folders and who is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tajo.simulators.brevo import BrevoSimulator, BrevoSwitches

if TYPE_CHECKING:
    from conftest import Api


def test_a_fresh_account_has_a_folder_and_a_list(api: Api) -> None:
    assert [folder["id"] for folder in api.get("/contacts/folders")["folders"]] == [1]
    assert api.get("/contacts/lists") == {
        "count": 1,
        "lists": [
            {
                "id": 2,
                "name": "identified_contacts",
                "folderId": 1,
                "uniqueSubscribers": 0,
                "totalSubscribers": 0,
                "totalBlacklisted": 0,
            }
        ],
    }


def test_lists_are_created_renamed_moved_and_deleted(api: Api, simulator: BrevoSimulator) -> None:
    assert api.post("/contacts/folders", {"name": "Zoom"}) == {"id": 2}
    assert api.post("/contacts/lists", {"name": "Webinar", "folderId": 1}) == {"id": 3}
    api.put("/contacts/lists/3", {"name": "Webinars", "folderId": 2})
    shown = api.get("/contacts/lists/3")
    assert (shown["name"], shown["folderId"], shown["createdAt"][:10]) == ("Webinars", 2, "2026-11-24")
    assert api.get("/contacts/folders/2/lists")["count"] == 1
    contact = simulator.add_contact("ada@x.eu", list_ids=[3])
    api.delete("/contacts/lists/3")
    assert contact.list_ids == set()
    api.delete("/contacts/lists/3", status=404)


def test_a_list_needs_a_name_and_a_folder_that_exists(api: Api) -> None:
    assert api.post("/contacts/lists", {"name": "Webinar"}, status=400)["code"] == "missing_parameter"
    assert api.post("/contacts/lists", {"name": "Webinar", "folderId": 9}, status=400)["code"] == "invalid_parameter"


def test_a_folder_takes_its_lists_along(api: Api, simulator: BrevoSimulator) -> None:
    api.post("/contacts/folders", {"name": "Zoom"})
    api.put("/contacts/folders/2", {"name": "Zoom webinars"})
    assert api.get("/contacts/folders/2")["name"] == "Zoom webinars"
    simulator.add_list(7, "Webinar", folder_id=2)
    contact = simulator.add_contact("ada@x.eu", list_ids=[2, 7])
    assert api.get("/contacts/folders/2")["uniqueSubscribers"] == 1
    api.delete("/contacts/folders/2")
    assert (sorted(simulator.lists), contact.list_ids) == ([2], {2})


def test_adding_tells_who_was_absent_or_there_already(api: Api, simulator: BrevoSimulator) -> None:
    simulator.add_contact("ada@x.eu")
    simulator.add_contact("bob@x.eu", list_ids=[2])
    added = api.post("/contacts/lists/2/contacts/add", {"emails": ["Ada@x.eu", "bob@x.eu", "no@x.eu"]})
    assert added == {"contacts": {"success": ["Ada@x.eu"], "failure": ["bob@x.eu", "no@x.eu"]}}
    assert api.get("/contacts/lists/2")["uniqueSubscribers"] == 2
    assert api.post("/contacts/lists/2/contacts/add", {"emails": ["ada@x.eu"]}, status=400) == {
        "code": "invalid_parameter",
        "message": "Contact already in list and/or does not exist",
    }


def test_removing_tells_the_same(api: Api, simulator: BrevoSimulator) -> None:
    contact = simulator.add_contact("ada@x.eu", ext_id="crm-1", list_ids=[2])
    assert api.post("/contacts/lists/2/contacts/remove", {"extIds": ["crm-1", "crm-2"]}) == {
        "contacts": {"success": ["crm-1"], "failure": ["crm-2"]}
    }
    assert contact.list_ids == set()
    api.post("/contacts/lists/2/contacts/remove", {"ids": [contact.id]}, status=400)
    api.post("/contacts/lists/9/contacts/remove", {"ids": [contact.id]}, status=404)


def test_the_reply_may_come_unwrapped(api: Api, simulator: BrevoSimulator) -> None:
    simulator.switches = BrevoSwitches(list_reply="unwrapped")
    simulator.add_contact("ada@x.eu")
    assert api.post("/contacts/lists/2/contacts/add", {"ids": [1]}) == {"success": [1], "failure": []}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"emails": []},
        {"ids": ["1"]},
        {"emails": ["ada@x.eu"], "ids": [1]},
        {"ids": list(range(151))},
    ],
)
def test_one_kind_of_identifier_and_150_at_most(api: Api, simulator: BrevoSimulator, body: dict[str, Any]) -> None:
    simulator.add_contact("ada@x.eu")
    api.post("/contacts/lists/2/contacts/add", body, status=400)
    api.post("/contacts/lists/2/contacts/add", {"ids": list(range(150))})


def test_all_are_removed_in_the_background(api: Api, simulator: BrevoSimulator) -> None:
    for number in range(3):
        simulator.add_contact(f"c{number}@x.eu", list_ids=[2])
    reply = api.post("/contacts/lists/2/contacts/remove", {"all": True})["contacts"]
    assert (reply["total"], reply["processId"]) == (3, 1)
    assert api.get("/contacts/lists/2")["uniqueSubscribers"] == 3
    api.clock.forward(2)
    assert api.get("/contacts/lists/2")["uniqueSubscribers"] == 0
    assert api.get("/processes/1")["status"] == "completed"


def test_the_contacts_of_a_list_come_in_pages(api: Api, simulator: BrevoSimulator) -> None:
    for number in range(5):
        simulator.add_contact(f"c{number}@x.eu", list_ids=[2] if number else [])
    page = api.get("/contacts/lists/2/contacts", limit=3)
    assert (page["count"], [contact["id"] for contact in page["contacts"]]) == (4, [5, 4, 3])
    assert api.get("/contacts/lists/2/contacts", modifiedSince="2026-11-24T12:00:01.000Z")["count"] == 0
    assert api("GET", "/contacts/lists/9/contacts").status_code == 404
