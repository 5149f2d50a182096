"""Who is who: rows of a report and registrations become persons.

The ladder is registrant_id → customer_key → user_id (Zoom's participant_user_id) → e-mail. A row belongs to whoever
owns its strongest key; where its keys point to different people (a shared computer), it goes to review. A name alone
identifies nobody. The same e-mail is the same person: it is the identity in Brevo.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from operator import attrgetter
from typing import Any

from tajo.core.facts import Registration, Stay


class Doubt(StrEnum):
    """Why rows could not be given to a person who can be written to."""

    NAME_ONLY = "name_only"  # no id and no e-mail: a guest
    NO_EMAIL = "no_email"  # one person, surely, but Zoom shows no address
    AMBIGUOUS = "ambiguous"  # the keys belong to different people


Key = tuple[str, str]  # the rung, and the value on it
KEY_SIGNS = 10  # of a group's name: short enough to type


@dataclass(slots=True)
class Identity:
    """One person: an e-mail, the registrations under it, and the rows that are surely theirs."""

    email: str
    registrations: list[Registration] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)


@dataclass(slots=True)
class Unidentified:
    """Rows that belong to nobody we may write to, grouped by what they have in common."""

    doubt: Doubt
    name: str
    stays: list[Stay] = field(default_factory=list)
    common: tuple[Key, ...] = ()  # the keys that all of its rows have

    def key(self, session: str, occurrence: str) -> str:
        """A name for the group that outlives a new read: by what its rows have in common, whatever their number.

        Somebody known by an id is the same person on every date of the session; a name may be another one's next week.
        """
        scope = session if self.doubt is Doubt.NO_EMAIL else occurrence
        told = json.dumps([scope, self.doubt.value, *self.common], ensure_ascii=False)
        return sha256(told.encode(errors="replace")).hexdigest()[:KEY_SIGNS]


def identify(registrations: Sequence[Registration], stays: Iterable[Stay]) -> tuple[list[Identity], list[Unidentified]]:
    """Give every registration and every row to a person, or say why not.

    The result does not depend on the order of the rows: registrants come first, then people by their first row.
    """
    ladder = _Ladder(registrations)
    bundles = _bundles(stays, ladder)
    company = _company(bundles)
    rungs: dict[str, list[_Bundle]] = {rung: [] for rung in RUNGS}
    for bundle in bundles:
        rungs[bundle.keys[0][0]].append(bundle)
    for rung in RUNGS:
        ladder.climb(rungs[rung], company)
    return ladder.result()


REGISTRANT = "registrant_id"
RUNGS = (REGISTRANT, "customer_key", "user_id", "email", "name")
Owners = dict[Key, tuple[int, ...]]  # mostly one each: a tuple is half the size of a set, and quicker made
Company = Mapping[tuple[Key, str], set[Key]]  # (a key, a stronger rung) → the keys of that rung seen beside it


@dataclass(slots=True)
class _Bundle:
    """Rows that carry the very same keys (strongest first): they can only belong together."""

    keys: list[Key]
    stays: list[Stay]

    @property
    def email(self) -> str:
        return self.stays[0].email

    @property
    def weaker(self) -> list[Key]:
        """The ids below the first key; an e-mail is no id, but a person."""
        return [key for key in self.keys[1:] if key[0] != "email"]


def _own(owners: Owners, key: Key, owner: int) -> None:
    known = owners.get(key)
    if known is None:
        owners[key] = (owner,)
    elif owner not in known:
        owners[key] = (*known, owner)


class _Ladder:
    """Who owns which key. Keys learned on a rung count for the rungs below it only.

    So a weak key that two stronger ones of the same rung share never makes one person of them; an e-mail does.
    """

    def __init__(self, registrations: Sequence[Registration]) -> None:
        self.people: list[Identity] = []
        self.doubtful: list[Unidentified] = []
        self.by_email: dict[str, int] = {}
        self.owners: Owners = {}
        for registration in registrations:
            owner = self._person(registration.email)
            self.people[owner].registrations.append(registration)
            if registration.registrant_id:
                _own(self.owners, (REGISTRANT, registration.registrant_id), owner)

    def is_registrant(self, registrant_id: str) -> bool:
        return (REGISTRANT, registrant_id) in self.owners

    def climb(self, bundles: Sequence[_Bundle], company: Company) -> None:
        """Settle the bundles of one rung, those with the same first key together; then learn their keys."""
        together: dict[Key, list[_Bundle]] = {}
        for bundle in bundles:
            together.setdefault(bundle.keys[0], []).append(bundle)
        # First who owns each key, by what was known before this rung; then who is new; then row by row.
        known = {first: self._known(first, mine, company) for first, mine in together.items()}
        owners = {first: self._one(first, known[first], mine) for first, mine in together.items()}
        learned: Owners = {}
        for first, mine in together.items():
            owner = owners[first]
            for bundle in mine:
                if owner is None or self._is_anothers(first, bundle, owner):
                    self._doubt(Doubt.NAME_ONLY if first[0] == "name" else Doubt.AMBIGUOUS, bundle)
                    continue
                self._give_email(owner, bundle.email)
                self.people[owner].stays.extend(bundle.stays)
                for key in bundle.keys:
                    _own(learned, key, owner)
        for key, those in learned.items():
            for each in those if key in self.owners else ():
                _own(self.owners, key, each)
            self.owners.setdefault(key, those)  # most keys are learned once

    def _known(self, first: Key, mine: Sequence[_Bundle], company: Company) -> Collection[int]:
        """Everybody whom these rows' keys mean: by the first key, else by an id below it, else by an e-mail."""
        known: Collection[int] = self.owners.get(first, ())
        if not known and first[0] != REGISTRANT:
            usable = (key for bundle in mine for key in bundle.weaker if company.get((key, first[0]), set()) <= {first})
            known = {owner for key in usable for owner in self.owners.get(key, ())}
        return known or {owner for bundle in mine for owner in self._of_email(bundle.email)}

    def _one(self, first: Key, known: Collection[int], mine: Sequence[_Bundle]) -> int | None:
        """The one person meant, a new one if nobody is; None where several are, or a name is all there is.

        A registrant id decides alone: it is their own link.
        """
        if first[0] == "name":
            return None
        if not known:
            return self._person(next((bundle.email for bundle in mine if bundle.email), ""))
        return min(known) if len(known) == 1 or first[0] == REGISTRANT else None

    def _of_email(self, email: str) -> tuple[int, ...]:
        """Whose address it is; of one that is nobody's own, everybody on whose rows it was shown."""
        if not email:
            return ()
        return (self.by_email[email],) if email in self.by_email else self.owners.get(("email", email), ())

    def _is_anothers(self, first: Key, bundle: _Bundle, owner: int) -> bool:
        """Whether a row shows the address of somebody else than its keys: it may be either's."""
        return first[0] != REGISTRANT and self.by_email.get(bundle.email, owner) != owner

    def _person(self, email: str) -> int:
        """The person with this e-mail; a new one if there is none, or if it is ""."""
        if email in self.by_email:
            return self.by_email[email]
        self.people.append(Identity(""))
        owner = len(self.people) - 1
        self._give_email(owner, email)
        return owner

    def _give_email(self, owner: int, email: str) -> None:
        if email and email not in self.by_email and not self.people[owner].email:
            self.by_email[email] = owner
            self.people[owner].email = email

    def _doubt(self, doubt: Doubt, bundle: _Bundle) -> None:
        common = tuple((rung, value.casefold() if rung == "name" else value) for rung, value in bundle.keys)
        self.doubtful.append(Unidentified(doubt, bundle.stays[0].name, bundle.stays, common))

    def result(self) -> tuple[list[Identity], list[Unidentified]]:
        """The persons who have an e-mail; the others were there too, but nobody can write to them."""
        nameless = [
            Unidentified(Doubt.NO_EMAIL, _name(person), person.stays, _strongest(person.stays))
            for person in self.people
            if not person.email
        ]
        return [person for person in self.people if person.email], self.doubtful + nameless


_BY_TIME = attrgetter("join", "leave", "name", "registrant_id", "customer_key", "user_id", "email", "instance")


def _first_row(bundle: _Bundle) -> tuple[Any, ...]:
    row: tuple[Any, ...] = _BY_TIME(bundle.stays[0])
    return row


def _bundles(stays: Iterable[Stay], ladder: _Ladder) -> list[_Bundle]:
    """Rows by their whole set of keys, in the order of their first row: what follows is done once a bundle."""
    bundles: dict[tuple[str, str, str, str, str], _Bundle] = {}
    for stay in stays:
        bare = not (stay.registrant_id or stay.customer_key or stay.user_id or stay.email)
        name = stay.name.casefold() if bare else ""
        signature = (stay.registrant_id, stay.customer_key, stay.user_id, stay.email, name)
        bundle = bundles.get(signature)
        if bundle is None:
            bundles[signature] = bundle = _Bundle(_keys(stay, ladder), [])
        bundle.stays.append(stay)
    for bundle in bundles.values():
        if len(bundle.stays) > 1:
            bundle.stays.sort(key=_BY_TIME)
    return sorted(bundles.values(), key=_first_row)


def _company(bundles: Iterable[_Bundle]) -> Company:
    """Which stronger keys each weaker id was seen beside: one that was beside two of a rung says nothing there.

    Registrant ids decide alone and e-mails are no ids, so neither is asked for.
    """
    found: defaultdict[tuple[Key, str], set[Key]] = defaultdict(set)
    for bundle in bundles:
        ids = [key for key in bundle.keys if key[0] not in (REGISTRANT, "email")]
        for at, weaker in enumerate(ids):
            for stronger in ids[:at]:
                found[weaker, stronger[0]].add(stronger)
    return found


def _keys(stay: Stay, ladder: _Ladder) -> list[Key]:
    """A row's keys, strongest first; its name where it has no other."""
    registrant_id, user_id = stay.registrant_id, stay.user_id
    if not registrant_id and user_id and ladder.is_registrant(user_id):
        registrant_id, user_id = user_id, ""  # older reports put the registrant id in the account id's place
    keys = [
        (REGISTRANT, registrant_id),
        ("customer_key", stay.customer_key),
        ("user_id", user_id),
        ("email", stay.email),
    ]
    return [key for key in keys if key[1]] or [("name", stay.name)]


def _strongest(stays: Sequence[Stay]) -> tuple[Key, ...]:
    """The one key that stands for all rows of a person without e-mail: the first on the highest rung that any has."""
    for rung in RUNGS:
        if values := [value for stay in stays if (value := getattr(stay, rung))]:
            return ((rung, min(values)),)
    return ()


def _name(person: Identity) -> str:
    if person.registrations:
        registration = person.registrations[0]
        return f"{registration.first_name} {registration.last_name}".strip()
    return person.stays[0].name if person.stays else ""
