"""Invented people, names and identifiers. E-mail addresses are at .example and .test names, which nobody can own."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

_SURNAMES = (
    *(("김", "Kim"), ("이", "Lee"), ("박", "Park"), ("최", "Choi"), ("정", "Jung"), ("강", "Kang"), ("조", "Cho")),
    *(("윤", "Yoon"), ("장", "Jang"), ("임", "Lim"), ("한", "Han"), ("오", "Oh"), ("서", "Seo"), ("신", "Shin")),
)
_SYLLABLES = (
    *(("민", "min"), ("서", "seo"), ("지", "ji"), ("하", "ha"), ("도", "do"), ("윤", "yun"), ("준", "jun")),
    *(("우", "woo"), ("현", "hyun"), ("수", "su"), ("은", "eun"), ("채", "chae"), ("유", "yu"), ("예", "ye")),
    *(("진", "jin"), ("태", "tae"), ("성", "sung"), ("재", "jae"), ("호", "ho"), ("나", "na"), ("린", "rin")),
)
_LATIN_FIRST = ("Al", "Ber", "Cas", "Dor", "El", "Fen", "Gar", "Hel", "Is", "Jor", "Kal", "Lor", "Mar", "Nor", "Or")
_LATIN_SECOND = ("na", "vin", "tor", "lia", "mund", "wen", "dis", "ric", "sa", "bert", "lo", "ny", "ka", "mir")
_LATIN_LAST = ("Ash", "Birk", "Cald", "Dun", "Elm", "Far", "Gold", "Hart", "Ing", "Jarl", "Kell", "Lind", "Mor", "Nord")
_LATIN_END = ("wood", "by", "well", "ström", "er", "son", "field", "man", "gård", "ley", "ski", "ez")
_COMPANIES = ("hanul", "nordlicht", "baram", "saebyeok", "kestrel", "mirae", "alpen", "dalbit", "quince", "solbi")
_JOBS = ("마케팅 팀장", "Data Analyst", "대표", "Product Owner", "연구원", "Teacher", "Buyer", "학생", "")
_CITIES = ("서울", "부산", "Berlin", "Oslo", "대전", "")
_INDUSTRIES = ("", "Software", "Education", "Retail")

# As people type them: international, national, with blanks, too short, not a number at all, empty.
_PHONES = ("+82 10-5550-{n:04d}", "010-5551-{n:04d}", "0105552{n:04d}", "+1 650-555-0{n3:03d}", "(650) 555-0{n3:03d}")
_BAD_PHONES = ("12", "n/a", "call me", "+82", "010-555", "0000000000")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the world. `zoom_id` is the account they sign in with when they do, "" for people without one."""

    first_name: str
    last_name: str
    email: str
    phone: str = ""
    org: str = ""
    job_title: str = ""
    country: str = ""
    city: str = ""
    industry: str = ""
    zoom_id: str = ""
    internal: bool = False  # a user of the host's account

    @property
    def name(self) -> str:
        if self.country == "KR" and not self.last_name.isascii():
            return f"{self.last_name}{self.first_name}"
        return f"{self.first_name} {self.last_name}".strip()


class Names:
    """Makes people and identifiers from one random stream, none twice."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self._emails: set[str] = set()
        self._ids: set[str | int] = set()

    def person(self, **known: Any) -> Person:
        """Somebody new; `known` fixes some of the fields."""
        rng = self.rng
        korean = rng.random() < 0.6
        first, last, latin = self._korean() if korean else self._latin()
        phone = rng.choice(_BAD_PHONES) if rng.random() < 0.08 else rng.choice(_PHONES)
        number = rng.randrange(10_000)
        fields: dict[str, Any] = {
            "first_name": first,
            "last_name": last,
            "phone": phone.format(n=number, n3=100 + number % 100) if rng.random() < 0.7 else "",
            "org": f"{rng.choice(_COMPANIES).title()} {rng.choice(('Co', 'Labs', '교육', 'GmbH'))}",
            "job_title": rng.choice(_JOBS),
            "country": "KR" if korean else rng.choice(("US", "DE", "NO", "KR")),
            "city": rng.choice(_CITIES),
            "industry": rng.choice(_INDUSTRIES),
            "zoom_id": self.key() if rng.random() < 0.35 else "",
        }
        fields["email"] = known.get("email") or self._email(latin)
        return Person(**{**fields, **known})

    def key(self) -> str:
        """22 URL-safe characters, the form of Zoom's user and registrant ids."""
        return self._unused(lambda: base64.urlsafe_b64encode(self.rng.randbytes(16)).decode()[:22])

    def uuid(self, shape: str = "") -> str:
        """The base64 of 16 bytes. `shape`: "slash" begins with /, "double" contains //, "plus" contains + and /."""
        value = self._unused(lambda: base64.b64encode(self.rng.randbytes(16)).decode())
        if not shape:
            # Plain ones stay clear of the forms that must be encoded twice, so that those are there on purpose only.
            return "A" + value[1:].replace("//", "/A")
        at = {"slash": 0, "double": 7, "plus": 5}[shape]
        text = {"slash": "/", "double": "//", "plus": "+B/"}[shape]
        return value[:at] + text + value[at + len(text) :]

    def number(self, digits: int, first: str) -> int:
        """A session id of `digits` digits beginning with `first`."""
        while True:
            value = int(first + "".join(self.rng.choice("0123456789") for _ in range(digits - len(first))))
            if value not in self._ids:
                self._ids.add(value)
                return value

    def _unused(self, make: Callable[[], str]) -> str:
        while True:
            value = make()
            if value not in self._ids:
                self._ids.add(value)
                return value

    def _korean(self) -> tuple[str, str, str]:
        last, last_latin = self.rng.choice(_SURNAMES)
        one, two = self.rng.choice(_SYLLABLES), self.rng.choice(_SYLLABLES)
        return one[0] + two[0], last, f"{one[1]}{two[1]}.{last_latin.lower()}"

    def _latin(self) -> tuple[str, str, str]:
        first = self.rng.choice(_LATIN_FIRST) + self.rng.choice(_LATIN_SECOND)
        last = self.rng.choice(_LATIN_LAST) + self.rng.choice(_LATIN_END)
        plain = last.lower().replace("ö", "o").replace("å", "a")
        return first, last, f"{first.lower()}.{plain}"

    def _email(self, local: str) -> str:
        domain = f"{self.rng.choice(_COMPANIES)}.{self.rng.choice(('example', 'example', 'test'))}"
        email, n = f"{local}@{domain}", 1
        while email in self._emails:
            n += 1
            email = f"{local}{n}@{domain}"
        self._emails.add(email)
        return email
