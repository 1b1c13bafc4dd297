"""hwsim diff: the first place, and the cause by what is wrong with a dump."""

import json
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from rtl.simulators import need
from typer.testing import CliRunner
from vectors.cosim_cases import case

from hwsim.arith.overflow import Overflow
from hwsim.arith.rounding import Rounding
from hwsim.array.datapath import register
from hwsim.cli import app
from hwsim.errors import DataError
from hwsim.rtl import sources
from hwsim.vectors import simulators
from hwsim.vectors.bundle import write
from hwsim.vectors.diff import diff, packing_of
from hwsim.vectors.divergence import differences
from hwsim.vectors.divergence_report import explain, lines
from hwsim.vectors.divergence_stage import STAGES, Product, stage_beats, values
from hwsim.vectors.dumps import Dump, Packing
from hwsim.vectors.golden import Bundle, Golden

FLOWS = ["weight_stationary", "output_stationary", "input_stationary", "dot_product"]


def hwsim(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="session", params=FLOWS)
def any_flow(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle") / request.param
    write(case(request.param), folder)
    return Bundle.open(folder)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle") / "small"
    write(case(), folder)
    return Bundle.open(folder)


@pytest.fixture(scope="session")
def golden(bundle):
    return bundle.golden()


def beats_of(golden, stage="output"):
    found = [values(stage, one, golden.requantizer) for one in golden.products]
    return stage_beats(stage, golden.products).at(found)


def found_in(golden, seen, stage="output", clock=None, known=None):
    """The divergence of a dump of these beats."""
    known = np.ones(seen.shape, bool) if known is None else known
    packing = Packing(seen.shape[1], 6, signed=True)
    d = differences(golden, stage, packing, Dump(seen, known, clock))
    assert not d.equal
    return explain(d)


def on_other(golden, change, stage="output"):
    """The beats of the same layer on other registers."""
    products = tuple(
        Product(one.name, change(one.datapath), one.schedule) for one in golden.products
    )
    return beats_of(replace(golden, products=products), stage)


def test_a_bundle_s_own_stages_are_equal(any_flow):
    stems = [stage for stage in STAGES if stage in any_flow.manifest.stems()]
    assert {"partial", "accumulator", "output"} <= set(stems)
    for stage in stems:
        path = any_flow.folder / "data" / f"{stage}.hex"
        assert diff(any_flow, path, stage).equal, stage
        assert not diff(any_flow, path, stage).different.any()


def test_a_bundle_read_back_computes_what_it_was_written_from(any_flow):
    own = Golden.of_case(case(any_flow.manifest.machine["array"]["dataflow"]))
    read = any_flow.golden()
    assert read.machine == own.machine
    for stage in STAGES:
        assert np.array_equal(beats_of(read, stage), beats_of(own, stage)), stage


def test_the_first_divergence_has_its_place(any_flow):
    golden = any_flow.golden()
    codes = [
        [list(map(int, row)) for row in any_flow.lanes("output_place")],
        any_flow.lanes("output_cycle").ravel().tolist(),
    ]
    seen = beats_of(golden)
    beat, lane = len(seen) // 2 + 1, 0
    seen[beat, lane] ^= 1
    first = found_in(golden, seen).first
    assert (first.beat, first.lane) == (beat, lane)
    assert [first.group, first.m, first.n] == codes[0][beat]
    assert first.cycle == codes[1][beat]
    assert first.run == "image_1"
    assert first.expected ^ 1 == first.seen
    schedule = golden.products[1].schedule
    assert first.fold == schedule.fold_of(first.group, first.m, first.n, schedule.k - 1)


@pytest.mark.parametrize("stage", ["chain", "partial"])
def test_a_value_inside_the_array_has_its_k_tile(golden, stage):
    seen = beats_of(golden, stage)
    beats = stage_beats(stage, golden.products)
    beat = int(np.flatnonzero(beats.k_tile == 1)[3])
    seen[beat, 0] += 1
    first = found_in(golden, seen, stage).first
    assert (first.beat, first.k_tile) == (beat, 1)
    assert first.k == ((4, 7) if stage == "chain" else (0, 7))


RULES = [rule for rule in Rounding if rule not in (Rounding.HALF_UP, Rounding.STOCHASTIC)]


@pytest.mark.parametrize("rule", RULES)
def test_a_rounding_rule_is_named(golden, rule):
    other = replace(golden, requantizer=replace(golden.requantizer, rounding=rule))
    found = found_in(golden, beats_of(other))
    assert found.cause.kind == "rounding"
    assert rule.name.lower() in found.cause.text.split(" fits all ")[0]
    assert "the machine has half_up" in found.cause.text
    assert found.steps[-1].value == found.first.expected


OTHERS = {
    "accumulator: overflow wrap": lambda d: replace(
        d, accumulator=replace(d.accumulator, overflow=int(Overflow.WRAP))
    ),
    "accumulator: 8 bits": lambda d: replace(
        d, accumulator=replace(d.accumulator, bits=8, lo=-128, hi=127)
    ),
    "bias: left out": lambda d: replace(d, preload=None),
    "bias: added twice": lambda d: replace(d, preload=2 * d.preload),
    "bias: of the next channel": lambda d: replace(d, preload=np.roll(d.preload, -1, 1)),
    "chain: 8 bits": lambda d: replace(d, chain=(replace(d.chain[0], bits=8, lo=-128, hi=127),)),
}


@pytest.mark.parametrize("stage", ["output", "partial"])
@pytest.mark.parametrize("words", OTHERS)
def test_another_register_is_named(golden, stage, words):
    found = found_in(golden, on_other(golden, OTHERS[words], stage), stage)
    assert found.cause.text.startswith(words), found.cause.text
    assert " fits all " in found.cause.text
    if found.parting is not None:
        assert found.parting.ours != found.parting.other
        assert found.parting.k <= found.first.k[1]
        assert found.parting.stage == ("chain" if words.startswith("chain") else "accumulator")


def test_the_first_overflow_of_an_output_is_where_the_engine_lists_it(golden):
    d = golden.products[0]
    other = on_other(golden, OTHERS["accumulator: overflow wrap"])
    found = found_in(golden, other)
    spec = register(golden.machine.accumulator)
    event = found.event
    assert event.stage == "accumulator"
    assert not spec.lo <= event.presented <= spec.hi
    assert event.stored == min(max(event.presented, spec.lo), spec.hi)
    assert (
        event.cycle
        == d.schedule.place(
            "accumulator", 0, found.first.group, found.first.m, found.first.n, event.k
        ).cycle
    )


def test_values_that_only_moved_are_named(golden):
    seen = beats_of(golden)
    known = np.ones(seen.shape, bool)
    beats = stage_beats("output", golden.products)
    cut = np.delete(seen, 5, axis=0)
    assert found_in(golden, cut).cause.text.startswith("dropped: 1 beat from beat 5 on")
    more = np.insert(seen, 6, seen[5], axis=0)
    assert found_in(golden, more).cause.text.startswith("repeated: 1 beat too many at beat 6")
    late = np.roll(seen, 2, axis=0)
    assert found_in(golden, late).cause.text == "latency: every value comes 2 beats late"
    assert found_in(golden, seen[:-4]).cause.kind == "lost"
    assert found_in(golden, seen[:0]).cause.kind == "nothing"
    assert found_in(golden, 0 * seen).cause.kind == "zero"
    assert found_in(golden, seen, known=~known).cause.kind == "unknown"
    clock = found_in(golden, seen, clock=beats.clock + 3)
    assert clock.cause.text == "latency: every beat is 3 clocks late"
    assert clock.first.seen_cycle == clock.first.cycle + 3
    assert clock.different == 0


def test_other_places_are_named(golden):
    """Of arrays (run, M, N), put back into beats."""
    beats = stage_beats("output", golden.products)
    truth = [values("output", one, golden.requantizer) for one in golden.products]

    def cause(change):
        return found_in(golden, beats.at([change(one) for one in truth])).cause.text

    assert cause(lambda x: np.roll(x, -1, axis=2)) == "layout: channels (n) are rotated by 1"
    assert cause(lambda x: x[:, :, ::-1]) == "layout: channels (n) are reversed"
    assert cause(lambda x: x[:, ::-1]) == "layout: pixels (m) are reversed"
    assert cause(lambda x: x[:, :, [0, 2, 1, 3, 4]]).endswith("in the order 0 2 1 3 4")
    swapped = cause(lambda x: x.transpose(0, 2, 1).reshape(x.shape))
    assert swapped.startswith("layout: m and n are swapped")


def test_a_stuck_bit_and_noise_are_not_called_a_rule(golden):
    seen = beats_of(golden)
    assert found_in(golden, seen | 4).cause.kind == "stuck bit"
    noise = np.random.default_rng(1).integers(-32, 32, seen.shape)
    text = found_in(golden, noise).cause.text
    assert "no simple pattern" in text
    assert " fits all " not in text


def test_hex_dumps_may_hold_one_value_a_line_and_unknown_bits(bundle, golden, tmp_path):
    seen, keep = beats_of(golden), stage_beats("output", golden.products).keep
    path = tmp_path / "values.hex"
    words = [f"{int(value) & 63:02x}" for value in seen[keep]]
    path.write_text("// codes\n" + "\n".join(words) + "\n")
    assert diff(bundle, path).equal
    words[4] = "xx"
    path.write_text("\n".join(words))
    place = tuple(np.argwhere(keep)[4])
    found = explain(diff(bundle, path))
    assert found.first.seen is None
    assert (found.first.beat, found.first.lane) == place
    assert any("seen X" in line for line in lines(found))
    path.write_text("\n".join([*words, "00"]))
    assert not diff(bundle, path).equal
    path.write_text("zz\n12345678\n")
    with pytest.raises(DataError, match="one beat"):
        diff(bundle, path)
    path.write_text("hello\n")
    with pytest.raises(DataError, match=r"values\.hex:1: word = hello"):
        diff(bundle, path)


def wave(bundle, folder, changes=()):
    """The VCD of the bundle's streams through RTL with texts replaced."""
    need("iverilog")
    icarus = simulators.find("icarus")
    files = []
    for source in sources():
        text = source.read_text()
        for file, old, new in changes:
            if file == source.name:
                assert text.count(old) == 1
                text = text.replace(old, new)
        (folder / source.name).write_text(text)
        files.append(folder / source.name)
    files += [*sorted((bundle.folder / "tb").glob("*.sv")), bundle.folder / "tb_streams.sv"]
    command = simulators.build(
        icarus, files, "tb_streams", folder=folder, include=bundle.folder, defines={}, seconds=100
    )
    words = [*command, f"+data={bundle.folder / 'data'}", "+vcd=rtl.vcd", "+seed=3"]
    simulators.run(icarus, words, folder, 100, folder / "log")
    return folder / "rtl.vcd"


def test_a_waveform_shows_every_stage_in_its_clock(bundle, golden, tmp_path):
    path = wave(bundle, tmp_path)
    for stage in ("chain", "partial", "accumulator", "output"):
        found = diff(bundle, path, stage)
        assert found.equal, stage
        assert len(found.late) == len(found.expected)
    assert diff(bundle, path).equal
    assert diff(bundle, path, None, "tb_streams.code_data").equal
    assert packing_of(bundle, "output").bits == 6
    if shutil.which("vcd2fst") is not None:
        fst = tmp_path / "rtl.fst"
        subprocess.run(["vcd2fst", path, fst], check=True, capture_output=True)
        assert diff(bundle, fst).equal
    with pytest.raises(DataError, match="must be a signal, like"):
        diff(bundle, path, "output", "absent_data")


def test_a_waveform_tells_the_first_stage_that_differs(bundle, tmp_path):
    fit = "sum = hwsim_pkg::fit(presented, BITS, OVERFLOW, WRAP_BITS)"
    change = ("accumulator_memory.sv", fit, "sum = hwsim_pkg::wrap(presented, BITS)")
    done = hwsim("diff", bundle.folder, wave(bundle, tmp_path, [change]), "--format", "json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)["divergence"]
    assert found["stage"] == "partial"
    assert found["cause"]["text"].startswith("accumulator: overflow wrap")
    assert found["parting"]["k"] <= found["first"]["k"][1]


def test_a_later_requantizer_is_a_latency(bundle, tmp_path):
    top = "mac_array_top.sv"
    changes = [
        (top, "(LATENCY_REQUANTIZE)\n    ) output_stage",
         "(LATENCY_REQUANTIZE + 1)\n    ) output_stage"),
        (top, ".CLOCKS(LATENCY_REQUANTIZE)) places", ".CLOCKS(LATENCY_REQUANTIZE + 1)) places"),
    ]  # fmt: skip
    done = hwsim("diff", bundle.folder, wave(bundle, tmp_path, changes), "--stage", "output")
    assert done.exit_code == 1
    assert "Likely cause: latency: every beat is 1 clock late" in done.stdout


def test_bad_input_is_one_line(bundle, tmp_path):
    for words, said in (
        ([tmp_path / "absent.hex"], "must be there"),
        ([bundle.folder / "data/output.hex", "--stage", "nowhere"], "must be one of: chain"),
        ([bundle.folder / "data/output.hex", "--signal", "x"], "must go with a VCD"),
    ):
        done = hwsim("diff", bundle.folder, *words)
        assert done.exit_code == 2
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1
    (tmp_path / "no.vcd").write_text("nothing\n")
    assert hwsim("diff", bundle.folder, tmp_path / "no.vcd").exit_code == 2
