"""C golden models compiled and called: many layers in one library, every output compared.

As a program (`python c_models.py LIBRARY CALLS RESULTS`) it makes the calls of a file of arrays, so
that a library with sanitizers can run in a process of its own.
"""

import ctypes
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

CC = ["gcc", "-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion"]
CC += ["-Wsign-conversion", "-Wshadow"]
SANITIZED = ["-fsanitize=undefined,address", "-fno-sanitize-recover=all"]
SECONDS = 300
RESULTS = ("codes", "accumulators", "chain_events", "accumulator_events", "lost", "clipped")
WIDTHS = (np.int64, np.int64, np.int32, np.int32, np.int32, np.int32)


def need_gcc():
    import pytest

    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed: apt install gcc")


def compiled(texts, folder, *flags):
    """One library of many models' files; ``texts``: the dicts that `c_model` gave."""
    need_gcc()
    for files in texts:
        for name, text in files.items():
            if not name.endswith(".svh"):
                (folder / name).write_text(text)
    sources = sorted(name for files in texts for name in files if name.endswith(".c"))
    assert len(set(sources)) == len(texts)
    command = [*CC, *flags, "-shared", "-fPIC", "-o", "models.so", *sources]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "models.so"


def called(library, function, rows, n):
    """What one call gives: arrays of shape (G, M, N) by the names of RESULTS."""
    groups, m, _ = rows.shape
    rows = np.ascontiguousarray(rows, np.int64)
    out = {name: np.full((groups, m, n), -7, t) for name, t in zip(RESULTS, WIDTHS, strict=True)}
    pointers = [ctypes.c_void_p(a.ctypes.data) for a in (rows, *out.values())]
    getattr(library, function)(ctypes.c_int32(m), *pointers)
    return out


def calls_of(name, run):
    """Both entries of a run: the function and its rows."""
    return [
        (f"{name}_layer", run.datapath.a[0]),
        (f"{name}_layer_of_codes", run.gemm.a[0]),
    ]


def expected(run):
    """The same arrays from the fast engine; events of a channel summed over m."""
    from hwsim.array.fast import execute

    done = execute(run.datapath, run.schedule)
    made = run.prepared.requantizer.apply(done.accumulator)
    none = np.zeros_like(done.accumulator_ledger.events_by_channel)
    return {
        "codes": made.codes[0],
        "accumulators": done.accumulator[0],
        "chain_events": none if done.chain is None else done.chain.events_by_channel,
        "accumulator_events": done.accumulator_ledger.events_by_channel,
        "lost": made.events[0].astype(np.int32),
        "clipped": made.clipped[0].astype(np.int32),
    }


def differences(got, wanted):
    """Names of the arrays that are not the engine's (`expected`)."""
    got = {**got}
    for name in ("chain_events", "accumulator_events"):
        got[name] = got[name].sum(axis=1)
    return [name for name, want in wanted.items() if not np.array_equal(got[name], want)]


def check(cases, folder, *flags):
    """Every run of every case through its C model; returns events and codes that were compared.

    ``cases``: LayerCases by the name that their files shall have.
    """
    from dataclasses import replace

    from hwsim.vectors.c_model import c_model, c_name

    texts = [c_model(replace(case, layer=name)) for name, case in cases.items()]
    library = ctypes.CDLL(str(compiled(texts, folder, *flags)))
    events, codes = 0, 0
    for name, case in cases.items():
        for run in case.runs:
            wanted = expected(run)
            for function, rows in calls_of(c_name(name), run):
                got = called(library, function, rows, run.datapath.shape[-1])
                assert differences(got, wanted) == [], (name, function, run.name)
            events += int(got["chain_events"].sum() + got["accumulator_events"].sum())
            codes += got["codes"].size
    return events, codes


def check_sanitized(cases, folder):
    """As `check`, in a process that sanitizers may stop."""
    from dataclasses import replace

    from hwsim.vectors.c_model import c_model, c_name

    texts = [c_model(replace(case, layer=name)) for name, case in cases.items()]
    library = compiled(texts, folder, *SANITIZED)
    calls, arrays, wanted = [], {}, []
    for name, case in cases.items():
        for run in case.runs:
            for function, rows in calls_of(c_name(name), run):
                arrays[f"rows{len(calls)}"] = rows
                calls.append([function, run.datapath.shape[-1]])
                wanted.append(expected(run))
    np.savez(folder / "calls.npz", calls=json.dumps(calls), **arrays)
    asan = subprocess.run(
        ["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    done = subprocess.run(
        [sys.executable, __file__, str(library), "calls.npz", "results.npz"],
        cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False,
        env={"LD_PRELOAD": asan, "ASAN_OPTIONS": "detect_leaks=0", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[:3000]
    with np.load(folder / "results.npz") as made:
        for i, want in enumerate(wanted):
            assert differences({name: made[f"{name}{i}"] for name in RESULTS}, want) == []


def main(library, calls, results):
    library, found = ctypes.CDLL(str(Path(library).resolve())), {}
    with np.load(calls) as given:
        for i, (function, n) in enumerate(json.loads(str(given["calls"]))):
            made = called(library, function, given[f"rows{i}"], n)
            found |= {f"{name}{i}": value for name, value in made.items()}
    np.savez(results, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
