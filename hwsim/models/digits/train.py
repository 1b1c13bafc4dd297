"""Train ``digits`` in plain numpy: ``python -m hwsim.models.digits.train FOLDER``.

Writes ``float.npz`` (parameters and tensor ranges) and ``test.npz`` (held-apart images) to FOLDER.
Seeded; a minute or two. Needs scikit-learn for the images. Another machine's matrix product adds
in another order, so its parameters differ in the last bits; the files beside are the ones to use.

The split: a permutation of the 1,797 images, the last 497 are the test images. It is
``torch.randperm(1797, generator=torch.Generator().manual_seed(0))``, which `permutation` computes
without torch.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwsim.importers.arrays import write_npz
from hwsim.models.digits.architecture import LAYERS, Layer

Reals = NDArray[np.float32]
Tensors = dict[str, Reals]

TEST_IMAGES = 497
EPOCHS = 200
BATCH = 50
LEARNING_RATE = 6e-3
SMOOTHING = 0.05  # label smoothing
WEIGHT_DECAY = 2e-4


def permutation(count: int, seed: int) -> NDArray[np.int64]:
    """Fisher-Yates with a Mersenne twister: ``r[i] <-> r[i + random % (count - i)]``.

    >>> permutation(1797, 0)[-4:]
    array([ 464, 1504,   80,  317])
    """
    words = np.random.RandomState(seed).randint(  # the twister itself is the rule
        0, 1 << 32, count, np.uint32
    )
    order = np.arange(count)
    for i in range(count - 1):
        j = i + int(words[i]) % (count - i)
        order[i], order[j] = order[j], order[i]
    return order


def taps(x: Reals, layer: Layer) -> Reals:
    """Rows of a convolution: (S, y, x, c) to (S, oy, ox, ky, kx, c)."""
    padded = np.pad(x, ((0, 0), *layer.padding, (0, 0)))
    _, ky, kx, _ = layer.weight_shape
    windows = np.lib.stride_tricks.sliding_window_view(padded, (ky, kx), axis=(1, 2))
    windows = windows[:, :: layer.stride, :: layer.stride]
    return np.ascontiguousarray(windows.transpose(0, 1, 2, 4, 5, 3))


def untaps(gradient: Reals, layer: Layer, shape: tuple[int, ...]) -> Reals:
    """Transpose of `taps`: every tap's gradient back to its pixel."""
    (top, bottom), (left, right) = layer.padding
    samples, y, x, channels = shape
    padded = np.zeros((samples, y + top + bottom, x + left + right, channels), np.float32)
    _, oy, ox, ky, kx, _ = gradient.shape
    for j in range(ky):
        for i in range(kx):
            rows = slice(j, j + oy * layer.stride, layer.stride)
            columns = slice(i, i + ox * layer.stride, layer.stride)
            padded[:, rows, columns] += gradient[:, :, :, j, i]
    return padded[:, top : top + y, left : left + x]


def product(x: Reals, weight: Reals, layer: Layer) -> Reals:
    """One layer before bias and activation; ``x`` holds taps, or features of ``fc6``."""
    if layer.op == "depthwise_conv_2d":
        y: Reals = np.einsum("syxjic,cji->syxc", x, weight[..., 0])
        return y
    rows = x.reshape(*x.shape[: 1 if x.ndim == 2 else 3], -1)
    y = rows @ weight.reshape(len(weight), -1).T
    return y


def forward(parameters: Tensors, image: Reals) -> tuple[Tensors, Tensors]:
    """Every tensor by name, and what `backward` needs: each layer's rows."""
    tensors, rows = {"image": image}, {}
    for layer in LAYERS:
        x = tensors[layer.input]
        rows[layer.name] = x if layer.op == "fully_connected" else taps(x, layer)
        y = product(rows[layer.name], parameters[f"{layer.name}.weight"], layer)
        y += parameters[f"{layer.name}.bias"]
        tensors[layer.name] = np.maximum(y, 0) if layer.relu else y
        if layer.name == "pw3":
            tensors["add3"] = np.maximum(tensors["conv1"] + y, 0)
        if layer.name == "conv4":
            tensors["pool5"] = tensors["conv4"].mean(axis=(1, 2))
    return tensors, rows


def backward(parameters: Tensors, tensors: Tensors, rows: Tensors, logits: Reals) -> Tensors:
    """Gradient of every parameter, from the gradient of the logits."""
    gradients: Tensors = {}
    upstream: Tensors = {"fc6": logits}
    for layer in reversed(LAYERS):
        if layer.name == "conv4":
            pooled = upstream["pool5"][:, None, None] / 16
            upstream["conv4"] = np.broadcast_to(pooled, tensors["conv4"].shape)
        if layer.name == "pw3":
            upstream["pw3"] = upstream["add3"] * (tensors["add3"] > 0)
            upstream["conv1"] = upstream["pw3"]
        y = upstream[layer.name] * (tensors[layer.name] > 0) if layer.relu else upstream[layer.name]
        weight, x = parameters[f"{layer.name}.weight"], rows[layer.name]
        gradients[f"{layer.name}.bias"] = y.sum(axis=tuple(range(y.ndim - 1)))
        if layer.op == "depthwise_conv_2d":
            gradients[f"{layer.name}.weight"] = np.einsum("syxc,syxjic->cji", y, x)[..., None]
            into = y[:, :, :, None, None] * weight[..., 0].transpose(1, 2, 0)
        else:
            flat = y.reshape(-1, y.shape[-1])
            gradients[f"{layer.name}.weight"] = (flat.T @ x.reshape(len(flat), -1)).reshape(
                weight.shape
            )
            into = (flat @ weight.reshape(len(weight), -1)).reshape(x.shape)
        if layer.input != "image":
            if layer.op != "fully_connected":
                into = untaps(into, layer, tensors[layer.input].shape)
            upstream[layer.input] = upstream.get(layer.input, np.float32(0)) + into
    return gradients


def shifted(images: Reals, random: np.random.Generator) -> Reals:
    """Every image moved by -1..1 pixels, each way on its own."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y, x = random.integers(0, 3, (2, len(images)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (8, 8), axis=(1, 2))
    return np.ascontiguousarray(windows[np.arange(len(images)), y, x].transpose(0, 2, 3, 1))


def train(images: Reals, labels: NDArray[np.int64], seed: int = 0) -> Tensors:
    """Adam, learning rate falling as a cosine; cross entropy with smoothed labels."""
    random = np.random.default_rng(seed)
    parameters: Tensors = {}
    for layer in LAYERS:
        fan_in = int(np.prod(layer.weight_shape[1:]))
        weight = random.normal(0, np.sqrt(2 / fan_in), layer.weight_shape)
        parameters[f"{layer.name}.weight"] = weight.astype(np.float32)
        parameters[f"{layer.name}.bias"] = np.zeros(layer.weight_shape[0], np.float32)
    first = {name: np.zeros_like(value) for name, value in parameters.items()}
    second = {name: np.zeros_like(value) for name, value in parameters.items()}
    targets = np.eye(10, dtype=np.float32)[labels] * (1 - SMOOTHING) + SMOOTHING / 10
    steps = EPOCHS * (len(images) // BATCH)
    for step in range(steps):
        chosen = random.integers(0, len(images), BATCH)
        tensors, rows = forward(parameters, shifted(images[chosen], random))
        logits = tensors["fc6"]
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        error = (powers / powers.sum(axis=1, keepdims=True) - targets[chosen]) / BATCH
        rate = LEARNING_RATE * (1 + np.cos(np.pi * step / steps)) / 2
        for name, gradient in backward(parameters, tensors, rows, error).items():
            first[name] += 0.1 * (gradient - first[name])
            second[name] += 0.01 * (gradient**2 - second[name])
            unbiased = first[name] / (1 - 0.9 ** (step + 1))
            spread = np.sqrt(second[name] / (1 - 0.99 ** (step + 1))) + 1e-8
            decay = WEIGHT_DECAY * parameters[name]
            parameters[name] -= np.float32(rate) * (unbiased / spread + decay).astype(np.float32)
    return parameters


def main(folder: Path) -> None:
    """Train, and write both files."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = permutation(len(digits.images), 0)
    pixels = digits.images.astype(np.uint8)[..., None]
    learn, test = order[:-TEST_IMAGES], order[-TEST_IMAGES:]
    images = pixels[learn].astype(np.float32) / 16
    parameters = train(images, digits.target[learn])
    tensors, _ = forward(parameters, images)
    ranges = {f"{name}.range": np.array([t.min(), t.max()]) for name, t in tensors.items()}
    write_npz(folder / "float.npz", {**parameters, **ranges})
    labels = digits.target[test].astype(np.uint8)
    scale = np.array(1 / 16)
    write_npz(folder / "test.npz", {"X": pixels[test], "Y": labels, "X_scale": scale})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
