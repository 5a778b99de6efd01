"""curator.toml: what is written can be read again, and what cannot be is said all at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.config import load_config, parse_config
from curator.errors import ConfigError
from curator.start.config_text import render_config

MINIMAL = {
    "project": {"name": "reviews", "kind": "text", "classes": ["neg", "pos"]},
    "data": {"source": "reviews.csv", "text": "body"},
    "encoder": {"name": "tfidf"},
    "holdout": {"size": 300},
    "cost": {"price_per_label": "0.08"},
}

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).map(str.strip).filter(bool)


def changed(section, **values):
    """The minimal configuration with some values of a section changed; None removes one."""
    new = {key: dict(value) for key, value in MINIMAL.items()}
    merged = new.get(section, {}) | values
    new[section] = {key: value for key, value in merged.items() if value is not None}
    return new


def test_defaults_are_the_documented_ones():
    """A minimal file gives auto after a maxherding seed batch, three seeds, 0.97, accuracy, Label Studio."""
    config = parse_config(MINIMAL, "here")
    assert config.acquisition.strategy == "auto"
    assert config.acquisition.seed_strategy == "maxherding"
    assert config.acquisition.duplicate_cosine == 0.97
    assert (config.model.name, config.model.seeds) == ("head", 3)
    assert config.holdout.metric == "accuracy"
    assert config.labeler.name == "label-studio"
    assert config.cost.micro_per_label == 80_000


@given(
    name=names,
    classes=st.lists(names, min_size=2, max_size=5, unique=True),
    source=names.filter(lambda name: "\0" not in name),
    column=names,
    share=st.floats(0.01, 0.99),
    labeler=st.sampled_from(["label-studio", "files", "replay"]),
    params=st.dictionaries(names, st.one_of(st.booleans(), st.integers(0, 9), names), max_size=3),
)
def test_what_is_written_can_be_read_again(
    tmp_path_factory, name, classes, source, column, share, labeler, params
):
    """Any configuration survives the commented file that a person edits, whatever characters it holds."""
    values = changed("project", name=name, classes=classes) | {
        "data": {"source": source, "text": column, "label": column},
        "labeler": {"name": labeler, "url": "http://localhost:8080", "project": 3, "folder": "labeling"},
        "model": {"name": "head", "params": params},
        "acquisition": {"strategy": {"entropy": share, "margin": 1.0 - share}},
    }
    config = parse_config(values, "here")
    folder = tmp_path_factory.mktemp("config")
    (folder / "curator.toml").write_text(render_config(config), encoding="utf-8")
    again = load_config(folder)
    expected = config.model_dump()
    # What a labeler does not use is not written.
    for unused in {"url", "project", "folder"} - {
        "label-studio": {"url", "project"},
        "files": {"folder"},
        "replay": set(),
    }[labeler]:
        expected["labeler"][unused] = None
    assert again.model_dump() == expected


amounts = st.decimals(0, 10**6, places=6).map(str)


@given(
    people=st.dictionaries(
        names, st.sampled_from([{"hourly_rate": "30.00"}, {"price_per_label": "0.05"}]), max_size=3
    ),
    classes=st.lists(names, min_size=2, max_size=4, unique=True),
    amount=amounts,
    number=st.floats(1e-6, 1e6),
    share=st.floats(0.0, 1.0),
    whole=st.integers(1, 10**15),
    day=st.dates(),
)
def test_every_setting_of_money_can_be_read_again(
    tmp_path_factory, people, classes, amount, number, share, whole, day
):
    """Rates, fixed sums, budget, what mistakes cost, when to stop: none at its default, each with any value."""
    values = MINIMAL | {
        "project": {**MINIMAL["project"], "classes": classes},
        "acquisition": {"random_share": share, "cost_aware": True},
        "holdout": {"size": 300, "metric": "macro_f1", "mistakes": {classes[0]: {classes[-1]: number}}},
        "labeler": {"name": "replay", "seconds": number, "seconds_per_word": number},
        "cost": {
            "currency": "EUR", "hourly_rate": amount, "paid_to_active": 1.0 + share, "annotators": people,
            "review_share": 0.5, "review_price": amount, "per_round": amount, "per_campaign": amount,
            "compute_per_hour": amount, "budget": amount,
        },
        "stop": {
            "value_per_error": amount, "predictions": whole, "target": 0.5, "deadline": day, "least_per_class": 7,
            "floor": number,
        },
    }  # fmt: skip
    config = parse_config(values, "here")
    for section in (config.cost, config.stop):
        left_out = {name for name, value in section.model_dump().items() if value is None}
        assert left_out <= {"price_per_label"}, "a new setting belongs into this test"
    folder = tmp_path_factory.mktemp("config")
    (folder / "curator.toml").write_text(render_config(config), encoding="utf-8")
    assert load_config(folder).model_dump() == config.model_dump()


def test_a_model_can_be_named_in_one_line():
    """`model = "sklearn:..."` is short for a [model] section with that name."""
    assert parse_config(MINIMAL | {"model": "sklearn:svm.SVC"}, "here").model.name == "sklearn:svm.SVC"


def test_hold_out_file_and_hourly_rate_are_written_too():
    """The other branch of each choice is in the file."""
    values = changed("holdout", size=None, file="gold.csv") | {
        "cost": {"hourly_rate": "25.50", "currency": "EUR"}
    }
    text = render_config(parse_config(values, "here"))
    assert 'file = "gold.csv"' in text
    assert 'hourly_rate = "25.50"' in text
    assert parse_config(values, "here").cost.micro_per_hour == 25_500_000


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (changed("project", classes=["one"]), "project.classes: needs at least two classes"),
        (changed("project", classes=["a", "b", "a"]), "names a class twice: a"),
        (changed("project", kind="video"), "project.kind"),
        (changed("project", colour="red"), "project.colour"),
        (changed("holdout", size=None), "exactly one of `size`"),
        (changed("holdout", file="x.csv"), "exactly one of `size`"),
        (changed("holdout", metric="luck"), "holdout.metric"),
        (
            changed("holdout", mistakes={"neg": {"neg": 2.0}}),
            "mistakes puts a price on right answers: neg taken for itself",
        ),
        (changed("cost", price_per_label=None), "exactly one of `price_per_label`"),
        (changed("cost", price_per_label="cheap"), "'cheap' is not an amount"),
        (changed("cost", price_per_label="0.0000001"), "at most six decimal places"),
        (changed("cost", currency="dollars"), "cost.currency: a currency is three capital letters, like USD"),
        (changed("acquisition", strategy={}), "A mixture needs at least one strategy"),
        (changed("acquisition", strategy={"margin": -1}), "must be above 0"),
        (changed("acquisition", strategy={"margin": 0.3, "entropy": 0.3}), "margin, entropy add up to 0.6"),
        (changed("acquisition", bach=20), "acquisition.bach: there is no such setting; did you mean batch?"),
        (changed("acquisition", xyz=20), "the settings are batch, strategy"),
        (changed("acquisition", batch=0), "acquisition.batch"),
        (changed("acquisition", duplicate_cosine=1.5), "acquisition.duplicate_cosine"),
    ],
)
def test_what_cannot_be_is_named(values, message):
    """The message names the file, the setting, and what it should be."""
    with pytest.raises(ConfigError, match=r"curator\.toml cannot be used") as caught:
        parse_config(values, "curator.toml")
    assert message in str(caught.value)
    assert caught.value.exit_code == 2


def test_all_problems_are_reported_at_once():
    """Nobody should have to run it five times."""
    values = changed("project", kind="video") | {"acquisition": {"batch": 0, "strategy": {}}}
    with pytest.raises(ConfigError) as caught:
        parse_config(values, "curator.toml")
    assert all(
        key in str(caught.value) for key in ("project.kind", "acquisition.batch", "acquisition.strategy")
    )


def test_no_project_and_broken_toml(tmp_path):
    """Both say what to do, or where it broke."""
    with pytest.raises(ConfigError, match="curator init"):
        load_config(tmp_path)
    (tmp_path / "curator.toml").write_text("name = [", encoding="utf-8")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_config(tmp_path)


def test_a_slip_in_an_annotators_rate_names_the_setting_that_is_meant():
    """As in any other section, though the annotator's name stands in between."""
    rates = {"price_per_label": "0.08", "annotators": {"anna": {"hourly_rat": "30"}}}
    with pytest.raises(
        ConfigError,
        match=r"cost\.annotators\.anna\.hourly_rat: there is no such setting; did you mean hourly_rate",
    ):
        parse_config(MINIMAL | {"cost": rates}, "here")
