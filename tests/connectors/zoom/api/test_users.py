"""Users and what they have scheduled."""

from __future__ import annotations

from tajo.connectors.zoom.api import users


def test_users_of_one_status() -> None:
    call = users.list_users(status="inactive", page_token="n")
    assert call.query == {"page_size": "300", "status": "inactive", "next_page_token": "n"}
    page = call.parse({"users": [{"id": "u1", "type": 2, "pmi": 5638296721, "timezone": "Asia/Seoul"}, {"email": "p"}]})
    assert page.items[0].is_licensed
    assert page.items[0].pmi == "5638296721"
    assert page.items[1].id == ""


def test_a_user_by_address() -> None:
    call = users.user("a@corp.example")
    assert call.path == "/users/a%40corp.example"
    assert call.parse({"id": "u1", "email": "a@corp.example"}).email == "a@corp.example"


def test_lists_of_a_user() -> None:
    assert users.user_meetings("u1", listing="previous_meetings").query["type"] == "previous_meetings"
    call = users.user_webinars("u1", page_token="n")
    assert call.query == {"page_size": "300", "type": "scheduled", "next_page_token": "n"}
    assert call.parse({"webinars": [{"id": 1}]}).items[0].id == "1"
