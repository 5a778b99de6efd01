"""The labeled items nearest to each pick, for annotators who want to compare."""

import numpy as np
from numpy.typing import NDArray

from curator.ledger import records
from curator.project import Project

FloatArray = NDArray[np.float32]


def labeled_neighbours(project: Project, embeddings: FloatArray, count: int) -> list[list[str]]:
    """Ids of the labeled training items nearest to each row, nearest first; the hold-out's stay sealed.

    Args:
        project: opened.
        embeddings: (n, dim), rows of length 1.
        count: neighbours of each.

    Returns:
        n lists, each of at most `count` ids; all empty while nothing is labeled.
    """
    labeled = list(records.training_labels(project.ledger))
    if not count or not labeled or not len(embeddings):
        return [[] for _ in range(len(embeddings))]
    import faiss

    index = faiss.IndexFlatIP(embeddings.shape[1])
    index.add(np.ascontiguousarray(project.embeddings.take(project.pool.rows(labeled))))
    _cosine, nearest = index.search(np.ascontiguousarray(embeddings), min(count, len(labeled)))
    return [[labeled[position] for position in row] for row in nearest]
