"""A small good machine file, a fixture that writes files, and the text of a refusal."""

import pytest

from hwsim.errors import HwsimError
from hwsim.importers.hardware import load

GOOD = """\
name: good
array:
  dataflow: weight_stationary
  rows: 4
  cols: 4
  k_order: [ky, kx, ic]
operands:
  activation: {bits: 8, signed: true}
  weight: {bits: 8, signed: true}
  zero_point: subtract
product: {kind: exact, drop_bits: 0, rounding: floor}
chain: {bits: 20, overflow: wrap}
accumulator: {kind: integer, bits: 24, overflow: saturate}
bias: {bits: 32, overflow: saturate, when: preload}
requantize:
  default:
    scheme: multiplier_shift
    multiplier_bits: 31
    rounding: half_up
output: {overflow: saturate}
"""


@pytest.fixture(name="write")
def write_fixture(tmp_path, monkeypatch):
    """Write a file into a fresh current folder; gives its relative path."""
    monkeypatch.chdir(tmp_path)

    def write_file(text: str | bytes, name: str = "m.yaml") -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return name

    return write_file


def failure(path, overrides=()) -> str:
    """What `load` says where it refuses."""
    with pytest.raises(HwsimError) as caught:
        load(path, overrides)
    return str(caught.value)
