"""OUT/curves.csv: one row per model of a run; appended run by run, so that a stopped benchmark goes on where it was."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, fields
from pathlib import Path

from benchmarks.efficiency.simulate import Point, Run

COLUMNS = tuple(field.name for field in (*fields(Run), *fields(Point)))
Curves = dict[Run, list[Point]]


def read(path: Path) -> Curves:
    """All runs of a file, in its order; none when there is no file.

    Raises:
        ValueError: it has other columns.
    """
    curves: Curves = {}
    if not path.exists():
        return curves
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        head = tuple(next(rows, ()))
        if head != COLUMNS:
            raise ValueError(f"{path} has the columns {', '.join(head)}. Move it away, or give another OUT.")
        for row in rows:
            if len(row) < len(COLUMNS):
                break  # the last line, when the benchmark was killed while it wrote
            dataset, strategy, head_name, library, seed, labels, *values = row
            run = Run(dataset, strategy, head_name, library, int(seed))
            curves.setdefault(run, []).append(Point(int(labels), *map(float, values)))
    return curves


def append(path: Path, run: Run, points: Iterable[Point]) -> None:
    """Write a finished run."""
    is_new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(COLUMNS)
        writer.writerows(_rows(run, points))


def unfinished(path: Path, budgets: Mapping[Run, Sequence[int]]) -> list[Run]:
    """The runs that are still to do; what was only partly written is taken out of the file.

    Args:
        path: of the file; need not exist.
        budgets: the runs wanted, and the numbers of labels at which each is measured.

    Returns:
        The wanted runs that the file does not hold, in their order.

    Raises:
        ValueError: the file holds runs of another plan.
    """
    curves = read(path)
    torn = []
    for run, points in curves.items():
        wanted, found = budgets.get(run), [point.labels for point in points]
        if wanted is None or found == list(wanted):
            continue
        if run != list(curves)[-1] or found != list(wanted[: len(found)]):
            raise ValueError(
                f"{path} holds {run.strategy} on {run.dataset} with {found[0]} to {found[-1]} labels, this plan has "
                f"{wanted[0]} to {wanted[-1]}. Give another OUT."
            )
        torn.append(run)
    for run in torn:
        del curves[run]
    if path.exists():
        _rewrite(path, curves)
    return [run for run in budgets if run not in curves]


def _rewrite(path: Path, curves: Curves) -> None:
    new = path.with_suffix(".tmp")
    with new.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for run, points in curves.items():
            writer.writerows(_rows(run, points))
    new.replace(path)


def _rows(run: Run, points: Iterable[Point]) -> list[tuple[str | int, ...]]:
    return [
        (
            *astuple(run),
            point.labels,
            *(f"{value:.4f}" for value in (point.accuracy, point.macro_f1, point.ece)),
            f"{point.query_ms:.1f}",
        )
        for point in points
    ]
