"""Codes of images as a layer's sums read them: row by row, each between its borders."""

from __future__ import annotations

from hwsim._jit import kernel


@kernel
def lay_codes(codes, top_bit, zero, shift, images, first, size, row):  # type: ignore[no-untyped-def]
    """Images of operands, ``((codes ^ top_bit) - zero) << shift``: uint8 to uint8 or int16.

    ``codes``: (S, height, length); ``top_bit``: 128 where the bytes are signed codes, which so
    become ``code + 128``; else 0. Row y of image s begins at ``first + s * size + y * row`` of
    ``images``.

    >>> import numpy as np
    >>> codes, images = np.array([[[1, 2], [255, 4]]], np.uint8), np.zeros(8, np.uint8)
    >>> lay_codes(codes, np.uint8(128), 0, 0, images, 1, 8, 3)
    >>> images.tolist()
    [0, 129, 130, 0, 127, 132, 0, 0]
    """
    kind = images.dtype.type
    minus, times = kind(zero), kind(1 << shift)
    length = codes.shape[2]
    for s in range(codes.shape[0]):
        for y in range(codes.shape[1]):
            begin, given = first + s * size + y * row, codes[s, y]
            laid = images[begin : begin + length]
            if shift == 0:  # bytes are not multiplied side by side
                for i in range(length):
                    laid[i] = kind(kind(given[i] ^ top_bit) - minus)
            else:
                for i in range(length):
                    laid[i] = kind(kind(kind(given[i] ^ top_bit) - minus) * times)
