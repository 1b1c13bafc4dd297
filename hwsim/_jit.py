"""The only place that touches numba and LLVM: one decorator, one cache policy.

numba keys a cached kernel on its own file alone: a kernel in ``fast.py`` would
outlive a change of ``rounding.py``. The cache therefore lives in a folder named
after a digest of all sources that a kernel can depend on, those that emit vector code among
them, and of the choice of vector instructions, so that a stale kernel can never run.
``NUMBA_CACHE_DIR``, where the user sets it, stays the parent of that folder.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.core.caching import FunctionCache
from numba.core.codegen import get_host_cpu_features
from numba.core.runtime.nrt import rtsys
from numba.extending import intrinsic, overload

__all__ = [
    "cgutils",
    "cpu_features",
    "inlined",
    "intrinsic",
    "ir",
    "is_kept",
    "kernel",
    "lean_kernel",
    "matrix_registers",
    "overload",
    "source_digest",
    "types",
    "vectors",
]

if TYPE_CHECKING:
    from numba.core.dispatcher import Dispatcher

Function = TypeVar("Function", bound=Callable[..., Any])

_PACKAGE = Path(__file__).parent
_KEPT_DIGESTS = 3
_ARCH_PRCTL, _REQUEST, _TILE_DATA = 158, 0x1023, 18  # of Linux on x86-64
KERNEL_FLOORS = ("_jit.py", "arith", "array", "mapping", "network")


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


def matrix_registers() -> bool:
    """Whether kernels may use the processor's matrix registers (AMX), by which Linux means whoever
    asks: they are large, and a signal must find room for them (arch_prctl, ARCH_REQ_XCOMP_PERM)."""
    if vectors() != "best" or sys.platform != "linux" or "amx-int8" not in cpu_features():
        return False
    granted: int = ctypes.CDLL(None).syscall(_ARCH_PRCTL, _REQUEST, _TILE_DATA)
    return granted == 0


def source_digest(*words: str, of_kernels: bool = False) -> str:
    """Digest of every hwsim source file, and of some words.

    ``of_kernels``: of those alone that a compiled kernel can depend on: the floors that have
    kernels (nothing else has, tests/test_architecture.py).
    """
    digest = hashlib.sha256(" ".join(words).encode())
    tops = [_PACKAGE / floor for floor in KERNEL_FLOORS] if of_kernels else [_PACKAGE]
    files = [path for top in tops for path in (top.rglob("*.py") if top.is_dir() else [top])]
    for path in sorted(files):
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
    words = numba.__version__, vectors(), str(matrix_registers())
    return parent / f"kernels-{source_digest(*words, of_kernels=True)}"


def _features() -> str | None:
    """What numba is told of the processor: all it finds, and whole vectors of 512 bits where there
    are some. LLVM would take halves, for processors whose clock once fell; our vector code is of
    whole ones beside it. None: numba's own choice, or the user's."""
    asked: str | None = numba.config.CPU_FEATURES  # type: ignore[attr-defined]
    if asked is not None or vectors() not in ("best", "avx512") or "avx512f" not in cpu_features():
        return asked
    return f"{get_host_cpu_features()},-prefer-256-bit"  # type: ignore[no-untyped-call]


numba.config.CPU_FEATURES = _features()  # type: ignore[attr-defined]  # set at run time
numba.config.CACHE_DIR = str(_cache_folder())  # type: ignore[attr-defined]  # set at run time


def _load_without_scipy() -> None:
    """Load numba's array functions where they cannot find SciPy's matrix products: they would load
    them, which takes as long as numba itself, and use them in covariances alone.
    """
    if "scipy.linalg" not in sys.modules:
        sys.modules["scipy.linalg"] = None  # type: ignore[assignment]  # that is: not to be found
        try:
            import_module("numba.np.arraymath")
        finally:
            del sys.modules["scipy.linalg"]


class _Kept:
    """A function's compiled kernels on disk, as numba's dispatcher asks for them.

    numba opens them when the function is decorated, and loads all that it can compile before it
    reads one. Here both wait: for the first call, and for the first kernel that is not there.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    @cached_property
    def _files(self) -> Any:
        return FunctionCache(self._function)  # type: ignore[no-untyped-call]

    @property
    def cache_path(self) -> str:
        """The folder."""
        return str(self._files.cache_path)

    def any(self) -> bool:
        """Whether there are some."""
        return Path(self._files._cache_file._index_path).exists()

    def flush(self) -> None:
        """Forget them."""
        self._files.flush()

    def load_overload(self, signature: Any, target: Any) -> Any:
        """The kernel of a signature, or None where it must be compiled."""
        rtsys.initialize(target)  # memory of arrays, which a kernel may ask for
        files, found = self._files, None
        with files._guard_against_spurious_io_errors():
            found = files._load_overload(signature, target)
        if found is None:
            _load_without_scipy()
        return found

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a kernel."""
        self._files.save_overload(signature, compiled)


def _compiled(function: Function, **options: Any) -> Dispatcher[Function]:
    """Compile with numba's options, keep on disk."""
    compiled: Any = numba.njit(nogil=True, error_model="python", **options)(function)
    if compiled is not function:  # that is: unless NUMBA_DISABLE_JIT is set
        compiled._cache = _Kept(function)
    dispatcher: Dispatcher[Function] = compiled
    return dispatcher


def kernel(function: Function) -> Dispatcher[Function]:
    """Compile a function of arrays and integers, once for all widths and modes."""
    return _compiled(function)


def lean_kernel(function: Function) -> Dispatcher[Function]:
    """Compile a kernel that makes no array: views of its arguments are not counted, which a loop
    over small tiles would do many times a tile."""
    return _compiled(function, _nrt=False)


def is_kept(compiled: Any) -> bool:
    """Whether some form of a kernel was compiled before, here or by another process: a small job is
    not worth what that takes."""
    kept = getattr(compiled, "_cache", None)  # none: Python
    return kept is None or kept.any()


inlined = numba.njit(inline="always", error_model="python")
"""A part of one kernel, written apart to be read: compiled with it, and not before."""
