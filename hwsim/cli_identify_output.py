"""What ``hwsim identify`` prints: machines by fit, policies, what tells machines apart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwsim.analysis.identify import Trial, same_on
from hwsim.analysis.identify_apart import TellingInput, telling_input, telling_sum
from hwsim.analysis.identify_compose import Search, equal_values
from hwsim.array.specification import Machine
from hwsim.cli_console import Format, print_json, print_rich, print_rows
from hwsim.importers import strict_yaml
from hwsim.network.graph import Graph
from hwsim.report.words import count, listing, percent, printable, several

if TYPE_CHECKING:
    from hwsim.cli_verify_other import Other

SHOWN = 6  # policies of a layer that are printed


def document(
    graph: Graph,
    other: Other,
    trials: list[Trial],
    found: tuple[Search, Trial | None] | None,
    notes: list[str],
) -> dict[str, Any]:
    """Everything that was found, as JSON."""
    rows = [trial_row(trial) for trial in trials]
    made = None if found is None or found[1] is None else found[1]
    fits = [row["machine"] for row in rows if row["fits"]]
    if made is not None and made.fits:
        fits.append(made.machine.name)
    return {
        "model": graph.name,
        "dump": other.about["name"],
        "samples": len(next(iter(other.inputs.values()))),
        "tensors": max(len(trial.tensors) for trial in trials),
        "elements": max(trial.elements for trial in trials),
        "machines": rows,
        "fits": fits,
        "policies": None if found is None else search_row(found[0]),
        "identified": None
        if found is None or made is None or not made.fits
        else words_of(trials[0].machine.name, found[0]),
        "notes": notes,
        "unmatched": list(other.unmatched),
    }


def trial_row(trial: Trial) -> dict[str, Any]:
    """One machine."""
    first = trial.first
    return {
        "machine": trial.machine.name,
        "fits": trial.fits,
        "equal": equal_values(trial),
        "different": trial.different,
        "tensors_equal": sum(1 for one in trial.tensors.values() if not one.different),
        "first": None if first is None else {"tensor": first.tensor, "place": str(first.first)},
        "refused": trial.refused,
    }


def search_row(found: Search) -> dict[str, Any]:
    """The policies that fit, by layer and by kind of layer."""
    return {
        "layers": {name: [one.words for one in fits] for name, fits in found.layers.items()},
        "kinds": {name: [one.words for one in fits] for name, fits in found.kinds.items()},
        "operators": found.operators,
    }


def words_of(base: str, found: Search) -> dict[str, Any]:
    """The machine made of what fits, as the YAML that makes it of its base."""
    made = found.machine
    assert made is not None
    words = made.model_dump(mode="json", include={"requantize", "operators"}, exclude_none=True)
    policies = {kind: words["requantize"][kind] for kind in found.kinds}
    changed = {"requantize": policies, "operators": words["operators"], "overrides": []}
    return {"extends": base, "name": made.name, **changed}


def apart(graph: Graph, fits: list[Machine], seed: int) -> tuple[list[str], TellingInput | None]:
    """What tells the machines that fit apart, in sentences; the first input that does."""
    notes: list[str] = []
    told: TellingInput | None = None
    for other in fits[1:]:
        a, b = fits[0], other
        names = f"{a.name} and {b.name}"
        if same_on(graph, a, b):
            notes.append(f"{names}: the same arithmetic for every operator of this network")
            continue
        by_input = telling_input(graph, a, b, seed)
        if by_input is not None:
            where = by_input.first
            notes.append(
                f"{names} differ on a random input (seed {seed}): {where.tensor}, {where.first}"
            )
            told = told or by_input
        by_sum = telling_sum(graph, a, b, seed)
        if by_sum is not None:
            notes.append(
                f"{names} differ at {by_sum.node}, channel {by_sum.channel}: accumulator "
                f"{by_sum.accumulator} becomes {by_sum.codes[0]} and {by_sum.codes[1]}"
            )
        elif by_input is None:
            notes.append(f"{names}: no accumulator and no random input found that tells them apart")
    return notes, told


def write_input(path: Path, graph: Graph, told: TellingInput) -> None:
    """The input that tells machines apart, as a data file."""
    from hwsim.network.kept import own_dtype
    from hwsim.report.files import npz_bytes, write_file

    arrays = {}
    for name, values in told.inputs.items():
        form = graph.tensors[name].format
        label = "X" if len(graph.inputs) == 1 else name
        arrays[label] = values.astype("float32" if form is None else own_dtype(form))
    write_file(path, npz_bytes(arrays))


def nothing_fits(found: dict[str, Any]) -> str:
    """The last line where nothing fits: the nearest machine."""
    best = found["machines"][0]
    near = f"{best['machine']}, {count(best['equal'])} of {count(found['elements'])} values"
    return f"{found['dump']}: nearest = {near}: must be all of them; no machine and no policy fits"


def show(found: dict[str, Any], form: Format, quiet: bool) -> None:
    """The result on stdout."""
    if form is Format.JSON:
        print_json(found)
    elif form is Format.CSV:
        print_rows(found["machines"], Format.CSV)
    elif not quiet:
        show_table(found)


def show_table(found: dict[str, Any]) -> None:
    """Machines, policies where none fits, the verdict, what tells the rest apart."""
    from hwsim.report.tables import text_table

    values = f"{count(found['elements'])} values of {several(found['tensors'], 'tensor')}"
    title = f"{found['model']}: {values} from {found['dump']}"
    print(printable(f"{title}, {several(found['samples'], 'sample')}"))
    headings = ["machine", "equal", "values", "first difference: machine's | dumped"]
    print_rich(text_table(headings, [_cells(row, found) for row in found["machines"]]))
    for row in found["machines"]:
        for reason in list(row["refused"].values())[:1]:
            print(printable(f"Not all: {row['machine']}: {reason}"))
    if found["unmatched"]:
        print(printable(f"Unmatched: {', '.join(found['unmatched'])}"))
    if found["policies"] is not None:
        _print_policies(found)
    for note in found["notes"]:
        print(printable(note))
    if found["fits"]:
        print(f"Fits: {listing(found['fits'])}: proven equal on this data, {values}")


def _cells(row: dict[str, Any], found: dict[str, Any]) -> list[Any]:
    first = "" if row["first"] is None else f"{row['first']['tensor']}, {row['first']['place']}"
    compared = row["equal"] + row["different"]
    share = percent(row["equal"] / compared if compared else None)
    shown = f"{count(row['equal'])} of {count(compared)}"
    return [row["machine"], share, shown, printable(first)[-40:]]


def _print_policies(found: dict[str, Any]) -> None:
    """By kind of layer, and where a kind has none, by layer; then the machine made of them."""
    print("No machine fits. Requantizer policies that meet each layer on its true inputs:")
    policies = found["policies"]
    for kind, fits in policies["kinds"].items():
        print(f"  {kind}: {several(len(fits), 'policy').replace('policys', 'policies')}")
        for words in fits[:SHOWN]:
            print(f"    {strict_yaml.flow(words)}")
    if not all(policies["kinds"].values()):
        for name, fits in policies["layers"].items():
            words = strict_yaml.flow(fits[0]) if fits else "none"
            print(printable(f"  {name}: {len(fits)}: {words}"))
    for op, names in policies["operators"].items():
        print(f"  {op}: as in {listing(names) if names else 'no machine'}")
    if found["identified"] is not None:
        print("As a machine:")
        print(strict_yaml.dump(found["identified"], default_flow_style=None, width=96), end="")
