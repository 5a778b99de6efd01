"""A map of items: near in the embedding is near on the plane."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

FEWEST = 8  # items that make a map
_COMPONENTS = 30  # that t-SNE starts from: what is beyond is noise, and time
_MOST_ITERATIONS = 500
_SEED = 0


def project_2d(embeddings: FloatArray) -> FloatArray:
    """Places on a plane, by t-SNE from the principal components; the same for the same embeddings.

    Only neighbourhoods mean something on such a map, not distances between far groups.

    Args:
        embeddings: (n, dim), at least `FEWEST` of them; about 2,000 take seconds.

    Returns:
        (n, 2) centred, the wider side from -1 to 1.

    Source: van der Maaten & Hinton, "Visualizing Data using t-SNE", JMLR 9 (2008).
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    n, dim = embeddings.shape
    # On one thread: a sum over several ends in other bits, and t-SNE makes other places of them.
    with threadpool_limits(1):
        components = min(_COMPONENTS, n - 1, dim)
        reduced = PCA(
            components, svd_solver="full" if dim <= 1000 else "randomized", random_state=_SEED
        ).fit_transform(embeddings)
        if components < 2:
            places = np.column_stack([reduced[:, 0], np.zeros(n)])
        else:
            scale = max(float(np.abs(reduced[:, 0]).std()), 1e-12)
            places = TSNE(
                init=(reduced[:, :2] / scale * 1e-4).astype(np.float32),
                perplexity=min(30.0, (n - 1) / 3),
                max_iter=_MOST_ITERATIONS,
                random_state=_SEED,
            ).fit_transform(reduced.astype(np.float32))
    places = places - (places.max(axis=0) + places.min(axis=0)) / 2
    widest = float(np.abs(places).max())
    scaled: FloatArray = (places / widest if widest > 0 else places).astype(np.float32)
    return scaled
