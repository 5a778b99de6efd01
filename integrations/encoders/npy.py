"""Headers of `.npy` data (NEP 1): NumPy's own reader and writer, without their arrays."""

import warnings
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

_LONGEST_HEADER = 65_536  # bytes; a header of format 2 may say that it has four billion
LONGEST_REASON = 200  # characters: NumPy quotes the whole header


def read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether it is stored column by column, and type; the file then stands at the first number.

    Raises:
        ValueError: this is no `.npy` data.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that Python 2 wrote the file
            version = npy.read_magic(file)  # type: ignore[no-untyped-call]
            read: Any = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, fortran, dtype = read(_Head(file))
    except OSError:
        raise
    except Exception as error:
        # it reads the header as Python source, which a damaged one breaks in many ways
        raise ValueError(" ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__) from error
    return tuple(int(entries) for entries in shape), fortran, dtype


class _Head:
    """The beginning of a file, for a reader that takes whatever the file says for the length of its header."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        if size > _LONGEST_HEADER:
            raise ValueError(f"its header claims to have {size:,} bytes")
        return self._file.read(size)


def write_header(file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """The header of an array stored row by row; the numbers follow."""
    header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    write: Any = npy.write_array_header_1_0
    write(file, header)
