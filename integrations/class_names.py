"""How names of classes are compared: one rule for data files, options, settings and answers."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable

# Variation selectors choose between two drawings of one character; their category says "mark", yet nobody sees them.
_VARIATION_SELECTORS = frozenset(map(chr, range(0xFE00, 0xFE10)))


def plain(name: str) -> str:
    """A name as it is kept: no space around it, and one spelling (NFC) of what can be written in two ways.

    "é" is one character in most files, and "e" with an accent that follows in those of some systems.
    """
    return unicodedata.normalize("NFC", name).strip()


def alike_key(name: str) -> str:
    """What two names share that a person takes for one.

    Left out are case, characters that are not seen (zero-width, soft hyphen), the kind and number of spaces, and
    full-width and other forms of the same letter.
    """
    letters = unicodedata.normalize("NFKC", name)
    seen = "".join(c for c in letters if unicodedata.category(c) != "Cf" and c not in _VARIATION_SELECTORS)
    # once more: folding the case of a letter can leave it in parts
    return unicodedata.normalize("NFKC", " ".join(seen.split()).casefold())


def alike_groups(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Names that a person would take for one, together; those that stand alone are left out."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys(names):
        groups[alike_key(name)].append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


class ClassNames:
    """Finds the class that a label means.

    Args:
        classes: as the project names them.
        merge_case: names that look alike (see `alike_key`) are one class.
    """

    def __init__(self, classes: Iterable[str], *, merge_case: bool = False) -> None:
        self.names = tuple(classes)
        self._exact = frozenset(self.names)
        self._plain: dict[str, str] = {}
        self._alike: dict[str, str] = {}
        self._merge_case = merge_case
        for name in self.names:
            self._plain.setdefault(plain(name), name)
            self._alike.setdefault(alike_key(name), name)

    def find(self, label: str) -> str | None:
        """The class, as the project spells it; None when the label is none of them."""
        if label in self._exact:
            return label
        found = self._plain.get(plain(label))
        if found is None and self._merge_case:
            found = self._alike.get(alike_key(label))
        return found

    def alike(self, label: str) -> str | None:
        """The class that the label looks like, for a hint."""
        return self._alike.get(alike_key(label))
