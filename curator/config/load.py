"""All of curator.toml: what must hold between its sections, and how it is read."""

import json
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, get_args

from pydantic import ValidationError, ValidationInfo, field_validator, model_validator

from curator.config.money import CostSection, StopSection, in_currency
from curator.config.sections import (
    AcquisitionSection,
    DataSection,
    EncoderSection,
    HoldoutSection,
    LabelerSection,
    ModelSection,
    ProjectSection,
    Section,
)
from curator.errors import ConfigError
from curator.tasks.registry import KINDS, find_kind
from curator.tasks.task import Task
from integrations.class_names import alike_groups

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

CONFIG_NAME = "curator.toml"
_LONGEST_VALUE = 200  # characters of a wrong value in a message


class Config(Section):
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
            *in_currency(self.cost, currency, "[cost] "),
            *(
                problem
                for name, rate in self.cost.annotators.items()
                for problem in in_currency(
                    rate, currency, f"[cost] annotators.{json.dumps(name, ensure_ascii=False)}."
                )
            ),
            *in_currency(self.stop, currency, "[stop] "),
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
                raise ValueError(f"[labeler] {setting} names unknown classes: {', '.join(strange)}")
        if labeler.cannot_tell in classes:
            raise ValueError(
                f'[labeler] cannot_tell is {labeler.cannot_tell!r}, which is a class; set it to ""'
            )
        alike = alike_groups(classes) if self.data.merge_case else []
        if alike:
            raise ValueError(
                f"[data] merge_case makes one class of {' and '.join(map(repr, alike[0]))}: name only one of them"
            )
        mistaken = {name for true, costs in self.holdout.mistakes.items() for name in (true, *costs)}
        if mistaken - set(classes):
            raise ValueError(
                f"[holdout] mistakes names unknown classes: {', '.join(sorted(mistaken - set(classes)))}"
            )
        right = [true for true, costs in self.holdout.mistakes.items() if true in costs]
        if right:
            raise ValueError(
                f"[holdout] mistakes puts a price on right answers: {', '.join(right)} taken for itself"
            )
        keys = [key.lower() for key in labeler.hotkeys.values()]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"[labeler] hotkeys gives two classes the same key: {', '.join(twice)}")
        return self

    @model_validator(mode="after")
    def _fits_the_task(self) -> Self:
        kind, metric = self.kind, self.holdout.metric
        if metric not in kind.headlines():
            raise ValueError(
                f"[holdout] metric is {metric!r}; a campaign of {kind.kind!r} labels is run by {' or '.join(kind.headlines())}"
            )
        if self.holdout.mistakes and not kind.traits.confusion:
            raise ValueError(f"[holdout] mistakes have no meaning for {kind.kind!r} labels: {kind.summary}")
        return self

    @model_validator(mode="before")
    @classmethod
    def _metric_of_the_task(cls, values: Any) -> Any:
        # The default is that of the kind; what is wrong with the values is said when they are checked.
        project, holdout = (
            (values.get("project"), values.get("holdout")) if isinstance(values, dict) else (None, None)
        )
        if isinstance(project, dict) and isinstance(holdout, dict) and "metric" not in holdout:
            kind = KINDS.get(str(project.get("task")))
            if kind is not None:
                return {**values, "holdout": {**holdout, "metric": kind.headlines()[0]}}
        return values

    @property
    def kind(self) -> type[Task]:
        """What a label is."""
        return find_kind(self.project.task)

    def task(self) -> Task:
        """What a label is, with the classes of the project."""
        return self.kind(self.project.classes, self.holdout.mistakes)

    def columns(self) -> dict[str, Any]:
        """What `curator.pool.columns.Columns` of the project's own files is made of."""
        return {**self.data.columns(), "cells": self.kind.cells}

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
    known = f"did you mean {close[0]}?" if close else f"the settings are {', '.join(section.model_fields)}."
    return f"there is no such setting; {known}"
