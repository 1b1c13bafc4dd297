"""Vector instructions of this processor, chosen once.

All that the kernels ask for by name is the product of 16-bit pairs, ``pmaddwd``: with one of the
pair zero, it is one product to a 32-bit lane, and together with the addition one instruction where
the processor has VNNI. Everything else is LLVM's own vector code.
"""

from __future__ import annotations

from dataclasses import dataclass

from hwsim._jit import cpu_features, vectors


@dataclass(frozen=True)
class Instructions:
    """One kind of vectors.

    Attributes
    ----------
    name : str
    needs : frozenset of str
        Processor features, by LLVM's names.
    words : int
        32-bit lanes of one vector.
    channels : int
        Channels that run together: what the registers hold.
    multiply_pairs : str
        LLVM's name of the product of 16-bit pairs.
    """

    name: str
    needs: frozenset[str]
    words: int
    channels: int
    multiply_pairs: str

    @property
    def lanes(self) -> int:
        """Outputs of one channel that run together: two vectors."""
        return 2 * self.words


KNOWN = (
    Instructions(
        name="avx512",
        needs=frozenset({"avx512f", "avx512bw", "avx512vl", "avx512dq"}),
        words=16,
        channels=4,
        multiply_pairs="llvm.x86.avx512.pmaddw.d.512",
    ),
    Instructions(
        name="avx2",
        needs=frozenset({"avx2", "popcnt"}),
        words=8,
        channels=2,
        multiply_pairs="llvm.x86.avx2.pmadd.wd",
    ),
)


def choose(asked: str, features: frozenset[str]) -> Instructions | None:
    """The best that the processor has, or the one ``asked`` for by name; None: plain kernels.

    >>> choose("best", frozenset({"avx2", "popcnt"})).name
    'avx2'
    >>> choose("best", frozenset()) is None, choose("none", frozenset({"avx2", "popcnt"})) is None
    (True, True)
    """
    found = [k for k in KNOWN if k.needs <= features and asked in ("best", k.name)]
    return found[0] if found else None


CHOSEN = choose(vectors(), cpu_features())
