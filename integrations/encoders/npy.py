"""Headers of `.npy` data (NEP 1): NumPy's own reader and writer, without their arrays."""

from typing import IO, Any

import numpy as np
from numpy.lib import format as npy


def read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether it is stored column by column, and type; the file then stands at the first number.

    Raises:
        ValueError: this is no `.npy` data.
    """
    version = npy.read_magic(file)  # type: ignore[no-untyped-call]
    read: Any = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read(file)
    return shape, fortran, dtype


def write_header(file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """The header of an array stored row by row; the numbers follow."""
    header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    write: Any = npy.write_array_header_1_0
    write(file, header)
