"""The simulator side of a bundle: testbenches, constants, Makefile, file list, README, cocotb.

Files that hold no number of the bundle are copied as they are; those that do are rendered from
the manifest (`templates/*.j2`).
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import PurePosixPath

from jinja2 import Environment, PackageLoader, StrictUndefined

from hwsim.array.dataflow import DATAFLOWS
from hwsim.rtl import SOURCES, TOP
from hwsim.rtl.machine import literal, parameter_text
from hwsim.vectors.manifest import Manifest

PARTS = (
    "tb/tb_clock.sv",
    "tb/tb_hex_file.sv",
    "tb/tb_stalls.sv",
    "tb/tb_stream_source.sv",
    "tb/tb_beat_checker.sv",
)
COPIED = ("tb_streams.sv", "tb_clocks.sv", "cocotb_top.sv")
RENDERED = (
    "test_streams.py",
    "bundle.svh",
    "stages.svh",
    "edges.svh",
    "Makefile",
    "filelist.f",
    "README.md",
)
PARAMETERS = "mac_array_parameters.svh"
STAGE_SOURCES = {
    "requantize": ("hwsim_pkg.sv", "delay.sv", "requantize.sv"),
    "narrow": ("hwsim_pkg.sv",),
}
WIDE_PORTS = frozenset({"clamp_lo", "clamp_hi"})  # 64 bits; the others have 32
LEAST_TIMEOUT = 1000  # clocks


def testbench_files(manifest: Manifest) -> dict[str, str]:
    """Every text that a simulator needs besides the data, by its path inside the bundle.

    Parameters
    ----------
    manifest : Manifest
        Whose files of words are listed already; other files are not looked at.

    Returns
    -------
    dict of str
        A layer: ``tb_streams.sv``, ``tb_clocks.sv``, ``test_streams.py``, ``rtl/*.sv``; a stage:
        ``tb_requantize.sv`` and the RTL of the stage. Both: ``tb/*.sv``, ``*.svh``, ``Makefile``,
        ``filelist.f``, ``README.md``.
    """
    values = facts(manifest)
    found = {name: _text(name) for name in PARTS}
    if manifest.kind == "layer":
        found |= {name: _text(name) for name in COPIED}
        found |= {name: _rendered(f"{name}.j2", values) for name in RENDERED}
        found |= {f"rtl/{name}": _source(name) for name in SOURCES}
        found[PARAMETERS] = parameter_text(manifest.parameters, manifest.layer)
        return found
    top = values["top"]
    found["tb_requantize.sv"] = _text("stage/tb_requantize.sv")
    found[f"rtl/{top}.sv"] = _text(f"stage/{top}.sv")
    found |= {f"rtl/{name}": _source(name) for name in STAGE_SOURCES[manifest.kind]}
    for name in ("bundle.svh", "Makefile", "filelist.f"):
        found[name] = _rendered(f"{name}.j2", values)
    for name in ("stages.svh", "stage_parameters.svh", "README.md"):
        found[name] = _rendered(f"stage/{name}.j2", values)
    return found


def facts(manifest: Manifest) -> dict[str, object]:
    """What the templates are rendered with."""
    longest = max(run.cycles + run.clocks_after for run in manifest.runs)
    words = {
        PurePosixPath(path).stem: entry
        for path, entry in sorted(manifest.files.items())
        if entry.width is not None
    }
    flow, kind = manifest.machine["array"]["dataflow"], manifest.kind
    top, sources = TOP, list(SOURCES)
    if kind != "layer":
        top = f"{kind}_stage"
        sources = [*STAGE_SOURCES[kind], f"{top}.sv"]
    return {
        "manifest": manifest,
        "words": words,
        "constants": {name: port_literal(name, x) for name, x in manifest.ports.items()},
        "parameters": {name: literal(name, x) for name, x in manifest.parameters.items()},
        "timeout": LEAST_TIMEOUT + 2 * longest,
        "top": top,
        "bench": "tb_streams" if kind == "layer" else "tb_requantize",
        "sources": [f"rtl/{name}" for name in sources],
        "parts": PARTS,
        "dataflow": flow,
        "sums_stay": flow in DATAFLOWS and DATAFLOWS[flow].reduction == "pe",
        "edges": [name for name in ("left", "top") if name in words],
        "latency": manifest.runs[0].clocks_after,
    }


def port_literal(port: str, value: int) -> str:
    """A signed constant as wide as its port.

    >>> port_literal("zero_point", 3), port_literal("clamp_lo", -5)
    ("32'sd3", "-64'sd5")
    """
    bits = 64 if port in WIDE_PORTS else 32
    return f"{'-' if value < 0 else ''}{bits}'sd{abs(value)}"


def _rendered(name: str, values: dict[str, object]) -> str:
    environment = Environment(
        loader=PackageLoader("hwsim.vectors", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template(name).render(values)


def _text(name: str) -> str:
    return files("hwsim.vectors").joinpath("templates", name).read_text(encoding="utf-8")


def _source(name: str) -> str:
    return files("hwsim.rtl").joinpath(name).read_text(encoding="utf-8")
