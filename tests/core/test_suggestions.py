"""Who a name may mean: likely registrants, never more than three, and none where nothing speaks for anybody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.core.suggestions import MOST, Candidate, Confidence, suggest

KIM = Candidate("minsu.kim82@mail.example", "김민수")
ZOE = Candidate("zoe@mail.example", "Zoë Ångström")
LEE = Candidate("jlee@mail.example", "Jane Lee")
ALL = (KIM, ZOE, LEE)


@pytest.mark.parametrize(
    ("shown", "email", "confidence"),
    [
        ("김민수", KIM.email, Confidence.SAME),
        ("민수 김", KIM.email, Confidence.SAME),
        ("Kim Minsu", KIM.email, Confidence.CLOSE),  # like the address
        ("ANGSTROM, Zoe", ZOE.email, Confidence.SAME),
        ("Ｚｏë Ångström", ZOE.email, Confidence.SAME),
        ("Zoe Angstrm", ZOE.email, Confidence.CLOSE),
        ("Zoë's iPhone", ZOE.email, Confidence.CLOSE),
        ("jlee", LEE.email, Confidence.CLOSE),
        ("Jane L.", LEE.email, Confidence.PERHAPS),
        ("Jane", LEE.email, Confidence.PERHAPS),
    ],
)
def test_who_is_meant(shown: str, email: str, confidence: Confidence) -> None:
    first = suggest(shown, ALL)[0]
    assert (first.email, first.confidence) == (email, confidence)


@pytest.mark.parametrize("shown", ["", "iPhone", "Galaxy S", "Zoom user", "🦊", "Quentin Oak"])
def test_nobody_is_meant(shown: str) -> None:
    assert suggest(shown, ALL) == ()


def test_a_name_that_many_have_means_none_of_them() -> None:
    """Four Kims: the family name alone says nothing; with the first name it is one of them."""
    kims = [Candidate(f"p{n}@x.example", f"{first} Kim") for n, first in enumerate(("Ada", "Bo", "Cleo", "Dorothea"))]
    assert suggest("Kim", kims) == ()
    assert suggest("Dorothea Kim", kims)[0].email == "p3@x.example"


people = st.lists(st.builds(Candidate, st.emails(), st.text(max_size=20)), max_size=12)


@given(st.text(max_size=20), people)
def test_at_most_three_the_best_first_in_any_order(shown: str, candidates: list[Candidate]) -> None:
    found = suggest(shown, candidates)
    assert len(found) <= MOST
    ranks = [list(Confidence).index(each.confidence) for each in found]
    assert ranks == sorted(ranks)
    assert found == suggest(shown, candidates[::-1])


@given(st.text(min_size=1, max_size=20).filter(lambda name: bool(suggest(name, [Candidate("x@x.example", name)]))))
def test_the_very_name_is_the_best_of_all(name: str) -> None:
    assert suggest(name, [*ALL, Candidate("x@x.example", name)])[0].confidence is Confidence.SAME
