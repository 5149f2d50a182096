from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tajo.simulators.zoom.routes import match


def instance(zoom: Any, wanted: Any, kind: str = "webinar") -> str:
    uuids = [i.uuid for s, i in zoom.simulator.world.instances() if s.kind == kind and not s.deleted]
    return str(next(uuid for uuid in uuids if wanted(uuid)))


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(lambda uuid: uuid.startswith("/"), id="leading slash"),
        pytest.param(lambda uuid: "//" in uuid[1:], id="two slashes"),
    ],
)
def test_awkward_uuids_must_be_encoded_twice(zoom: Any, encoded: Any, wanted: Any) -> None:
    uuid = instance(zoom, wanted)
    assert zoom.json(f"/report/webinars/{encoded(uuid)}")["uuid"] == uuid
    assert zoom.json(f"/report/webinars/{encoded(uuid)}/participants")["total_records"] > 1
    assert zoom.refusal(f"/report/webinars/{quote(uuid, safe='')}/participants") == (404, 3001)
    assert zoom.get(f"/report/webinars/{uuid}/participants").status_code == 404


def test_other_uuids_may_be_encoded_once_twice_or_not_at_all(zoom: Any, encoded: Any) -> None:
    uuid = instance(zoom, lambda uuid: "/" in uuid[1:] and "+" in uuid and "//" not in uuid and uuid[0] != "/")
    for written in (quote(uuid, safe=""), encoded(uuid), uuid):
        assert zoom.json(f"/report/webinars/{written}/participants")["total_records"] > 1


def test_the_example_of_the_documentation_is_decoded(zoom: Any) -> None:
    _, args = match("GET", "/report/webinars/%252Fab%252F%252Fc%253D%253D/participants")
    assert args == {"ref": "/ab//c=="}


def test_an_id_means_the_latest_instance(zoom: Any, encoded: Any) -> None:
    session = zoom.session("Kundentag")
    latest = max(session.instances, key=lambda i: i.start)
    assert zoom.json(f"/report/webinars/{session.id}")["uuid"] == latest.uuid
    for one in session.instances:
        assert zoom.json(f"/report/webinars/{encoded(one.uuid)}")["uuid"] == one.uuid
    uuids = {item["uuid"] for item in zoom.json(f"/past_webinars/{session.id}/instances")["webinars"]}
    assert uuids == {one.uuid for one in session.instances}
    assert session.uuid not in uuids


def test_a_webinar_is_no_meeting_and_a_meeting_no_webinar(zoom: Any) -> None:
    webinar, meeting = zoom.session("봄 웨비나").id, zoom.session("Team meeting").id
    response = zoom.get(f"/meetings/{webinar}")
    assert (response.status_code, response.json()) == (400, {"code": 3000, "message": "Cannot access webinar info."})
    assert zoom.refusal(f"/meetings/{webinar}/registrants") == (400, 300)
    assert zoom.refusal(f"/webinars/{meeting}") == (400, 300)
    assert zoom.refusal(f"/report/meetings/{webinar}/participants") == (404, 3001)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/webinars/1/participants"),
        ("GET", "/report/webinars/1/absentees"),
        ("POST", "/webhooks"),
        ("GET", "/nothing/at/all"),
        ("POST", "/users"),
    ],
)
def test_what_zoom_does_not_have_is_not_recognized(zoom: Any, method: str, path: str) -> None:
    response = zoom.send(method, f"/v2{path}")
    assert response.status_code == 404
    assert response.json() == {"code": 2300, "message": "This API endpoint is not recognized."}


def test_the_base_path_belongs_to_the_address(zoom: Any) -> None:
    assert zoom.send("GET", "/users").json()["code"] == 2300


def test_unknown_ids_are_404(zoom: Any) -> None:
    assert zoom.refusal("/users/nobody@mail.example") == (404, 1001)
    assert zoom.refusal("/users/nobody@mail.example/meetings") == (404, 1001)
    for path in ("/meetings/1", "/webinars/1", "/past_meetings/1", "/past_webinars/1/instances", "/report/meetings/x"):
        assert zoom.refusal(path) == (404, 3001)


def test_messages_may_be_in_another_language_but_codes_stay(zoom: Any) -> None:
    zoom.switch(localised_messages=True)
    body = zoom.get("/meetings/1").json()
    assert body == {"code": 3001, "message": "La reunión no existe."}


def test_answers_may_grow_unknown_fields(zoom: Any) -> None:
    zoom.switch(unknown_extra_fields=True)
    body = zoom.json("/users")
    assert "x_new_field" in body
    assert all("x_new_field" in user for user in body["users"])
