"""/emailCampaigns: mails to lists and segments, never to single addresses.

Source: developers.brevo.com/reference/create-email-campaign, send-email-campaign-now, update-campaign-status.
"""

from __future__ import annotations

from tajo.simulators.brevo.account import Account
from tajo.simulators.brevo.mails import spend
from tajo.simulators.brevo.protocol import (
    NO_CONTENT,
    Ask,
    Refusal,
    Reply,
    integers,
    invalid,
    missing,
    moment,
    not_found,
    number_of,
    object_of,
    page_of,
    required,
    text_of,
)
from tajo.simulators.brevo.records import Campaign, Contact, Json
from tajo.simulators.brevo.templates import send_tests

STATUSES = (
    "suspended",
    "archive",
    "darchive",
    "sent",
    "queued",
    "replicate",
    "replicateTemplate",
    "cancel",
    "draft",
)
_MAX_HTML_BYTES = 1024 * 1024


def create_campaign(account: Account, ask: Ask) -> Reply:
    body = ask.fields()
    required(body, "name", "sender")
    name, _, _ = text_of(body, "name"), text_of(body, "subject"), object_of(body, "sender")
    contents = [name for name in ("htmlContent", "htmlUrl", "templateId") if body.get(name)]
    if not contents:
        raise missing("htmlContent is missing")
    if not body.get("subject") and not body.get("templateId"):
        raise missing("subject is missing")
    if "templateId" in contents and number_of(body, "templateId") not in account.templates:
        raise invalid("Invalid template id")
    html = text_of(body, "htmlContent")
    if html and not 10 < len(html) <= len(html.encode()) < _MAX_HTML_BYTES:
        raise invalid("htmlContent should have more than 10 characters and less than 1MB")
    _check_recipients(account, body)
    if body.get("scheduledAt"):
        moment(text_of(body, "scheduledAt"), "scheduledAt")
    id = account.next_id("campaign")
    status = "queued" if body.get("scheduledAt") else "draft"
    account.campaigns[id] = Campaign(id, name, status, body, account.now())
    return Reply(201, {"id": id})


def _check_recipients(account: Account, body: Json) -> None:
    recipients = object_of(body, "recipients")
    account.check_lists([*integers(recipients, "listIds"), *integers(recipients, "exclusionListIds")])
    segments = [*integers(recipients, "segmentIds"), *integers(recipients, "exclusionSegmentIds")]
    if any(id not in account.segments for id in segments):
        raise invalid("Segment does not exist")


def get_campaigns(account: Account, ask: Ask) -> Reply:
    page = page_of(ask, default=50, maximum=100)
    status = ask.query.get("status")
    found = [entry for entry in account.campaigns.values() if status is None or entry.status == status]
    return Reply(200, {"count": len(found), "campaigns": [campaign_json(account, entry) for entry in page.cut(found)]})


def get_campaign(account: Account, ask: Ask) -> Reply:
    return Reply(200, campaign_json(account, _campaign(account, ask)))


def campaign_json(account: Account, campaign: Campaign) -> Json:
    body = campaign.body
    recipients = body.get("recipients") or {}
    return {
        "id": campaign.id,
        "name": campaign.name,
        "type": "classic",
        "status": campaign.status,
        "subject": body.get("subject", ""),
        "sender": body.get("sender"),
        "htmlContent": body.get("htmlContent", ""),
        "scheduledAt": body.get("scheduledAt"),
        "createdAt": account.shown(campaign.created_at),
        "modifiedAt": account.shown(campaign.sent_at or campaign.created_at),
        "sentDate": account.shown(campaign.sent_at) if campaign.sent_at is not None else None,
        "recipients": {
            "lists": recipients.get("listIds", []),
            "exclusionLists": recipients.get("exclusionListIds", []),
        },
        "statistics": {},
    }


def send_now(account: Account, ask: Ask) -> Reply:
    """204; 402 without credits; a campaign goes out once."""
    campaign = _campaign(account, ask)
    if campaign.status == "sent":
        raise Refusal(400, "campaign_sent", "Campaign has already been sent")
    recipients = _recipients(account, campaign.body.get("recipients") or {})
    if not recipients:
        raise invalid("Campaign has no recipients")
    spend(account, len(recipients))
    campaign.recipients = recipients
    campaign.status, campaign.sent_at = "sent", account.now()
    return NO_CONTENT


def _recipients(account: Account, recipients: Json) -> list[str]:
    """Everybody in the lists and segments who is neither excluded nor blocklisted, each once."""

    def within(contact: Contact, lists: str, segments: str) -> bool:
        return not contact.list_ids.isdisjoint(recipients.get(lists) or []) or any(
            account.segments[id][1](contact) for id in recipients.get(segments) or []
        )

    return [
        contact.email
        for contact in account.book
        if contact.email
        and not contact.email_blacklisted
        and within(contact, "listIds", "segmentIds")
        and not within(contact, "exclusionListIds", "exclusionSegmentIds")
    ]


def send_test(account: Account, ask: Ask) -> Reply:
    campaign = _campaign(account, ask)
    sender = campaign.body.get("sender") or {}
    send_tests(account, ask.fields(), str(campaign.body.get("subject", "")), str(sender.get("email", "")), None)
    return NO_CONTENT


def update_status(account: Account, ask: Ask) -> Reply:
    campaign = _campaign(account, ask)
    status = text_of(ask.fields(), "status")
    if status not in STATUSES or status == "replicateTemplate":  # that one is for template campaigns only
        raise invalid("Invalid status")
    if status == "replicate":
        id = account.next_id("campaign")
        account.campaigns[id] = Campaign(id, campaign.name, "draft", campaign.body, account.now())
    else:
        campaign.status = status
    return NO_CONTENT


def _campaign(account: Account, ask: Ask) -> Campaign:
    campaign = account.campaigns.get(ask.id(what="campaignId"))
    if campaign is None:
        raise not_found("Campaign ID does not exist")
    return campaign
