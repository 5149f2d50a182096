"""Email campaigns: mails to lists, never to single addresses.

Source: https://developers.brevo.com/reference/create-email-campaign
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tajo.brevo.api import limits
from tajo.brevo.api.calls import TolerantCall
from tajo.brevo.api.reading import nothing, number, record, records, text
from tajo.brevo.api.writing import page_query
from tajo.http import Call

MOST = 100  # campaigns a page
DRAFT = "draft"
ALREADY = "campaign_sent"  # Brevo's code for a campaign that went out before


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign; `status` is draft, sent, queued, …"""

    id: int
    name: str
    status: str


def create(name: str, *, template_id: int, subject: str, sender: tuple[str, str], list_id: int) -> Call[int]:
    """Create a draft of a template to one list; its id. `sender` is (name, e-mail).

    Repeated blindly it is there twice, as two drafts of one name: look for it first (`page`).
    """
    return Call(
        "POST",
        "/emailCampaigns",
        parse=lambda value: number(record(value), "id"),
        origin="brevo.campaigns.create",
        label=limits.OTHER,
        body={
            "name": name,
            "subject": subject,
            "sender": {"name": sender[0], "email": sender[1]},
            "templateId": template_id,
            "recipients": {"listIds": [list_id]},
        },
        repeatable=False,
    )


def page(*, offset: int = 0) -> Call[tuple[Campaign, ...]]:
    """One page of campaigns, newest first."""
    query = page_query(MOST, offset, most=MOST, sort="desc")
    return Call("GET", "/emailCampaigns", parse=_page, origin="brevo.campaigns.page", label=limits.OTHER, query=query)


def send_now(campaign_id: int) -> Call[None]:
    """Send a campaign; one that went out before stays as it is.

    RejectedError where its list has nobody who may get it; SendingBlocked without credits.
    """
    return TolerantCall(
        "POST",
        f"/emailCampaigns/{campaign_id}/sendNow",
        parse=nothing,
        origin="brevo.campaigns.send_now",
        label=limits.OTHER,
        understands=lambda _, body: text(record(body), "code") == ALREADY,
    )


def _page(value: Any) -> tuple[Campaign, ...]:
    rows = records(value, "campaigns")
    return tuple(Campaign(number(row, "id"), text(row, "name"), text(row, "status")) for row in rows)
