"""How much the members of a committee disagree on each item; every number is checked as it is read."""

from collections.abc import Iterator

import numpy as np

from strategies.errors import StrategyInputError
from strategies.kernels.checks import check_prob_shape, check_probs
from strategies.kernels.row_scores import entropies, plain
from strategies.kernels.ties import likeliest
from strategies.kernels.types import FloatArray

_BLOCK_ROWS = 4_096
_ROUNDINGS = (
    16.0  # an entropy is off by a few: of its logarithms, of its sum, of the probabilities themselves
)


def vote_entropies(member_probs: FloatArray) -> FloatArray:
    """(n,) entropy of the votes of the members, nats; see `vote_entropy.score`."""
    out = _room(member_probs)
    n_members, _n, n_classes = member_probs.shape
    shares = np.arange(1, n_members) / n_members
    # what a class with 0, 1, 2, ... of the votes adds: none and all of them add nothing
    adds = np.concatenate(([0.0], -shares * np.log(shares), [0.0]))
    for rows, members in _blocks(member_probs):
        votes = np.zeros((len(members[0]), n_classes), dtype=np.int64)
        for member in members:
            votes[np.arange(len(member)), likeliest(member)] += 1
        out[rows] = adds[votes].sum(axis=1)
    return out


def mutual_informations(member_probs: FloatArray) -> FloatArray:
    """(n,) entropy of the mean less the mean of the entropies, nats; see `bald.score`."""
    out = _room(member_probs)
    for rows, members in _blocks(member_probs):
        mean = np.asarray(np.mean(members, axis=0, dtype=np.float64), dtype=members[0].dtype)
        whole = entropies(mean)
        gain = np.zeros(len(mean))
        for member in members:
            gain += whole - entropies(member)
        gain /= len(members)
        # Members who coincide may differ in their last bits, where the columns of one product were added up in different
        # orders: disagreement that the entropies' own rounding would explain is none.
        gain[gain <= _ROUNDINGS * np.finfo(mean.dtype).eps * (1.0 + whole)] = 0.0
        out[rows] = gain
    return out


def _room(member_probs: FloatArray) -> FloatArray:
    """Room for a score per item of a committee's probabilities, once their shape is checked."""
    if not isinstance(member_probs, np.ndarray) or member_probs.ndim != 3 or len(member_probs) < 2:
        what = member_probs.shape if isinstance(member_probs, np.ndarray) else type(member_probs).__name__
        raise StrategyInputError(
            f"Probabilities of a committee must be a float array (members, items, classes) of at least two members, not "
            f"{what}. Stack what predict_proba of each member returns."
        )
    check_prob_shape(member_probs[0])
    return np.empty(member_probs.shape[1], dtype=np.result_type(member_probs, np.float32))


def _blocks(member_probs: FloatArray) -> Iterator[tuple[slice, list[FloatArray]]]:
    """Checked blocks of items: the rows, and the probabilities (rows, classes) of each member."""
    for start in range(0, member_probs.shape[1], _BLOCK_ROWS):
        rows = slice(start, min(start + _BLOCK_ROWS, member_probs.shape[1]))
        members = [plain(member) for member in member_probs[:, rows]]
        for number, member in enumerate(members):
            try:
                check_probs(member)
            except StrategyInputError as error:
                raise StrategyInputError(
                    f"Member {number}, items {rows.start} to {rows.stop - 1}: {error}"
                ) from error
        yield rows, members
