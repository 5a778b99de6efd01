"""The sections of curator.toml about money: what things cost, and when to stop. Descriptions as in `curator.config.sections`."""

from datetime import date
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from curator.amounts import MICRO, parse_amount
from curator.config.sections import MOST_ITEMS, Section

# Of a label or an hour: in any currency more than that is a slip, and sums of less stay whole numbers in the ledger.
_HIGHEST_PRICE = 10**9 * MICRO


def _currency(code: str) -> str:
    if not (len(code) == 3 and code.isascii() and code.isupper() and code.isalpha()):
        raise ValueError("a currency is three capital letters, like USD")
    return code


def _quoted(amount: object) -> object:
    if isinstance(amount, int | float) and not isinstance(amount, bool):
        raise ValueError(f'an amount is written in quotes: "{amount}"')  # noqa: TRY004 - what pydantic collects
    return amount


def _amount(amount: str | None) -> str | None:
    if amount is not None and parse_amount(amount) > _HIGHEST_PRICE:
        raise ValueError(f"is more than {_HIGHEST_PRICE // MICRO:,}")
    return amount


Amount = Annotated[str, BeforeValidator(_quoted), AfterValidator(_amount)]


def in_currency(section: BaseModel, currency: str, where: str) -> list[str]:
    """What amounts of a section name another currency than the campaign's."""
    problems = []
    for name in type(section).model_fields:
        value = getattr(section, name)
        if name in _AMOUNTS and value is not None:
            try:
                parse_amount(value, currency)
            except ValueError as exc:
                problems.append(f"{where}{name}: {exc}")
    return problems


_AMOUNTS = {
    "price_per_label", "hourly_rate", "review_price", "per_round", "per_campaign", "compute_per_hour", "budget", "value_per_error",
}  # fmt: skip


class RateSection(Section):
    """What an answer costs: a price per label, or a rate per hour of measured time."""

    price_per_label: Amount | None = Field(
        default=None,
        description="Price of an answer; a skip is free. Exactly one of `price_per_label` and `hourly_rate`.",
        examples=["0.08"],
    )
    hourly_rate: Amount | None = Field(
        default=None, description="Price of an hour of measured labeling time.", examples=["25.00"]
    )

    @model_validator(mode="after")
    def _one_price(self) -> Self:
        if (self.price_per_label is None) == (self.hourly_rate is None):
            raise ValueError("needs exactly one of `price_per_label` and `hourly_rate`")
        return self

    @property
    def micro_per_label(self) -> int | None:
        """Price of one label in micro-units, or None when time is what is paid."""
        return None if self.price_per_label is None else parse_amount(self.price_per_label)

    @property
    def micro_per_hour(self) -> int | None:
        """Price of an hour in micro-units, or None when labels are what is paid."""
        return None if self.hourly_rate is None else parse_amount(self.hourly_rate)


class _InCurrency(Section):
    currency: Annotated[str, AfterValidator(_currency)] = Field(
        default="USD", description="Three-letter code of the currency of all amounts."
    )


class CostSection(RateSection, _InCurrency):  # the currency comes first: fields of the last base do
    """What answers cost, and what a round costs beside them; an amount is a decimal in quotes."""

    paid_to_active: float = Field(
        default=1.0,
        ge=1,
        le=100,
        description="Hours paid per hour of measured work. Above 1 if breaks and training are paid too.",
    )
    review_share: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Share of the answers that is reviewed. Set together with `review_price`.",
    )
    review_price: Amount | None = Field(
        default=None, description="Price of reviewing one answer.", examples=["0.05"]
    )
    per_round: Amount | None = Field(
        default=None, description="Fixed cost of each round: set-up, project management.", examples=["15.00"]
    )
    per_campaign: Amount | None = Field(
        default=None, description="Fixed cost, paid once: tools, onboarding.", examples=["200.00"]
    )
    compute_per_hour: Amount | None = Field(
        default=None, description="Price of an hour of training and scoring.", examples=["2.50"]
    )
    budget: Amount | None = Field(
        default=None,
        description="Limit on all spending, including the hold-out's labels: a batch is cut to what is left.",
        examples=["800"],
    )
    annotators: dict[str, RateSection] = Field(
        default_factory=dict,
        description="Annotators who are paid at other rates: name -> rate. Can also be written as separate sections, "
        "[cost.annotators.NAME].",
        examples=[{"anna@example.com": {"hourly_rate": "30.00"}}],
    )

    @property
    def micro_per_review(self) -> int | None:
        """Price of looking at an answer once more, in micro-units."""
        return None if self.review_price is None else parse_amount(self.review_price)

    @model_validator(mode="after")
    def _priced_review(self) -> Self:
        if (self.review_share > 0) != (self.review_price is not None):
            raise ValueError("needs `review_share` and `review_price` together, or neither")
        return self


class StopSection(Section):
    """What a better model is worth, and when the campaign is to end."""

    value_per_error: Amount | None = Field(
        default=None,
        description="What one wrong prediction costs you. Set together with `predictions`.",
        examples=["0.50"],
    )
    predictions: int | None = Field(
        default=None,
        ge=1,
        le=10**15,
        description="Number of predictions that the model will make while it is in use.",
        examples=[100_000],
    )
    target: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Value of the metric to reach, with the lower end of its interval.",
        examples=[0.92],
    )
    deadline: date | None = Field(
        default=None, description="No batch is sent after this day.", examples=[date(2030, 12, 31)]
    )
    least_per_class: int = Field(
        default=5,
        ge=0,
        le=MOST_ITEMS,
        description="Fewest labels of a class: while a class has fewer, the advice is never to stop.",
    )
    floor: float | None = Field(
        default=None,
        gt=0,
        description="Gain that is worth paying for, in points per 100 units of the currency. A simpler measure, for when nobody "
        "can say what an error costs.",
        examples=[0.5],
    )

    @model_validator(mode="after")
    def _whole_value(self) -> Self:
        if (self.value_per_error is None) != (self.predictions is None):
            raise ValueError("needs `value_per_error` and `predictions` together, or neither")
        return self
