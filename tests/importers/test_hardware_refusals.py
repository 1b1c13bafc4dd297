"""Machine files that are refused: every failure in one line, with its place."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from importers.machine_text import GOOD, failure, write_fixture  # noqa: F401

from hwsim.array.specification import Machine
from hwsim.errors import HwsimError, UnsupportedError
from hwsim.importers.hardware import load


def test_good_file_loads(write):
    machine = load(write(GOOD))
    assert (machine.chain.bits, machine.accumulator.check, machine.clock_mhz) == (
        20,
        "each_add",
        None,
    )


def test_duplicate_key_names_both_lines(write):
    text = GOOD + "accumulator: {kind: integer, bits: 20, overflow: wrap}\n"
    assert failure(write(text)) == "m.yaml:21: accumulator = again: key already set on line 13"


def test_duplicate_inner_keys_are_all_listed(write):
    text = GOOD.replace("  rows: 4\n", "  rows: 4\n  rows: 5\n  rows: 6\n")
    assert failure(write(text)).splitlines() == [
        "m.yaml:5: array.rows = again: key already set on line 4",
        "m.yaml:6: array.rows = again: key already set on line 4",
    ]


def test_every_failure_is_listed_in_the_order_of_lines(write):
    text = GOOD.replace("when: preload", "when: never").replace("bits: 24", "bits: 99")
    text = text.replace("rows: 4", "rows: 4.0").replace("output: {", "outputs: {")
    assert failure(write(text)).splitlines() == [
        "m.yaml:1: output = missing: must be a mapping of overflow, activation_bounds",
        "m.yaml:4: array.rows = 4.0: must be an integer, 1..65536",
        "m.yaml:13: accumulator.bits = 99: must be an integer, 2..64",
        "m.yaml:14: bias.when = never: must be one of preload, last",
        "m.yaml:20: outputs = {overflow: saturate}: unknown word, must be one of name, clock_mhz,"
        " array, operands, product, chain, accumulator, bias, requantize, operators, output,"
        " memory, latency, overrides; perhaps output",
    ]


WIDTHS = {
    "99": "99",
    "1": "1",
    "24.0": "24.0",
    "2.4e1": "24.0",
    "true": "true",
    "'24'": "'24'",
    "0o30": "0o30",
    "030": "'030'",
    "2_4": "'2_4'",
    "1:30": "'1:30'",
    "2024-01-01": "'2024-01-01'",
    "24 bits": "24 bits",
    "[24]": "[24]",
    "99999999999999999999": "99999999999999999999",
    "999999999999999999999": "'999999999999999999999'",
}


@pytest.mark.parametrize(("written", "shown"), WIDTHS.items())
def test_width_is_a_plain_integer_in_range(write, written, shown):
    text = GOOD.replace("bits: 24", f"bits: {written}")
    must = "must be an integer, 2..64"
    assert failure(write(text)) == f"m.yaml:13: accumulator.bits = {shown}: {must}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("bits: 24, ", "", "13: accumulator.bits = missing: must be an integer, 2..64"),
        (
            "bits: 8, signed: true}\n  zero",
            "bits: 8, signed: on}\n  zero",
            "9: operands.weight.signed = 'on': must be true or false",
        ),
        (
            "signed: true}\n  weight",
            "signed: 1}\n  weight",
            "8: operands.activation.signed = 1: must be true or false",
        ),
        (
            "chain: {bits: 20",
            "chain: {bits: [20, 1]",
            "12: chain.bits = [20, 1]: must be an integer, 2..64 or a list, each an integer, 2..64",
        ),
        ("kind: exact", "kind: exactly", "11: product.kind = exactly: must be exact"),
        ("name: good", "name: so so", "1: name = so so: must be text, ^[A-Za-z0-9._-]+$"),
        ("name: good\n", "", "1: name = missing: must be text, ^[A-Za-z0-9._-]+$"),
        (
            "name: good",
            "name: good\nclock_mhz: 1e999",
            "2: clock_mhz = .inf: must be a finite number above 0",
        ),
        (
            "name: good",
            "name: good\nclock_mhz: 0",
            "2: clock_mhz = 0: must be a finite number above 0",
        ),
        (
            "rows: 4",
            "row: 4\n  rows: 4",
            "4: array.row = 4: unknown word, must be one of dataflow, rows, cols, k_order,"
            " group_packing; perhaps rows",
        ),
        (
            "k_order: [ky, kx, ic]",
            "k_order: [ky, kx, oc]",
            "6: array.k_order[2] = oc: must be one of ky, kx, ic",
        ),
        (
            "k_order: [ky, kx, ic]",
            "k_order: [ky, kx, kx]",
            "6: array.k_order = [ky, kx, kx]: must hold ky, kx and ic once each;"
            " the last is fastest",
        ),
        (
            "product: {kind: exact, drop_bits: 0, rounding: floor}\n",
            "product: 3\n",
            "11: product = 3: must be a mapping of kind, drop_bits, rounding",
        ),
        (
            "    multiplier_bits: 31\n",
            "",
            "16: requantize.default.multiplier_bits = missing: must be given for scheme"
            " multiplier_shift",
        ),
        (
            "rounding: half_up",
            "rounding: stochastic\n    lfsr: {polynomial: 0x80200003, seed: 0}",
            "20: requantize.default.lfsr.seed = 0: must be an integer, 1..4294967295",
        ),
        (
            "rounding: half_up",
            "rounding: half_up\n    lfsr: {polynomial: 3, seed: 1}",
            "20: requantize.default.lfsr = {polynomial: 3, seed: 1}: must be absent unless rounding"
            " is stochastic",
        ),
    ],
)
def test_wrong_word_is_refused_with_its_line(write, old, new, message):
    assert GOOD.count(old) == 1
    assert failure(write(GOOD.replace(old, new))) == f"m.yaml:{message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "m.yaml: text = no mapping: must be a machine's words, KEY: VALUE"),
        ("- 1\n", "m.yaml: text = no mapping: must be a machine's words, KEY: VALUE"),
        ("a: &x 1\nb: *x\n", "m.yaml:1: text = anchors and aliases are not read"),
        ("\nb: *x\n", "m.yaml:2: text = anchors and aliases are not read: write the value out"),
        ("b: !!python/name:os.system x\n", "m.yaml:1: text = tags are not read"),
        ("b: !!int 3\n", "m.yaml:1: text = tags are not read: write the plain value"),
        ("a: 1\n---\nb: 2\n", "m.yaml:2: text = but found another document"),
        ("a:\n\t- 1\n", "m.yaml:2: text = found character '\\t' that cannot start any token"),
        ("a: [1, 2\n", "m.yaml:2: text = expected ',' or ']', but got '<stream end>'"),
        ("? [a, b]\n: 1\n", "m.yaml:1: key = sequence: must be a word"),
        (b"a: \xff\xfe\n", "m.yaml:1: text = unacceptable character #x00ff"),
        (b"a: \x00\n", "m.yaml:1: text = unacceptable character #x0000"),
        ("a: " + "[" * 40 + "]" * 40, "m.yaml:1: text = more than 16 levels"),
        ("a: 1\n" + "#" * (1 << 18), "m.yaml: size = over 262144 bytes"),
    ],
)
def test_text_that_is_no_plain_yaml_is_one_line(write, text, message):
    found = failure(write(text))
    assert found.startswith(message)
    assert "\n" not in found


def test_merge_key_is_an_unknown_word(write):
    text = GOOD.replace("  rows: 4\n", "  <<: {rows: 4}\n")
    assert failure(write(text)).startswith("m.yaml:4: array.<< = {rows: 4}: unknown word")


def test_missing_file_and_folder_are_refused(tmp_path):
    assert failure(tmp_path / "no.yaml").endswith("file = missing: must be a machine's YAML file")
    assert failure(tmp_path).endswith("file = no regular file: must be a machine's YAML file")


def test_unknown_name_lists_the_known_and_the_nearest():
    message = failure("edge_ws_16x61")
    assert message.startswith("hardware: name = edge_ws_16x61: must be a file or one of ")
    assert message.endswith("; perhaps edge_ws_16x16")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "kind: exact",
            "kind: table",
            "11: product.kind = table: not simulated yet: must be exact",
        ),
        (
            "kind: integer",
            "kind: float",
            "13: accumulator.kind = float: not simulated yet: must be integer",
        ),
        (
            "kind: integer",
            "kind: integer, group_size: 32",
            "13: accumulator.group_size = 32: not simulated yet: leave it out, K is then one group",
        ),
        (
            "activation: {",
            "activation: {encoding: minifloat, ",
            "8: operands.activation.encoding = minifloat: not simulated yet: must be int",
        ),
        (
            "weight: {bits",
            "weight: {encoding: table, bits",
            "9: operands.weight.encoding = table: not simulated yet: must be int",
        ),
    ],
)
def test_foreseen_word_is_refused_by_name(write, old, new, message):
    assert GOOD.count(old) == 1
    with pytest.raises(UnsupportedError) as caught:
        load(write(GOOD.replace(old, new)))
    assert str(caught.value) == f"m.yaml:{message}"


def test_foreseen_and_wrong_words_are_listed_together(write):
    text = GOOD.replace("kind: integer, bits: 24", "kind: float, bits: 99")
    assert failure(write(text)).splitlines() == [
        "m.yaml:13: accumulator.kind = float: not simulated yet: must be integer",
        "m.yaml:13: accumulator.bits = 99: must be an integer, 2..64",
    ]


LINES = (Path(__file__).parents[2] / "hw_configs" / "edge_ws_16x16.yaml").read_text().splitlines()
JUNK = ["", ":", "- x", "[", "}", "&a 1", "*a", "!!t", "null", "999999999999999999999", "-0", "~"]


@settings(max_examples=100)
@given(st.data())
def test_any_damage_is_a_machine_or_listed_failures(tmp_path_factory, data):
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        junk = data.draw(st.sampled_from(JUNK) | st.text(max_size=6))
        how = data.draw(st.sampled_from(["delete", "insert", "value"]))
        if how == "delete":
            del lines[at]
        elif how == "insert":
            lines.insert(at, junk)
        else:
            lines[at] = lines[at].partition(":")[0] + ": " + junk
    path = tmp_path_factory.mktemp("damage") / "m.yaml"
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    machine, failures = None, []
    try:
        machine = load(path)
    except HwsimError as error:
        failures = str(error).splitlines()
    if machine is None:
        assert failures
        assert all(re.match(r"\S*m\.yaml(:\d+)?: .* = .*: ", line) for line in failures)
    else:
        assert Machine.model_validate(machine.model_dump()) == machine
