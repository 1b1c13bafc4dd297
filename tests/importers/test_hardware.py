"""Shipped machines, extends, --set, and what names a machine."""

import re

import pytest
from importers.machine_text import GOOD, failure, write_fixture  # noqa: F401

from hwsim.array.specification import Machine
from hwsim.importers import machine_files
from hwsim.importers.hardware import load, machine_hash, resolved_yaml


@pytest.mark.parametrize("name", machine_files.names())
def test_shipped_machine_is_named_as_its_file_and_summarized(name):
    assert load(name).name == name
    assert len(machine_files.summary(name)) > 20


def test_every_dataflow_is_shipped():
    dataflows = {load(name).array.dataflow for name in machine_files.names()}
    assert dataflows == {
        "weight_stationary",
        "output_stationary",
        "input_stationary",
        "dot_product",
        "none",
    }


@pytest.mark.parametrize("name", machine_files.names())
def test_resolved_yaml_loads_as_the_same_machine(name, write):
    machine = load(name)
    again = load(write(resolved_yaml(machine)))
    assert again == machine
    assert machine_hash(again) == machine_hash(machine)
    assert resolved_yaml(again) == resolved_yaml(machine)


def test_resolved_yaml_round_trips_lists_and_overrides(write):
    entries = "{match: 'conv*', chain.bits: [9, 9, 9, 9, 9, 9]}, {match: b, bias.bits: 9}"
    machine = load("dot_product_64x16", [f"overrides=[{entries}]"])
    assert load(write(resolved_yaml(machine))) == machine


@pytest.mark.parametrize("name", ["1e3", "0x10", "12", "null", "1.5", "on", "2024-01-01"])
def test_resolved_yaml_quotes_text_that_looks_like_a_number(name, write):
    machine = load("edge_ws_16x16").model_copy(update={"name": name})
    assert load(write(resolved_yaml(machine))).name == name


def test_every_word_and_choice_is_explained_in_the_reference_file(root):
    words = set(re.findall(r"\w+", (root / "hw_configs" / "edge_ws_16x16.yaml").read_text()))

    def named(node):
        if isinstance(node, dict):
            yield from node.get("enum", ())
            yield from node.get("properties", ())
            node = list(node.values())
        for inner in node if isinstance(node, list) else ():
            yield from named(inner)

    found = set(named(Machine.model_json_schema()))
    assert {"wrap_bits", "polynomial", "half_toward_zero", "weight_stationary"} <= found
    assert found <= words
    assert "match" in words


def test_installed_package_has_its_machines_inside(tmp_path, monkeypatch):
    inside = tmp_path / "hw_configs"
    inside.mkdir()
    (inside / "only.yaml").write_text("# The only one\n" + GOOD.replace("good", "only"))
    monkeypatch.setattr(machine_files, "files", lambda _: tmp_path)
    assert machine_files.names() == ["only"]
    assert machine_files.summary("only") == "The only one"
    assert load("only").name == "only"


def test_file_without_suffix_loads_by_its_name(write):
    assert load(write(GOOD, "mine")).name == "good"


def test_extends_merges_deep_and_replaces_lists(write):
    write(GOOD, "base.yaml")
    words = "accumulator: {bits: 18}\narray: {k_order: [ic, ky, kx]}\n"
    machine = load(write("extends: base.yaml\nname: child\n" + words))
    assert machine.name == "child"
    assert (machine.accumulator.bits, machine.accumulator.overflow) == (18, "saturate")
    assert machine.array.k_order == ["ic", "ky", "kx"]
    assert machine.array.rows == 4


def test_extends_null_takes_a_word_away(write):
    write(GOOD, "base.yaml")
    text = "extends: base.yaml\nname: child\nchain: null\narray: {dataflow: output_stationary}\n"
    assert load(write(text)).chain is None
    write(
        GOOD.replace("  default:", "  conv_2d: {scheme: float32, rounding: RNE}\n  default:"),
        "base.yaml",
    )
    text = "extends: base.yaml\nname: child\nrequantize: {conv_2d: null}\n"
    assert set(load(write(text)).requantize) == {"default"}


def test_extends_finds_shipped_names_and_files_beside_the_file(write):
    assert load(write("extends: edge_os_16x16\nname: x\n")).array.dataflow == "output_stationary"
    write(GOOD, "sub/base.yaml")
    write("extends: base.yaml\nname: y\n", "sub/y.yaml")
    assert load("sub/y.yaml").array.rows == 4
    assert load(write("extends: sub/y.yaml\nname: z\n")).array.rows == 4


def test_extends_reports_each_failure_where_its_word_stands(write):
    write(GOOD.replace("bits: 32", "bits: 99"), "base.yaml")
    child = write("extends: base.yaml\nname: child\naccumulator:\n  bits: 65\n")
    assert failure(child).splitlines() == [
        "base.yaml:14: bias.bits = 99: must be an integer, 1..64",
        "m.yaml:4: accumulator.bits = 65: must be an integer, 2..64",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: m.yaml\nname: a\n", "m.yaml:1: extends = m.yaml: must end at a machine"),
        ("name: a\nextends: nosuch\n", "m.yaml:2: extends = nosuch: hardware: name = nosuch"),
        ("name: a\nextends: no.yaml\n", "m.yaml:2: extends = no.yaml: no.yaml: file = missing"),
        ("name: a\nextends: [b]\n", "m.yaml:2: extends = [b]: must be a machine's name or a file"),
        ("extends: edge_ws_16x16\n", "m.yaml:1: name = missing: must be given: names are not"),
    ],
)
def test_extends_of_nothing_or_itself_is_refused(write, text, message):
    assert failure(write(text)).startswith(message)


def test_extends_cycle_of_two_is_refused(write):
    write("extends: b.yaml\nname: a\n", "a.yaml")
    write("extends: a.yaml\nname: b\n", "b.yaml")
    assert failure("a.yaml").startswith("b.yaml:1: extends = a.yaml: must end at a machine")


def test_extends_is_bounded_in_depth(write):
    write(GOOD, "m0.yaml")
    for i in range(1, 12):
        write(f"extends: m{i - 1}.yaml\nname: m{i}\n", f"m{i}.yaml")
    assert load("m7.yaml").name == "m7"
    assert "must end at a machine that extends none, within 8 files" in failure("m8.yaml")


def test_set_is_applied_last_and_parsed_as_yaml():
    words = ["accumulator.bits=18", "accumulator.bits = 0x13", "bias.when=last", "clock_mhz=1e3"]
    machine = load("narrow_acc_16bit", words)
    assert (machine.accumulator.bits, machine.bias.when, machine.clock_mhz) == (19, "last", 1000.0)


def test_set_replaces_whole_parts_and_takes_away():
    words = ["requantize.default={scheme: shift_only, rounding: RNE}"]
    words += ["array.dataflow=output_stationary", "chain=null"]
    machine = load("edge_ws_16x16", words)
    assert machine.chain is None
    assert machine.requantize["default"].model_dump(exclude_none=True) == {
        "scheme": "shift_only",
        "rounding": "half_even",
    }


def test_set_leaves_the_shipped_machine_as_it_is():
    before = load("edge_ws_16x16")
    load("edge_ws_16x16", ["accumulator.bits=18"])
    assert load("edge_ws_16x16") == before


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("accumulator.bits=99", "accumulator.bits = 99: must be an integer, 2..64"),
        ("accumulator.width=9", "accumulator.width = 9: must be a word of the machine"),
        ("nosuch.bits=9", "nosuch.bits = 9: must be a word of the machine"),
        ("extends=x", "extends = x: must be a word of the machine"),
        ("accumulator.bits.x=9", "accumulator.bits.x = 9: must be a word of the machine"),
        ("accumulator=9", "accumulator = 9: must be a mapping of bits"),
        ("accumulator", "KEY=VALUE = accumulator: must be like accumulator.bits=18"),
        ("accumulator.bits=", "KEY=VALUE = accumulator.bits=: must be like"),
        ("=3", " = 3: must be a word of the machine"),
        ("bias.bits=null", "bias.bits = missing: must be an integer, 1..64"),
        ("array.rows=null", "array.rows = missing: must be given"),
        (
            "memory={activation_kib: 0, weight_kib: 1, output_kib: 1, bytes_per_cycle: 1, "
            "double_buffered: true}",
            "memory.activation_kib = 0: must be an integer, 1..65536",
        ),
        ("chain.bits=[20, 20]", "chain.bits = [20, 20]: must be one number; a list is for"),
        (
            "requantize.conv2d={scheme: float32, rounding: RNE}",
            "requantize.conv2d = float32: must be named default, conv_2d",
        ),
        (
            "requantize.default={scheme: float32, rounding: half_up}",
            "requantize.default.rounding = half_up: must be half_even for scheme float32",
        ),
    ],
)
def test_bad_set_says_set(word, message):
    found = failure("edge_ws_16x16", [word])
    assert found.startswith(f"--set: {message}")
    assert "\n" not in found


@pytest.mark.parametrize("word", ["bias.bits=[1", "bias.bits=*x", "bias.bits=!!int 3"])
def test_set_value_is_read_as_strictly_as_a_file(word):
    assert failure("edge_ws_16x16", [word]).startswith("--set:1: text = ")


def test_set_that_breaks_another_word_names_that_words_line():
    found = failure("edge_ws_16x16", ["array.dataflow=output_stationary"])
    assert re.fullmatch(
        r"edge_ws_16x16.yaml:\d+: chain = \{bits: 20, overflow: wrap\}: must be left out: .*", found
    )


def test_hash_is_of_the_words_not_of_the_text_or_name(write):
    first = load(write(GOOD))
    moved = GOOD.replace("name: good\n", "") + "latency: {pe: 1}\nname: other\n"
    second = load(write(moved, "n.yaml"))
    assert first.name != second.name
    assert machine_hash(first) == machine_hash(second)
    aliased = load(write(GOOD.replace("overflow: wrap", "overflow: SC_WRAP"), "a.yaml"))
    assert machine_hash(aliased) == machine_hash(first)


@pytest.mark.parametrize(
    "word",
    [
        "array.cols=8",
        "array.k_order=[ic, ky, kx]",
        "operands.weight.signed=false",
        "operands.zero_point=fold",
        "product.rounding=ceil",
        "chain.bits=21",
        "accumulator.check=final",
        "requantize.default.rounding=half_even",
        "overrides=[{match: a, bias.bits: 9}]",
        "clock_mhz=501",
    ],
)
def test_hash_changes_with_every_word(word):
    changed = load("edge_ws_16x16", [word])
    assert machine_hash(changed) != machine_hash(load("edge_ws_16x16"))
