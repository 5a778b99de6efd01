"""A small file of embeddings that says it holds a great deal."""

import struct
import zipfile

import numpy as np
import pytest

from integrations.encoders.precomputed import MOST_ENTRIES, AlignedArray
from integrations.errors import EncoderError


def archive(path, header, zeros):
    """An `.npz` whose one array has a header and so many zeros."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made, made.open("arr_0.npy", "w") as file:
        file.write(header)
        for _ in range(zeros // 2**20):
            file.write(bytes(2**20))
    return path


def header(shape):
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (header((4, 2**24)), "entries per row, more than"),
        (header((1, 2**26)), "entries per row, more than"),
        (b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**28), "header claims to have 268,435,456 bytes"),
        (b"\x93NUMPY\x03\x00" + struct.pack("<I", 2**32 - 1), "header claims to have"),
        (header((2**40, 2**40)), "entries"),
    ],
)
def test_what_unpacks_to_far_more_than_embeddings_is_refused(tmp_path, head, said):
    """Before it is unpacked: rows without end, and a header without end."""
    path = archive(tmp_path / "e.npz", head, 2**28)
    assert path.stat().st_size < 2**19
    with pytest.raises(EncoderError, match=said):
        AlignedArray(str(path))


def test_wide_embeddings_are_taken(tmp_path):
    """Raw pixels, say."""
    np.savez_compressed(tmp_path / "e.npz", np.zeros((2, MOST_ENTRIES), np.float32))
    array = AlignedArray(str(tmp_path / "e.npz"))
    assert array.read(2).shape == (2, MOST_ENTRIES)
    array.close()
