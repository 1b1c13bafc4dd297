"""Files with something changed in them, and the one line that refuses them."""

import pytest
from oracles.tflite_files import schema

from hwsim.errors import UnsupportedError
from hwsim.importers.tflite import graph_of
from hwsim.importers.tflite.file import parse


def refused(content, error=UnsupportedError):
    """The one line of a refusal, without the file's name."""
    with pytest.raises(error) as caught:
        graph_of(parse(content, "small.tflite"), "small")
    (line,) = str(caught.value).splitlines()
    where, rest = line.split(": ", 1)
    assert where == "small.tflite"
    return rest


def changed(content, change):
    """The file with something of its tensors, operators or buffers changed."""
    import flatbuffers

    model = schema().ModelT.InitFromPackedBuf(content, 0)
    change(model, model.subgraphs[0])
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
