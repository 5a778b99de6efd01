"""Writes docs/reference/settings.md from the settings' own descriptions: `make reference`."""

import types
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from curator.config import LabelerSection
from curator.config.describe import only_for, sections
from curator.config.money import Amount
from curator.start.config_text import toml_line
from integrations.labelers.registry import LABELERS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "settings.md"
_HEAD = """\
# Settings

Every setting of `curator.toml`. This page is written by `make reference`; what it says stands beside each setting in
[curator/config/](../../curator/config/sections.py). `curator init` writes the file, with what your project can use. Edit it
freely: every command reads it anew, and names all that cannot be, at once.
"""
_WORDS = {bool: "true or false", int: "whole number", float: "number", str: "text", date: "date"}
_LARGEST_SAID = 10**5  # a bound beyond it only keeps slips out


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_sections()])


def _sections() -> Iterator[str]:
    for name, section in sections().items():
        yield f"## [{name}]\n\n{section.__doc__}\n"
        yield "| setting | value | default | what it is for |\n|---|---|---|---|"
        for setting, field in section.model_fields.items():
            kind = only_for(field)
            users = [labeler for labeler, made in LABELERS.items() if setting in made.traits.settings]
            about = [
                f"{field.description}",
                f"For {' and '.join(users)}." if section is LabelerSection and users else "",
                f"Only for {kind}s." if kind else "",
                _example(setting, field),
            ]
            yield f"| `{setting}` | {_value(field)} | {_default(field)} | {_cell(' '.join(filter(None, about)))} |"
        yield ""


def _value(field: FieldInfo) -> str:
    """What can be set, in words."""
    wanted = _without_none(field.annotation)
    if wanted == Amount:
        return "amount, in quotes"
    if get_origin(wanted) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(wanted))
    if get_origin(wanted) in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_words(one) for one in get_args(wanted)))
    return f"{_words(wanted)}{_bounds(field)}"


def _words(wanted: Any) -> str:
    while hasattr(wanted, "__metadata__"):  # Annotated
        wanted = wanted.__origin__
    origin = get_origin(wanted) or wanted
    return {dict: "table", tuple: "list"}.get(origin) or _WORDS[origin]


def _without_none(wanted: Any) -> Any:
    if get_origin(wanted) not in (Union, types.UnionType):
        return wanted
    kinds = [one for one in get_args(wanted) if one is not type(None)]
    return kinds[0] if len(kinds) == 1 else wanted


def _bounds(field: FieldInfo) -> str:
    """The range of a number, with a comma before it."""
    texts = []
    for bound in field.metadata:
        for kind, words, name in (
            (Ge, "at least", "ge"),
            (Gt, "above", "gt"),
            (Le, "at most", "le"),
            (Lt, "below", "lt"),
        ):
            if isinstance(bound, kind) and abs(getattr(bound, name)) <= _LARGEST_SAID:
                texts.append(f"{words} {getattr(bound, name):g}")
    return f", {' and '.join(texts)}" if texts else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be set"
    value = field.get_default(call_default_factory=True)
    return "-" if value in (None, (), {}) else f"`{_cell(toml_line('x', value).removeprefix('x = '))}`"


def _example(setting: str, field: FieldInfo) -> str:
    if not field.examples or field.examples == ["..."]:
        return ""
    return f"Example: `{toml_line(setting, field.examples[0])}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Renew the page."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
