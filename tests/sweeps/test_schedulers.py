"""Where points are computed decides nothing: the same bytes from one process, many, a cluster."""

import os
import signal

import pytest

from hwsim import models
from hwsim.errors import ConfigError, UnsupportedError
from hwsim.importers import hardware
from hwsim.importers.data import Data
from hwsim.sweeps import schedulers
from hwsim.sweeps.sweep import sweep

SWEPT = {"accumulator_bits": "11:20", "overflow": "wrap,saturate", "rounding": "half_up,floor"}
POINTS = 40


@pytest.fixture(scope="module")
def digits():
    graph, data = models.load("digits")
    return graph, Data(data.X[:8], data.Y[:8], data.name, data.sha256, data.real[:8])


def contents(digits, **options):
    """The files of one sweep."""
    graph, data = digits
    return sweep(graph, hardware.load("edge_ws_16x16"), data, **SWEPT, **options).contents()


@pytest.fixture(scope="module")
def here(digits):
    """What one process makes of it."""
    return contents(digits)


def test_processes_of_this_machine_give_the_same_bytes(digits, here):
    seen = []

    def progress(done, total, _):
        seen.append((done, total))

    assert contents(digits, scheduler="local", progress=progress) == here
    assert seen == [(done, POINTS) for done in range(1, POINTS + 1)]


@pytest.fixture(scope="module")
def cluster():
    """Two workers, each a process of its own."""
    distributed = pytest.importorskip("distributed", reason="needs hwsim[cluster]: Dask is absent")
    options = {"dashboard_address": None, "silence_logs": 50}
    with distributed.LocalCluster(2, processes=True, threads_per_worker=1, **options) as made:
        yield made


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Dask and its own workers, one of which is killed
def test_a_cluster_that_loses_a_worker_gives_the_same_bytes(digits, here, cluster):
    distributed = pytest.importorskip("distributed", reason="needs hwsim[cluster]: Dask is absent")
    with distributed.Client(cluster.scheduler_address) as client:
        workers = client.run(os.getpid)
    assert len(workers) == 2
    killed, victim = [], min(workers.values())

    def progress(done, total, _):
        if done == POINTS // 4 and not killed:
            killed.append(victim)
            os.kill(victim, signal.SIGKILL)

    found = contents(digits, scheduler=cluster.scheduler_address, progress=progress)
    assert killed == [victim]
    assert found == here
    with pytest.raises(ProcessLookupError):
        os.kill(victim, 0)


def test_a_scheduler_is_one_of_three(digits):
    with pytest.raises(ConfigError, match=r"address = everywhere: must be here, local"):
        contents(digits, scheduler="everywhere")


def test_a_cluster_without_dask_is_refused(digits, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(UnsupportedError, match="pip install 'hwsim\\[cluster\\]'"):
        contents(digits, scheduler="tcp://127.0.0.1:1")


def test_a_cluster_that_is_not_there_is_refused(digits, monkeypatch):
    pytest.importorskip("distributed", reason="needs hwsim[cluster]: Dask is absent")
    monkeypatch.setattr(schedulers, "PATIENCE", 1)
    with pytest.raises(ConfigError, match="must be the address of a running Dask scheduler"):
        contents(digits, scheduler="tcp://127.0.0.1:1")
