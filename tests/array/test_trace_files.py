"""Traces as files: what is written is what is read back."""

import io

import numpy as np
import pytest
from oracles.small_layers import DATAFLOWS, draw
from vcd.reader import TokenKind, tokenize

from hwsim.array import trace as traces
from hwsim.array.cycle import execute
from hwsim.array.trace import TraceWindow, record
from hwsim.report.trace_files import write_events, write_full_trace, write_trace
from hwsim.report.waveform import scope, write_waveform
from hwsim.vectors import waves


def traced(dataflow):
    d, schedule = draw(dataflow, 5)
    start = schedule.fold_cycles // 2
    return record(d, schedule, TraceWindow(0, start, start + schedule.fold_cycles))


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_a_trace_file_holds_every_register(dataflow, tmp_path):
    trace = traced(dataflow)
    write_trace(tmp_path / "trace.npz", trace)
    assert [p.name for p in tmp_path.iterdir()] == ["trace.npz"]
    with np.load(tmp_path / "trace.npz", allow_pickle=False) as read:
        assert read["schema"] == "hwsim.trace.1"
        assert read["dataflow"] == dataflow
        assert read["sample"] == 0
        assert np.array_equal(read["clock"], trace.clock)
        for name, content in trace.registers.items():
            assert read[name].dtype == np.int64
            assert np.array_equal(read[name], content)
            assert read[f"bits_{name}"] == trace.bits[name]
        assert len(read.files) == 4 + 2 * len(trace.registers)


def test_an_event_file_holds_every_event(tmp_path):
    events = execute(*draw("weight_stationary", 3), list_events=True).events
    assert len(events.columns["k"]) > 10
    write_events(tmp_path / "events.npz", events)
    with np.load(tmp_path / "events.npz", allow_pickle=False) as read:
        assert read["schema"] == "hwsim.events.1"
        assert all(np.array_equal(read[name], events.columns[name]) for name in events.NAMES)


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_a_waveform_reads_back(dataflow, tmp_path):
    trace = traced(dataflow)
    write_waveform(tmp_path / "trace.vcd", trace)
    values, bits = read_waveform((tmp_path / "trace.vcd").read_bytes(), trace.clock)
    assert values.pop("array.cycle") == trace.clock.tolist()
    for name, content in trace.registers.items():
        for row, col in np.ndindex(content.shape[1:]):
            signal = "value" if name.startswith("tree_") else name
            path = f"{scope(name, row, col)}.{signal}"
            assert values.pop(path) == content[:, row, col].tolist()
            assert bits[path] == trace.bits[name]
    assert not values


def read_waveform(content, clocks):
    """Value of every signal at every clock, and its width."""
    names, bits, scopes, now = {}, {}, [], {}
    values, time = {}, None
    for token in tokenize(io.BytesIO(content)):
        if token.kind is TokenKind.SCOPE:
            scopes.append(token.scope.ident)
        elif token.kind is TokenKind.UPSCOPE:
            scopes.pop()
        elif token.kind is TokenKind.VAR:
            path = ".".join([*scopes, token.var.reference])
            names[token.var.id_code], bits[path] = path, token.var.size
        elif token.kind is TokenKind.CHANGE_TIME:
            for clock in clocks if time is not None else ():
                if time <= clock < token.time_change:
                    for path, value in now.items():
                        values.setdefault(path, []).append(value)
            time = token.time_change
        elif token.kind in (TokenKind.CHANGE_VECTOR, TokenKind.CHANGE_SCALAR):
            change = token.vector_change if token.vector_change else token.scalar_change
            path = names[change.id_code]
            code = int(change.value)
            now[path] = code - (1 << bits[path]) if code >> (bits[path] - 1) else code
    return values, bits


def test_waveforms_of_equal_traces_are_equal_bytes(tmp_path):
    for name in ("one.vcd", "other.vcd"):
        write_waveform(tmp_path / name, traced("weight_stationary"))
    assert (tmp_path / "one.vcd").read_bytes() == (tmp_path / "other.vcd").read_bytes()


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_a_trace_part_by_part_is_the_trace_in_memory(dataflow, tmp_path, monkeypatch):
    datapath, schedule = draw(dataflow, 5)
    window = TraceWindow(0, schedule.fold_cycles // 2, 2 * schedule.fold_cycles)
    whole = record(datapath, schedule, window)
    write_trace(tmp_path / "whole.npz", whole)
    write_waveform(tmp_path / "whole.vcd", whole)
    monkeypatch.setattr(traces, "PART_BYTES", 3 * traces.trace_bytes(schedule, 1))
    monkeypatch.setattr(waves, "TIMES_AT_ONCE", 5)
    parts = list(traces.trace_parts(datapath, schedule, window))
    assert max(len(part["a"]) for part in parts) == 3
    files = tmp_path / "parts.npz", tmp_path / "parts.vcd"
    write_full_trace(*files, datapath, schedule, window, window.sample)
    for name, other in zip(("whole.npz", "whole.vcd"), files, strict=True):
        assert (tmp_path / name).read_bytes() == other.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "parts.npz", "parts.vcd", "whole.npz", "whole.vcd",
    ]  # fmt: skip
