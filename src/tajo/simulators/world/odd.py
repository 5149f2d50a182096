"""People whose names and phone numbers break things: templates, markup, formulas, emoji, right-to-left, tabs."""

from __future__ import annotations

from tajo.simulators.world.people import Person
from tajo.simulators.world.stage import Stage

ODD_NAMES = (
    ("{{7*7}}", "{{ contact.EMAIL }}"),
    ("<img src=x onerror=alert(1)>", "O'Brien"),
    ("🎉 파티", "🦊"),
    ("שרה", "\u202elevi\u202c"),
    ("Tab\tName", "Line\u2028Break"),
    ("=HYPERLINK(1)", "-2+3"),
    ("Zoë", "Ångström-Müller"),
    ("e\u0301mile", "Nguye\u0302\u0303n"),  # letters and accents as separate code points
    ("하" * 60, ""),
    ("", "윤"),
    ("null", "undefined"),
    ('Quote"Quote', "Back\\slash, Comma; Semi"),
)
SHARED_PHONE = "+1 650-555-0199"
PHONES = (SHARED_PHONE, SHARED_PHONE, "+82 10-5550-4242", "010-5551-4242", "12", "call me", "+82", "０１０-5551-7777")


def odd_names(stage: Stage) -> list[Person]:
    """One person for each odd name."""
    return [
        stage.names.person(first_name=first, last_name=last, email=f"odd.name{number}@mail.example", zoom_id="")
        for number, (first, last) in enumerate(ODD_NAMES)
    ]


def odd_phones(stage: Stage) -> list[Person]:
    """One person for each phone number; the first two share theirs."""
    return [stage.names.person(phone=phone) for phone in PHONES]
