"""The linear algebra under numpy, held to one thread.

OpenBLAS starts as many threads as there are cores for a product as small as one batch of a detector. On a server that
is a loss: the threads spin beside the event loop, and every core has a process of its own already.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np

_SETTERS = ("scipy_openblas_set_num_threads64_", "scipy_openblas_set_num_threads", "openblas_set_num_threads")


def use_one_thread() -> bool:
    """Tell the OpenBLAS of numpy's wheel to use one thread, in this process and from now on; repeating it is harmless.

    False where numpy is built on another library: `OPENBLAS_NUM_THREADS=1`, `MKL_NUM_THREADS=1` or its like, set before
    Python starts, does it there. The environment is not touched, so processes started later are not affected.
    """
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs"):
        for library in sorted(folder.glob("*openblas*")):
            loaded = ctypes.CDLL(str(library))
            for setter in _SETTERS:
                if hasattr(loaded, setter):
                    getattr(loaded, setter)(1)
                    return True
    return False
