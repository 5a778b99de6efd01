"""Pool, embeddings and images: is all there that a round reads."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from curator.config import Config
from curator.errors import CuratorError
from curator.ledger import queries
from curator.ledger.health import reading
from curator.pool.catalogue import Pool
from curator.pool.embeddings import zero_rows
from curator.pool.problems import counted, example
from curator.pool.vectors import FLOAT32, StoreManifest, store_folder, why_unusable
from integrations.encoders.images import picture
from integrations.encoders.registry import make_encoder
from integrations.errors import EncoderError
from integrations.findings import Finding, fail, ok, warn

SAMPLE = 200  # images that are opened
_GUESSED_DIM = 1024  # entries per row while no embedding is there yet
_SHOWN = 3
_REBUILD = "Restore .curator from a backup, or start the project again from its data."


@dataclass(frozen=True)
class PoolReport:
    """What the checks found.

    Attributes:
        findings: a line each.
        pool: opened; None when it cannot be.
        missing_bytes: of embeddings that are still to be computed.
    """

    findings: list[Finding]
    pool: Pool | None = None
    missing_bytes: int = 0
    sample: list[str] = field(default_factory=list)  # paths or addresses of some images


def check_pool(state: Path, config: Config) -> PoolReport:
    """Check the pool of the project whose state is kept in `state`; reads all of its ids, computes nothing."""
    try:
        pool = Pool.open(state / "pool")
        # reads every id of the pool; one that the ledger knows and the pool does not means that they do not belong together
        pool.rows(_ledger_items(state / "ledger.db"))
    except (CuratorError, OSError) as exc:
        return PoolReport([fail("pool", str(exc), _REBUILD)])
    findings = [
        ok(
            "pool",
            f"{counted(pool.n_items, 'item')} in {counted(len(pool.segments), 'segment')}",
        )
    ]
    embeddings, missing_bytes = _embeddings(state, pool, config)
    findings.append(embeddings)
    sample: list[str] = []
    if config.project.kind == "image":
        rows = np.random.default_rng(0).choice(pool.n_items, min(SAMPLE, pool.n_items), replace=False)
        sample = pool.contents(np.sort(rows))
        findings.append(_images(sample))
    return PoolReport(findings, pool, missing_bytes, sample)


def _ledger_items(ledger: Path) -> list[str]:
    """Every item that the ledger speaks of; none when it cannot be read, which another check says."""
    try:
        with reading(ledger) as opened:
            return queries.unopened.named_items(opened)
    except CuratorError:
        return []


def _embeddings(state: Path, pool: Pool, config: Config) -> tuple[Finding, int]:
    """Whether every segment has its embeddings, and how many bytes are missing."""
    name = "embeddings"
    folder = store_folder(state / "embeddings", config.encoder.name)
    try:
        make_encoder(config.encoder.name, config.project.kind)
        manifest = StoreManifest.load(folder)
    except (CuratorError, EncoderError) as exc:
        return fail(name, str(exc), "Fix this, or change [encoder] in curator.toml."), 0
    missing = 0
    broken: list[str] = []
    for segment in pool.segments:
        if manifest is None or not manifest.holds(segment.index, segment.content_hash):
            missing += segment.n_rows
            continue
        path = folder / manifest.segments[segment.index].file
        reason = why_unusable(path, segment.n_rows, manifest.dim)
        if reason is not None:
            missing += segment.n_rows
            broken.append(f"{path.name}: {reason}")
    if not missing and manifest is not None:
        detail = f"all {pool.n_items:,} items, from {config.encoder.name}"
        zero = sum(entry.zero_rows for entry in manifest.segments.values())
        return (_zero(detail, zero, folder, manifest, pool) if zero else ok(name, detail)), 0
    size = missing * (manifest.dim if manifest else _GUESSED_DIM) * FLOAT32.itemsize
    detail = f"{missing:,} of {pool.n_items:,} items have none from {config.encoder.name}"
    if broken:
        detail += f" ({'; '.join(broken[:_SHOWN])})"
    if config.encoder.name == "precomputed":
        return fail(
            name, detail, "They came with the data and cannot be computed: restore .curator/embeddings."
        ), size
    return warn(name, detail, "`curator round` computes them."), size


def _zero(detail: str, zero: int, folder: Path, manifest: StoreManifest, pool: Pool) -> Finding:
    """Embeddings in which the encoder sees nothing: how many, of which items."""
    rows = zero_rows(folder, manifest, pool.segments, _SHOWN)
    shown = ", ".join(
        f"{item_id!r} ({example(pool.kind, content)})"
        for item_id, content in zip(pool.ids(rows), pool.contents(rows), strict=True)
    )
    what = "all of them zero" if zero == pool.n_items else f"{zero:,} of them zero"
    return warn(
        "embeddings",
        f"{detail}, {what}: the model cannot tell these items apart; e.g. {shown}",
        "Look at these items; if they are fine, another encoder may see more in them ([encoder] in curator.toml).",
    )


def _images(sample: list[str]) -> Finding:
    """Open local images as an encoder would; addresses are the labeler's matter."""
    local = [path for path in sample if "://" not in path]
    unreadable = [f"{path} ({why})" for path in local if (why := _why_unreadable(path)) is not None]
    if unreadable:
        return fail(
            "images",
            f"{len(unreadable):,} of {len(local):,} sampled images cannot be read: {'; '.join(unreadable[:_SHOWN])}",
            "Put the files back, or replace the damaged ones.",
        )
    elsewhere = f", {len(sample) - len(local):,} are addresses" if len(local) < len(sample) else ""
    return ok("images", f"{len(local):,} sampled images can be read{elsewhere}")


def _why_unreadable(path: str) -> str | None:
    try:
        picture(path)
    except EncoderError as exc:
        cause = exc.__cause__ or exc
        return getattr(cause, "strerror", None) or str(cause)  # the path stands before it already
    return None
