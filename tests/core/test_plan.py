"""What is wanted minus what we last wrote."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.core.mapping import PHONE_ATTRIBUTES, Attribute
from tajo.core.plan import Change, Delivered, Listing, Operation, Plan, Wanted, after, plan

KIM, LEE = "kim@mail.example", "lee@mail.example"
Ledger = dict[str, Delivered]


def wanted(email: str = KIM, *lists: int, withdrawn: bool = False, **attributes: Attribute) -> Wanted:
    return Wanted(email, attributes, frozenset(lists), withdrawn)


def delivered(email: str = KIM, *lists: int, **attributes: Attribute) -> Delivered:
    return Delivered(email, attributes, frozenset(lists))


def ledger(*lines: Delivered) -> Ledger:
    return {line.email: line for line in lines}


def phones(lines: Mapping[str, Delivered]) -> dict[tuple[str, Attribute], str]:
    """Who holds which number, as the ledger tells."""
    return {
        (name, value): line.email
        for line in lines.values()
        for name, value in line.attributes.items()
        if name in PHONE_ATTRIBUTES and isinstance(value, str) and value
    }


def planned(wants: Iterable[Wanted], lines: Ledger) -> Plan:
    return plan(wants, lines, phones=phones(lines))


def applied(found: Plan, lines: Ledger) -> Ledger:
    return lines | {each.email: after(each, lines.get(each.email)) for each in found.operations}


def only(found: Plan) -> Operation:
    assert len(found.operations) == 1
    return found.operations[0]


# --- created, changed, unchanged


def test_somebody_new_is_created_with_everything() -> None:
    operation = only(planned([wanted(KIM, 16, FIRSTNAME="Min", DURATION=3120)], {}))
    assert operation == Operation(
        KIM, Change.CREATED, {"FIRSTNAME": "Min", "DURATION": 3120}, join=frozenset({16}), leave=frozenset()
    )


def test_somebody_new_of_whom_only_the_address_is_known_is_created_too() -> None:
    assert only(planned([wanted(KIM)], {})).change is Change.CREATED


def test_an_unchanged_person_costs_no_call() -> None:
    found = planned([wanted(KIM, 16, FIRSTNAME="Min")], ledger(delivered(KIM, 16, FIRSTNAME="Min")))
    assert found == Plan((), 1)


def test_only_what_changed_is_written() -> None:
    before = delivered(KIM, 16, FIRSTNAME="Min", DURATION=60, TOPIC="Autumn")
    operation = only(planned([wanted(KIM, 16, 17, FIRSTNAME="Min", DURATION=3120, TOPIC="Autumn")], ledger(before)))
    assert operation == Operation(KIM, Change.CHANGED, {"DURATION": 3120}, join=frozenset({17}))


def test_a_value_that_became_empty_is_written() -> None:
    operation = only(planned([wanted(KIM, JOIN="")], ledger(delivered(KIM, JOIN="2026-09-01"))))
    assert operation.attributes == {"JOIN": ""}


def test_nothing_where_nothing_was_is_no_change() -> None:
    assert planned([wanted(KIM, JOIN="")], ledger(delivered(KIM))) == Plan((), 1)


def test_a_nought_that_was_never_written_is_written() -> None:
    assert only(planned([wanted(KIM, DURATION=0)], ledger(delivered(KIM)))).attributes == {"DURATION": 0}


@pytest.mark.parametrize(
    ("before", "now", "same"), [(5, 5.0, True), (True, 1, False), (0, False, False), (5, "5", False)]
)
def test_five_is_five_and_yes_is_not_one(before: Attribute, now: Attribute, same: bool) -> None:
    assert (planned([wanted(KIM, A=now)], ledger(delivered(KIM, A=before))).unchanged == 1) is same


def test_an_attribute_that_is_mapped_no_more_is_left_as_it_is() -> None:
    """And stays in the ledger."""
    lines = ledger(delivered(KIM, 16, FIRSTNAME="Min", OLD="x"))
    assert planned([wanted(KIM, 16, FIRSTNAME="Min")], lines) == Plan((), 1)
    changed = applied(planned([wanted(KIM, 16, FIRSTNAME="Min-seo")], lines), lines)
    assert changed[KIM] == delivered(KIM, 16, FIRSTNAME="Min-seo", OLD="x")


def test_operations_are_in_the_order_of_the_e_mails() -> None:
    found = planned([wanted("c@x.example"), wanted("a@x.example"), wanted("b@x.example")], {})
    assert [each.email[0] for each in found.operations] == ["a", "b", "c"]


# --- lists


def test_only_memberships_that_we_wrote_are_removed() -> None:
    """Wanted on 16; we had put them on 17. Whatever else they are on is not ours."""
    operation = only(planned([wanted(KIM, 16)], ledger(delivered(KIM, 17))))
    assert (operation.join, operation.leave) == ({16}, {17})


def test_somebody_new_leaves_no_list() -> None:
    assert only(planned([wanted(KIM, 16)], {})).leave == frozenset()


def test_a_list_left_once_is_not_left_again() -> None:
    lines = ledger(delivered(KIM, 17))
    lines = applied(planned([wanted(KIM)], lines), lines)
    assert planned([wanted(KIM)], lines) == Plan((), 1)


# --- withdrawn


def test_the_withdrawn_are_never_created() -> None:
    assert planned([wanted(KIM, withdrawn=True, STATUS="denied")], {}) == Plan((), 0)


def test_somebody_written_before_and_denied_later_gets_the_status_and_leaves_the_list() -> None:
    lines = ledger(delivered(KIM, 17, STATUS="registered"))
    operation = only(planned([wanted(KIM, withdrawn=True, STATUS="denied")], lines))
    assert operation == Operation(KIM, Change.CHANGED, {"STATUS": "denied"}, leave=frozenset({17}))


def test_the_withdrawn_who_were_never_written_hold_no_phone_number() -> None:
    found = planned([wanted(KIM, withdrawn=True, SMS="+821012345678"), wanted(LEE, SMS="+821012345678")], {})
    assert only(found).attributes == {"SMS": "+821012345678"}
    assert found.dropped == ()


# --- phone numbers


def test_a_shared_phone_number_goes_to_the_first() -> None:
    """A family's: Brevo refuses a second holder, so Lee is written without it, and it is said."""
    family = "+821012345678"
    found = planned([wanted(LEE, SMS=family, FIRSTNAME="Su"), wanted(KIM, SMS=family)], {})
    assert [dict(each.attributes) for each in found.operations] == [{"SMS": family}, {"FIRSTNAME": "Su"}]
    assert [(email, name) for email, name, _ in found.dropped] == [(LEE, "SMS")]


def test_why_a_number_was_dropped_does_not_show_it() -> None:
    found = planned([wanted(LEE, SMS="+821012345678"), wanted(KIM, SMS="+821012345678")], {})
    assert "+82" not in str(found.dropped)


def test_who_holds_a_number_keeps_it() -> None:
    """Lee was written with it; Kim, who comes first, is not given it."""
    lines = ledger(delivered(LEE, SMS="+821012345678"))
    found = planned([wanted(KIM, SMS="+821012345678"), wanted(LEE, SMS="+821012345678")], lines)
    assert (only(found).email, dict(only(found).attributes), found.unchanged) == (KIM, {}, 1)


def test_a_number_held_by_somebody_who_is_not_in_this_plan_is_held() -> None:
    found = planned([wanted(KIM, SMS="+821012345678")], ledger(delivered(LEE, SMS="+821012345678")))
    assert dict(only(found).attributes) == {}


def test_each_phone_attribute_counts_for_itself_and_other_attributes_may_be_shared() -> None:
    number = "+821012345678"
    found = planned([wanted(KIM, SMS=number, PHONE=number), wanted(LEE, WHATSAPP=number, PHONE=number)], {})
    assert [set(each.attributes) for each in found.operations] == [{"SMS", "PHONE"}, {"WHATSAPP", "PHONE"}]
    assert found.dropped == ()


def test_two_people_without_number_share_nothing() -> None:
    found = planned([wanted(KIM, SMS=""), wanted(LEE, SMS="")], {})
    assert found.dropped == ()


def test_a_number_that_is_given_up_and_taken_over_settles() -> None:
    """Kim has a new number, and Lee has hers now. At once or by the next plan, but then there is nothing left."""
    wants = [wanted(KIM, SMS="+821099999999"), wanted(LEE, SMS="+821012345678")]
    lines = settled(wants, ledger(delivered(KIM, SMS="+821012345678")))
    assert [lines[email].attributes["SMS"] for email in (KIM, LEE)] == ["+821099999999", "+821012345678"]


def settled(wants: Iterable[Wanted], lines: Ledger) -> Ledger:
    """The ledger after two plans; a third has nothing to do."""
    wants = list(wants)
    for _ in range(2):
        lines = applied(planned(wants, lines), lines)
    assert planned(wants, lines).operations == ()
    return lines


@pytest.mark.parametrize("taker", ["amy@mail.example", LEE], ids=["sorted before", "sorted after"])
def test_nobody_is_given_a_number_that_its_holder_has_not_given_up_yet(taker: str) -> None:
    """Brevo refuses a second holder at the moment of the write, in whatever order the e-mails sort."""
    lines = ledger(delivered(KIM, SMS="+821012345678"))
    wants = [wanted(KIM, SMS="+821099999999"), wanted(taker, SMS="+821012345678")]
    assert clashes(planned(wants, lines), lines) == []


def test_two_who_swap_their_numbers_are_not_given_each_others_at_once() -> None:
    """Whichever is written first is refused: one of them has to wait, or to go without."""
    lines = ledger(delivered(KIM, SMS="+821011111111"), delivered(LEE, SMS="+821022222222"))
    wants = [wanted(KIM, SMS="+821022222222"), wanted(LEE, SMS="+821011111111")]
    assert clashes(planned(wants, lines), lines) == []


def clashes(found: Plan, lines: Ledger) -> list[str]:
    """Who is given a number that somebody else holds at that moment, the operations being done in their order."""
    clashing = []
    for operation in found.operations:
        number = operation.attributes.get("SMS")
        held = {line.attributes.get("SMS") for line in lines.values() if line.email != operation.email}
        if number and number in held:
            clashing.append(operation.email)
        lines = lines | {operation.email: after(operation, lines.get(operation.email))}
    return clashing


# --- after


def test_the_ledger_line_after_a_creation() -> None:
    operation = Operation(KIM, Change.CREATED, {"A": 1}, join=frozenset({16}))
    assert after(operation, None) == delivered(KIM, 16, A=1)


def test_the_ledger_line_after_a_change_keeps_what_was_not_touched() -> None:
    operation = Operation(KIM, Change.CHANGED, {"A": 2}, join=frozenset({18}), leave=frozenset({17}))
    assert after(operation, delivered(KIM, 16, 17, A=1, B="x")) == delivered(KIM, 16, 18, A=2, B="x")


# --- properties


def contacts(*numbers: str) -> st.SearchStrategy[list[Wanted]]:
    """Wanted contacts of five addresses; `numbers` are the phone numbers they may have."""
    optional: dict[str, st.SearchStrategy[Attribute]] = {
        "FIRSTNAME": st.sampled_from(["", "Min", "Su"]),
        "DURATION": st.sampled_from([0, 1, 1.0, 60, True, False, ""]),
        "TOPICS": st.sampled_from([["Sales"], ["Sales", "R&D"], ""]),
    }
    if numbers:
        optional["SMS"] = st.sampled_from(numbers)
    values = st.fixed_dictionaries({}, optional=optional)
    one = st.builds(
        Wanted,
        st.sampled_from([f"{letter}@x.example" for letter in "abcde"]),
        values,
        st.frozensets(st.sampled_from([15, 16, 17])),
        st.booleans(),
    )
    return st.lists(one, max_size=5, unique_by=lambda each: each.email)


@given(contacts("", "+821011111111", "+821022222222"))
def test_what_was_written_is_not_written_again(wants: list[Wanted]) -> None:
    lines = applied(planned(wants, {}), {})
    again = planned(wants, lines)
    assert again.operations == ()
    assert again.unchanged == sum(1 for each in wants if not each.withdrawn)


@given(contacts(), contacts())
def test_what_changed_is_written_once(before: list[Wanted], now: list[Wanted]) -> None:
    lines = applied(planned(before, {}), {})
    lines = applied(planned(now, lines), lines)
    assert planned(now, lines).operations == ()


@given(contacts("", "+821011111111", "+821022222222"), contacts("", "+821011111111", "+821022222222"))
def test_the_ledger_is_what_is_wanted_and_no_two_hold_one_number(before: list[Wanted], now: list[Wanted]) -> None:
    lines = applied(planned(before, {}), {})
    known = set(lines)
    found = planned(now, lines)
    lines = applied(found, lines)
    dropped = {(email, name) for email, name, _ in found.dropped}
    for each in now:
        if each.withdrawn and each.email not in known:
            assert each.email not in lines
            continue
        assert lines[each.email].lists == each.lists
        for name, value in each.attributes.items():
            if (each.email, name) not in dropped:
                assert lines[each.email].attributes.get(name, "") == value
    numbers = [line.attributes["SMS"] for line in lines.values() if line.attributes.get("SMS")]
    assert len(numbers) == len(set(map(str, numbers)))


@given(contacts("", "+821011111111"), contacts("", "+821011111111"))
def test_nobody_leaves_a_list_we_did_not_put_them_on(before: list[Wanted], now: list[Wanted]) -> None:
    lines = applied(planned(before, {}), {})
    for operation in planned(now, lines).operations:
        mine = lines[operation.email].lists if operation.email in lines else frozenset()
        assert operation.leave <= mine
        assert not operation.join & mine
        assert (operation.change is Change.CREATED) == (operation.email not in lines)


@given(contacts("", "+821011111111"), st.randoms(use_true_random=False))
def test_the_order_of_people_does_not_matter(wants: list[Wanted], random: Random) -> None:
    assert planned(random.sample(wants, len(wants)), {}) == planned(wants, {})


@given(contacts("", "+821011111111"))
def test_a_plan_changes_nothing_it_was_given(wants: list[Wanted]) -> None:
    copies = [replace(each, attributes=dict(each.attributes)) for each in wants]
    held: dict[tuple[str, Attribute], str] = {}
    plan(wants, {}, phones=held)
    assert (wants, held) == (copies, {})


# --- who may be on no list


NOT_LISTED = [each for each in Listing if each is not Listing.ALLOWED]


@pytest.mark.parametrize("listing", NOT_LISTED)
def test_who_may_be_on_no_list_joins_none_and_leaves_as_everybody(listing: Listing) -> None:
    """New, or on one of two lists, or on one that there is no reason for any more."""
    new = replace(wanted(KIM, 16, 17, FIRSTNAME="Min"), listing=listing)
    operation = only(planned([new], {}))
    assert (operation.join, operation.attributes, operation.listing) == (frozenset(), {"FIRSTNAME": "Min"}, listing)
    assert planned([replace(new, attributes={})], ledger(delivered(KIM, 17))).operations == ()
    operation = only(planned([replace(new, lists=frozenset({16}))], ledger(delivered(KIM, 17, FIRSTNAME="Min"))))
    assert (operation.join, operation.leave) == (frozenset(), frozenset({17}))


@given(
    st.lists(st.tuples(st.frozensets(st.integers(15, 19)), st.sampled_from(Listing)), max_size=8),
    st.frozensets(st.integers(15, 19)),
)
def test_no_order_of_wishes_adds_a_list_while_it_is_not_allowed(
    wishes: list[tuple[frozenset[int], Listing]], at_first: frozenset[int]
) -> None:
    lines = ledger(delivered(KIM, *at_first))
    for lists, listing in wishes:
        before = lines[KIM].lists
        lines = applied(planned([replace(wanted(KIM, *lists), listing=listing)], lines), lines)
        assert lines[KIM].lists == (lists if listing is Listing.ALLOWED else before & lists)
