"""The verdict says what the numbers say."""

import pytest
from report.summaries import RUNS, nine_with_overflow, one_layer, runtime, without_labels

from hwsim.report.verdict import first_overflow, place_sentence, verdict


@pytest.mark.parametrize("name", RUNS)
def test_headline_is_good_exactly_without_events(name):
    summary = RUNS[name]()[0]
    events = sum(layer["overflow"]["events"] for layer in summary["layers"])
    assert (verdict(summary).level == "good") == (events == 0)


def test_lost_accuracy_is_bad_and_counted_in_samples():
    result = verdict(nine_with_overflow()[0])
    assert result.level == "bad"
    assert "falls from 97.2 % with unlimited registers to 87.2 %" in str(result)
    assert "a net 36 of 360 samples" in str(result)
    assert "most in layer fc_1 (97.5 %)" in str(result)


def test_harmless_overflow_is_a_warning():
    summary = nine_with_overflow()[0]
    for layer in summary["layers"]:
        layer["overflow"]["codes_changed"] = 0
    summary["accuracy"]["hardware"] = summary["accuracy"]["exact"]
    result = verdict(summary)
    assert result.level == "warn"
    assert "No output code changed." in str(result)


def test_overflow_without_labels_does_not_speak_of_accuracy():
    text = str(verdict(without_labels()[0]))
    assert "no labels" in text
    assert "Top-1" not in text


def test_safety_is_claimed_only_where_weights_guarantee_it():
    summary = one_layer()[0]
    width = summary["layers"][0]["width"]
    assert "other inputs could need up to 21" in str(verdict(summary))
    width["accumulator_bits"] = 21
    assert "no input can overflow" in str(verdict(summary))
    width["chain"]["bits"] = [18, 20]
    assert "could overflow the chain register" in str(verdict(summary))
    width["chain"]["bits"] = [19, 20]
    assert "no input can overflow" in str(verdict(summary))


def test_first_overflow_is_least_sample_then_layer():
    summary = nine_with_overflow()[0]
    assert first_overflow(summary)[0]["name"] == "conv_2"
    summary["layers"][1]["overflow"]["first"]["sample"] = 3
    assert first_overflow(summary)[0]["name"] == "conv_3"
    assert first_overflow(runtime()[0]) is None


@pytest.mark.parametrize(
    ("k", "words"),
    [(-1, "before the first product"), (43, "k = 43 of 0..143"), (144, "after all products")],
)
def test_place_tells_bias_product_and_end_apart(k, words):
    layer = nine_with_overflow()[0]["layers"][1]
    assert words in place_sentence(layer, {**layer["overflow"]["first"], "k": k})


def test_place_without_array_names_no_pe_and_no_clock():
    layer = nine_with_overflow()[0]["layers"][1]
    place = {**layer["overflow"]["first"], "row": -1, "col": -1, "cycle": -1}
    text = place_sentence(layer, place)
    assert "PE" not in text
    assert "clocks" not in text


def test_pixel_is_named_only_where_the_shape_is_an_image():
    layer = nine_with_overflow()[0]["layers"][1]
    place = layer["overflow"]["first"]
    assert "(y = 2, x = 1)" in place_sentence({**layer, "shape": [1, 8, 8, 16]}, place)
    assert "(y =" not in place_sentence({**layer, "shape": [64, 16]}, place)
