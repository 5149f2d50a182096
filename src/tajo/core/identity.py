"""Who is who: rows of a report and registrations become persons.

The ladder is registrant_id → customer_key → user_id (Zoom's participant_user_id) → e-mail. A row belongs to whoever
owns its strongest key; where its keys point to different people (a shared computer), it goes to review. A name alone
identifies nobody. The same e-mail is the same person: it is the identity in Brevo.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter

from tajo.core.facts import Registration, Stay


class Doubt(StrEnum):
    """Why rows could not be given to a person who can be written to."""

    NAME_ONLY = "name_only"  # no id and no e-mail: a guest
    NO_EMAIL = "no_email"  # one person, surely, but Zoom shows no address
    AMBIGUOUS = "ambiguous"  # the keys belong to different people


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


def identify(registrations: Sequence[Registration], stays: Iterable[Stay]) -> tuple[list[Identity], list[Unidentified]]:
    """Give every registration and every row to a person, or say why not.

    The result does not depend on the order of the rows: registrants come first, then people by their first row.
    """
    ladder = _Ladder(registrations)
    bundles = _bundles(stays, ladder)
    for rung in RUNGS:
        ladder.climb([bundle for bundle in bundles if bundle.rung == rung])
    return ladder.result()


REGISTRANT = "registrant_id"
RUNGS = (REGISTRANT, "customer_key", "user_id", "email", "name")
Key = tuple[str, str]  # the rung, and the value on it


@dataclass(slots=True)
class _Bundle:
    """Rows that carry the very same keys (strongest first): they can only belong together."""

    keys: list[Key]
    stays: list[Stay]

    @property
    def rung(self) -> str:
        return self.keys[0][0]

    @property
    def email(self) -> str:
        return self.stays[0].email


class _Ladder:
    """Who owns which key. Keys learned on a rung count for the rungs below it only.

    So a weak key that two stronger ones of the same rung share never makes one person of them; an e-mail does.
    """

    def __init__(self, registrations: Sequence[Registration]) -> None:
        self.people: list[Identity] = []
        self.doubtful: list[Unidentified] = []
        self.by_email: dict[str, int] = {}
        self.owners: dict[Key, set[int]] = {}
        for registration in registrations:
            owner = self._by_email(registration.email)
            self.people[owner].registrations.append(registration)
            if registration.registrant_id:
                self.owners.setdefault((REGISTRANT, registration.registrant_id), set()).add(owner)

    def is_registrant(self, registrant_id: str) -> bool:
        return (REGISTRANT, registrant_id) in self.owners

    def climb(self, bundles: list[_Bundle]) -> None:
        """Settle the bundles of one rung, then learn their keys."""
        fresh: dict[Key, set[int]] = {}
        for bundle in bundles:
            if bundle.rung == "name":
                self._doubt(Doubt.NAME_ONLY, bundle)
                continue
            owner = self._owner(bundle, fresh)
            if owner is None:
                self._doubt(Doubt.AMBIGUOUS, bundle)
                continue
            self.people[owner].stays.extend(bundle.stays)
            for key in bundle.keys:
                fresh.setdefault(key, set()).add(owner)
        for key, owners in fresh.items():
            self.owners.setdefault(key, set()).update(owners)

    def _owner(self, bundle: _Bundle, fresh: dict[Key, set[int]]) -> int | None:
        """Whose rows these are: somebody known, somebody new, or None where the keys disagree."""
        first = bundle.keys[0]
        known = self.owners.get(first) or fresh.get(first)
        if bundle.rung == REGISTRANT and known:
            return min(known)  # their own link: decides alone
        named = self.by_email.get(bundle.email)
        sayings = [known or set(), *(self.owners.get(key, set()) for key in bundle.keys[1:])]
        candidates = _agreed([*sayings, set() if named is None else {named}])
        if candidates is None or len(candidates) > 1:
            return None
        if not candidates:
            return self._by_email(bundle.email)
        owner = candidates.pop()
        self._give_email(owner, bundle.email)
        return owner

    def _by_email(self, email: str) -> int:
        """The person with this e-mail; a new one if there is none, or if it is ""."""
        if email in self.by_email:
            return self.by_email[email]
        self.people.append(Identity(""))
        owner = len(self.people) - 1
        self._give_email(owner, email)
        return owner

    def _give_email(self, owner: int, email: str) -> None:
        if email and email not in self.by_email:
            self.by_email[email] = owner
            self.people[owner].email = self.people[owner].email or email

    def _doubt(self, doubt: Doubt, bundle: _Bundle) -> None:
        self.doubtful.append(Unidentified(doubt, bundle.stays[0].name, bundle.stays))

    def result(self) -> tuple[list[Identity], list[Unidentified]]:
        """The persons who have an e-mail; the others were there too, but nobody can write to them."""
        nameless = [
            Unidentified(Doubt.NO_EMAIL, _name(person), person.stays) for person in self.people if not person.email
        ]
        return [person for person in self.people if person.email], self.doubtful + nameless


def _agreed(sayings: Sequence[set[int]]) -> set[int] | None:
    """Whom all the keys that say anything mean; empty if none does; None where they contradict each other."""
    telling = [owners for owners in sayings if owners]
    if not telling:
        return set()
    return set.intersection(*telling) or None


def _bundles(stays: Iterable[Stay], ladder: _Ladder) -> list[_Bundle]:
    """Rows by their whole set of keys, in the order of their first row: what follows is done once a bundle."""
    bundles: dict[tuple[str, str, str, str, str], _Bundle] = {}
    for stay in sorted(stays, key=attrgetter("join", "leave", "name")):
        bare = not (stay.registrant_id or stay.customer_key or stay.user_id or stay.email)
        name = stay.name.casefold() if bare else ""
        signature = (stay.registrant_id, stay.customer_key, stay.user_id, stay.email, name)
        bundle = bundles.get(signature)
        if bundle is None:
            bundles[signature] = bundle = _Bundle(_keys(stay, ladder), [])
        bundle.stays.append(stay)
    return list(bundles.values())


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


def _name(person: Identity) -> str:
    if person.registrations:
        registration = person.registrations[0]
        return f"{registration.first_name} {registration.last_name}".strip()
    return person.stays[0].name if person.stays else ""
