"""What `curator init` shows at its end: what it understood of the data, and what it set up."""

from collections.abc import Sequence
from textwrap import wrap

from rich.cells import cell_len, set_cell_size

from curator.config import CONFIG_NAME
from curator.money.holdout_table import holdout_text
from curator.pool.column_contents import ColumnSeen
from curator.pool.problems import counted, joined, listed
from curator.start.create import InitReport
from curator.start.understood import ClassSeen, EmbeddingsSeen, Understood

_WIDTH = 100
_LEAST_HOLDOUT = 5  # items of a class in the hold-out; with fewer its share of mistakes is anybody's guess
_UNUSED = 8  # columns that are not used, a line each; of more the names
_CLASSES = 12
_LEAST = 18  # characters that are left of a column that gives way
_NAMES = 12  # names of further columns


def init_text(report: InitReport) -> str:
    """What `curator init` understood and set up."""
    first = f"{counted(report.items, 'item')} imported at {report.rows_per_second:,.0f} rows/s"
    if report.encode_rows_per_second:
        first += f", encoded at {report.encode_rows_per_second:,.0f} rows/s"
    lines = [first, *understood_lines(report.understood)]
    for note in report.notes:
        lines += _wrapped(note)
    shows = (
        "too few to show any gain"
        if report.detectable_gain is None
        else f"a gain of {100 * report.detectable_gain:.1f} points or more is likely to show "
        "(80% power, 95% level, if two models differ on a tenth of the items)"
    )
    lines.append(f"Hold-out: {counted(report.holdout_size, 'item')}: {shows}")
    if report.holdout_rows:
        lines.append(holdout_text(report.holdout_rows, report.holdout_size, report.currency))
    lines.append(
        "Dry run: nothing was written. The same command without --dry-run starts the project."
        if report.folder is None
        else f"Answers cost {report.rate} in {report.currency}; settings are in {CONFIG_NAME}. Next: `curator round`"
    )
    return "\n".join(lines)


def understood_lines(found: Understood) -> list[str]:
    """What the data hold."""
    lines = [
        f"{found.source}: {counted(found.rows, 'row')}, {counted(found.items, found.kind + ' item')}"
        if found.columns
        else f"{found.source}: {counted(found.rows, 'image')}"
    ]
    for reason in found.left_out:
        lines += _wrapped(f"left out: {reason}")
    if found.columns:
        lines += _columns(found.columns, found.rows)
    for note in found.notes:
        if not note.startswith("left out: "):
            lines += _wrapped(note)
    lines += _classes(found)
    lines += _embeddings(found)
    if found.languages:
        lines.append(f"Languages{_of_sample(found)}: {_shares(found.languages)}")
    return lines


def _columns(columns: Sequence[ColumnSeen], rows_read: int) -> list[str]:
    """The columns that are used, then the others; of many only the names."""
    used = [column for column in columns if column.used_as]
    # Those that look like something say why they were not taken.
    others = sorted((c for c in columns if not c.used_as), key=lambda c: not c.why)
    shown, rest = others[:_UNUSED], others[_UNUSED:]
    rows = [
        [c.name, c.used_as or "-", c.type, f"{c.distinct:,}", ", ".join(c.examples), c.why]
        for c in (*used, *shown)
    ]
    looked_at = columns[0].rows
    lines = _grid(
        ["column", "used as", "type", "distinct", "examples", "why, or why not"], rows, right=(3,), first=4
    )
    if looked_at < rows_read:
        lines.append(f"  (types, values and examples are of the first {looked_at:,} rows)")
    if rest:
        lines.append(
            f"  {counted(len(rest), 'more column')} not used: {listed([c.name for c in rest], _NAMES)}"
        )
    return lines


def _classes(found: Understood) -> list[str]:
    """The classes with their counts, and what rare ones mean."""
    if all(one.items is None for one in found.classes):
        names = [one.name for one in found.classes]
        return [f"{counted(len(names), 'class', 'classes')}, no labels known: {listed(names, _CLASSES)}"]
    most_first = sorted(found.classes, key=lambda one: -(one.items or 0))
    total = max(1, sum(one.items or 0 for one in found.classes))
    # Of many classes the largest and the smallest.
    half = _CLASSES // 2
    shown = most_first if len(most_first) <= _CLASSES else [*most_first[:half], *most_first[-half:]]
    rows = [
        [one.name, f"{one.items or 0:,}", f"{100 * (one.items or 0) / total:.1f}%", _expected(one)]
        for one in shown
    ]
    lines = _grid(
        ["class", "items", "share", f"in a hold-out of {found.holdout_size:,}"], rows, right=(1, 2, 3)
    )
    if len(shown) < len(most_first):
        lines.insert(1 + half, f"  ... {len(most_first) - len(shown):,} classes in between ...")
    if found.unlabeled:
        lines.append(f"  {counted(found.unlabeled, 'item')} without a label")
    return lines + _rare(found)


def _expected(one: ClassSeen) -> str:
    if one.holdout is None:
        return ""
    if one.holdout == int(one.holdout) and one.absent in (0.0, 1.0) and one.items is None:
        return f"{one.holdout:,.0f}"
    return f"{one.holdout:,.1f}"


def _rare(found: Understood) -> list[str]:
    """What it means that a class is rare, or always the same."""
    lines = []
    rare = [
        one
        for one in found.classes
        if one.items is not None and one.holdout is not None and one.holdout < _LEAST_HOLDOUT
    ]
    if rare:
        named = [
            f"{one.name!r} (about {one.holdout:.1f}, {100 * (one.absent or 0):.0f}% chance of none)"
            for one in sorted(rare, key=lambda one: one.holdout or 0)
        ]
        which = "every class" if len(rare) == len(found.classes) else joined(named, 3)
        lines += _wrapped(
            f"rare in the hold-out: {which}. Gains in such a class hardly show; macro_f1 swings with a single item of it, and leaves "
            "the class out if there is none. To measure it, use a larger --holdout, or a labeled --holdout FILE."
        )
    for one in found.classes:
        if one.items is not None and one.contents is not None and one.items > one.contents:
            share = one.contents / one.items
            if one.contents == 1 or (share < 0.5 and one.contents < _LEAST_HOLDOUT):
                lines += _wrapped(
                    f"{one.name!r}: its {one.items:,} items are {_contents(one.contents)}. Copies of hold-out items are never"
                    " trained on: if the hold-out has all of them, nothing is left to learn this class from."
                )
    return lines


def _contents(n: int) -> str:
    return "all the same" if n == 1 else f"copies of {n:,}"


def _embeddings(found: Understood) -> list[str]:
    seen: EmbeddingsSeen = found.embeddings
    lines = []
    if found.copies:
        lines.append(f"Copies: {counted(found.copies, 'item')} with the same content as another")
    if seen.near_copies and seen.example:
        of = "" if seen.compared >= found.items else f" of {seen.compared:,} in a sample"
        first, second = seen.example
        lines += _wrapped(
            f"Near-copies: {counted(seen.near_copies, 'item')}{of} (cosine of {seen.threshold} or more to another), e.g."
            f" {first!r} and {second!r}",
            first="",
        )
    if seen.all_near:
        lines += _wrapped(
            "All embeddings are nearly alike: every item counts as a copy of a hold-out item, and nothing would be asked."
            f" Set duplicate_cosine under [acquisition] in {CONFIG_NAME} closer to 1, or use another encoder."
        )
    if seen.zero:
        of = (
            f"of {seen.looked_at:,}"
            if seen.looked_at >= found.items
            else f"of {seen.looked_at:,} in a sample"
        )
        lines += _wrapped(
            f"Zero embeddings: {seen.zero:,} {of}. The encoder recognises nothing in these items, and the model cannot tell them "
            f"apart; e.g. {', '.join(map(repr, seen.zero_examples))}",
            first="",
        )
    return lines


def _of_sample(found: Understood) -> str:
    looked_at = sum((found.languages or {}).values())
    return "" if looked_at >= found.items else f" (of {looked_at:,} texts)"


def _shares(counts: dict[str, int]) -> str:
    total = sum(counts.values())
    return ", ".join(f"{name} {100 * n / total:.0f}%" for name, n in counts.items())


def _wrapped(text: str, first: str = "  ") -> list[str]:
    """A sentence in lines of a page's width."""
    return wrap(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _grid(
    headers: list[str], rows: list[list[str]], right: tuple[int, ...], first: int | None = None
) -> list[str]:
    """Rows under headers in columns, cut to the width of a page: column `first` gives way, then the longest."""
    cells = [headers, *rows]
    widths = [max(cell_len(row[i]) for row in cells) for i in range(len(headers))]
    for _ in range(sum(widths) + 2 * len(widths) - _WIDTH):
        gives_way = first if first is not None and widths[first] > _LEAST else widths.index(max(widths))
        widths[gives_way] -= 1
    lines = []
    for row in cells:
        parts = [
            _fitted(text, width, right=i in right)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(f"  {'  '.join(parts)}".rstrip())
    return lines


def _fitted(text: str, width: int, *, right: bool) -> str:
    if cell_len(text) > width:
        return set_cell_size(text, width - 1).rstrip() + "…"
    space = " " * (width - cell_len(text))
    return space + text if right else text + space
