"""The house: imports go down only, one door to numba, small files, documented public names."""

import ast
import importlib
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from hwsim._jit import KERNEL_FLOORS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "hwsim"
MODULES = sorted(PACKAGE.rglob("*.py"))
FLOORS = {  # a module imports from lower floors and its own
    "errors": 0, "_jit": 0, "version": 0,
    "arith": 1, "array": 2, "mapping": 3, "network": 4,
    "importers": 5, "models": 5, "quantization": 5,
    "rtl": 6, "runtimes": 6,
    "analysis": 6, "vectors": 7, "report": 7,
    "compiled": 8, "simulation": 8, "sweeps": 8, "cli": 9, "__init__": 10, "__main__": 10,
}  # fmt: skip
SAME_HEIGHT = {  # who may use a neighbour; a model can be a shipped one, read as any other
    "importers": {"models"}, "models": {"importers"}, "quantization": {"importers"},
    "report": {"vectors"}, "vectors": {"report"},
}  # fmt: skip
MOST_LINES = 300
OPTIONAL = {
    "torch", "onnx", "onnxruntime", "tensorflow", "tflite", "ai_edge_litert", "pandas", "sklearn",
    "cocotb", "qonnx", "brevitas", "aimet_torch", "torchao", "executorch", "flatbuffers", "h5py",
    "tflite_micro", "distributed", "dask",
}  # fmt: skip
TOP_LEVEL = {
    ".ci", ".gitignore", "LICENSE", "README.md", "hw_configs", "hwsim", "pyproject.toml", "reports",
    "tests", "traces",
}  # fmt: skip


def name_of(path: Path) -> str:
    """``hwsim/array/fast.py`` -> ``array/fast.py``."""
    return path.relative_to(PACKAGE).as_posix()


def floor_of(path: Path) -> str:
    """The floor's name: the first folder, or the file at the top; ``cli_*.py`` belong to cli."""
    name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "cli" if name.startswith("cli_") else name


@cache
def tree_of(path: Path) -> ast.Module:
    """The module, parsed."""
    return ast.parse(path.read_text(), str(path))


def imports(tree: ast.AST):
    """(dotted module, whether the import runs when the module is imported) for every import."""
    deferred = set()
    for node in ast.walk(tree):
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        if inside or typing_only:
            deferred |= {id(child) for child in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) not in deferred) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", id(node) not in deferred


def own_floors(path: Path) -> set[str]:
    """Floors that a module imports, ``cli_x`` as cli."""
    names = {m.split(".")[1] for m, _ in imports(tree_of(path)) if m.startswith("hwsim.")}
    return {"cli" if name.startswith("cli_") else name for name in names} & set(FLOORS)


def arrows_up(path: Path) -> list[str]:
    """Floors that ``path`` imports and that do not lie below its own."""
    own = floor_of(path)
    below = {floor for floor, height in FLOORS.items() if height < FLOORS[own]}
    return sorted(own_floors(path) - below - {own} - SAME_HEIGHT.get(own, set()))


def outside(path: Path, wanted: set[str], at_import_only=False) -> list[str]:
    """Foreign packages of ``wanted`` that a module imports."""
    return sorted(
        {
            module.split(".")[0]
            for module, runs in imports(tree_of(path))
            if module.split(".")[0] in wanted and (runs or not at_import_only)
        }
    )


def seen(offences) -> str:
    """All offences of one rule, one a line; empty where the rule holds."""
    return "\n".join(offences)


def test_every_folder_is_a_floor():
    assert {floor_of(path) for path in MODULES} <= set(FLOORS)
    assert len(MODULES) > 30


def test_imports_go_down():
    up = {path: arrows_up(path) for path in MODULES}
    assert not seen(
        f"{name_of(path)} sits on floor '{floor_of(path)}' but imports {floors}"
        for path, floors in up.items()
        if floors
    )


def test_numba_is_imported_in_one_place():
    users = [name_of(path) for path in MODULES if outside(path, {"numba", "llvmlite"})]
    assert users == ["_jit.py"]


def test_matplotlib_is_imported_in_report_only():
    assert {floor_of(path) for path in MODULES if outside(path, {"matplotlib"})} <= {"report"}


def test_optional_dependencies_are_not_imported_with_a_module():
    found = {path: outside(path, OPTIONAL, at_import_only=True) for path in MODULES}
    assert not seen(f"{name_of(path)} imports {names}" for path, names in found.items() if names)


def test_files_stay_small():
    lines = {path: len(path.read_text().splitlines()) for path in MODULES}
    assert not seen(f"{name_of(path)}: {n}" for path, n in lines.items() if n > MOST_LINES)


def calls(path: Path):
    """(line, the called expression as written) of every call."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


def test_nothing_prints_below_cli():
    below = [path for path in MODULES if floor_of(path) != "cli"]
    assert not seen(
        f"{name_of(path)}:{line}" for path in below for line, name in calls(path) if name == "print"
    )


OPENING = {"read_text", "read_bytes", "write_text", "write_bytes", "savez", "tofile", "fromfile"}


def test_no_file_is_touched_below_importers():
    below = [path for path in MODULES if FLOORS[floor_of(path)] < FLOORS["importers"]]
    assert not seen(
        f"{name_of(path)}:{line} calls {name}"
        for path in below
        for line, name in calls(path)
        if floor_of(path) != "_jit"
        and (name in ("open", "np.load") or name.split(".")[-1] in OPENING)
    )


def public(nodes, kinds):
    """Functions or classes among ``nodes`` without a leading underscore."""
    return [n for n in nodes if isinstance(n, kinds) and not n.name.startswith("_")]


def undocumented(path: Path) -> list[str]:
    """Public names of a module, and public methods of its classes, without a docstring."""
    tree = tree_of(path)
    bare = [] if ast.get_docstring(tree) else ["the module"]
    for node in public(tree.body, ast.FunctionDef | ast.ClassDef):
        methods = public(node.body, ast.FunctionDef) if isinstance(node, ast.ClassDef) else []
        bare += [n.name for n in (node, *methods) if not ast.get_docstring(n)]
    return bare


def test_public_names_are_documented():
    assert not seen(f"{name_of(path)}: {name}" for path in MODULES for name in undocumented(path))


def test_the_public_interface_exists_and_is_documented():
    package = importlib.import_module("hwsim")
    assert sorted(set(package.__all__)) == sorted(package.__all__)
    for name in package.__all__:
        member = getattr(package, name)
        if callable(member) or isinstance(member, type):
            assert member.__doc__, f"hwsim.{name} has no docstring"


def test_the_top_level_holds_the_fixed_entries_only():
    """As git sees it; ignored folders of tools do not count."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("not a git checkout")
    assert {line.split("/")[0] for line in listed.stdout.splitlines()} <= TOP_LEVEL


def test_importing_hwsim_brings_no_heavy_package():
    """``import hwsim`` alone: neither matplotlib nor an optional dependency."""
    heavy = sorted(OPTIONAL | {"matplotlib"})
    code = f"import sys, hwsim; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert found.stdout.strip() == "[]", found.stderr


def test_a_broken_arrow_is_seen(tmp_path, monkeypatch):
    """The check itself can fail."""
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    (tmp_path / "array").mkdir()
    pe = tmp_path / "array/pe.py"
    pe.write_text("from hwsim.network.graph import Graph\nfrom hwsim.arith import formats\n")
    assert (pe.name, floor_of(pe), arrows_up(pe)) == ("pe.py", "array", ["network"])
    tree_of.cache_clear()
    pe.write_text("def lazy():\n    import hwsim.report\n    import torch\n")
    assert arrows_up(pe) == ["report"]
    assert not outside(pe, OPTIONAL, at_import_only=True)
    assert outside(pe, OPTIONAL) == ["torch"]


def test_a_kernel_depends_on_sources_of_the_cache_key_alone():
    """Kernels stand on the floors of the key; any other file asks _jit for the digest alone."""
    beyond = [
        (name_of(path), module)
        for path in MODULES
        if path.relative_to(PACKAGE).parts[0] not in KERNEL_FLOORS
        for module, _ in imports(tree_of(path))
        if module.startswith("hwsim._jit") and module != "hwsim._jit.source_digest"
    ]
    assert not beyond
