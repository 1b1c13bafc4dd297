"""Recommendations: what they promise of other images, kept over seeded half-splits."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest

from hwsim.sweeps import confidence as bounds
from hwsim.sweeps.confidence import loss_bound, mcnemar, most_elsewhere, rate_bound
from hwsim.sweeps.recommend import Terms, flips, narrowest, weigh

SPLITS = 500


@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("seen", [0, 1, 2, 7, 40])
def test_most_elsewhere_is_the_exact_binomial_bound(seen, confidence):
    def at_most(count):
        return sum(comb(count, i) for i in range(seen + 1)) / 2**count

    x = most_elsewhere(seen, confidence)
    assert at_most(seen + x) > 1 - confidence >= at_most(seen + x + 1)


@pytest.mark.parametrize("confidence", [0.5, 0.75, 0.8, 0.9, 0.95, 0.99, 1 - 2**-40])
def test_most_elsewhere_is_the_definition_searched_number_by_number(confidence):
    """In integers: ``2**count`` times the probability, and no more than one step a count."""
    unlikely = Fraction(1) - Fraction(str(confidence)).limit_denominator(2**41)
    for seen in (*range(60), 137, 400, 1000):
        count = 2 * seen + 1
        at_most, exactly = 2 ** (2 * seen), comb(count, seen)  # half of all, and the largest term
        while Fraction(at_most, 2**count) > unlikely:
            at_most = 2 * at_most - exactly
            exactly = exactly * (count + 1) // (count + 1 - seen)
            count += 1
        assert most_elsewhere(seen, confidence) == count - 1 - seen, seen


def test_most_elsewhere_of_many_images_takes_few_sums():
    """As for the 50,000 of ImageNet: a search by halves, not from count to count."""
    sums = []
    with pytest.MonkeyPatch.context() as patch:
        own = bounds._at_most
        patch.setattr(bounds, "_at_most", lambda *n: sums.append(n) or own(*n))
        assert most_elsewhere(50_000, 0.95) == 50_522
    assert len(sums) < 20


def test_rule_of_three():
    assert 2.99 < rate_bound(0, 10**6, 0.95) * 10**6 < 3.0
    assert rate_bound(5, 5, 0.95) == 1.0
    assert rate_bound(0, 0, 0.95) == 0.0


@pytest.mark.parametrize("seen", [1, 3, 20, 400])
def test_rate_bound_is_the_poisson_bound(seen):
    most = rate_bound(seen, 10**9, 0.95) * 10**9
    rng = np.random.default_rng(seen)
    few = np.count_nonzero(rng.poisson(most, 400_000) <= seen) / 400_000
    assert 0.048 < few < 0.052


def test_mcnemar_is_the_exact_sign_test():
    assert mcnemar(8, 1) == pytest.approx(2 * (1 + 9) / 2**9)
    assert mcnemar(3, 3) == 1.0


def test_flips_without_labels_count_every_change_as_a_loss():
    assert flips(np.array([1, 2, 2]), np.array([1, 1, 1]), None) == (2, 0)


def widths_with_flips(rng, images):
    """Right or wrong of each image at widths 8..24: narrower is worse, never better by rule."""
    hardness = rng.exponential(1.0, images)
    gain = rng.random(images) < 0.3
    right = rng.random(images) < 0.9
    table = {}
    for bits in range(8, 25):
        hit = hardness > (bits - 6) * rng.uniform(0.35, 0.45)
        table[bits] = np.where(hit, np.where(gain, True, False), right)
    return right, table


def choice(right, table, rows, terms):
    found = []
    labels = np.ones(len(rows), np.int64)
    for bits, outcome in table.items():
        images = (outcome[rows].astype(np.int64), right[rows].astype(np.int64), labels)
        found.append(weigh(bits, 99, images, (0, 1), terms.confidence))
    return narrowest(found, terms)


@pytest.mark.parametrize("confidence", [0.9, 0.95])
@pytest.mark.parametrize(("images", "budget"), [(1000, 0.005), (1000, 0.02), (400, 0.02)])
def test_a_choice_on_one_half_keeps_the_budget_on_the_other(images, budget, confidence):
    rng = np.random.default_rng(images)
    terms = Terms(budget, confidence)
    kept = chosen = 0
    for _ in range(SPLITS):
        right, table = widths_with_flips(rng, images)
        order = rng.permutation(images)
        here, there = order[: images // 2], order[images // 2 :]
        found = choice(right, table, here, terms)
        if found is None:
            continue
        chosen += 1
        loss = right[there].mean() - table[found.bits][there].mean()
        kept += loss <= budget + 1e-12
    if chosen:
        assert kept / chosen >= confidence - 0.03, (kept, chosen)
    if budget == 0.02 and images == 1000:
        assert chosen > SPLITS / 2


def test_a_guaranteed_width_needs_no_data():
    none = np.zeros(3, np.int64)
    found = weigh(20, 20, (none, none, none), (0, 10), 0.95)
    assert found.proof == "guaranteed"
    assert found.keeps(Terms(0.0, 0.95, 0.0))
    narrower = weigh(19, 20, (none, none, none), (0, 10), 0.95)
    assert not narrower.keeps(Terms(0.5, 0.95))  # 4 of 3 images: too few to say
    assert loss_bound(0, 0, 0.95) == 4


def test_the_first_width_that_fails_ends_the_search():
    def width(bits, lost):
        labels = np.ones(1000, np.int64)
        ours = labels.copy()
        ours[:lost] = 0
        return weigh(bits, 99, (ours, labels, labels), (0, 1), 0.95)

    found = narrowest([width(20, 0), width(19, 50), width(18, 0)], Terms(0.01, 0.95))
    assert found is not None
    assert found.bits == 20
