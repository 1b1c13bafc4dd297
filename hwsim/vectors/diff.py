"""A dump of a design beside a bundle: which stage it is, where it first parts, and why."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hwsim.errors import ConfigError, DataError
from hwsim.vectors.divergence import Differences, differences
from hwsim.vectors.divergence_stage import STAGES, stage_beats
from hwsim.vectors.dumps import (
    TAPS,
    Dump,
    Packing,
    is_wave,
    opened,
    read_hex,
    read_vcd,
    tap_of,
)
from hwsim.vectors.golden import Bundle, Golden


def diff(
    bundle: Bundle, dump: Path, stage: str | None = None, signal: str | None = None
) -> Differences:
    """Compare a dump with the bundle's stage.

    Parameters
    ----------
    bundle : Bundle
    dump : Path
        A hex dump, a VCD or an FST.
    stage : str or None
        None: ``output``; of a waveform without ``signal``, the first stage that differs.
    signal : str or None
        Of a waveform: the signal that holds the stage's beats.

    Raises
    ------
    DataError, ConfigError
    """
    if stage is not None and stage not in STAGES:
        raise ConfigError.at("--stage", "stage", stage, f"must be one of: {', '.join(STAGES)}")
    if not dump.is_file():
        raise DataError.at(str(dump), "file", "absent", "must be there")
    golden = bundle.golden()
    if is_wave(dump):
        return _wave(bundle, golden, dump, stage, signal)
    if signal is not None:
        raise ConfigError.at("--signal", "signal", signal, "must go with a VCD or FST")
    return _compared(bundle, golden, stage or "output", dump)


def _compared(bundle: Bundle, golden: Golden, stage: str, path: Path) -> Differences:
    """A hex dump."""
    packing = packing_of(bundle, stage)
    keep = stage_beats(stage, golden.products).keep
    return _beside(bundle, golden, stage, packing, read_hex(path, packing, keep))


def _beside(
    bundle: Bundle, golden: Golden, stage: str, packing: Packing, dump: Dump
) -> Differences:
    """A dump beside the bundle's own file of that stage."""
    expected = bundle.lanes(stage).astype(np.int64)
    return differences(golden, stage, packing, dump, expected)


def packing_of(bundle: Bundle, stage: str) -> Packing:
    """As the bundle packs that stage.

    Raises
    ------
    DataError
        The bundle has no such stage.
    """
    entry = bundle.manifest.words(stage)
    return Packing(entry.lanes or 1, entry.lane_bits or 1, bool(entry.signed))


def _wave(
    bundle: Bundle, golden: Golden, path: Path, stage: str | None, signal: str | None
) -> Differences:
    """A waveform; where nothing is chosen, stage by stage as data meets them."""
    with opened(path) as wave:
        if stage is not None or signal is not None:
            chosen = stage or "output"
            packing = packing_of(bundle, chosen)
            dump = read_vcd(wave, tap_of(wave, chosen, signal), packing)
            return _beside(bundle, golden, chosen, packing, dump)
        held = set(bundle.manifest.stems())
        shown = [s for s in TAPS if s in held and wave.shortest(TAPS[s].data)]
        if not shown:
            must = f"must hold {TAPS['output'].data}, or be named by --signal"
            raise DataError.at(str(path), "signals", "none of mac_array_top", must)
        for name in shown:
            packing = packing_of(bundle, name)
            dump = read_vcd(wave, TAPS[name], packing)
            found = _beside(bundle, golden, name, packing, dump)
            if not found.equal:
                return found
        return found
