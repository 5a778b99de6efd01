"""From strategies to a batch: quotas, order, near-duplicates, what is known of each pick."""

from importlib.metadata import EntryPoint

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import selector_inputs

from strategies import mixture, registry
from strategies.batch import choose_batch
from strategies.errors import StrategyError, StrategyInputError, UnknownStrategyError
from strategies.inputs import Inputs
from strategies.kernels import distinct
from strategies.kernels.distinct import ArrayCandidates, DistinctPicks
from strategies.scoring import score_blocks


def unit(rows):
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths == 0, 1, lengths)).astype(np.float32)


def cosines(rows):
    """Cosines, with two rows of zeros as copies of each other."""
    wide = np.hstack([rows, (~rows.any(axis=1))[:, None]]).astype(np.float64)
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    return wide @ wide.T


def reference(order, k, rows, threshold):
    """Walk down a ranking; take what is no near-duplicate of a pick, then the rest."""
    near = cosines(rows) >= threshold - 1e-9
    picks = []
    for item in order:
        if len(picks) < k and not near[item, picks].any():
            picks.append(int(item))
    rest = [int(item) for item in order if item not in picks]
    return picks + rest[: k - len(picks)]


@st.composite
def pools_with_copies(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    n, dim = draw(st.integers(1, 50)), draw(st.integers(1, 4))
    rows = unit(rng.standard_normal((n, dim)))
    rows[rng.random(n) < 0.2] = 0
    rows[rng.random(n) < 0.3] = rows[0]
    return rows, draw(st.integers(1, n)), draw(st.sampled_from([0.5, 0.97, 1.0])), rng


@settings(max_examples=60, deadline=None)
@given(pool=pools_with_copies())
def test_distinct_picks_are_the_plain_walk(pool):
    """The picks of a ranking are those of the plain walk down, near-duplicates only at the very end."""
    rows, k, threshold, rng = pool
    order = rng.permutation(len(rows))
    picks = DistinctPicks(ArrayCandidates(rows), threshold)
    found = picks.from_ranking(order, k).tolist()
    found += picks.fill(order, k - len(found)).tolist()
    assert found == reference(order, k, rows, threshold)


@pytest.mark.parametrize("name", [*registry.SCORERS, *registry.SELECTORS, "mix", "outside"])
@settings(max_examples=30, deadline=None)
@given(pool=pools_with_copies())
def test_batch_contract(name, pool):
    """Exactly k distinct items, no two near-duplicates while the pool has others; the same seed, the same batch."""
    rows, k, threshold, rng = pool
    n = len(rows)
    scores = {scorer: np.round(rng.random(n), 1) for scorer in registry.SCORERS}
    spec = {"entropy": 0.3, "margin": 0.2, "coverage": 0.3, "random": 0.2} if name == "mix" else name

    def choose():
        return choose_batch(
            spec,
            k=k,
            embeddings=rows,
            scores=scores,
            labeled=rows[:2],
            rng=np.random.default_rng(1),
            duplicate_cosine=threshold,
            external={"outside": lambda m: np.arange(n)[::-1][:m]},
            inputs=selector_inputs.inputs(rows),
        )

    batch = choose()
    assert (
        len(set(batch.positions.tolist()))
        == k
        == len(batch.strategy)
        == len(batch.score)
        == len(batch.probability)
    )
    near = np.triu(cosines(rows[batch.positions]) >= threshold, 1).any(axis=0)
    left = np.setdiff1d(np.arange(n), batch.positions)
    if near.any():
        kept = batch.positions
        assert (cosines(rows)[np.ix_(left, kept)] >= threshold - 1e-9).any(axis=1).all()
    np.testing.assert_array_equal(batch.positions, choose().positions)


def test_each_pick_knows_why():
    """Strategy, score and probability of each pick: a score where it was ranked, a probability where it was drawn."""
    rng = np.random.default_rng(0)
    rows = unit(rng.standard_normal((40, 16)))
    entropy = rng.random(40)
    batch = choose_batch(
        {"entropy": 0.5, "random": 0.25, "coverage": 0.25},
        k=8,
        embeddings=rows,
        scores={"entropy": entropy},
        labeled=None,
        rng=rng,
    )
    assert batch.strategy[:4] == ("entropy", "random", "coverage", "entropy")
    for position, name, score, probability in zip(
        batch.positions, batch.strategy, batch.score, batch.probability, strict=True
    ):
        assert (score == entropy[position]) if name == "entropy" else np.isnan(score)
        assert (probability == 2 / 40) if name == "random" else np.isnan(probability)
    ranked = [int(p) for p, name in zip(batch.positions, batch.strategy, strict=True) if name == "entropy"]
    drawn = {int(p) for p, name in zip(batch.positions, batch.strategy, strict=True) if name == "random"}
    assert ranked == [i for i in np.argsort(-entropy) if i not in drawn][:4]


def test_equal_scores_go_by_position():
    """Ties in a ranking are broken by position, at every batch size."""
    rows = np.eye(9, dtype=np.float32)
    batch = choose_batch(
        "margin",
        k=4,
        embeddings=rows,
        scores={"margin": np.ones(9)},
        labeled=None,
        rng=np.random.default_rng(0),
    )
    assert batch.positions.tolist() == [0, 1, 2, 3]


def test_selectors_complement_what_the_rest_of_the_batch_chose():
    """Coverage counts the scorer's pick as labeled, and goes to the other heap."""
    rows = np.array([[1.0, 0.0], [0.98, 0.2], [0.0, 1.0], [0.2, 0.98]], dtype=np.float32)
    batch = choose_batch(
        {"coverage": 0.5, "margin": 0.5},
        k=2,
        embeddings=rows,
        scores={"margin": np.array([1.0, 0.0, 0.0, 0.0])},
        labeled=None,
        rng=np.random.default_rng(0),
    )
    assert dict(zip(batch.strategy, batch.positions.tolist(), strict=True)) == {"coverage": 2, "margin": 0}


def test_scorers_look_at_a_short_list_only():
    """For a ranking the embeddings of a few hundred items are read, never all of them."""

    class Counting(ArrayCandidates):
        read = 0

        def take(self, positions):
            Counting.read += len(positions)
            return super().take(positions)

        def all(self):
            raise AssertionError

    rows = unit(np.random.default_rng(0).standard_normal((50_000, 8)))
    choose_batch(
        "entropy",
        k=100,
        embeddings=Counting(rows),
        scores={"entropy": np.random.default_rng(1).random(50_000)},
        labeled=None,
        rng=np.random.default_rng(0),
    )
    assert Counting.read <= 1_000


def test_selectors_do_not_copy_the_pool():
    """A selector is shown all of the pool when little of what it proposes is refused."""
    rows = unit(np.random.default_rng(0).standard_normal((300, 8)))
    shown = []

    def select(pool, want, labeled):
        shown.append(pool is None)
        return np.arange(want) if labeled is None else np.arange(100, 100 + want)

    rows[3] = rows[0]
    picks = DistinctPicks(ArrayCandidates(rows), 0.999).from_selector(select, 10)
    assert shown == [True, True]
    assert picks.tolist() == [0, 1, 2, 4, 5, 6, 7, 8, 9, 100]


def test_stubborn_selectors_are_shown_only_the_usable_rest():
    """A selector that proposes the same again and again still gives a full batch."""
    rows = np.eye(6, dtype=np.float32)
    rows[1:4] = rows[0]
    picks = DistinctPicks(ArrayCandidates(rows), 0.97).from_selector(
        lambda _pool, want, _labeled: np.arange(want), 3
    )
    assert picks.tolist() == [0, 4, 5]


def test_external_strategies_are_asked_for_more_until_it_suffices():
    """Of thirty copies in front one is taken; the source is asked for longer lists, never for more than there are."""
    rows = np.eye(40, dtype=np.float32)
    rows[:30] = rows[0]
    asked = []

    def propose(m):
        asked.append(m)
        return np.arange(m)

    batch = choose_batch(
        "theirs",
        k=4,
        embeddings=rows,
        scores={},
        labeled=None,
        rng=np.random.default_rng(0),
        external={"theirs": propose},
    )
    assert batch.positions.tolist() == [0, 30, 31, 32]
    assert asked[0] == 4
    assert asked[-1] <= 40


def test_errors_of_choose_batch():
    """What is wrong is said with its numbers and names."""
    rows = np.eye(3, dtype=np.float32)

    def choose(spec="margin", k=1, scores=None, **more):
        return choose_batch(
            spec,
            k=k,
            embeddings=rows,
            scores=scores or {},
            labeled=None,
            rng=np.random.default_rng(0),
            **more,
        )

    with pytest.raises(StrategyInputError, match="Asked for 4 items, 3 are unlabeled"):
        choose(k=4)
    with pytest.raises(StrategyInputError, match="scores of 'margin' are missing"):
        choose()
    with pytest.raises(StrategyInputError, match=r"shape \(2,\); there are 3"):
        choose(scores={"margin": np.ones(2)})
    with pytest.raises(StrategyInputError, match="first is item 1"):
        choose(scores={"margin": np.array([1, np.nan, 1])})
    with pytest.raises(StrategyInputError, match="at most 1, not 0"):
        choose(scores={"margin": np.ones(3)}, duplicate_cosine=0)
    with pytest.raises(UnknownStrategyError, match="Did you mean 'entropy'"):
        choose("entropie")


@settings(max_examples=100, deadline=None)
@given(weights=st.lists(st.integers(1, 20), min_size=1, max_size=5), k=st.integers(1, 60))
def test_quotas_and_order_respect_the_shares(weights, k):
    """Quotas add up to k, each within 1 of its share; every beginning of the batch is within 2 of the shares."""
    shares = {f"s{i}": weight / sum(weights) for i, weight in enumerate(weights)}
    counts = mixture.quotas(mixture.shares_of(shares), k)
    assert sum(counts.values()) == k
    assert all(abs(counts[name] - share * k) < 1 for name, share in shares.items())
    order = mixture.interleave(counts)
    assert {name: order.count(name) for name in counts} == counts
    for place in range(1, k + 1):
        for name in counts:
            assert abs(order[:place].count(name) - counts[name] * place / k) < 2


def test_quotas_worked_example():
    """0.3, 0.3, 0.4 of 10 are 3, 3, 4; of 5 the fifth pick goes to the first of the equal remainders."""
    shares = {"entropy": 0.3, "margin": 0.3, "coverage": 0.4}
    assert mixture.quotas(shares, 10) == {"entropy": 3, "margin": 3, "coverage": 4}
    assert mixture.quotas(shares, 5) == {"entropy": 2, "margin": 1, "coverage": 2}
    assert list(mixture.interleave({"a": 1, "b": 3})) == ["b", "a", "b", "b"]


@pytest.mark.parametrize(
    ("spec", "say"),
    [
        ({}, "at least one strategy"),
        ({"entropy": 0.5, "margin": 0.4}, "entropy, margin add up to 0.9"),
        ({"entropy": 1.5, "margin": -0.5}, "margin = -0.5"),
        ({"entropy": float("nan")}, "entropy = nan"),
    ],
)
def test_mixtures_that_cannot_be(spec, say):
    """Shares are above 0 and add up to 1; the message says which are not."""
    with pytest.raises(StrategyInputError, match=say):
        mixture.shares_of(spec)


def test_the_registry_lists_and_explains():
    """Every strategy has its name and a one-line summary; an unknown name lists the known ones."""
    assert set(registry.names()) >= {
        "entropy",
        "margin",
        "least_confidence",
        "random",
        "coverage",
        "maxherding",
    }
    for name in (*registry.SCORERS, *registry.SELECTORS):
        assert registry.get(name).name == name
        assert registry.get(name).summary
    with pytest.raises(UnknownStrategyError) as caught:
        registry.get("zzz")
    assert str(caught.value).startswith("No strategy is called 'zzz'. There are: entropy, margin,")
    assert isinstance(caught.value, KeyError)


def install(folder, monkeypatch, entry_points, module="MINE = None"):
    """A third party's distribution as pip would leave it."""
    info = folder / "their_strategies-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: their-strategies\nVersion: 1.0\n", encoding="utf-8"
    )
    (info / "entry_points.txt").write_text(f"[curator.strategies]\n{entry_points}\n", encoding="utf-8")
    (folder / f"{folder.name}_module.py").write_text(module, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    return f"{folder.name}_module"


def test_a_third_party_strategy_is_found_and_used(tmp_path, monkeypatch):
    """An installed entry point is listed, loaded by name only, and chooses batches."""
    module = f"{tmp_path.name}_module"
    install(
        tmp_path,
        monkeypatch,
        f"last = {module}:LAST",
        "import numpy as np\nfrom strategies.registry import Selector\n\n"
        "def select(embeddings, k, *, labeled, weights, rng):\n    return np.arange(len(embeddings))[::-1][:k]\n\n"
        "LAST = Selector('last', select, 'the newest first')\n",
    )
    assert registry.names()[-1] == "last"
    batch = choose_batch(
        "last", k=2, embeddings=np.eye(5), scores={}, labeled=None, rng=np.random.default_rng(0)
    )
    assert batch.positions.tolist() == [4, 3]


@pytest.mark.parametrize(
    ("point", "module", "say"),
    [
        ("theirs = {}:MINE", "raise OSError('no licence')", "their-strategies.*OSError: no licence"),
        ("theirs = {}:MINE", "MINE = 3", "their-strategies.*is a int"),
        ("theirs = {}:GONE", "", "their-strategies.*AttributeError"),
        ("entropy = {}:MINE", "", "Two strategies are called 'entropy'.*their-strategies"),
    ],
)
def test_a_broken_third_party_strategy_names_its_distribution(tmp_path, monkeypatch, point, module, say):
    """Whoever must mend it is named; ours cannot be replaced in silence."""
    install(tmp_path, monkeypatch, point.format(f"{tmp_path.name}_module"), module)
    with pytest.raises(StrategyError, match=say):
        registry.get("theirs")


def test_an_entry_point_without_distribution_is_still_explained():
    """Importlib allows entry points that belong to nothing."""
    point = EntryPoint("odd", "no_such_module:X", "curator.strategies")
    with pytest.raises(StrategyError, match="an unknown distribution"):
        registry._load(point)


def blocks_of(rows, size):
    return [(start, rows[start : start + size]) for start in range(0, len(rows), size)]


def test_the_score_pass_equals_scoring_all_at_once():
    """Blocks of any size in any order give the scores of the whole, and no predict call sees the whole pool."""
    rng = np.random.default_rng(0)
    rows = rng.random((20_000, 4), dtype=np.float32)
    seen = []

    def predict(embeddings):
        seen.append(len(embeddings))
        return embeddings / embeddings.sum(axis=1, keepdims=True)

    scores = score_blocks(reversed(blocks_of(rows, 9_000)), predict, ["entropy", "margin"], len(rows))
    for name in scores:
        np.testing.assert_array_equal(scores[name], registry.SCORERS[name].score(predict(rows)))
    assert max(seen) <= 20_000


def test_errors_of_the_score_pass():
    """Rows twice, rows missing, a model that errs, a name that gives no scores: each is said with its rows."""
    rows = np.full((10, 2), 0.5)

    def same(x):
        return x

    with pytest.raises(StrategyInputError, match=r"Rows 0 to 9 .* scored already"):
        score_blocks([(0, rows), (0, rows)], same, ["margin"], 10)
    with pytest.raises(StrategyInputError, match="outside the pool of 5 rows"):
        score_blocks([(0, rows)], same, ["margin"], 5)
    with pytest.raises(StrategyInputError, match="2 of 12 rows were not scored; the first is row 10"):
        score_blocks([(0, rows)], same, ["margin"], 12)
    with pytest.raises(StrategyInputError, match="predicted 9 rows for 10 items"):
        score_blocks([(0, rows)], lambda x: x[1:], ["margin"], 10)
    with pytest.raises(StrategyInputError, match="Pool rows 0 to 9: 10 of 10 rows are not probabilities"):
        score_blocks([(0, rows)], lambda x: 2 * x, ["margin"], 10)
    with pytest.raises(StrategyInputError, match="'coverage' picks batches as a whole"):
        score_blocks([(0, rows)], same, ["coverage"], 10)


def test_distinct_picks_are_the_same_in_blocks_of_any_size(monkeypatch):
    """However many picks and candidates are compared at once, the batch is that of the plain walk."""
    rng = np.random.default_rng(3)
    rows = unit(rng.standard_normal((60, 3)))
    rows[rng.random(60) < 0.3] = rows[0]
    order = rng.permutation(60)
    for name, size in (("_FIRST_CHUNK", 3), ("_LARGEST_CHUNK", 4), ("_BLOCK_ROWS", 5)):
        monkeypatch.setattr(distinct, name, size)
    picks = DistinctPicks(ArrayCandidates(rows), 0.97)
    found = picks.from_ranking(order, 60)
    assert found.tolist() == reference(order, 60, rows, 0.97)[: len(found)]
    near = cosines(rows) >= 0.97 - 1e-9
    assert picks.usable().tolist() == [i for i in range(60) if not near[i, found].any()]


@pytest.mark.parametrize("name", registry.SELECTORS)
def test_weights_may_run_out(name):
    """Only copies have a weight: one of them is picked, the rest of the batch comes from the items of weight 0."""
    rows = unit(np.random.default_rng(0).standard_normal((60, 8)))
    rows[:30] = rows[0]
    weights = np.where(np.arange(60) < 30, 1.0 + np.arange(60), 0.0)
    batch = choose_batch(
        name,
        k=10,
        embeddings=rows,
        scores={},
        labeled=None,
        rng=np.random.default_rng(0),
        inputs=selector_inputs.inputs(rows, weights=weights),
    )
    assert (np.unique(batch.positions) < 30).sum() == 1
    assert len(np.unique(batch.positions)) == 10


def test_a_uniform_draw_stays_uniform_whatever_items_are_worth():
    """Its probability is on record, so cheap items must not be drawn more often; what is worth nothing is left out."""
    rows = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    weights = np.where(np.arange(40) < 10, 0.0, 1.0 + 10.0 * (np.arange(40) < 20))
    times = np.zeros(40)
    for seed in range(600):
        batch = choose_batch(
            "random",
            k=3,
            embeddings=rows,
            scores={},
            labeled=None,
            rng=np.random.default_rng(seed),
            duplicate_cosine=1.0,
            inputs=Inputs(weights=weights),
        )
        times[batch.positions] += 1
        assert batch.probability.tolist() == [0.1] * 3
    assert times[:10].sum() == 0
    # each of the 30 is drawn 60 times but for chance (standard deviation 7.3); by weight, ten would be drawn 165 times
    assert times[10:].max() < 95
    assert times[10:].min() > 25
