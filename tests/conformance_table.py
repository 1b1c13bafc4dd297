"""The README's table "runtime, version, outputs compared, differences": counted, never typed.

A test that compares hwsim with something real says what it compared through the fixture
``record_conformance`` (tests/conftest.py), before it asserts::

    record_conformance(runtime="LiteRT reference kernels", version="ai-edge-litert 2.3.0",
                       machine="tflite_reference", outputs=25860, differences=wrong)

The counts of every test are committed in ``traces/conformance/counts.json``, so the table can be
checked where a runtime or ``../shared`` is absent. A test whose count is not the committed one
fails; ``pytest --update-conformance [TESTS]`` writes what the tests that ran have recorded, keeps
the entries of those that did not, and renews the README's table.
"""

import json
import os
from pathlib import Path

BEGIN = "<!-- conformance: begin (written by `pytest --update-conformance`) -->"
END = "<!-- conformance: end -->"
COLUMNS = ("runtime", "version", "machine")
COUNTS = ("outputs", "differences")


def counts_file(root: Path) -> Path:
    return root / "traces" / "conformance" / "counts.json"


def read(root: Path) -> dict[str, dict[str, list[dict]]]:
    """``{file::function: {parameters: records}}``; empty where nothing was recorded yet."""
    path = counts_file(root)
    return json.loads(path.read_text()) if path.exists() else {}


def split(nodeid: str) -> tuple[str, str]:
    """A test's function and its parameters.

    >>> split("tests/a.py::test_b[8-wrap]")
    ('tests/a.py::test_b', '[8-wrap]')
    """
    function, bracket, parameters = nodeid.partition("[")
    return function, bracket + parameters


def add(records: list[dict], record: dict) -> None:
    """One more record of the same test; counts of the same row are summed."""
    for known in records:
        if all(known[column] == record[column] for column in COLUMNS):
            for count in COUNTS:
                known[count] += record[count]
            return
    records.append(record)


def same(ours: list[dict], committed: list[dict]) -> bool:
    """Whether two runs of a test counted the same; a version is a version, not a count."""
    keys = [key for key in (*COLUMNS, *COUNTS) if key != "version"]
    rows = [sorted([str(r[key]) for key in keys] for r in records) for records in (ours, committed)]
    return rows[0] == rows[1]


def merge(root: Path, recorded: dict[str, list[dict]], collected: dict[str, set[str]]) -> None:
    """Write what ran; of the functions collected whole, forget parameters that are no more."""
    everything = read(root)
    for nodeid, records in recorded.items():
        function, parameters = split(nodeid)
        everything.setdefault(function, {})[parameters] = records
    for function, present in collected.items():
        if function in everything:
            kept = {p: r for p, r in everything[function].items() if p in present}
            everything[function] = kept
    everything = {f: dict(sorted(rows.items())) for f, rows in sorted(everything.items()) if rows}
    path = counts_file(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, json.dumps(everything, indent=1) + "\n")


def replace(path: Path, text: str) -> None:
    """Write a file at once: a test that reads it meanwhile sees the old one."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(text)
    fresh.replace(path)


def render(root: Path) -> str:
    """The table: one row for each runtime, version and machine."""
    rows: dict[tuple[str, ...], list[int]] = {}
    for functions in read(root).values():
        for records in functions.values():
            for record in records:
                key = tuple(record[column] for column in COLUMNS)
                total = rows.setdefault(key, [0, 0])
                for i, count in enumerate(COUNTS):
                    total[i] += record[count]
    lines = [
        "| runtime | version | machine of hwsim | outputs compared | differences |",
        "|---|---|---|---:|---:|",
    ]
    for (runtime, version, machine), (outputs, differences) in sorted(rows.items()):
        lines.append(f"| {runtime} | {version} | `{machine}` | {outputs:,} | {differences:,} |")
    return "\n".join(lines)


def in_readme(root: Path) -> str | None:
    """The table that the README shows; None where it has no marked block."""
    _, begin, rest = (root / "README.md").read_text().partition(BEGIN)
    table, end, _ = rest.partition(END)
    return table.strip() if begin and end else None


def write_readme(root: Path) -> None:
    """Put the table between the README's marks."""
    path = root / "README.md"
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if begin and end:
        replace(path, f"{before}{BEGIN}\n{render(root)}\n{END}{after}")
