from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest

from hocket.providers.blas import use_one_thread

LIBRARIES = list((Path(np.__file__).parent.parent / "numpy.libs").glob("*openblas*"))


@pytest.mark.skipif(not LIBRARIES, reason="numpy brings no OpenBLAS here")
def test_openblas_is_held_to_one_thread_and_may_be_told_twice() -> None:
    library = ctypes.CDLL(str(LIBRARIES[0]))
    library.scipy_openblas_set_num_threads64_(2)
    assert use_one_thread()
    assert use_one_thread()
    assert library.scipy_openblas_get_num_threads64_() == 1
