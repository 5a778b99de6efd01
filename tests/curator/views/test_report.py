"""The report says what the ledger says, in every state of a campaign, on one page that holds everything."""

import base64
import hashlib
import json
import re
import shutil
from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
import pytest
from support.projects import make_project, write_pool
from support.reports import (
    BREAKOUT,
    EVIL_CLASS,
    SCRIPT,
    accuracy_by_hand,
    campaign,
    quick_model,
    section,
    told,
)
from typer.testing import CliRunner

from curator.amounts import MICRO, unit_name
from curator.cli.app import app
from curator.ledger import queries
from curator.project.project import Project
from curator.rounds.run import run_round
from curator.tasks.registry import metric_title
from curator.tasks.single import SingleChoice
from curator.views.report import figures as plots
from curator.views.report import page, words
from curator.views.report.gather import gather
from curator.views.report.holdout import Holdout, load_holdout, with_interval
from curator.views.report.projection import project_2d
from curator.views.report.sections import confusion
from curator.views.report.sections.picks import MOST as MOST_PICKS
from curator.views.report.sections.picks import Picks
from curator.views.report.sections.pool_map import MOST_ERRORS, MOST_ITEMS
from curator.views.report.sections.slices import accuracy_by_slice
from curator.views.report.slope import Step, smoothed
from curator.views.report.write import write_report


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Five measured rounds of a campaign whose texts, classes and columns try to break out of the page."""
    return campaign(tmp_path_factory.mktemp("report") / "hostile", 6)


@pytest.fixture(scope="module")
def written(hostile):
    """Its report, as written."""
    with Project(hostile) as project:
        return write_report(project)


def run(*args, code=0):
    done = CliRunner().invoke(app, [str(arg) for arg in args])
    assert done.exit_code == code, done.output
    return done


def embedded(html, name):
    """The JSON in a page's data block, as a browser would find it: up to the first end tag."""
    start = html.index(f'id="{name}">') + len(f'id="{name}">')
    return json.loads(html[start : html.index("</script", start)])


def test_the_numbers_are_those_of_the_ledger(hostile, written):
    """Gains, intervals, costs and metrics in the JSON equal what the ledger holds, number by number."""
    data = json.loads(written.data.read_text("utf-8"))
    with Project(hostile) as project:
        ledger = project.ledger
        gains = queries.measures.gain_table(ledger)
        assert len(gains) == 5
        for said, row in zip(data["rounds"], gains, strict=True):
            assert {name: said[name] for name in row} == row
            for split in ("train", "validation", "holdout"):
                found = ledger.scalar(
                    "select value from evaluations where round = ? and split = ? and metric = 'accuracy' and class = ''",
                    [row["round"], split],
                )
                assert said[split] == found
        assert data["last"] == data["rounds"][-1]
        assert data["spend"]["total"] == ledger.scalar("select sum(amount) from costs")
        assert {k["kind"]: k["amount"] for k in data["spend"]["kinds"]} == queries.costs.spend(ledger)
        assert data["project"]["labels"] == len(queries.labels.training_labels(ledger))
        recall = {
            row["class"]: row["value"]
            for row in ledger.rows(
                "select class, value from evaluations where round = 5 and split = 'holdout' and metric = 'recall'"
            )
        }
        assert {row["class"]: row["recall"] for row in data["classes"] if row["items"]} == {
            name: recall[name] for name in recall
        }
        ece = ledger.scalar(
            "select value from evaluations where round = 5 and split = 'holdout' and metric = 'ece' and class = ''"
        )
        assert data["calibration"]["ece"] == ece
        assert data["last"]["value"] == pytest.approx(accuracy_by_hand(project, 5))


def test_parts_add_up(hostile, written):
    """Slices, bins and the confusion matrix are the same hold-out, cut in different ways."""
    data = json.loads(written.data.read_text("utf-8"))
    value, n = data["last"]["value"], data["last"]["holdout_items"]
    for column in {row["column"] for row in data["slices"]}:
        parts = [row for row in data["slices"] if row["column"] == column]
        assert sum(row["items"] for row in parts) == n
        assert sum(row["items"] * row["value"] for row in parts) / n == pytest.approx(value)
    bins = data["calibration"]["bins"]
    assert sum(one["items"] for one in bins) == pytest.approx(n)
    assert sum(one["items"] * one["accuracy"] for one in bins) / n == pytest.approx(value)
    counts = np.array(data["confusion"]["counts"])
    assert counts.sum() == n
    wrong = counts.sum() - np.trace(counts)
    assert sum(pair["items"] for pair in data["confusion"]["top"]) == wrong == len(data["errors"])
    assert [row["column"] for row in data["slices"]].count("source") == 3
    assert [row["column"] for row in data["slices"]].count("age") == 4
    assert data["slices_left_out"] == ["session: 80 different values among 80 items"]


def test_each_pick_has_its_reason(hostile, written):
    """The last batch is told as the ledger has it: rank, reason and scores."""
    data = json.loads(written.data.read_text("utf-8"))
    with Project(hostile) as project:
        rows = project.ledger.rows(
            "select p.rank, p.item_id, p.entropy, q.why from picks p join questions q "
            "on q.round = p.round and q.item_id = p.item_id where p.round = 6 order by p.rank"
        )
    assert data["batch"]["items"] == len(rows) == 12
    for said, row in zip(data["batch"]["picks"], rows, strict=True):
        assert {name: said[name] for name in row} == row
        assert row["why"]


def test_other_peoples_text_stays_text(written):
    """Scripts in items, classes and columns are escaped wherever they stand, in the data of the plots too."""
    html = written.page.read_text("utf-8")
    assert SCRIPT not in html
    assert BREAKOUT not in html
    assert "<img src=x" not in html
    assert EVIL_CLASS not in html
    assert "&lt;script&gt;window.hacked = true&lt;/script&gt;" in html
    assert "{{ 7 * 7 }}" in html.replace("&#34;", '"')
    points = embedded(html, "points")
    assert any(point["text"].startswith(SCRIPT) for point in points)
    figures = embedded(html, "figures")
    # Plotly reads tags in texts: they come to it escaped.
    assert EVIL_CLASS not in json.dumps(figures, ensure_ascii=False)
    assert plots.quoted(EVIL_CLASS)[:10] in json.dumps(figures["confusion"]["data"], ensure_ascii=False)


def test_the_page_asks_nobody_for_anything(written):
    """One file under 6 MB: no address to load from, scripts allowed by their digest alone, no connections."""
    html = written.page.read_text("utf-8")
    assert len(html.encode()) < page.MOST_BYTES
    head = html[: html.index("<script")]
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:)""", html.replace(page._plotly(), ""))
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', head)[1].replace(
        "&#39;", "'"
    )
    assert "default-src 'none'" in policy
    assert "connect-src 'none'" in policy
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(scripts) == 2
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    assert "'unsafe-eval'" not in policy


def test_tables_can_be_read_by_a_screen_reader(written):
    """Every table has a caption, every header cell its scope, every plot a text in its place."""
    html = written.page.read_text("utf-8")
    tables = re.findall(r"<table>.*?</table>", html, re.DOTALL)
    assert len(tables) >= 8
    for table in tables:
        assert re.search(r"<caption><span>[^<]+</span></caption>", table)
        assert re.findall(r"<th(?![^>]*scope=)[ >]", table) == []
    places = re.findall(r'<div class="plot[^>]*>', html)
    assert len(places) == 6
    assert all(re.search(r'role="img" aria-label="[^"]{20,}"', place) for place in places)


def test_plotly_takes_every_figure(hostile):
    """Each figure passes plotly's own checks, key by key, and draws with SVG only."""
    with Project(hostile) as project:
        report = gather(project)
    figures = {name: figure for part in report.sections for name, figure in part.figures(report.head).items()}
    assert set(figures) == {
        "curve-dollars",
        "curve-labels",
        "gap",
        "per-dollar",
        "reliability",
        "confusion",
        "map",
    }
    for figure in figures.values():
        checked = go.Figure(figure)
        assert len(checked.data) == len(figure["data"]) > 0
        assert {trace.type for trace in checked.data} <= {"scatter", "heatmap"}


def test_states_of_a_campaign(tmp_path):
    """Before any round, while the first waits, after one and after two measured: always a page, and it says what is missing."""
    folder = make_project(tmp_path / "p", n=120, holdout="30", strategy="margin")
    quick_model(folder)
    said = []
    for _ in range(4):
        with Project(folder) as project:
            report = write_report(project)
            html = report.page.read_text("utf-8")
            shown = set(embedded(html, "figures"))
            said.append(
                (report.page.name, told(report.report).last is None, shown >= {"gap"}, "per-dollar" in shown)
            )
            assert "Not measured" in html
            if told(report.report).last is None:
                assert "Nothing has been measured yet." in html
                assert any(
                    "measured" in reason or "opened" in reason for reason in report.report.head.missing
                )
            run_round(project)
    assert said == [
        ("round-000.html", True, False, False),
        ("round-000.html", True, False, False),
        ("round-001.html", False, True, False),
        ("round-002.html", False, True, True),
    ]


def test_a_campaign_by_macro_f1_that_costs_nothing(tmp_path):
    """Nothing is called "right", the metric has one name, and the curve stands over labels, for nobody spent anything."""
    folder = campaign(
        tmp_path / "p", 2, price="0", metric="macro_f1", data=write_pool(tmp_path / "plain.jsonl", 240)
    )
    with Project(folder) as project:
        first = page.render(gather(project))
        run_round(project)
        second = page.render(gather(project))
    body = second.split("<script")[0]
    assert "The first model has a macro-F1 of" in first
    assert "The first model is right" not in first
    assert "Macro-F1 on 80 sealed" in body
    assert "acro-f1" not in body
    assert "The last round, which cost nothing, " in body
    assert 'data-figure="curve-labels"' in body
    assert 'data-figure="curve-dollars"' not in body
    titles = {
        figure["layout"]["yaxis"]["title"]["text"]
        for name, figure in embedded(second, "figures").items()
        if name in ("curve-labels", "gap")
    }
    assert titles == {"macro-F1"}


def test_a_lost_holdout_file_costs_only_what_it_held(hostile, tmp_path):
    """Without the probabilities per item the money is still there, and the page says which file is gone."""
    folder = shutil.copytree(hostile, tmp_path / "copy")
    lost = folder / ".curator" / "models" / "round-005" / "holdout.safetensors"
    lost.unlink()
    with Project(folder) as project:
        report = write_report(project).report
    assert told(report).last["round"] == 5
    assert told(report).calibration is told(report).confusion is None
    assert [row["recall"] for row in told(report).classes] != []
    assert any(str(lost) in reason for reason in report.head.missing)


def test_an_encoder_that_is_not_here_costs_only_the_map(hostile, tmp_path):
    """A report can be written where the embeddings cannot be made."""
    folder = shutil.copytree(hostile, tmp_path / "copy")
    shutil.rmtree(folder / ".curator" / "embeddings")
    with Project(folder) as project:
        report = write_report(project).report
    assert told(report).map is None
    assert any(reason.startswith("No map of the pool") for reason in report.head.missing)
    assert told(report).confusion is not None


def test_image_projects_show_thumbnails(tmp_path):
    """Pictures lie in the page itself, small; those of the errors first, and a broken file is left out."""
    from PIL import Image

    rng = np.random.default_rng(3)
    for i in range(60):
        path = tmp_path / "images" / ("dark", "light")[i % 2] / f"{i:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((rng.random((40, 30, 3)) * 90 + 120 * (i % 2)).astype(np.uint8)).save(path)
    folder = make_project(tmp_path / "p", data=tmp_path / "images", holdout="16", strategy="margin", batch=6)
    quick_model(folder)
    with Project(folder) as project:
        for _ in range(2):
            run_round(project)
        (tmp_path / "images" / "dark" / "00.png").write_bytes(b"no image")
        written = write_report(project)
    html = written.page.read_text("utf-8")
    points = embedded(html, "points")
    assert (
        sum(point.get("image", "").startswith("data:image/jpeg;base64,") for point in points)
        >= len(points) - 1
    )
    assert len(html.encode()) < page.MOST_BYTES
    assert 'class="thumb" src="data:image/jpeg' in html
    assert json.loads(written.data.read_text("utf-8"))["map"]["points"][0]["content"].endswith(".png")


def test_many_classes_and_many_rounds_stay_readable():
    """77 classes: every class has its row, the matrix no tick for each; 200 classes: those with most mistakes."""
    rng = np.random.default_rng(1)
    for k, shown in ((77, 77), (200, confusion.MOST_CLASSES)):
        y = rng.integers(0, k, 2000)
        guess = np.where(rng.random(2000) < 0.8, y, rng.integers(0, k, 2000))
        probs = np.full((1, 2000, k), 0.2 / (k - 1))
        probs[0, np.arange(2000), guess] = 0.8
        task = SingleChoice([f"class {i}" for i in range(k)])
        holdout = Holdout(np.arange(2000), [str(i) for i in range(2000)], task, y, probs)
        found = confusion.confusion_matrix(holdout, task.classes)
        assert len(found["classes"]) == shown
        assert found["left_out"] == k - shown
        assert len(found["top"]) == confusion.MOST_CONFUSIONS
        figure = confusion.heatmap(found)
        assert figure["layout"]["xaxis"]["ticktext"] == []
        assert np.array(figure["data"][0]["z"]).shape == (shown, shown)


def test_the_page_stays_small_whatever_is_written_on_it(hostile):
    """A hundred classes with the longest names, a full map, full tables, all in four-byte characters: under 6 MB."""
    wide = "\U0001f600"
    with Project(hostile) as project:
        report = gather(project)
    names = [f"{i} {wide * 196}" for i in range(200)]
    points = [
        {"x": 0.1234, "y": -0.1234, "state": "pool", "id": wide * 60, "note": names[0], "content": wide * 100}
        for _ in range(MOST_ITEMS)
    ]
    batch = section(report, Picks).batch
    pick = batch.picks[0] | {"content": wide * 280, "why": wide * 400, "label": names[0]}
    error = told(report).errors[0] | {"content": wide * 280, "true": names[0], "predicted": names[1]}
    full = {
        "classes": [told(report).classes[0] | {"class": name} for name in names],
        "confusion": {
            "classes": names[: confusion.MOST_CLASSES],
            "left_out": 100,
            "counts": np.full((confusion.MOST_CLASSES, confusion.MOST_CLASSES), 7).tolist(),
            "top": [{"true": names[0], "predicted": names[1], "items": 7, "of": 700}]
            * confusion.MOST_CONFUSIONS,
        },
        "map": {"items": MOST_ITEMS, "of": 10**6, "points": points},
        "errors": [error] * MOST_ERRORS,
        "batch": replace(batch, picks=[pick] * MOST_PICKS),
    }
    sections = tuple(
        replace(part, **{one.name: full[one.name] for one in fields(part) if one.name in full})
        for part in report.sections
    )
    assert len(page.render(replace(report, sections=sections)).encode()) < page.MOST_BYTES


def test_agreement_of_annotators_by_hand(hostile, tmp_path):
    """Three people answer one item, two for a class: each agrees with one of the two others, the third with none."""
    folder = shutil.copytree(hostile, tmp_path / "copy")
    with Project(folder) as project:
        ledger = project.ledger
        key, item = next(
            iter(ledger.rows("select key, item_id from questions where role = 'train' and round = 1"))
        ).values()
        first = ledger.one("select * from live_answers where key = ?", [key])
        other = next(c for c in project.config.project.classes if c != first["label"])
        with ledger.write():
            for name, label, seconds in (("ann", first["label"], 4.0), ("bob", other, 9.0)):
                extra = first | {
                    "source_id": f"x-{name}",
                    "annotator": name,
                    "label": label,
                    "seconds": seconds,
                }
                ledger.insert("answers", [extra])
            version = ledger.scalar("select max(version) from labels where item_id = ?", [item])
            label = ledger.one("select * from labels where item_id = ? and version = ?", [item, version])
            ledger.insert("labels", [label | {"version": version + 1, "answers": 3, "agreement": 2 / 3}])
        people = {row["annotator"]: row for row in told(gather(project)).annotators}
    assert (people["ann"]["agreement"], people["ann"]["shared"], people["ann"]["median_seconds"]) == (
        0.5,
        1,
        4.0,
    )
    assert (people["bob"]["agreement"], people["bob"]["shared"], people["bob"]["answers"]) == (0.0, 1, 1)


def test_the_command_writes_where_it_is_told(hostile, tmp_path):
    """--out names the page, the JSON lies beside it, --json prints the same numbers; another suffix is refused."""
    out = tmp_path / "new" / "page.html"
    shown = json.loads(run("report", "--project", hostile, "--out", out, "--json").stdout)
    assert shown["page"] == str(out)
    assert out.read_text("utf-8").startswith("<!DOCTYPE html>")
    beside = json.loads(out.with_suffix(".json").read_text("utf-8"))
    assert {name: shown[name] for name in beside if name != "written_at"} == {
        name: value for name, value in beside.items() if name != "written_at"
    }
    assert (
        "is an .html file" in run("report", "--project", hostile, "--out", tmp_path / "x.pdf", code=2).stderr
    )
    assert str(tmp_path) not in run("report", "--project", hostile).stdout.replace(str(hostile), "")


def test_reports_differ_in_nothing_but_the_time(hostile):
    """The same campaign gives the same report: the map, the smoothing and the samples are not drawn anew."""
    with Project(hostile) as project:
        first, second = (gather(project).as_json() for _ in range(2))
    first.pop("written_at"), second.pop("written_at")
    assert first == second


def test_intervals_of_shares_by_hand():
    """8 of 10 right: 49.0% to 94.3% (Wilson); all of 20 right is not certainty; of no items nothing is known."""
    some, everything, nothing = (with_interval(*pair) for pair in ((0.8, 10), (1.0, 20), (0.0, 0)))
    assert (round(some["low"], 3), round(some["high"], 3), some["wide"]) == (0.490, 0.943, True)
    assert (round(everything["low"], 3), everything["high"]) == (0.839, pytest.approx(1.0))
    assert (nothing["low"], nothing["high"]) == (0.0, 1.0)


@pytest.mark.parametrize(("items", "told"), [(1, None), (4, None), (5, 1.0)])
def test_a_share_of_a_few_items_is_not_told(items, told):
    """All of one item is no 100%."""
    assert with_interval(1.0, items)["value"] == told


def test_slopes_of_a_power_law_are_found():
    """Gains of value = 0.95 - S**-0.5 without noise: the slope 0.5 S**-1.5 at each spend, within a tenth."""
    spends = [10.0 * 1.5**i for i in range(9)]
    steps = [
        Step(a, b, a**-0.5 - b**-0.5, *(a**-0.5 - b**-0.5 + d for d in (-2e-4, 2e-4)), 1e-5)
        for a, b in pairwise(spends)
    ]
    found = smoothed(steps, spends[1:])
    for one in found:
        assert one.value == pytest.approx(0.5 * one.spend**-1.5, rel=0.1)
        assert one.low < one.value < one.high
    assert smoothed(steps[:2], spends[1:]) is None


def test_a_round_without_change_does_not_decide_the_slope():
    """One interval without width, as when two models agree on all items, leaves the slope near the other gains."""
    steps = [Step(10.0 * i, 10.0 * (i + 1), 0.02, 0.0, 0.04, 0.003) for i in range(1, 6)]
    steps[2] = Step(30.0, 40.0, 0.0, 0.0, 0.0, 0.003)
    (one,) = smoothed(steps, [60.0])
    assert one.value > 0.0
    assert one.high > 0.0005


def test_near_in_the_embedding_is_near_on_the_map():
    """Two groups far apart stay two groups, alike twice, on any number of threads; a map of one dimension is a line."""
    rng = np.random.default_rng(0)
    groups = np.concatenate([rng.normal(size=(40, 20)), rng.normal(size=(40, 20)) + 12]).astype(np.float32)
    places = project_2d(groups)
    assert places.shape == (80, 2)
    assert np.abs(places).max() == pytest.approx(1.0)
    centres = places[:40].mean(axis=0), places[40:].mean(axis=0)
    apart = np.linalg.norm(centres[0] - centres[1])
    assert apart > 2 * max(
        np.linalg.norm(part - c, axis=1).mean()
        for part, c in zip((places[:40], places[40:]), centres, strict=True)
    )
    np.testing.assert_array_equal(places, project_2d(groups))
    assert np.ptp(project_2d(np.arange(20, dtype=np.float32)[:, None])[:, 1]) == 0


def test_slices_of_numbers_and_gaps(hostile):
    """A column with missing numbers has a slice for them; quarters hold everything once."""
    from curator.pool.catalogue import Item

    items = [
        Item(str(i), None, "x.png", None, {"age": str(i)} if i % 5 else {"other": "a"}) for i in range(100)
    ]
    rows, left_out = accuracy_by_slice(items, np.ones(100))
    ages = [row for row in rows if row["column"] == "age"]
    assert left_out == []
    assert [row["items"] for row in ages] == [20, 20, 20, 20, 20]
    assert ages[-1]["slice"] == "(empty)"
    assert ages[0]["slice"] == "1 to 24"


def test_words_of_money_and_points():
    """Cents above one unit, three digits that count below; a minus is a minus; long text is cut on one line."""
    assert words.amount(1_234_567_891, "USD") == "$1,234.57"
    assert words.amount(12_345, "USD") == "$0.0123"
    assert words.amount(669_513, "USD") == "$0.67"
    assert words.amount(25, "USD") == "$0.000025"
    assert words.amount(-999_999, "USD") == "-$1.00"
    assert (metric_title("macro_f1"), words.capital("macro-F1")) == ("macro-F1", "Macro-F1")
    assert words.points(-0.0123) == "\u22121.2"
    assert words.points(-0.0001) == "+0.0"
    assert words.cut("a\nb\x00c\u2028d", 20) == "a b c d"
    assert words.cut("x" * 100, 10) == "x" * 9 + "…"
    assert unit_name("CHF", 10) == "10 CHF"
    assert plots.unit_for([{"cost": 40 * MICRO}, {"cost": 90 * MICRO}, {"cost": 0}]) == 10


def test_a_model_of_other_classes_is_said(hostile, tmp_path):
    """Probabilities of three classes and a curator.toml of four: no table is made of them."""
    folder = shutil.copytree(hostile, tmp_path / "copy")
    path = folder / "curator.toml"
    path.write_text(
        path.read_text("utf-8").replace('classes = ["blue"', 'classes = ["violet", "blue"'), encoding="utf-8"
    )
    with Project(folder) as project:
        report = gather(project)
    assert told(report).confusion is None
    assert any("does not fit the 4 classes" in reason for reason in report.head.missing)


def test_holdout_counts_seeds_and_means(hostile):
    """`right` averages to the ledger's accuracy; `predicted` is the class of the mean probabilities."""
    with Project(hostile) as project:
        found = load_holdout(project, 5)
        assert found.right.mean() == pytest.approx(
            project.ledger.scalar("select value from gains where round = 5")
        )
    np.testing.assert_array_equal(found.predicted, found.probs.mean(axis=0).argmax(axis=1))


def test_a_campaign_of_fifty_rounds_fits(hostile, tmp_path):
    """Fifty measured rounds: a row and a dot for each, and the page stays small."""
    folder = shutil.copytree(hostile, tmp_path / "copy")
    with Project(folder) as project:
        ledger = project.ledger
        with ledger.write():
            for name in ("rounds", "gains"):
                row = ledger.one(f"select * from {name} where {'id' if name == 'rounds' else 'round'} = 5")
                key = "id" if name == "rounds" else "round"
                extra = {"previous": None} if name == "gains" else {}
                ledger.insert(
                    name,
                    [
                        row | {key: r} | ({"previous": r - 1 if r > 7 else 5} if extra else {})
                        for r in range(7, 52)
                    ],
                )
            cost = ledger.one("select * from costs where round = 5 and kind = 'label'")
            ledger.insert("costs", [cost | {"round": r, "source_id": f"fake-{r}"} for r in range(7, 52)])
        shutil.copytree(project.model_folder(5), project.model_folder(51))
        written = write_report(project)
    figures = embedded(written.page.read_text("utf-8"), "figures")
    assert len(figures["curve-dollars"]["data"][0]["x"]) == 50
    assert written.page.stat().st_size < page.MOST_BYTES
    assert written.page.name == "round-051.html"


def test_texts_of_a_pool_without_columns(tmp_path):
    """A pool with texts alone is sliced by their length."""
    folder = campaign(tmp_path / "plain", 2, data=write_pool(tmp_path / "plain.jsonl", 120), holdout="40")
    with Project(folder) as project:
        found = gather(project)
    assert {row["column"] for row in told(found).slices} == {"length, characters"}
