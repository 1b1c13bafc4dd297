"""``hwsim quantize``: a float network and data to a quantized network."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from hwsim.cli_options import (
    DataOption,
    LimitOption,
    ModelArgument,
    PickleOption,
    ScaleOption,
    pickled_shape,
)


def quantize(
    model: ModelArgument = "digits",
    data: DataOption = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE.npz", help="The new network.")
    ] = None,
    limit: LimitOption = None,
    input_scale: ScaleOption = None,
    allow_pickle: PickleOption = None,
    weight_bits: Annotated[int, typer.Option(help="Width of weights, 2 to 16.")] = 8,
    activation_bits: Annotated[int, typer.Option(help="Width of activations, 2 to 16.")] = 8,
    weights: Annotated[str, typer.Option(help="Grid: symmetric or affine.")] = "symmetric",
    activations: Annotated[str, typer.Option(help="Grid: affine or symmetric.")] = "affine",
    unsigned: Annotated[bool, typer.Option("--unsigned", help="Unsigned activations.")] = False,
    weight_rule: Annotated[
        str,
        typer.Option(help="absmax_127, absmax_127_5, absmax_128 or max_127_min_128."),
    ] = "absmax_127",
    activation_rule: Annotated[
        str, typer.Option(help="The same, for symmetric activations.")
    ] = "absmax_127",
    per_tensor: Annotated[
        bool, typer.Option("--per-tensor", help="One weight scale a layer, not one a channel.")
    ] = False,
    observer: Annotated[
        str,
        typer.Option(help="minmax, moving_average, percentile, entropy or mean_square."),
    ] = "percentile",
    percentile: Annotated[float, typer.Option(help="Of observer percentile.")] = 99.99,
    averaging: Annotated[float, typer.Option(help="Of observer moving_average.")] = 0.01,
    bias: Annotated[
        str,
        typer.Option(help="int32, int16_clamped, int16_rescaled, int8_own_scale or float."),
    ] = "int32",
    power_of_two: Annotated[
        str,
        typer.Option(help="none; scales: all scales; weights: requantization is a pure shift."),
    ] = "none",
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress bar, no table.")
    ] = False,
) -> None:
    """Quantize a float network by what it does on calibration data.

    Takes .onnx and .tflite float files, and networks of our own that hold their trained parameters.
    """
    from hwsim.cli_console import print_rich, progress_bar
    from hwsim.errors import ConfigError, DataError
    from hwsim.importers import model as model_files
    from hwsim.importers import npz
    from hwsim.quantization.choices import Choices
    from hwsim.quantization.fusion import to_float
    from hwsim.quantization.network import quantize as quantize_network
    from hwsim.report.quantization_table import table

    choices = Choices(
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        weights=weights,  # type: ignore[arg-type]  # Choices checks every word
        activations=activations,  # type: ignore[arg-type]
        activation_signed=not unsigned,
        weight_rule=weight_rule,
        activation_rule=activation_rule,
        per_channel=not per_tensor,
        observer=observer,  # type: ignore[arg-type]
        percentile=percentile,
        averaging=averaging,
        bias=bias,  # type: ignore[arg-type]
        power_of_two=power_of_two,  # type: ignore[arg-type]
    )
    network = model_files.load(model, pickled_shape(allow_pickle))
    target = output or Path(f"{network.graph.name}_w{weight_bits}a{activation_bits}.npz")
    if target.suffix != ".npz":
        raise ConfigError.at("--output", "name", target, "must end in .npz")
    if not target.parent.is_dir():
        raise ConfigError.at("--output", "folder", target.parent, "must exist")
    to_float(network.graph)  # refuses a network of integers only, whatever the data
    real = calibration(network, data, limit, input_scale)
    if real is None:
        raise DataError.at(data or network.graph.name, "X", "codes", "must hold real values")
    with progress_bar(quiet) as progress:
        quantized = quantize_network(network.graph, real, choices, progress)
    npz.save(quantized, target)
    if not quiet:
        print_rich(table(quantized))
        print(f"Wrote {target}; try: hwsim run {shlex.quote(str(target))} --data {data or 'FILE'}")


def calibration(network: Any, data: str | None, limit: int | None, scale: str | None) -> Any:
    """Real values of the network's input, or None where the data are codes only."""
    from hwsim.cli_inputs import inputs_of

    loaded = inputs_of(network, data, limit, scale, 0)
    is_float = network.graph.tensors[network.graph.inputs[0]].format is None
    return loaded.X if is_float else loaded.real
