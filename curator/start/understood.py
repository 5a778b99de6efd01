"""What `curator init` understood of the data: columns, classes, copies, embeddings that say nothing, languages."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import exp, lgamma

import numpy as np
from numpy.typing import NDArray

from curator.errors import DataError
from curator.pool.catalogue import Pool
from curator.pool.column_contents import ColumnSeen
from curator.pool.importing import ImportReport
from curator.pool.problems import counted, example
from curator.start.languages import SAMPLE, languages_of
from curator.start.plan import Plan

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

EXAMPLES = 3
_LOOKED_UP = 2_000  # items whose nearest neighbour is looked for ...
_AMONG = 20_000  # ... among so many: a second on one core
_COUNTED = 1_000_000  # items whose contents are compared word for word; hashes of more take too much memory
_SAME = 1e-5  # short of a cosine of 1 that rounding may bring between equal rows


@dataclass(frozen=True)
class ClassSeen:
    """A class, as far as the data know it.

    Attributes:
        name: of the class.
        items: with this label in the pool; None: the data have no labels.
        contents: different contents among these; None: too many items to tell, or no labels.
        holdout: of its items that the hold-out is expected to have, or has when it came as a file.
        absent: probability, 0 to 1, that the hold-out has none of them.
    """

    name: str
    items: int | None
    contents: int | None
    holdout: float | None
    absent: float | None


@dataclass(frozen=True)
class EmbeddingsSeen:
    """What the embeddings tell, and fail to tell.

    Attributes:
        looked_at: items whose embeddings were looked at.
        zero: of these are all zero: the encoder sees nothing in the item.
        zero_examples: contents of some.
        near_copies: of `compared` items, those with another item at a cosine of at least `threshold`.
        compared: items whose nearest neighbour was looked for.
        threshold: cosine from which items count as copies ([acquisition] duplicate_cosine).
        example: contents of two items that are near-copies, the nearest that are not the same; None: none.
        all_near: whether all items looked at are near-copies of each other.
    """

    looked_at: int
    zero: int
    zero_examples: tuple[str, ...]
    near_copies: int
    compared: int
    threshold: float
    example: tuple[str, str] | None
    all_near: bool


@dataclass(frozen=True)
class Understood:
    """What `curator init` ends with.

    Attributes:
        source: the data file or folder.
        kind: text or image.
        rows: read.
        items: they became.
        columns: every column of the file; none for a folder of images.
        notes: what the columns do not show, a sentence each.
        left_out: rows and files that became no item, with the reason, a sentence each.
        classes: in the order of the project.
        unlabeled: items without a label, where the data have labels; else None.
        holdout_size: items of the hold-out.
        copies: items whose content another item of the pool has, word for word; None: too many items to tell.
        embeddings: what they tell.
        languages: ISO 639-1 code -> texts of a sample, under "unclear" those that do not show it; None for images.
    """

    source: str
    kind: str
    rows: int
    items: int
    columns: tuple[ColumnSeen, ...]
    notes: tuple[str, ...]
    left_out: tuple[str, ...]
    classes: tuple[ClassSeen, ...]
    unlabeled: int | None
    holdout_size: int
    copies: int | None
    embeddings: EmbeddingsSeen
    languages: dict[str, int] | None


def understand(
    plan: Plan,
    pool: Pool,
    imported: ImportReport,
    embed: Callable[[IntArray], FloatArray],
    zero: tuple[int, IntArray] | None,
    *,
    among: int = _AMONG,
) -> Understood:
    """Look at what was imported.

    Args:
        plan: of the project.
        pool: with the items.
        imported: what the import did.
        embed: pool rows -> (n, dim) embeddings, of unit length or zero.
        zero: how many embeddings of the whole pool are zero, and the rows of some; None: by a sample.
        among: items whose embeddings are looked at, at most.
    """
    config = plan.config
    labels_known = plan.columns.label is not None
    rows = pool.role_rows("pool")
    holdout = config.holdout.size or len(pool.role_rows("holdout"))
    rng = np.random.default_rng(0)
    sample = rows if len(rows) <= SAMPLE else np.sort(rng.choice(rows, SAMPLE, replace=False))
    languages = None
    if pool.kind == "text":
        languages = {code or "unclear": n for code, n in languages_of(pool.contents(sample)).items()}
    copies, contents = _copies(pool, rows, labels=labels_known)
    left_out = list(plan.inferred.left_out)
    left_out += [f"{counted(n, 'row')}: {reason}" for reason, n in imported.left_out.items()]
    if imported.duplicates_collapsed:
        left_out.append(
            f"{counted(imported.duplicates_collapsed, 'row')} with the content of another: each is one item"
        )
    return Understood(
        source=config.data.source,
        kind=pool.kind,
        rows=imported.rows,
        items=imported.added,
        columns=plan.inferred.seen,
        notes=plan.inferred.missing if plan.inferred.seen else plan.inferred.notes,
        left_out=tuple(left_out),
        classes=_classes(plan, pool, len(rows), holdout, contents, labels_known=labels_known),
        unlabeled=imported.added - imported.labeled if labels_known else None,
        holdout_size=holdout,
        copies=copies,
        embeddings=_embeddings(pool, rows, embed, zero, config.acquisition.duplicate_cosine, among),
        languages=languages,
    )


def refuse_alike(blocks: Iterable[tuple[int, FloatArray]], n: int) -> None:
    """Refuse embeddings that tell no item from another: no model could learn, and nothing could be chosen.

    Args:
        blocks: (first row, embeddings) pairs, rows of unit length or zero.
        n: items.

    Raises:
        DataError: all that are not zero are the same.
    """
    if n < 2:
        return
    first: FloatArray | None = None
    for _row, block in blocks:
        told = block[block.any(axis=1)]
        if not len(told):
            continue
        first = told[0] if first is None else first
        if (told @ first).min() < 1 - _SAME:
            return
    what = "zero" if first is None else "the same, or zero"
    raise DataError(
        f"the embeddings of all {n:,} items are {what}: they tell no item from another, so that nothing can be"
        " learned or chosen. Compute them again, name another column with --embedding or another file with --embeddings,"
        " or take another encoder (--encoder)."
    )


def _classes(
    plan: Plan, pool: Pool, n: int, holdout: int, contents: dict[str, int] | None, *, labels_known: bool
) -> tuple[ClassSeen, ...]:
    from_file, task = plan.holdout_columns is not None, plan.config.task()
    counts = task.count(pool.label_counts("pool") if labels_known else {})
    held = task.count(pool.label_counts("holdout") if from_file else {})
    copies = None if contents is None else task.count(contents)
    found = []
    for name in plan.config.project.classes:
        items = counts.get(name, 0) if labels_known else None
        expected: float | None = None
        absent: float | None = None
        if from_file:
            expected = float(held.get(name, 0))
            absent = float(expected == 0)
        elif items is not None:
            expected, absent = holdout * items / n, chance_of_none(n, items, holdout)
        found.append(ClassSeen(name, items, None if copies is None else copies[name], expected, absent))
    return tuple(found)


def chance_of_none(n: int, items: int, drawn: int) -> float:
    """The probability that `drawn` of `n`, without replacement, hold none of `items` that are special."""
    if drawn > n - items:
        return 0.0

    def log_choices(total: int) -> float:
        return lgamma(total + 1) - lgamma(total - drawn + 1)

    return exp(log_choices(n - items) - log_choices(n))


def _copies(pool: Pool, rows: IntArray, *, labels: bool) -> tuple[int | None, dict[str, int] | None]:
    """Items whose content another one has, and the different contents of each label."""
    if len(rows) > _COUNTED:
        return None, None
    hashes = pool.content_hashes(rows)[:, 0]
    unique, position, times = np.unique(hashes, return_inverse=True, return_counts=True)
    copies = int(times[times > 1].sum())
    if not labels:
        return copies, None
    names = np.array([label or "" for label in pool.labels(rows)])
    classes, code = np.unique(names, return_inverse=True)
    pairs = np.unique(code.astype(np.int64) * len(unique) + position)
    per_class = np.bincount(pairs // len(unique), minlength=len(classes))
    return copies, {str(name): int(n) for name, n in zip(classes, per_class, strict=True) if name}


def _embeddings(
    pool: Pool,
    rows: IntArray,
    embed: Callable[[IntArray], FloatArray],
    zero: tuple[int, IntArray] | None,
    threshold: float,
    most: int,
) -> EmbeddingsSeen:
    rng = np.random.default_rng(1)
    among = rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))
    there = embed(among)
    asked = np.arange(len(among))
    if len(asked) > _LOOKED_UP:
        asked = np.sort(rng.choice(asked, _LOOKED_UP, replace=False))
    nearest, cosine, least = _nearest(there, asked)
    near = cosine >= threshold - _SAME
    # A pair that differs a little shows more than one that is the same.
    differing = near & (cosine < 1 - _SAME)
    shown = differing if differing.any() else near
    pair = None
    if shown.any():
        at = int(np.flatnonzero(shown)[0])
        first, second = pool.contents([among[asked[at]], among[nearest[at]]])
        pair = (example(pool.kind, first), example(pool.kind, second))
    empty = np.flatnonzero(~there.any(axis=1))
    count, where = zero if zero is not None else (len(empty), among[empty[:EXAMPLES]])
    return EmbeddingsSeen(
        looked_at=pool.n_items if zero is not None else len(among),
        zero=count,
        zero_examples=tuple(example(pool.kind, content) for content in pool.contents(where)),
        near_copies=int(near.sum()),
        compared=len(asked),
        threshold=threshold,
        example=pair,
        all_near=len(asked) > 1 and least >= threshold - _SAME,
    )


def _nearest(there: FloatArray, asked: IntArray) -> tuple[IntArray, FloatArray, float]:
    """The nearest other row of each asked row, its cosine, and the least cosine of any two rows that are not zero."""
    nearest = np.zeros(len(asked), dtype=np.int64)
    cosine = np.full(len(asked), -1.0, dtype=np.float32)
    told: NDArray[np.bool_] = np.any(there, axis=1)
    least = 1.0 if told.any() else -1.0
    for start in range(0, len(asked), 256):
        part = asked[start : start + 256]
        found = there[part] @ there.T
        if told[part].any():
            least = min(least, float(found[told[part]][:, told].min()))
        found[np.arange(len(part)), part] = -1.0
        nearest[start : start + len(part)] = found.argmax(axis=1)
        cosine[start : start + len(part)] = found.max(axis=1)
    return nearest, cosine, least
