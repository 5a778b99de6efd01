"""Embeddings out of a column, whatever they are dressed as: lists of any Arrow type, tensors, JSON, NumPy's printing."""

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curator.pool.problems import cut

FloatRows = NDArray[np.floating[Any]]
_PRINTED = re.compile(
    r"\[?[-+.\deEnaif\s,;]*\]?"
)  # numbers in a row, in brackets or not, as people print them
_LONGEST_SHOWN = 40


def matrix_of(values: Any) -> FloatRows | None:
    """(n, dim) embeddings of the rows of a column; None when they are no matrix: then ask for each `row_of`.

    Args:
        values: a list, or an Arrow array.
    """
    if isinstance(values, pa.Array):
        found = _arrow_matrix(values)
        if found is not None:
            return found
        values = plain_values(values)
    return _list_matrix(values)


def plain_values(values: Any) -> list[Any]:
    """The values of a column as Python objects: lists, numbers, text."""
    return list(_storage(values).to_pylist() if isinstance(values, pa.Array) else values)


def row_of(value: object) -> list[float] | None:
    """The numbers of one embedding; None when it is none, or empty.

    A list of one list is that list: what encoders give for one text at a time.
    """
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)) and len(value) == 1 and isinstance(value[0], (list, tuple)):
        value = value[0]
    if not isinstance(value, (list, tuple)) or not value:
        return None
    if any(
        isinstance(entry, bool) or not isinstance(entry, (float, int, np.floating, Decimal))
        for entry in value
    ):
        return None
    try:
        return [float(entry) for entry in value]
    except OverflowError:
        return None


def why_no_row(value: object) -> tuple[str, str]:
    """What a value is that is no embedding, and what to do."""
    advice = "An embedding is a list of numbers, [0.1, 0.2, ...]."
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"{len(value):,} bytes", (
            "Bytes do not say which numbers they are: write a list of numbers, for example"
            " numpy.frombuffer(value, numpy.float32).tolist()."
        )
    if isinstance(value, str) and "..." in value:
        return (
            f"{cut(value, _LONGEST_SHOWN)!r}",
            "NumPy left numbers out when it printed this: write the whole list.",
        )
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], (list, tuple)):
        return (
            f"{len(value):,} lists",
            "It takes one list of numbers a row: average the lists, or take one of them.",
        )
    if isinstance(value, dict):
        return f"an object of {cut(', '.join(map(str, value)), _LONGEST_SHOWN)}", advice
    return f"{cut(str(value), _LONGEST_SHOWN)!r}", advice


def _parsed(text: str) -> object:
    """A list of numbers out of text: JSON, or as NumPy and people print it."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if "..." in text or not _PRINTED.fullmatch(text.strip()):
        return None
    try:
        return [float(number) for number in re.split(r"[\s,;]+", text.strip().strip("[]").strip())]
    except ValueError:
        return None


def _storage(array: Any) -> Any:
    """What a tensor, or another extension of Arrow's types, is made of."""
    while isinstance(array, pa.ExtensionArray):
        array = array.storage
    return array


def _arrow_matrix(array: Any) -> FloatRows | None:
    """(n, dim) without a Python object per number; None when rows differ, or are no lists of numbers."""
    array = _storage(array)
    n_rows = len(array)
    dim = _equal_length(array)
    if dim is None:
        return None
    flat = _storage(array.flatten())
    if dim == 1 and _is_list(flat.type):  # lists of one list
        dim = _equal_length(flat)
        if dim is None:
            return None
        flat = flat.flatten()
    if len(flat) != n_rows * dim or flat.null_count:
        return None
    if pa.types.is_decimal(flat.type):
        flat = pc.cast(flat, pa.float64())
    if not (pa.types.is_floating(flat.type) or pa.types.is_integer(flat.type)):
        return None
    numbers: NDArray[Any] = flat.to_numpy(zero_copy_only=False).reshape(n_rows, dim)
    return numbers.astype(np.float32) if numbers.dtype.kind != "f" else numbers


def _is_list(kind: Any) -> bool:
    tests = ("is_list", "is_large_list", "is_fixed_size_list", "is_list_view", "is_large_list_view")
    return any(getattr(pa.types, test)(kind) for test in tests if hasattr(pa.types, test))


def _equal_length(array: Any) -> int | None:
    """Entries of each list when all have as many, and none is missing or empty."""
    if not _is_list(array.type) or array.null_count or not len(array):
        return None
    lengths = np.asarray(pc.list_value_length(array))
    return int(lengths[0]) if lengths[0] and (lengths == lengths[0]).all() else None


def _list_matrix(values: Sequence[object]) -> FloatRows | None:
    rows = [row_of(value) for value in values]
    if any(row is None for row in rows):
        return None
    try:
        matrix = np.asarray(rows, dtype=np.float64)
    except ValueError:
        return None
    return matrix if matrix.ndim == 2 and matrix.shape[1] else None
