"""ONNX Runtime's integer layers and operators against its frozen outputs.

onnxruntime 1.31.1; a host with AVX512-VNNI, and ("avx2") one without.
"""

import numpy as np
import pytest
from golden.runtime_layers import Case, compared, grouped, machine

from hwsim.arith.formats import IntFormat
from hwsim.mapping.layer import MacLayer
from hwsim.network import run as network
from hwsim.network.graph import Graph, Node, Tensor

U8, S8, S32 = IntFormat(8, signed=False), IntFormat(8), IntFormat(32)


def qlinearconv(a) -> Case:
    sx, sy, zx, zy, *geometry = a["meta"].tolist()
    stride, dilation, (top, left, bottom, right), groups = (
        geometry[:2], geometry[2:4], geometry[4:8], geometry[8],
    )  # fmt: skip
    return Case(
        a["x"], a["w"], a["y"], sx, zx, a["sw"], sy, zy, zw=a["wz"], bias=a.get("b"),
        stride=stride, dilation=dilation, padding=((top, bottom), (left, right)),
        groups=int(groups),
    )  # fmt: skip


def test_qlinearconv(shared, recorded):
    """golden_ort.npz: u8u8, u8s8, s8s8; plain and depthwise, groups, dilation, zero points."""
    fields = ("x", "w", "wz", "sw", "b", "y", "meta")
    found = grouped(shared / "golden/semantics/golden_ort.npz", fields)
    cases = {key: qlinearconv(arrays) for key, arrays in found.items()}
    assert recorded(cases, "onnxruntime") == ({}, 9198)
    assert len(cases) == 18
    without_vnni, _ = compared(cases, "onnxruntime_avx2")  # pairs of u8 by s8, no true depthwise
    assert set(without_vnni) == {
        f"qlinearconv_uint8_int8_{layer}" for layer in ("conv_0", "conv_1", "conv_2", "dw_1")
    }
    assert cases["qlinearconv_uint8_int8_dw_1"].w.shape[0] == 12  # two channels a group, of six


def integer_product(a, b, zero_points, *, constant) -> Graph:
    """``(a - az) (b - bz)`` as 32-bit codes of scale 1; b a constant weight or an input."""
    az, bz = zero_points
    tensors = {
        "a": Tensor("a", a.shape, U8, 1.0, az),
        "b": Tensor("b", b.shape, S8, 1.0, bz),
        "y": Tensor("y", (len(a), b.shape[1]), S32),
    }
    op, inputs = ("fully_connected", ("a",)) if constant else ("batch_matmul", ("a", "b"))
    layer = MacLayer(
        op,
        b.T.astype(np.int32) if constant else None,
        S8,
        np.ones(1),
        np.array([bz if constant else 0]),
    )
    return Graph("matmul", tensors, (Node("product", op, inputs, "y", layer),), inputs, ("y",))


@pytest.mark.parametrize("constant", [True, False], ids=["weight", "two inputs"])
def test_matmulinteger_without_vnni(shared, constant):
    """golden_ort_u8s8_avx2.npz: pairs saturated in 16 bits, and the exact sums, 4 products."""
    found = grouped(
        shared / "golden/semantics/golden_ort_u8s8_avx2.npz", ("a", "b", "zp", "avx2", "exact")
    )
    seen = saturated = 0
    for key in ("mmi_0", "mmi_1", "mmi_2", "mmi_3"):
        a, y = found[key], found[f"{key}_y"]["avx2"]
        graph = integer_product(a["a"], a["b"], a["zp"].tolist(), constant=constant)
        inputs = {name: a[name][None].astype(np.int64) for name in graph.inputs}
        run = network.run(graph, machine("onnxruntime_avx2"), inputs)
        assert (run.codes["y"][0] == y).all()
        assert (run.exact["y"][0] == a["exact"]).all()
        whole = network.run(graph, machine("onnxruntime"), inputs)
        assert (whole.codes["y"][0] == a["exact"]).all()
        assert (run.layers["product"].ledger.chain.events > 0) == (y != a["exact"]).any()
        seen, saturated = seen + y.size, saturated + np.count_nonzero(y != a["exact"])
    assert (seen, saturated) == (416, 255)


def digits_operators(shared):
    """Operators of the quantized digits network in order: name to inputs and output."""
    found = {}
    with np.load(shared / "golden/seeds/ort_qlinear_layers.npz") as file:
        for key in file.files:
            node, _, array = key.rpartition("_")
            found.setdefault(node, {})[array] = file[key]
    return found


def test_digits_layers(shared, recorded):
    """ort_qlinear_layers.npz: five QLinearConv and one QGemm, 16 images."""
    cases = {}
    for key, a in digits_operators(shared).items():
        if not key.endswith(("QLinearConv", "QGemm")):
            continue
        x, sx, zx, w, sw, zw = (a[f"in{i}"] for i in range(6))
        if key.endswith("QLinearConv"):
            groups, stride = x.shape[1] // w.shape[1], x.shape[2] // a["out"].shape[2]
            words = {
                "padding": ((1, 1), (1, 1)), "stride": (stride, stride), "groups": groups,
                "sy": a["in6"], "zy": int(a["in7"]), "bias": a["in8"],
            }  # fmt: skip
        else:
            words = {"sy": a["in7"], "zy": int(a["in8"]), "bias": a["in6"]}
        cases[key] = Case(x, w, a["out"], sx, int(zx), sw, zw=zw, **words)
    assert recorded(cases, "onnxruntime") == ({}, 32928)
    assert len(cases) == 6


def operator(op, images, scales, zero_points, attributes=None):
    """One operator beside the array on the machine; images NCHW in and out."""
    inputs = [f"x{i}" for i in range(len(images))]
    codes = {
        name: x.astype(np.int64).transpose(0, 2, 3, 1)
        for name, x in zip(inputs, images, strict=True)
    }
    shape = codes["x0"].shape[1:] if op == "add" else (1, 1, codes["x0"].shape[3])
    tensors = {
        name: Tensor(name, codes.get(name, np.empty((1, *shape))).shape[1:], U8, float(s), int(z))
        for name, s, z in zip([*inputs, "y"], scales, zero_points, strict=True)
    }
    node = Node(op, op, tuple(inputs), "y", None, attributes or {})
    graph = Graph("operator", tensors, (node,), tuple(inputs), ("y",))
    return network.run(graph, machine("onnxruntime"), codes).codes["y"].transpose(0, 3, 1, 2)


def test_digits_add(shared):
    """ort_qlinear_layers.npz: QLinearAdd, its zero point inside the rounding."""
    a = digits_operators(shared)["3_QLinearAdd"]
    images, scales = (a["in0"], a["in3"]), (a["in1"], a["in4"], a["in6"])
    codes = operator("add", images, scales, (a["in2"], a["in5"], a["in7"]))
    assert (codes == a["out"]).all()
    assert codes.size == 8192


@pytest.mark.parametrize(
    ("op", "attributes"),
    [
        ("average_pool_2d", {"window": (4, 4), "stride": (1, 1)}),
        ("mean", {"axes": (0, 1), "keep_dims": True}),
    ],
)
def test_digits_average_pool(shared, op, attributes):
    """ort_qlinear_layers.npz: QLinearAveragePool over the whole image, as pool and as mean."""
    a = digits_operators(shared)["6_QLinearAveragePool"]
    codes = operator(op, (a["in0"],), (a["in1"], a["in3"]), (a["in2"], a["in4"]), attributes)
    assert (codes == a["out"]).all()
    assert codes.size == 256


@pytest.mark.parametrize("powers", [True, False], ids=["powers of two", "any scales"])
def test_live_qlinearmul(powers):
    """Live: the zero point is inside the rounding, which scales of powers of two show at ties."""
    ort = pytest.importorskip("onnxruntime", reason="onnxruntime computes the products")
    onnx = pytest.importorskip("onnx", reason="onnx writes the one-operator model")
    rng = np.random.default_rng(powers)
    for _ in range(10):
        ties = 2.0 ** np.append(rng.integers(-5, 0, 2), rng.integers(-3, 3))
        scales = np.float32(ties if powers else rng.uniform(0.01, 0.1, 3))
        zeros = rng.integers(0, 256, 3).astype(np.uint8)
        codes = {name: rng.integers(0, 256, (2, 600)).astype(np.uint8) for name in ("a", "b")}
        stored = {"sa": scales[0], "za": zeros[0], "sb": scales[1], "zb": zeros[1],
                  "sy": scales[2], "zy": zeros[2]}  # fmt: skip
        helper, u8 = onnx.helper, onnx.TensorProto.UINT8
        names = ["a", "sa", "za", "b", "sb", "zb", "sy", "zy"]
        node = helper.make_node("QLinearMul", names, ["y"], domain="com.microsoft")
        a, b, y = (helper.make_tensor_value_info(n, u8, [2, 600]) for n in ("a", "b", "y"))
        constants = [onnx.numpy_helper.from_array(np.array(v), n) for n, v in stored.items()]
        domains = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        graph = helper.make_graph([node], "mul", [a, b], [y], constants)
        model = helper.make_model(graph, opset_imports=domains, ir_version=9)
        (expected,) = ort.InferenceSession(model.SerializeToString()).run(None, codes)
        tensors = {
            name: Tensor(name, (600,), U8, float(s), int(z))
            for name, s, z in zip(("a", "b", "y"), scales, zeros, strict=True)
        }
        product = Graph("mul", tensors, (Node("mul", "mul", ("a", "b"), "y"),), ("a", "b"), ("y",))
        inputs = {name: values.astype(np.int64) for name, values in codes.items()}
        found = network.run(product, machine("onnxruntime"), inputs)
        assert (found.codes["y"] == expected).all()
