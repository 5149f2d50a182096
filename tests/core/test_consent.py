"""What answers mean, and that neither their order nor their spelling changes it."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.core.consent import CLICK, CLICKED, EVERYTHING, REFUSED, Allowed, Decision, OnMissing, Policy, Said

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
ASKED = "May we write to you?"


def policy(on_missing: OnMissing = OnMissing.CONTACT_ONLY, question: str = ASKED) -> Policy:
    return Policy(question, ("Yes", "예"), on_missing)


def said(answer: str, minutes: int = 0, question: str = ASKED) -> Said:
    return Said(f"webinar:9:{minutes}", NOW + timedelta(minutes=minutes), question, answer)


CLICKED_AT = Said(CLICK, NOW + timedelta(minutes=30), CLICK, CLICKED)


@pytest.mark.parametrize("answer", ["Yes", " yes ", "YES", "예", unicodedata.normalize("NFD", "예")])
def test_a_yes_is_one_however_it_is_spelt(answer: str) -> None:
    assert policy().decide(said(answer, question=" may WE write to you? ")) is Decision.YES
    assert policy().allowed([said(answer)]) == EVERYTHING


@pytest.mark.parametrize("answer", ["No", "아니요", "Yes, but no calls", "maybe"])
def test_every_other_answer_is_a_no(answer: str) -> None:
    assert policy().allowed([said(answer)]) == REFUSED


@pytest.mark.parametrize("missing", [[], [said("")], [said("  ")], [said("Yes", question="Your job?")]])
@pytest.mark.parametrize(
    ("on_missing", "can"),
    [
        (OnMissing.CONTACT_ONLY, (True, False, False, False)),
        (OnMissing.SKIP, (False, False, False, False)),
        (OnMissing.DOUBLE_OPT_IN, (False, False, False, True)),
        (OnMissing.TRANSACTIONAL_ONLY, (True, False, True, False)),
    ],
)
def test_without_an_answer_the_policy_decides(
    missing: list[Said], on_missing: OnMissing, can: tuple[bool, ...]
) -> None:
    allowed = policy(on_missing).allowed(missing)
    assert (allowed.contact, allowed.lists, allowed.mails, allowed.asks) == can
    assert allowed.why.startswith("no consent")


def test_the_latest_answer_counts_and_silence_overrides_nothing() -> None:
    assert policy().allowed([said("Yes", 1), said("No", 2)]) == REFUSED
    assert policy().allowed([said("No", 1), said("Yes", 2)]) == EVERYTHING
    assert policy().allowed([said("Yes", 1), said("", 2), said("No", 3, question="Other?")]) == EVERYTHING


def test_of_two_answers_at_once_a_no_counts() -> None:
    assert policy().allowed([said("Yes"), said("No")]) == REFUSED


def test_a_click_is_a_yes_until_a_later_no() -> None:
    asks = policy(OnMissing.DOUBLE_OPT_IN, question="")
    assert asks.allowed([CLICKED_AT]) == EVERYTHING
    assert policy().allowed([CLICKED_AT, said("No", 10)]) == EVERYTHING
    assert policy().allowed([CLICKED_AT, said("No", 40)]) == REFUSED
    assert not asks.allowed([said("Yes")]).lists  # no question is configured: nothing is an answer to it


def test_a_question_of_that_name_is_no_click() -> None:
    assert policy(question=CLICK).decide(said(CLICKED, question=CLICK)) is Decision.NO


SAID = st.lists(
    st.builds(said, st.sampled_from(["Yes", "예", "No", "", "?"]), st.integers(0, 3), st.sampled_from([ASKED, "Job?"])),
    max_size=8,
)


@given(SAID, st.randoms(), st.sampled_from(OnMissing))
def test_the_order_in_which_answers_are_heard_changes_nothing(
    answers: list[Said], random: object, missing: OnMissing
) -> None:
    shuffled = [*answers, *answers[:2]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert policy(missing).allowed(shuffled) == policy(missing).allowed(answers)


@given(SAID, st.sampled_from(OnMissing))
def test_lists_only_after_a_yes(answers: list[Said], missing: OnMissing) -> None:
    """And never when the newest answer of all is no yes."""
    allowed: Allowed = policy(missing).allowed(answers)
    mine = [each for each in answers if each.question == ASKED and each.answer]
    if allowed.lists:
        newest = max(each.said_at for each in mine)
        assert all(each.answer in ("Yes", "예") for each in mine if each.said_at == newest)
        assert allowed.contact
        assert allowed.mails
