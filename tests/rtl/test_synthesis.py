"""Every module by itself: Verilator's lint is silent, Icarus compiles it, Yosys reads it."""

import pytest
from rtl.simulators import need, run

from hwsim.rtl import RTL, SOURCES, sources

MODULES = [name.removesuffix(".sv") for name in SOURCES if name != "hwsim_pkg.sv"]
DATAFLOWS = range(4)


def lint(module, folder, *words):
    need("verilator")
    command = ["verilator", "--lint-only", "-Wall", "--top", module, *words, *map(str, sources())]
    return run(command, folder)


def read(module, folder, parameters=""):
    need("yosys")
    files = " ".join(map(str, sources()))
    script = f"read_verilog -sv {files}; hierarchy -top {module} {parameters}; proc; check -assert"
    return run(["yosys", "-q", "-p", script], folder)


def test_every_source_is_listed_with_its_module():
    assert sorted(SOURCES) == sorted(path.name for path in RTL.glob("*.sv"))
    for path in sources():
        assert f"{path.stem}" in path.read_text().split("#(")[0]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_clean(module, tmp_path):
    assert lint(module, tmp_path) == (0, "")
    need("iverilog")
    command = ["iverilog", "-g2012", "-Wall", "-s", module, "-o", "x.vvp", *map(str, sources())]
    code, said = run(command, tmp_path)
    assert code == 0, said
    assert "sorry" not in said, said
    code, said = read(module, tmp_path)
    assert code == 0, said


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_the_top_is_clean_in_every_dataflow(dataflow, tmp_path):
    words = [f"-GDATAFLOW={dataflow}", "-GROWS=3", "-GROW_SUM=1", "-GBIAS_LAST=1"]
    registers = {"MULTIPLIER": 2, "PE": 3, "TREE": 2, "REQUANTIZE": 4}
    deep = [f"-GLATENCY_{path}={count}" for path, count in registers.items()]
    assert lint("mac_array_top", tmp_path, *words) == (0, "")
    assert lint("mac_array_top", tmp_path, *words, *deep) == (0, "")
    changed = f"-chparam DATAFLOW {dataflow} -chparam ROWS 3 -chparam LATENCY_PE 3"
    code, said = read("mac_array_top", tmp_path, changed)
    assert code == 0, said


@pytest.mark.parametrize("scheme", [2, 3, 4, 5, 6, 9, 13])
def test_the_requantizer_is_clean_in_every_scheme(scheme, tmp_path):
    assert lint("requantize", tmp_path, f"-GSCHEME={scheme}", "-GNARROW=1") == (0, "")
