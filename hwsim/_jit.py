"""The only place that touches numba and LLVM: one decorator, one cache policy.

numba keys a cached kernel on its own file alone: a kernel in ``fast.py`` would
outlive a change of ``rounding.py``. The cache therefore lives in a folder named
after a digest of *all* hwsim sources, those that emit vector code among them, and
of the choice of vector instructions, so that a stale kernel can never run.
``NUMBA_CACHE_DIR``, where the user sets it, stays the parent of that folder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic, overload

__all__ = [
    "cgutils",
    "cpu_features",
    "inlined",
    "intrinsic",
    "ir",
    "kernel",
    "overload",
    "types",
    "vectors",
]

_PACKAGE = Path(__file__).parent
_KEPT_DIGESTS = 3


def vectors() -> str:
    """What the user asks of vector instructions: a name, ``none``, or the best there are."""
    return os.environ.get("HWSIM_VECTORS", "best")


def cpu_features() -> frozenset[str]:
    """Instructions that kernels are compiled for, by LLVM's names; none where they are Python."""
    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]  # set at run time
        return frozenset()
    asked = numba.config.CPU_FEATURES  # type: ignore[attr-defined]
    features = get_host_cpu_features() if asked is None else asked  # type: ignore[no-untyped-call]
    return frozenset(name[1:] for name in features.split(",") if name.startswith("+"))


def _source_digest() -> str:
    """Digest of every hwsim source file that could define a kernel, and of what kernels use."""
    digest = hashlib.sha256(f"{numba.__version__} {vectors()}".encode())
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _cache_folder() -> Path:
    """Where this version's kernels are kept; older versions' folders are pruned."""
    user = os.environ.get("NUMBA_CACHE_DIR")
    home = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    parent = Path(user) if user else Path(home) / "hwsim"
    try:
        older = sorted(
            (p for p in parent.glob("kernels-*") if p.is_dir()), key=lambda p: p.stat().st_mtime
        )
        for stale in older[: -_KEPT_DIGESTS + 1]:
            shutil.rmtree(stale, ignore_errors=True)
    except OSError:
        pass  # pruning is a courtesy: a folder that vanished meanwhile is no failure
    return parent / f"kernels-{_source_digest()}"


numba.config.CACHE_DIR = str(_cache_folder())  # type: ignore[attr-defined]  # set at run time

kernel = numba.njit(cache=True, nogil=True, error_model="python")
"""Compile a function of arrays and integers, once for all widths and modes."""

inlined = numba.njit(inline="always", error_model="python")
"""A part of one kernel, written apart to be read: compiled with it, and not before."""
