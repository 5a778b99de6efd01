"""A whole simulation: which campaigns, play what is missing, compare, write down."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from curator.errors import ConfigError, DataError
from curator.files import project_lock, write_bytes
from curator.output import check_output, has_columns
from curator.progress import Progress
from curator.project.modal import check_strategy
from curator.rounds.needs import Spec
from curator.simulate.advice import recommendation, warnings
from curator.simulate.analysis import YARDSTICK, compare, standings
from curator.simulate.crew import play_all
from curator.simulate.data import Labeled
from curator.simulate.figure import figure
from curator.simulate.journal import COLUMNS, Journal, write_curves
from curator.simulate.play import Plan
from curator.simulate.price import Price
from curator.simulate.result import Simulation
from curator.simulate.runs import Point, Run
from curator.simulate.split import Split
from curator.tasks.single import SingleChoice

ROUNDS = 10
DEFAULT_BATCH = 100
_LOCK, _JOURNAL, _RESULT, _PICTURE = "lock", "runs.jsonl", "result.json", "curves.svg"
_SMALLEST_BATCH = 5
_MOST_ROUNDS = 10_000  # where a budget ends campaigns
_MANY = 0.05  # of the pool: so many near-duplicates of the hold-out are worth saying
COST_AWARE = " (cost-aware)"


@dataclass(frozen=True)
class Settings:
    """How a simulation is played.

    Attributes:
        strategies: {what results call it: spec}.
        seeds: campaigns of each.
        plan: of every campaign; strategy, and for random labels more, is put in. Its batch sizes may be 0: they follow
            from the data then. Its rounds 0: 10, or as many as the budget pays for.
        split: of the data.
        price: of labels.
        metric: name of the one that campaigns are compared by.
        currency: of all money.
        holdouts: sizes of the hold-out that accuracy is measured on, ascending, the whole one the last.
        jobs: campaigns at a time.
        compare_cost_aware: play every strategy a second time, by gain per cost.
    """

    strategies: dict[str, Spec]
    seeds: int
    plan: Plan
    split: Split
    price: Price
    metric: str
    currency: str
    holdouts: tuple[int, ...]
    jobs: int = 1
    compare_cost_aware: bool = False


def simulate(
    data: Labeled,
    settings: Settings,
    folder: Path,
    progress: Progress,
    say: Callable[[str], None] = lambda _text: None,
    curves: Path | None = None,
    *,
    force: bool = False,
) -> Simulation:
    """Play what was not played before, and compare.

    Args:
        data: labeled.
        settings: how.
        folder: gets every finished campaign (runs.jsonl), the result (result.json) and its picture (curves.svg).
        progress: draws a bar.
        say: told how far an earlier call came.
        curves: gets every point of every campaign, as CSV.
        force: replace files that no simulation wrote.

    Raises:
        ConfigError: a strategy or model that does not exist, a plan that the data do not allow, or files in the way.
        DataError: the campaigns cannot be compared.
    """
    _check_places(folder, curves, force=force)
    plan = _fitted(settings, data)
    settings = replace(settings, plan=plan)
    runs = campaigns(settings)
    folder.mkdir(parents=True, exist_ok=True)
    with project_lock(folder / _LOCK, "simulate"):
        played = _played(data, runs, settings.jobs, folder, progress, say)
    by_name: dict[str, list[list[Point]]] = {}
    for run in runs:
        by_name.setdefault(run.contender, []).append(played[run])
    short = [run for run in runs if len(played[run]) < 2]
    if short:
        raise DataError(
            f"{len(short)} of {len(runs)} campaigns ended after the first batch: pool or budget allow no second. Give a "
            "smaller --batch, or a larger --budget. Items that are near-duplicates of the hold-out are never asked about: "
            "where most are, there is little to choose from."
        )
    found = _compared(data, settings, by_name)
    text = json.dumps(found.as_json(), ensure_ascii=False, sort_keys=True)
    write_bytes(folder / _RESULT, text.encode())
    write_bytes(folder / _PICTURE, figure(found).encode())
    if curves is not None:
        write_curves(curves, data.name, {run: played[run] for run in runs})
    return found


def _check_places(folder: Path, curves: Path | None, *, force: bool) -> None:
    """Results replace those of an earlier simulation, and nothing else."""
    was_here = (folder / _LOCK).exists()
    for name in (_JOURNAL, _RESULT, _PICTURE):
        check_output(folder / name, lambda _path: was_here, force=force)
    if curves is not None:
        check_output(curves, has_columns(*COLUMNS), force=force)


def campaigns(settings: Settings) -> list[Run]:
    """All campaigns of a simulation; all of a seed come before the next seed."""
    plans = {}
    for name, spec in settings.strategies.items():
        plan = replace(settings.plan, strategy=spec)
        if spec == YARDSTICK:
            # What labeling without any tool is: random from the first label on.
            plan = replace(plan, seed_strategy=YARDSTICK, random_share=0.0)
        plans[name] = plan
        if settings.compare_cost_aware and spec != YARDSTICK:
            plans[name + COST_AWARE] = replace(plan, cost_aware=True)
    return [
        Run(name, plan, settings.split, settings.price, settings.holdouts, seed)
        for seed in range(settings.seeds)
        for name, plan in plans.items()
    ]


def _fitted(settings: Settings, data: Labeled) -> Plan:
    """Rounds and batch sizes where they follow from the data: ten rounds, with half of the pool at most."""
    plan, price = settings.plan, settings.price
    for spec in (*settings.strategies.values(), plan.seed_strategy):
        check_strategy(spec, SingleChoice, allow_code=plan.allow_code)
    _check_model(plan, data)
    usual = price.of(data.words).mean()
    if not usual:
        raise ConfigError(
            "Strategies are compared over money, and labels cost nothing here. Give --price; 0.05 is as good as any."
        )
    paid_for = plan.budget / usual if plan.budget is not None else float("inf")
    rounds = plan.rounds or (ROUNDS if plan.budget is None else _MOST_ROUNDS)
    room = min(settings.split.pool / 2, paid_for)
    batch = plan.batch or max(_SMALLEST_BATCH, min(DEFAULT_BATCH, int(room / (plan.rounds or ROUNDS))))
    seed_batch = plan.seed_batch or min(max(batch, 2 * len(data.classes)), max(int(room / 2), batch))
    if seed_batch >= min(settings.split.pool, paid_for):
        raise ConfigError(
            f"A first batch of {seed_batch} leaves nothing for a second: the pool has {settings.split.pool} items"
            + ("" if plan.budget is None else f", the budget pays for {int(paid_for)}")
            + ". Give a smaller --batch or --seed-batch."
        )
    return replace(plan, rounds=rounds, batch=batch, seed_batch=seed_batch)


def _check_model(plan: Plan, data: Labeled) -> None:
    from curator.learner.model import build_model

    build_model(plan.model, dict(plan.params), range(len(data.classes)), plan.model_seeds, 0)


def _played(
    data: Labeled,
    runs: list[Run],
    jobs: int,
    folder: Path,
    progress: Progress,
    say: Callable[[str], None],
) -> dict[Run, list[Point]]:
    journal = Journal(folder / _JOURNAL)
    keys = {run: run.key(data.digest) for run in runs}
    known = journal.read()
    played = {run: known[key] for run, key in keys.items() if key in known}
    todo = [run for run in runs if run not in played]
    if played and todo:
        say(f"{len(played)} of {len(runs)} campaigns were played before: continuing with the rest.")
    path = folder / f"play-{data.digest}.safetensors"
    if todo:
        data.save(path)
    try:
        with progress.bar("campaigns", len(todo)) as advance:
            for run, points in play_all(path, todo, jobs):
                journal.append(keys[run], run.contender, run.seed, points)
                played[run] = points
                advance(1)
    finally:
        path.unlink(missing_ok=True)
    return played


def _compared(data: Labeled, settings: Settings, by_name: dict[str, list[list[Point]]]) -> Simulation:
    found = standings(by_name, settings.metric)
    tasks = [settings.split.task(data, settings.price, seed) for seed in range(settings.seeds)]
    rivals = [one.name for one in found if one.name != YARDSTICK]
    to_best = {name: compare(by_name, settings.metric, name, rivals[0]) for name in rivals}
    plan = settings.plan
    pool = round(sum(len(task.pool) for task in tasks) / len(tasks))
    notes = list(data.notes)
    if pool < (1 - _MANY) * settings.split.pool:
        notes.append(
            f"{1 - pool / settings.split.pool:.0%} of the pool are near-duplicates of hold-out items and are never asked about"
        )
    return Simulation(
        data=data.name,
        metric=settings.metric,
        seeds=settings.seeds,
        items=len(data),
        pool=pool,
        holdout=len(tasks[0].holdout),
        classes=len(data.classes),
        budget=round(found[0].over_money[-1].x),
        currency=settings.currency,
        standings=found,
        recommendation=recommendation(found, settings.seeds, settings.currency, to_best),
        warnings=warnings(settings.seeds, notes),
        settings={
            "seed_batch": plan.seed_batch,
            "batch": plan.batch,
            "rounds": max(len(points) for runs in by_name.values() for points in runs),
            "seed_strategy": plan.seed_strategy,
            "random_share": plan.random_share,
            "model": plan.model,
            "params": dict(plan.params),
        },
    )
