"""Writing a bundle: one layer on one machine, for a simulator and for any RTL.

`words` packs, `stages` makes the numbers, `contents` says what they are, `manifest` writes it
down; `testbench`, `c_model` and `coverage` add their texts. Equal calls give equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hwsim.array.gemm import Ints
from hwsim.report.files import npz_bytes, write_folder
from hwsim.rtl.machine import layer_parameters
from hwsim.rtl.streams import streams
from hwsim.vectors.case import LayerCase
from hwsim.vectors.clocks import adding_bits, clocks_of
from hwsim.vectors.contents import Content, contents
from hwsim.vectors.entries import Stage, entry_of, packed, run_entries, run_records
from hwsim.vectors.manifest import (
    FILE,
    SCHEMA,
    Manifest,
    canonical,
    hex_path,
    manifest_bytes,
    sha256_of,
)
from hwsim.vectors.stage import stage_files
from hwsim.vectors.stages import (
    RunStages,
    clock_text,
    edges,
    operand_streams,
    outputs,
    run_stages,
    stores,
)
from hwsim.vectors.texts import described, texts
from hwsim.vectors.transactions import transactions
from hwsim.version import VERSION

if TYPE_CHECKING:
    from hwsim.vectors.directed import DirectedSet

NPZ, TRANSACTIONS = "data/vectors.npz", "transactions.csv"


def write(
    case: LayerCase,
    folder: Path,
    *,
    seed: int = 0,
    directed: DirectedSet | None = None,
    stage: Stage | None = None,
) -> Manifest:
    """Write a bundle under a temporary name and rename it; an older bundle is replaced.

    Parameters
    ----------
    case : LayerCase
    folder : Path
    seed : int
        Recorded; what chance made is in the case's runs already.
    directed : DirectedSet, optional
        Its runs follow the case's own.
    stage : {"requantize", "narrow"}, optional
        This stage alone: accumulators in, codes (or narrowed sums) out.

    Raises
    ------
    UnsupportedError
        The machine or the layer has no RTL; the message names the word.
    DataError
        The folder holds something else, or the system refused; nothing is half written.
    """
    files = bundle_files(case, seed=seed, directed=directed, stage=stage)

    def fill(temporary: Path) -> None:
        for path, content in files.items():
            (temporary / path).parent.mkdir(parents=True, exist_ok=True)
            (temporary / path).write_bytes(content)

    write_folder(folder, fill, marker=FILE)
    return Manifest.model_validate_json(files[FILE])


def bundle_files(
    case: LayerCase,
    *,
    seed: int = 0,
    directed: DirectedSet | None = None,
    stage: Stage | None = None,
) -> dict[str, bytes]:
    """Every file of a bundle by its path; arguments and refusals as in `write`."""
    if directed is not None:
        case = case.with_runs(*directed.runs)
    if stage is not None:
        return stage_files(case, stage, seed=seed)
    values, ports = check(case)
    runs = run_stages(case, values)
    signed = case.requantizer.output.lo < 0
    known = contents(values, codes_signed=signed)
    arrays = numbers(case, runs)
    content = {hex_path(stem): packed(known[stem], array) for stem, array in arrays.items()}
    entries = {
        hex_path(stem): entry_of(known[stem], len(array), content[hex_path(stem)])
        for stem, array in arrays.items()
    }
    manifest = Manifest(
        schema=SCHEMA,
        hwsim_version=VERSION,
        model=case.model,
        layer=case.layer,
        op=case.side.op,
        kind="layer",
        machine=case.machine.model_dump(mode="json", exclude_none=True),
        machine_sha256=machine_digest(case),
        parameters=values,
        ports=ports,
        adding_bits=adding_bits(values),
        clocks_width=0,
        clocks_total=sum(clocks_of(one.result) for one in runs),
        seed=seed,
        runs=run_entries(runs),
        files=entries,
    )
    manifest = with_clocks(manifest, runs, values, content)
    content[TRANSACTIONS] = transactions(runs)
    content[NPZ] = npz_bytes(arrays)
    content |= texts(case, manifest, directed)
    more = {path: described(path, text) for path, text in content.items() if path not in entries}
    manifest = manifest.model_copy(update={"files": {**more, **manifest.files}})
    return {**content, FILE: manifest_bytes(manifest)}


def check(case: LayerCase) -> tuple[dict[str, int], dict[str, int]]:
    """Parameters of `mac_array_top`, with capacities for every run, and its constant ports.

    Raises
    ------
    UnsupportedError
        The machine or the layer has no RTL; the message names the word.
    """
    values = layer_parameters(case.machine, case.requantizer)
    for run in case.runs:
        made = streams(run.datapath, run.schedule, case.requantizer, 0, case.layer)
        for name, capacity in made.capacities.items():
            values[name] = max(values.get(name, 0), capacity)
    return values, {name: value for name, value in made.inputs.items() if name != "m"}


def machine_digest(case: LayerCase) -> str:
    """sha256 of the machine's canonical JSON."""
    return sha256_of(canonical(case.machine.model_dump(mode="json", exclude_none=True)))


def numbers(case: LayerCase, runs: Sequence[RunStages]) -> dict[str, Ints]:
    """Every file of words but ``clocks``, as int64 of shape (beats, lanes or fields)."""
    parts = [{**stores(one), **outputs(case, one)} for one in runs]
    found = operand_streams(case)
    for stem in parts[0]:
        found[stem] = np.concatenate([part[stem] for part in parts])
    found["runs"] = run_records(run_entries(runs))
    sides = [edges(r.run.datapath, r.run.schedule, min(r.clocks, r.result.cycles)) for r in runs]
    for stem in sides[0]:
        found[stem] = np.concatenate([side[stem] for side in sides])
    return found


def with_clocks(
    manifest: Manifest,
    runs: Sequence[RunStages],
    values: Mapping[str, int],
    content: dict[str, bytes],
) -> Manifest:
    """The manifest with ``clocks.hex``, which is put into ``content``, unless it is empty."""
    text = b"".join(part for one in runs for part in clock_text(one, values))
    count = sum(one.clocks for one in runs)
    if count == 0:
        return manifest
    width = runs[0].clock_width
    cut = "" if count == manifest.clocks_total else f", the first {count} only"
    kind = Content(
        1, width, False, f"runs, then clocks{cut}",
        "every register, store and code after each clock, as tb_clocks.sv looks at them",
    )  # fmt: skip
    content[hex_path("clocks")] = text
    files = {**manifest.files, hex_path("clocks"): entry_of(kind, count, text)}
    return manifest.model_copy(update={"files": files, "clocks_width": width})
