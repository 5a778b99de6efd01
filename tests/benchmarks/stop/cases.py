"""What rules are judged on: a campaign, a hold-out, a price, and what an error is worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from benchmarks.efficiency.statistics import PowerLaw
from benchmarks.stop.campaigns import Campaign, Run
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score

from curator.amounts import MICRO
from curator.evidence.forecast.core import VERSION, predict
from curator.money.stop import AHEAD, FEWEST_ROUNDS, Outlook, look_ahead, recent

PRICE = 80_000  # micro-units of a label
HOLDOUTS = (300, 1_000)
# Where the best stop of the mean curve lies, as a share of the campaign's labels.
PLACES = {"early": 0.2, "middle": 0.4, "late": 0.7}
_DRAWS = 500
FloatArray = NDArray[np.floating]


@dataclass(frozen=True)
class Stability:
    """How much models differ from the one before.

    Attributes:
        changed: (rounds,) share of changed predictions on the stop set, mean of the last three; NaN before.
        kappa: (rounds,) Cohen's, likewise.
    """

    changed: FloatArray
    kappa: FloatArray


@dataclass(frozen=True)
class Case:
    """One campaign to be stopped.

    Attributes:
        campaign: as it was played, far beyond the best stop.
        items: of the hold-out that rules may look at.
        place: "early", "middle" or "late".
        value: micro-units that one unit of the error rate costs while the model is used.
        draws: (rounds, n_draws, 1 + AHEAD) of the learning curve now and after further rounds, as forecast after each
            round; NaN where no forecast is made.
        steady: how much its models differ from each other.
    """

    campaign: Campaign
    items: int
    place: str
    value: int
    draws: FloatArray
    steady: Stability

    @cached_property
    def cost(self) -> FloatArray:
        """(rounds,) micro-units: hold-out and labels bought so far, and the errors that remain on the truth."""
        bought = PRICE * (self.items + self.campaign.labels)
        return bought + self.value * (1.0 - self.campaign.accuracy)

    @cached_property
    def batch_cost(self) -> int:
        """Micro-units of a round."""
        return int(PRICE * (self.campaign.labels[1] - self.campaign.labels[0]))

    @cached_property
    def outlooks(self) -> list[Outlook | None]:
        """What the next rounds were worth, as it looked after each round; None where there was no forecast."""
        found: list[Outlook | None] = []
        for draws in self.draws:
            known = draws[:, ~np.isnan(draws).any(axis=0)]
            seen = known.shape[1] > 1
            found.append(look_ahead(known, cost=self.batch_cost, value=self.value) if seen else None)
        return found

    def excess(self, stop: int) -> float:
        """How much more stopping after that round costs than the best round in hindsight; a share."""
        return float(self.cost[stop] / self.cost.min() - 1.0)


def stability(campaign: Campaign) -> Stability:
    """Of a campaign, by its stop set."""
    pairs = list(zip(campaign.stop_set, campaign.stop_set[1:], strict=False))
    changed = [None, *(float(np.mean(a != b)) for a, b in pairs)]
    # two constants that agree have no kappa: agreement that stays
    kappa = [None, *(1.0 if (a == b).all() else float(cohen_kappa_score(a, b)) for a, b in pairs)]
    return Stability(_means(changed), _means(kappa))


def _means(values: Sequence[float | None]) -> FloatArray:
    means = [recent(values[: i + 1]) for i in range(len(values))]
    return np.array([np.nan if mean is None else mean for mean in means])


def forecasts(campaign: Campaign, items: int, folder: Path) -> FloatArray:
    """The draws of a case; kept in `folder`, by the version of the forecast, since they take most of the time."""
    path = folder / f"{items}-v{VERSION}-{campaign.run.file}"
    if path.exists():
        with np.load(path) as kept:
            return kept["draws"]
    labels, values = campaign.labels, campaign.holdout[:, :items].mean(axis=1)
    draws = np.full((len(labels), _DRAWS, 1 + AHEAD), np.nan, dtype=np.float32)
    for r in range(FEWEST_ROUNDS - 1, len(labels) - 1):
        at = labels[r] + (labels[1] - labels[0]) * np.arange(1 + AHEAD)
        at = at[at <= 4 * labels[r]]
        found = predict(labels[: r + 1], values[: r + 1], items, at, seed=campaign.run.seed)
        draws[r, :, : len(at)] = found.paths(_DRAWS)
    unfinished = path.with_suffix(".part.npz")
    np.savez_compressed(unfinished, draws=draws)
    unfinished.replace(path)
    return draws


def values_of(campaigns: Sequence[Campaign]) -> dict[str, dict[str, int]]:
    """{set: {place: value}}: what an error is worth so that the mean curve's best stop lies at that place.

    On a curve a - b n^-c the best stop is where the slope times the value equals the price of a label.
    """
    found: dict[str, dict[str, int]] = {}
    for name in sorted({campaign.run.dataset for campaign in campaigns}):
        of_set = [campaign for campaign in campaigns if campaign.run.dataset == name]
        labels = of_set[0].labels
        law = PowerLaw.fit(labels, np.mean([campaign.accuracy for campaign in of_set], axis=0))
        found[name] = {}
        for place, share in PLACES.items():
            n = labels[0] + share * (labels[-1] - labels[0])
            slope = law.drop * law.rate / law.first * (n / law.first) ** (-law.rate - 1)
            found[name][place] = round(PRICE / slope)
    return found


def cases_of(campaigns: Mapping[Run, Campaign], folder: Path) -> list[Case]:
    """Every campaign with every hold-out that its set has, and every value."""
    values = values_of(list(campaigns.values()))
    found = []
    for run, campaign in campaigns.items():
        steady = stability(campaign)
        for items in HOLDOUTS:
            if campaign.holdout.shape[1] >= items:
                draws = forecasts(campaign, items, folder)
                found += [
                    Case(campaign, items, place, value, draws, steady)
                    for place, value in values[run.dataset].items()
                ]
    return found


def dollars(micro: float) -> str:
    """For tables."""
    return f"{micro / MICRO:,.0f}"
