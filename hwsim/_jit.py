"""The only place that touches numba: one decorator, one cache policy.

numba keys a cached kernel on its own file alone: a kernel in ``fast.py`` would
outlive a change of ``rounding.py``. The cache therefore lives in a folder named
after a digest of *all* hwsim sources, so that a stale kernel can never run.
``NUMBA_CACHE_DIR``, where the user sets it, stays the parent of that folder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import numba

_PACKAGE = Path(__file__).parent
_KEPT_DIGESTS = 3


def _source_digest() -> str:
    """Digest of every hwsim source file that could define a kernel."""
    digest = hashlib.sha256(numba.__version__.encode())
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
