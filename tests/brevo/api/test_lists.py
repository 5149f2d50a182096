from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tajo.brevo.api import lists
from tajo.brevo.api.calls import TolerantCall
from tajo.brevo.api.lists import ContactList, Folder, Removal

ROW = {"id": 7, "name": "N", "folderId": 1, "uniqueSubscribers": 10, "totalSubscribers": 0, "totalBlacklisted": 0}


def test_lists_are_read_by_pages_of_fifty() -> None:
    call = lists.page(offset=50)
    assert (call.path, call.query) == ("/contacts/lists", {"limit": "50", "offset": "50", "sort": "asc"})
    page = call.parse({"count": 51, "lists": [ROW]})
    assert (page.lists, page.count) == ((ContactList(7, "N", 1, 10),), 51)
    assert call.parse({"count": 51}).lists == ()
    with pytest.raises(ValueError):
        lists.page(limit=51)


def test_one_list() -> None:
    call = lists.get(7)
    assert call.path == "/contacts/lists/7"
    assert call.parse({"id": 7, "name": "N", "createdAt": "…"}) == ContactList(7, "N", None, 0)


def test_lists_and_folders_are_created_once_at_most() -> None:
    """Names are not unique in Brevo: repeating the call would make a second list."""
    call = lists.create(" Webinar ", 5)
    assert (call.path, call.body, call.repeatable) == ("/contacts/lists", {"name": "Webinar", "folderId": 5}, False)
    assert call.parse({"id": 8}) == 8
    folder = lists.create_folder("Tajo")
    assert (folder.path, folder.body, folder.repeatable) == ("/contacts/folders", {"name": "Tajo"}, False)
    with pytest.raises(ValueError):
        lists.create_folder(" ")


def test_folders_are_read() -> None:
    page = lists.folders().parse({"count": 1, "folders": [{"id": 5, "name": "Tajo", "uniqueSubscribers": 3}]})
    assert page.folders == (Folder(5, "Tajo"),)


def test_the_contacts_of_a_list() -> None:
    call = lists.contacts(7, offset=500, modified_since=datetime(2026, 1, 5, tzinfo=UTC))
    assert call.path == "/contacts/lists/7/contacts"
    assert call.query == {
        "limit": "500",
        "offset": "500",
        "sort": "asc",
        "modifiedSince": "2026-01-05T00:00:00.000Z",
    }
    assert call.parse({"contacts": [{"id": 1, "email": "a@x.eu"}], "count": 1}).contacts[0].email == "a@x.eu"


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_removal_is_read_in_both_published_shapes(wrapped: bool) -> None:
    inner = {"success": ["A@x.eu"], "failure": ["b@x.eu"]}
    call = lists.remove(7, ["A@x.eu", "b@X.eu", "a@x.eu", "c@x.eu"])
    assert (call.path, call.body) == (
        "/contacts/lists/7/contacts/remove",
        {"emails": ["a@x.eu", "b@x.eu", "c@x.eu"]},
    )
    assert call.parse({"contacts": inner} if wrapped else inner) == Removal(("a@x.eu",), ("b@x.eu", "c@x.eu"))


def test_nobody_on_the_list_is_no_failure_but_every_other_400_is() -> None:
    call = lists.remove(7, ["a@x.eu"])
    assert isinstance(call, TolerantCall)
    nobody = {"code": "invalid_parameter", "message": "Contact already removed from list and/or does not exist"}
    assert call.understands(400, nobody)
    assert call.parse(nobody) == Removal((), ("a@x.eu",))
    assert not call.understands(404, nobody)
    assert not call.understands(400, {**nobody, "code": "missing_parameter"})
    assert not call.understands(400, {**nobody, "message": "Invalid email address"})


def test_a_removal_takes_1_to_150() -> None:
    for count in (0, 151):
        with pytest.raises(ValueError):
            lists.remove(7, [f"p{at}@x.eu" for at in range(count)])
    assert len(lists.remove(7, [f"p{at}@x.eu" for at in range(150)]).body["emails"]) == 150
