"""One small bundle for every test of testbenches."""

import shutil

import pytest
from rtl.simulators import need
from vectors.testbench_runs import SMALL, case_of

from hwsim.vectors.bundle import write


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vectors") / "B"
    write(case_of("edge_ws_16x16", SMALL), folder)
    return folder


@pytest.fixture
def own_bundle(small_bundle, tmp_path):
    """A bundle of one's own; what Icarus has built comes with it."""
    need("iverilog")
    shutil.copytree(
        small_bundle, tmp_path / "B", ignore=shutil.ignore_patterns("*.log", "verilator_*")
    )
    return tmp_path / "B"
