"""The best few of a stream of candidates, in machine code."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from strategies.kernels.compiled import njit
from strategies.kernels.types import IntArray

_LOOK_AHEAD = 32  # numbers compared at once before any is looked at by itself


@njit(cache=True, nogil=True)
def keep_best(
    similarity: NDArray[np.float32],
    slots: IntArray,
    selves: IntArray,
    members: NDArray[Any],
    rows: NDArray[np.int32],
    cosines: NDArray[np.float32],
) -> None:
    """Enter candidates into lists of the most similar ones, which stay sorted, the most similar first.

    Args:
        similarity: (m, c) of m queries to c candidates.
        slots: (m,) which list each query has.
        selves: (m,) number of each query; a candidate of the same number is the query itself and left out.
        members: (c,) number of each candidate.
        rows: (lists, k) candidates so far, written to.
        cosines: (lists, k) their similarities, -inf where there is none yet, written to.
    """
    k = rows.shape[1]
    count = len(members)
    for i in range(len(slots)):
        slot, own, line = slots[i], selves[i], similarity[i]
        least = cosines[slot, k - 1]
        for start in range(0, count, _LOOK_AHEAD):
            stop = min(start + _LOOK_AHEAD, count)
            better = 0
            for j in range(start, stop):
                better += line[j] > least
            if better == 0:
                continue
            for j in range(start, stop):
                value = line[j]
                if value > least and members[j] != own:
                    place = k - 1
                    while place > 0 and cosines[slot, place - 1] < value:
                        cosines[slot, place] = cosines[slot, place - 1]
                        rows[slot, place] = rows[slot, place - 1]
                        place -= 1
                    cosines[slot, place] = value
                    rows[slot, place] = members[j]
                    least = cosines[slot, k - 1]
