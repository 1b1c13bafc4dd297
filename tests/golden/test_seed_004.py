"""Document 004's per-channel convolution: the correct integers, and the error of each variant."""

import numpy as np
import pytest
import strategies
from golden.seed_layers import execute, per_channel, problem, taps


@pytest.fixture(scope="module")
def golden(shared):
    return dict(np.load(shared / "golden/seeds/seed004_perchannel.npz"))


def accumulators(golden, form, dataflow="none", engine="fast"):
    machine = strategies.machine(
        dataflow, 4, 4, activation=(8, False), weight=(8, False), zero_point=form,
        bias=(32, "saturate", 0, "last"),
    )  # fmt: skip
    gemm = problem(
        golden, pad=0, za=golden["x_zp"], zw=golden["w_zp"][None],
        a_range=(0, 255), w_range=(0, 255),
    )  # fmt: skip
    return execute(gemm, machine, engine)


@pytest.mark.parametrize("form", ["subtract", "fold"])
def test_per_channel_weight_zero_points_give_the_exact_integers(golden, form):
    found = accumulators(golden, form)
    assert (found.accumulator[0, 0] == per_channel(golden["acc_bias"])).all()
    factor = golden["w_scale"] * golden["x_scale"] / golden["y_scale"]
    codes = np.rint(found.accumulator[0, 0] * factor).astype(np.int64) + golden["y_zp"]
    assert (np.clip(codes, 0, 255) == per_channel(golden["qy"])).all()


@pytest.mark.parametrize("engine", ["fast", "cycle"])
@pytest.mark.parametrize("dataflow", strategies.ARRAYS)
def test_every_array_gives_the_exact_integers(golden, dataflow, engine):
    for form in ("subtract", "fold"):
        found = accumulators(golden, form, dataflow, engine)
        assert (found.accumulator[0, 0] == per_channel(golden["acc_bias"])).all()


TABLE = {  # mean, rms, largest error in output LSB, SQNR in dB, as docs print them
    "A as written": ("-2.21", "30.08", "158.1", "-2.94"),
    "B Zw subtracted": ("-.266", "6.60", "12.1", "10.24"),
    "C bias in accumulator units": ("-.005", ".387", "1.63", "34.87"),
    "D input rounded": ("0", ".207", "1.03", "40.29"),
    "F correct integer": ("0", ".360", "1.49", "35.49"),
    "bias dropped": ("-.261", "6.59", "12.7", "10.25"),
    "Zw kept": ("-.47", "29.2", "150", "-2.69"),
    "weights unrounded": ("0", ".355", "1.41", "35.61"),
    "weights truncated": (".002", ".376", None, "35.11"),
    "input truncated": ("-.004", ".487", None, "32.88"),
    "output truncated": ("-.500", ".617", None, "30.83"),
    "all truncated": ("-.50", ".705", None, "29.67"),
    "M = (S1 + S2) / S3": ("2.2", "110.9", None, "-14.3"),
    "float result quantized": ("0", ".289", ".50", "37.41"),
}


def scale_and_zero_point(values, axis=None):
    """The notebook's asymmetric eight-bit rule, zero in the range."""
    lo, hi = np.minimum(values.min(axis), 0), np.maximum(values.max(axis), 0)
    return (hi - lo) / 255, np.rint(-lo / ((hi - lo) / 255))


class Notebook:
    """The notebook's tensors as float64, m x k and k x n."""

    def __init__(self, torch):
        torch.manual_seed(0)
        images, conv = torch.randn(64, 1, 28, 28), torch.nn.Conv2d(1, 40, 3, 1)
        result = conv(images).detach().double().numpy()
        self.a = np.stack([taps(i, 3, 0, 0).reshape(676, 9) for i in images.double().numpy()])
        self.w = conv.weight.detach().double().numpy().reshape(40, 9).T
        self.b = conv.bias.detach().double().numpy()
        self.real = result.reshape(64, 40, 676).transpose(0, 2, 1)
        self.sa, self.za = scale_and_zero_point(images.double().numpy())
        self.sw, self.zw = scale_and_zero_point(self.w, 0)
        self.sy, self.zy = scale_and_zero_point(self.real)
        self.factor = self.sw * self.sa / self.sy

    def a_codes(self, rule):
        return rule(np.clip(self.za + self.a / self.sa, 0, 255))

    def w_codes(self, rule):
        return rule(np.clip(self.zw + self.w / self.sw, 0, 255))

    def bias_codes(self):
        return np.rint(self.b / (self.sw * self.sa)).astype(np.int64)

    def integer_sums(self, a_rule=np.rint, w_rule=np.rint, zw=None, bias=None):
        """hwsim's accumulators for integer operands."""
        gemm = strategies.gemm(
            self.a_codes(a_rule)[:, None], self.w_codes(w_rule)[None], self.za,
            self.zw if zw is None else zw, self.bias_codes() if bias is None else bias,
            (0, 255), (0, 255),
        )  # fmt: skip
        machine = strategies.machine("none", activation=(8, False), weight=(8, False))
        return execute(gemm, machine).accumulator[:, 0]

    def codes(self, sums, rule=np.rint, factor=None):
        factor = self.factor if factor is None else factor
        return np.clip(rule(sums * factor + self.zy), 0, 255)

    def variants(self):
        """Output of each row of the table, in LSB, zero point included."""

        def unrounded(codes):
            return codes

        def floats(rule, zw, bias):
            return (self.a_codes(rule) - self.za) @ (self.w_codes(unrounded) - zw) + bias

        wide_bias, exact = self.b / (self.sw * self.sa), self.integer_sums()
        yield "A as written", floats(np.trunc, 0, self.b) * self.factor + self.zy
        yield "B Zw subtracted", floats(np.trunc, self.zw, self.b) * self.factor + self.zy
        yield (
            "C bias in accumulator units",
            floats(np.trunc, self.zw, wide_bias) * self.factor + self.zy,
        )
        yield "D input rounded", floats(np.rint, self.zw, wide_bias) * self.factor + self.zy
        yield "F correct integer", self.codes(exact)
        yield "bias dropped", self.codes(self.integer_sums(bias=0))
        yield "Zw kept", self.codes(self.integer_sums(zw=0))
        yield "weights unrounded", self.codes(floats(np.rint, self.zw, self.bias_codes()))
        yield "weights truncated", self.codes(self.integer_sums(w_rule=np.trunc))
        yield "input truncated", self.codes(self.integer_sums(a_rule=np.trunc))
        yield "output truncated", self.codes(exact, np.trunc)
        truncated = self.integer_sums(a_rule=np.trunc, w_rule=np.trunc)
        yield "all truncated", self.codes(truncated, np.trunc)
        yield "M = (S1 + S2) / S3", self.codes(exact, factor=(self.sw + self.sa) / self.sy)
        yield "float result quantized", self.codes(self.real / self.sy / self.factor)


def measured(notebook, output):
    """mean, rms, largest error against the float result, and SQNR."""
    real = notebook.real / notebook.sy
    error = output - notebook.zy - real
    power = (error**2).mean()
    sqnr = 10 * np.log10((real**2).mean() / power)
    return error.mean(), np.sqrt(power), np.abs(error).max(), sqnr


def agrees(value: float, printed: str | None) -> bool:
    """Within one percent, or within the last digit that was printed."""
    if printed is None:
        return True
    digits = len(printed.partition(".")[2])
    return abs(value - float(printed)) <= max(0.01 * abs(float(printed)), 0.6 * 10**-digits)


@pytest.mark.torch
def test_each_variant_has_the_documented_error():
    """Float statistics of rounded prints, hence a tolerance: one percent of what is printed."""
    torch = pytest.importorskip("torch", reason="torch makes the notebook's random tensors")
    notebook = Notebook(torch)
    seen = {name: measured(notebook, output) for name, output in notebook.variants()}
    assert list(seen) == list(TABLE)
    for name, printed in TABLE.items():
        for value, text in zip(seen[name], printed, strict=True):
            assert agrees(value, text), f"{name}: {seen[name]}, printed {printed}"
