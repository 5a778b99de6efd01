"""What the loop lets a model learn from without labels, and what it says about it."""

import numpy as np
from support.projects import edit_config, make_project, write_pool

from curator.learner.checkpoint import load_checkpoint
from curator.project.project import Project
from curator.project.unlabeled import unlabeled_sample
from curator.rounds.run import run_round
from strategies.kernels.near_duplicates import near_any


def test_the_sample_is_of_the_pool_and_never_of_the_holdout(tmp_path):
    """Every item of the pool but the labeled ones, the sealed ones and those next to the sealed."""
    with Project(make_project(tmp_path)) as project:
        run_round(project)
        labeled = np.array([3, 50, 120])
        labeled = labeled[~np.isin(labeled, project.holdout_rows())]
        sample = unlabeled_sample(project, labeled)
        holdout = project.embeddings.take(project.holdout_rows())
        assert len(sample) == 240 - 60 - len(labeled)
        assert not near_any(sample, holdout, 0.9999).any()
        assert not near_any(sample, project.embeddings.take(labeled), 0.9999).any()


def test_the_sample_hardly_changes_when_labels_come_in(tmp_path, monkeypatch):
    """Rows keep their place in the random order: what was drawn stays drawn, in the same order."""
    monkeypatch.setattr("curator.project.unlabeled.POOL_ROWS", 50)
    with Project(make_project(tmp_path / "small", data=write_pool(tmp_path / "a.jsonl", 240))) as project:
        run_round(project)
        before = unlabeled_sample(project, np.array([], dtype=np.int64))
        after = unlabeled_sample(project, np.arange(20))
    kept = (before[:, None, :] == after[None]).all(axis=2).any(axis=1)
    assert len(before) == len(after) == 50
    assert kept.sum() >= 50 - 20


def test_a_round_trains_with_the_pool_unless_told_not_to(tmp_path):
    """The checkpoint says whether the pool was learned from, and why not; `params` turns it off."""
    folder = make_project(tmp_path)
    with Project(folder) as project:
        run_round(project)
        run_round(project)
        head = project.checkpoint(1).model
        assert head.spreading_.used
        assert head.left_out_ is not None
        assert len(head.spreading_.weights) == 5  # one for every part of the head
    edit_config(folder, "# params = {hidden = 256, dropout = 0.5}", "params = {spreading = false}")
    with Project(folder) as project:
        run_round(project)
        head = load_checkpoint(project.model_folder(2), project.embeddings.take).model
        assert not head.spreading_.used
        assert "turned off" in head.spreading_.why
