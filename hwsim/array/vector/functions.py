"""Functions that numba kernels call, from bodies that write LLVM code."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Signature, signature
from typing import Any

from hwsim._jit import intrinsic, ir, types
from hwsim.array.vector.emission import Array, Emitter, cgutils


def vector_kernel(body: Callable[..., None]) -> Any:
    """Make a function of arrays and integers that numba kernels call, from one that emits it.

    ``body(emitter, *arguments)``: arrays arrive as `Array`, integers as 64-bit values. The code is
    a function of its own, so that no caller changes what it is compiled to.
    """

    def codegen(context: Any, builder: Any, call: Any, values: Any) -> Any:
        arguments: list[Any] = []
        for kind, value in zip(call.args, values, strict=True):
            if not isinstance(kind, types.Array):
                arguments.append(context.cast(builder, value, kind, types.int64))
                continue
            array = context.make_array(kind)(context, builder, value)
            shape = cgutils.unpack_tuple(builder, array.shape)
            arguments.append(Array(builder, array.data, tuple(shape)))
        call_emitted(builder, body, *arguments)
        return context.get_dummy_value()

    def typed(_typing: Any, *arguments: Any) -> Any:
        return types.void(*arguments), codegen

    given = list(signature(body).parameters.values())
    typed.__signature__ = Signature(given)  # type: ignore[attr-defined]  # numba asks for names
    typed.__name__ = body.__name__
    typed.__doc__ = body.__doc__
    return intrinsic(typed)


def call_emitted(builder: Any, body: Callable[..., None], *arguments: Any) -> None:
    """Call what ``body(emitter, *arguments)`` emits, in a function of its own."""
    values: list[Any] = []
    extents: list[int | None] = []
    for argument in arguments:
        if isinstance(argument, Array):
            values += [argument.data, *argument.shape]
            extents.append(len(argument.shape))
        else:
            values.append(argument)
            extents.append(None)
    builder.call(_function(builder.module, body, [v.type for v in values], extents), values)


def _function(module: Any, body: Any, kinds: list[Any], extents: list[int | None]) -> Any:
    """The emitted function of a module, written at its first use."""
    name = f"hwsim.{body.__name__}"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    values, arguments = iter(function.args), []
    for extent in extents:
        value = next(values)
        if extent is not None:
            value = Array(builder, value, tuple(next(values) for _ in range(extent)))
        arguments.append(value)
    body(Emitter(builder), *arguments)
    builder.ret_void()
    return function
