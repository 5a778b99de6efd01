"""curator.toml: what the user writes, checked at load into frozen values.

Secrets are never in it: `curator.studio.credentials` says where the labeler's token comes from.
"""

import json
import tomllib
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from curator.amounts import MICRO, parse_amount
from curator.errors import ConfigError
from curator.pool.reading import Quoting, Reading, check_delimiter, check_encoding
from integrations.class_names import alike_groups
from integrations.labelers.registry import LABELERS, traits_of
from integrations.labelers.traits import Traits
from strategies.mixture import shares_of

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

CONFIG_NAME = "curator.toml"
_LARGEST = 2**63 - 1  # whole number that the ledger can hold
_MOST_ITEMS = 10**9
_LONGEST_VALUE = 200  # characters of a wrong value in a message
# Of a label or an hour: in any currency more than that is a slip, and sums of less stay whole numbers in the ledger.
_HIGHEST_PRICE = 10**9 * MICRO
Kind = Literal["text", "image"]
Metric = Literal["accuracy", "macro_f1"]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


def _openable(path: str) -> str:
    if "\0" in path:
        raise ValueError("no path holds a NUL character")
    return path


def _currency(code: str) -> str:
    if not (len(code) == 3 and code.isascii() and code.isupper() and code.isalpha()):
        raise ValueError("a currency is three capital letters, like USD")
    return code


PathText = Annotated[str, AfterValidator(_openable)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ProjectSection(_Section):
    """Who and what."""

    name: Name
    kind: Kind
    classes: tuple[Name, ...]
    seed: int = Field(default=0, ge=0, le=_LARGEST)

    @field_validator("classes")
    @classmethod
    def _distinct(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        if len(classes) < 2:
            raise ValueError("needs at least two classes")
        twice = sorted({c for c in classes if classes.count(c) > 1})
        if twice:
            raise ValueError(f"names a class twice: {', '.join(twice)}")
        return classes


class DataSection(_Section):
    """Where the pool came from, so that `curator add` reads the next file in the same way."""

    source: PathText
    id: str | None = None
    text: str | None = None
    image: str | None = None
    label: str | None = None
    embedding: str | None = None
    show: tuple[Name, ...] = ()  # further columns that annotators see beside the item, in this order
    allow_outside: bool = False  # images may lie outside the folder of the data file
    # of a folder of images: which folder is the label, 1 = the outermost; unset = the innermost
    label_level: int | None = Field(default=None, ge=1, le=100)
    merge_case: bool = False  # labels that look alike (case, unseen characters) are one class
    # how a file of text is written; unset: found out for each file
    delimiter: Annotated[str, AfterValidator(check_delimiter)] | None = None
    encoding: Annotated[str, AfterValidator(check_encoding)] | None = None
    quoting: Quoting | None = None  # none: a double quote is a character like any other
    header: bool | None = None  # false: the first line is a row, and the columns are column1, column2, ...

    @property
    def reading(self) -> Reading:
        """How a file of text is written, as one value."""
        return Reading(self.delimiter, self.encoding, self.quoting, self.header)

    def columns(self) -> dict[str, Any]:
        """What `curator.pool.columns.Columns` is made of."""
        return {
            "id": self.id,
            "text": self.text,
            "image": self.image,
            "label": self.label,
            "embedding": self.embedding,
            "show": self.show,
            "reading": self.reading,
            "label_level": self.label_level,
            "merge_case": self.merge_case,
        }


class EncoderSection(_Section):
    """How items become embeddings."""

    name: Name


class ModelSection(_Section):
    """The model that is trained each round, on frozen embeddings."""

    name: Name = "head"
    seeds: int = Field(default=3, ge=1, le=100)
    params: dict[str, Any] = Field(default_factory=dict)


class AcquisitionSection(_Section):
    """Which items to ask about next."""

    batch: int = Field(default=100, ge=1, le=_MOST_ITEMS)
    strategy: Name | dict[str, float] = "auto"
    seed_batch: int = Field(default=100, ge=1, le=_MOST_ITEMS)
    seed_strategy: Name | dict[str, float] = "maxherding"
    duplicate_cosine: float = Field(default=0.97, gt=0, le=1)
    random_share: float = Field(default=0.1, ge=0, le=1)  # of each batch: the random arm; 0 = none
    cost_aware: bool = False  # choose by expected gain per expected cost
    allow_code: bool = False  # a strategy MODULE:FUNCTION may lie outside modAL; it is run

    @field_validator("strategy", "seed_strategy")
    @classmethod
    def _shares(cls, spec: str | dict[str, float]) -> str | dict[str, float]:
        shares_of(spec)
        return spec


class HoldoutSection(_Section):
    """The sealed random sample that measures every round."""

    size: int = Field(default=0, ge=0, le=_MOST_ITEMS)  # 0: the hold-out is a labeled file of the user's own
    file: PathText | None = None
    metric: Metric = "accuracy"
    # true class -> predicted class -> what that mistake costs against others, 1 where nothing is said
    mistakes: dict[str, dict[str, Annotated[float, Field(ge=0, le=1e6)]]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.size > 0) == (self.file is not None):
            raise ValueError(
                "needs exactly one of `size` (drawn at random and labeled) and `file` (labeled already)"
            )
        return self


class LabelerSection(_Section):
    """Who answers."""

    name: Name = "label-studio"
    url: str | None = None  # label-studio: http://localhost:8080
    proxy: str | None = None  # label-studio: http://HOST:PORT; "none": none; unset: as the environment says
    ca_file: PathText | None = None  # label-studio: certificates (PEM) of an authority of your own
    # label-studio: an existing project; unset = curator creates one
    project: int | None = Field(default=None, ge=1, le=_LARGEST)
    folder: PathText | None = None  # files: where questions are written and answers are read
    seconds: float = Field(default=5.0, gt=0, le=1e6)  # replay: about how long one answer takes ...
    seconds_per_word: float = Field(default=0.0, ge=0, le=1e6)  # ... and so much more for each word of a text
    suggestions: Literal["auto", "on", "off"] = "auto"  # auto: until they are shown to hurt
    blind_share: float = Field(default=0.2, ge=0, le=1)  # of the questions: asked without a suggestion
    neighbours: int = Field(default=0, ge=0, le=9)  # nearest labeled items shown with each question
    cannot_tell: str = "can't tell"  # one choice more, for an annotator who cannot decide; "" = none
    instructions: PathText | None = None  # a Markdown file, shown to the annotators
    descriptions: dict[str, Name] = Field(default_factory=dict)  # class -> what it means
    hotkeys: dict[str, Name] = Field(default_factory=dict)  # class -> key; unset: Label Studio's own
    images: Literal["upload", "local"] = "upload"  # how local images reach the annotators' browsers
    image_root: PathText | None = None  # local: the folder that the server serves (its document root)
    overlap: int = Field(default=1, ge=1, le=20)  # answers wanted per item ...
    overlap_share: float = Field(default=1.0, gt=0, le=1)  # ... for this share of the items
    options: dict[str, Any] = Field(
        default_factory=dict
    )  # of another package's labeler, which is made with them

    @property
    def traits(self) -> Traits:
        """What this labeler can do, and what it needs."""
        return traits_of(self.name)

    @model_validator(mode="after")
    def _whose_options(self) -> Self:
        if self.options and self.name in LABELERS:
            raise ValueError(
                f"[labeler.options] is for labelers of other packages; the settings of {self.name!r} stand in [labeler] itself"
            )
        return self

    @model_validator(mode="after")
    def _local_images(self) -> Self:
        if self.images == "local" and not self.image_root:
            raise ValueError(
                'images = "local" needs image_root, the LOCAL_FILES_DOCUMENT_ROOT of the Label Studio server'
            )
        return self


def _quoted(amount: object) -> object:
    if isinstance(amount, int | float) and not isinstance(amount, bool):
        raise ValueError(f'an amount is written in quotes: "{amount}"')  # noqa: TRY004 - what pydantic collects
    return amount


def _amount(amount: str | None) -> str | None:
    if amount is not None and parse_amount(amount) > _HIGHEST_PRICE:
        raise ValueError(f"is more than {_HIGHEST_PRICE // MICRO:,}")
    return amount


Amount = Annotated[str, BeforeValidator(_quoted), AfterValidator(_amount)]


def _in_currency(section: BaseModel, currency: str, where: str) -> list[str]:
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


class RateSection(_Section):
    """What an answer costs: a price per label, or a rate per hour of measured time."""

    price_per_label: Amount | None = None
    hourly_rate: Amount | None = None

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


class CostSection(RateSection):
    """The rate card: what answers cost, and what a round costs beside them."""

    currency: Annotated[str, AfterValidator(_currency)] = "USD"
    paid_to_active: float = Field(default=1.0, ge=1, le=100)  # hours paid per hour of measured work
    annotators: dict[str, RateSection] = Field(default_factory=dict)  # who is paid otherwise
    review_share: float = Field(default=0.0, ge=0, le=1)  # of the answers: looked at once more ...
    review_price: Amount | None = None  # ... for this price each
    per_round: Amount | None = None  # set-up, project management
    per_campaign: Amount | None = None  # once: tools, onboarding
    compute_per_hour: Amount | None = None  # of training and scoring
    budget: Amount | None = None  # nothing is asked beyond it: a batch is cut to what is left

    @property
    def micro_per_review(self) -> int | None:
        """Price of looking at an answer once more, in micro-units."""
        return None if self.review_price is None else parse_amount(self.review_price)

    @model_validator(mode="after")
    def _priced_review(self) -> Self:
        if (self.review_share > 0) != (self.review_price is not None):
            raise ValueError("needs `review_share` and `review_price` together, or neither")
        return self


class StopSection(_Section):
    """What a better model is worth, and when the campaign is to end."""

    value_per_error: Amount | None = None  # what one wrong prediction costs the business
    predictions: int | None = Field(default=None, ge=1, le=10**15)  # the model will make while it is used
    target: float | None = Field(default=None, gt=0, lt=1)  # of the metric
    deadline: date | None = None  # no batch is sent after this day
    least_per_class: int = Field(default=5, ge=0, le=_MOST_ITEMS)  # labels; before, "stop" is never said
    floor: float | None = Field(
        default=None, gt=0
    )  # points per 100 units of currency that are worth paying for

    @model_validator(mode="after")
    def _whole_value(self) -> Self:
        if (self.value_per_error is None) != (self.predictions is None):
            raise ValueError("needs `value_per_error` and `predictions` together, or neither")
        return self


class Config(_Section):
    """All of curator.toml."""

    project: ProjectSection
    data: DataSection
    encoder: EncoderSection
    model: ModelSection = ModelSection()
    acquisition: AcquisitionSection = AcquisitionSection()
    holdout: HoldoutSection
    labeler: LabelerSection = LabelerSection()
    cost: CostSection
    stop: StopSection = StopSection()

    @model_validator(mode="after")
    def _one_currency(self, info: ValidationInfo) -> Self:
        # What the ledger has of earlier rounds was taken as it stood, when signs were not read.
        if (info.context or {}).get("stored"):
            return self
        currency = self.cost.currency
        problems = [
            *_in_currency(self.cost, currency, "[cost] "),
            *(
                problem
                for name, rate in self.cost.annotators.items()
                for problem in _in_currency(
                    rate, currency, f"[cost] annotators.{json.dumps(name, ensure_ascii=False)}."
                )
            ),
            *_in_currency(self.stop, currency, "[stop] "),
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @model_validator(mode="after")
    def _known_classes(self) -> Self:
        classes, labeler = self.project.classes, self.labeler
        for setting in ("descriptions", "hotkeys"):
            strange = [name for name in getattr(labeler, setting) if name not in classes]
            if strange:
                raise ValueError(f"[labeler] {setting} names what is no class: {', '.join(strange)}")
        if labeler.cannot_tell in classes:
            raise ValueError(
                f'[labeler] cannot_tell is {labeler.cannot_tell!r}, which is a class; set it to ""'
            )
        alike = alike_groups(classes) if self.data.merge_case else []
        if alike:
            raise ValueError(
                f"[data] merge_case makes one class of {' and '.join(map(repr, alike[0]))}: name one of them only"
            )
        mistaken = {name for true, costs in self.holdout.mistakes.items() for name in (true, *costs)}
        if mistaken - set(classes):
            raise ValueError(
                f"[holdout] mistakes names what is no class: {', '.join(sorted(mistaken - set(classes)))}"
            )
        right = [true for true, costs in self.holdout.mistakes.items() if true in costs]
        if right:
            raise ValueError(
                f"[holdout] mistakes prices what is no mistake: {', '.join(right)} taken for itself"
            )
        keys = [key.lower() for key in labeler.hotkeys.values()]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"[labeler] hotkeys gives a key to two classes: {', '.join(twice)}")
        return self

    @field_validator("model", mode="before")
    @classmethod
    def _name_alone(cls, model: object) -> object:
        # model = "sklearn:MODULE.CLASS" above the first section is short for [model] with nothing but a name.
        return {"name": model} if isinstance(model, str) else model


def load_config(folder: Path) -> Config:
    """Read and check curator.toml in `folder`.

    Raises:
        ConfigError: there is none, it is not TOML, or values cannot be; all problems are listed at once.
    """
    path = folder / CONFIG_NAME
    try:
        str(folder.resolve()).encode()
    except UnicodeEncodeError:  # libraries that read files by C's rules open nothing there
        raise ConfigError(
            f"The folder {str(folder.resolve())!r} has a name that is not UTF-8: rename it, then run again."
        ) from None
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"No {CONFIG_NAME} in {folder.resolve()}. Start a project with `curator init NAME --data PATH`, "
            "or name its folder with --project DIR."
        ) from None
    except RecursionError as exc:
        raise ConfigError(f"{path} is not valid TOML: lists or tables are nested too deeply.") from exc
    except ValueError as exc:  # also of a number with too many digits, and of what is no UTF-8
        raise ConfigError(f"{path} is not valid TOML: {exc}") from exc
    return parse_config(values, str(path))


def parse_config(values: dict[str, Any], where: str, *, stored: bool = False) -> Config:
    """Check values as they stand in curator.toml; `where` names them in errors. `stored`: they are those of an earlier round."""
    try:
        return Config.model_validate(values, context={"stored": stored})
    except ValidationError as exc:
        lines = []
        for problem in exc.errors():
            key = ".".join(str(part) for part in problem["loc"] if part not in ("str", "dict[str,float]"))
            message = _in_our_words(problem)
            shown = _shown(problem["input"])
            told = ("missing", "value_error", "extra_forbidden")
            got = "" if problem["type"] in told else f" (got {shown})"
            lines.append(f"  {f'{key}: ' if key else ''}{message}{got}")
        raise ConfigError(f"{where} cannot be used:\n" + "\n".join(dict.fromkeys(lines))) from exc


def _shown(value: object) -> str:
    """A wrong value as a message shows it."""
    try:
        given = repr(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "a number of thousands of digits"
    except RecursionError:
        return "something nested too deeply"
    return given if len(given) <= _LONGEST_VALUE else f"{given[:_LONGEST_VALUE]}..."


def _in_our_words(problem: "ErrorDetails") -> str:
    """The message of a wrong value, and for an unknown setting the one that may be meant."""
    if problem["type"] != "extra_forbidden":
        return problem["msg"].removeprefix("Value error, ")
    section: Any = Config
    *path, name = problem["loc"]
    for part in path:
        section = section.model_fields[part].annotation if part in section.model_fields else section
        section = next(iter(get_args(section)[1:]), section)  # a table of sections by name: one of them
    close = get_close_matches(str(name)[:_LONGEST_VALUE], section.model_fields, n=1)
    known = f"did you mean {close[0]}?" if close else f"known are {', '.join(section.model_fields)}."
    return f"there is no such setting; {known}"
