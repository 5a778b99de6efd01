"""Checkpoints: the same model back, no pickles, torn files named."""

import numpy as np
import pytest

from curator.errors import LedgerError
from curator.learner.checkpoint import RefitWarning, load_checkpoint, save_checkpoint
from curator.learner.model import build_model

ROWS = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
ROWS /= np.linalg.norm(ROWS, axis=1, keepdims=True)
TRAIN, LABELS = np.arange(10, 40), (ROWS[10:40, 0] > 0).astype(np.int64)
CLASSES = ("no", "yes", "maybe")


def _saved(folder, name, params=None):
    model = build_model(name, params or {}, CLASSES, 2, 5).fit(ROWS[TRAIN], np.array(CLASSES)[LABELS])
    save_checkpoint(folder, model, train_rows=TRAIN, train_labels=LABELS, meta={"round": 3})
    return model


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("head", {"device": "cpu"}),
        ("head", {"hidden": 5, "max_iter": 5, "device": "cpu"}),
        ("sklearn:linear_model.LogisticRegression", {"C": 10}),
        ("sklearn:ensemble.RandomForestClassifier", {"n_estimators": 5}),
    ],
)
def test_a_model_comes_back_as_it_was(tmp_path, name, params):
    """Same probs, rows, labels and meta; two plain files; saving again replaces them."""
    folder = tmp_path / "models" / "round-3"
    _saved(folder, name, params)
    model = _saved(folder, name, params)
    back = load_checkpoint(folder, lambda rows: ROWS[rows])
    np.testing.assert_array_equal(back.model.predict_proba_seeds(ROWS), model.predict_proba_seeds(ROWS))
    np.testing.assert_array_equal(back.train_rows, TRAIN)
    np.testing.assert_array_equal(back.train_labels, LABELS)
    assert back.meta == {"round": 3}
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "model.safetensors"]
    assert [path.name for path in folder.parent.iterdir()] == ["round-3"]


@pytest.mark.parametrize("file", ["model.safetensors", "model.json"])
@pytest.mark.parametrize("harm", ["cut", "gone", "other"])
def test_a_harmed_file_is_named_with_the_way_out(tmp_path, file, harm):
    """Truncated, missing or foreign: the error names the file and what to do."""
    _saved(tmp_path / "m", "head", {"device": "cpu"})
    path = tmp_path / "m" / file
    content = path.read_bytes()
    path.unlink()
    if harm != "gone":
        path.write_bytes(content[: len(content) // 2] if harm == "cut" else b"{}")
    with pytest.raises(LedgerError, match=rf"{file} is not a usable model.*run `curator round`"):
        load_checkpoint(tmp_path / "m", lambda rows: ROWS[rows])


def test_a_json_without_its_parts_is_named(tmp_path):
    """A model.json that lost a key is said to be broken."""
    _saved(tmp_path / "m", "head", {"device": "cpu"})
    path = tmp_path / "m" / "model.json"
    path.write_text(path.read_text().replace('"kind"', '"kinds"'))
    with pytest.raises(LedgerError, match="lacks"):
        load_checkpoint(tmp_path / "m", lambda rows: ROWS[rows])


def test_a_refit_that_differs_is_said(tmp_path):
    """Embeddings that changed since the training give another model: a warning says so."""
    _saved(tmp_path / "m", "sklearn:linear_model.LogisticRegression")
    with pytest.warns(RefitWarning, match="differs from the saved one"):
        load_checkpoint(tmp_path / "m", lambda rows: ROWS[rows] ** 2)


def test_what_json_cannot_hold_is_refused_and_leaves_nothing(tmp_path):
    """A value that is no plain value: one clear error, no half-made folder; neither when the disk refuses."""
    model = build_model("head", {"device": "cpu"}, CLASSES, 1, 0).fit(ROWS[TRAIN], np.array(CLASSES)[LABELS])
    with pytest.raises(LedgerError, match="cannot be saved"):
        save_checkpoint(tmp_path / "m", model, train_rows=TRAIN, train_labels=LABELS, meta={"x": object()})
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LedgerError, match="Free space"):
        save_checkpoint(tmp_path / "file" / "m", model, train_rows=TRAIN, train_labels=LABELS, meta={})
