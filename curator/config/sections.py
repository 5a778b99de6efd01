"""The sections of curator.toml about the data, the model, the hold-out and the labeler.

The first sentence of a description stands behind the setting in curator.toml and in `--help`; the rest is for the reference.
An example makes a setting that is unset stand in curator.toml as a comment.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from curator.pool.reading import Quoting, Reading, check_delimiter, check_encoding
from curator.tasks.registry import KINDS, describe_headlines, describe_kinds, find_kind
from integrations.encoders.registry import describe_encoders
from integrations.labelers.registry import LABELERS, describe_labelers, traits_of
from integrations.labelers.traits import Traits
from strategies.mixture import shares_of

LARGEST = 2**63 - 1  # whole number that the ledger can hold
MOST_ITEMS = 10**9
# Classes in examples: curator.toml has the project's own in their place.
EXAMPLE_CLASSES = ("positive", "negative")
Kind = Literal["text", "image"]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


def _openable(path: str) -> str:
    if "\0" in path:
        raise ValueError("no path holds a NUL character")
    return path


PathText = Annotated[str, AfterValidator(_openable)]


class Section(BaseModel):
    """A section of curator.toml; an unknown setting is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ProjectSection(Section):
    """What the campaign is called, and what it asks."""

    name: Name = Field(description="What the campaign is called; annotators see it.")
    kind: Kind = Field(description="text or image: what an item is.")
    task: Name = Field(
        default="single",
        description=f"What a label is: {describe_kinds()}. It cannot be changed once a campaign has begun.",
    )
    classes: tuple[Name, ...] = Field(
        description="The classes, in the order annotators see them. Once questions have been asked, change them with "
        "`curator classes`, which also shows what happens to earlier answers."
    )
    seed: int = Field(
        default=0,
        ge=0,
        le=LARGEST,
        description="The same seed and answers give the same picks and numbers again. Use another seed to repeat the campaign "
        "with other random choices.",
    )

    @field_validator("task")
    @classmethod
    def _known(cls, task: str) -> str:
        find_kind(task)
        return task

    @field_validator("classes")
    @classmethod
    def _distinct(cls, classes: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if "task" in info.data:  # else that is wrong, and said
            find_kind(info.data["task"]).check_classes(classes)
        twice = sorted({c for c in classes if classes.count(c) > 1})
        if twice:
            raise ValueError(f"names a class twice: {', '.join(twice)}")
        return classes


class DataSection(Section):
    """How pool files are read; `curator add PATH` reads the next one in the same way."""

    source: PathText = Field(description="File or folder that the pool came from.")
    id: str | None = Field(
        default=None,
        description="Column with item ids; unset: items are identified by their content.",
        examples=["..."],
    )
    text: str | None = Field(
        default=None,
        description="Column with the text that annotators read and the encoder sees.",
        examples=["..."],
    )
    image: str | None = Field(
        default=None, description="Column with the path or URL of each image.", examples=["..."]
    )
    label: str | None = Field(
        default=None,
        description="Column with known labels, from which the replay labeler answers. With other labelers it only "
        "names the classes, unless `curator init --use-labels` imports its labels as your own.",
        examples=["..."],
    )
    embedding: str | None = Field(
        default=None,
        description="Column with embeddings that come with the data: a list of numbers for each item.",
        examples=["..."],
    )
    show: tuple[Name, ...] = Field(
        default=(),
        description="Further columns that annotators see next to the item, in this order.",
        examples=[["title", "author"]],
    )
    label_level: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description="In a folder of images: which folder level is the label, 1 = the outermost; unset: the innermost.",
        examples=[1],
    )
    merge_case: bool = Field(
        default=False,
        description="Whether labels that differ only in case, spaces or invisible characters are one class.",
        examples=[True],
    )
    allow_outside: bool = Field(
        default=False,
        description="Whether images may lie outside the folder of the data, and links may lead out of it. Leave it off for data "
        "from people you would not trust with your files.",
        examples=[True],
    )
    delimiter: Annotated[str, AfterValidator(check_delimiter)] | None = Field(
        default=None,
        description="Separator of the fields of a CSV file; unset: detected from its header.",
        examples=[";"],
    )
    encoding: Annotated[str, AfterValidator(check_encoding)] | None = Field(
        default=None,
        description="Encoding of text files; unset: UTF-8 and UTF-16 are recognised, others guessed. Set it when accented "
        "letters come out wrong.",
        examples=["cp1252"],
    )
    quoting: Quoting | None = Field(
        default=None,
        description="none: double quotes are part of the text; double: they enclose fields. Unset: they enclose fields, and "
        "stray ones are refused.",
        examples=["none"],
    )
    header: bool | None = Field(
        default=None,
        description="Whether line 1 of a CSV file names the columns; if not, they are called column1, column2 and so on.",
        examples=[False],
    )

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


class EncoderSection(Section):
    """How items become embeddings."""

    name: Name = Field(
        description=f"{describe_encoders()}, or one from another package. A pretrained model usually needs fewer "
        "labels; tfidf and pixels need no download."
    )


class ModelSection(Section):
    """The model that is trained each round, on frozen embeddings."""

    name: Name = Field(
        default="head", description="head (regularised and calibrated) or sklearn:MODULE.CLASS."
    )
    seeds: int = Field(
        default=3,
        ge=1,
        le=100,
        description="Models trained per round; the interval of a gain needs several. More of them take longer and make the interval "
        "steadier.",
    )
    params: dict[str, Any] = Field(
        default_factory=dict,
        description="Parameters of the model, by name.",
        examples=[{"hidden": 256, "dropout": 0.5}],
    )


class AcquisitionSection(Section):
    """Which items to ask about next; `curator strategies` lists what can stand here, modAL's strategies too."""

    batch: int = Field(
        default=100,
        ge=1,
        le=MOST_ITEMS,
        description="Number of questions per round. Smaller batches learn from answers sooner; larger ones keep annotators busy for "
        "longer.",
    )
    strategy: Name | dict[str, float] = Field(
        default="auto",
        description="Strategy, or a mixture by shares: {entropy = 0.3, margin = 0.3, coverage = 0.4}. May be changed between "
        "rounds.",
    )
    seed_batch: int = Field(
        default=100,
        ge=1,
        le=MOST_ITEMS,
        description="Number of questions in the first round, before there is a model. `curator init` sets at "
        "least two per class.",
    )
    seed_strategy: Name | dict[str, float] = Field(
        default="maxherding", description="Strategy of the first round: one that needs no model."
    )
    duplicate_cosine: float = Field(
        default=0.97,
        gt=0,
        le=1,
        description="Highest cosine similarity of a pick to another pick, or to an item asked before, while other items "
        "are left. Lower it if annotators see the same thing again and again; 1 leaves out only exact copies.",
    )
    random_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Share of each batch, at least 5 items, that is drawn at random to measure savings; 0: none. Without it there "
        "is no estimate of savings, or of accuracy on the live pool.",
    )
    cost_aware: bool = Field(
        default=False,
        description="Choose by expected gain per expected cost, if items take unequal time.",
    )
    allow_code: bool = Field(
        default=False,
        description="Allow a strategy MODULE:FUNCTION from outside modAL. It is Python code that can do whatever you can: set this "
        "only for code you trust.",
        examples=[True],
    )

    @field_validator("strategy", "seed_strategy")
    @classmethod
    def _shares(cls, spec: str | dict[str, float]) -> str | dict[str, float]:
        shares_of(spec)
        return spec


class HoldoutSection(Section):
    """A sealed random sample: measures every round, is never trained on or picked from."""

    size: int = Field(
        default=0,
        ge=0,
        le=MOST_ITEMS,
        description="Number of items that are drawn at random and labeled in the first round. Exactly one of `size` and `file`; "
        "`curator plan --holdout` shows what other sizes cost and which gains they can show.",
        examples=[300],
    )
    file: PathText | None = Field(
        default=None,
        description="File with items that are already labeled, at no cost.",
        examples=["holdout.csv"],
    )
    metric: Name = Field(
        default="accuracy",
        description=f"Metric in which gains are measured: {describe_headlines()}. It cannot be changed once a campaign has begun.",
    )
    mistakes: dict[str, dict[str, Annotated[float, Field(ge=0, le=1e6)]]] = Field(
        default_factory=dict,
        description="True class -> predicted class -> what that mistake costs; others cost 1.",
        examples=[{EXAMPLE_CLASSES[0]: {EXAMPLE_CLASSES[1]: 5.0}}],
    )

    @field_validator("metric")
    @classmethod
    def _known(cls, metric: str) -> str:
        # Whether it fits the kind of label is checked where both are known.
        names = dict.fromkeys(name for kind in KINDS.values() for name in kind.headlines())
        if metric not in names:
            raise ValueError(f"no campaign is run by {metric!r}; there are: {', '.join(names)}")
        return metric

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.size > 0) == (self.file is not None):
            raise ValueError(
                "needs exactly one of `size` (drawn at random and labeled) and `file` (labeled already)"
            )
        return self


class LabelerSection(Section):
    """Who answers. Each labeler has its own settings."""

    name: Name = Field(
        default="label-studio",
        description=f"{describe_labelers()}, or one from another package. It cannot be changed once a campaign has begun.",
    )
    url: str | None = Field(
        default=None, description="Address of the Label Studio server.", examples=["http://localhost:8080"]
    )
    proxy: str | None = Field(
        default=None,
        description="Proxy to the server: none, or http://HOST:PORT; unset: that of HTTPS_PROXY, except for a server on this machine.",
        examples=["none"],
    )
    ca_file: PathText | None = Field(
        default=None,
        description="File with the certificate (PEM) of your own certificate authority.",
        examples=["ca.pem"],
    )
    project: int | None = Field(
        default=None,
        ge=1,
        le=LARGEST,
        description="Number of an existing project; unset: curator creates one.",
        examples=[12],
    )
    suggestions: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="Whether annotators see the model's suggestions: auto (until they are shown to do harm), on or off.",
    )
    blind_share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Share of the questions asked without a suggestion, to measure what suggestions do.",
    )
    neighbours: int = Field(
        default=0,
        ge=0,
        le=9,
        description="Number of nearest labeled items shown with each question.",
    )
    cannot_tell: str = Field(
        default="can't tell",
        description="Choice for an annotator who cannot decide, which gives no label; empty: no such choice.",
    )
    overlap: int = Field(
        default=1,
        ge=1,
        le=20,
        description="Answers per item, from different annotators. More of them show how far annotators agree, and multiply "
        "the cost.",
    )
    overlap_share: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Share of the items that get `overlap` answers; the others get one.",
    )
    images: Literal["upload", "local"] = Field(
        default="upload",
        description="How local images reach annotators: upload, or local (the server reads them from `image_root`).",
        json_schema_extra={"kind": "image"},
    )
    image_root: PathText | None = Field(
        default=None,
        description="Folder that the server serves: its LOCAL_FILES_DOCUMENT_ROOT.",
        examples=["/srv/images"],
        json_schema_extra={"kind": "image"},
    )
    instructions: PathText | None = Field(
        default=None,
        description="Markdown file that is shown to annotators.",
        examples=["instructions.md"],
    )
    descriptions: dict[str, Name] = Field(
        default_factory=dict,
        description="Class -> what it means; shown with the classes.",
        examples=[{EXAMPLE_CLASSES[0]: "what it means"}],
    )
    hotkeys: dict[str, Name] = Field(
        default_factory=dict,
        description="Class -> key; unset: Label Studio numbers the classes.",
        examples=[{EXAMPLE_CLASSES[0]: "q"}],
    )
    folder: PathText | None = Field(
        default=None,
        description="Folder for exchanging files: curator writes questions/ in it and reads answers/.",
        examples=["labeling"],
    )
    seconds: float = Field(
        default=5.0, gt=0, le=1e6, description="Seconds that an answer is reported to have taken, roughly."
    )
    seconds_per_word: float = Field(
        default=0.0,
        ge=0,
        le=1e6,
        description="Additional seconds for each word of a text.",
        json_schema_extra={"kind": "text"},
    )
    options: dict[str, Any] = Field(
        default_factory=dict,
        description="Options of a labeler from another package. Its documentation says what it takes; they can also be written as a "
        "separate section, [labeler.options]. Do not put secrets here: they belong in the environment.",
        examples=[{"key": "value"}],
    )

    @property
    def traits(self) -> Traits:
        """What this labeler can do, and what it needs."""
        return traits_of(self.name)

    @model_validator(mode="after")
    def _whose_options(self) -> Self:
        if self.options and self.name in LABELERS:
            raise ValueError(
                f"[labeler.options] is for labelers from other packages; the settings of {self.name!r} belong in [labeler] itself"
            )
        return self

    @model_validator(mode="after")
    def _local_images(self) -> Self:
        if self.images == "local" and not self.image_root:
            raise ValueError(
                'images = "local" needs image_root, the LOCAL_FILES_DOCUMENT_ROOT of the Label Studio server'
            )
        return self
