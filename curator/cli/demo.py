"""A whole campaign on scikit-learn's handwritten digits, through the same functions that users call."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.amounts import format_amount, parse_amount
from curator.cli.printing import table
from curator.config import CONFIG_NAME
from curator.errors import ConfigError, CuratorError
from curator.ledger import queries
from curator.progress import Progress
from curator.project.project import Project
from curator.rounds.run import run_round
from curator.start.create import init_project
from curator.start.options import InitOptions
from curator.studio.credentials import FILE_VARIABLE, PASSWORD, TOKEN, TOKEN_VARIABLE
from curator.studio.home import StudioHome

if TYPE_CHECKING:
    from curator.simulate.twin import Twin  # loads torch

PRICE = "0.08"
BATCH = 30
HOLDOUT = 300
DIGITS = 1200  # of 1,797: as many as a minute is enough for
DRAWS, SIZES = 3, 3  # of random labels, for the comparison at the end: each is a training
SCALE = 16  # the digits are 8 x 8 pixels: too small to look at
_MARK = ".curator-demo"
_STUDIO = "label-studio"  # the server's folder, beside the demo's
_CALLS_PER_ROUND = 50  # a bound on calls, so that a server that stops answering ends the demo


def run_demo(
    folder: Path,
    *,
    rounds: int,
    studio: bool,
    executable: Path | None,
    keep: bool,
    progress: Progress,
    say: Callable[[str], None],
    show: Callable[[str], None],
) -> None:
    """Set up the digits, run `rounds` measured rounds; show the ledger's gain table and what random labels would have bought.

    Args:
        folder: where the project goes; an older demo there is replaced.
        rounds: how many to measure.
        studio: label through a real Label Studio, which lives beside `folder`; otherwise the replay labeler.
        executable: its program; None = install one there.
        keep: leave the server on. One that ran before is left on anyway.
        progress: draws bars.
        say: for what happens on the way.
        show: for the result.
    """
    from curator.cli.text.results import gain_table
    from curator.views.report.write import write_report

    if (executable or keep) and not studio:
        raise ConfigError("--executable and --keep concern the server that --studio starts: add --studio.")
    _clear(folder)
    images = _write_digits(folder / "digits")
    home = StudioHome(folder.absolute().parent / _STUDIO)
    with ExitStack() as stack:
        url, annotate = (
            _start_studio(stack, home, executable, images, say, keep=keep) if studio else (None, None)
        )
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
        show(gain_table(queries.measures.gain_table(project.ledger), project.config.cost.currency))
        holdout = format_amount(queries.costs.spend(project.ledger)["holdout"], project.config.cost.currency)
        show(f"The total includes {holdout} for the hold-out's labels. Ledger: {project.ledger.path}")
        show(f"\n{_against_random(project, images, say)}\n")
        show(f"Report: {write_report(project).page}")
        if url and keep:
            say(
                f"Have a look at {project.labeler.where()}. To run commands on {folder}: "
                f"export {FILE_VARIABLE}={home.folder / TOKEN}\n"
                f"`curator studio down --home {home.folder}` stops the server."
            )


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


def _against_random(project: Project, known: Mapping[str, str], say: Callable[[str], None]) -> str:
    """The campaign beside labels drawn at random: the same pool, hold-out and model, in labels and in money."""
    from curator.simulate.twin import random_twin

    say(f"For comparison: training on labels drawn at random, {DRAWS} draws")
    rows = queries.measures.gain_table(project.ledger)
    measured = {int(row["labels"]): float(row["value"]) for row in rows}
    sizes = [labels for labels in measured if max(measured) % labels == 0][-SIZES:]
    twin = random_twin(project, known, list(measured.items()), sizes, DRAWS)
    lines = [
        [
            f"{size:,}",
            _cost(size),
            f"{measured[size]:.3f}",
            f"{drawn.mean():.3f} ({drawn.min():.3f} to {drawn.max():.3f})",
        ]
        for size, drawn in zip(sizes, twin.drawn.T, strict=True)
    ]
    shown = table(["labels", "cost", "chosen by curator", f"at random ({DRAWS} draws)"], lines, left=0)
    return f"{shown}\n{_told(twin, sizes[-1])}"


def _told(twin: "Twin", most: int) -> str:
    """What the comparison shows, and what it does not."""
    ours, theirs = round(twin.needed), round(twin.needed_at_random)
    each = ["not reached" if labels > most else f"{labels:,.0f}" for labels in twin.needed_by_each]
    said = (
        f"To reach accuracy {twin.level:.3f}, curator took {ours:,} labels ({_cost(ours)}); random labels took {theirs:,} "
        f"({_cost(theirs)}; by draw: {', '.join(each)})"
    )
    if twin.needed_by_each[0] > twin.needed:
        return f"{said}: {1 - ours / theirs:.0%} fewer, and fewer than in every draw. `curator simulate` plays more of them."
    return f"{said}. Not every draw took more, so this does not show a saving; `curator simulate` plays more of them."


def _cost(labels: int) -> str:
    return format_amount(labels * parse_amount(PRICE), "USD")


def _clear(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(parents=True)
    elif not (folder / _MARK).exists():
        raise ConfigError(f"{folder} exists and is not a demo that curator made: choose another folder.")
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
    for i, (pixels, target) in enumerate(zip(digits.images[:DIGITS], digits.target[:DIGITS], strict=True)):
        path = folder / str(target) / f"{i:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        grey = (255 - pixels * 15).astype(np.uint8).repeat(SCALE, axis=0).repeat(SCALE, axis=1)
        Image.fromarray(grey).save(path)
        labels[f"{target}/{i:04d}.png"] = str(target)
    return labels


def _start_studio(
    stack: ExitStack,
    home: StudioHome,
    executable: Path | None,
    labels: Mapping[str, str],
    say: Callable[[str], None],
    *,
    keep: bool,
) -> tuple[str, Callable[[str], int]]:
    """A real server with an annotator who knows the labels; returns its address and how to let her work."""
    from curator.studio import service
    from integrations.labelers.label_studio.annotator import EMAIL, SimulatedAnnotator, account_token

    done = service.up(home, executable=executable, credentials="file", say=say)
    if done.started and not keep:
        stack.callback(service.down, home)
    url, account = str(done.status.url), done.account
    stack.enter_context(_environment(TOKEN_VARIABLE, account.token))
    say(f"Label Studio: {url}  log in as {account.email}; the password is in {home.folder / PASSWORD}")

    def answer(data: Mapping[str, Any]) -> str | None:
        return labels.get(str(data["item_id"]))

    token = account_token(url, EMAIL, account.password, account.token)
    annotator = SimulatedAnnotator(url, token, answer)
    return url, lambda reference: annotator.run(int(reference))


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """A variable of the environment, put back at the end: the user's may hold the token of another server."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
