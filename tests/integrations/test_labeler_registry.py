"""The registry of labelers: ours, those of other packages, and what is said when one of these is broken."""

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from integrations import plugins
from integrations.errors import LabelerError
from integrations.labelers import registry
from integrations.labelers.registry import LABELERS, PLUGINS, Setup, find_labeler, traits_of
from integrations.labelers.traits import Traits


class LanguageModel:
    """A labeler of another package: it keeps what it is made with."""

    traits = Traits(answers_itself=True, shows_suggestions=False)

    def __init__(self, options, folder):
        self.model = options["model"]
        self.folder = folder


@pytest.fixture
def install(monkeypatch):
    """Registers entry points as if packages had brought them."""

    def install(**points):
        found = [EntryPoint(name, value, PLUGINS.group) for name, value in points.items()]
        monkeypatch.setattr(plugins, "entry_points", lambda group: found if group == PLUGINS.group else [])

    return install


def setup(folder, **options):
    return Setup(
        folder=folder,
        exchange=folder / "labeling",
        server=lambda: pytest.fail("no server is needed"),
        known_labels=dict,
        seconds=5.0,
        more_seconds=None,
        options=options,
    )


@pytest.mark.parametrize("name", ["files", "replay"])
def test_a_labeler_of_ours_is_made_by_its_name(tmp_path, name):
    """And says of itself what the registry says of it."""
    made = find_labeler(name).make(setup(tmp_path))
    assert made.name == name
    assert made.traits is traits_of(name)


def test_the_server_is_asked_for_by_the_labeler_that_needs_one(tmp_path):
    """Address and token are looked up when that labeler is made, and not before."""
    with pytest.raises(pytest.fail.Exception, match="no server is needed"):
        find_labeler("label-studio").make(setup(tmp_path))


def test_an_unknown_name_lists_the_known_ones(install):
    """Ours first, then those that are installed."""
    install(theirs="no.such.module:Labeler")
    with pytest.raises(LabelerError, match="no labeler 'x'; known are: label-studio, files, replay, theirs"):
        find_labeler("x")


def test_a_labeler_of_another_package_gets_its_options_and_the_folder(install, tmp_path):
    """Nothing of Label Studio's settings; what it can do is asked of its class."""
    install(llm=f"{__name__}:LanguageModel")
    made = find_labeler("llm").make(setup(tmp_path, model="small"))
    assert (made.model, made.folder) == ("small", tmp_path)
    assert traits_of("llm") is LanguageModel.traits


@pytest.mark.parametrize(
    ("value", "say"),
    [
        ("no.such.module:Labeler", "an unknown package cannot be loaded .*ModuleNotFoundError.*reinstall"),
        ("integrations.labelers.replay:REFERENCE", "is not a class but a str"),
        ("integrations.labelers.replay:GONE", "cannot be loaded .*AttributeError"),
    ],
)
def test_a_broken_labeler_is_named_with_its_package(install, value, say):
    """Whatever is wrong with it; only reading a campaign does not need it."""
    install(theirs=value)
    with pytest.raises(LabelerError, match=say):
        find_labeler("theirs")
    assert traits_of("theirs") == Traits()


def test_options_that_are_missing_are_said(install, tmp_path):
    """A KeyError in somebody else's class is no traceback."""
    install(llm=f"{__name__}:LanguageModel")
    with pytest.raises(
        LabelerError, match=r"'llm' .* cannot be made: KeyError: 'model'.*\[labeler\.options\]"
    ):
        find_labeler("llm").make(setup(tmp_path))


def test_a_name_of_ours_is_not_taken_over(install):
    """A package that claims one is refused when packages are looked at; ours work as before."""
    install(replay="no.such.module:Labeler")
    assert find_labeler("replay") is LABELERS["replay"]
    with pytest.raises(LabelerError, match="Two labelers are called 'replay'"):
        find_labeler("theirs")


def test_asking_what_labelers_can_do_is_cheap():
    """No server library, nor anything else that takes its time, is imported for it."""
    code = (
        f"import sys; from {registry.__name__} import LABELERS, describe_labelers; describe_labelers();"
        "sys.exit(any(name in sys.modules for name in ('label_studio_sdk', 'httpx', 'pandas', 'torch', 'sklearn')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
