"""Scores straight from the embeddings are those of the model's probabilities."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.learner.head import EmbeddingHead
from strategies.errors import StrategyInputError
from strategies.kernels.fused import FUSED, TOLERANCE, FusedScorer, torch_summary
from strategies.kernels.linear_head import LinearHead
from strategies.registry import SCORERS
from strategies.scoring import score_blocks


def make_head(rng, *, n_heads=1, dim=20, seen=5, unseen=0, scale=1.0):
    columns = rng.permutation(seen + unseen)[:seen]
    return LinearHead(
        weight=(scale * rng.standard_normal((n_heads, seen, dim))).astype(np.float32),
        bias=rng.standard_normal((n_heads, seen)).astype(np.float32),
        columns=columns,
        n_classes=seen + unseen,
        unseen_mass=0.2 if unseen else 0.0,
    )


def dense_probs(head, rows):
    """(n, n_classes) in float64."""
    logits = (
        rows.astype(np.float64) @ head.weight.astype(np.float64).transpose(0, 2, 1) + head.bias[:, None, :]
    )
    odds = np.exp(logits - logits.max(axis=2, keepdims=True))
    out = np.full((len(rows), head.n_classes), head.unseen_mass / max(1, head.n_unseen))
    out[:, head.columns] = (1 - head.unseen_mass) * (odds / odds.sum(axis=2, keepdims=True)).mean(axis=0)
    return out


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 1_000),
    n=st.integers(0, 60),
    seen=st.integers(1, 40),
    unseen=st.integers(0, 3),
    n_heads=st.integers(1, 2),
    scale=st.sampled_from([0.0, 1.0, 20.0]),
)
def test_scores_are_those_of_float64_probabilities(seed, n, seen, unseen, n_heads, scale):
    """Any number of classes, heads and classes without labels: within the stated tolerance, also with exact ties."""
    unseen = max(unseen, 2 - seen)
    rng = np.random.default_rng(seed)
    head = make_head(rng, n_heads=n_heads, seen=seen, unseen=unseen, scale=scale)
    rows = rng.standard_normal((n, 20)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True) if n else 1
    before = rows.copy()
    scores = score_blocks([(0, rows)], head, list(FUSED), n)
    probs = dense_probs(head, rows)
    np.testing.assert_allclose(head.predict(rows), probs, atol=TOLERANCE)
    for name in FUSED:
        assert scores[name].dtype == np.float32
        np.testing.assert_allclose(scores[name], SCORERS[name].score(probs), atol=TOLERANCE)
    np.testing.assert_array_equal(rows, before)


def test_worked_example():
    """Weights that read the embedding as logits: equal logits tie, and log 3 makes 3 to 1."""
    head = LinearHead(np.eye(2, dtype=np.float32)[None], np.zeros((1, 2), dtype=np.float32), np.arange(2), 2)
    rows = np.array([[0, 0], [np.log(3), 0]], dtype=np.float32)
    scores = score_blocks([(0, rows)], head, ["entropy", "margin", "least_confidence"], 2)
    np.testing.assert_allclose(scores["entropy"], [np.log(2), 2 * np.log(2) - 0.75 * np.log(3)], atol=1e-6)
    np.testing.assert_allclose(scores["margin"], [1.0, 0.5], atol=1e-6)
    np.testing.assert_allclose(scores["least_confidence"], [0.5, 0.25], atol=1e-6)


@pytest.mark.parametrize("seen", [("a", "b", "c"), ("a", "b")])
def test_the_default_model_offers_its_linear_form(seen):
    """The fused pass scores the pool as the general pass does through predict_proba; a class without labels included."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((6_000, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    y = rng.choice(seen, 40)
    model = EmbeddingHead(classes=("a", "b", "c"), device="cpu").fit(rows[:40], y)
    head = model.linear_head()
    np.testing.assert_allclose(head.predict(rows), model.predict_proba(rows), atol=1e-5)
    blocks = [(0, rows[:2_500]), (2_500, rows[2_500:])]
    fused = score_blocks(blocks, head, list(FUSED), len(rows))
    general = score_blocks(blocks, model.predict_proba, list(FUSED), len(rows))
    for name in FUSED:
        np.testing.assert_allclose(fused[name], general[name], atol=TOLERANCE)


def test_a_hidden_layer_and_a_single_class_have_no_linear_form():
    """They are scored by the general pass."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((20, 4)).astype(np.float32)
    y = np.arange(20) % 2
    assert EmbeddingHead(hidden=3, max_iter=2, device="cpu").fit(rows, y).linear_head() is None
    assert EmbeddingHead(device="cpu").fit(rows, np.zeros(20, dtype=int)).linear_head() is None


def test_pytorch_computes_the_same():
    """What runs on a GPU, run on the CPU: the same three numbers per item."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((500, 20)).astype(np.float32)
    for seen in (1, 2, 33):
        head = make_head(rng, seen=seen, unseen=1, scale=3.0)
        ours = FusedScorer(head)._on_cpu(rows)
        theirs = torch_summary(head, torch.device("cpu"))(rows)
        for mine, yours in zip(ours[:3], theirs[:3], strict=True):
            np.testing.assert_allclose(mine, yours, atol=TOLERANCE)
        np.testing.assert_allclose([ours[3], theirs[3]], np.square(rows).sum(), rtol=1e-4)
        rows[7, 3] = np.nan
        assert np.isnan(FusedScorer(head)._on_cpu(rows)[3])
        assert np.isnan(torch_summary(head, torch.device("cpu"))(rows)[3])
        rows[7, 3] = 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_agrees_with_the_cpu():
    """Within the stated tolerance, score by score."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((70_000, 20)).astype(np.float32)
    head = make_head(rng, seen=33, unseen=2, scale=3.0)
    cpu = score_blocks([(0, rows)], head, list(FUSED), len(rows))
    cuda = score_blocks([(0, rows)], head, list(FUSED), len(rows), device="cuda")
    for name in FUSED:
        np.testing.assert_allclose(cuda[name], cpu[name], atol=TOLERANCE)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_gpu_is_said():
    """No silent fall back to the CPU."""
    with pytest.raises(StrategyInputError, match="PyTorch finds no CUDA device"):
        score_blocks([], make_head(np.random.default_rng(0)), ["margin"], 0, device="cuda")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("names", [["margin"], ["margin", "bald"]])
def test_bad_rows_are_found_in_passing(bad, names):
    """NaN and infinity are counted and located though nobody looks for them beforehand."""
    rng = np.random.default_rng(0)
    head = make_head(rng)
    rows = rng.standard_normal((5_000, 20)).astype(np.float32)
    rows[[2_100, 2_101], 3] = bad
    say = "Pool rows 2048 to 4095: 2 of 2,048 rows of embeddings hold NaN or infinity; first is row 52"
    if names != ["margin"]:
        names, say = (
            ["bald"],
            "Pool rows 0 to 4999: 2 of 5,000 rows of embeddings hold NaN or infinity; first is row 2100",
        )
    with pytest.raises(StrategyInputError, match=say):
        score_blocks(
            [(0, rows)], head, names, 5_000, predict_members=head.masked(np.ones((2, 20), dtype=np.float32))
        )


def test_rows_too_long_for_float32_are_refused():
    """Finite embeddings whose logits are not."""
    head = make_head(np.random.default_rng(0), scale=1e20)
    rows = np.full((3, 20), 1e30, dtype=np.float32)
    for use in (lambda: score_blocks([(0, rows)], head, ["margin"], 3), lambda: head.predict(rows)):
        with (
            np.errstate(over="ignore", invalid="ignore"),
            pytest.raises(StrategyInputError, match="overflow"),
        ):
            use()


@pytest.mark.parametrize(
    ("change", "say"),
    [
        ({"weight": np.zeros((5, 20))}, "A linear head has weight"),
        ({"bias": np.zeros((1, 4))}, "A linear head has weight"),
        ({"columns": np.zeros(5, dtype=int)}, "as many different columns"),
        ({"columns": np.arange(5) + 1}, "as many different columns"),
        ({"unseen_mass": 0.1}, "cannot share the probability"),
        ({"weight": np.full((1, 5, 20), np.nan)}, "hold NaN"),
        (
            {
                "weight": np.zeros((1, 1, 20)),
                "bias": np.zeros((1, 1)),
                "columns": np.zeros(1, dtype=int),
                "n_classes": 1,
            },
            "nothing to be unsure about",
        ),
    ],
)
def test_heads_that_cannot_be(change, say):
    """Parts that do not fit together are named."""
    parts = {
        "weight": np.zeros((1, 5, 20)),
        "bias": np.zeros((1, 5)),
        "columns": np.arange(5),
        "n_classes": 5,
    }
    with pytest.raises(StrategyInputError, match=say):
        LinearHead(**parts | change)


def test_another_width_and_several_heads():
    """Both widths are in the message; several heads have no logits."""
    head = make_head(np.random.default_rng(0), n_heads=2)
    with pytest.raises(StrategyInputError, match="20 columns"):
        score_blocks([(0, np.zeros((2, 7), dtype=np.float32))], head, ["margin"], 2)
    with pytest.raises(StrategyInputError, match="of one head, not of 2"):
        FusedScorer(head)
