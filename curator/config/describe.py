"""What settings are for, as it is said in curator.toml, in `--help` and in the reference: it stands at each field, once."""

import re
from typing import TYPE_CHECKING, Any

from pydantic.fields import FieldInfo

from curator.config.load import Config
from curator.config.sections import Section

if TYPE_CHECKING:
    from tomlkit.items import InlineTable

_SENTENCE_END = re.compile(r"(?<=\.) (?=[A-Z])")
_SETTING = re.compile(r"\{(\w+)\.(\w+)\}")


def sections() -> dict[str, type[Section]]:
    """The sections of curator.toml by name, in the order in which they are written."""
    found = {name: field.annotation for name, field in Config.model_fields.items()}
    return {name: section for name, section in found.items() if isinstance(section, type)}


def first_sentence(text: str | None) -> str:
    """The first sentence, without its full stop."""
    return _SENTENCE_END.split(text or "", maxsplit=1)[0].removesuffix(".")


def purpose(field: FieldInfo) -> str:
    """What a setting is for, in one sentence."""
    return first_sentence(field.description)


def only_for(field: FieldInfo) -> str | None:
    """The kind of items, text or image, that a setting has to do with; None = any."""
    extra = field.json_schema_extra
    return str(extra["kind"]) if isinstance(extra, dict) and "kind" in extra else None


def describe_settings(text: str) -> str:
    """A help text in which each `{section.setting}` is replaced by what that setting is for."""
    known = sections()
    return _SETTING.sub(lambda found: f"{purpose(known[found[1]].model_fields[found[2]])}.", text)


def inline_table(values: dict[str, Any]) -> "InlineTable":
    """A table on one line, tables in it too, which may stand in any other."""
    import tomlkit  # help texts do without

    table = tomlkit.inline_table()
    for name, value in values.items():
        table.append(name, inline_table(value) if isinstance(value, dict) else value)
    return table
