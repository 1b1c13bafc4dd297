"""A bundle of the requantizer alone, or of the register that narrows sums before it.

::

    --stage narrow        partial, addend, sum in; the narrowed sum out
    --stage requantize    sum and channel record in; the code out

One beat is one sum of one channel. The array does not enter: machines whose array, or whose scheme
(``narrow``), has no RTL have these bundles too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.arith.lfsr import random_numbers
from hwsim.array.gemm import Ints
from hwsim.array.requantizer_stages import narrowed
from hwsim.errors import UnsupportedError
from hwsim.mapping.prepare import final_range
from hwsim.report.files import npz_bytes
from hwsim.rtl.machine import requantizer_parameters
from hwsim.rtl.streams import NO_BOUND, RECORD, record_fields
from hwsim.vectors.case import LayerCase
from hwsim.vectors.contents import Content
from hwsim.vectors.entries import Stage, entry_of, packed
from hwsim.vectors.manifest import (
    FILE,
    SCHEMA,
    FileEntry,
    Lanes,
    Manifest,
    RunEntry,
    Span,
    canonical,
    hex_path,
    manifest_bytes,
    sha256_of,
)
from hwsim.vectors.stage_values import StageSums, stage_sums
from hwsim.vectors.testbench import testbench_files
from hwsim.vectors.texts import described
from hwsim.version import VERSION

INPUT = {"sum": 64, "partial": 64, "addend": 64, **RECORD, "random": 32}
"""Fields of a word of ``input.hex`` and their bits, lowest first."""
UNSIGNED = frozenset({"multiplier", "random"})
TRANSACTIONS = "transactions.csv"


@dataclass(frozen=True, eq=False)
class StageNumbers:
    """Everything that a stage's files hold: int64 of shape (beats, lanes or fields) each.

    ``requantized`` is None in a narrow bundle.
    """

    input: Ints
    output: Ints
    flags: Ints
    requantized: Ints | None
    purposes: list[str]


def stage_files(case: LayerCase, stage: Stage, *, seed: int = 0) -> dict[str, bytes]:
    """Every file of a stage's bundle by its path.

    Raises
    ------
    UnsupportedError
        The machine has no such stage, or the stage has no RTL.
    """
    if stage == "narrow" and case.requantizer.narrow is None:
        must = "has no such stage: --set requantize.default.narrow={...} states one"
        raise UnsupportedError.at(case.machine.name, "requantize.narrow", None, must)
    values = requantizer_parameters(case.requantizer, scheme=stage == "requantize")
    numbers = stage_numbers(case, stage, seed)
    known = stage_contents(case, stage)
    arrays = {"input": numbers.input, "output": numbers.output, "output_flags": numbers.flags}
    if numbers.requantized is not None:
        arrays["requantized"] = numbers.requantized
    content = {hex_path(stem): packed(known[stem], array) for stem, array in arrays.items()}
    entries = {
        hex_path(stem): entry_of(known[stem], len(array), content[hex_path(stem)])
        for stem, array in arrays.items()
    }
    manifest = _manifest(case, stage, seed, values, entries, len(numbers.output))
    content["data/vectors.npz"] = npz_bytes(arrays)
    content[TRANSACTIONS] = _transactions(numbers).encode()
    content |= {path: text.encode() for path, text in testbench_files(manifest).items()}
    more = {path: described(path, text) for path, text in content.items() if path not in entries}
    manifest = manifest.model_copy(update={"files": {**more, **entries}})
    return {**content, FILE: manifest_bytes(manifest)}


def stage_numbers(case: LayerCase, stage: Stage, seed: int) -> StageNumbers:
    """Inputs and what must come out, channel by channel."""
    requantizer, data = case.requantizer, case.runs[0].datapath
    groups, n = data.w_zero_point.shape
    sums = stage_sums(case, limits(case, stage), seed)
    m = len(sums.sum)
    shaped = sums.sum.reshape(m, groups, n).transpose(1, 0, 2)[None]
    records = record_fields(data, requantizer) if stage == "requantize" else None
    words = _inputs(case, sums, records)
    purposes = [purpose for _ in range(groups * n) for purpose in sums.purposes]
    if stage == "narrow":
        assert requantizer.narrow is not None
        values, lost = narrowed(shaped, requantizer.narrow)
        return StageNumbers(words, _beats(values), 2 * _beats(lost), None, purposes)
    assert requantizer.lfsr is None or records is not None
    made = requantizer.apply(shaped)
    flags = _beats(made.clipped) + 2 * _beats(made.events)
    return StageNumbers(words, _beats(made.codes), flags, _exact(case, shaped), purposes)


def _exact(case: LayerCase, shaped: Ints) -> Ints:
    """After scheme and zero point, before any clamp."""
    whole = replace(case.requantizer, clamp=(None, None), output=IntFormat(64))
    return _beats(whole.apply(shaped).codes)


def _beats(values: NDArray[Any]) -> Ints:
    """(1, G, M, N) as beats: channels in order, all rows of each."""
    _, groups, m, n = values.shape
    beats: Ints = values[0].transpose(0, 2, 1).reshape(groups * n * m, 1).astype(np.int64)
    return beats


def _inputs(case: LayerCase, sums: StageSums, records: Ints | None) -> Ints:
    """Words of ``input.hex``, fields as `INPUT` orders them."""
    m, channels = sums.sum.shape
    groups, n = case.runs[0].datapath.w_zero_point.shape
    columns = [array.T.reshape(-1, 1) for array in (sums.sum, sums.partial, sums.addend)]
    fields = np.zeros((channels, len(RECORD)), np.int64) if records is None else records
    columns.append(np.repeat(fields, m, axis=0))
    lfsr = case.requantizer.lfsr
    random = np.zeros((m * channels, 1), np.int64)
    if lfsr is not None:
        states = random_numbers(groups, m, n, case.requantizer.columns, lfsr.polynomial, lfsr.seed)
        random = _beats(np.asarray(states)[None])
    return np.concatenate([*columns, random], axis=1)


def limits(case: LayerCase, stage: Stage) -> tuple[int, int]:
    """Least and largest sum: what the accumulator holds; of the scheme's, what it was built for."""
    register = case.runs[0].datapath.accumulator
    if stage == "narrow" or case.requantizer.narrow is not None:
        return register.lo, register.hi
    prepared = case.runs[0].prepared
    return final_range(prepared.bounds, prepared.datapath, prepared.bias)


def stage_contents(case: LayerCase, stage: Stage) -> dict[str, Content]:
    """What each file of words holds."""
    fields = tuple(
        Lanes(name=name, lanes=1, bits=bits, signed=name not in UNSIGNED)
        for name, bits in INPUT.items()
    )
    narrow, output = case.requantizer.narrow, case.requantizer.output
    bits, signed = (output.bits, output.signed)
    if stage == "narrow":
        assert narrow is not None
        bits, signed = narrow.bits, True
    order = "channels in order, all rows of each"
    return {
        "input": Content(
            1, sum(INPUT.values()), False, order,
            "sum = fit(partial + addend); the channel's record; the LFSR's state", fields,
        ),
        "output": Content(1, bits, signed, order, "what leaves the stage"),
        "output_flags": Content(
            1, 2, False, order,
            "bit 0: the output format saturated; bit 1: an intermediate did not fit",
        ),
        "requantized": Content(
            1, 64, True, order, "after the scheme and the zero point, before any clamp"
        ),
    }  # fmt: skip


def _manifest(
    case: LayerCase,
    stage: Stage,
    seed: int,
    values: dict[str, int],
    entries: dict[str, FileEntry],
    beats: int,
) -> Manifest:
    machine = case.machine.model_dump(mode="json", exclude_none=True)
    lo, hi = case.requantizer.clamp
    nothing = Span(first=0, count=0)
    run = RunEntry(
        name=stage, m=beats, cycles=0, clocks_after=0, activations=nothing,
        output=Span(first=0, count=beats), stores=nothing, clocks=nothing,
    )  # fmt: skip
    return Manifest(
        schema=SCHEMA,
        hwsim_version=VERSION,
        model=case.model,
        layer=case.layer,
        op=case.side.op,
        kind=stage,
        machine=machine,
        machine_sha256=sha256_of(canonical(machine)),
        parameters=values,
        ports={
            "zero_point": case.requantizer.zero_point,
            "clamp_lo": -NO_BOUND if lo is None else lo,
            "clamp_hi": NO_BOUND if hi is None else hi,
            "out_lo": case.requantizer.output.lo,
            "out_hi": case.requantizer.output.hi,
        },
        adding_bits=case.runs[0].datapath.accumulator.bits,
        clocks_width=0,
        clocks_total=0,
        seed=seed,
        runs=[run],
        files=entries,
    )


def _transactions(numbers: StageNumbers) -> str:
    """One line a beat, for scoreboards."""
    rows = zip(numbers.input[:, :3].tolist(), numbers.purposes, numbers.output[:, 0].tolist(),
               numbers.flags[:, 0].tolist(), strict=True)  # fmt: skip
    lines = ["stream,beat,purpose,sum,partial,addend,expected,flags"]
    for beat, ((total, partial, addend), purpose, expected, flags) in enumerate(rows):
        lines.append(f"output,{beat},{purpose},{total},{partial},{addend},{expected},{flags}")
    return "\n".join(lines) + "\n"
