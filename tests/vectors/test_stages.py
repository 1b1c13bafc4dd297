"""Every file of a bundle against integers summed by another program, for each dataflow."""

import csv
import io

import numpy as np
import pytest
from vectors.bundle_oracle import Oracle

import hwsim

CHAINED = ["array.rows=4", "array.cols=4", "chain.bits=14", "accumulator.bits=14"]
MACHINES = {
    "weight_stationary": ("edge_ws_16x16", [*CHAINED, "accumulator.overflow=saturate"]),
    "input_stationary": (
        "edge_ws_16x16",
        [*CHAINED, "array.dataflow=input_stationary", "accumulator.overflow=wrap"],
    ),
    "dot_product": (
        "edge_ws_16x16",
        [*CHAINED, "array.dataflow=dot_product", "chain.overflow=saturate"],
    ),
    "output_stationary": (
        "edge_os_16x16",
        ["array.rows=4", "array.cols=4", "accumulator.bits=11", "accumulator.overflow=wrap"],
    ),
}
LAYERS = {"output_stationary": "dw2"}  # groups of one channel, edge lanes


@pytest.fixture(scope="module", params=list(MACHINES))
def oracle(request, tmp_path_factory):
    name, words = MACHINES[request.param]
    machine = hwsim.load_hardware(name, words)
    digits = hwsim.load_model("digits")
    folder = tmp_path_factory.mktemp("bundle") / request.param
    layer = LAYERS.get(request.param, "conv1")
    hwsim.write_vectors(digits, machine, layer, folder, inputs=digits.data.X[:2])
    return Oracle(folder)


def ends(oracle):
    """(run, g, row, col, clock) of every beat of codes."""
    for run in range(len(oracle.manifest["runs"])):
        for g, row, col, last, clock in oracle.store_order(run)[0]:
            if last:
                yield run, g, row, col, clock


def filled(values, oracle):
    return values + [0] * (oracle.cols - len(values))


def test_the_cases_overflow(oracle):
    assert any(any(flags) for flags in oracle.read("overflow"))
    assert len(oracle.manifest["runs"]) == 2


@pytest.mark.parametrize(
    "stem", ["output", "accumulator", "requantized", "preload", "overflow", "output_flags"]
)
def test_stages_of_an_output_are_those_of_exact_integers(oracle, stem):
    found = oracle.read(stem)
    want = [
        filled([oracle.output(run, g, *at)[stem] for at in oracle.lanes_of(run, g, m, n)], oracle)
        for run, g, m, n, _ in ends(oracle)
    ]
    assert found == want


def test_products_are_the_accumulator_before_later_stores(oracle):
    assert oracle.read("products") == oracle.read("accumulator")  # the bias is the first store


def test_outputs_stand_in_order_of_clocks_with_their_places(oracle):
    beats = list(ends(oracle))
    assert oracle.read("output_place") == [[g, m, n] for _, g, m, n, _ in beats]
    assert oracle.read("output_cycle") == [[clock + 1] for *_, clock in beats]
    assert oracle.read("output_keep") == [
        filled([1] * len(oracle.lanes_of(run, g, m, n)), oracle) for run, g, m, n, _ in beats
    ]


def test_cycles_are_the_sum_of_the_folds(oracle):
    for number, run in enumerate(oracle.manifest["runs"]):
        assert run["cycles"] == oracle.store_order(number)[1]


def stores(oracle):
    """(run, g, row, col, k tile) of every store."""
    for run in range(len(oracle.manifest["runs"])):
        seen = {}
        for g, row, col, _, _ in oracle.store_order(run)[0]:
            tile = seen[g, row, col] = seen.get((g, row, col), -1) + 1
            yield run, g, row, col, tile


@pytest.mark.parametrize("stem", ["chain", "partial"])
def test_stores_are_those_of_exact_integers(oracle, stem):
    if oracle.flow == "output_stationary":
        assert "data/chain.hex" not in oracle.manifest["files"]
        return
    want = [
        filled(
            [oracle.output(run, g, *at)[stem][tile] for at in oracle.lanes_of(run, g, m, n)], oracle
        )
        for run, g, m, n, tile in stores(oracle)
    ]
    assert oracle.read(stem) == want
    assert oracle.read("store_place") == [[g, m, n] for _, g, m, n, _ in stores(oracle)]


def test_every_output_of_a_run_is_written_once(oracle):
    for number, run in enumerate(oracle.manifest["runs"]):
        places = [
            (g, *at)
            for r, g, m, n, _ in ends(oracle)
            if r == number
            for at in oracle.lanes_of(number, g, m, n)
        ]
        assert len(places) == len(set(places)) == oracle.groups * run["m"] * oracle.n


def test_the_arrays_are_the_words(oracle):
    with np.load(oracle.folder / "data/vectors.npz") as arrays:
        stems = {path[5:-4] for path, entry in oracle.manifest["files"].items() if "width" in entry}
        assert set(arrays) == stems - {"clocks"}
        for stem in stems - {"clocks", "channel", "runs"}:
            assert arrays[stem].tolist() == oracle.read(stem), stem
        records = [oracle.record(g, n) for g in range(oracle.groups) for n in range(oracle.n)]
        assert arrays["channel"].tolist() == records


def test_run_records_say_what_the_manifest_says(oracle):
    words = (oracle.folder / "data/runs.hex").read_text().split()
    for word, run in zip(words, oracle.manifest["runs"], strict=True):
        value, fields = int(word, 16), []
        for bits in (32, 32, 32, 32, 32, 64, 32, 32):
            fields.append(value & ((1 << bits) - 1))
            value >>= bits
        spans = [run[name][key] for name in ("activations", "output") for key in ("first", "count")]
        clocks = [run["clocks"]["first"], run["clocks"]["count"]]
        assert fields == [run["m"], *spans, run["cycles"], *clocks]


def test_transactions_are_the_words_with_their_places(oracle):
    rows = list(csv.DictReader(io.StringIO((oracle.folder / "transactions.csv").read_text())))
    files = {stem: oracle.read(stem) for stem in {row["stream"] for row in rows}}
    count = sum(oracle.groups * run["m"] * oracle.n for run in oracle.manifest["runs"])
    tiles = 0 if oracle.flow == "output_stationary" else -(-oracle.k // oracle.rows)
    assert len(rows) == count * (1 + tiles)
    for row in rows:
        stream = row.pop("stream")
        run, beat, lane, _, g, m, n, expected = map(int, row.values())
        assert files[stream][beat][lane] == expected
        if stream == "output":
            assert oracle.output(run, g, m, n)["output"] == expected


def test_edges_feed_the_products_of_the_first_fold(oracle):
    """Skew undone by the dataflow's own formula, the operands give column 0's outputs."""
    left, top = oracle.read("left"), oracle.read("top")
    r, k = oracle.rows, oracle.k
    if oracle.flow == "output_stationary":  # row i is i clocks late
        for i in range(r):
            pairs = [(left[t + i][i], top[t][0]) for t in range(k)]
            assert [a * b for a, b in pairs] == oracle.products(0, 0, i, 0)
        return
    along_n = oracle.flow == "input_stationary"
    length = oracle.n if along_n else oracle.manifest["runs"][0]["m"]
    for t in range(length):
        if oracle.flow == "dot_product":
            pairs = [(left[t][i], top[0][i * oracle.cols]) for i in range(r)]
        else:  # the tile enters last row first, then row i of the stream is i clocks late
            pairs = [(left[r + t + i][i], top[r - 1 - i][0]) for i in range(r)]
        at = (0, t) if along_n else (t, 0)
        assert [a * b for a, b in pairs] == oracle.products(0, 0, *at)[:r]
