"""Distances kept for `coverage`: they save time, and change no pick whatever happens to their file."""

import numpy as np
import pytest
from support.projects import edit_config, make_project, train_at_once, write_pool

from curator.files import write_bytes
from curator.project.project import Project
from curator.rounds.candidates import find_candidates
from curator.rounds.distances import FILE, DistanceCache
from curator.rounds.run import run_round
from curator.start.add import add_to_pool

ROUNDS = 4


def coverage_project(folder):
    made = train_at_once(make_project(folder, n=150, batch=7, holdout="30"))
    edit_config(made, 'strategy = "auto"', 'strategy = "coverage"')
    return made


def play(folder, before_round):
    """All picks of some rounds, in order."""
    for number in range(ROUNDS):
        with Project(folder) as project:
            before_round(number, project.embeddings.folder / FILE)
            run_round(project)
    with Project(folder) as project:
        return [
            row["item_id"] for row in project.ledger.rows("select item_id from picks order by round, rank")
        ]


def cache_of(project, asked=None):
    asked = asked_of(project) if asked is None else asked
    return DistanceCache(project.embeddings, project.pool, find_candidates(project).rows, asked)


def asked_of(project):
    rows = project.ledger.rows("select item_id from picks order by round, item_id")
    return [row["item_id"] for row in rows]


def _nothing(_number, _path):
    pass


def _remove(_number, path):
    path.unlink(missing_ok=True)


def _flip(number, path):
    if number > 1:
        content = bytearray(path.read_bytes())
        content[-9] ^= 255
        path.write_bytes(content)


def _cut(number, path):
    if number > 1:
        path.write_bytes(path.read_bytes()[: 40 * number])


def _full(_path, _content):
    raise OSError(28, "No space left on device")


def _folder(_number, path):
    path.mkdir(exist_ok=True)


def test_other_embeddings_under_the_same_name_are_noticed(tmp_path):
    """Somebody put another file of vectors in place: what is known of the old ones is not used."""
    folder = coverage_project(tmp_path)
    play(folder, _nothing)
    with Project(folder) as project:
        assert cache_of(project).recall() is not None
        (vectors,) = project.embeddings.folder.glob("segment-*.npy")
        rows = np.load(vectors)
        np.save(vectors, rows[::-1])
        assert cache_of(project).recall() is None


def test_a_file_that_cannot_be_replaced_stays_and_leaves_nothing_beside(tmp_path, monkeypatch):
    """The disk refuses while the new content is written: the old one is there, whole, and nothing else."""
    path = tmp_path / FILE
    write_bytes(path, b"old")
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", lambda _descriptor: _full(None, None))
        with pytest.raises(OSError, match="No space"):
            write_bytes(path, b"new")
    assert {found.name: found.read_bytes() for found in tmp_path.iterdir()} == {FILE: b"old"}


def test_a_full_disk_costs_the_distances_only(tmp_path, monkeypatch):
    """The batch is chosen and sent, the note says what was not kept, and nothing half-written stays."""
    folder = coverage_project(tmp_path)
    with Project(folder) as project:
        run_round(project)
        monkeypatch.setattr("curator.rounds.distances.write_bytes", _full)
        report = run_round(project)
        assert report.opened == 2
        assert any("Distances could not be kept" in note for note in report.notes)
        assert not list(project.embeddings.folder.glob("distances*"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The picks of a campaign that nothing happens to."""
    return play(coverage_project(tmp_path_factory.mktemp("undisturbed")), _nothing)


@pytest.mark.parametrize("harm", [_remove, _flip, _cut, _folder])
def test_the_picks_are_the_same_without_them(undisturbed, tmp_path, harm):
    """Missing, damaged, cut, or not to be written: every pick of the campaign is that of an undisturbed one."""
    assert play(coverage_project(tmp_path / "two"), harm) == undisturbed
    assert len(undisturbed) == len(set(undisturbed)) == 7 * ROUNDS


def test_distances_come_back_for_the_candidates_that_are_left(tmp_path):
    """Each candidate has met the questions before its round, at the true distance; items added since have met nobody."""
    folder = coverage_project(tmp_path)
    play(folder, _nothing)
    with Project(folder) as project:
        asked = asked_of(project)
        before = asked[: 7 * (ROUNDS - 1)]
        rows = find_candidates(project).rows
        found = cache_of(project).recall()
        assert found.met.max() == len(before)
        assert found.met.min() > 0
        here, there = (project.embeddings.take(r).astype(float) for r in (rows, project.pool.rows(before)))
        squared = np.square(here[:, None] - there[None]).sum(axis=2)
        full = found.met == len(before)
        np.testing.assert_allclose(found.squared[full], squared[full].min(axis=1), rtol=1e-4, atol=1e-6)
        assert (found.squared >= squared.min(axis=1) - 1e-5).all()

        add_to_pool(project, write_pool(tmp_path / "more.jsonl", 20, seed=5), None)
    with Project(folder) as project:
        rows = find_candidates(project).rows
        found = cache_of(project).recall()
        assert len(found) == len(rows)
        assert np.isinf(found.squared[rows >= 150]).all()
        assert not found.met[rows >= 150].any()


def test_distances_of_other_questions_are_not_taken(tmp_path):
    """The first questions are others than those that were met: a ledger from a backup, say."""
    folder = coverage_project(tmp_path)
    play(folder, _nothing)
    with Project(folder) as project:
        asked = asked_of(project)
        assert cache_of(project, asked).recall() is not None
        assert cache_of(project, asked[1:]).recall() is None
        assert cache_of(project, asked[:7]).recall() is None


def test_a_mixture_keeps_no_distances(tmp_path):
    """What other strategies chose counts as labeled there, and is not what the next round starts from."""
    folder = coverage_project(tmp_path)
    edit_config(folder, 'strategy = "coverage"', "strategy = {random = 0.5, coverage = 0.5}")
    play(folder, _nothing)
    with Project(folder) as project:
        assert cache_of(project).recall() is None
