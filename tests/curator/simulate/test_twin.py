"""The random-labels twin of a campaign: labels that both took to the same accuracy, and when a saving is not shown."""

import numpy as np
import pytest

from curator.cli.demo import _told
from curator.simulate.twin import Twin

LABELS = np.array([30.0, 60, 90, 120])
CHOSEN = np.array([0.80, 0.90, 0.92, 0.92])
SIZES = np.array([30.0, 60, 120])


def twin(*drawn):
    return Twin(LABELS, CHOSEN, SIZES, np.array(drawn))


def test_both_are_compared_at_what_both_reach():
    """Random labels end at 0.9, which the campaign had with 60 labels: by hand."""
    found = twin([0.6, 0.8, 0.9], [0.6, 0.8, 0.9])
    assert found.level == pytest.approx(0.9)
    assert found.needed == pytest.approx(60)
    assert found.needed_at_random == pytest.approx(120)
    assert _told(found, 120) == (
        "To reach accuracy 0.900, curator took 60 labels ($4.80); random labels took 120 ($9.60; by draw: 120, 120): 50% fewer, and "
        "fewer than in every draw. `curator simulate` plays more of them."
    )


def test_a_draw_that_does_not_get_there_counts_as_more():
    """Its labels are not known, and not made up."""
    found = twin([0.6, 0.8, 0.88], [0.6, 0.84, 0.92])
    assert found.needed_by_each[-1] == np.inf
    assert "by draw: 105, not reached)" in _told(found, 120)
    assert "fewer than in every draw" in _told(found, 120)


def test_one_lucky_draw_and_a_saving_is_not_shown():
    """Said as it is, with the draws."""
    found = twin([0.6, 0.7, 0.8], [0.92, 0.92, 0.92])
    assert found.needed_by_each[0] == pytest.approx(30)
    assert "this does not show a saving" in _told(found, 120)


def test_noise_reaches_nothing_early():
    """A value that a later one takes back is no accuracy that was reached."""
    found = twin([0.9, 0.7, 0.9], [0.9, 0.7, 0.9])
    assert found.needed_at_random == pytest.approx(120)
