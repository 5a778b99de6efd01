"""The neighbour graph of the pool, kept beside the embeddings: built once, extended when items are added."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from curator.errors import CuratorError
from curator.files import is_count, read_json, replacing, write_json
from curator.pool.catalogue import Pool
from curator.pool.embeddings import EmbeddingStore
from curator.progress import NoProgress, Progress
from strategies.kernels.neighbours import Neighbours

MANIFEST = "graph.json"
FORMAT = 1
NEIGHBOURS = 32
_CHECK_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class GraphManifest:
    """What the graph on disk is of.

    Attributes:
        fingerprint: of the embeddings.
        items: hashes of the pool's segments that it covers, in order.
        rows: items covered.
        k: neighbours of each.
        recall: measured when it was written, on `recall_rows` random items.
        recall_rows: items of that sample.
        files: {file name: checksum}; a graph that replaces another has files of other names, so that neither is ever half
            of one and half of the other.
    """

    fingerprint: str
    items: tuple[str, ...]
    rows: int
    k: int
    recall: float
    recall_rows: int
    files: dict[str, int]

    @classmethod
    def load(cls, folder: Path) -> "GraphManifest":
        """The manifest in a folder.

        Raises:
            OSError: it cannot be read.
            ValueError: it is damaged.
        """
        try:
            content = dict(read_json(folder / MANIFEST))
            if content.pop("format") != FORMAT:
                raise ValueError("it is of another version")
            found = cls(**{**content, "items": tuple(content["items"])})
            found.check()
        except (KeyError, TypeError) as error:
            raise ValueError(f"it is damaged ({error})") from error
        return found

    def check(self) -> None:
        """Make sure that it can be what was written.

        Raises:
            ValueError: it cannot.
        """
        numbers = [self.rows, self.k, self.recall_rows, *self.files.values()]
        whole = all(is_count(number) for number in numbers)
        texts = all(isinstance(text, str) for text in (self.fingerprint, *self.items))
        names = all(Path(name).name == name and name.endswith(".npy") for name in self.files)
        if not (whole and texts and names and len(self.files) == 2 and isinstance(self.recall, float | int)):
            raise ValueError("it is damaged")


@dataclass(frozen=True, slots=True)
class GraphState:
    """What `GraphStore.ensure` found or did.

    Attributes:
        rows_searched: items whose neighbours were searched for now; 0 when everything was there.
        seconds: it took.
        recall: share of the true nearest neighbours that the graph holds, measured on a sample when it was written.
        recall_rows: items of that sample.
        warnings: damaged or outdated files that were replaced, a sentence each.
    """

    rows_searched: int
    seconds: float
    recall: float
    recall_rows: int
    warnings: tuple[str, ...]


class GraphStore:
    """The nearest neighbours of every item of a pool, by the embeddings of one encoder.

    Args:
        embeddings: computed for the whole pool.
        pool: whose items.
        seed: of the samples that the search draws.
    """

    def __init__(self, embeddings: EmbeddingStore, pool: Pool, *, seed: int = 0) -> None:
        self.folder = embeddings.folder / "graph"
        self._embeddings = embeddings
        self._pool = pool
        self._seed = seed

    def ensure(self, progress: Progress | None = None) -> GraphState:
        """Build what is missing: all of it, or the part of the items that were added since.

        Safe to kill at any time: the graph on disk is the old one or the new one.

        Raises:
            DataError: the embeddings cannot be read.
            OSError: the disk refuses, say because it is full.
        """
        started = time.perf_counter()
        warnings: list[str] = []
        manifest = self._usable(warnings)
        items = self._items()
        if manifest is not None and manifest.items == items:
            return GraphState(0, 0.0, manifest.recall, manifest.recall_rows, ())
        from strategies.kernels.neighbour_graph import build, extend  # compiled code: loaded when it is used

        rows = self._embeddings.take(np.arange(self._pool.n_items))
        rng = np.random.default_rng([self._seed, len(rows)])
        with (progress or NoProgress()).bar("neighbour graph", len(rows)) as advance:
            if manifest is None:
                found, report = build(rows, k=NEIGHBOURS, rng=rng, advance=advance)
            else:
                found, report = extend(self._read(manifest), rows, rng=rng, advance=advance)
        self._write(found, items, report.recall, report.recall_rows)
        seconds = time.perf_counter() - started
        return GraphState(report.rows, seconds, report.recall, report.recall_rows, tuple(warnings))

    def open(self) -> Neighbours:
        """The graph, memory-mapped, rows as in the pool.

        Raises:
            CuratorError: it is not there, damaged, or of other items; `ensure` mends that.
        """
        manifest, why = self._manifest()
        if manifest is None or manifest.items != self._items():
            raise CuratorError(
                f"{self.folder / MANIFEST}: no neighbour graph of these items ({why or 'items were added'}). "
                "Run `curator round`, which builds it."
            )
        return self._read(manifest)

    def _items(self) -> tuple[str, ...]:
        return tuple(segment.content_hash for segment in self._pool.segments)

    def _manifest(self) -> tuple[GraphManifest | None, str]:
        """The manifest if the graph is of these embeddings and its files are whole, or why it is not."""
        if not (self.folder / MANIFEST).exists():
            return None, "it was never built"
        try:
            manifest = GraphManifest.load(self.folder)
        except (OSError, ValueError) as error:
            return None, str(error)
        if manifest.fingerprint != self._embeddings.fingerprint:
            return None, "the embeddings have changed"
        if manifest.k != NEIGHBOURS or manifest.items != self._items()[: len(manifest.items)]:
            return None, "it belongs to other items"
        why = self._why_unusable(manifest)
        return (None, why) if why else (manifest, "")

    def _why_unusable(self, manifest: GraphManifest) -> str:
        for name, checksum in manifest.files.items():
            path = self.folder / name
            if not path.exists():
                return f"{name} is missing"
            try:
                whole = _checksum(path) == checksum
            except OSError as error:
                return f"{name} cannot be read ({error.strerror})"
            if not whole:
                return f"{name} is damaged"
        return ""

    def _usable(self, warnings: list[str]) -> GraphManifest | None:
        manifest, why = self._manifest()
        if manifest is None and (self.folder / MANIFEST).exists():
            warnings.append(f"{self.folder / MANIFEST}: the neighbour graph is built again: {why}.")
        return manifest

    def _read(self, manifest: GraphManifest) -> Neighbours:
        names = sorted(manifest.files)  # "...-cosines.npy", "...-rows.npy"
        cosines, rows = (np.load(self.folder / name, mmap_mode="r", allow_pickle=False) for name in names)
        return Neighbours(rows, cosines)

    def _write(self, found: Neighbours, items: tuple[str, ...], recall: float, recall_rows: int) -> None:
        """New files, then the manifest that names them in one step, then the old ones go."""
        stamp = f"{crc32(repr((self._embeddings.fingerprint, items)).encode()):08x}"
        self.folder.mkdir(exist_ok=True)
        files = {
            name: self._save(name, array)
            for name, array in (
                (f"neighbours-{stamp}-rows.npy", found.rows),
                (f"neighbours-{stamp}-cosines.npy", found.cosines),
            )
        }
        fingerprint = self._embeddings.fingerprint
        manifest = GraphManifest(fingerprint, items, len(found), NEIGHBOURS, recall, recall_rows, files)
        write_json(self.folder / MANIFEST, {"format": FORMAT, **asdict(manifest)})
        for path in self.folder.glob("neighbours-*"):
            if path.name not in files:
                path.unlink()

    def _save(self, name: str, array: NDArray[Any]) -> int:
        """Write an array under its name in one step; returns its checksum."""
        path = self.folder / name
        with replacing(path) as file:
            np.save(file, array, allow_pickle=False)
        return _checksum(path)


def _checksum(path: Path) -> int:
    """CRC-32 of a file: finds a torn or flipped byte, at a gigabyte a second."""
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(_CHECK_BYTES):
            checksum = crc32(block, checksum)
    return checksum
