"""The C golden model: every rule and scheme, equal to the fast engine bit for bit."""

import ctypes
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vectors import c_model_cases, c_models

import hwsim
from hwsim.arith.rounding import Rounding
from hwsim.errors import UnsupportedError
from hwsim.importers import hardware
from hwsim.vectors.c_model import c_model
from hwsim.vectors.case import layer_case

DATAFLOWS = ("output_stationary", "weight_stationary", "input_stationary", "dot_product", "none")
ARRAYS, LAYERS = 120, 40


def digits_case(layer="conv1", machine="edge_ws_16x16", *words):
    model = hwsim.load_model("digits")
    node = next(node for node in model.graph.nodes if node.name == layer)
    return layer_case(model.graph, hardware.load(machine, list(words)), model.data.X[:1], node)


def random_layers(dataflow, seeds):
    return {f"{dataflow[:6]}_{seed}": c_model_cases.random_case(dataflow, seed) for seed in seeds}


@pytest.mark.slow
def test_random_arrays_equal_the_fast_engine(tmp_path):
    cases = c_model_cases.random_array_cases(0, ARRAYS)
    roundings = {case.requantizer.rounding for case in cases.values()}
    assert roundings == set(Rounding)
    events, codes = c_models.check(cases, tmp_path)
    assert events > 20_000
    assert codes > 5_000


@pytest.mark.slow
@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_random_layers_of_every_scheme_equal_the_fast_engine(dataflow, tmp_path):
    cases = random_layers(dataflow, range(LAYERS))
    schemes = {case.requantizer.scheme for case in cases.values()}
    assert len(schemes) >= 10
    events, _ = c_models.check(cases, tmp_path)
    assert events > 500


@pytest.mark.slow
@settings(max_examples=10)
@given(dataflow=st.sampled_from(DATAFLOWS), seed=st.integers(1000, 1 << 30))
def test_any_layer_equals_the_fast_engine(dataflow, seed, tmp_path_factory):
    cases = random_layers(dataflow, [seed])
    c_models.check(cases, tmp_path_factory.mktemp("c"))


@pytest.mark.slow
def test_sanitizers_find_nothing(tmp_path):
    cases = c_model_cases.random_array_cases(200, 30)
    for dataflow in DATAFLOWS:
        cases |= random_layers(dataflow, range(200, 208))
    c_models.check_sanitized(cases, tmp_path)


def test_the_same_layer_gives_the_same_bytes():
    case = digits_case()
    more = case.with_runs(case.rows_run("again", case.runs[0].gemm.a[0, :, :3]))
    first, second, longer = c_model(case), c_model(digits_case()), c_model(more)
    assert first == second == longer
    assert sorted(first) == ["conv1.c", "conv1.h", "dpi.svh"]


def test_text_is_ascii_in_lines_of_100_and_names_no_machine_of_its_maker():
    for name, text in c_model(digits_case()).items():
        assert text.isascii(), name
        assert max(map(len, text.splitlines())) <= 100, name
        assert text.endswith("\n")
        assert not re.search(r"/home|/work|/tmp|20\d\d-", text)


def test_only_rules_in_use_are_written():
    text = c_model(digits_case())["conv1.c"]
    assert set(re.findall(r"static int64_t (fit_\w+|shift_right_\w+)\(", text)) == {
        "fit_saturate", "fit_wrap", "shift_right_floor", "shift_right_half_up",
    }  # fmt: skip


MUTANTS = {
    "rest >= half": "rest > half",
    "rest > half || (rest == half && (floor & 1) != 0)": "rest > half || (rest == half)",
    "floor + ((floor & 1) == 0 ? 1 : 0)": "floor + ((floor & 1) == 1 ? 1 : 0)",
    "return x < lo ? lo :": "return x < lo ? 0 :",
    "return x < -hi ? -hi": "return x < -hi ? -hi - 1",
    "(hi - lo) >> n": "(hi - lo) >> (n - 1)",
    "return wrap(kept, lo, hi)": "return wrap(span - kept, lo, hi)",
    "& ((uint64_t)hi - (uint64_t)lo)": "& ((uint64_t)hi - (uint64_t)lo - 1)",
    "chain + product": "chain - product",
    "int64_t left = node[2 * i], right = node[2 * i + 1]": "int64_t left = node[i], right = 0",
    "node[nodes] = 0;": "node[nodes] = 1;",
    "code < OUTPUT_LO ? OUTPUT_LO": "code < OUTPUT_LO ? 0",
    "value + ZERO_POINT": "value",
    "code < CLAMP_LO": "code < CLAMP_LO - 1000",
    "a[k] + offset": "a[k]",
    "(g * rows + i) * N + n;": "(g * rows + i) * N + (N - 1 - n);",
    "*events += stored != chain + product;": "*events += stored == chain + product;",
    "K - k < FOLD ? (size_t)K : k + FOLD": "K - k < FOLD ? (size_t)K - 1 : k + FOLD",
    "(state >> 1) ^": "(state << 1) ^",
    "-w_zero_point[channel] * row_sum": "w_zero_point[channel] * row_sum",
    "shift[channel] - 31 : 0": "shift[channel] - 30 : 0",
}  # fmt: skip


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """Texts, runs and what they shall give, of some random arrays that hold every mutant's rule."""
    cases = c_model_cases.random_array_cases(0, 36)
    for seed in (98, 159, 161):  # products that lose bits, half to even
        cases |= c_model_cases.random_array_cases(seed, 1)
    texts = {name: c_model(replace(case, layer=name)) for name, case in cases.items()}
    wanted = {name: c_models.expected(case.runs[0]) for name, case in cases.items()}
    return texts, cases, wanted


@pytest.mark.parametrize("was", MUTANTS)
def test_every_mutant_is_found(was, pool, tmp_path):
    texts, cases, wanted = pool
    names = [name for name in texts if was in texts[name][f"{name}.c"]][-14:]
    assert names
    changed = [
        {**texts[name], f"{name}.c": texts[name][f"{name}.c"].replace(was, MUTANTS[was])}
        for name in names
    ]
    library = ctypes.CDLL(str(c_models.compiled(changed, tmp_path, "-O0", "-w")))
    found = []
    for name in names:
        run = cases[name].runs[0]
        for function, rows in c_models.calls_of(name, run):
            got = c_models.called(library, function, rows, run.datapath.shape[-1])
            found += c_models.differences(got, wanted[name])
    assert found


def test_stages_one_after_the_other_make_the_layer(tmp_path):
    case = digits_case("conv1", "edge_ws_16x16", "array.rows=4", "chain.bits=12")
    run = case.runs[0]
    library = ctypes.CDLL(str(c_models.compiled([c_model(case)], tmp_path)))
    wide, lost = ctypes.c_int64, ctypes.c_int32(0)
    stage = {}
    for name in ("product", "chain", "accumulator", "preload", "after_products", "requantize"):
        stage[name] = getattr(library, f"conv1_{name}")
        stage[name].restype = wide
    library.conv1_output.restype = wide
    a, w = run.datapath.a[0, 0], run.datapath.w[0]
    whole = c_models.expected(run)
    for m, n in ((0, 0), (9, 3), (63, 15)):
        acc = stage["preload"](n)
        for first in range(0, len(w), 4):
            chain = 0
            for k in range(first, min(first + 4, len(w))):
                product = stage["product"](wide(int(a[m, k])), wide(int(w[k, n])))
                chain = stage["chain"](wide(chain), wide(product))
            acc = stage["accumulator"](wide(acc), wide(chain))
        acc = stage["after_products"](n, wide(acc), wide(0), ctypes.byref(lost))
        assert acc == whole["accumulators"][0, m, n]
        value = stage["requantize"](n, wide(acc), ctypes.byref(lost))
        assert library.conv1_output(wide(value), ctypes.byref(lost)) == whole["codes"][0, m, n]


def test_a_layer_without_outputs_is_refused():
    case = digits_case("fc6")
    gemm = replace(
        case.runs[0].gemm, w=case.runs[0].gemm.w[:, :, :0], w_zero_point=np.zeros((1, 0), np.int64),
        bias=None,
    )  # fmt: skip
    empty = c_model_cases.made_case("fc6", gemm, case.machine, case.requantizer)
    with pytest.raises(UnsupportedError, match="fc6: N = 0: has no C model") as refused:
        c_model(empty)
    assert "\n" not in str(refused.value)


def test_a_constant_without_literal_is_refused():
    case = digits_case("conv1", "pytorch_fbgemm")
    reals = case.requantizer.reals.copy()
    reals[0, 2] = np.inf
    requantizer = replace(case.requantizer, reals=reals)
    broken = c_model_cases.made_case("conv1", case.runs[0].gemm, case.machine, requantizer)
    with pytest.raises(UnsupportedError, match="factor = inf: has no literal in C"):
        c_model(broken)
