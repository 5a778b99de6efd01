"""The linear form of a model: probabilities as a softmax of a matrix product, averaged over one or several heads.

A model that has this form offers it as `model.linear_head() -> LinearHead | None`; the score pass then computes scores
straight from the embeddings (`fused.py`). Where a model has none (a hidden layer, or the pool's items vote, as they do in
the default model unless labels speak against it), the pass asks its `predict_proba`.
"""

from dataclasses import dataclass

import numpy as np

from strategies.errors import StrategyInputError
from strategies.kernels.checks import check_embeddings
from strategies.kernels.types import FloatArray, IntArray

BLOCK_ROWS = (
    2_048  # their logits stay in the second-level cache: the best of 512 to 8,192 at 384 columns, 77 classes
)
LARGEST_LOGIT = 1e29  # far from where float32 ends, for sums of logits
_LONGEST_SQUARED = 1e18  # a length whose square is a float32


@dataclass(frozen=True, slots=True)
class LinearHead:
    """Softmax heads on embeddings: probabilities are the mean over heads of softmax(weight @ x + bias).

    Attributes:
        weight: (n_heads, n_seen, dim).
        bias: (n_heads, n_seen).
        columns: (n_seen,) the columns of these classes among all classes.
        n_classes: number of all classes.
        unseen_mass: in [0, 1): the probability that the classes without labels share evenly; 0 when there are none.
    """

    weight: FloatArray
    bias: FloatArray
    columns: IntArray
    n_classes: int
    unseen_mass: float = 0.0

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        if self.weight.ndim != 3 or self.bias.shape != self.weight.shape[:2]:
            raise StrategyInputError(
                f"A linear head has weight (heads, classes, dim) and bias (heads, classes), not {self.weight.shape} "
                f"and {self.bias.shape}."
            )
        columns = np.asarray(self.columns)
        if (
            len(columns) != self.weight.shape[1]
            or len(np.unique(columns)) != len(columns)
            or not ((columns >= 0) & (columns < self.n_classes)).all()
        ):
            raise StrategyInputError(
                f"A linear head with {self.weight.shape[1]} rows of weights needs as many different columns below "
                f"{self.n_classes}, not {columns.tolist()}."
            )
        if self.n_classes < 2:
            raise StrategyInputError(
                "With one class there is nothing to be unsure about: label items of a second class first."
            )
        if not (0.0 <= self.unseen_mass < 1.0) or (self.n_unseen == 0 and self.unseen_mass):
            raise StrategyInputError(
                f"The {self.n_unseen} classes without labels cannot share the probability {self.unseen_mass}."
            )
        if not (np.isfinite(self.weight).all() and np.isfinite(self.bias).all()):
            raise StrategyInputError("The weights of the linear head hold NaN or infinity. Train it again.")

    @property
    def dim(self) -> int:
        """Width of the embeddings."""
        return int(self.weight.shape[2])

    @property
    def longest_row(self) -> float:
        """How long an embedding may be: no logit of a shorter one leaves float32, in whatever order it is added up."""
        # |w.x| is at most |w| |x|, and so is every part of its sum
        steepest = np.sqrt(np.square(self.weight, dtype=np.float64).sum(axis=2).max())
        room = LARGEST_LOGIT - np.abs(self.bias).max()
        return float(room / steepest) if steepest > 0.0 else float("inf")

    @property
    def n_unseen(self) -> int:
        """How many classes have no labels."""
        return self.n_classes - len(self.columns)

    def masked(self, masks: FloatArray) -> "LinearHead":
        """The committee of this head on masked embeddings: masking the columns of x is masking those of the weights.

        Args:
            masks: (members, dim).

        Returns:
            A head of members * n_heads heads.
        """
        weight = masks[:, None, None, :] * self.weight[None]
        return LinearHead(
            weight=weight.reshape(-1, *self.weight.shape[1:]),
            bias=np.tile(self.bias, (len(masks), 1)),
            columns=self.columns,
            n_classes=self.n_classes,
            unseen_mass=self.unseen_mass,
        )

    def predict(self, embeddings: FloatArray) -> FloatArray:
        """(n, n_classes) float32: the mean of the probabilities of the heads; n is kept small by the caller."""
        members = self.predict_members(embeddings)
        mean: FloatArray = members[0] if len(members) == 1 else members.mean(axis=0)
        return mean

    def predict_members(self, embeddings: FloatArray) -> FloatArray:
        """(n_heads, n, n_classes) float32: the probabilities of each head; n is kept small by the caller.

        Raises:
            StrategyInputError: embeddings of another width, with NaN or infinity, or so long that the logits overflow.
        """
        check_width(embeddings, self.dim)
        n_heads, n_seen, dim = self.weight.shape
        out = np.zeros((n_heads, len(embeddings), self.n_classes), dtype=np.float32)
        if self.n_unseen:
            out += np.float32(self.unseen_mass / self.n_unseen)
        rows = np.ascontiguousarray(embeddings, dtype=np.float32)
        check_lengths(rows, square_sum(rows), self.longest_row, embeddings)
        # one product for all heads: wide products are 2 x faster than thin ones
        logits = rows @ self.weight.reshape(n_heads * n_seen, dim).astype(np.float32, copy=False).T
        for head in range(n_heads):
            part = logits[:, head * n_seen : (head + 1) * n_seen] + self.bias[head].astype(np.float32)
            part -= part.max(axis=1, keepdims=True)
            np.exp(part, out=part)
            part *= np.float32(1.0 - self.unseen_mass) / part.sum(axis=1, keepdims=True)
            out[head][:, self.columns] = part
        return out


def check_width(embeddings: FloatArray, dim: int) -> None:
    """Check that embeddings fit a head.

    Raises:
        StrategyInputError: another width.
    """
    if embeddings.ndim != 2 or embeddings.shape[1] != dim:
        raise StrategyInputError(
            f"The head was trained on embeddings of {dim} columns, the pool has shape {embeddings.shape}. "
            "Use one encoder for both."
        )


def square_sum(rows: FloatArray) -> float:
    """No less than the squared length of the longest row; not finite where a number is not. Quicker than any look at each."""
    with np.errstate(over="ignore", invalid="ignore"):  # said by `check_lengths`, with the rows
        return float(np.vdot(rows, rows))


def check_lengths(rows: FloatArray, total: float, longest: float, embeddings: FloatArray) -> None:
    """Check that no logit overflows: by the lengths of the rows, since not every processor's product ends in infinity.

    Args:
        rows: (n, dim) float32.
        total: their `square_sum`.
        longest: how long a row may be.
        embeddings: what the rows were before they became float32.

    Raises:
        StrategyInputError: a row holds NaN or infinity, or is too long.
    """
    if total <= min(longest, _LONGEST_SQUARED) ** 2:
        return
    with np.errstate(invalid="ignore"):
        lengths = np.sqrt(np.square(rows, dtype=np.float64).sum(axis=1))
    if (lengths <= longest).all():
        return
    check_embeddings(embeddings)
    raise StrategyInputError(
        f"The head's logits overflow float32, though the embeddings are finite: the longest has length "
        f"{lengths.max():.3g}, {longest:.3g} is possible. Scale the embeddings to unit length."
    )
