"""Whose answers are whose: an address tells, a name never does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tajo.core.facts import Interaction, Respondent, Stay
from tajo.core.identity import Identity
from tajo.core.interactions import Done, attributed

TWO = datetime(2026, 9, 1, 14, 0, tzinfo=UTC)
KIM, LEE = "kim@mail.example", "lee@mail.example"


def somebody(email: str, *shown: str) -> Identity:
    return Identity(email, [], [Stay(TWO, TWO + timedelta(minutes=5), email=each) for each in shown])


def poll(email: str, times: int = 1, *, instance: str = "u", name: str = "") -> Respondent:
    return Respondent(instance, Interaction.POLL, times, name, email)


def question(email: str, times: int = 1) -> Respondent:
    return Respondent("u", Interaction.QUESTION, times, "", email)


def test_what_somebody_did_in_all_instances_is_theirs() -> None:
    found = attributed([poll(KIM, 2), poll(KIM, instance="v"), question(KIM)], [somebody(KIM), somebody(LEE)])
    assert found == {KIM: Done(polls=3, questions=1)}


def test_the_address_of_an_account_somebody_was_signed_in_to_is_theirs() -> None:
    assert attributed([poll("home@x.example")], [somebody(KIM, "home@x.example"), somebody(LEE)]) == {KIM: Done(1)}


def test_an_address_that_two_people_showed_is_nobodys() -> None:
    people = [somebody(KIM, "room@x.example"), somebody(LEE, "room@x.example")]
    assert attributed([poll("room@x.example")], people) == {}


def test_an_address_of_their_own_comes_before_one_that_another_showed() -> None:
    assert attributed([poll(LEE)], [somebody(KIM, LEE), somebody(LEE)]) == {LEE: Done(1)}


def test_a_name_is_nobodys() -> None:
    assert attributed([poll("", name="Kim"), poll("stranger@x.example")], [somebody(KIM)]) == {}


@given(st.lists(st.builds(poll, st.sampled_from([KIM, LEE, "", "x@x.example"]), st.integers(1, 5)), max_size=8))
def test_nothing_is_counted_twice(found: list[Respondent]) -> None:
    given_away = sum(each.polls for each in attributed(found, [somebody(KIM, LEE), somebody(LEE)]).values())
    assert given_away == sum(each.times for each in found if each.email in (KIM, LEE))
