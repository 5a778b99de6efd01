"""The project itself: its folder, the room on its disk, and whether what curator.toml names can be used."""

import shutil
import tempfile
from pathlib import Path

from curator.config import Config
from curator.errors import ConfigError, CuratorError
from integrations.findings import Finding, fail, ok, warn

HEADROOM = 64 * 1024 * 1024  # bytes: checkpoints, reports, temporary files of a round
COMFORT = 1024 * 1024 * 1024  # bytes: with less than this beyond what is needed, a warning


def check_folder(folder: Path) -> list[Finding]:
    """Whether files can be made in the project and in its state folder."""
    refused = []
    for place in (folder, folder / ".curator"):
        try:
            with tempfile.TemporaryFile(dir=place) as file:
                file.write(b"0")
        except OSError as exc:
            refused.append(f"{place}: {exc.strerror}")
    if refused:
        return [
            fail(
                "folder",
                "; ".join(refused),
                "Make the folder writable for this user, or free space on its disk.",
            )
        ]
    return [ok("folder", f"{folder} is writable")]


def check_disk(folder: Path, missing_embeddings: int) -> Finding:
    """Free space against what the project still needs.

    Args:
        folder: of the project.
        missing_embeddings: bytes of embeddings that are still to be computed.
    """
    ledger = folder / ".curator" / "ledger.db"
    size = ledger.stat().st_size if ledger.is_file() else 0
    needed = missing_embeddings + size + HEADROOM  # a large pull can write most of the ledger anew
    free = shutil.disk_usage(folder).free
    detail = f"{_size(free)} free, about {_size(needed)} needed"
    if free < needed:
        return fail("disk", detail, f"Free at least {_size(needed - free)} on the disk of {folder}.")
    if free < needed + COMFORT:
        return warn("disk", detail, f"Free some space on the disk of {folder} soon.")
    return ok("disk", detail)


def _size(count: int) -> str:
    value = float(count)
    for unit in ("bytes", "KB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit in ("bytes", "KB") else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def check_acquisition(config: Config) -> Finding:
    """Whether the strategies of later batches and of the first one are there."""
    from curator.project.modal import check_strategy

    chosen = config.acquisition
    try:
        for spec in (chosen.strategy, chosen.seed_strategy):
            check_strategy(spec, config.kind, allow_code=chosen.allow_code)
    except ConfigError as exc:
        return fail(
            "strategy",
            str(exc),
            "Fix [acquisition] in curator.toml; `curator strategies` lists the strategies.",
        )
    named, seed = (
        spec if isinstance(spec, str) else " + ".join(spec)
        for spec in (chosen.strategy, chosen.seed_strategy)
    )
    return ok("strategy", f"{named}; the first batch by {seed}")


def check_model(config: Config) -> Finding:
    """Whether the model that curator.toml names can be made."""
    section = config.model
    # The head as it comes: nothing of it can be wrong, and building one loads torch.
    if section.name == "head" and not section.params:
        return ok("model", section.name)
    try:
        config.task().new_model(section.name, section.params, section.seeds, config.project.seed)
    except CuratorError as exc:
        return fail("model", str(exc), "Fix [model] in curator.toml.")
    return ok("model", section.name)
