"""Scores straight from embeddings: logits of a linear head and every score of a block while it is in the cache.

Neither the probabilities nor the logits of the whole pool exist at any time. Three things make it fast on a CPU: the
head's columns are padded to a multiple of 16 (a matrix product with 80 columns is quicker than one with 77), blocks are
small enough for the second-level cache, and entropy and margin come from the logits with one exponential per class and
one logarithm per item.

float32 scores stay within `TOLERANCE` of scores of float64 probabilities. bfloat16 is not offered: it has 8 bits of
precision, so a logit of 25 would be rounded by up to 0.06, and two classes that are that close could change places.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from strategies.errors import StrategyInputError
from strategies.kernels.linear_head import LinearHead, check_lengths, check_width, square_sum
from strategies.kernels.types import FloatArray

Device = Literal["cpu", "cuda"]
TOLERANCE = 1e-4  # of a score against float64, for logits up to 100; CPU and CUDA differ by as much at most
# The scorers that need no more than the entropy and the two largest probabilities of a row.
FUSED = ("entropy", "margin", "least_confidence")

_LANES = 16
_TILE_ROWS = 24  # of exponentials: they stay in the first-level cache
_NO_CLASS = np.float32(
    -1e30
)  # a bias whose exponential is 0 next to any class: below all that `longest_row` allows
_Summary = tuple[FloatArray, FloatArray, FloatArray, float]


class FusedScorer:
    """A linear head, laid out for scoring."""

    def __init__(self, head: LinearHead, device: Device = "cpu") -> None:
        """Lay out the weights.

        Args:
            head: a single head.
            device: where the logits and scores of a block are computed.

        Raises:
            StrategyInputError: several heads (their mean has no logits), or CUDA where PyTorch finds none.
        """
        if len(head.weight) != 1:
            raise StrategyInputError(
                f"The fused scores are those of one head, not of {len(head.weight)}: the mean of several softmaxes has "
                "no logits. Score head.predict instead."
            )
        self.head = head
        n_seen = head.weight.shape[1]
        width = -(-n_seen // _LANES) * _LANES
        self._longest = head.longest_row
        self._weight = np.zeros((head.dim, width), dtype=np.float32)
        self._weight[:, :n_seen] = head.weight[0].T
        self._tail = np.full(width, _NO_CLASS)
        self._tail[:n_seen] = head.bias[0]
        self._summarise = self._on_cpu if device == "cpu" else _cuda_summary(head)

    def score(self, embeddings: FloatArray) -> Mapping[str, FloatArray]:
        """Score one block.

        Args:
            embeddings: (n, dim); the caller keeps n near `linear_head.BLOCK_ROWS` on a CPU.

        Returns:
            {scorer: (n,) float32 scores} of the scorers named in `FUSED`, as those of `head.predict(embeddings)`.

        Raises:
            StrategyInputError: embeddings of another width, with NaN or infinity, or so long that the logits overflow.
        """
        check_width(embeddings, self.head.dim)
        rows = np.ascontiguousarray(embeddings, dtype=np.float32)
        entropy, best, second, total = self._summarise(rows)
        check_lengths(rows, total, self._longest, embeddings)
        if self.head.n_unseen:
            entropy, best, second = _with_unseen(entropy, best, second, self.head)
        return {
            "entropy": np.maximum(entropy, np.float32(0.0)),
            "margin": np.maximum(np.float32(1.0) - (best - second), np.float32(0.0)),
            "least_confidence": np.maximum(np.float32(1.0) - best, np.float32(0.0)),
        }

    def _on_cpu(self, rows: FloatArray) -> _Summary:
        from strategies.kernels.row_kernels import softmax_scores  # compiled code: loaded when used

        total = square_sum(rows)
        with np.errstate(over="ignore", invalid="ignore"):  # of rows that are refused
            logits = np.matmul(rows, self._weight)
        exps = np.empty(_TILE_ROWS * self._weight.shape[1], dtype=np.float32)
        entropy, best, second = (np.empty(len(rows), dtype=np.float32) for _ in range(3))
        softmax_scores(logits, self._tail, exps, exps.view(np.int32), entropy, best, second)
        return entropy, best, second, total


def _cuda_summary(head: LinearHead) -> Callable[[FloatArray], _Summary]:
    """The same summary on a GPU; the block travels there, three numbers per item come back."""
    import torch  # only those who have a GPU pay for its import

    if not torch.cuda.is_available():
        raise StrategyInputError(
            'device = "cuda", but PyTorch finds no CUDA device here. Use device = "cpu", or install a PyTorch with CUDA '
            "and its driver."
        )
    return torch_summary(head, torch.device("cuda"))


def torch_summary(head: LinearHead, device: Any) -> Callable[[FloatArray], _Summary]:
    """Entropy and the two largest probabilities of the softmax of a head, by PyTorch.

    Args:
        head: a single head.
        device: a torch.device.

    Returns:
        embeddings (n, dim) float32 -> entropy (n,), largest (n,), second largest (n,), and the sum of all squares.
    """
    import torch

    weight = torch.from_numpy(np.ascontiguousarray(head.weight[0].T, dtype=np.float32)).to(device)
    bias = torch.from_numpy(np.ascontiguousarray(head.bias[0], dtype=np.float32)).to(device)

    def summarise(rows: FloatArray) -> _Summary:
        with torch.inference_mode():
            there = torch.tensor(rows, device=device)
            total = float(torch.dot(there.flatten(), there.flatten()))
            logits = torch.addmm(bias, there, weight)
            log_probs = torch.log_softmax(logits, dim=1)
            probs = log_probs.exp()
            # the product is 0 where a probability is: log_probs is finite as long as the logits are
            entropy = -(probs * log_probs).sum(dim=1)
            top = torch.topk(probs, min(2, probs.shape[1]), dim=1).values
            second = top[:, 1] if top.shape[1] > 1 else torch.zeros_like(entropy)
            out = torch.stack((entropy, top[:, 0], second)).cpu().numpy()
        return out[0], out[1], out[2], total

    return summarise


def _with_unseen(
    entropy: FloatArray, best: FloatArray, second: FloatArray, head: LinearHead
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The same three when classes without labels take their share of the probability."""
    mass, seen = head.unseen_mass, 1.0 - head.unseen_mass
    if mass:
        each = mass / head.n_unseen
        entropy = entropy * np.float32(seen) + np.float32(-seen * np.log(seen) - mass * np.log(each))
        best, second = best * np.float32(seen), second * np.float32(seen)
        for _ in range(min(2, head.n_unseen)):
            best, second = (
                np.maximum(best, np.float32(each)),
                np.maximum(second, np.minimum(best, np.float32(each))),
            )
    return entropy, best, second
