"""The contacts of an account with their unique identifiers, and the view of them that lags behind writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tajo.simulators.brevo.records import Contact
from tajo.simulators.brevo.values import PHONES

SYNTHETIC_DOMAIN = "mailin-sms.com"  # a contact with a phone only has <digits>@mailin-sms.com


@dataclass(frozen=True, slots=True)
class Identifiers:
    """What a request says about who it means: lower-case e-mail, ext_id, and digits by phone attribute."""

    email: str = ""
    ext_id: str = ""
    phones: tuple[tuple[str, str], ...] = ()

    def others(self) -> Iterator[tuple[str, str]]:
        """All but the e-mail, as (kind, value); the kinds are those of metadata.duplicate_identifiers."""
        if self.ext_id:
            yield "ext_id", self.ext_id
        yield from self.phones

    def empty(self) -> bool:
        return not (self.email or self.ext_id or self.phones)


@dataclass(slots=True)
class _Past:
    """What reads still see of one contact until `until`; `contact` None: nothing yet."""

    until: datetime
    contact: Contact | None


@dataclass(slots=True)
class Book:
    """`by_email` is the truth, in no particular order; the other maps are indexes into it."""

    by_email: dict[str, Contact] = field(default_factory=dict)
    _by_id: dict[int, Contact] = field(default_factory=dict)
    _owners: dict[tuple[str, str], int] = field(default_factory=dict)
    _pasts: dict[int, list[_Past]] = field(default_factory=dict)
    _last_id: int = 0
    lag: Callable[[], timedelta] = timedelta

    def __iter__(self) -> Iterator[Contact]:
        """By id, so oldest first."""
        return (contact for contact in list(self._by_id.values()) if self._holds(contact))

    def _holds(self, contact: Contact | None) -> bool:
        """A test may have deleted it from `by_email` directly."""
        return contact is not None and self.by_email.get(self._key(contact)) is contact

    @staticmethod
    def _key(contact: Contact) -> str:
        return contact.email or f"#{contact.id}"

    def by_id(self, id: int) -> Contact | None:
        contact = self._by_id.get(id)
        return contact if self._holds(contact) else None

    def owner(self, kind: str, value: str) -> Contact | None:
        """The contact with this ext_id or phone; `kind` is "ext_id" or the attribute's name."""
        owner = self._owners.get((kind, value))
        if owner is None:
            return None
        contact = self.by_id(owner)
        if contact is None or (contact.ext_id if kind == "ext_id" else contact.attributes.get(kind)) != value:
            return None
        return contact

    def find(self, identifiers: Identifiers) -> list[Contact]:
        """The contacts that the identifiers mean, that of the e-mail first, each once."""
        found: dict[int, Contact] = {}
        candidates = [self.by_email.get(identifiers.email)] if identifiers.email else []
        candidates += [self.owner(kind, value) for kind, value in identifiers.others()]
        for contact in candidates:
            if contact is not None:
                found.setdefault(contact.id, contact)
        return list(found.values())

    def clashes(self, identifiers: Identifiers, target: Contact | None) -> list[str]:
        """The kinds of identifiers that belong to another contact than `target`."""
        kinds = []
        holder = self.by_email.get(identifiers.email) if identifiers.email else None
        if holder is not None and holder is not target:
            kinds.append("email")
        for kind, value in identifiers.others():
            holder = self.owner(kind, value)
            if holder is not None and holder is not target:
                kinds.append(kind)
        return kinds

    def create(self, identifiers: Identifiers, now: datetime) -> Contact:
        """A new contact with these identifiers, which are free."""
        self._last_id += 1
        email = identifiers.email
        if not email and identifiers.phones:
            email = f"{identifiers.phones[0][1]}@{SYNTHETIC_DOMAIN}"
        contact = Contact(self._last_id, email, now, now)
        self._remember(contact.id, None, now)
        self._by_id[contact.id] = contact
        self.by_email[self._key(contact)] = contact
        self.identify(contact, Identifiers(ext_id=identifiers.ext_id, phones=identifiers.phones))
        return contact

    def identify(self, contact: Contact, identifiers: Identifiers) -> None:
        """Give an existing contact new identifiers; those not named stay."""
        if identifiers.email and identifiers.email != contact.email:
            self.by_email.pop(self._key(contact), None)
            contact.email = identifiers.email
            self.by_email[contact.email] = contact
        if identifiers.ext_id:
            self._owners.pop(("ext_id", contact.ext_id or ""), None)
            contact.ext_id = identifiers.ext_id
        for kind, value in identifiers.phones:
            self._owners.pop((kind, contact.attributes.get(kind, "")), None)
            contact.attributes[kind] = value
        for pair in identifiers.others():
            self._owners[pair] = contact.id

    def free_phone(self, contact: Contact, kind: str) -> None:
        """Take a phone number away from a contact."""
        self._owners.pop((kind, contact.attributes.pop(kind, "")), None)

    def touch(self, contact: Contact, now: datetime) -> None:
        """Call before a change: keeps the old state for lagging reads and sets modified_at."""
        self._remember(contact.id, contact, now)
        contact.modified_at = now

    def delete(self, contact: Contact, now: datetime) -> None:
        """Forget a contact, with its blocklist status."""
        self._remember(contact.id, contact, now)
        self.by_email.pop(self._key(contact), None)
        self._by_id.pop(contact.id, None)
        for pair in [("ext_id", contact.ext_id or ""), *((kind, contact.attributes.get(kind, "")) for kind in PHONES)]:
            if self._owners.get(pair) == contact.id:
                del self._owners[pair]

    def _remember(self, id: int, contact: Contact | None, now: datetime) -> None:
        lag = self.lag()
        if lag:
            past = _Past(now + lag, contact.copy() if contact is not None else None)
            self._pasts.setdefault(id, []).append(past)

    def seen(self, id: int, now: datetime) -> Contact | None:
        """The contact as a GET shows it now."""
        for past in self._pasts.get(id, ()):
            if past.until > now:
                return past.contact
        self._pasts.pop(id, None)
        return self.by_id(id)

    def all_seen(self, now: datetime) -> Iterable[Contact]:
        """All contacts as GETs show them now, oldest first."""
        if not self._pasts:
            return self
        ids = sorted({*self._by_id, *self._pasts})
        return [contact for id in ids if (contact := self.seen(id, now)) is not None]
