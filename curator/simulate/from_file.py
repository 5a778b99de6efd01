"""Labeled data from a file, by the readers and encoders of `curator init`."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curator.config import Kind
from curator.errors import ConfigError, DataError
from curator.pool.catalogue import Pool
from curator.pool.columns import Columns
from curator.pool.embeddings import EmbeddingStore
from curator.pool.image_folder import read_image_folder
from curator.pool.importing import import_records
from curator.pool.incoming import EmbeddingSource
from curator.pool.inference import Inferred, infer_columns
from curator.pool.labels import check_classes, sorted_classes
from curator.pool.problems import counted, listing
from curator.progress import Progress
from curator.simulate.data import Labeled, drawn
from integrations.encoders.precomputed import NAME as PRECOMPUTED
from integrations.encoders.registry import default_encoder, make_encoder
from integrations.errors import EncoderError

IntArray = NDArray[np.int64]
_SAMPLE = 50  # items that the choice of an encoder looks at


@dataclass(frozen=True)
class FileOptions:
    """What is read, and how; None: inferred, as by `curator init`.

    Attributes:
        data: labeled file, or folder of images in a folder per class.
        holdout: labeled file that only measures; None: the hold-out is drawn from the data.
        embeddings: .npy, or .npz:ARRAY, a row per row of the data.
        holdout_embeddings: the same for the hold-out file.
        encoder: makes embeddings where none are given.
        classes: in this order; None: those of the labels.
        name: of the data; None: that of the file.
        skip_bad_rows: rows that cannot be used are listed there and left out; None: they are an error.
    """

    data: Path
    kind: Kind | None = None
    columns: Columns = field(default_factory=Columns)
    allow_outside: bool = False
    embeddings: str | None = None
    holdout: Path | None = None
    holdout_embeddings: str | None = None
    encoder: str | None = None
    classes: tuple[str, ...] | None = None
    name: str | None = None
    skip_bad_rows: Path | None = None


def read_file(
    options: FileOptions, cache: Path, progress: Progress, say: Callable[[str], None] = lambda _text: None
) -> Labeled:
    """Read and embed labeled data.

    Args:
        options: what.
        cache: folder that keeps what was read: the next call with the same options and files takes it from there.
        progress: draws bars.
        say: told what was inferred.

    Raises:
        DataError: the data cannot be used, or has no labels.
        ConfigError: an encoder that does not exist.
    """
    kept = cache / f"data-{_key(options)}.safetensors"
    if kept.exists() and (options.skip_bad_rows is None or options.skip_bad_rows.exists()):
        return Labeled.load(kept)
    found = _read(options, progress, say)
    found.save(kept)
    return found


def _read(options: FileOptions, progress: Progress, say: Callable[[str], None]) -> Labeled:
    inferred = infer_columns(
        options.data,
        options.columns,
        options.kind,
        classes=options.classes,
        allow_outside=options.allow_outside,
    )
    for note in inferred.notes:
        say(note)
    holdout = _holdout_columns(options, inferred)
    classes = _classes(options, inferred, holdout)
    with (
        tempfile.TemporaryDirectory(prefix="curator-simulate-") as folder,
        listing(options.skip_bad_rows) as bad_rows,
    ):
        pool = Pool.create(Path(folder) / "pool", inferred.kind)
        base = Path(folder) / "embeddings"
        parts = [(options.data, inferred.columns, "pool", options.embeddings)]
        if options.holdout and holdout:
            parts.append((options.holdout, holdout.columns, "holdout", options.holdout_embeddings))
        precomputed = options.encoder in (None, PRECOMPUTED) and bool(
            options.embeddings or inferred.columns.embedding
        )
        for path, columns, role, file in parts:
            imported = import_records(
                pool,
                path,
                columns,
                classes=classes,
                role=role,  # type: ignore[arg-type]
                allow_outside=options.allow_outside,
                embeddings=EmbeddingSource(base, file) if precomputed else None,
                bad_rows=bad_rows,
                progress=progress,
            )
            for said in (*imported.notes, imported.account):
                if said:
                    say(said)
        store = _encoded(options, pool, base, progress, say, precomputed=precomputed)
        return labeled_rows(options.name or options.data.resolve().stem, pool, store, classes)


def labeled_rows(
    name: str,
    pool: Pool,
    store: EmbeddingStore,
    classes: tuple[str, ...],
    rows: IntArray | None = None,
    *,
    former: Mapping[str, str | None] | None = None,
) -> Labeled:
    """The items of a pool that have a known label, or a random sample of them where there are very many.

    Args:
        name: of the data.
        pool: with labels.
        store: its embeddings.
        classes: what labels count.
        rows: of the pool; None: all.
        former: name that was a class once -> the class it is now; None: it says too little.
    """
    rows = np.arange(pool.n_items) if rows is None else rows
    position = {name: i for i, name in enumerate(classes)}
    labels = [(former or {}).get(label or "", label) for label in pool.labels(rows)]
    known = np.array([label in position for label in labels], dtype=np.bool_)
    rows = rows[known]
    notes = (
        (f"{counted(int((~known).sum()), 'item')} left out for lack of a label",) if not known.all() else ()
    )
    y = np.array([position[str(label)] for label in labels if label in position], dtype=np.int64)
    is_holdout = np.isin(rows, pool.role_rows("holdout"))
    kept, sampled = drawn(is_holdout)  # before texts and embeddings are read: there may be a million
    rows = rows[kept]
    words = words_of(pool, rows)
    return Labeled(name, store.take(rows), y[kept], words, is_holdout[kept], classes, (*notes, *sampled))


def words_of(pool: Pool, rows: IntArray) -> IntArray:
    """(n,) words of each text; 0 of images."""
    if pool.kind != "text":
        return np.zeros(len(rows), dtype=np.int64)
    return np.array([len(text.split()) for text in pool.contents(rows)], dtype=np.int64)


def _holdout_columns(options: FileOptions, inferred: Inferred) -> Inferred | None:
    if inferred.columns.label is None:
        raise DataError(
            f"{options.data}: no column holds labels, and a simulation looks the answers up. Name it with --label COLUMN."
        )
    if options.holdout is None:
        return None
    found = infer_columns(
        options.holdout,
        replace(inferred.columns, show=()),
        inferred.kind,
        allow_outside=options.allow_outside,
    )
    if found.columns.label is None:
        raise DataError(f"{options.holdout}: no column holds labels. Name it with --label COLUMN.")
    return found


def _classes(options: FileOptions, inferred: Inferred, holdout: Inferred | None) -> tuple[str, ...]:
    if options.classes is not None:
        return options.classes
    names = {*(inferred.classes or ()), *((holdout.classes or ()) if holdout else ())}
    return check_classes(sorted_classes(names), str(options.data))


def _encoded(
    options: FileOptions,
    pool: Pool,
    base: Path,
    progress: Progress,
    say: Callable[[str], None],
    *,
    precomputed: bool,
) -> EmbeddingStore:
    name = PRECOMPUTED if precomputed else options.encoder
    if name is None:
        name, why = default_encoder(pool.kind, pool.contents(np.arange(min(_SAMPLE, pool.n_items))))
        say(why)
    try:
        encoder = make_encoder(name, pool.kind)
    except EncoderError as exc:
        raise ConfigError(str(exc)) from exc
    store = EmbeddingStore(base, pool, encoder)
    for warning in store.ensure(progress).warnings:
        say(warning)
    return store


def _key(options: FileOptions) -> str:
    """Of the options, and of size and time of every file that they name."""
    arrays = [given for given in (options.embeddings, options.holdout_embeddings) if given]
    files = [options.data, options.holdout, *(_array_file(given) for given in arrays)]
    said = asdict(options)
    del said["columns"]["cells"]  # the same for all that is simulated
    facts = [json.dumps(said, sort_keys=True, default=str)]
    for path in files:
        if path is not None and path.exists():
            inside: Sequence[Path] = [path]
            if path.is_dir():
                images = read_image_folder(path, allow_outside=options.allow_outside).images
                inside = [image for image in images if image.exists()]
            facts += [f"{p.resolve()} {p.stat().st_size} {p.stat().st_mtime_ns}" for p in inside]
    return blake2b("\n".join(facts).encode(), digest_size=8).hexdigest()


def _array_file(given: str) -> Path:
    """The file of PATH.npy, PATH.npz or PATH.npz:ARRAY."""
    head, colon, _array = given.rpartition(":")
    return Path(head if colon and head.endswith(".npz") else given)
