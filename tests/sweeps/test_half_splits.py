"""What a recommendation promises of other images, kept on the other half of real data."""

import numpy as np
import pytest

from hwsim import models
from hwsim.importers import data, tflite
from hwsim.sweeps.recommend import Terms, narrowest, weigh
from hwsim.sweeps.sweep import sweep

SPLITS = 500
SLACK = 0.03
TERMS = [(0.02, 0.8), (0.03, 0.8), (0.03, 0.9), (0.05, 0.95)]  # budget, confidence
RULES = ("wrap", "saturate")
UNTESTED = 99  # bits: no width is guaranteed, so that every choice is by images


@pytest.fixture(scope="module")
def digits():
    """Widths about the cliff, 400 images."""
    graph, given = models.load("digits")
    chosen = data.Data(given.X[:400], given.Y[:400], given.name, given.sha256, given.real[:400])
    swept = {"accumulator_bits": "16:20", "overflow": "wrap,saturate"}
    return sweep(graph, "edge_os_16x16", chosen, **swept)


@pytest.fixture(scope="module")
def kws(shared):
    """The same of a network that others trained, 510 recordings."""
    graph = tflite.load(shared / "data" / "models" / "kws_dscnn_int8.tflite")
    path = shared / "data" / "data" / "kws01_dev.npz"
    given = data.load(path, graph.tensors[graph.inputs[0]])
    swept = {"accumulator_bits": "15:18", "overflow": "wrap,saturate"}
    return sweep(graph, "tflite_reference", given, **swept)


def chosen_of(samples, points, rows, terms):
    """The width recommended by some images alone: its point's number, or None."""
    found = []
    for bits, number in points.items():
        images = (samples[name][rows] for name in ("exact", "labels"))
        predicted = samples["predicted"][number][rows]
        found.append(weigh(bits, UNTESTED, (predicted, *images), (0, 1), terms.confidence))
    best = narrowest(found, terms)
    return None if best is None else points[best.bits]


def halves(found, rule, terms):
    """Of seeded splits: how many have a choice, how many keep the budget, how many widths."""
    points = {
        point["values"]["accumulator.bits"]: point["number"]
        for point in found.points
        if point["values"]["accumulator.overflow"] == rule
    }
    samples, rng = found.samples, np.random.default_rng(0)
    right = samples["predicted"] == samples["labels"]
    ample = samples["exact"] == samples["labels"]
    kept, choices = 0, []
    for _ in range(SPLITS):
        here, there = np.split(rng.permutation(len(ample) // 2 * 2), 2)
        number = chosen_of(samples, points, here, terms)
        if number is not None:
            choices.append(number)
            lost = int(ample[there].sum()) - int(right[number][there].sum())
            kept += lost <= terms.budget * len(there) + 1e-9
    return len(choices), kept, len(set(choices))


def assert_promises_are_kept(found):
    widths = []
    for terms in (Terms(*words) for words in TERMS):
        for rule in RULES:
            chosen, kept, different = halves(found, rule, terms)
            assert chosen == SPLITS
            assert kept >= (terms.confidence - SLACK) * chosen, (terms, rule, kept)
            widths.append(different)
    assert max(widths) > 1  # some choices are made where one image more decides


def test_a_choice_on_half_of_digits_keeps_the_budget_on_the_other(digits):
    assert_promises_are_kept(digits)


@pytest.mark.slow
def test_a_choice_on_half_of_kws_keeps_the_budget_on_the_other(kws):
    assert_promises_are_kept(kws)


def test_a_choice_by_the_loss_alone_breaks_the_budget_on_the_other(digits):
    """Without a bound (as likely as not), at a width where three of a hundred images are lost."""
    chosen, kept, _ = halves(digits, "wrap", Terms(0.03, 0.5))
    assert chosen == SPLITS
    assert kept < (0.8 - SLACK) * chosen
