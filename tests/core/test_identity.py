"""Who is who: the ladder registrant_id → customer_key → participant_user_id → e-mail, and what goes to review."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import combinations_with_replacement, count, permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.core.facts import Registration, Status, Stay
from tajo.core.identity import Doubt, Identity, Unidentified, identify

TWO = datetime(2026, 9, 1, 14, 0, tzinfo=UTC)
KIM, LEE = "kim@mail.example", "lee@mail.example"
HOME = "kim@home.example"


def registered(registrant_id: str, email: str) -> Registration:
    return Registration(registrant_id, email, Status.APPROVED)


def rows(*keys: dict[str, str]) -> list[Stay]:
    """Rows of ten minutes each, one after the other."""
    minutes = count(0, 10)
    return [
        Stay(TWO + timedelta(minutes=at), TWO + timedelta(minutes=at + 10), **each)
        for at, each in zip(minutes, keys, strict=False)
    ]


def who(registrations: Iterable[Registration], stays: Iterable[Stay]) -> tuple[dict[str, int], Counter[Doubt]]:
    """How many rows each e-mail got, and how many each doubt."""
    people, doubtful = identify(tuple(registrations), stays)
    doubts: Counter[Doubt] = Counter()
    for each in doubtful:
        doubts[each.doubt] += len(each.stays)
    return {person.email: len(person.stays) for person in people}, +doubts


BOTH = (registered("7", KIM), registered("8", LEE))


def test_a_registrant_id_says_whose_row_it_is() -> None:
    assert who(BOTH, rows({"registrant_id": "7"}, {"registrant_id": "7"})) == ({KIM: 2, LEE: 0}, {})


def test_a_customer_key_joins_rows_of_a_guest() -> None:
    """The e-mail shows on one of two rows of the same customer key."""
    stays = rows({"customer_key": "c1", "email": KIM}, {"customer_key": "c1"})
    assert who((), stays) == ({KIM: 2}, {})


def test_an_account_joins_rows() -> None:
    stays = rows({"user_id": "u1", "email": KIM}, {"user_id": "u1"})
    assert who((), stays) == ({KIM: 2}, {})


def test_an_e_mail_joins_rows_and_finds_the_registrant() -> None:
    assert who(BOTH, rows({"email": KIM}, {"email": KIM, "user_id": "u1"})) == ({KIM: 2, LEE: 0}, {})


def test_a_name_alone_goes_to_review() -> None:
    assert who(BOTH, rows({"name": "iPhone"})) == ({KIM: 0, LEE: 0}, {Doubt.NAME_ONLY: 1})


def test_a_name_alone_goes_to_review_even_if_somebody_registered_under_it() -> None:
    kim = Registration("7", KIM, Status.APPROVED, first_name="Min", last_name="Kim")
    assert who([kim], rows({"name": "Min Kim"})) == ({KIM: 0}, {Doubt.NAME_ONLY: 1})


def test_rows_of_the_same_name_are_reviewed_together() -> None:
    people, doubtful = identify((), rows({"name": "iPhone"}, {"name": "Galaxy"}, {"name": "iphone"}))
    assert people == []
    assert [(each.name, len(each.stays)) for each in doubtful] == [("iPhone", 2), ("Galaxy", 1)]


def test_a_row_without_even_a_name_goes_to_review() -> None:
    assert who((), rows({})) == ({}, {Doubt.NAME_ONLY: 1})


def test_one_account_without_an_address_is_one_person_nobody_can_write_to() -> None:
    people, doubtful = identify((), rows({"user_id": "u1", "name": "Ana"}, {"user_id": "u1", "name": "Ana"}))
    assert people == []
    assert [(each.doubt, each.name, len(each.stays)) for each in doubtful] == [(Doubt.NO_EMAIL, "Ana", 2)]


def test_the_registrant_id_wins_over_the_e_mail_of_another_registrant() -> None:
    """Kim used her own link on a computer where Lee is signed in: the row is Kim's."""
    assert who(BOTH, rows({"registrant_id": "7", "user_id": "u-lee", "email": LEE})) == ({KIM: 1, LEE: 0}, {})


def test_a_registrant_signed_in_to_another_account_takes_its_other_rows_along() -> None:
    """Kim's link under her home account; her tablet joined from the home account without the link."""
    link = {"registrant_id": "7", "user_id": "u-home", "email": HOME}
    tablet = {"user_id": "u-home", "email": HOME}
    assert who(BOTH, rows(link, tablet)) == ({KIM: 2, LEE: 0}, {})


def test_a_row_with_only_the_other_address_is_the_registrants_too() -> None:
    assert who(BOTH, rows({"registrant_id": "7", "email": HOME}, {"email": HOME})) == ({KIM: 2, LEE: 0}, {})


def test_the_contact_is_the_registered_address_not_that_of_the_account() -> None:
    people, _ = identify([registered("7", KIM)], rows({"registrant_id": "7", "user_id": "u-home", "email": HOME}))
    assert [person.email for person in people] == [KIM]


def test_two_registrant_ids_are_two_people() -> None:
    assert who(BOTH, rows({"registrant_id": "7"}, {"registrant_id": "8"})) == ({KIM: 1, LEE: 1}, {})


def test_two_registrant_ids_with_the_same_e_mail_are_one_person() -> None:
    """Registered twice, joined with both links."""
    twice = [registered("7", KIM), registered("9", KIM)]
    assert who(twice, rows({"registrant_id": "7"}, {"registrant_id": "9"})) == ({KIM: 2}, {})


@pytest.mark.parametrize("weak", [{"user_id": "u1"}, {"customer_key": "c1"}, {"email": "desk@corp.example"}])
def test_two_registrant_ids_stay_two_people_whatever_weaker_key_they_share(weak: dict[str, str]) -> None:
    stays = rows({"registrant_id": "7"} | weak, {"registrant_id": "8"} | weak)
    assert who(BOTH, stays) == ({KIM: 1, LEE: 1}, {})


@pytest.mark.parametrize("weak", [{"user_id": "u1"}, {"customer_key": "c1"}, {"email": "desk@corp.example"}])
def test_what_else_a_shared_computer_did_goes_to_review(weak: dict[str, str]) -> None:
    """Kim and Lee joined from it with their own links; a third row has only what both share."""
    stays = rows({"registrant_id": "7"} | weak, {"registrant_id": "8"} | weak, weak)
    assert who(BOTH, stays) == ({KIM: 1, LEE: 1}, {Doubt.AMBIGUOUS: 1})


def test_what_else_a_shared_computer_did_goes_to_review_even_if_one_of_them_is_signed_in_on_it() -> None:
    """The account both used is Lee's. Its third row may be either's: the account joins registrant 7 and 8.

    Without a row of Lee's own link it goes to review already; that link says nothing more about the third row.
    """
    account = {"user_id": "u-lee", "email": LEE}
    stays = rows({"registrant_id": "7"} | account, {"registrant_id": "8"} | account, account)
    assert who(BOTH, stays) == ({KIM: 1, LEE: 1}, {Doubt.AMBIGUOUS: 1})


def test_an_account_under_an_address_that_two_registrants_links_showed_goes_to_review() -> None:
    """Kim and Lee used their links under desk@; a third row is of an account of its own, but under desk@ too."""
    desk = {"email": "desk@corp.example"}
    stays = rows({"registrant_id": "7"} | desk, {"registrant_id": "8"} | desk, {"user_id": "u9"} | desk)
    assert who(BOTH, stays) == ({KIM: 1, LEE: 1}, {Doubt.AMBIGUOUS: 1})


@pytest.mark.parametrize("first", ["7", "99"])
def test_a_link_that_is_listed_no_more_is_not_kims_because_both_were_used_under_one_address(first: str) -> None:
    """Two registrant ids are two people, whichever joined first; 99 is known by the address only."""
    second = "99" if first == "7" else "7"
    people, _ = identify(BOTH, rows(*({"registrant_id": each, "email": HOME} for each in (first, second))))
    assert [stay.registrant_id for person in people if person.email == KIM for stay in person.stays] == ["7"]


def test_an_account_used_with_one_registrants_link_and_under_anothers_address_goes_to_review() -> None:
    """Kim used her link from Lee's account, and Lee has no link row: the account's other row may be either's."""
    account = {"user_id": "u-lee", "email": LEE}
    assert who(BOTH, rows({"registrant_id": "7"} | account, account)) == ({KIM: 1, LEE: 0}, {Doubt.AMBIGUOUS: 1})


def test_two_customer_keys_of_one_account_are_two_people() -> None:
    stays = rows(
        {"customer_key": "c1", "user_id": "u1", "email": KIM},
        {"customer_key": "c2", "user_id": "u1"},
        {"user_id": "u1"},
    )
    assert who((), stays) == ({KIM: 1}, {Doubt.NO_EMAIL: 1, Doubt.AMBIGUOUS: 1})


def test_an_account_never_brings_two_customer_keys_together() -> None:
    """Kim's link was used under account u1; so were two customer keys, which are two people: which of them is Kim?"""
    stays = rows(
        {"registrant_id": "7", "user_id": "u1"},
        {"customer_key": "c1", "user_id": "u1"},
        {"customer_key": "c2", "user_id": "u1"},
    )
    people, _ = identify([registered("7", KIM)], stays)
    together = [{stay.customer_key for stay in person.stays if stay.customer_key} for person in people]
    assert all(len(keys) < 2 for keys in together)


def test_the_customer_key_wins_over_the_account() -> None:
    """c1 is Kim's; the account was used with c2 as well, so its own row is in review."""
    stays = rows(
        {"customer_key": "c1", "user_id": "u1", "email": KIM},
        {"customer_key": "c2", "user_id": "u1", "email": LEE},
        {"customer_key": "c1"},
        {"user_id": "u1"},
    )
    assert who((), stays) == ({KIM: 2, LEE: 1}, {Doubt.AMBIGUOUS: 1})


def test_the_account_wins_over_the_e_mail() -> None:
    """One account that shows two addresses is one person."""
    assert who((), rows({"user_id": "u1", "email": KIM}, {"user_id": "u1", "email": HOME})) == ({KIM: 2}, {})


def test_user_ids_in_place_of_registrant_ids_are_read_as_such() -> None:
    """Older reports show a registrant's id where the account's belongs."""
    assert who(BOTH, rows({"user_id": "7"}, {"user_id": "8"}, {"user_id": "7"})) == ({KIM: 2, LEE: 1}, {})


def test_a_registrant_id_in_the_accounts_place_wins_over_the_e_mail_too() -> None:
    assert who(BOTH, rows({"user_id": "7", "email": LEE})) == ({KIM: 1, LEE: 0}, {})


def test_a_registrant_who_vanished_from_the_lists_is_found_by_e_mail() -> None:
    """Cancelled registrants are listed nowhere, and their id is still in the report."""
    assert who((), rows({"registrant_id": "99", "email": KIM}, {"registrant_id": "99"})) == ({KIM: 2}, {})


@pytest.mark.parametrize("registrations", [(), BOTH], ids=["unknown", "registered anew"])
def test_it_does_not_matter_on_which_row_of_a_registrant_id_the_e_mail_shows(
    registrations: tuple[Registration, ...],
) -> None:
    """As above, but the first of the two rows shows no address; Kim may have registered again since."""
    found, doubts = who(registrations, rows({"registrant_id": "99"}, {"registrant_id": "99", "email": KIM}))
    assert (found.get(KIM), doubts) == (2, {})


@pytest.mark.parametrize("key", ["customer_key", "user_id"])
@pytest.mark.parametrize("first", [True, False], ids=["on the first row", "on the second row"])
def test_it_does_not_matter_on_which_row_of_a_key_the_e_mail_shows(key: str, first: bool) -> None:
    """Kim registered and joined without her link: both rows have one key, one of them shows her address."""
    stays = rows({key: "k1"} | ({"email": KIM} if first else {}), {key: "k1"} | ({} if first else {"email": KIM}))
    assert who(BOTH, stays) == ({KIM: 2, LEE: 0}, {})


def test_registrations_without_rows_are_people_too() -> None:
    people, doubtful = identify(BOTH, ())
    assert [(person.email, person.stays) for person in people] == [(KIM, []), (LEE, [])]
    assert doubtful == []


def test_one_person_has_all_their_registrations() -> None:
    people, _ = identify([registered("7", KIM), registered("8", LEE), registered("9", KIM)], ())
    assert [[r.registrant_id for r in person.registrations] for person in people] == [["7", "9"], ["8"]]


def mostly_empty(*values: str) -> st.SearchStrategy[str]:
    return st.sampled_from(["", *values])


def stays(*, apart: bool) -> st.SearchStrategy[list[Stay]]:
    """Rows over few keys, so that they clash often; `apart`: no two joined at the same moment."""

    def at(minute: int, length: int, **keys: str) -> Stay:
        join = TWO + timedelta(minutes=minute)
        return Stay(join, join + timedelta(minutes=length), **keys)

    row = st.builds(
        at,
        minute=st.integers(0, 60),
        length=st.integers(0, 2),
        name=mostly_empty("iPhone", "Kim"),
        email=mostly_empty(KIM, LEE, HOME),
        registrant_id=mostly_empty("7", "8", "99"),
        customer_key=mostly_empty("c1", "c2"),
        user_id=mostly_empty("u1", "u2", "7"),
    )
    return st.lists(row, max_size=9, unique_by=(lambda stay: stay.join) if apart else None)


known = st.lists(st.builds(registered, st.sampled_from("789"), st.sampled_from([KIM, LEE])), max_size=3)


def summary(
    found: tuple[list[Identity], list[Unidentified]],
) -> tuple[list[tuple[str, list[str]]], list[tuple[str, list[str]]]]:
    people, doubtful = found
    return (
        sorted((person.email, sorted(map(repr, person.stays))) for person in people),
        sorted((each.doubt.value, sorted(map(repr, each.stays))) for each in doubtful),
    )


def together(found: tuple[list[Identity], list[Unidentified]]) -> frozenset[tuple[str, str]]:
    """For each row by its name: with which rows it was given to a person, or why not."""
    people, doubtful = found
    sure = {(stay.name, " ".join(sorted(s.name for s in each.stays))) for each in people for stay in each.stays}
    return frozenset(sure | {(stay.name, each.doubt.value) for each in doubtful for stay in each.stays})


@given(known, stays(apart=True), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(
    registrations: list[Registration], rows_: list[Stay], random: Random
) -> None:
    shuffled = random.sample(rows_, len(rows_))
    assert summary(identify(registrations, shuffled)) == summary(identify(registrations, rows_))


@given(known, stays(apart=False), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter_even_if_they_joined_at_the_same_moment(
    registrations: list[Registration], rows_: list[Stay], random: Random
) -> None:
    shuffled = random.sample(rows_, len(rows_))
    assert summary(identify(registrations, shuffled)) == summary(identify(registrations, rows_))


KINDS_OF_ROW = [
    {"registrant_id": "7", "email": HOME},
    {"registrant_id": "8", "email": HOME},
    {"registrant_id": "99", "email": HOME},
    {"registrant_id": "99"},
    {"registrant_id": "7", "user_id": "u1"},
    {"customer_key": "c1", "user_id": "u1"},
    {"customer_key": "c2", "user_id": "u1"},
    {"user_id": "u1", "email": HOME},
    {"user_id": "u1", "email": LEE},
    {"user_id": "u1"},
    {"user_id": "u2", "email": HOME},
    {"email": HOME},
]


def test_whoever_joined_first_it_is_the_keys_that_decide() -> None:
    """The same rows at other times belong together in the same way: all of any three rows, in every order."""
    unsteady = []
    for three in combinations_with_replacement(KINDS_OF_ROW, 3):
        named = [{**each, "name": f"row {number}"} for number, each in enumerate(three)]
        found = {together(identify(BOTH, rows(*order))) for order in permutations(named)}
        if len(found) > 1:
            unsteady.append(three)
    assert unsteady == []


def test_of_two_addresses_of_one_account_at_the_same_moment_the_same_one_counts_in_any_order() -> None:
    one, other = (Stay(TWO, TWO + timedelta(minutes=5), user_id="u1", email=email) for email in (KIM, HOME))
    assert who((), [one, other]) == who((), [other, one])


@given(known, stays(apart=False))
def test_no_row_is_ever_lost_or_doubled(registrations: list[Registration], rows_: list[Stay]) -> None:
    people, doubtful = identify(registrations, rows_)
    out = [stay for each in [*people, *doubtful] for stay in each.stays]
    assert Counter(out) == Counter(rows_)


@given(known, stays(apart=False))
def test_everybody_has_an_e_mail_and_nobody_has_anothers(registrations: list[Registration], rows_: list[Stay]) -> None:
    people, _ = identify(registrations, rows_)
    emails = [person.email for person in people]
    assert all(emails)
    assert len(emails) == len(set(emails))


@given(known, stays(apart=False))
def test_a_name_alone_is_never_a_person(registrations: list[Registration], rows_: list[Stay]) -> None:
    people, _ = identify(registrations, rows_)
    for stay in (stay for person in people for stay in person.stays):
        assert stay.registrant_id or stay.customer_key or stay.user_id or stay.email


@given(stays(apart=False))
def test_a_known_registrants_rows_are_theirs_and_no_other_registrants(rows_: list[Stay]) -> None:
    people, _ = identify(BOTH, rows_)
    by_email = {person.email: person for person in people}
    for registration in BOTH:
        links = [stay.registrant_id for stay in by_email[registration.email].stays if stay.registrant_id in ("7", "8")]
        mine = [stay.registrant_id for stay in rows_ if stay.registrant_id == registration.registrant_id]
        assert links == mine


@given(known, stays(apart=False))
def test_registrations_never_change_hands(registrations: list[Registration], rows_: list[Stay]) -> None:
    people, _ = identify(registrations, rows_)
    for person in people:
        assert {each.email for each in person.registrations} <= {person.email}
    assert sum(len(person.registrations) for person in people) == len(registrations)
