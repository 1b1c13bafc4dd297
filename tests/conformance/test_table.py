"""The README's conformance table is what the tests counted, and no golden file lies unused."""

import ast
import json
import re

import conformance_table
import pytest

ENTRY = {"runtime": "r", "version": "1", "machine": "m", "outputs": 3, "differences": 0}


def test_readme_shows_the_committed_counts(root):
    shown = conformance_table.in_readme(root)
    assert shown is not None, "README.md has no marked block for the conformance table"
    assert shown == conformance_table.render(root), "stale: run pytest --update-conformance"


def test_every_count_belongs_to_a_test_that_exists(root):
    for nodeid in conformance_table.read(root):
        file, function = nodeid.split("::")
        text = (root / file).read_text()
        assert f"def {function}(" in text, nodeid
        assert "record_conformance" in text or ", recorded)" in text, nodeid


def strings(tree):
    """String literals of a module, documentation left out."""
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


@pytest.mark.parametrize("folder", ["semantics", "seeds"])
def test_every_golden_array_file_is_named_by_a_test(root, shared, folder):
    words = set()
    for path in (root / "tests").rglob("test_*.py"):
        for text in strings(ast.parse(path.read_text())):
            words.update(re.findall(r"\w+", text))
    files = sorted((shared / "golden" / folder).glob("*.npz"))
    assert files, "the goldens are gone"
    assert [file.name for file in files if file.stem not in words] == []


def test_merging_keeps_what_did_not_run_and_forgets_what_is_no_more(tmp_path):
    merge = conformance_table.merge
    whole = {"t.py::a": {"[1]", "[2]"}}
    merge(tmp_path, {"t.py::a[1]": [ENTRY], "t.py::a[2]": [ENTRY], "t.py::b": [ENTRY]}, {})
    merge(tmp_path, {"t.py::a[1]": [ENTRY | {"outputs": 5}]}, whole)
    kept = conformance_table.read(tmp_path)
    assert {f: {p: r[0]["outputs"] for p, r in rows.items()} for f, rows in kept.items()} == {
        "t.py::a": {"[1]": 5, "[2]": 3},
        "t.py::b": {"": 3},
    }
    merge(tmp_path, {"t.py::a[1]": [ENTRY]}, {"t.py::a": {"[1]"}})
    assert sorted(conformance_table.read(tmp_path)["t.py::a"]) == ["[1]"]


def test_rows_of_one_runtime_are_summed(tmp_path):
    records = []
    conformance_table.add(records, dict(ENTRY))
    conformance_table.add(records, ENTRY | {"differences": 2})
    conformance_table.add(records, ENTRY | {"machine": "other"})
    assert [(r["outputs"], r["differences"]) for r in records] == [(6, 2), (3, 0)]
    conformance_table.merge(tmp_path, {"t.py::a": records, "t.py::b": records}, {})
    assert "| r | 1 | `m` | 12 | 4 |" in conformance_table.render(tmp_path)


def test_stale_readme_is_seen_and_renewed(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("# no block\n")
    assert conformance_table.in_readme(tmp_path) is None
    begin, end = conformance_table.BEGIN, conformance_table.END
    readme.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    conformance_table.merge(tmp_path, {"t.py::a": [ENTRY]}, {})
    assert conformance_table.in_readme(tmp_path) == "old" != conformance_table.render(tmp_path)
    conformance_table.write_readme(tmp_path)
    assert conformance_table.in_readme(tmp_path) == conformance_table.render(tmp_path)
    assert readme.read_text().startswith("before\n")
    assert readme.read_text().endswith("\nafter\n")
    json.loads(conformance_table.counts_file(tmp_path).read_text())
