"""What an account holds: contacts, attributes, lists and the rest, as plain mutable records for tests to read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = dict[str, Any]


@dataclass(slots=True)
class Contact:
    """One contact. `email` is lower-case, "" for a contact known by ext_id only; times are aware UTC.

    `attributes` holds SMS, WHATSAPP and LANDLINE_NUMBER as digits without "+"; ext_id is kept apart.
    """

    id: int
    email: str
    created_at: datetime
    modified_at: datetime
    ext_id: str | None = None
    attributes: Json = field(default_factory=dict)
    list_ids: set[int] = field(default_factory=set)
    list_unsubscribed: set[int] = field(default_factory=set)
    email_blacklisted: bool = False
    sms_blacklisted: bool = False
    consent_groups: dict[int, str] = field(default_factory=dict)  # group id to "subscribed" or "unsubscribed"

    def copy(self) -> Contact:
        """The contact as it is now, for showing an old state later."""
        return Contact(
            self.id,
            self.email,
            self.created_at,
            self.modified_at,
            self.ext_id,
            dict(self.attributes),
            set(self.list_ids),
            set(self.list_unsubscribed),
            self.email_blacklisted,
            self.sms_blacklisted,
            dict(self.consent_groups),
        )


@dataclass(slots=True)
class Attribute:
    """`category` is normal, transactional, category, calculated or global; `type` "" for the last two."""

    name: str
    category: str = "normal"
    type: str = "text"  # text, date, float, boolean, multiple-choice, user; category; id (transactional only)
    enumeration: dict[Any, str] = field(default_factory=dict)  # value to label, for category attributes
    options: list[str] = field(default_factory=list)  # for multiple-choice
    value: str = ""  # formula, for calculated and global attributes


@dataclass(slots=True)
class Folder:
    id: int
    name: str


@dataclass(slots=True)
class ContactList:
    id: int
    name: str
    folder_id: int
    created_at: datetime


@dataclass(slots=True)
class Process:
    """A background job. It turns from queued to working to done as the clock passes `works_at` and `ends_at`."""

    id: int
    name: str
    created_at: datetime
    works_at: datetime
    ends_at: datetime
    fails: bool = False
    applied: bool = False  # its effect is in the account
    notify_url: str = ""
    reports: dict[str, str] = field(default_factory=dict)  # "invalid_emails" and so on to CSV text


@dataclass(slots=True)
class Event:
    """One custom event as received; `contact_id` None when no contact is known by its identifiers."""

    name: str
    date: datetime
    received_at: datetime
    contact_id: int | None
    identifiers: Json
    event_properties: Json
    contact_properties: Json
    object: Json


@dataclass(slots=True)
class SentMail:
    """One accepted message, of one version; `status` is delivered, blocked, scheduled or test."""

    message_id: str
    at: datetime
    to: list[str]
    subject: str
    sender: str
    template_id: int | None
    params: Json
    tags: list[str]
    body: Json  # the request, or its version laid over it
    status: str
    batch_id: str = ""
    idempotency_key: str = ""


@dataclass(slots=True)
class Template:
    id: int
    name: str
    subject: str
    html: str
    sender: Json
    is_active: bool
    tag: str
    reply_to: str
    to_field: str
    created_at: datetime
    modified_at: datetime
    test_sent: bool = False

    @property
    def doi(self) -> bool:
        """Whether double opt-in accepts it: tag "optin", and a link by DOIurl or the doubleoptin tag."""
        return self.tag == "optin" and ("params.DOIurl" in self.html or "doubleoptin" in self.html)


@dataclass(slots=True)
class Campaign:
    """`status` is one of those of PUT /emailCampaigns/{id}/status; `recipients` are the addresses it was sent to."""

    id: int
    name: str
    status: str
    body: Json
    created_at: datetime
    sent_at: datetime | None = None
    recipients: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Blocked:
    """One entry of the transactional blocklist, which is per sender and apart from the marketing one."""

    email: str
    sender: str  # "" for all senders
    code: str  # unsubscribedViaEmail, unsubscribedViaApi, adminBlocked, hardBounce, contactFlaggedAsSpam …
    message: str
    at: datetime


@dataclass(slots=True)
class Webhook:
    id: int
    url: str
    type: str  # transactional, marketing, inbound
    events: list[str]  # camelCase
    description: str
    batched: bool
    auth: Json
    headers: list[Json]
    channel: str
    created_at: datetime
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST that Brevo would make: to `url`, with the registered headers, `payload` as JSON (None: empty body)."""

    url: str
    headers: dict[str, str]
    payload: Any


@dataclass(slots=True)
class ConsentGroup:
    id: int
    name: str
    description: str
    signup_mode: str
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True)
class PendingOptIn:
    """A confirmation mail that nobody has clicked yet."""

    email: str
    attributes: Json
    include_list_ids: list[int]
    exclude_list_ids: list[int]
