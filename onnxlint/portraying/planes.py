"""Points in a plane for samples of many features: by principal components, and by t-SNE."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnxlint.types import Array

PERPLEXITY = 30.0
"""scikit-learn's default; of fewer samples a third of these, which its documentation asks for."""

LEAST_FOR_TSNE = 16
"""Samples: a third of them is then 5, the least perplexity that its authors recommend."""

MOST_FOR_TSNE = 500
"""Samples: a choice, of as many as take a second or two."""

TSNE_FEATURES = 50
"""More are first reduced by principal components, as the authors of t-SNE do."""


def principal(rows: Array, components: int = 2) -> tuple[Array, Array]:
    """[rows, components], and the share of the variance that each component explains.

    The signs are such that each component's largest weight is positive.
    """
    import numpy as np

    centred = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    count, width = centred.shape
    total = float((centred**2).sum())
    if count > width:  # whichever of both is smaller has the same singular values
        squares, vectors = np.linalg.eigh(centred.T @ centred)
        vectors = vectors[:, ::-1][:, :components]
    else:
        squares, left = np.linalg.eigh(centred @ centred.T)
        scale = np.sqrt(np.maximum(squares[::-1][:components], 0))
        vectors = centred.T @ left[:, ::-1][:, :components] / np.where(scale > 0, scale, 1)
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])])
    points = centred @ (vectors * np.where(signs, signs, 1))
    shares = np.maximum(squares[::-1][:components], 0) / (total or 1.0)
    missing = components - points.shape[1]
    return np.pad(points, ((0, 0), (0, missing))), np.pad(shares, (0, missing))


def neighbours(rows: Array, seed: int) -> tuple[Array, float, float]:
    """[rows, 2] by t-SNE, the perplexity and the divergence that is left.

    Raises:
        ImportError: scikit-learn is missing.
    """
    import numpy as np
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(rows) - 1) / 3)
    spread = principal(rows, TSNE_FEATURES)[0] if rows.shape[1] > TSNE_FEATURES else rows
    centred = spread - spread.mean(axis=0)
    scaled = (centred / (np.abs(centred).max() or 1)).astype(np.float32)
    model = TSNE(perplexity=perplexity, init="pca", random_state=seed, n_jobs=1)
    with warnings.catch_warnings(), _one_thread():
        warnings.simplefilter("ignore")
        points = model.fit_transform(scaled)
    return np.asarray(points), perplexity, float(model.kl_divergence_)


def _one_thread() -> AbstractContextManager[Any]:
    """Keeps native code from threads: of so few samples, those that wait cost more than others do.

    scikit-learn brings what tells them.
    """
    from importlib import import_module

    limits: AbstractContextManager[Any] = import_module("threadpoolctl").threadpool_limits(1)
    return limits
