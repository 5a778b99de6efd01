"""A whole campaign on scikit-learn's handwritten digits, through the same functions that users call."""

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from curator.config import CONFIG_NAME
from curator.errors import ConfigError, CuratorError
from curator.init import InitOptions, init_project
from curator.labelers import TOKEN_VARIABLE
from curator.ledger import records
from curator.money.amounts import format_amount
from curator.progress import Progress
from curator.project import Project
from curator.rounds.run import run_round

PRICE = "0.08"
BATCH = 30
HOLDOUT = 300
SCALE = 16  # the digits are 8 x 8 pixels: too small to look at
_MARK = ".curator-demo"
_CALLS_PER_ROUND = 50  # a bound on calls, so that a server that stops answering ends the demo


def run_demo(
    folder: Path,
    *,
    rounds: int,
    studio: Path | None,
    keep: bool,
    progress: Progress,
    say: Callable[[str], None],
    show: Callable[[str], None],
) -> None:
    """Set up the digits, run `rounds` measured rounds, and show the ledger's gain table.

    Args:
        folder: where the project goes; an older demo there is replaced.
        rounds: how many to measure.
        studio: a `label-studio` program to label through, or None for the replay labeler.
        keep: leave the server on until Ctrl-C.
        progress: draws bars.
        say: for what happens on the way.
        show: for the result.
    """
    from curator.cli.render import gain_table

    _clear(folder)
    images = _write_digits(folder / "digits")
    with ExitStack() as stack:
        url, annotate = _start_studio(stack, studio, folder, images, say) if studio else (None, None)
        options = InitOptions(
            name="digits",
            data=folder / "digits",
            classes=tuple(str(i) for i in range(10)),
            price=PRICE,
            labeler="label-studio" if studio else "replay",
            url=url,
            batch=BATCH,
            holdout=str(HOLDOUT),
        )
        report = init_project(options, folder, progress, say)
        say(f"{report.items:,} images of handwritten digits; each label costs ${PRICE}")
        project = stack.enter_context(Project(folder, progress=progress, say=say))
        _campaign(project, rounds, annotate, say)
        show(gain_table(records.gain_table(project.ledger), project.config.cost.currency))
        holdout = format_amount(records.spend(project.ledger)["holdout"], project.config.cost.currency)
        show(f"The total includes {holdout} for the hold-out's labels. Ledger: {project.ledger.path}")
        if url and keep:
            _hold(project, say)


def _campaign(
    project: Project, rounds: int, annotate: Callable[[str], int] | None, say: Callable[[str], None]
) -> None:
    for _ in range(rounds * _CALLS_PER_ROUND):
        report = run_round(project)
        if report.measured:
            row = report.measured
            say(f"Round {row['round']}: {row['labels']} labels, {row['metric']} {row['value']:.3f}")
            if row["round"] >= rounds:
                return
        if annotate and report.opened:
            answered = annotate(project.ledger.get("labeler_project") or "")
            say(
                f"Round {report.opened}: {answered} questions answered by the simulated annotator at {report.where}"
            )
    raise CuratorError(
        f"The demo did not measure {rounds} rounds; see `curator status --project {project.folder}`."
    )


def _clear(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(parents=True)
    elif not (folder / _MARK).exists():
        raise ConfigError(f"{folder} exists and is not a demo of ours: name another folder.")
    else:
        for old in ("digits", ".curator"):
            shutil.rmtree(folder / old, ignore_errors=True)
        (folder / CONFIG_NAME).unlink(missing_ok=True)
    (folder / _MARK).touch()


def _write_digits(folder: Path) -> dict[str, str]:
    """The digits as PNG files in a folder per class; returns item_id -> class."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    labels = {}
    for i, (pixels, target) in enumerate(zip(digits.images, digits.target, strict=True)):
        path = folder / str(target) / f"{i:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        grey = (255 - pixels * 15).astype(np.uint8).repeat(SCALE, axis=0).repeat(SCALE, axis=1)
        Image.fromarray(grey).save(path)
        labels[f"{target}/{i:04d}.png"] = str(target)
    return labels


def _start_studio(
    stack: ExitStack, program: Path, folder: Path, labels: Mapping[str, str], say: Callable[[str], None]
) -> tuple[str, Callable[[str], int]]:
    """A real server with an annotator who knows the labels; returns its address and how to let her work."""
    from integrations.labelers.label_studio.annotator import EMAIL, SimulatedAnnotator, sign_up
    from integrations.labelers.label_studio.server import LocalStudio

    say("Starting Label Studio (the first time takes a minute: it prepares its database)")
    server = stack.enter_context(LocalStudio(program, folder.parent / "studio"))
    os.environ[TOKEN_VARIABLE] = server.token
    say(f"Label Studio: {server.url}  log in as {server.email}, password {server.password}")

    def answer(data: Mapping[str, Any]) -> str | None:
        return labels.get(str(data["item_id"]))

    annotator = SimulatedAnnotator(server.url, sign_up(server.url, EMAIL, server.password), answer)
    return server.url, lambda reference: annotator.run(int(reference))


def _hold(project: Project, say: Callable[[str], None]) -> None:
    say(f"Have a look at {project.labeler.where()}; Ctrl-C stops the server.")
    try:
        while True:
            input()
    except (KeyboardInterrupt, EOFError):
        say("Stopping.")
