"""curator.toml as `curator init` writes it."""

from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

from curator.config import Config
from curator.config.describe import first_sentence, inline_table, only_for, purpose
from curator.config.sections import EXAMPLE_CLASSES, Section

_HEAD = """\
# The settings of this campaign. Edit freely: every command reads and checks them. All settings: docs/reference/settings.md
# The labeler's token does not belong here: export LABEL_STUDIO_API_KEY, or see docs/studio.md.
"""


def render_config(config: Config) -> str:
    """curator.toml as a person would like to find it: every setting with what it does, unset ones as a comment."""
    lines = [_HEAD.rstrip("\n")]
    for name in type(config).model_fields:
        section: Section = getattr(config, name)
        lines += ["", f"[{name}]  # {first_sentence(type(section).__doc__)}", *_settings(config, section)]
    return "\n".join([*lines, ""])


def toml_line(name: str, value: Any) -> str:
    """`name = value`, on one line also where the value is a table."""
    return inline_table({name: value}).as_string().removeprefix("{").removesuffix("}")


def _settings(config: Config, section: Section) -> Iterator[str]:
    """A line for each setting of a section that this project can use."""
    values = section.model_dump(exclude_none=True)
    for name, field in type(section).model_fields.items():
        if not _is_used(config, name, field, section):
            continue
        if field.examples and getattr(section, name) == field.get_default(call_default_factory=True):
            example = _with_classes(field.examples[0], config.project.classes)
            yield f"# {toml_line(name, example)}  # {purpose(field)}"
        else:
            yield f"{toml_line(name, values[name])}  # {purpose(field)}"


def _is_used(config: Config, name: str, field: FieldInfo, section: Section) -> bool:
    if section is config.labeler and name not in ("name", "cannot_tell", *config.labeler.traits.settings):
        return False
    return only_for(field) in (None, config.project.kind)


def _with_classes(example: Any, classes: tuple[str, ...]) -> Any:
    """An example with the project's classes in the place of the reference's, so that it could be used."""
    if not isinstance(example, dict):
        return example
    names = dict(zip(EXAMPLE_CLASSES, classes, strict=False))
    return {names.get(key, key): _with_classes(value, classes) for key, value in example.items()}
