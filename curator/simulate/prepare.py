"""From what the command line was told to data and settings: what is not given is the project's, or a default."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curator.amounts import currency_named
from curator.config import AcquisitionSection, CostSection, Kind, ModelSection, load_config
from curator.errors import ConfigError
from curator.pool.columns import Columns
from curator.progress import Progress
from curator.project.modal import check_strategy
from curator.project.project import Project
from curator.rounds.needs import Spec
from curator.simulate.analysis import YARDSTICK
from curator.simulate.data import Labeled
from curator.simulate.from_file import FileOptions, read_file
from curator.simulate.from_project import read_project
from curator.simulate.play import Plan
from curator.simulate.price import Price, amount
from curator.simulate.simulation import Settings
from curator.simulate.split import Split, holdout_sizes
from curator.tasks.single import SingleChoice
from strategies.errors import StrategyError
from strategies.mixture import shares_of

FOLDER = Path("curator-simulation")


@dataclass(frozen=True)
class Asked:
    """What `curator simulate` was told; None: the project's, or the default."""

    strategies: str
    seeds: int
    data: Path | None
    price: str | None
    hourly_rate: str | None
    seconds_per_item: float
    seconds_per_word: float
    currency: str | None
    rounds: int | None
    batch: int | None
    seed_batch: int | None
    budget: str | None
    seed_strategy: str | None
    random_share: float | None
    cost_aware: bool
    metric: str | None
    model: str | None
    model_params: str | None
    model_seeds: int | None
    holdout: str | None
    pool: int | None
    holdouts: str | None
    kind: Kind | None
    columns: Columns
    embeddings: str | None
    holdout_embeddings: str | None
    encoder: str | None
    classes: tuple[str, ...] | None
    allow_outside: bool
    allow_code: bool
    name: str | None
    jobs: int
    out: Path | None
    skip_bad_rows: Path | None = None


@dataclass(frozen=True)
class Ready:
    """What a simulation begins with."""

    data: Labeled
    settings: Settings
    folder: Path


@dataclass(frozen=True)
class _Defaults:
    """What is not given."""

    acquisition: AcquisitionSection
    model: ModelSection
    cost: CostSection | None
    metric: str
    currency: str
    batch: int
    seed_batch: int


def prepare(
    asked: Asked, project: Path, progress: Progress, say: Callable[[str], None] = lambda _text: None
) -> Ready:
    """Read the data and settle how to play.

    Args:
        asked: by the user.
        project: its folder; looked at only where no data file is given.
        progress: draws bars.
        say: told what was inferred.

    Raises:
        ConfigError: a value that cannot be.
        DataError: data that cannot be used, or too few.
    """
    strategies = parse_strategies(asked.strategies)
    for spec in strategies.values():  # said before anything is read
        check_strategy(
            spec, SingleChoice, allow_code=asked.allow_code or _project_allows_code(asked, project)
        )
    if YARDSTICK not in strategies:
        say("random is played as well: everything is compared with it.")
        strategies[YARDSTICK] = YARDSTICK
    if asked.holdout is not None and asked.holdout.isdecimal() and not int(asked.holdout):
        raise ConfigError(
            "--holdout 0 leaves nothing to measure with. Give a number of items, or a labeled file."
        )
    holdout_file = None if asked.holdout is None or asked.holdout.isdecimal() else Path(asked.holdout)
    if asked.data is None:
        data, defaults, folder = _of_project(asked, holdout_file, project, progress, say)
    else:
        folder = asked.out or FOLDER
        defaults = _Defaults(AcquisitionSection(), ModelSection(), None, "accuracy", "USD", 0, 0)
        _check_paid(asked, defaults)
        data = read_file(_file_options(asked, asked.data, holdout_file), folder, progress, say)
    split = Split.of(
        data,
        int(asked.holdout) if asked.holdout and holdout_file is None else None,
        asked.pool,
        defaults.acquisition.duplicate_cosine,
    )
    settings = Settings(
        strategies=strategies,
        seeds=asked.seeds,
        plan=_plan(asked, defaults, split),
        split=split,
        price=_price(asked, defaults),
        metric=_metric(asked.metric or defaults.metric),
        currency=_currency(asked, defaults),
        holdouts=holdout_sizes(asked.holdouts, split.holdout),
        jobs=asked.jobs,
        compare_cost_aware=asked.cost_aware,
    )
    if asked.cost_aware and not settings.price.unequal:
        raise ConfigError(
            "--cost-aware needs items that cost unequally: give --hourly-rate instead of --price, so that longer texts cost "
            "more."
        )
    return Ready(data, settings, folder)


def _project_allows_code(asked: Asked, project: Path) -> bool:
    return asked.data is None and load_config(project).acquisition.allow_code


def parse_strategies(text: str) -> dict[str, Spec]:
    """{name in results: spec} of `auto,entropy=0.5+coverage=0.5,random`.

    Raises:
        ConfigError: nothing is named, a share is no number, or shares do not add up to 1.
    """
    found: dict[str, Spec] = {}
    for part in (part.strip() for part in text.split(",")):
        if not part:
            continue
        if "=" not in part:
            found[part] = part
            continue
        try:
            pairs = [piece.split("=") for piece in part.split("+")]
            found[part] = shares_of({name.strip(): float(share) for name, share in pairs})
        except (ValueError, StrategyError) as exc:
            raise ConfigError(
                f"--strategies: {part!r} is not a mixture ({exc}); write entropy=0.5+coverage=0.5."
            ) from exc
    if not found:
        raise ConfigError("--strategies names none. Write auto,margin,random.")
    return found


def _of_project(
    asked: Asked,
    holdout_file: Path | None,
    folder: Path,
    progress: Progress,
    say: Callable[[str], None],
) -> tuple[Labeled, _Defaults, Path]:
    if holdout_file is not None:
        raise ConfigError(
            "--holdout FILE goes with --data FILE. In a project give a number of items: they are taken from its labels, "
            "since the sealed hold-out must not choose a strategy."
        )
    with Project(folder, progress=progress, say=say) as project:
        config, acquisition = project.config, project.config.acquisition
        defaults = _Defaults(
            acquisition,
            config.model,
            config.cost,
            config.holdout.metric,
            config.cost.currency,
            acquisition.batch,
            acquisition.seed_batch,
        )
        _check_paid(asked, defaults)
        return read_project(project), defaults, asked.out or project.state / "simulations"


def _file_options(asked: Asked, data: Path, holdout: Path | None) -> FileOptions:
    return FileOptions(
        data=data,
        kind=asked.kind,
        columns=asked.columns,
        allow_outside=asked.allow_outside,
        embeddings=asked.embeddings,
        holdout=holdout,
        holdout_embeddings=asked.holdout_embeddings,
        encoder=asked.encoder,
        classes=asked.classes,
        name=asked.name,
        skip_bad_rows=asked.skip_bad_rows,
    )


def _check_paid(asked: Asked, defaults: _Defaults) -> None:
    """A missing price is said before anything is read."""
    _price(asked, defaults)


def _price(asked: Asked, defaults: _Defaults) -> Price:
    price, rate = asked.price, asked.hourly_rate
    if price is None and rate is None and defaults.cost is not None:
        price, rate = defaults.cost.price_per_label, defaults.cost.hourly_rate
    return Price.parse(
        price, rate, asked.seconds_per_item, asked.seconds_per_word, _currency(asked, defaults)
    )


def _currency(asked: Asked, defaults: _Defaults) -> str:
    """The one that was named, the project's, that of the price, or the usual one."""
    if asked.currency or defaults.cost is not None:
        return asked.currency or defaults.currency
    return currency_named(asked.price or asked.hourly_rate or "") or defaults.currency


def _plan(asked: Asked, defaults: _Defaults, split: Split) -> Plan:
    """Batch sizes of a project count as long as its labels allow some rounds of them."""
    acquisition, model = defaults.acquisition, defaults.model
    fits = defaults.seed_batch + 3 * defaults.batch <= split.pool
    name = asked.model or model.name
    params: dict[str, Any] = dict(model.params) if name == model.name else {}
    share = acquisition.random_share if asked.random_share is None else asked.random_share
    return Plan(
        seed_batch=asked.seed_batch or (0 if asked.batch or not fits else defaults.seed_batch),
        batch=asked.batch or (defaults.batch if fits else 0),
        rounds=asked.rounds or 0,
        seed_strategy=asked.seed_strategy or acquisition.seed_strategy,
        model=name,
        params=params if asked.model_params is None else _params(asked.model_params),
        model_seeds=asked.model_seeds or model.seeds,
        random_share=share,
        budget=None if asked.budget is None else amount(asked.budget, "--budget", _currency(asked, defaults)),
        duplicate_cosine=acquisition.duplicate_cosine,
        allow_code=asked.allow_code or acquisition.allow_code,
    )


def _params(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as exc:
        raise ConfigError(f"--model-params is not JSON ({exc}). Write '{{\"C\": 10}}'.") from exc
    if not isinstance(found, dict):
        raise ConfigError("--model-params is not a JSON object. Write '{\"C\": 10}'.")
    return found


def _metric(text: str) -> str:
    known = SingleChoice.headlines()
    if text not in known:
        raise ConfigError(f"--metric is {text!r}; it must be one of {', '.join(known)}.")
    return text
