"""Errors by cause as summary.json holds them, and the changes worth most."""

from __future__ import annotations

from typing import Any

from hwsim.analysis.causes import error_by_cause
from hwsim.analysis.causes_changes import worthwhile_changes
from hwsim.analysis.summary import Evidence
from hwsim.network.run import Progress


def add_causes(
    summary: dict[str, Any], evidence: Evidence, samples: int, progress: Progress | None = None
) -> None:
    """Add ``causes`` to every layer, and ``causes_samples`` and ``changes``.

    Parameters
    ----------
    summary : dict
        summary.json, or its measured part.
    evidence : Evidence
        The run that it is of.
    samples : int
        Only the first so many images.
    progress : callable, optional
        Called as ``progress(done, total, name)``.
    """
    graph, machine = evidence.graph, evidence.machine
    used = min(samples, len(evidence.data.X))
    reference = evidence.reference(used)
    layers = error_by_cause(
        graph, machine, reference, evidence.run.codes, samples=used, progress=progress
    )
    entries = {layer.name: layer.to_dict() for layer in layers}
    for layer in summary["layers"]:
        layer["causes"] = entries[layer["name"]]
    changes = worthwhile_changes(
        graph, machine, reference, evidence.labels, samples=used, progress=progress
    )
    summary["causes_samples"] = used
    summary["changes"] = [change.to_dict() for change in changes]
