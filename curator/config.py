"""curator.toml: what the user writes, checked at load into frozen values.

Secrets are never in it: the labeler's token comes from the environment (`LABEL_STUDIO_API_KEY`).
"""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from curator.errors import ConfigError
from curator.money.amounts import parse_amount

CONFIG_NAME = "curator.toml"
Kind = Literal["text", "image"]
Metric = Literal["accuracy", "macro_f1"]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProjectSection(_Section):
    """Who and what."""

    name: Name
    kind: Kind
    classes: tuple[Name, ...]
    seed: int = 0

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

    source: str
    id: str | None = None
    text: str | None = None
    image: str | None = None
    label: str | None = None
    embedding: str | None = None


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

    batch: int = Field(default=100, ge=1)
    strategy: Name | dict[str, float] = "margin"
    seed_batch: int = Field(default=100, ge=1)
    seed_strategy: Name | dict[str, float] = "maxherding"
    duplicate_cosine: float = Field(default=0.97, gt=0, le=1)

    @field_validator("strategy", "seed_strategy")
    @classmethod
    def _shares(cls, spec: str | dict[str, float]) -> str | dict[str, float]:
        if isinstance(spec, dict) and (not spec or any(not share > 0 for share in spec.values())):
            raise ValueError(
                "a mixture names strategies with shares above 0, e.g. {margin = 0.6, coverage = 0.4}"
            )
        return spec


class HoldoutSection(_Section):
    """The sealed random sample that measures every round."""

    size: int = Field(default=0, ge=0)  # 0: the hold-out is a labeled file of the user's own
    file: str | None = None
    metric: Metric = "accuracy"

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
    project: int | None = None  # label-studio: an existing project; unset = curator creates one
    folder: str | None = None  # files: where questions are written and answers are read
    seconds: float = Field(default=5.0, gt=0)  # replay: about how long one answer is said to have taken


class CostSection(_Section):
    """What an answer costs: a price per label, or a rate per hour of measured time."""

    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "USD"
    price_per_label: str | None = None
    hourly_rate: str | None = None

    @field_validator("price_per_label", "hourly_rate")
    @classmethod
    def _money(cls, amount: str | None) -> str | None:
        if amount is not None:
            parse_amount(amount)
        return amount

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
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"No {CONFIG_NAME} in {folder}. Start a project with `curator init NAME --data PATH`, "
            "or name its folder with --project DIR."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path} is not valid TOML: {exc}") from exc
    return parse_config(values, str(path))


def parse_config(values: dict[str, Any], where: str) -> Config:
    """Check values as they stand in curator.toml; `where` names them in errors."""
    try:
        return Config.model_validate(values)
    except ValidationError as exc:
        lines = []
        for problem in exc.errors():
            key = ".".join(str(part) for part in problem["loc"] if part not in ("str", "dict[str,float]"))
            message = problem["msg"].removeprefix("Value error, ")
            got = "" if problem["type"] in ("missing", "value_error") else f" (got {problem['input']!r})"
            lines.append(f"  {key or 'file'}: {message}{got}")
        raise ConfigError(f"{where} cannot be used:\n" + "\n".join(dict.fromkeys(lines))) from exc


def render_config(config: Config) -> str:
    """curator.toml as a person would like to find it: every setting with what it does."""
    c = config
    lines = [
        "# What curator works with. Edit freely: it is read anew, and checked, by every command.",
        "# The labeler's token does not belong here: export LABEL_STUDIO_API_KEY instead.",
        "",
        "[project]",
        f"name = {_toml(c.project.name)}",
        f"kind = {_toml(c.project.kind)}  # text or image",
        f"classes = {_toml(list(c.project.classes))}",
        f"seed = {c.project.seed}  # the same seed and answers give the same picks and numbers again",
        "",
        "[data]  # how to read pool files; `curator add PATH` uses the same columns",
        f"source = {_toml(c.data.source)}",
    ]
    for column, purpose in (
        ("id", "unset: an item is known by its content"),
        ("text", "what the annotator reads and the encoder sees"),
        ("image", "path or URL of each image"),
        ("label", "known labels: only the replay labeler uses them"),
        ("embedding", "embeddings that come with the data"),
    ):
        value = getattr(c.data, column)
        lines.append(
            f"{column} = {_toml(value)}  # {purpose}" if value else f'# {column} = "..."  # {purpose}'
        )
    lines += [
        "",
        "[encoder]  # tfidf, pixels, precomputed, sentence-transformers:NAME_OR_PATH, transformers:NAME_OR_PATH",
        f"name = {_toml(c.encoder.name)}",
        "",
        "[model]  # head = regularised and calibrated, on frozen embeddings; or sklearn:MODULE.CLASS",
        f"name = {_toml(c.model.name)}",
        f"seeds = {c.model.seeds}  # models trained per round; the interval of a gain needs several",
        f"params = {_toml(c.model.params)}  # e.g. {{hidden = 256, dropout = 0.5}}",
        "",
        "[acquisition]  # `curator strategies` lists what can stand here, modAL's strategies too",
        f"batch = {c.acquisition.batch}  # questions per round",
        f"strategy = {_toml(c.acquisition.strategy)}  # or a mixture: {{entropy = 0.3, margin = 0.3, coverage = 0.4}}",
        f"seed_batch = {c.acquisition.seed_batch}  # questions of the first round, before any model",
        f"seed_strategy = {_toml(c.acquisition.seed_strategy)}",
        f"duplicate_cosine = {c.acquisition.duplicate_cosine}  # no two picks of a batch nearer than this while others are left",
        "",
        "[holdout]  # a sealed random sample: measures every round, is never trained on or picked from",
    ]
    if c.holdout.file:
        lines.append(f"file = {_toml(c.holdout.file)}  # labeled already: costs nothing")
    else:
        lines.append(f"size = {c.holdout.size}  # drawn and labeled in the first round")
    lines += [
        f"metric = {_toml(c.holdout.metric)}  # what a gain is a gain of: accuracy or macro_f1",
        "",
        "[labeler]  # label-studio (a server), files (Label Studio's JSON in and out), replay (known labels)",
        f"name = {_toml(c.labeler.name)}",
    ]
    if c.labeler.name == "label-studio":
        lines.append(f"url = {_toml(c.labeler.url)}" if c.labeler.url else '# url = "http://localhost:8080"')
        lines.append(
            f"project = {c.labeler.project}  # a project that exists already"
            if c.labeler.project
            else "# project = 12  # a project that exists already; unset: curator creates one"
        )
    if c.labeler.name == "files":
        lines.append(f"folder = {_toml(c.labeler.folder)}  # questions/ is written, answers/ is read")
    if c.labeler.name == "replay":
        lines.append(f"seconds = {c.labeler.seconds}  # about how long one answer is said to have taken")
    lines += [
        "",
        "[cost]  # exactly one of price_per_label and hourly_rate, as a decimal in quotes",
        f"currency = {_toml(c.cost.currency)}",
        f"price_per_label = {_toml(c.cost.price_per_label)}"
        if c.cost.price_per_label
        else '# price_per_label = "0.08"',
        f"hourly_rate = {_toml(c.cost.hourly_rate)}" if c.cost.hourly_rate else '# hourly_rate = "25.00"',
        "",
    ]
    return "\n".join(lines)


def _toml(value: Any) -> str:
    """A value as TOML; the standard library only reads TOML, and a template of ours needs five types."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in escaped) + '"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    raise TypeError(f"no TOML for {type(value).__name__}")
