"""How far people agree, against published and hand-made numbers."""

import pytest

from curator.rounds.agreement import agreement_text, measure_agreement

# Krippendorff (2011), the nominal example with four observers, twelve units and missing answers.
PUBLISHED = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)


def votes(*rows: str) -> list[dict[str, str | None]]:
    """Items from a row of answers per person: '.' = none, '?' = cannot tell."""
    columns = zip(*(row.split() for row in rows), strict=True)
    return [
        {f"p{who}": None if said == "?" else said for who, said in enumerate(column) if said != "."}
        for column in columns
    ]


def test_the_published_example():
    """Alpha to three places; the unit that one person alone answered does not count."""
    found = measure_agreement(votes(*PUBLISHED))
    assert found.alpha == pytest.approx(0.743, abs=5e-4)
    assert (found.shared, found.differ) == (11, 3)


def test_two_people_by_hand():
    """Cohen's own form: 20 and 15 of 50 together, 25 and 30 said yes; kappa 0.4, for both the same."""
    yes, no = "y ", "n "
    found = measure_agreement(
        votes(yes * 20 + yes * 5 + no * 10 + no * 15, yes * 20 + no * 5 + yes * 10 + no * 15)
    )
    assert (found.shared, found.differ) == (50, 15)
    for person in found.people.values():
        assert (person.shared, person.same) == (50, pytest.approx(0.7))
        assert person.kappa == pytest.approx(0.4)


def test_ties_are_disagreements():
    """With two answers each a difference is a tie, which gives no label: it counts all the same."""
    found = measure_agreement(votes("a a a b", "a a b a"))
    assert (found.shared, found.differ) == (4, 2)
    assert found.people["p0"].same == 0.5
    assert found.alpha < 0.0


def test_who_cannot_tell_differs_from_who_can():
    """And agrees with somebody else who cannot."""
    assert measure_agreement(votes("? a b", "a a b")).differ == 1
    assert measure_agreement(votes("? a b", "? a b")).alpha == 1.0


def test_what_was_not_measured_is_not_one():
    """Nobody shares an item; or all said the one class that there was."""
    alone = measure_agreement(votes("a a . .", ". . b b"))
    assert (alone.shared, alone.alpha, alone.people) == (0, None, {})
    assert "not measured" in agreement_text(alone)
    same = measure_agreement(votes("a a", "a a"))
    assert (same.alpha, same.people["p0"].kappa, same.people["p0"].same) == (None, None, 1.0)
    assert "people disagree on 0 of 2 items" in agreement_text(same)
