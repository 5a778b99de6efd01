"""The random-labels twin of a campaign: what its model would have been on labels drawn at random, same pool and hold-out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curator.learner.threads import one_thread
from curator.project.holdout import near_holdout, unsealed_rows
from curator.project.project import Project
from curator.simulate.analysis import YARDSTICK
from curator.simulate.play import Plan, play
from curator.simulate.statistics import first_reach, rising
from curator.simulate.task import Task
from strategies.kernels.ties import likeliest

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Twin:
    """A campaign beside labels drawn at random. Accuracy is a share of the campaign's hold-out, 0-1.

    Attributes:
        labels: (m,) of the campaign's rounds, ascending.
        accuracy: (m,) after each.
        sizes: (k,) some of `labels`, ascending: where random labels were measured.
        drawn: (n_draws, k) accuracy of a model on so many random labels, each drawn anew.
    """

    labels: FloatArray
    accuracy: FloatArray
    sizes: FloatArray
    drawn: FloatArray

    @property
    def level(self) -> float:
        """The accuracy that both reach: the lower of what the campaign has in the end and what random labels have on average."""
        return float(min(rising(self.accuracy)[-1], rising(self.drawn.mean(axis=0))[-1]))

    @property
    def needed(self) -> float:
        """Labels with which the campaign reached the level."""
        return float(first_reach(self.labels, rising(self.accuracy), self.level))

    @property
    def needed_at_random(self) -> float:
        """Labels with which random labels reached it, by the mean of the draws."""
        return float(first_reach(self.sizes, rising(self.drawn.mean(axis=0)), self.level))

    @property
    def needed_by_each(self) -> FloatArray:
        """(n_draws,) the same of each draw, ascending; infinite where it did not get there."""
        return np.sort(first_reach(self.sizes, rising(self.drawn), self.level))


def random_twin(
    project: Project,
    known: Mapping[str, str],
    measured: Sequence[tuple[int, float]],
    sizes: Sequence[int],
    draws: int,
) -> Twin:
    """Train the project's model on random labels, and measure it on the project's hold-out.

    Args:
        project: of a campaign whose hold-out is drawn.
        known: item_id -> class, of every item.
        measured: (labels, accuracy) of the campaign's rounds, ascending.
        sizes: how many random labels; some of those of the rounds.
        draws: of each size.
    """
    task = _task(project, known)
    first = project.config.project.seed
    drawn = [[_accuracy(task, project, size, first + n) for size in sizes] for n in range(draws)]
    labels, accuracy = zip(*measured, strict=True)
    return Twin(
        np.array(labels, dtype=np.float64),
        np.array(accuracy),
        np.array(sizes, dtype=np.float64),
        np.array(drawn),
    )


def _task(project: Project, known: Mapping[str, str]) -> Task:
    """What the campaign could choose from, and what it was measured on."""
    config, pool = project.config, project.pool
    position = {name: i for i, name in enumerate(config.project.classes)}
    holdout, rows = project.holdout_rows(), unsealed_rows(project)
    rows = rows[~near_holdout(project)(project.embeddings.take(rows))]
    y, holdout_y = (
        np.array([position[known[item_id]] for item_id in pool.ids(part)], dtype=np.int64)
        for part in (rows, holdout)
    )
    free = np.zeros(len(rows), dtype=np.int64)  # no budget cuts these campaigns short
    return Task(
        config.project.name,
        project.embeddings.take(rows),
        y,
        project.embeddings.take(holdout),
        holdout_y,
        config.project.classes,
        free,
    )


def _accuracy(task: Task, project: Project, size: int, seed: int) -> float:
    model = project.config.model
    plan = Plan(
        seed_batch=size,
        batch=size,
        rounds=1,
        strategy=YARDSTICK,
        seed_strategy=YARDSTICK,
        model=model.name,
        params=model.params,
        model_seeds=model.seeds,
    )
    played = next(play(task, plan, seed))
    with one_thread():
        probs = played.model.predict_proba(task.holdout)
    return float((likeliest(probs) == task.holdout_y).mean())
