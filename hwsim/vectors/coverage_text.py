"""Coverage as files: JSON, UCIS XML, a SystemVerilog covergroup. Equal counts give equal bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

from hwsim.vectors.coverage import UNREACHABLE, Coverage, table
from hwsim.vectors.coverage_covergroup import covergroup

if TYPE_CHECKING:
    from hwsim.vectors.case import LayerCase
    from hwsim.vectors.directed import DirectedSet

SCHEMA = "hwsim.coverage/1"
NO_DATE = "1970-01-01T00:00:00"


def coverage_files(
    case: LayerCase, found: Coverage, directed: DirectedSet | None = None
) -> dict[str, str]:
    """``coverage.json``, ``coverage.xml`` and ``coverage.svh``, by name."""
    return {
        "coverage.json": json_text(found, directed),
        "coverage.svh": covergroup(case, found),
        "coverage.xml": xml_text(found),
    }


def json_text(found: Coverage, directed: DirectedSet | None = None) -> str:
    """Schema ``hwsim.coverage/1``: bins by name, counts by group, and, with a directed set, what
    its rows are for, which goals no input reaches, and what was left out."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "model": found.model,
        "layer": found.layer,
        "machine": found.machine,
        "runs": list(found.runs),
        "groups": {
            row.group: {"bins": row.bins, "hit": row.hit, "unreachable": row.unreachable,
                        "open": row.open}
            for row in table(found)
        },
        "bins": {
            one.name: {"hits": one.hits, "state": one.state, "reason": one.reason}
            for one in found.bins
        },
    }  # fmt: skip
    if directed is not None:
        document["directed"] = {
            "seed": directed.seed,
            "left_out": list(directed.left_out),
            UNREACHABLE: dict(directed.unreachable),
            "not_found": dict(directed.not_found),
            "purposes": [purpose._asdict() for purpose in directed.purposes],
        }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def xml_text(found: Coverage) -> str:
    """The UCIS XML interchange form: one covergroup, a coverpoint a group of bins; bins that no
    input reaches are of type ``ignore``."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<UCIS xmlns:ucis="http://www.w3.org/2001/XMLSchema-instance" writtenBy="hwsim" '
        f'writtenTime="{NO_DATE}" ucisVersion="1.0">',
        '  <sourceFiles fileName="hwsim" id="1"/>',
        f'  <historyNodes historyNodeId="0" logicalName={quoteattr(found.layer)} kind="1" '
        f'testStatus="true" date="{NO_DATE}" toolCategory="UCIS:simulator" ucisVersion="1.0" '
        'vendorId="hwsim" vendorTool="hwsim" vendorToolVersion="1"/>',
        f'  <instanceCoverages name={quoteattr(found.layer)} key="0" instanceId="0" '
        f"moduleName={quoteattr(found.machine)}>",
        '    <id file="1" line="1" inlineCount="1"/>',
        "    <covergroupCoverage>",
        f'      <cgInstance name={quoteattr(found.layer)} key="0">',
        '        <options weight="1" goal="100" at_least="1" per_instance="true" '
        'merge_instances="true"/>',
        f"        <cgId cgName={quoteattr(found.layer)} moduleName={quoteattr(found.machine)}>",
        '          <cginstSourceId file="1" line="1" inlineCount="1"/>',
        '          <cgSourceId file="1" line="1" inlineCount="1"/>',
        "        </cgId>",
    ]
    for group, bins in found.groups.items():
        lines += _coverpoint(group, [(b.name, b.hits, b.state == UNREACHABLE) for b in bins])
    lines += ["      </cgInstance>", "    </covergroupCoverage>", "  </instanceCoverages>"]
    return "\n".join([*lines, "</UCIS>"]) + "\n"


def _coverpoint(group: str, bins: list[tuple[str, int, bool]]) -> list[str]:
    """Lines of one coverpoint."""
    lines = [
        f'        <coverpoint name="{group}" key="0">',
        '          <options weight="1" goal="100" at_least="1" auto_bin_max="64" '
        'detect_overlap="false"/>',
    ]
    for number, (name, hits, ignored) in enumerate(bins):
        kind = "ignore" if ignored else "bins"
        lines += [
            f'          <coverpointBin name={quoteattr(name)} type="{kind}" key="{number}">',
            f'            <range from="{number}" to="{number}">',
            f'              <contents coverageCount="{hits}"/>',
            "            </range>",
            "          </coverpointBin>",
        ]
    return [*lines, "        </coverpoint>"]
