"""Bins against counts by the oracle; unreachable bins against every input; the files."""

import json
import shutil
import subprocess
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from oracles.rules import fits
from vectors.claims import on_edge, outputs
from vectors.small_layers import draw_case, every_input, requantized

from hwsim.array.cycle import execute
from hwsim.vectors.coverage import coverage, details, table
from hwsim.vectors.coverage_text import coverage_files, json_text, xml_text
from hwsim.vectors.directed import directed_runs

SEEDS = range(12)
SIGNS = ("positive", "negative")


def small(seed):
    """A case with its directed runs, less whole rows of toggling."""
    case = draw_case(seed)
    directed = directed_runs(case, seed)
    runs = [run for run in directed.runs if run.name != "directed_toggles"]
    return case.with_runs(*runs), directed


def counted(case, gemm, hits):
    """Hits of all bins of registers, ties and edges, output by output."""
    columns = gemm.shape[4]
    for (g, _, n), stores in outputs(case, gemm):
        for register, lives in stores.lives.items():
            for rule, life, final in lives:
                events = [s for s in life if s.presented != s.stored]
                for s in events:
                    hits[f"overflow.{register}.{sign(s.presented)}"] += 1
                if events:
                    kind = "transient" if fits(final, rule.bits, rule.overflow) else "persistent"
                    hits[f"overflow.{register}.{kind}.{sign(events[0].presented)}"] += 1
        value, lost, ties = requantized(case, g * columns + n, stores.accumulator)
        if lost:
            hits[f"overflow.requantizer.{sign(stores.accumulator)}"] += 1
        for stage, (negative, up) in ({} if lost else ties).items():
            side = "negative" if negative else "positive"
            hits[f"tie.{stage}.{side}.{'up' if up else 'down'}"] += 1
        for kind in ("activation", "output"):
            for side in ("lo", "hi"):
                for at in ("beyond", "at", "inside"):
                    hits[f"clamp.{kind}.{side}.{at}"] += on_edge(case, (kind, side, at), value)


def sign(value):
    return "positive" if value > 0 else "negative"


def by_value(name):
    """Bins that the oracle counts."""
    words = name.split(".")
    classes = words[:2] == ["overflow", "requantizer"] and words[2] in ("persistent", "transient")
    return words[0] in ("overflow", "tie", "clamp") and words[1] != "bias" and not classes


@pytest.mark.parametrize("seed", SEEDS)
def test_bins_count_what_the_oracle_counts(seed):
    case, _ = small(seed)
    hits = Counter()
    for run in case.runs:
        counted(case, run.gemm, hits)
    found = {one.name: one.hits for one in coverage(case).bins if by_value(one.name)}
    assert found == {name: hits[name] for name in found}
    assert {name for name in hits if hits[name]} <= set(found)


@pytest.mark.parametrize("rule", ["half_even", "odd"])
def test_ties_by_parity_are_counted_by_their_way(rule):
    ways = Counter()
    for seed in range(6):
        case = draw_case(seed, {"scheme": "shift_only", "rounding": rule})
        rows = every_input(case)[:, :256]
        case = replace(case, runs=(case.rows_run("rows", rows),))
        hits = Counter()
        counted(case, case.runs[0].gemm, hits)
        found = {one.name: one.hits for one in coverage(case).bins if one.group == "tie"}
        assert found == {name: hits[name] for name in found}
        ways.update(found)
    assert all(ways[f"tie.scheme.{s}.{w}"] for s in SIGNS for w in ("up", "down"))


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_called_unreachable_no_input_hits(seed):
    case, _ = small(seed)
    never = {one.name for one in coverage(case).unreachable_bins}
    everything = every_input(case)
    picked = np.random.default_rng(seed).permutation(everything.shape[1])[:256]
    whole = case.rows_run("all", everything[:, picked])
    hit = {one.name for one in coverage(replace(case, runs=(whole,))).bins if one.hits}
    assert never & hit == set()


def test_classes_and_events_are_the_ledgers():
    total = 0
    for seed in range(12):
        case, _ = small(seed)
        found = {one.name: one.hits for one in coverage(case).bins}
        executions = [execute(run.datapath, run.schedule) for run in case.runs]
        for name in ("chain", "accumulator"):
            key = "chain" if name == "chain" else "accumulator_ledger"
            ledgers = [getattr(one, key) for one in executions if getattr(one, key)]
            if not ledgers:
                continue
            for kind in ("persistent", "transient"):
                both = sum(found[f"overflow.{name}.{kind}.{s}"] for s in SIGNS)
                assert both == sum(int(getattr(ledger, kind).sum()) for ledger in ledgers)
            events = sum(found[f"overflow.{name}.{s}"] for s in SIGNS)
            assert events == sum(ledger.events for ledger in ledgers)
            total += events
    assert total > 500


def test_pe_bins_count_products_without_a_zero():
    for seed in range(8):
        case, _ = small(seed)
        hits = Counter()
        for run in case.runs:
            datapath, schedule = run.datapath, run.schedule
            flow = schedule.dataflow
            _, groups, m, k, n = datapath.shape
            for g, i, j, c in np.ndindex(groups, m, k, n):
                if datapath.a[0, g, i, j] and datapath.w[g, j, c]:
                    at = {"m": i, "k": j, "n": c}
                    hits[f"pe.{at[flow.row] % schedule.rows}.{at[flow.col] % schedule.cols}"] += 1
        found = {one.name: one.hits for one in coverage(case).bins if one.group == "pe"}
        assert found == {name: hits[name] for name in found}
        assert sum(found.values()) == sum(hits.values()) > 0


def test_table_adds_up():
    case, _ = small(1)
    found = coverage(case)
    rows = table(found)
    assert rows[-1].bins == len(found.bins) == sum(row.bins for row in rows[:-1])
    assert all(row.bins == row.hit + row.unreachable + row.open for row in rows)
    assert all(reason for _, hits, _, reason in details(found) if hits == 0)


def test_json_is_stable_and_complete():
    case, directed = small(2)
    text = json_text(coverage(case), directed)
    assert text == json_text(coverage(case), directed_runs(draw_case(2), 2))
    document = json.loads(text)
    assert document["schema"] == "hwsim.coverage/1"
    assert set(document["bins"]) == {one.name for one in coverage(case).bins}
    assert len(document["directed"]["purposes"]) == len(directed.purposes)


def test_pyucis_reads_the_xml(tmp_path):
    pytest.importorskip("ucis", reason="pyucis is not installed")
    case, _ = small(2)
    found = coverage(case)
    path = tmp_path / "coverage.xml"
    path.write_text(xml_text(found))
    seen = bins_by_pyucis(path)
    expected = {
        group: {one.name: one.hits for one in bins if one.state != "unreachable"}
        for group, bins in found.groups.items()
    }
    assert seen == expected


def bins_by_pyucis(path):
    from ucis.report.coverage_report_builder import CoverageReportBuilder
    from ucis.xml.xml_reader import XmlReader

    with path.open() as file:
        report = CoverageReportBuilder.build(XmlReader().read(file))
    (group,) = report.covergroups
    instance = group.covergroups[0] if group.covergroups else group
    return {p.name: {b.name: b.count for b in p.bins} for p in instance.coverpoints}


def covergroup_text(tmp_path):
    case, directed = small(2)
    text = coverage_files(case, coverage(case), directed)["coverage.svh"]
    (tmp_path / "coverage.svh").write_text(text)
    module = tmp_path / "top.sv"
    module.write_text('module top;\n`include "coverage.svh"\nendmodule\n')
    return text, module


def test_covergroup_is_systemverilog(tmp_path):
    pyslang = pytest.importorskip("pyslang", reason="pyslang is not installed")
    text, _ = covergroup_text(tmp_path)
    source = f"module top;\n{text}\nlayer_coverage c = new;\nendmodule\n"
    compilation = pyslang.ast.Compilation()
    compilation.addSyntaxTree(pyslang.syntax.SyntaxTree.fromText(source))
    assert not [d for d in compilation.getAllDiagnostics() if d.isError()]
    assert text.count("coverpoint") == 6


@pytest.mark.parametrize(
    "command",
    [
        ["iverilog", "-g2012", "-o", "out.vvp"],
        ["verilator", "--lint-only", "-Wall", "--top", "top"],
    ],
)
def test_covergroup_vanishes_where_a_simulator_has_none(tmp_path, command):
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    _, module = covergroup_text(tmp_path)
    done = subprocess.run(
        [*command, "-I.", module.name], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
