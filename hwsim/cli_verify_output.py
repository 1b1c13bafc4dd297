"""What ``hwsim verify`` writes and prints: the certificate, the table, the verdict."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwsim import models
from hwsim.analysis.compare import Comparison
from hwsim.analysis.verification import Verification
from hwsim.cli_console import Format, RunFormat, print_json, print_rich, print_rows
from hwsim.importers.hardware import machine_hash
from hwsim.report.words import count, percent, printable, several
from hwsim.version import VERSION

if TYPE_CHECKING:
    from hwsim.array.specification import Machine
    from hwsim.cli_verify_other import Other

SCHEMA = "hwsim-certificate-1"
WIDTH = 100


def document(
    result: Verification, other: Other, machine: Machine, model: str, command: str
) -> dict[str, Any]:
    """The certificate: all that is needed to judge and to repeat the comparison."""
    from hwsim.cli_verify_output_explained import explained

    samples = len(next(iter(other.inputs.values())))
    return {
        "schema": SCHEMA,
        "hwsim_version": VERSION,
        "command": command,
        "model": {"name": Path(model).stem, "sha256": model_sha256(model)},
        "data": {"name": other.given.name, "samples": samples, "sha256": other.given.sha256},
        "hardware": {
            "name": machine.name,
            "sha256": machine_hash(machine),
            "machine": machine.model_dump(mode="json", exclude_none=True),
        },
        "against": other.about,
        "equal": result.equal,
        "elements": sum(one.elements for one in result.tensors),
        "different": sum(one.different for one in result.tensors),
        "tensors": [tensor_row(one, result) for one in result.tensors],
        "not_compared": list(result.missing),
        "unmatched": list(other.unmatched),
        "first": result.first,
        "unseen": list(result.unseen),
        "cause": None if result.cause is None else vars(result.cause),
        "findings": [finding.to_dict() for finding in result.findings],
        "explanation": explained(result.explanation),
    }


def tensor_row(one: Comparison, result: Verification) -> dict[str, Any]:
    """One tensor of the certificate."""
    node, op = result.nodes[one.tensor]
    first = one.first
    return {
        "name": one.tensor,
        "node": node,
        "op": op,
        "elements": one.elements,
        "different": one.different,
        "equal": one.share_equal,
        "largest": one.largest,
        "first": None
        if first is None
        else {
            "sample": first.sample,
            "index": list(first.index),
            "ours": first.ours,
            "theirs": first.theirs,
        },
    }


def model_sha256(model: str) -> str:
    """Of the model's file; of an embedded model the file that ships."""
    from hwsim.cli_verify_other import file_sha256

    path = Path(model)
    if model in models.embedded():
        path = Path(models.__file__).parent / model / "model.npz"
    return file_sha256(path)


def default_path(certificate: dict[str, Any]) -> Path:
    """``reports/<model>--<machine>--<other>.certificate.json``; one of two equal names."""
    against = certificate["against"]
    other = Path(against["name"]).name if against["kind"] == "dump" else against["name"]
    parts = dict.fromkeys(
        (certificate["model"]["name"], certificate["hardware"]["name"], other or "dump")
    )
    name = "--".join(re.sub(r"[^A-Za-z0-9._-]", "_", part).lstrip(".") for part in parts)
    return Path("reports") / f"{name}.certificate.json"


def write(path: Path, certificate: dict[str, Any]) -> None:
    """The certificate, whole or not at all."""
    from hwsim.report.files import json_bytes, write_file

    write_file(path, json_bytes(certificate))


def verdict(certificate: dict[str, Any]) -> str:
    """The last line: equal, or how much is not and where it starts."""
    ours, against = certificate["hardware"]["name"], certificate["against"]
    theirs = f"the {against['kind']} {against['name']}"
    what = f"{certificate['model']['name']}: hwsim's {ours} and {theirs}"
    total, tensors = count(certificate["elements"]), certificate["tensors"]
    shown = several(len(tensors), "tensor")
    if not tensors:
        return f"{what}: tensors = 0: must have one to compare"
    if certificate["equal"]:
        sample = several(certificate["data"]["samples"], "sample")
        return f"{what} are equal: {total} values of {shown}, {sample}"
    wrong = sum(1 for one in tensors if one["different"])
    found = f"{count(certificate['different'])} of {total} values in {wrong} of {shown}"
    return f"{what}: different = {found}, first {certificate['first']}: must be equal"


def show(
    result: Verification,
    certificate: dict[str, Any],
    path: Path,
    form: RunFormat,
    quiet: bool,
) -> None:
    """The result on stdout."""
    if form is RunFormat.JSON:
        print_json(certificate)
    elif form is RunFormat.CSV:
        print_rows(certificate["tensors"], Format.CSV)
    elif form is RunFormat.JUNIT:
        print(junit(certificate), end="")
    elif not quiet:
        show_table(result, certificate, path)


def show_table(result: Verification, certificate: dict[str, Any], path: Path) -> None:
    """Tensors in a table, the cause or explanation, where the certificate is, the verdict."""
    from hwsim.cli_verify_output_explained import print_explanation, print_findings
    from hwsim.report.tables import text_table

    against, data = certificate["against"], certificate["data"]
    other = against.get("version") or against["kind"]
    title = f"{certificate['model']['name']}: hwsim {VERSION}, {certificate['hardware']['name']}"
    print(printable(f"{title} | {against['name']}, {other}"))
    print(printable(f"{data['name']}, {several(data['samples'], 'sample')}"))
    headings = ["tensor", "node", "values", "equal", "largest", "first difference: ours | theirs"]
    rows = [_cells(one, result) for one in result.tensors]
    print_rich(text_table(headings, rows, text_columns=2))
    for words, names in (
        ("Not shown by it", result.missing),
        ("Unmatched", certificate["unmatched"]),
    ):
        if names:
            print(printable(f"{words}: {', '.join(names)}"))
    if result.unseen:
        print(printable(f"Not compared before {result.first}: {', '.join(result.unseen)}"))
    if result.cause is not None:
        print(printable(f"Likely cause at {result.first}: {result.cause.text}"))
    if result.findings:
        print_findings(result.findings, str(result.first))
    if result.explanation is not None:
        print_explanation(result.explanation)
    print(f"Certificate: {path}")
    if result.equal:
        print(printable(verdict(certificate)))


def _cells(one: Comparison, result: Verification) -> list[Any]:
    node, op = result.nodes[one.tensor]
    shown = node if node.startswith(op) else f"{node} {op}"
    first = "" if one.first is None else str(one.first)
    share = percent(one.share_equal)
    largest = "" if one.first is None else f"{one.largest:.3g}"
    return [one.tensor, shown, count(one.elements), share, largest, first]


def junit(certificate: dict[str, Any]) -> str:
    """JUnit XML: one test case a tensor."""
    from xml.etree import ElementTree

    rows = certificate["tensors"]
    title = f"{certificate['model']['name']} {certificate['against']['name']}"
    failed = [row for row in rows if row["different"]]
    counts = {"tests": str(len(rows)), "failures": str(len(failed))}
    suite = ElementTree.Element("testsuite", {"name": printable(title), **counts})
    for row in rows:
        case = ElementTree.SubElement(
            suite, "testcase", classname=row["op"], name=printable(row["name"])
        )
        if row["different"]:
            first = row["first"]
            place = (
                f"sample {first['sample']} {first['index']}: {first['ours']} | {first['theirs']}"
            )
            message = f"{row['different']} of {row['elements']} values differ, first {place}"
            ElementTree.SubElement(case, "failure", message=message)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode") + "\n"
