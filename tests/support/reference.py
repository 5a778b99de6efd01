"""Writes docs/reference/commands.md and docs/reference/python.md from the program itself: `make reference`.

The commands are what typer shows as help; the Python pages are the signatures and docstrings of what `import curator` offers.
"""

import inspect
import re
from functools import cached_property
from pathlib import Path
from typing import Any

import typer

import curator
from curator.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"


def commands(group: Any = None, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Every command by the words that call it, those of sub-commands too, as `curator --help` lists them."""
    group = typer.main.get_command(app) if group is None else group
    every: dict[tuple[str, ...], Any] = {}
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            every |= commands(command, (*path, name))
        else:
            every[*path, name] = command
    return every


def commands_page() -> str:
    """Every command with its help and its options, as Markdown."""
    every = commands()
    lines = [
        "# Commands",
        "",
        "Every command with every option, written from the program's own help by `make reference`. `curator COMMAND --help` shows the same.",
        "Exit codes: 0 done, 1 a failure that the message explains, 2 wrong usage or configuration, 3 the open round still needs answers.",
        "",
        "| command | |",
        "|---|---|",
    ]
    for path, command in every.items():
        words = " ".join(path)
        lines.append(
            f"| [`curator {words}`](#curator-{'-'.join(path)}) | {_cell(command.help.split(chr(10) * 2)[0])} |"
        )
    for path, command in every.items():
        lines += ["", *_command(" ".join(["curator", *path]), command)]
    return "\n".join(lines) + "\n"


def _command(words: str, command: Any) -> list[str]:
    context = command.context_class(command, info_name=words)
    usage = command.get_usage(context).removeprefix("Usage: ")
    lines = [f"## {words}", "", f"    {' '.join(usage.split())}", "", inspect.cleandoc(command.help)]
    records = [record for parameter in command.params if (record := parameter.get_help_record(context))]
    if records:
        lines += ["", "| option | what it does | default |", "|---|---|---|"]
    for name, text in records:
        what, default = _default(text)
        lines.append(f"| `{name}` | {_cell(what)} | {_cell(default)} |")
    return lines


def _default(text: str) -> tuple[str, str]:
    """The help of an option without its `[default: ...; required; x>=1]`, and what that says."""
    match = re.fullmatch(r"(.*?)\s*\[((?:default|required|x[<>=]|\d+<).*)\]", text, re.DOTALL)
    if match is None:
        return text, ""
    said = re.sub(r"default: \((.*?)\)(?=;|$)|default: ", lambda m: m[1] or "", match[2])
    bounds = re.search(r"(?:^|; )(x[<>=].*|\d+<.*)$", said)
    if bounds is None:
        return match[1], said
    return f"{match[1]} ({bounds[1]})", said[: bounds.start()]


def python_page() -> str:
    """What `import curator` offers, with signatures and docstrings, as Markdown."""
    lines = [
        "# Python",
        "",
        "What `import curator` offers, written from its docstrings by `make reference`. How to use it: [the guide](../how-to/python.md).",
    ]
    for name in curator.__all__:
        thing = getattr(curator, name)
        if inspect.isfunction(thing):
            lines += ["", f"## curator.{name}", "", *_function(f"curator.{name}", thing)]
        elif inspect.isclass(thing):
            lines += ["", f"## curator.{name}", "", *_docstring(thing.__doc__ or "")]
            lines += ["", "    with curator.open_project(FOLDER) as project: ..."]
            for member, value in _public(thing):
                lines += ["", f"### project.{member}", ""]
                lines += (
                    _function(f"project.{member}", value)
                    if inspect.isfunction(value)
                    else _docstring(inspect.getdoc(value) or "")
                )
        else:
            lines += ["", f"## curator.{name}", "", "The version, as text."]
    return "\n".join(lines) + "\n"


def _public(cls: type) -> list[tuple[str, Any]]:
    """Methods and properties that a user may call, by name."""
    kinds = (property, cached_property)
    return [
        (name, value)
        for name, value in inspect.getmembers(cls)
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, kinds))
    ]


def _function(name: str, function: Any) -> list[str]:
    signature = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(function)))
    signature = re.sub(r"\(self(, )?", "(", signature)
    return [f"    {name}{signature}", "", *_docstring(inspect.getdoc(function) or "")]


def _docstring(text: str) -> list[str]:
    """A docstring with its sections as lists."""
    lines: list[str] = []
    for line in inspect.cleandoc(text).splitlines():
        if re.fullmatch(r"(Args|Returns|Raises|Attributes|Yields):", line):
            lines += [f"*{line}*", ""]
        elif match := re.match(r" {4}([\w.]+): (.*)", line):
            lines.append(f"- `{match[1]}`: {match[2]}")
        elif line.startswith("    "):
            lines.append(("  " if lines and lines[-1].startswith(("- ", "  ")) else "") + line.strip())
        else:
            lines.append(line)
    return lines


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


PAGES = {REFERENCE / "commands.md": commands_page, REFERENCE / "python.md": python_page}


def main() -> None:
    """Write both pages."""
    for path, page in PAGES.items():
        path.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
