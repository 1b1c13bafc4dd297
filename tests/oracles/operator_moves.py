"""One-operator .tflite files of operators that move codes, and of the transposed convolution."""

import numpy as np
from oracles.operator_cases import (
    ACTIVATIONS,
    KINDS,
    Case,
    Quantized,
    codes,
    one_operator,
    same_as,
    scale,
    tensor_of,
    zero_point,
)
from oracles.tflite_files import TfliteFile


def pad(rng, op, kind, small=False) -> Case:
    """PAD with the zero point, or PADV2 with a code."""
    shape = (1, *(int(n) for n in rng.integers(1, 5, 3)))
    ends = rng.integers(0, 4, (4, 2)).astype(np.int32)
    ends[0] = 0
    source = Quantized(shape, kind, scale(rng), zero_point(rng, kind))
    output = same_as(source, tuple(int(n) for n in shape + ends.sum(1)))
    file, attributes = TfliteFile(), {"padding": ends[1:].tolist()}
    x, y = tensor_of(file, "x", source), tensor_of(file, "y", output)
    inputs = [x, file.tensor("ends", (4, 2), "int32", data=ends)]
    name, options = "PAD", "PadOptions"
    if rng.random() < 0.5:
        name, options = "PADV2", "PadV2Options"
        attributes["code"] = int(codes(rng, kind, ()))
        data = np.array([attributes["code"]], kind)
        inputs.append(file.tensor("v", (1,), kind, source.scale, source.zero_point, data=data))
    file.operator(name, inputs, [y], options, version=2)
    model = file.build([x], [y])
    return Case(op, [source], output, [codes(rng, kind, shape)], model, attributes)


def strided_slice(rng, op, kind, small=False) -> Case:
    """Explicit ends, strides of both signs, an axis dropped now and then."""
    shape = (1, *(int(n) for n in rng.integers(4, 12, 3)))
    begin, end, stride, squeeze = [0], [1], [1], []
    for axis, size in enumerate(shape[1:]):
        first, second = sorted(rng.choice(size + 1, 2, replace=False).tolist())
        step = int(rng.integers(1, 3))
        if rng.random() < 0.2:
            begin, end, stride = [*begin, first], [*end, first + 1], [*stride, 1]
            squeeze.append(axis)
        elif rng.random() < 0.3 and first > 0:
            begin, end, stride = [*begin, second - 1], [*end, first - 1], [*stride, -step]
        else:
            begin, end, stride = [*begin, first], [*end, second], [*stride, step]
    source = Quantized(shape, kind, scale(rng), zero_point(rng, kind))
    slices = tuple(slice(*ends) for ends in zip(begin, end, stride, strict=True))
    taken = np.empty(shape)[slices].shape
    kept = tuple(n for i, n in enumerate(taken) if i - 1 not in squeeze)
    constants = [("int32", np.array(ends, np.int32)) for ends in (begin, end, stride)]
    words = {"beginMask": 0, "endMask": 0, "ellipsisMask": 0, "newAxisMask": 0}
    words["shrinkAxisMask"] = sum(1 << (axis + 1) for axis in squeeze)
    version = 4 if kind == "int16" else 2
    options = "StridedSliceOptions"
    output = same_as(source, kept)
    model = one_operator("STRIDED_SLICE", options, version, [source], output, constants, **words)
    attributes = {"begin": begin[1:], "end": end[1:], "stride": stride[1:], "squeeze": squeeze}
    return Case(op, [source], output, [codes(rng, kind, shape)], model, attributes)


def pool(rng, op, kind, small=False) -> Case:
    """max_pool_2d and average_pool_2d: SAME or VALID, every activation that bounds something."""
    size = tuple(int(n) for n in rng.integers(3, 9, 2))
    window, stride = (tuple(int(n) for n in rng.integers(1, 4, 2)) for _ in range(2))
    same, channels = bool(rng.integers(2)), int(rng.integers(1, 20))
    source = Quantized((1, *size, channels), kind, scale(rng), zero_point(rng, kind))
    if kind == "int16":
        source.scale /= 256
    ends, out = [], []
    for n, w, s in zip(size, window, stride, strict=True):
        steps = -(-n // s) if same else (n - w) // s + 1
        total = max((steps - 1) * s + w - n, 0)
        ends.append((total // 2, total - total // 2))
        out.append(steps)
    name = list(ACTIVATIONS)[int(rng.integers(4))]
    words = {"padding": 0 if same else 1, "strideH": stride[0], "strideW": stride[1]}
    words |= {"filterHeight": window[0], "filterWidth": window[1]}
    words["fusedActivationFunction"] = ACTIVATIONS[name]
    output = same_as(source, (1, *out, channels))
    model = one_operator(op.upper(), "Pool2DOptions", 2, [source], output, **words)
    attributes = {"window": window, "stride": stride, "padding": ends, "activation": name}
    return Case(op, [source], output, [codes(rng, kind, source.shape)], model, attributes)


def pack(rng, op, kind, small=False) -> Case:
    """Two to four tensors along a new axis behind the batch."""
    shape = (1, *(int(n) for n in rng.integers(1, 5, 2)))
    count, axis = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    source = Quantized(shape, kind, scale(rng), zero_point(rng, kind))
    output = same_as(source, (*shape[:axis], count, *shape[axis:]))
    words = {"valuesCount": count, "axis": axis}
    version = 3 if kind == "int16" else 2
    model = one_operator("PACK", "PackOptions", version, [source] * count, output, **words)
    drawn = [codes(rng, kind, shape) for _ in range(count)]
    return Case(op, [source] * count, output, drawn, model, {"axis": axis - 1})


def resize_nearest_neighbor(rng, op, kind, small=False) -> Case:
    """Up and down, both attributes; each pixel has its own code as far as there are codes."""
    most = 12 if small else 120
    height, width, *size = (int(n) for n in rng.integers(1, most, 4))
    lo, hi = KINDS[kind]
    shape = (1, height, width, 1)
    x = (np.arange(height * width) % (hi - lo + 1) + lo).reshape(shape).astype(kind)
    align, centers = (bool(b) for b in rng.integers(0, 2, 2))
    source = Quantized(shape, kind, scale(rng), zero_point(rng, kind))
    output = same_as(source, (1, *size, 1))
    constants = [("int32", np.array(size, np.int32))]
    words = {"alignCorners": align, "halfPixelCenters": centers}
    name, options = "RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions"
    version = 4 if kind == "int16" else 3
    model = one_operator(name, options, version, [source], output, constants, **words)
    attributes = {"size": size, "align_corners": align, "half_pixel_centers": centers}
    return Case(op, [source], output, [x], model, attributes)


def transpose_conv_2d(rng, op, kind, small=False, smaller_kernel=False) -> Case:
    """SAME or VALID, with or without bias; ``smaller_kernel``: SAME, below its stride somewhere."""
    size, stride, kernel, out, same = geometry(rng, smaller_kernel)
    ic, oc = int(rng.integers(1, 5)), int(rng.integers(1, 20))
    wide, w_kind = kind == "int16", "uint8" if kind == "uint8" else "int8"
    channels = oc if rng.random() < 0.7 and kind != "uint8" else 1
    w_scale = np.array([scale(rng, -6.0, -3.0) for _ in range(channels)], np.float32)
    w_zero = zero_point(rng, "uint8") if kind == "uint8" else 0
    lo, hi = KINDS[w_kind]
    weight = rng.integers(lo + 1, hi + 1, (oc, *kernel, ic)).astype(w_kind)
    source = Quantized((1, *size, ic), kind, scale(rng), zero_point(rng, kind))
    spread = 32 * np.sqrt(ic * kernel[0] * kernel[1]) * source.scale * float(w_scale.mean())
    step = spread * (1 / 128 if wide else 2)
    sy = 2.0 ** round(np.log2(step)) if rng.random() < 0.5 else float(np.float32(step))
    output = Quantized((1, *out, oc), kind, sy, zero_point(rng, kind))
    file = TfliteFile()
    x, y = tensor_of(file, "x", source), tensor_of(file, "y", output)
    inputs = [file.tensor("shape", (4,), "int32", data=np.array(output.shape, np.int32))]
    inputs.append(file.tensor("w", weight.shape, w_kind, w_scale, w_zero, data=weight))
    inputs.append(x)
    bias = None
    if rng.random() < 0.7:
        bias = rng.integers(-2000, 2000, oc)
        b_scale = np.float32(source.scale) * w_scale
        b_kind = "int64" if wide else "int32"
        inputs.append(file.tensor("b", (oc,), b_kind, b_scale, data=bias))
    words = {"padding": 0 if same else 1, "strideH": stride[0], "strideW": stride[1]}
    file.operator("TRANSPOSE_CONV", inputs, [y], "TransposeConvOptions", version=3, **words)
    layer = {
        "weight": weight, "weight_scale": w_scale, "weight_zero_point": w_zero, "bias": bias,
        "stride": stride, "padding": padding(size, stride, kernel, out, same),
    }  # fmt: skip
    drawn = [codes(rng, kind, source.shape)]
    return Case(op, [source], output, drawn, file.build([x], [y]), layer=layer)


def geometry(rng, smaller_kernel):
    """Input, stride, kernel and output sizes (y, x), and whether padding is SAME."""
    while True:
        size, stride, kernel = (tuple(int(n) for n in rng.integers(1, top, 2)) for top in (5, 4, 5))
        same = smaller_kernel or bool(rng.integers(2))
        smaller = any(k < s for k, s in zip(kernel, stride, strict=True))
        if same and smaller != smaller_kernel:
            continue
        if same:
            out = tuple(n * s - int(rng.integers(s)) for n, s in zip(size, stride, strict=True))
        else:
            out = tuple((n - 1) * s + k for n, s, k in zip(size, stride, kernel, strict=True))
        return size, stride, kernel, out, same


def padding(size, stride, kernel, out, same):
    """What the full output loses before and after: TFLite's rule, the smaller half before."""
    ends = []
    for n, s, k, o in zip(size, stride, kernel, out, strict=True):
        steps = -(-o // s) if same else -(-(o - k + 1) // s)
        before = max((steps - 1) * s + k - o, 0) // 2
        ends.append((before, (n - 1) * s + k - before - o))
    return tuple(ends)
