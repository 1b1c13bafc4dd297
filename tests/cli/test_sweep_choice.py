"""hwsim sweep: machines that no other beats, costs, and orders of the reduction."""

import json

import pytest
from cli.runner import hwsim

WORDS = ["sweep", "digits", "--hw", "edge_os_16x16", "--limit", "2"]
SCHEDULES = ["--k-order", "ky,kx,ic:ic,ky,kx", "--set", "accumulator.bits=14"]


def test_costs_decide_what_is_printed_as_not_beaten(tmp_path):
    (tmp_path / "costs.yaml").write_text("adder_bit: 1\nmac: 0.5\n")
    words = ["--accumulator-bits", "12,24,30", "--costs", str(tmp_path / "costs.yaml")]
    result = hwsim(*WORDS, *words, "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    pareto = json.loads((tmp_path / "out" / "sweep.json").read_text())["pareto"]
    kept = [point for point in pareto["points"] if point["non_dominated"]]
    lines = result.stdout.splitlines()
    (at,) = [i for i, line in enumerate(lines) if line.startswith("Not beaten in all of ")]
    assert lines[at] == (f"Not beaten in all of accuracy, cycles, cost: {len(kept)} of 3 points")
    shown = [line.split()[0] for line in lines[at + 2 : at + 2 + len(kept)]]
    assert shown == [str((12, 24, 30)[point["number"]]) for point in kept]
    assert "30" not in shown  # 24 bits are enough, and cost less
    assert max(map(len, lines[:-1])) <= 100


def test_schedules_are_set_side_by_side_layer_by_layer(tmp_path):
    result = hwsim(*WORDS, *SCHEDULES, "--out", str(tmp_path / "out"))
    (family,) = json.loads((tmp_path / "out" / "sweep.json").read_text())["order"]
    assert family["values"] == {}
    lines = result.stdout.splitlines()
    (at,) = [i for i, x in enumerate(lines) if x.startswith("Outputs that overflow under 2 sched")]
    for line, layer in zip(lines[at + 2 :], family["layers"], strict=False):
        counts = (min(layer["affected"]), max(layer["affected"]), layer["by_all"], layer["by_some"])
        assert line.split()[0] == layer["name"]
        assert line.split()[-4:] == [f"{count:,}" for count in counts]
    assert max(map(len, lines[:-1])) <= 100


def test_schedules_under_several_widths_have_a_line_each(tmp_path):
    words = [*SCHEDULES[:2], "--accumulator-bits", "13,14", "--out", str(tmp_path / "out")]
    lines = hwsim(*WORDS, *words).stdout.splitlines()
    order = json.loads((tmp_path / "out" / "sweep.json").read_text())["order"]
    assert [family["values"]["accumulator.bits"] for family in order] == [13, 14]
    (at,) = [i for i, x in enumerate(lines) if x.startswith("Outputs that overflow under 2 sched")]
    for line, family in zip(lines[at + 2 : at + 4], order, strict=True):
        layers = family["layers"]
        sums = [sum(layer[name] for layer in layers) for name in ("by_all", "by_some")]
        assert line.split()[0] == str(family["values"]["accumulator.bits"])
        assert line.split()[-2:] == [f"{count:,}" for count in sums]


@pytest.mark.parametrize("text", ["macs: 1", "mac: x"])
def test_wrong_costs_end_with_two_before_anything_runs(text, tmp_path):
    (tmp_path / "costs.yaml").write_text(text)
    words = ["--costs", str(tmp_path / "costs.yaml"), "--out", str(tmp_path / "out")]
    result = hwsim(*WORDS, *words)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert not (tmp_path / "out").exists()
