"""`BrevoSimulator`: one Brevo account behind an ASGI application, and what a test may do to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.types import ASGIApp

from tajo.simulators.brevo.account import Account
from tajo.simulators.brevo.audit import complaints
from tajo.simulators.brevo.book import Identifiers
from tajo.simulators.brevo.gate import Access, Gate
from tajo.simulators.brevo.mails import tell_transactional
from tajo.simulators.brevo.protocol import phone_digits
from tajo.simulators.brevo.rates import RateLimiter
from tajo.simulators.brevo.records import (
    Attribute,
    Blocked,
    Contact,
    ContactList,
    Delivery,
    Json,
    Process,
    Template,
)
from tajo.simulators.brevo.switches import BrevoSwitches, Tier
from tajo.simulators.brevo.values import PHONES


def _real_time() -> datetime:
    return datetime.now(UTC)


class BrevoSimulator:
    """Brevo's REST API v3 from its documentation, with every doubtful behaviour as a switch.

    `app` answers under /v3; report links of imports are beside it. The collections below are the account's own: read
    and change them freely, best while no call is under way.
    """

    def __init__(
        self,
        *,
        api_key: str = "xkeysib-test-key",
        tier: Tier = "general",
        clock: Callable[[], datetime] = _real_time,
        switches: BrevoSwitches | None = None,
        latency_s: float = 0.0,
    ) -> None:
        """`clock` gives aware UTC and drives processes, limits and dates; `latency_s` is waited in real time."""
        self.account = account = Account(switches or BrevoSwitches(), clock, RateLimiter(tier))
        self.access = Access(api_key)
        gate = Gate(account, self.access, latency_s)
        self.app: ASGIApp = gate.app()
        self.calls = gate.calls
        self.bodies = gate.bodies
        self.faults = gate.faults
        self.faults_after = gate.faults_after  # these replace the answer to a call that took effect
        self.attributes = account.attributes
        self.lists = account.lists
        self.folders = account.folders
        self.events = account.events
        self.sent_mails = account.sent_mails
        self.templates = account.templates
        self.campaigns = account.campaigns
        self.blocked = account.blocked
        self.webhooks = account.webhooks
        self.consent_groups = account.groups
        self.opt_ins = account.opt_ins
        self.owner_mails = account.owner_mails
        self.files = account.files

    @property
    def contacts(self) -> dict[str, Contact]:
        """By lower-case e-mail ("#<id>" for a contact without one), after finishing the processes that are due."""
        self.account.settle()
        return self.account.book.by_email

    @property
    def processes(self) -> dict[int, Process]:
        """By id, after finishing those that are due."""
        self.account.settle()
        return self.account.processes

    @property
    def switches(self) -> BrevoSwitches:
        return self.account.switches

    @switches.setter
    def switches(self, switches: BrevoSwitches) -> None:
        self.account.switches = switches

    @property
    def credits(self) -> int:
        return self.account.credits

    @credits.setter
    def credits(self, credits: int) -> None:
        self.account.credits = credits

    # Arranging

    def add_contact(
        self,
        email: str = "",
        *,
        ext_id: str = "",
        attributes: Mapping[str, Any] | None = None,
        list_ids: Iterable[int] = (),
        email_blacklisted: bool = False,
        sms_blacklisted: bool = False,
    ) -> Contact:
        """A contact as if it had always been there: values as given, identifiers have to be free."""
        given = dict(attributes or {})
        phones = [(name, phone_digits(given.pop(name)) or "") for name in PHONES if name in given]
        identifiers = Identifiers(email.lower(), ext_id, tuple(phones))
        with self.account.lock:
            if kinds := self.account.book.clashes(identifiers, None):
                raise ValueError(f"another contact has the same {', '.join(kinds)}")
            contact = self.account.book.create(identifiers, self.account.now())
            contact.attributes.update(given)
            contact.list_ids.update(list_ids)
            contact.email_blacklisted = email_blacklisted
            contact.sms_blacklisted = sms_blacklisted
        return contact

    def add_list(self, id: int, name: str, *, folder_id: int = 1) -> ContactList:
        entry = ContactList(id, name, folder_id, self.account.now())
        self.lists[id] = entry
        self.account.last_ids["list"] = max(id, self.account.last_ids["list"])
        return entry

    def add_attribute(
        self,
        name: str,
        type: str = "text",
        *,
        category: str = "normal",
        options: Iterable[str] = (),
        enumeration: Mapping[Any, str] | None = None,
    ) -> Attribute:
        """`type` "category" needs an `enumeration` (value to label), "multiple-choice" its `options`."""
        if type == "category":
            category = "category"
        attribute = Attribute(name, category, type, dict(enumeration or {}), list(options))
        self.attributes[name] = attribute
        return attribute

    def add_template(
        self,
        id: int,
        name: str = "Template",
        *,
        subject: str = "Hello",
        html: str = "<p>Hello {{ params.NAME }}</p>",
        sender: str = "no-reply@shop.example",
        is_active: bool = True,
        tag: str = "",
    ) -> Template:
        """For double opt-in: tag "optin" and `{{ params.DOIurl }}` in the html."""
        now = self.account.now()
        senders = {"id": 1, "name": "Shop", "email": sender}
        template = Template(id, name, subject, html, senders, is_active, tag, "", "", now, now)
        self.templates[id] = template
        self.account.last_ids["template"] = max(id, self.account.last_ids.get("template", 0))
        return template

    def add_segment(self, id: int, name: str, belongs: Callable[[Contact], bool]) -> None:
        """A segment of the contacts that `belongs` says yes to."""
        self.account.segments[id] = (name, belongs)

    # What people and the mail world do

    def unsubscribe(self, email: str, *, list_ids: Iterable[int] = (), campaign_id: int = 21) -> None:
        """Someone clicks the unsubscribe link of a campaign: blocklisted, and a marketing webhook."""
        contact = self.contacts[email.lower()]
        with self.account.lock:
            now = self.account.now()
            self.account.book.touch(contact, now)
            contact.email_blacklisted = True
            contact.list_unsubscribed.update(list_ids)
            more = self._campaign_event(contact, list_ids, campaign_id, now)
            self.account.tell("unsubscribed", "unsubscribed", more, by_api=False)

    @staticmethod
    def _campaign_event(contact: Contact, list_ids: Iterable[int], campaign_id: int, now: datetime) -> Json:
        date, ts = now.strftime("%Y-%m-%d 00:00:00"), int(now.timestamp())
        return {
            "email": contact.email,
            "camp_id": campaign_id,
            "campaign name": "Newsletter",
            "list_id": sorted(list_ids),
            "date_sent": date,
            "date_event": date,
            "ts_sent": ts,
            "ts_event": ts,
            "tag": "",
            "sending_ip": "192.0.2.1",
        }

    def resubscribe(self, email: str) -> None:
        """Someone lifts the blocklist in Brevo's own pages."""
        contact = self.contacts[email.lower()]
        with self.account.lock:
            self.account.book.touch(contact, self.account.now())
            contact.email_blacklisted = False
            contact.list_unsubscribed.clear()

    def unsubscribe_transactional(self, email: str, sender: str) -> None:
        """Someone opts out of one sender's transactional mails, which has nothing to do with campaigns."""
        with self.account.lock:
            now = self.account.now()
            reason = "Unsubscribed via email"
            self.blocked.append(Blocked(email.lower(), sender, "unsubscribedViaEmail", reason, now))
            tell_transactional(self.account, "unsubscribed", "unsubscribed", email, None)

    def hard_bounce(self, email: str) -> None:
        """A mail comes back for good: blocklisted on both lists, and webhooks of both types."""
        contact = self.contacts[email.lower()]
        with self.account.lock:
            now = self.account.now()
            self.account.book.touch(contact, now)
            contact.email_blacklisted = True
            self.blocked.append(Blocked(contact.email, "", "hardBounce", "Hard bounced", now))
            more = self._campaign_event(contact, (), 21, now)
            self.account.tell("hardBounce", "hard_bounce", more, by_api=False)
            tell_transactional(self.account, "hardBounce", "hard_bounce", email, None)

    def edit_contact(self, email: str, attributes: Mapping[str, Any]) -> None:
        """Someone edits a contact in Brevo's own pages: contact_updated with an empty api_key_name."""
        contact = self.contacts[email.lower()]
        with self.account.lock:
            self.account.book.touch(contact, self.account.now())
            contact.attributes.update(attributes)
            content = [{"name": name, "value": value} for name, value in attributes.items()]
            more = {"email": contact.email, "content": content}
            self.account.tell("contactUpdated", "contact_updated", more, by_api=False)

    def delete_contact(self, email: str) -> None:
        """Someone deletes a contact in Brevo's own pages."""
        contact = self.contacts[email.lower()]
        with self.account.lock:
            self.account.book.delete(contact, self.account.now())
            more = {"email": contact.email, "list_id": sorted(contact.list_ids)}
            self.account.tell("contactDeleted", "contact_deleted", more, by_api=False)

    def click_opt_in(self, email: str) -> Contact:
        """The click on the last confirmation mail: only now there is a contact, in its lists."""
        email = email.lower()
        with self.account.lock:
            pending = next(entry for entry in reversed(self.opt_ins) if entry.email == email)
            self.opt_ins.remove(pending)
            contact = self.account.book.by_email.get(email)
            if contact is None:
                contact = self.account.book.create(Identifiers(email), self.account.now())
            else:
                self.account.book.touch(contact, self.account.now())
            contact.attributes.update({k: v for k, v in pending.attributes.items() if v is not None})
            contact.list_ids.difference_update(pending.exclude_list_ids)
            self.account.add_to_lists(contact, pending.include_list_ids, by_api=False)
        return contact

    # What goes wrong

    def block_ip(self, ip: str = "203.0.113.9") -> None:
        """From now on 401: unrecognised IP address."""
        self.access.blocked_ip = ip

    def expire_key(self) -> None:
        """From now on 401: Key not found."""
        self.access.state = "expired"

    def deactivate(self) -> None:
        """Somebody switched the key off: 401 as well."""
        self.access.state = "deactivated"

    def exhaust_credits(self) -> None:
        """Sending answers 402 not_enough_credits; contacts go on working."""
        self.account.credits = 0

    def under_validation(self) -> None:
        """Sending answers 402 account_under_validation, or 400 by switch; contacts go on working."""
        self.account.validation = "pending"

    def restore(self) -> None:
        """Key, IP address, credits and validation are in order again, and the rate windows empty."""
        self.access.state, self.access.blocked_ip = "valid", ""
        self.account.credits, self.account.validation = 100_000, "done"
        self.account.limiter.forget()

    def too_early(self, times: int = 1) -> None:
        """The next POST and PUT calls on a contact answer 425 account_in_process."""
        self.account.too_early = times

    def fail_imports(self, times: int = 1) -> None:
        """The next imports end as failed, without effect."""
        self.account.failing_imports = times

    def complaints(self) -> list[str]:
        """What the accepted calls did that a careful client avoids: lifting a blocklist, imports above 8 MB."""
        return complaints(self.bodies)

    # Webhooks

    def pending_webhooks(self, url: str | None = None) -> list[Delivery]:
        """The POSTs that Brevo would have made since the last `take_webhooks`, to one URL or all, in order.

        A batched webhook makes one POST with an array of all that waits. The notifyUrl of an import gets payload None.
        """
        self.account.settle()
        return self._deliveries(url)

    def _deliveries(self, url: str | None) -> list[Delivery]:
        with self.account.lock:
            waiting = [(id, entry) for id, entry in self.account.deliveries if url in (None, entry.url)]
            batched = {id for id, _ in waiting if id in self.webhooks and self.webhooks[id].batched}
            singles = [entry for id, entry in waiting if id not in batched]
            for id in sorted(batched):
                entries = [entry for owner, entry in waiting if owner == id]
                payloads = [entry.payload for entry in entries]
                singles.append(Delivery(entries[0].url, entries[0].headers, payloads))
            return singles

    def take_webhooks(self, url: str | None = None) -> list[Delivery]:
        """The same, and they wait no longer."""
        self.account.settle()
        with self.account.lock:
            taken = self._deliveries(url)
            self.account.deliveries[:] = [
                (id, entry) for id, entry in self.account.deliveries if url not in (None, entry.url)
            ]
        return taken
