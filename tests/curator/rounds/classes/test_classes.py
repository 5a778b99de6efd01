"""Classes that are added, renamed, merged and split while a campaign runs."""

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from support.projects import edit_config, make_project
from typer.testing import CliRunner

from curator.cli.app import app
from curator.cli.text.results import round_text, status_text
from curator.errors import ConfigError
from curator.ledger import queries
from curator.ledger.class_history import History
from curator.project.project import Project
from curator.rounds.classes import change as change_module
from curator.rounds.classes import wanted
from curator.rounds.classes.change import change_classes
from curator.rounds.classes.listing import list_classes
from curator.rounds.forecasts.regime import current_regime
from curator.rounds.run import run_round
from curator.serve.model import LoadedModel, newest_model
from curator.views.report.holdout import load_holdout
from curator.views.status import read_status
from integrations.errors import LabelerError


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """Two measured rounds, a third that is out: blue, green and red."""
    folder = make_project(tmp_path_factory.mktemp("classes") / "p", n=90, batch=10, holdout="20")
    with Project(folder) as project:
        for _ in range(3):
            run_round(project)
    return folder


@pytest.fixture
def folder(started, tmp_path):
    """A copy of it to change."""
    return Path(shutil.copytree(started, tmp_path / "p"))


def curator(folder: Path, *args: str, code: int = 0) -> str:
    """`curator classes ...` as typed; both streams."""
    result = CliRunner().invoke(app, ["classes", *args, "--project", str(folder)])
    assert result.exit_code == code, f"{result.stdout}\n{result.stderr}\n{result.exception!r}"
    return result.stdout + result.stderr


def rename(old, new):
    return partial(wanted.rename, old=old, new=new)


def labels(project: Project) -> dict[str, str]:
    return queries.labels.training_labels(project.ledger) | queries.holdout.holdout_labels(project.ledger)


def test_rename_and_merge_keep_every_label_and_ask_nobody(folder):
    """Labels, model, gains, report and forecasts follow; the same question is never paid twice."""
    with Project(folder) as project:
        before, asked = labels(project), queries.questions.asked_ids(project.ledger)
        probs = load_holdout(project, 2).probs
        change_classes(project, rename("blue", "azure"))
        assert project.config.project.classes == ("azure", "green", "red")
        assert labels(project) == {i: "azure" if y == "blue" else y for i, y in before.items()}
        np.testing.assert_array_equal(load_holdout(project, 2).probs, probs)
        assert len(current_regime(project.ledger).rounds) == 2  # the same classes under another name
        with pytest.raises(Exception, match="classes have changed since round-002"):
            LoadedModel(project.folder, newest_model(project))  # suggests no class that is gone
        merged = partial(wanted.merge, names=["azure", "red"], into="other")
        report = change_classes(project, merged, agree=lambda _report: pytest.fail("nothing to agree to"))
        assert (report.done, report.holdout_again, report.training_again, report.price) == (True, 0, 0, 0)
        assert set(labels(project).values()) == {"other", "green"}
        np.testing.assert_allclose(
            load_holdout(project, 2).probs[..., 0], probs[..., 0] + probs[..., 2], rtol=1e-5
        )
        assert queries.questions.asked_ids(project.ledger) == asked
        # The open round was asked under the old names: the label column answers with them.
        measured = run_round(project).measured
        assert measured["round"] == 3
        assert measured["gain"] is not None
        assert "both are scored with today's classes" in measured["note"]
        assert set(labels(project).values()) == {"other", "green"}
        assert len(labels(project)) == len(before) + 10
        assert current_regime(project.ledger).changed == ("classes",)
        assert project.ledger.scalar("select count(*) from answers where label = 'blue'") > 0  # as they came
        assert (
            "No forecast yet: 1 of the 4 measured rounds it needs since the classes changed"
            in status_text(read_status(project, offline=True))
        )


def test_split_asks_the_holdout_again_and_frees_the_training_items(folder):
    """Said with its price before; the open round asks; what is not asked again counts as it did."""
    with Project(folder) as project:
        before = labels(project)
        greens = {i for i, y in before.items() if y == "green"}
        sealed = set(queries.holdout.holdout_ids(project.ledger))
        seen = []
        report = change_classes(
            project, partial(wanted.split, name="green", parts=["green", "lime"]),
            agree=lambda said: bool(seen.append(said)) or True,
        )  # fmt: skip
        assert seen[0].holdout_again == report.asked_now == len(greens & sealed)
        assert report.training_again == len(greens - sealed)
        assert report.price == 80_000 * len(greens & sealed)
        assert labels(project) == {i: y for i, y in before.items() if i not in greens}
        listing = list_classes(project)
        assert [(row.name, row.labels + row.holdout) for row in listing.classes if "e" in row.name[-2:]]
        assert (listing.holdout_again, listing.training_again) == (0, len(greens - sealed))
        assert not set(queries.questions.settled_ids(project.ledger)) & (greens - sealed)
        out = run_round(project)
        assert (out.opened, out.waiting) == (3, False)
        after = run_round(project)
        assert after.measured["gain"] is None
        assert "no gain is stated" in after.measured["note"]
        assert "classes changed" in status_text(read_status(project, offline=True))
        assert "no gain is stated" in round_text(after, "USD")
        # The label column says green, which is a part: those asked again have their label again.
        assert greens & sealed <= labels(project).keys()
        again = project.ledger.rows("select key, round, role from questions where key like '%-c1'")
        assert {(row["round"], row["role"]) for row in again} == {(3, "holdout")}
        next_one = run_round(project).measured
        assert next_one["gain"] is not None  # within the new regime
        assert next_one["note"] is None


def test_a_class_that_is_new_asks_the_whole_holdout_or_none(folder):
    """Any item judged before may be of it; a person may say that none is, or from which classes."""
    with Project(folder) as project:
        dry = partial(change_classes, project, dry_run=True)
        everything = dry(partial(wanted.add, names=["violet"]))
        assert (everything.done, everything.holdout_again, everything.training_again) == (False, 20, 0)
        carved = dry(partial(wanted.add, names=["violet"], carved_from=["red"]))
        reds = [i for i, y in queries.holdout.holdout_labels(project.ledger).items() if y == "red"]
        assert carved.holdout_again == len(reds)
        assert carved.training_again > 0
        none = dry(partial(wanted.add, names=["violet"], keep=True))
        assert (none.holdout_again, none.training_again) == (0, 0)
        assert History.read(project.ledger).newest == 0  # all of it only looked at
        assert project.config.project.classes == ("blue", "green", "red")

        change_classes(project, partial(wanted.add, names=["violet"]))
        assert queries.holdout.holdout_labels(project.ledger) == {}
        assert len(queries.labels.training_labels(project.ledger)) == 20
        run_round(project)
        measured = run_round(project).measured
        assert (measured["round"], measured["gain"]) == (3, None)
        assert len(queries.holdout.holdout_labels(project.ledger)) == 20
        assert project.checkpoint(3).model.predict_proba(project.embeddings.take([0])).shape == (1, 4)


def test_no_is_no_and_over_budget_is_refused(folder):
    """Nothing at all is changed."""
    with Project(folder) as project:
        splitting = partial(wanted.split, name="green", parts=["g1", "g2"])
        before = (folder / "curator.toml").read_bytes()
        assert not change_classes(project, splitting, agree=lambda _report: False).done
        edit_config(folder, "# budget = ", 'budget = "3.20" # ')
    with Project(folder) as project:
        with pytest.raises(ConfigError, match=r"budget of \$3.20 leaves \$0.00. Nothing was changed"):
            change_classes(project, splitting)
        assert History.read(project.ledger).newest == 0
        edit_config(folder, 'budget = "3.20" # ', "# budget = ")
        assert (folder / "curator.toml").read_bytes() == before


def test_a_killed_change_is_finished(folder, monkeypatch):
    """Between the ledger and curator.toml: the next command writes what is missing, once."""
    with Project(folder) as project, monkeypatch.context() as patch:
        patch.setattr(
            change_module, "write_settings", lambda *_args: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            change_classes(project, rename("blue", "azure"))
    assert '"blue"' in (folder / "curator.toml").read_text()
    said = []
    with Project(folder, say=said.append) as project:
        measured = run_round(project).measured
    assert measured["round"] == 3
    assert any("was interrupted" in line for line in said)
    assert 'classes = ["azure", "green", "red"]' in (folder / "curator.toml").read_text()
    with Project(folder) as project:
        assert History.read(project.ledger).newest == 1
        assert set(labels(project).values()) == {"azure", "green", "red"}


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ('["blue", "green", "red", "dark grey"]', 'curator classes add "dark grey"'),
        ('["azure", "green", "red"]', "curator classes rename blue azure"),
        ('["green", "warm"]', "curator classes merge blue red --into warm"),
        ('["blue", "g1", "g2", "red"]', "curator classes split green g1 g2"),
        ('["red", "green", "blue"]', "Their order is fixed"),
        ('["blue", "green"]', "curator classes merge red ... --into CLASS"),
    ],
)
def test_classes_edited_by_hand_get_the_command_that_is_meant(folder, line, command):
    """The same answer from every command that would use them; nothing is changed."""
    edit_config(folder, 'classes = ["blue", "green", "red"]', f"classes = {line}")
    data = folder / "more.jsonl"
    data.write_text(json.dumps({"id": "x", "text": "t", "label": "red", "embedding": [1.0] * 16}) + "\n")
    for args in (["round"], ["add", str(data)], ["add", str(data), "--labeled"], ["classes"]):
        result = CliRunner().invoke(app, [*args, "--project", str(folder)])
        assert result.exit_code == 2, args
        assert command in result.stderr, args
        assert "put the line back" in " ".join(result.stderr.split())
    with Project(folder) as project:
        assert (project.pool.n_items, History.read(project.ledger).newest) == (90, 0)


def test_a_hand_edit_is_taken_over_by_the_command_it_meant(folder):
    """The list may be there already; the ledger follows."""
    edit_config(folder, 'classes = ["blue", "green", "red"]', 'classes = ["azure", "green", "red"]')
    assert "Classes now: azure, green, red" in curator(folder, "rename", "blue", "azure")
    with Project(folder) as project:
        assert History.read(project.ledger).classes == ("azure", "green", "red")


def test_before_anything_is_asked_the_list_is_free(tmp_path):
    """Edited by hand or by a command; the first round begins with what it finds."""
    folder = make_project(tmp_path / "p", n=40, batch=5, holdout="5")
    edit_config(folder, 'classes = ["blue", "green", "red"]', 'classes = ["blue", "green", "red", "grey"]')
    curator(folder, "rename", "grey", "gray")
    curator(folder, "add", "black")
    with Project(folder) as project:
        run_round(project)
        assert History.read(project.ledger).classes == ("blue", "green", "red", "gray", "black")


def test_the_command_line_says_the_price_and_asks(folder):
    """It goes on with --yes only."""
    said = curator(folder, "split", "green", "g1", "g2", code=2)
    assert "hold-out items to be asked about again: up to $" in said
    assert "Add --yes to go ahead" in said
    looked = curator(folder, "split", "green", "g1", "g2", "--dry-run")
    assert "dry run, nothing was changed" in looked
    assert "replay labeler skips these items" in looked
    done = json.loads(curator(folder, "add", "violet", "--keep-answers", "--json"))
    assert (done["done"], done["classes"][-1]) == (True, "violet")
    shown = curator(folder)
    assert "after round 2: 'violet' was added" in shown
    assert shown == curator(folder, "list")
    assert "'blu' is not a class" in curator(folder, "rename", "blu", "x", code=2)


class Annotator:
    """Imports files of questions into a Label Studio of its own, and exports it again."""

    def __init__(self, folder: Path) -> None:
        self.place = folder / "labeling"
        self._done: dict[str, str] = {}

    def choices(self) -> list[str]:
        config = (self.place / "label_config.xml").read_text()
        return [part.split('"')[1] for part in config.split("<Choice value=")[1:]]

    def answer(self, say) -> None:
        """`say(text)` for every question that has no answer yet."""
        exported = []
        for path in sorted((self.place / "questions").glob("*.json")):
            for task in json.loads(path.read_text()):
                key = task["data"]["key"]
                label = self._done.setdefault(key, say(task["data"]["text"]))
                number = list(self._done).index(key) + 1
                given = {
                    "id": number, "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
                    "completed_by": 1, "was_cancelled": False, "lead_time": 2.0,
                    "result": [{"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [label]}}],
                }  # fmt: skip
                exported.append({"id": number, "project": 1, "data": task["data"], "annotations": [given]})
        (self.place / "answers" / "export.json").write_text(json.dumps(exported))


def test_files_follow_and_the_choice_of_who_cannot_tell_may_change(tmp_path):
    """label_config.xml is rewritten, the former kept; answers of before mean what they meant, also "cannot tell"."""
    folder = make_project(tmp_path / "p", n=40, batch=6, holdout="6", labeler="files")
    annotator = Annotator(folder)
    with Project(folder) as project:
        run_round(project)
    first = (folder / "labeling" / "label_config.xml").read_text()
    unsure = []
    annotator.answer(lambda text: "can't tell" if not unsure and not unsure.append(text) else text.split()[3])
    with Project(folder) as project:
        run_round(project)
        before = labels(project)
    for old, new, shown in (("can't tell", "unsure", ["unsure"]), ("unsure", "", [])):
        edit_config(folder, f'cannot_tell = "{old}"', f'cannot_tell = "{new}"')
        with Project(folder) as project:
            read_status(project)  # only looks
            assert annotator.choices()[3:] == ([old] if old else [])
            assert run_round(project).waiting
            assert annotator.choices() == ["blue", "green", "red", *shown]
            assert labels(project) == before
            assert project.ledger.scalar("select count(*) from live_answers where cannot_tell") == 1
    with Project(folder) as project:
        change_classes(project, rename("blue", "azure"))
        assert annotator.choices() == ["azure", "green", "red"]
        assert (folder / "labeling" / "label_config.before.xml").read_text() != first
        with pytest.raises(ConfigError, match="stood for annotators who cannot tell"):
            change_classes(project, partial(wanted.add, names=["unsure"], keep=True))
    annotator.answer(lambda text: text.split()[3])  # on questions imported before: with the old name
    with Project(folder) as project:
        assert run_round(project).measured["round"] == 2
        assert set(labels(project).values()) <= {"azure", "green", "red"}
        assert len(labels(project)) == len(before) + 6
    edit_config(folder, 'cannot_tell = ""', 'cannot_tell = "blue"')
    with Project(folder) as project, pytest.raises(ConfigError, match="was a class until it was changed"):
        run_round(project)


def test_the_report_and_the_plan_tell_a_change(folder, tmp_path):
    """A page of a campaign whose classes changed is whole, before and after the next round."""
    page = tmp_path / "report.html"
    with Project(folder) as project:
        change_classes(project, partial(wanted.split, name="green", parts=["lime", "olive"]))
    for rounds in (0, 2):
        with Project(folder) as project:
            for _ in range(rounds):
                run_round(project)
        result = CliRunner().invoke(app, ["report", "--out", str(page), "--project", str(folder)])
        assert result.exit_code == 0, f"{result.stderr}\n{result.exception!r}"
        assert page.stat().st_size > 100_000
    text = page.read_text()
    assert "classes changed" in text
    assert "was split into" in text
    result = CliRunner().invoke(app, ["plan", "--target", "0.95", "--project", str(folder)])
    assert "since the classes changed in round 3" in result.stderr


def test_while_the_labeler_is_away(folder, monkeypatch):
    """Names follow all the same, and it is told later; what makes answers count no more waits for it."""

    def away(*_args):
        raise LabelerError("nobody answers there.")

    with Project(folder) as project:
        monkeypatch.setattr(type(project.labeler), "prepare", away)
        report = change_classes(project, rename("blue", "azure"))
        assert report.done
        assert sum("nobody answers there" in note for note in report.notes) == 2
        with pytest.raises(LabelerError):
            change_classes(project, partial(wanted.split, name="green", parts=["g1", "g2"]))
        assert project.config.project.classes == ("azure", "green", "red")
        monkeypatch.undo()
        assert run_round(project).measured["round"] == 3
