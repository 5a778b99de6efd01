"""The embeddings of the pool: computed once per segment, kept on disk, streamed or picked by row."""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curator.errors import CuratorError, DataError
from curator.files import sync_folder
from curator.pool.catalogue import Pool
from curator.pool.segments import SEGMENT_ROWS, Segment
from curator.pool.vectors import (
    MANIFEST,
    FloatArray,
    StoredSegment,
    StoreManifest,
    VectorWriter,
    open_vectors,
    rows_written,
    store_folder,
    vector_dim,
    vector_file,
    why_unusable,
)
from curator.progress import Advance, NoProgress, Progress
from integrations.encoders.precomputed import NAME as PRECOMPUTED
from integrations.encoders.protocol import Encoder, PictureEncoder
from integrations.errors import EncoderError

FIT_SAMPLE = 50_000  # items that an encoder learns from: measured on text, more changes nothing
CHUNK_ROWS = 512  # rows encoded at a time: what a kill can cost
LEARNED = "encoder"


@dataclass(frozen=True)
class EncodeReport:
    """What `EmbeddingStore.ensure` did.

    Attributes:
        rows_encoded: rows computed now; 0 when everything was there.
        seconds: it took, learning included.
        zero_rows: rows of the whole store that are all zero: the encoder sees nothing in these items.
        warnings: damaged or foreign files that were replaced, a sentence each.
    """

    rows_encoded: int
    seconds: float
    zero_rows: int
    warnings: tuple[str, ...]

    @property
    def rows_per_second(self) -> float:
        """Rows encoded a second."""
        return self.rows_encoded / max(self.seconds, 1e-9)


class EmbeddingStore:
    """Embeddings of every item of a pool by one encoder, rows as in the pool.

    Args:
        base: the project's `.curator/embeddings`; each encoder has a folder of its own in it.
        pool: whose items.
        encoder: makes the embeddings.
        seed: of the sample that an encoder learns from.
    """

    def __init__(self, base: Path, pool: Pool, encoder: Encoder, *, seed: int = 0) -> None:
        self.folder = store_folder(base, encoder.name)
        fresh = self.folder.with_name(f"{self.folder.name}.fresh")
        if not self.folder.exists() and (fresh / MANIFEST).exists():
            fresh.rename(self.folder)  # a kill came while they were put into place
        self._pool = pool
        self._encoder = encoder
        self._seed = seed
        self._manifest = StoreManifest.load(self.folder)

    @property
    def dim(self) -> int:
        """Entries per row."""
        return self._known().dim

    @property
    def encoder(self) -> str:
        """Its name."""
        return self._encoder.name

    @property
    def fingerprint(self) -> str:
        """Of the encoder that made these embeddings: changes when the numbers would."""
        manifest = self._known()
        digest = manifest.about.get("digest")  # of given embeddings that were replaced since
        return f"{manifest.fingerprint}-{digest}" if digest else manifest.fingerprint

    @property
    def stamps(self) -> list[list[int]]:
        """[bytes, time of change in ns] of each file, in the order of the segments: whether they are those seen before."""
        found = [self._path(segment).stat() for segment in self._pool.segments]
        return [[stat.st_size, stat.st_mtime_ns] for stat in found]

    @property
    def n_rows(self) -> int:
        """Rows: as many as the pool has items."""
        return self._pool.n_items

    def __len__(self) -> int:
        return self.n_rows

    def __getitem__(self, rows: int | slice | Sequence[int] | NDArray[Any]) -> FloatArray:
        """Embeddings as an array gives them: `[5]` is (dim,), `[:]`, `[[3, 1]]` and a mask are (n, dim); copies."""
        wanted: NDArray[np.int64] = np.asarray(np.arange(self.n_rows)[rows])
        found = self.take(wanted.reshape(-1))
        if wanted.ndim:
            return found
        one: FloatArray = found[0]
        return one

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001 - numpy's
        return np.asarray(self[:], dtype=dtype)

    def ensure(self, progress: Progress | None = None) -> EncodeReport:
        """Compute what is missing.

        Safe to kill at any time: it goes on at the last chunk that was written.

        Raises:
            EncoderError: the encoder cannot do it.
            DataError: the pool cannot be read, or has no item to learn from.
            CuratorError: the disk refuses, say because it is full; what was computed before stays.
        """
        started = time.perf_counter()
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
        self._manifest = StoreManifest.load(self.folder)
        warnings: list[str] = []
        self._look_again(warnings, progress or NoProgress())
        self._learn()
        missing = self._missing(warnings)
        if missing and self._encoder.name == PRECOMPUTED:
            raise EncoderError(
                f"{self.folder}: {sum(segment.n_rows for segment in missing):,} items came without embeddings, or theirs are "
                "missing, and precomputed embeddings cannot be computed here. Restore the folder, add the items"
                " together with their embeddings to a new project, or choose another encoder."
            )
        encoded = 0
        with (progress or NoProgress()).bar(
            f"embed ({self._encoder.name})", sum(segment.n_rows for segment in missing)
        ) as advance:
            for segment in missing:
                encoded += self._encode(segment, advance)
        self._clean()
        manifest = self._manifest
        zero_rows = 0 if manifest is None else sum(entry.zero_rows for entry in manifest.segments.values())
        return EncodeReport(encoded, time.perf_counter() - started, zero_rows, tuple(warnings))

    def blocks(
        self, rows: slice | None = None, block_rows: int = SEGMENT_ROWS
    ) -> Iterator[tuple[int, FloatArray]]:
        """Consecutive rows, block by block.

        Args:
            rows: a range of rows (step 1); None for all.
            block_rows: at most so many rows at a time.

        Yields:
            First row, and (m, dim) float32: a copy, the file behind it is closed again.
        """
        start, stop, step = (rows or slice(None)).indices(self.n_rows)
        if step != 1:
            raise DataError(f"{self.folder}: blocks are of consecutive rows, not every {step}th.")
        for first in range(start, stop, block_rows):
            yield first, self.take(np.arange(first, min(first + block_rows, stop)))

    def take(self, rows: ArrayLike) -> FloatArray:
        """The embeddings at these rows, in this order.

        Args:
            rows: (n,) row numbers, also repeated.

        Returns:
            (n, dim) float32; apart from it, memory for one segment is used.

        Raises:
            DataError: there is no such row, or its embedding was not computed yet.
        """
        wanted = np.asarray(rows, dtype=np.int64)
        out = np.empty((len(wanted), self.dim), dtype=np.float32)
        if not len(wanted):
            return out
        low, high = int(wanted.min()), int(wanted.max())
        if low < 0 or high >= self.n_rows:
            raise DataError(f"{self.folder}: rows go from 0 to {self.n_rows - 1}, not {low} to {high}.")
        ascending = bool((wanted[1:] >= wanted[:-1]).all())
        order = None if ascending else np.argsort(wanted, kind="stable")
        ordered = wanted if order is None else wanted[order]
        for segment in self._pool.segments:
            begin, end = np.searchsorted(ordered, (segment.first_row, segment.first_row + segment.n_rows))
            if begin == end:
                continue
            mapped = open_vectors(self._path(segment))
            local = ordered[begin:end] - segment.first_row
            if order is not None:
                out[order[begin:end]] = mapped[local]
            elif end - begin == local[-1] - local[0] + 1:
                out[begin:end] = mapped[local[0] : local[-1] + 1]
            else:
                np.take(mapped, local, axis=0, out=out[begin:end], mode="clip")
            # the map goes here, and its pages with it
            del mapped
        return out

    def zero_rows(self, most: int) -> NDArray[np.int64]:
        """Rows whose embedding is all zero, ascending, at most so many: the encoder sees nothing in these items."""
        return zero_rows(self.folder, self._known(), self._pool.segments, most)

    def _known(self) -> StoreManifest:
        if self._manifest is None or not self._manifest.segments:
            raise DataError(f"{self.folder}: no embeddings yet. Run `curator round`, which computes them.")
        return self._manifest

    def _path(self, segment: Segment) -> Path:
        manifest = self._known()
        if not manifest.holds(segment.index, segment.content_hash):
            last = segment.first_row + segment.n_rows - 1
            raise DataError(
                f"{self.folder}: rows {segment.first_row} to {last} have no embeddings yet. Run `curator round`, which"
                " computes them."
            )
        path = self.folder / manifest.segments[segment.index].file
        reason = why_unusable(path, segment.n_rows, manifest.dim)
        if reason is not None:
            raise DataError(f"{path}: unusable: {reason}. Run `curator round`, which computes it again.")
        return path

    def _look_again(self, warnings: list[str], progress: Progress) -> None:
        """Keep embeddings of pictures that an earlier decoder made, if all of them look the same today; else forget them.

        So a change of the decoder costs nothing where it changes nothing, and the models trained on them stay as they are.
        """
        manifest, encoder = self._manifest, self._encoder
        if manifest is None or not isinstance(encoder, PictureEncoder):
            return
        decoder = manifest.about.get("decoder")
        if decoder is None:
            with progress.bar("looking at the images", self._pool.n_items) as advance:
                for segment in self._pool.segments:
                    rows = np.arange(segment.first_row, segment.first_row + segment.n_rows)
                    if encoder.changed(self._pool.contents(rows)):
                        break
                    advance(len(rows))
                else:
                    decoder = manifest.about["decoder"] = 1
            with self._writing():
                if decoder is None:
                    shutil.rmtree(self.folder / LEARNED, ignore_errors=True)
                else:
                    manifest.save(self.folder)
        if decoder is None:
            self._manifest = None
            warnings.append(
                f"{self.folder}: images are now seen as people see them (turned as their EXIF says, transparent parts on"
                " white, 16 bits scaled), and some of these look different: all embeddings are recomputed."
            )
        elif isinstance(decoder, int):
            encoder.decoder = min(decoder, encoder.decoder)

    def _learn(self) -> None:
        """Load what the encoder learned earlier, or let it learn now, once for ever."""
        learned = self.folder / LEARNED
        if not self._encoder.needs_fit or self._encoder.load(learned):
            return
        rows = self._pool.role_rows("pool")
        if not len(rows):
            raise DataError(
                f"{self._pool.folder}: the pool is empty, so {self._encoder.name} has nothing to learn from."
            )
        if len(rows) > FIT_SAMPLE:
            rng = np.random.default_rng(self._seed)
            rows = np.sort(rng.choice(rows, FIT_SAMPLE, replace=False))
        self._encoder.fit(self._pool.contents(rows))
        temporary = self.folder / f"{LEARNED}.tmp"
        with self._writing():
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            self._encoder.save(temporary)
            temporary.replace(learned)
            sync_folder(self.folder)

    def _missing(self, warnings: list[str]) -> list[Segment]:
        """Segments to encode. Files that turn out unusable are forgotten, with a warning."""
        manifest = self._manifest
        if manifest is None:
            return list(self._pool.segments)
        if manifest.fingerprint != self._encoder.fingerprint:
            warnings.append(
                f"{self.folder}: these embeddings were made by another version of {self._encoder.name}"
                f" ({manifest.fingerprint}, now {self._encoder.fingerprint}); all are computed again."
            )
            self._manifest = None
            return list(self._pool.segments)
        missing: list[Segment] = []
        kept: dict[int, StoredSegment] = {}
        for segment in self._pool.segments:
            if not manifest.holds(segment.index, segment.content_hash):
                missing.append(segment)
                continue
            entry = manifest.segments[segment.index]
            reason = why_unusable(self.folder / entry.file, segment.n_rows, manifest.dim)
            if reason is None:
                kept[segment.index] = entry
                continue
            if self._encoder.name == PRECOMPUTED:
                raise EncoderError(
                    f"{self.folder / entry.file}: the imported embeddings are unusable: {reason}. Restore the file, or"
                    " start the project again from its data."
                )
            warnings.append(
                f"{self.folder / entry.file}: {reason}; its {segment.n_rows:,} rows are computed again."
            )
            missing.append(segment)
        manifest.segments = kept
        return missing

    def _encode(self, segment: Segment, advance: Advance) -> int:
        """Encode one segment, from where an earlier attempt stopped; returns the rows computed now."""
        partial = self.folder / f"{self._partial_stem(segment)}.partial"
        dim = vector_dim(partial) if self._manifest is None else self._manifest.dim
        done = rows_written(partial, segment.n_rows, dim)
        advance(done)
        computed = 0
        contents = self._pool.contents(
            np.arange(segment.first_row + done, segment.first_row + segment.n_rows)
        )
        while done < segment.n_rows:
            chunk = self._checked(
                self._encoder.encode(contents[computed : computed + CHUNK_ROWS]), segment, done, dim
            )
            dim = chunk.shape[1]
            with self._writing(), VectorWriter(partial, segment.n_rows, dim) as writer:
                writer.append(chunk)
            done += len(chunk)
            computed += len(chunk)
            advance(len(chunk))
        with self._writing():
            self._finish(segment, partial)
        return computed

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A disk that refuses is no reason to compute again what it has taken already."""
        try:
            yield
        except OSError as exc:
            raise CuratorError(
                f"{self.folder}: the embeddings cannot be written ({exc.strerror or exc}). Those computed so far are kept: "
                "fix this, then run `curator round`, which continues."
            ) from exc

    def _finish(self, segment: Segment, partial: Path) -> None:
        """Name the complete file and enter it in the manifest."""
        path = self.folder / vector_file(segment.index)
        dim = int(vector_dim(partial) or 0)
        with VectorWriter(partial, segment.n_rows, dim) as writer:
            writer.finish(path)
        zero_rows = int((~open_vectors(path).any(axis=1)).sum())
        if self._manifest is None:
            encoder, about = self._encoder, self._encoder.describe()
            if isinstance(encoder, PictureEncoder):
                about["decoder"] = encoder.decoder
            self._manifest = StoreManifest(encoder.name, encoder.fingerprint, dim, about)
        entry = StoredSegment(segment.n_rows, segment.content_hash, path.name, zero_rows)
        self._manifest.segments[segment.index] = entry
        self._manifest.save(self.folder)

    def _checked(self, chunk: FloatArray, segment: Segment, done: int, dim: int | None) -> FloatArray:
        """What an encoder returned, if it is what encoders have to return."""
        expected = min(CHUNK_ROWS, segment.n_rows - done)
        shape_fits = chunk.ndim == 2 and len(chunk) == expected and chunk.shape[1] == (dim or chunk.shape[1])
        if not shape_fits or not chunk.shape[1]:
            raise EncoderError(
                f"encoder {self._encoder.name} returned shape {chunk.shape} for {expected} items,"
                f" not ({expected}, {dim or 'entries'})."
            )
        lengths = np.sqrt(np.einsum("ij,ij->i", chunk, chunk))
        wrong = ~(np.isclose(lengths, 1, atol=1e-3) | (lengths == 0))
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            raise EncoderError(
                f"encoder {self._encoder.name} returned {int(wrong.sum())} rows that are neither of length 1 nor zero;"
                f" the first is pool row {segment.first_row + done + at} with length {lengths[at]:.4g}."
            )
        return chunk

    def _partial_stem(self, segment: Segment) -> str:
        # a partial file of other items or of another encoder has another name, and is cleaned away
        return f"{vector_file(segment.index)}.{segment.content_hash[:8]}.{self._encoder.fingerprint[:16]}"

    def _clean(self) -> None:
        """Remove what attempts that were given up left behind."""
        for path in self.folder.glob("*.partial"):
            path.unlink()


def zero_rows(
    folder: Path, manifest: StoreManifest, segments: Sequence[Segment], most: int
) -> NDArray[np.int64]:
    """Pool rows whose embedding is all zero, ascending, at most so many; each segment has to have its file."""
    found: list[int] = []
    for segment in segments:
        entry = manifest.segments[segment.index]
        if entry.zero_rows and len(found) < most:
            zero = ~open_vectors(folder / entry.file).any(axis=1)
            found += (segment.first_row + np.flatnonzero(zero)[: most - len(found)]).tolist()
    return np.array(found, dtype=np.int64)
