"""Whatever a client sends, the simulator answers like an API and does not break."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tajo.simulators.brevo import BrevoSimulator, BrevoSwitches

if TYPE_CHECKING:
    from conftest import Api

ODD: list[Any] = [None, True, 0, -1, 1.5, 10**30, "", "x", "é\x00", [], [None], ["x"], [[1]], {}, {"x": None}]
BODIES: list[tuple[str, str, dict[str, Any]]] = [
    (
        "POST",
        "/contacts",
        {
            "email": "new@x.eu",
            "ext_id": "crm-9",
            "attributes": {"FIRSTNAME": "A", "SMS": "33612345678", "GENDER": 1, "TOPICS": ["A"], "DAY": "2026-01-01"},
            "listIds": [2],
            "smtpBlacklistSender": ["a@x.eu"],
            "updateEnabled": True,
            "emailBlacklisted": True,
        },
    ),
    ("PUT", "/contacts/1", {"attributes": {"EMAIL": "new@x.eu"}, "unlinkListIds": [2], "forceMerge": True}),
    ("POST", "/contacts/batch", {"contacts": [{"id": 1, "attributes": {"FIRSTNAME": "A"}, "listIds": [2]}]}),
    (
        "POST",
        "/contacts/import",
        {
            "jsonBody": [{"email": "new@x.eu", "attributes": {"SMS": "33612345678", "GENDER": 1, "EXT_ID": "c"}}],
            "listIds": [2],
            "newList": {"listName": "N", "folderId": 1},
            "notifyUrl": "https://x.eu/",
            "disableNotification": True,
        },
    ),
    (
        "POST",
        "/contacts/doubleOptinConfirmation",
        {
            "email": "new@x.eu",
            "includeListIds": [2],
            "redirectionUrl": "https://x.eu",
            "templateId": 1,
            "attributes": {"FIRSTNAME": "A"},
        },
    ),
    ("POST", "/contacts/attributes/category/NEW", {"enumeration": [{"value": 1, "label": "A"}], "type": "category"}),
    ("POST", "/contacts/attributes/normal/NEW", {"type": "multiple-choice", "multiCategoryOptions": ["A"]}),
    ("POST", "/contacts/lists", {"name": "N", "folderId": 1}),
    ("PUT", "/contacts/lists/2", {"name": "N", "folderId": 1}),
    ("POST", "/contacts/lists/2/contacts/add", {"emails": ["ada@x.eu"]}),
    ("POST", "/contacts/lists/2/contacts/remove", {"all": True}),
    (
        "POST",
        "/events",
        {
            "event_name": "x",
            "event_date": "2026-01-01T00:00:00Z",
            "identifiers": {"email_id": "ada@x.eu", "ext_id": "c", "phone_id": "33612345678", "contact_id": 1},
            "event_properties": {"a": 1},
            "contact_properties": {"FIRSTNAME": "A"},
            "object": {"type": "t"},
        },
    ),
    ("POST", "/events/batch", {"events": [{"event_name": "x", "identifiers": {"email_id": "new@x.eu"}}]}),
    (
        "POST",
        "/smtp/email",
        {
            "sender": {"email": "a@x.eu"},
            "to": [{"email": "ada@x.eu", "name": "A"}],
            "cc": [{"email": "b@x.eu"}],
            "subject": "s",
            "htmlContent": "<p>x</p>",
            "params": {"A": 1},
            "tags": ["t"],
            "headers": {"idempotencyKey": "k"},
            "scheduledAt": "2026-12-01T00:00:00Z",
            "batchId": "b",
        },
    ),
    (
        "POST",
        "/smtp/email",
        {"templateId": 1, "messageVersions": [{"to": [{"email": "a@x.eu"}], "params": {}, "subject": "s"}]},
    ),
    (
        "POST",
        "/smtp/templates",
        {"sender": {"email": "a@x.eu"}, "subject": "s", "templateName": "n", "htmlContent": "<p>xxxxxxxx</p>"},
    ),
    ("PUT", "/smtp/templates/1", {"sender": {"email": "a@x.eu"}, "isActive": True, "htmlContent": "<p>xxxxxxxx</p>"}),
    ("POST", "/smtp/templates/1/sendTest", {"emailTo": ["ada@x.eu"]}),
    (
        "POST",
        "/emailCampaigns",
        {
            "name": "n",
            "sender": {"email": "a@x.eu"},
            "subject": "s",
            "htmlContent": "<p>xxxxxxxx</p>",
            "recipients": {"listIds": [2], "segmentIds": [1]},
            "scheduledAt": "2026-12-01T00:00:00Z",
        },
    ),
    (
        "POST",
        "/webhooks",
        {
            "url": "https://x.eu/",
            "type": "marketing",
            "events": ["unsubscribed", "contactUpdated", "listAddition"],
            "auth": {"type": "bearer", "token": "t"},
            "headers": [{"key": "k", "value": "v"}],
            "batched": True,
            "channel": "email",
        },
    ),
    ("POST", "/contacts/consent-groups", {"name": "n", "signupMode": "manual", "listIds": [2]}),
]


def variants(value: Any) -> Iterator[Any]:
    """The value with any one part of it replaced by something odd."""
    if isinstance(value, dict | list):
        for place in value if isinstance(value, dict) else range(len(value)):
            for part in [*ODD, *variants(value[place])]:
                changed = copy.copy(value)
                changed[place] = part
                yield changed


@pytest.mark.parametrize(("method", "path", "body"), BODIES)
def test_odd_values_are_refused_or_ignored(
    api: Api, simulator: BrevoSimulator, method: str, path: str, body: dict[str, Any]
) -> None:
    """The body is fine as it is; with one odd value in it the answer is still one of the documented statuses."""
    simulator.switches = BrevoSwitches(rate_limits="off", consent_groups=True, import_queued_s=0, import_working_s=0)
    simulator.add_attribute("DAY", "date")
    simulator.add_attribute("GENDER", "category", enumeration={1: "Men"})
    simulator.add_attribute("TOPICS", "multiple-choice", options=["A"])
    simulator.add_template(1, html="{{ params.DOIurl }}", tag="optin")
    simulator.add_segment(1, "All", lambda contact: True)
    simulator.add_contact("ada@x.eu", list_ids=[2] if "add" not in path else [])
    assert api(method, path, body).status_code < 300
    for odd in variants(body):
        assert api(method, path, odd).status_code in (200, 201, 202, 204, 207, 400, 404, 409), odd
    for shown in ("/contacts", "/events", "/webhooks", "/emailCampaigns", "/contacts/lists", "/contacts/attributes"):
        api.get(shown)
    simulator.unsubscribe(next(iter(simulator.contacts)))
    simulator.pending_webhooks()
