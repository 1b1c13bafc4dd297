"""One layer made ready for every width: without limits, and with one register after the other."""

import numpy as np
import pytest
from mapping.test_ready import LAYERS, both, compare

from hwsim.array import fast_run
from hwsim.array.fast_planes import plane_sums
from hwsim.array.fast_range import exact_sums
from hwsim.array.fast_tally import FAR
from hwsim.mapping import ready as ready_module
from hwsim.mapping.ready_registers import with_registers
from hwsim.mapping.ready_sums import exact_pass

COLUMN = {"dataflow": "weight_stationary", "chain": (12, "saturate"), "accumulator": (13, "wrap")}
SCHEMES = {"float32": {}, "multiplier_shift_double": {"accumulator": (12, "saturate")}}


@pytest.mark.parametrize("outputs", [1, 1 << 16])
@pytest.mark.parametrize("words", [{}, COLUMN], ids=["accumulator", "column"])
@pytest.mark.parametrize("name", LAYERS)
def test_ranges_of_a_sample_are_those_of_its_sums(name, words, outputs, monkeypatch):
    monkeypatch.setattr(ready_module, "OUTPUTS_AT_ONCE", outputs)
    monkeypatch.setattr(fast_run, "WORTH_PLANES", 0)
    called = []

    def spied(*arguments):
        called.append(name)
        return plane_sums(*arguments)

    monkeypatch.setattr(fast_run, "plane_sums", spied)
    codes, ready, anew = both(name, words)
    found = exact_pass(ready(), codes)
    assert len(called) == (len(codes) if name == "planes" and not words else 0)
    run = anew(codes)
    sums = exact_sums(run.datapath, run.schedule)
    ends = np.concatenate([sums.ends, [sums.exact, sums.exact]])
    rows = [*range(len(sums.ends)), 6, 7]
    for row, values in zip(rows, ends, strict=True):
        reach = values.max(axis=2) if row % 2 else values.min(axis=2)
        assert (found.ends[row] == reach).all()
    for row in set(range(8)) - set(rows):
        assert (found.ends[row] == (-FAR if row % 2 else FAR)).all()
    assert (found.levels == sums.levels).all()
    assert len(np.unique(found.ends[6])) > 4


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ["plain", "depthwise", "linear"])
def test_the_requantizers_counts_are_kept_sample_by_sample(name, scheme):
    codes, ready, anew = both(name, SCHEMES[scheme], scheme=scheme)
    codes[2] = 5  # the zero point: this sample loses nothing
    layer, run = ready(3), anew(codes)
    found = exact_pass(layer, codes)
    given = run.layer.requantizer.apply(exact_sums(run.datapath, run.schedule).exact)
    assert (found.codes == given.codes).all()
    assert (found.clipped == given.clipped.sum(axis=2)).all()
    assert (found.events == given.events.sum(axis=2)).all()
    flat = given.events.reshape(len(codes), -1)
    assert found.first.tolist() == [int(f.argmax()) if f.any() else -1 for f in flat]
    assert (found.clipped.any(), found.events.any()) == (True, scheme != "float32")


@pytest.mark.parametrize("name", LAYERS)
def test_registers_change_and_the_layer_stays(name):
    """One after the other in one memory: nothing of one is left to the next."""
    base = both(name, {})[1]()
    for words in ({"accumulator": (13, "saturate")}, {"accumulator": (12, "wrap")}) * 2:
        codes, ready, anew = both(name, words)
        layer = with_registers(base, ready().prepared)
        exact_pass(base, codes)
        assert compare(layer(codes[1:], first_sample=1), anew(codes[1:], first_sample=1)) > 0
        assert compare(layer(codes), anew(codes)) > 0


def test_registers_beyond_lanes_are_refused():
    ready, other = (both("plain", words)[1] for words in ({}, {"accumulator": (12, "saturate")}))
    assert with_registers(ready(), other().prepared) is not None
    base = ready()
    zero = {"accumulator": (12, "saturate_zero")}
    with pytest.raises(AssertionError):
        both("plain", zero)[1]()
    prepared = both("plain", zero)[2](np.zeros((1, 7, 6, 3), np.int64)).layer
    assert with_registers(base, prepared) is None
