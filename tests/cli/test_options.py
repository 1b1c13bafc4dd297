"""Options with a grammar of their own."""

import pytest

from hwsim.cli_inputs import real_number
from hwsim.cli_trace import clocks_of, trace_choice
from hwsim.errors import ConfigError
from hwsim.report.traces import TraceChoice


@pytest.mark.parametrize(
    ("text", "value"), [("1/255", 1 / 255), ("0.5", 0.5), ("1e-3", 1e-3), (" 2 / 4 ", 0.5)]
)
def test_input_scale_is_a_number_or_a_quotient(text, value):
    assert real_number(text) == value


@pytest.mark.parametrize("text", ["0", "-1", "1/0", "nan", "inf", "1e999", "x", "", "1/2/3"])
def test_input_scale_is_positive_and_finite(text):
    with pytest.raises(ConfigError, match="--input-scale: scale = "):
        real_number(text)


@pytest.mark.parametrize(
    ("text", "clocks"), [("0:0", (0, 1)), ("12:32", (12, 33)), ("07:9", (7, 10))]
)
def test_trace_cycles_are_first_and_last_both_included(text, clocks):
    assert clocks_of(text) == clocks


@pytest.mark.parametrize(
    "text",
    [
        *("", "5", ":", "5:", ":5", "5:4", "-1:4", "+1:4", " 1:4", "1:4 ", "1:4\n", "1-4"),
        *("1:2:3", "1.0:4", "1e3:2e3", "0x1:0x4", "\u0661:\u0664", "1_0:2_0"),
        *("1:" + "9" * 19, "1:9" + "9" * 5000),
    ],
)
def test_trace_cycles_refuse_everything_else(text):
    with pytest.raises(ConfigError, match=r"^--trace-cycles: clocks = "):
        clocks_of(text)


def test_trace_choice_is_made_only_for_a_full_trace():
    assert trace_choice("overflow", None, None, None) is None
    assert trace_choice("full", None, None, None) is None
    assert trace_choice("full", "conv*", None, None) == TraceChoice("conv*", None, 0)
    assert trace_choice("full", None, "3:5", 2) == TraceChoice("*", (3, 6), 2)
    for given in (("a", None, None), (None, "0:1", None), (None, None, 0)):
        with pytest.raises(ConfigError, match=r"^--trace-\w+: trace = off: must go with"):
            trace_choice("off", *given)
