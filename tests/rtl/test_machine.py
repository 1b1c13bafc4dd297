"""A machine as parameters of the RTL: what they are, which machines have none, the command."""

import pytest
from rtl.simulators import need, run
from typer.testing import CliRunner

from hwsim.array.dataflow import DATAFLOWS
from hwsim.cli import app
from hwsim.errors import UnsupportedError
from hwsim.importers import hardware
from hwsim.importers.machine_files import names
from hwsim.rtl import sources
from hwsim.rtl.machine import literal, parameter_text, parameters


def test_parameters_are_the_words_of_the_machine():
    values = parameters(hardware.load("edge_ws_16x16", ["product.drop_bits=2"]))
    assert (values["ROWS"], values["COLS"], values["DATAFLOW"]) == (16, 16, 1)
    assert (values["A_BITS"], values["W_BITS"], values["DROP_BITS"]) == (9, 9, 2)
    assert values["CHAIN_BITS"] & 255 == 20
    assert (values["ACC_BITS"], values["ACC_OVERFLOW"], values["ROW_SUM"]) == (24, 1, 0)


def test_a_folded_signed_operand_needs_no_further_bit():
    words = ["operands.zero_point=fold", "operands.weight.signed=false"]
    values = parameters(hardware.load("edge_ws_16x16", words))
    assert (values["A_BITS"], values["W_BITS"], values["ROW_SUM"]) == (8, 9, 1)


def test_dataflows_are_numbered_as_the_package_numbers_them():
    text = sources()[0].read_text()
    for number, name in enumerate(DATAFLOWS):
        assert f"localparam int {name.upper()} = {number};" in text


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["requantize.default={scheme: float32, rounding: half_even}"], "requantize.scheme"),
        (["requantize.default.tail={lanes: 8, rounding: floor}"], "requantize.tail"),
    ],
)
def test_a_machine_without_rtl_is_refused_by_name(words, field):
    with pytest.raises(UnsupportedError, match=rf"^edge_ws_16x16: {field} = .* has no RTL"):
        parameters(hardware.load("edge_ws_16x16", words))


def test_stochastic_rounding_is_refused_where_outputs_leave_in_another_order():
    policy = "{scheme: shift_only, rounding: stochastic, lfsr: {polynomial: 3, seed: 1}}"
    words = [f"requantize.default={policy}"]
    assert parameters(hardware.load("edge_ws_16x16", words))["ROUNDING"] == 10
    with pytest.raises(UnsupportedError, match=r"requantize\.rounding = stochastic: has no RTL"):
        parameters(hardware.load("edge_os_16x16", words))


def dataflow_or_reason(name):
    """What a shipped machine's parameters say, or why it has none."""
    try:
        return parameters(hardware.load(name))["DATAFLOW"]
    except UnsupportedError as error:
        return str(error)


def test_every_shipped_machine_has_parameters_or_a_reason_in_one_line():
    said = [dataflow_or_reason(name) for name in names()]
    assert {x for x in said if isinstance(x, int)} == set(range(len(DATAFLOWS)))
    reasons = [x for x in said if isinstance(x, str)]
    assert len(reasons) > 10
    assert all("has no RTL" in reason and "\n" not in reason for reason in reasons)


def test_the_text_is_a_macro_that_compiles(tmp_path):
    need("iverilog")
    machine = hardware.load("dot_product_64x16")
    (tmp_path / "p.svh").write_text(parameter_text(parameters(machine), machine.name))
    instance = '`include "p.svh"\nmodule x;\n mac_array_top #(`MAC_ARRAY_PARAMETERS) array ();\n'
    (tmp_path / "x.sv").write_text(instance + "endmodule\n")
    command = ["iverilog", "-g2012", "-s", "x", "-o", "x.vvp", *map(str, sources()), "x.sv"]
    assert run(command, tmp_path)[0] == 0


def test_a_negative_or_wide_value_is_never_bare():
    assert literal("CHAIN_BITS", 0x1418) == "256'h1418"
    assert literal("ROWS", 4) == "4"


def test_the_command_prints_and_writes_the_same_text(tmp_path):
    printed = CliRunner().invoke(app, ["hw", "sv", "edge_ws_16x16"])
    file = tmp_path / "edge.svh"
    written = CliRunner().invoke(app, ["hw", "sv", "edge_ws_16x16", "-o", str(file)])
    assert (printed.exit_code, written.exit_code) == (0, 0)
    assert "`define MAC_ARRAY_PARAMETERS" in printed.stdout
    assert file.read_text() == printed.stdout
