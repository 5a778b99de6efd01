"""Tables in Markdown, and where they are put."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of cells under a head, as a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def write_into(path: Path, name: str, text: str) -> None:
    """Put `text` between the marks of a block in a Markdown file.

    Raises:
        ValueError: the file has no such block.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    block = re.compile(f"({re.escape(begin)}\n).*?({re.escape(end)})", re.DOTALL)
    page, found = block.subn(
        lambda marks: f"{marks[1]}{text}\n{marks[2]}", path.read_text(encoding="utf-8"), count=1
    )
    if not found:
        raise ValueError(f"{path} has no block {name!r}")
    path.write_text(page, encoding="utf-8")
