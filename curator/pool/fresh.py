"""Fresh embeddings for all items of a pool whose embeddings came with the data, say from an encoder tuned since."""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.errors import DataError
from curator.pool.catalogue import Pool
from curator.pool.embeddings import EmbeddingStore
from curator.pool.vectors import FloatArray, StoredSegment, StoreManifest, VectorWriter, vector_file
from integrations.encoders.precomputed import DAMAGED, FINGERPRINT, NAME
from integrations.encoders.protocol import unit_rows

_SHOWN = 3


@dataclass(frozen=True)
class Replaced:
    """What took the place of the old embeddings.

    Attributes:
        items: with an embedding.
        dim: entries of each.
        zero_rows: embeddings that are all zero.
    """

    items: int
    dim: int
    zero_rows: int


def replace_embeddings(store: EmbeddingStore, pool: Pool, path: Path) -> Replaced:
    """Put the embeddings of a file in the place of the store's, all or none.

    Args:
        store: of precomputed embeddings.
        pool: whose items they are.
        path: `.npz` with the arrays `ids` (n,) and `embeddings` (n, dim), in any order, every item of the pool among them;
            or `.npy` (n_items, dim) in the order of the pool, which is that of `curator predict`.

    Raises:
        DataError: the file cannot be used; the old embeddings stay.
    """
    matrix = _in_pool_order(path, pool)
    wrong = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
    if len(wrong):
        ids = ", ".join(map(repr, pool.ids(wrong[:_SHOWN])))
        raise DataError(
            f"{path}: {len(wrong):,} embeddings are not finite; the first belong to the items {ids}. Compute them again."
        )
    rows, zero_rows = unit_rows(matrix)
    _swap(store.folder, _written(store.folder, pool, rows, path))
    return Replaced(len(rows), rows.shape[1], zero_rows)


def _in_pool_order(path: Path, pool: Pool) -> NDArray[np.floating[Any]]:
    """(n_items, dim) the embeddings of a file."""
    if path.suffix not in (".npy", ".npz"):
        raise DataError(
            f"{path}: fresh embeddings come as FILE.npz with the arrays ids and embeddings, or as FILE.npy."
        )
    try:
        found = np.load(path, allow_pickle=False)
        ids = None if path.suffix == ".npy" else [str(item_id) for item_id in found["ids"].tolist()]
        matrix = np.asarray(found if ids is None else found["embeddings"])
    except KeyError as exc:
        raise DataError(f"{path}: has no array {exc}. It needs `ids` and `embeddings`.") from exc
    except DAMAGED as exc:
        raise DataError(f"{path}: cannot be read ({exc}). Write it with numpy.savez or numpy.save.") from exc
    if matrix.ndim != 2 or not np.issubdtype(matrix.dtype, np.floating) or not matrix.size:
        raise DataError(
            f"{path}: {matrix.dtype} of shape {matrix.shape}; it must be floats of shape (items, entries)."
        )
    if ids is None:
        if len(matrix) != pool.n_items:
            raise DataError(
                f"{path}: {len(matrix):,} embeddings for {pool.n_items:,} items. Give one per item in the order of the pool "
                "(`curator predict` lists it), or an .npz with ids."
            )
        return matrix
    if len(ids) != len(matrix):
        raise DataError(f"{path}: {len(ids):,} ids for {len(matrix):,} embeddings. Give one for each.")
    place = {item_id: at for at, item_id in enumerate(ids)}
    wanted = pool.ids(np.arange(pool.n_items))
    missing = [item_id for item_id in wanted if item_id not in place]
    if missing:
        shown = ", ".join(map(repr, missing[:_SHOWN]))
        raise DataError(
            f"{path}: {len(missing):,} of {pool.n_items:,} items have no embedding in it, first {shown}. One encoder must "
            "have made all of them: give every item's."
        )
    return matrix[[place[item_id] for item_id in wanted]]


def _written(folder: Path, pool: Pool, rows: FloatArray, path: Path) -> Path:
    """A complete store beside the one in `folder`."""
    fresh = folder.with_name(f"{folder.name}.fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    digest = hashlib.sha256(np.ascontiguousarray(rows).data).hexdigest()[:16]
    manifest = StoreManifest(NAME, FINGERPRINT, rows.shape[1], {"source": str(path), "digest": digest})
    for segment in pool.segments:
        block = rows[segment.first_row : segment.first_row + segment.n_rows]
        file = vector_file(segment.index)
        with VectorWriter(fresh / f"{file}.partial", len(block), rows.shape[1]) as writer:
            writer.append(block)
            writer.finish(fresh / file)
        zero_rows = int((~block.any(axis=1)).sum())
        manifest.segments[segment.index] = StoredSegment(len(block), segment.content_hash, file, zero_rows)
    manifest.save(fresh)
    return fresh


def _swap(folder: Path, fresh: Path) -> None:
    """Two renames; `EmbeddingStore` finishes the second when a kill came between."""
    old = folder.with_name(f"{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
