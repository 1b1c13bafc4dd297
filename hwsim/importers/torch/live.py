"""A live PyTorch module to a program, by ``torch.export``: needs PyTorch."""

from __future__ import annotations

from typing import Any

from hwsim.errors import ModelError, UnsupportedError
from hwsim.importers.torch.program import Call, Program, Ref

WHERE = "hwsim.from_torch"
_NUMBERS = {"uint8": 1, "int8": 2, "int16": 3, "int32": 4, "int64": 5, "float32": 7, "float64": 8}


def trace(module: Any, example: Any) -> Program:
    """Export a module and read the graph.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode.
    example : torch.Tensor
        One batch of the input, samples first.

    Raises
    ------
    ModelError
        PyTorch cannot export it.
    """
    import torch

    try:
        with torch.no_grad():
            exported = torch.export.export(module, (example,))
    except Exception as reason:  # PyTorch raises every kind
        text = str(reason).strip().splitlines()[0][:160] if str(reason) else type(reason).__name__
        raise ModelError.at(
            WHERE, "module", type(module).__name__, f"cannot export: {text}"
        ) from None
    return program_of(exported, type(module).__name__, tuple(example.shape))


def program_of(exported: Any, name: str, shape: tuple[int, ...]) -> Program:
    """A ``torch.export.ExportedProgram`` as records."""
    signature = exported.graph_signature
    state = {**exported.state_dict, **exported.constants}
    names = {
        **signature.inputs_to_parameters,
        **signature.inputs_to_buffers,
        **getattr(signature, "inputs_to_lifted_tensor_constants", {}),
    }
    parameters = {node: state[stored].detach().cpu().numpy() for node, stored in names.items()}
    if len(signature.user_inputs) != 1:
        must = "must be one tensor"
        raise UnsupportedError.at(WHERE, "inputs", len(signature.user_inputs), must)
    calls: list[Call] = []
    parts: dict[str, tuple[str, int]] = {}
    for node in exported.graph.nodes:
        if node.op == "call_function" and node.target.__name__ == "getitem":
            parts[node.name] = (node.args[0].name, node.args[1])
    for node in exported.graph.nodes:
        if node.op == "call_function" and node.name not in parts:
            picked = sorted((at, part) for part, (of, at) in parts.items() if of == node.name)
            outputs = tuple(part for _, part in picked) or (node.name,)
            calls.append(Call(str(node.target), _arguments(node), outputs))
    outputs = tuple(str(output) for output in signature.user_outputs)
    (user,) = signature.user_inputs
    return Program(WHERE, name, str(user), shape, outputs, parameters, tuple(calls))


def _arguments(node: Any) -> dict[str, Any]:
    """Arguments by the names of the operator's schema."""
    names = [argument.name for argument in node.target._schema.arguments]
    given = dict(zip(names, node.args, strict=False)) | dict(node.kwargs)
    return {name: _value(value) for name, value in given.items()}


def _value(value: Any) -> Any:
    import torch

    if isinstance(value, torch.fx.Node):
        return Ref(value.name)
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    if isinstance(value, torch.dtype):
        return _NUMBERS.get(str(value).removeprefix("torch."), 0)
    return value
