"""Texts as TF-IDF of words and of letter groups, projected on their main directions: the default, no download.

Latent semantic analysis: Deerwester et al., "Indexing by Latent Semantic Analysis", JASIS 1990. Settings were
chosen on four sets of short texts with 5 and 10 labels per class (logistic regression, C = 100, mean over sets of
the mean recall per class): words 1-2 alone 0.650, letters 2-4 alone 0.683, both 0.695; dividing the directions by
their singular values, in part or in full, costs 2 to 13 points.
"""

import json
import unicodedata
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from integrations.encoders.protocol import FloatArray, Kind, unit_rows
from integrations.errors import EncoderError

DIM = 256
MAX_FEATURES = 25_000  # of each view; bounds the projection at 50 MB, whatever the vocabulary
FEW_TEXTS = 1000  # below this a word seen once may still matter
SEED = 0
VERSION = 1  # counts changes of the numbers
ARRAYS = "tfidf.npz"
VOCABULARY = "vocabulary.json"
_ANEW = "Delete this folder to fit it again; all embeddings are then recomputed."
# one-letter words count: "I" and "a" tell a message from a title
WORD = r"(?u)\b\w+\b"
VIEWS: dict[str, dict[str, Any]] = {
    "words": {"ngram_range": (1, 2), "token_pattern": WORD},
    "letters": {"ngram_range": (2, 4), "analyzer": "char_wb"},
}


class TfidfEncoder:
    """TF-IDF of word 1-2-grams and letter 2-4-grams, then a truncated SVD learned from a sample of the pool.

    Counts are damped to 1 + log(count); each view has unit length, so that both weigh the same.

    Args:
        dim: entries of an embedding; fewer when the sample has fewer texts or words.
    """

    name = "tfidf"
    kind: Kind = "text"

    def __init__(self, dim: int = DIM) -> None:
        self._dim = dim
        self._fingerprint = ""
        self._views: list[Any] = []  # None where a view has no terms
        self._weights: list[FloatArray] = []  # the idf of each view's terms
        self._projection: FloatArray | None = None  # (n_features of all views, dim)

    @property
    def fingerprint(self) -> str:
        """Of vocabulary, weights and projection; empty before fitting."""
        return self._fingerprint

    @property
    def needs_fit(self) -> bool:
        """True until fitted or loaded."""
        return self._projection is None

    def fit(self, sample: Sequence[str]) -> None:
        """Learn vocabulary, weights and projection.

        Args:
            sample: texts.

        Raises:
            EncoderError: there is nothing in them but punctuation, spaces and control characters.
        """
        from scipy.sparse import hstack
        from sklearn.decomposition import TruncatedSVD

        found = [_fitted(name, sample) for name in VIEWS] if any(map(_says_something, sample)) else []
        if not any(found):
            raise EncoderError(
                f"tfidf found no words in {len(sample):,} texts, nor anything else but punctuation and spaces. Check the text "
                "column, or choose another encoder."
            )
        # Emoji are no words: a view may find nothing, and the other one does alone.
        weights = hstack([one[1] for one in found if one is not None], format="csr")
        # Texts that are all alike have no variance to divide by; how much of it is explained is not used.
        # One thread: sums over several end in other bits for each number of them, and on busy cores they wait for each other.
        with np.errstate(divide="ignore", invalid="ignore"), threadpool_limits(limits=1, user_api="blas"):
            svd = TruncatedSVD(min(self._dim, *weights.shape), random_state=SEED).fit(weights)
        self._set(
            [[] if one is None else one[0].get_feature_names_out().tolist() for one in found],
            [np.empty(0, np.float32) if one is None else one[0].idf_.astype(np.float32) for one in found],
            np.ascontiguousarray(svd.components_.T, dtype=np.float32),
        )

    def encode(self, items: Sequence[str]) -> FloatArray:
        """(n, dim) unit rows; a text without a known word or letter group is a zero row."""
        if self._projection is None:
            raise EncoderError("tfidf must be fitted before it encodes.")
        projected = np.zeros((len(items), self._projection.shape[1]), dtype=np.float32)
        start = 0
        for view, weights in zip(self._views, self._weights, strict=True):
            stop = start + len(weights)
            if items and view is not None:
                projected += view.transform(items) @ self._projection[start:stop]
            start = stop
        return unit_rows(projected)[0]

    def save(self, folder: Path) -> None:
        """Keep vocabulary, weights and projection."""
        if self._projection is None:
            raise EncoderError("tfidf has nothing to save before it is fitted.")
        folder.mkdir(parents=True, exist_ok=True)
        weights: dict[str, Any] = {f"idf_{name}": own for name, own in zip(VIEWS, self._weights, strict=True)}
        np.savez(folder / ARRAYS, projection=self._projection, **weights)
        terms = [[] if view is None else view.get_feature_names_out().tolist() for view in self._views]
        content = {"version": VERSION, "fingerprint": self._fingerprint, "terms": terms}
        (folder / VOCABULARY).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    def load(self, folder: Path) -> bool:
        """Read what `save` kept.

        Raises:
            EncoderError: it is damaged, or of another version.
        """
        if not (folder / VOCABULARY).exists():
            return False
        try:
            content = json.loads((folder / VOCABULARY).read_text(encoding="utf-8"))
            with (folder / ARRAYS).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                self._set(content["terms"], [arrays[f"idf_{name}"] for name in VIEWS], arrays["projection"])
            intact = content["version"] == VERSION and content["fingerprint"] == self._fingerprint
        except Exception as error:
            # a damaged archive fails in many ways: NumPy reads the headers in it as Python source
            raise EncoderError(f"{folder}: what tfidf learned cannot be read ({error}). {_ANEW}") from error
        if not intact:
            raise EncoderError(f"{folder}: damaged, or written by another version of curator. {_ANEW}")
        return True

    def describe(self) -> dict[str, Any]:
        """Version and settings."""
        features = 0 if self._projection is None else len(self._projection)
        return {"version": VERSION, "views": "word 1-2, letters 2-4", "features": features, "seed": SEED}

    def _set(self, terms: list[list[str]], weights: list[FloatArray], projection: FloatArray) -> None:
        self._views, self._weights = [], weights
        state = blake2b(json.dumps([VERSION, terms], ensure_ascii=False).encode(), digest_size=8)
        for name, own, idf in zip(VIEWS, terms, weights, strict=True):
            view = _vectorizer(name, vocabulary={term: at for at, term in enumerate(own)}) if own else None
            if view is not None:
                view.idf_ = idf
            self._views.append(view)
            state.update(idf.tobytes())
        self._projection = projection
        state.update(np.ascontiguousarray(projection).tobytes())
        self._fingerprint = state.hexdigest()


def _fitted(name: str, sample: Sequence[str]) -> tuple[Any, Any] | None:
    """A view that has learned its terms, and the weights of the sample; None where there are none.

    A term of a single text is left out of many texts, unless there would be none at all.
    """
    for min_df in (2, 1) if len(sample) >= FEW_TEXTS else (1,):
        view = _vectorizer(name, min_df=min_df, max_features=MAX_FEATURES)
        try:
            return view, view.fit_transform(sample)
        except ValueError:  # no terms
            continue
    return None


def _says_something(text: str) -> bool:
    """Whether there is anything in it beside punctuation, spaces and control characters."""
    return any(unicodedata.category(character)[0] not in "CPZ" for character in text)


def _vectorizer(view: str, **options: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **VIEWS[view], **options)
