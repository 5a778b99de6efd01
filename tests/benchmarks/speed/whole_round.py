"""W8: a whole `curator round`, the second of a campaign: pull, settle, train, measure, score, select, push to files.

The project is made for it, in a temporary folder: items with precomputed embeddings, labels that follow them, answers to
the first round in a file as Label Studio exports it. Embeddings, and the neighbour graph where the
strategy can use it, are there before the round begins.
"""

import json
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from benchmarks.speed.case import OURS, Case, Prepared
from benchmarks.speed.data import clustered, linear_head

BATCH = 1_000
_SLICE = 65_536
_PRICE = "0.05"


def _second_round(strategy: str, n: int) -> Prepared:
    from curator.project.project import Project
    from curator.rounds.run import run_round
    from strategies.registry import get

    place = TemporaryDirectory(prefix="curator-speed-", ignore_cleanup_errors=True)
    folder, batch = Path(place.name), min(BATCH, n // 10)
    labels = _make(folder, n, batch, strategy)
    with Project(folder) as project:
        run_round(project)
        if "neighbours" in getattr(get(strategy), "uses", ()):
            project.graph.ensure()
    _answer(folder / "labeling", labels)

    def run() -> list[str]:
        with Project(folder) as project:
            report = run_round(project)
            asked = project.ledger.scalar("select count(*) from picks where round = 2")
        if asked != batch:
            raise RuntimeError(f"The round asked {asked} of {batch} items: {'; '.join(report.notes)}")
        seconds = [f"{stage} {took:.1f} s" for stage, took in report.seconds.items()]
        place.cleanup()
        return seconds

    return Prepared(run, ", ".join, once=True)


def _make(folder: Path, n: int, batch: int, strategy: str) -> dict[str, str]:
    """The project; returns the label of each item."""
    from curator.progress import NoProgress
    from curator.start.create import init_project
    from curator.start.options import InitOptions

    rows = clustered(n)
    np.save(folder / "embeddings.npy", rows)
    weight, bias = linear_head()
    classes = tuple(f"class {number:02d}" for number in range(len(bias)))
    likeliest = np.concatenate(
        [(rows[low : low + _SLICE] @ weight.T + bias).argmax(axis=1) for low in range(0, n, _SLICE)]
    )
    labels = {f"item-{number:07d}": classes[label] for number, label in enumerate(likeliest.tolist())}
    with (folder / "items.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(f'{{"id": "{item}", "text": "This is {item}."}}\n' for item in labels)
    init_project(
        InitOptions(
            name="speed",
            data=folder / "items.jsonl",
            embeddings_file=str(folder / "embeddings.npy"),
            classes=classes,
            price=_PRICE,
            labeler="files",
            strategy=strategy,
            batch=batch,
            holdout=str(batch),
        ),
        folder,
        NoProgress(),
    )
    return labels


def _answer(labeling: Path, labels: dict[str, str]) -> None:
    """Answers to all questions there are, in one file."""
    tasks = []
    for path in sorted((labeling / "questions").iterdir()):
        for task in json.loads(path.read_text(encoding="utf-8")):
            choice = {"choices": [labels[task["data"]["item_id"]]]}
            made = {
                "id": len(tasks) + 1,
                "created_at": "2026-01-01T00:00:00Z",
                "completed_by": 1,
                "lead_time": 2.0,
                "result": [{"type": "choices", "from_name": "label", "to_name": "text", "value": choice}],
            }
            tasks.append({"id": len(tasks) + 1, "data": task["data"], "annotations": [made]})
    (labeling / "answers" / "round-001.json").write_text(json.dumps(tasks), encoding="utf-8")


# What curator itself needs beside the strategies; an environment of peers may lack it.
_PACKAGE = "sqlite_utils"
CASES = tuple(
    Case(
        "W8",
        f"round of {BATCH:,} by {strategy}",
        OURS,
        (100_000, 1_000_000),
        partial(_second_round, strategy),
        _PACKAGE,
        0,
    )
    for strategy in ("auto", "margin", "uncertainty_herding")
)
