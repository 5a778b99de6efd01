"""In which languages the texts of a pool are, by a sample."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

SAMPLE = 300  # texts: a language of 1% is seen with 95%
_LONGEST = 1000  # characters of a text that are looked at
_SURE = 0.5  # probability; below, a text is too short or too odd to tell


def languages_of(texts: Sequence[str]) -> dict[str | None, int]:
    """How many texts are in each language, the most frequent first.

    Args:
        texts: a sample.

    Returns:
        ISO 639-1 code -> texts; None -> those that do not show it, last.
    """
    identifier = _identifier()
    found: Counter[str | None] = Counter()
    for text in texts:
        code, probability = identifier.classify(text[:_LONGEST])
        found[code if probability >= _SURE else None] += 1
    return dict(sorted(found.items(), key=lambda entry: (entry[0] is None, -entry[1], entry[0] or "")))


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
