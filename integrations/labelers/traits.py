"""What labelers can do and what they need: what the rest of curator asks, instead of comparing names.

Apart from the adapters, so that asking imports no server library.
"""

from dataclasses import dataclass

# Settings in [labeler] that shape what annotators see, wherever they are asked.
_OF_PEOPLE = (
    "suggestions", "blind_share", "neighbours", "overlap", "overlap_share", "instructions", "descriptions", "hotkeys",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Traits:
    """Of one labeler. The defaults hold for a labeler that people answer through, and of which nothing more is known.

    Attributes:
        summary: what it is, in a few words; shown in help texts.
        settings: in [labeler] that it uses, beside `name` and `cannot_tell`.
        answers_itself: answers are there at once, so nobody has to be waited for.
        uses_known_labels: it answers from the labels that the data came with.
        shows_suggestions: whoever answers sees what the model suggests.
        keeps_questions: questions are kept outside the project's .curator, so they are still there when that is lost.
        shows_through_label_studio: annotators see questions through a Label Studio labeling configuration.
        needs_address: it is a server, and [labeler] url says where.
        has_projects: it asks in one of a server's numbered projects, and another one can be named.
        takes_live_suggestions: it asks `curator serve` for suggestions.
        after_new_classes: what a person has to do when the classes have changed; `{where}` is `Labeler.where`. "" = nothing.
    """

    summary: str = ""
    settings: tuple[str, ...] = ("options", *_OF_PEOPLE)
    answers_itself: bool = False
    uses_known_labels: bool = False
    shows_suggestions: bool = True
    keeps_questions: bool = True
    shows_through_label_studio: bool = False
    needs_address: bool = False
    has_projects: bool = False
    takes_live_suggestions: bool = False
    after_new_classes: str = ""


LABEL_STUDIO = Traits(
    summary="a Label Studio server",
    settings=("url", "proxy", "ca_file", "project", *_OF_PEOPLE, "images", "image_root"),
    shows_through_label_studio=True,
    needs_address=True,
    has_projects=True,
    takes_live_suggestions=True,
    after_new_classes="Annotators who have a page open should reload it: it shows the old choices until then.",
)
FILES = Traits(
    summary="Label Studio's JSON, carried by hand",
    settings=(*_OF_PEOPLE, "folder"),
    shows_through_label_studio=True,
    after_new_classes=(
        "Put {where}/label_config.xml into your Label Studio project (Settings, Labeling Interface) before more is answered "
        "there."
    ),
)
REPLAY = Traits(
    summary="known labels, to try curator out",
    settings=("seconds", "seconds_per_word"),
    answers_itself=True,
    uses_known_labels=True,
    shows_suggestions=False,
    keeps_questions=False,
)
