"""The texts of a bundle beside its words: testbenches, C model, coverage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwsim.vectors.c_model import c_model
from hwsim.vectors.case import LayerCase
from hwsim.vectors.coverage import coverage
from hwsim.vectors.coverage_text import coverage_files
from hwsim.vectors.manifest import FileEntry, Manifest, sha256_of
from hwsim.vectors.testbench import testbench_files

if TYPE_CHECKING:
    from hwsim.vectors.directed import DirectedSet

DESCRIPTIONS = {
    "data/vectors.npz": "every file of words but clocks.hex as int64 arrays, keys as file stems",
    "transactions.csv": "one line a value of chain and output, for scoreboards",
    "README.md": "how to run it, and how to point it at other RTL",
    "Makefile": "targets for Verilator, Icarus, cocotb and the C model",
    "filelist.f": "sources in the order in which a compiler takes them",
    "bundle.svh": "counts, widths and constants of this bundle",
    "stages.svh": "checks of what stands inside our RTL",
    "mac_array_parameters.svh": "parameters of mac_array_top",
    "coverage.json": "which corners the runs reach, and which cannot be reached and why",
    "coverage.xml": "the same for pyucis and other readers of UCIS",
    "coverage.svh": "the same as a SystemVerilog covergroup",
}
BY_SUFFIX = {
    ".sv": "SystemVerilog", ".svh": "SystemVerilog, included", ".py": "cocotb test",
    ".c": "C99 golden model", ".h": "its header",
}  # fmt: skip


def texts(case: LayerCase, manifest: Manifest, directed: DirectedSet | None) -> dict[str, bytes]:
    """Every text by its path; ``manifest``: with all files of words."""
    found = dict(testbench_files(manifest))
    if manifest.kind == "layer":
        found |= {f"c_model/{name}": text for name, text in c_model(case).items()}
        found |= coverage_files(case, coverage(case), directed)
    return {path: text.encode() for path, text in sorted(found.items())}


def described(path: str, content: bytes) -> FileEntry:
    """The manifest's entry of a file that is no file of words."""
    suffix = path[path.rfind(".") :]
    about = DESCRIPTIONS.get(path) or BY_SUFFIX.get(suffix, "text")
    return FileEntry(sha256=sha256_of(content), bytes=len(content), description=about)
