"""A layer made ready on several threads against the same layer run anew on one."""

import numpy as np
import pytest
from mapping.test_ready import LAYERS, MACHINES, both, compare

from hwsim.array import threads
from hwsim.errors import TrapError
from hwsim.mapping import ready_shared
from hwsim.mapping.ready_shared import exact_codes_shared, hands, run_shared


@pytest.fixture(autouse=True)
def _small_layers_are_worth_it(monkeypatch):
    monkeypatch.setattr(ready_shared, "WORTH", 1)
    monkeypatch.setattr(ready_shared, "SAMPLES", 1)


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("words", MACHINES)
@pytest.mark.parametrize("name", LAYERS)
def test_the_number_of_threads_changes_nothing(name, words, number, monkeypatch):
    """Every sample once, its events and places with it; batch after batch."""
    monkeypatch.setenv("HWSIM_THREADS", str(number))
    codes, ready, anew = both(name, MACHINES[words])
    many, layer = np.concatenate([codes, codes[::-1], codes[:3]]), ready()
    assert hands(layer, len(many)) == number
    for first, x in ((5, many), (0, many[::-1].copy()), (9, codes[:2])):
        run = anew(x, first_sample=first)
        assert (compare(run_shared(layer, x, first_sample=first), run) > 0) == (words != "ample")
        assert (exact_codes_shared(layer, x) == run.exact_codes).all()
    assert len(layer.others) == number - 1
    weights = [each.lane_run(limited=True).lanes.w for each in (layer, *layer.others)]
    assert all(w is weights[0] for w in weights)  # they lie there once


def test_threads_run_at_the_same_time(monkeypatch):
    """As many tasks as parts, and as many hands as threads."""
    monkeypatch.setenv("HWSIM_THREADS", "2")
    seen = []

    def noted(tasks, many):
        seen.append((len(tasks), many))
        threads.side_by_side(tasks, many)

    monkeypatch.setattr(ready_shared, "side_by_side", noted)
    codes, ready, _ = both("plain", MACHINES["saturating"])
    run_shared(ready(), codes, first_sample=0)
    assert seen == [(4, 2)]


def test_a_trap_is_that_of_the_first_sample(monkeypatch):
    """Whoever comes first."""
    monkeypatch.setenv("HWSIM_THREADS", "3")
    codes, ready, anew = both("plain", {"accumulator": (13, "trap")})
    with pytest.raises(TrapError) as expected:
        anew(codes, first_sample=3)
    with pytest.raises(TrapError) as stop:
        run_shared(ready(), codes, first_sample=3)
    assert str(stop.value) == str(expected.value)


def test_small_work_stays_on_one_thread(monkeypatch):
    """Waking a second one would cost more than it brings."""
    monkeypatch.setenv("HWSIM_THREADS", "8")
    monkeypatch.setattr(ready_shared, "WORTH", 1000)
    _, ready, _ = both("linear", MACHINES["ample"])
    layer = ready()
    macs = 3 * 17 * 9
    found = [hands(layer, samples) for samples in (0, 1, 2 * 2000 // macs, 9, 10**6)]
    assert found == [1, 1, 1, max(1, 9 * macs // 2000), 8]


def test_few_samples_are_left_to_the_layer_to_share_out(monkeypatch):
    """Their outputs are many parts, they are few."""
    monkeypatch.setenv("HWSIM_THREADS", "8")
    _, ready, _ = both("linear", MACHINES["ample"])
    assert [hands(ready(), samples) for samples in (1, 2, 3)] == [1, 2, 3]
    monkeypatch.setattr(ready_shared, "SAMPLES", 3)
    assert [hands(ready(), samples) for samples in (1, 3, 5, 6, 100)] == [1, 1, 1, 2, 8]
