"""Small real projects for tests: clustered embeddings with known labels, and how to run them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from curator.ledger.store import Ledger
from curator.progress import NoProgress
from curator.project.project import Project
from curator.start.create import init_project
from curator.start.options import InitOptions

CLASSES = ("blue", "green", "red")


def write_pool(path: Path, n: int = 240, *, dim: int = 16, seed: int = 0, spread: float = 0.35) -> Path:
    """Items around one centre per class, with text, label and embedding, as JSONL."""
    rng = np.random.default_rng(seed)
    # The centres are the same for every seed, so that two files belong to one task.
    centres = np.random.default_rng(99).normal(size=(len(CLASSES), dim))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    with path.open("w", encoding="utf-8") as file:
        for i in range(n):
            y = int(rng.integers(len(CLASSES)))
            embedding = centres[y] + spread * rng.normal(size=dim)
            row = {
                "id": f"item-{seed}-{i:04d}",
                "text": f"number {i} is {CLASSES[y]} <b>& more</b>",
                "label": CLASSES[y],
                "embedding": [round(float(v), 5) for v in embedding],
            }
            file.write(json.dumps(row) + "\n")
    return path


def make_project(
    folder: Path,
    *,
    n: int = 240,
    batch: int = 10,
    holdout: str = "60",
    random_share: float = 0.0,
    **options: Any,
) -> Path:
    """A project with the replay labeler, and without a random arm (unless told otherwise); returns its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    data = options.pop("data", None) or write_pool(folder / "pool.jsonl", n)
    settings: dict[str, Any] = {"price": "0.08", "labeler": "replay", **options}
    if "hourly_rate" in settings:
        settings.pop("price")
    init_project(
        InitOptions(name="colours", data=data, batch=batch, holdout=holdout, **settings), folder, NoProgress()
    )
    edit_config(folder, "random_share = 0.1", f"random_share = {random_share}")
    return folder


def edit_config(folder: Path, old: str, new: str) -> None:
    """Change a line of curator.toml as a user would; the line must be there."""
    path = folder / "curator.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in\n{text}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def train_at_once(folder: Path) -> Path:
    """Take a model that trains in milliseconds, for what is not about models; returns the folder."""
    edit_config(folder, 'name = "head"', 'name = "sklearn:linear_model.LogisticRegression"')
    return folder


def labels_of(project: Project) -> dict[str, str]:
    """item_id -> true label of every pool item."""
    rows = np.arange(project.pool.n_items)
    return {i: str(y) for i, y in zip(project.pool.ids(rows), project.pool.labels(rows), strict=True)}


def dump(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Everything a ledger says but times: what two runs of the same campaign must agree on."""
    with Ledger(folder / ".curator" / "ledger.db") as ledger:
        tables = [
            row["name"]
            for row in ledger.rows(
                "select name from sqlite_master where type = 'table' and name not like '\\_%' escape '\\'"
            )
            if not row["name"].startswith("sqlite_")
        ]
        return {
            name: sorted(
                (
                    {k: v for k, v in row.items() if not k.endswith("_at") and k != "cursor"}
                    for row in ledger.rows(f"select * from {name}")
                ),
                key=lambda row: json.dumps(row, sort_keys=True, default=str),
            )
            for name in tables
        }
