"""Label spreading and what is built on it: shares of labels over a graph, the mixing of parts, a head taught by the pool."""

import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.datasets import load_digits
from sklearn.semi_supervised import LabelSpreading

from curator.errors import ConfigError, DataError
from curator.learner import semi_supervised
from curator.learner.head import EmbeddingHead
from curator.learner.mixing import fit_mixing_weights, weighted_log_probs
from curator.learner.neighbour_vote import NeighbourVote
from curator.learner.pool_teacher import PoolTeacher
from curator.learner.spreading import affinity, spread
from curator.learner.threads import each_on_a_core
from strategies.kernels.neighbour_graph import build
from strategies.kernels.neighbours import Neighbours


def _graph(rows, k=8):
    return build(rows, k=k, rng=np.random.default_rng(0))[0]


def _unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _dense(neighbours):
    """The ties as a full matrix, step by step."""
    n = len(neighbours)
    ties = np.zeros((n, n))
    for i in range(n):
        for j, cosine in zip(neighbours.rows[i], neighbours.cosines[i], strict=True):
            if j >= 0 and cosine > 0:
                ties[i, j] = ties[j, i] = max(ties[i, j], float(cosine) ** 3)
    degree = ties.sum(axis=1)
    scale = np.where(degree > 0, 1 / np.sqrt(np.maximum(degree, 1e-30)), 0)
    return scale[:, None] * ties * scale


def _moons(n, seed):
    """Two half circles, each in the other's bend, lifted to the sphere: classes that no line parts."""
    rng = np.random.default_rng(seed)
    angle, y = np.pi * rng.random(n), rng.integers(0, 2, n)
    flat = np.stack(
        [np.cos(angle) * (1 - 2 * y) + y, np.sin(angle) * (1 - 2 * y) + 0.5 * y], axis=1
    ) + 0.05 * rng.normal(size=(n, 2))
    return _unit(np.c_[flat, 2 * np.ones(n)]), y


def test_two_labels_on_a_line_by_hand():
    """Four items in a row tied by cosine 1, labels at both ends: the items next to a label lean to it, evenly."""
    neighbours = Neighbours(
        rows=np.array([[1, -1], [0, 2], [1, 3], [2, -1]], dtype=np.int32),
        cosines=np.array([[1, 0], [1, 1], [1, 1], [1, 0]], dtype=np.float32),
    )
    ties = affinity(neighbours)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(
        ties.toarray(), [[0, half, 0, 0], [half, 0, 0.5, 0], [0, 0.5, 0, half], [0, 0, half, 0]], rtol=1e-6
    )
    shares = spread(ties, np.array([0, 3]), np.array([0, 1]), 2)
    np.testing.assert_allclose(shares, shares[::-1, ::-1], rtol=1e-6)
    assert shares[0, 0] > shares[1, 0] > 0.5


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(5, 60), n_classes=st.integers(1, 4))
def test_spreading_is_the_dense_recursion(seed, n, n_classes):
    """Any rows, zero rows and copies among them: the shares of the plain dense recursion; rows sum to 1 or to 0."""
    rng = np.random.default_rng(seed)
    rows = _unit(rng.normal(size=(n, 5)))
    rows[rng.integers(n, size=2)] = rows[0]
    rows[rng.integers(n)] = 0
    neighbours = _graph(rows, k=4)
    labeled = rng.choice(n, min(n, 2 * n_classes), replace=False)
    labels = rng.integers(n_classes, size=len(labeled))
    shares = spread(affinity(neighbours), labeled, labels, n_classes)

    start = np.zeros((n, n_classes))
    start[labeled, labels] = 1 / np.bincount(labels, minlength=n_classes)[labels]
    expected, ties = start, _dense(neighbours)
    for _ in range(15):
        expected = 0.8 * ties @ expected + 0.2 * start
    expected = expected / np.maximum(expected.sum(axis=0), 1e-30)
    total = expected.sum(axis=1, keepdims=True)
    expected = expected / np.maximum(total, 1e-30)
    np.testing.assert_allclose(shares, expected, atol=2e-5)
    assert ((np.abs(shares.sum(axis=1) - 1) < 1e-5) | (shares.sum(axis=1) == 0)).all()


def test_spreading_ranks_as_scikit_learns_does():
    """On digits with two labels per class the leading classes are those of LabelSpreading, nearly everywhere."""
    rows, y = load_digits(return_X_y=True)
    rows, y = _unit(rows[:600] - rows.mean(axis=0)), y[:600]
    labeled = np.concatenate([np.flatnonzero(y == c)[:2] for c in range(10)])
    ties = affinity(_graph(rows, k=15))
    shares = spread(ties, labeled, y[labeled], 10)
    known = np.full(len(y), -1)
    known[labeled] = y[labeled]
    peer = LabelSpreading(kernel=lambda _x, _y: ties.toarray(), alpha=0.8, max_iter=15, tol=0).fit
    with pytest.warns(UserWarning, match="max_iter=15 was reached"):
        found = peer(rows, known)
    assert (found.transduction_ == shares.argmax(axis=1)).mean() > 0.9
    assert (shares.argmax(axis=1) == y).mean() > 0.75


def test_items_that_no_label_reaches_have_no_shares():
    """Two clusters without a tie, labels in one of them: the other stays empty."""
    rows = np.repeat(np.eye(2, dtype=np.float32), 6, axis=0)
    shares = spread(affinity(_graph(rows, k=3)), np.array([0]), np.array([1]), 2)
    assert (shares[6:] == 0).all()
    np.testing.assert_allclose(shares[0], [0, 1])


def test_mixing_weights_are_the_penalised_optimum():
    """Less log loss plus pull than anything a search without gradients finds; the useless part shrinks."""
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, 200)
    logits = rng.normal(size=(200, 3, 2))
    logits[np.arange(200), y, 0] += 2.0
    start = np.array([0.5, 0.5])
    weights = fit_mixing_weights(logits, y, start)
    assert weights[0] > 0.7
    assert weights[1] < 0.3

    def loss(log_weights):
        pull = 2.5 * np.square(log_weights - np.log(start)).sum()
        return pull - log_softmax(logits @ np.exp(log_weights), axis=1)[np.arange(200), y].sum()

    reference = minimize(loss, np.log(start), method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9})
    assert loss(np.log(weights)) <= reference.fun + 1e-3
    np.testing.assert_array_equal(fit_mixing_weights(logits[:0], y[:0], start), start)


def test_a_class_that_was_not_seen_stays_out_of_the_sum():
    """-inf in, -inf out, and the other classes share everything."""
    logits = np.array([[[0.0, 0.0], [0.0, 0.0], [-np.inf, -np.inf]]])
    log_probs = weighted_log_probs(logits, np.array([0.5, 2.0]))
    np.testing.assert_allclose(np.exp(log_probs), [[0.5, 0.5, 0.0]])
    np.testing.assert_allclose(fit_mixing_weights(logits, np.array([0]), np.array([0.5, 2.0])), [0.5, 2.0])


def test_the_pool_teaches_what_the_labels_do_not():
    """Twelve labels on two bent clusters: with the pool the head is right more often, on items of no graph."""
    gains = []
    for seed in range(5):
        rows, y = _moons(800, seed)
        few = np.concatenate([np.flatnonzero(y == c)[:6] for c in (0, 1)])
        pool = np.delete(rows[:500], few[few < 500], axis=0)
        labels_alone = EmbeddingHead(device="cpu").fit(rows[few], y[few])
        taught = EmbeddingHead(device="cpu").fit(rows[few], y[few], pool=pool)
        assert taught.spreading_.used
        gains.append(taught.score(rows[500:], y[500:]) - labels_alone.score(rows[500:], y[500:]))
    assert np.mean(gains) > 0.0


def test_the_pool_is_switched_off_where_it_harms():
    """Neighbourhoods are 40 topics, the label is one direction that runs through all of them: the labels alone decide."""
    rng = np.random.default_rng(0)
    topics = 3 * rng.normal(size=(40, 30))
    topics[:, 0] = 0
    topic, y = rng.integers(40, size=600), rng.integers(0, 2, 600)
    rows = topics[topic] + 0.3 * rng.normal(size=(600, 30))
    rows[:, 0] += 6 * (2 * y - 1)
    rows = _unit(rows)
    head = EmbeddingHead(device="cpu").fit(rows[:40], y[:40], pool=rows[40:400])
    assert not head.spreading_.used
    assert head.spreading_.harms
    assert "40 left-out training labels" in head.spreading_.why
    plain = EmbeddingHead(device="cpu").fit(rows[:40], y[:40])
    np.testing.assert_array_equal(head.predict_proba(rows[400:]), plain.predict_proba(rows[400:]))
    assert EmbeddingHead.from_state(*head.state()).spreading_ == head.spreading_


def test_votes_by_hand():
    """Shares weighed by exp(sharpness * cosine), a tenth of doubt; landmarks that are copies of each other vote too."""
    rng = np.random.default_rng(0)
    landmarks, rows = _unit(rng.normal(size=(40, 5))), _unit(rng.normal(size=(7, 5)))
    shares = rng.dirichlet(np.ones(3), 40).astype(np.float32)
    vote = NeighbourVote.of(torch.from_numpy(landmarks), torch.from_numpy(shares))
    nearest = -np.sort(-landmarks @ landmarks.T, axis=1)
    # torch's median is the lower of the two in the middle
    gap = np.sort(nearest[:, 1] - nearest[:, 6])[19]
    assert vote.sharpness == pytest.approx(2 / gap, rel=1e-4)
    assert NeighbourVote.of(torch.from_numpy(landmarks[:5]), torch.from_numpy(shares[:5])).sharpness == 20
    says = np.exp(vote.sharpness * (rows @ landmarks.T))
    mean = says @ shares / says.sum(axis=1, keepdims=True)
    expected = 0.7 * np.log(0.9 * mean + 0.1 / 3)
    np.testing.assert_allclose(vote.scaled(0.7).logits(torch.from_numpy(rows)), expected, atol=1e-4)
    for some in (landmarks[:1], np.repeat(landmarks[:1], 500, axis=0), np.zeros((9, 5), np.float32)):
        of_copies = NeighbourVote.of(torch.from_numpy(some), torch.from_numpy(shares[[0] * len(some)]))
        logits = of_copies.logits(torch.from_numpy(rows)).numpy()
        np.testing.assert_allclose(np.exp(logits), np.tile(0.9 * shares[0] + 0.1 / 3, (7, 1)), rtol=1e-4)


def test_neighbours_vote_where_classes_are_bent_and_not_where_topics_mislead(monkeypatch):
    """Digits, whose clusters no line follows: votes. Topics that say nothing of the label: none, and a linear head."""
    rows, y = load_digits(return_X_y=True)
    rows = _unit(rows - rows.mean(axis=0))
    bent = EmbeddingHead(device="cpu").fit(rows[:100], y[:100], pool=rows[100:1000])
    assert len(bent.spreading_.weights) == 5
    assert bent.linear_head() is None
    monkeypatch.setattr(semi_supervised, "_STANDARD_ERRORS_VOTE", -np.inf)
    linear = EmbeddingHead(device="cpu").fit(rows[:100], y[:100], pool=rows[100:1000])
    monkeypatch.undo()
    assert linear.linear_head() is not None
    assert bent.score(rows[1000:], y[1000:]) > linear.score(rows[1000:], y[1000:]) + 0.01

    rng = np.random.default_rng(0)
    topics = 3 * rng.normal(size=(40, 30))
    topics[:, 0] = 0
    topic, label = rng.integers(40, size=600), rng.integers(0, 2, 600)
    items = topics[topic] + 0.3 * rng.normal(size=(600, 30))
    items[:, 0] += 2 * (2 * label - 1)
    items = _unit(items)
    misled = EmbeddingHead(device="cpu").fit(items[:60], label[:60], pool=items[60:500])
    assert misled.spreading_.used
    assert len(misled.spreading_.weights) == 4
    head = misled.linear_head()
    np.testing.assert_allclose(head.predict(items), misled.predict_proba(items), atol=1e-5)


@pytest.mark.parametrize(
    "params", [{}, {"prototype": False}, {"hidden": 8, "max_iter": 10}, {"temperature": "cv"}]
)
def test_a_taught_head_repeats_itself_and_comes_back_from_its_state(params):
    """Same labels and pool, same probs bit for bit, also through `state`, with what came of the pool."""
    rows, y = load_digits(return_X_y=True)
    rows = _unit(rows)
    names = np.array([f"d{label}" for label in range(12)])
    head = EmbeddingHead(classes=tuple(names), device="cpu", **params)
    head.fit(rows[:40], names[y[:40]], pool=rows[40:400])
    again = EmbeddingHead(classes=tuple(names), device="cpu", **params)
    again.fit(rows[:40], names[y[:40]], pool=rows[40:400])
    probs = head.predict_proba_seeds(rows[400:600])
    np.testing.assert_array_equal(again.predict_proba_seeds(rows[400:600]), probs)
    np.testing.assert_allclose(probs.sum(axis=2), 1, atol=1e-5)
    assert head.spreading_.used
    back = EmbeddingHead.from_state(*head.state())
    np.testing.assert_array_equal(back.predict_proba_seeds(rows[400:600]), probs)
    assert back.spreading_ == head.spreading_
    np.testing.assert_array_equal(back.left_out_, head.left_out_)
    np.testing.assert_allclose(head.left_out_.sum(axis=1), 1, atol=1e-5)
    assert (names[head.left_out_.argmax(axis=1)] == names[y[:40]]).mean() > 0.5


def test_the_order_of_a_pool_does_not_change_how_sharply_neighbours_vote():
    """A pool that begins with near-copies of a few templates: the same vote as in any other order."""
    rng = np.random.default_rng(0)
    templates, broad = rng.normal(size=(10, 32)), rng.normal(size=(600, 32))
    rows = _unit(
        np.concatenate([np.repeat(templates, 30, axis=0) + 0.01 * rng.normal(size=(300, 32)), broad])
    )
    shares = torch.from_numpy(rng.dirichlet(np.ones(3), 900).astype(np.float32))
    in_order = NeighbourVote.of(torch.from_numpy(rows), shares)
    shuffled = NeighbourVote.of(torch.from_numpy(rows[rng.permutation(900)]), shares)
    assert in_order.sharpness == pytest.approx(shuffled.sharpness, rel=1e-4)


def test_a_class_that_reaches_nobody_does_not_outvote_the_others():
    """Thousands of labels of a class that flows to no item of the pool: ten of them vote."""
    rng = np.random.default_rng(0)
    pool = _unit(np.c_[rng.normal(size=(300, 6)), np.zeros((300, 6))])
    lone = _unit(np.c_[np.zeros((900, 6)), rng.normal(size=(900, 6))])
    labels = np.concatenate((np.zeros(40, int), np.ones(900, int)))
    rows = np.concatenate((pool[:40], lone))
    layers = PoolTeacher(rows, pool[40:], 0).layers(labels, np.ones(940, dtype=bool), 2, torch.device("cpu"))
    assert len(layers.vote.landmarks) <= 260 + 10
    assert (layers.vote.shares[:, 1] > 0.5).sum() == 10


@pytest.mark.parametrize("damage", [
    {"shares": None},
    {"landmarks": None},
    {"shares": np.ones((5, 1), np.float32)},
    {"landmarks": np.ones((0, 64), np.float32), "shares": np.ones((0, 10), np.float32)},
    {"vote_scales": np.array([np.inf, 1.0])},
])  # fmt: skip
def test_a_vote_whose_parts_do_not_fit_is_refused(damage):
    """Not read as another model."""
    rows, y = load_digits(return_X_y=True)
    rows = _unit(rows)
    arrays, values = EmbeddingHead(device="cpu").fit(rows[:100], y[:100], pool=rows[100:600]).state()
    assert "vote_scales" in arrays
    damaged = {name: array for name, array in {**arrays, **damage}.items() if array is not None}
    with pytest.raises(ValueError, match="a vote of"):
        EmbeddingHead.from_state(damaged, values)


def test_each_part_on_one_thread_and_afterwards_as_before():
    """In the workers torch uses one thread; the caller's number is not touched, however the parts overlap."""
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)

        def work(part):
            time.sleep(0.02 * part)
            return part, torch.get_num_threads()

        found = list(each_on_a_core(work, [3, 1, 2, 0], torch.device("cpu")))
        assert found == [(3, 1), (1, 1), (2, 1), (0, 1)]
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("params", "with_pool"),
    [({}, True), ({"hidden": 8, "max_iter": 10}, True), ({"temperature": "cv"}, False)],
)
def test_threads_change_nothing(params, with_pool, monkeypatch):
    """One thread or more, here and in torch: the same weights and the same probs, bit for bit."""
    rows, y = load_digits(return_X_y=True)
    rows = _unit(rows)
    many = np.tile(rows, (3, 1))  # more than one thread is given at a time
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
            torch.set_num_threads(threads)
            pool = rows[60:500] if with_pool else None
            head = EmbeddingHead(device="cpu", **params).fit(rows[:60], y[:60], pool=pool)
            probs = {f"probs of {n}": head.predict_proba_seeds(many[:n]) for n in (1, 3, 6, 60, len(many))}
            assert torch.get_num_threads() == threads
            found.append(head.state()[0] | probs)
    finally:
        torch.set_num_threads(before)
    for others in found[1:]:
        for name, array in found[0].items():
            np.testing.assert_array_equal(array, others[name], err_msg=name)


def test_state_from_before_there_was_spreading_still_loads():
    """A head saved by an older version predicts as it did."""
    rows = np.eye(3, dtype=np.float32)
    arrays, values = EmbeddingHead(device="cpu").fit(rows, ["a", "b", "a"]).state()
    del values["spreading"], values["params"]["spreading"]
    back = EmbeddingHead.from_state(arrays, values)
    assert back.spreading_ is None
    assert back.predict(rows).tolist() == ["a", "b", "a"]


def test_what_a_pool_may_be():
    """Turned off, empty, one class, one item, thousands of copies, zero rows: defined. NaN, another dim: said."""
    rows, y = _moons(60, 0)
    plain = EmbeddingHead(device="cpu").fit(rows[:10], y[:10]).predict_proba(rows)
    for params, pool, why in (
        ({"spreading": False}, rows[10:], "turned off"),
        ({}, rows[:0], "no unlabeled items"),
        ({}, None, "no unlabeled items"),
    ):
        head = EmbeddingHead(device="cpu", **params).fit(rows[:10], y[:10], pool=pool)
        assert why in head.spreading_.why
        np.testing.assert_array_equal(head.predict_proba(rows), plain)
    one_class = EmbeddingHead(classes=(0, 1), device="cpu").fit(rows[:2], [1, 1], pool=rows[2:])
    assert "one class" in one_class.spreading_.why
    for pool in (rows[10:11], np.repeat(rows[10:12], 2_000, axis=0), np.zeros((20, 3), np.float32)):
        head = EmbeddingHead(device="cpu").fit(rows[:10], y[:10], pool=pool)
        assert np.isfinite(head.predict_proba(rows)).all()
    two = EmbeddingHead(device="cpu").fit(rows[:2], [0, 1], pool=rows[2:])
    assert np.isfinite(two.predict_proba(rows)).all()
    with pytest.raises(DataError, match="dim 2, the labels have dim 3"):
        EmbeddingHead(device="cpu").fit(rows[:10], y[:10], pool=rows[:, :2])
    with pytest.raises(DataError, match="not finite"):
        EmbeddingHead(device="cpu").fit(rows[:10], y[:10], pool=np.full((3, 3), np.nan))
    with pytest.raises(ConfigError, match="spreading = 'yes'"):
        EmbeddingHead(spreading="yes").fit(rows[:10], y[:10])


def test_a_class_that_reaches_nobody_is_not_ruled_out():
    """Labels that share nothing with the pool (texts without a common word) still teach their class beside it."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=200)
    pool = np.zeros((200, 23), dtype=np.float32)
    for share in (1.0, 0.5):
        pool[np.arange(200), 10 * y + rng.integers(10, size=200)] += share
    pool /= np.linalg.norm(pool, axis=1, keepdims=True)
    lone = np.zeros((2, 23), dtype=np.float32)
    lone[0, 20] = 1.0
    lone[1, 20:22] = 0.8, 0.6
    labels = np.concatenate((y[:6], [2, 2]))
    head = EmbeddingHead(classes=(0, 1, 2)).fit(np.concatenate((pool[:6], lone)), labels, pool[6:])
    assert head.spreading_.used
    beside = np.eye(23, dtype=np.float32)[
        [21]
    ]  # one of the two labels of the class is near, and nothing else
    assert head.predict(beside).tolist() == [2]
