"""How an item is answered: what a labeling configuration holds for it, what results look like, and a label as text.

A label passes between curator and its labelers, and is kept, as text: one class is its name, a set of classes may be a JSON list, a
number its digits. Equal labels have equal texts. A `Form` is one such kind of label; `single_choice` is the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from integrations.class_names import ClassNames

if TYPE_CHECKING:
    from xml.etree import ElementTree as ET  # commands that only read the ledger never need it

    from integrations.labelers.protocol import ProjectSpec
    from integrations.labelers.studio_config import Control


class Reading(NamedTuple):
    """What an annotation says: exactly one of the three holds."""

    label: str | None = None
    cannot_tell: bool = False
    problem: str | None = None  # why no label can be read, in words that follow the annotation


class Form(Protocol):
    """One kind of label, as labelers know it. Implementations keep no state.

    Attributes:
        asked_by: the tag that asks, in a message: 'exactly one <Choices choice="single">'.
        result_type: of its regions in a result.
    """

    asked_by: str
    result_type: str

    def build(self, spec: ProjectSpec, options: Iterable[str]) -> ET.Element:
        """The tag that asks over `<Text>` or `<Image>` named `spec.kind`.

        Args:
            spec: of the project.
            options: what can be chosen, the classes first; the last may be "cannot tell".
        """
        ...

    def asks(self, node: ET.Element) -> bool:
        """Whether a tag of a configuration asks for this kind of label."""
        ...

    def options(self, node: ET.Element) -> tuple[str, ...]:
        """What can be chosen in such a tag, as it stands in results, in order."""
        ...

    def result(self, control: Control, label: str) -> list[dict[str, Any]]:
        """The regions that stand for a label, in a prediction as in an annotation: one for a choice, or for a set of them."""
        ...

    def given(self, regions: Sequence[Mapping[str, Any]], name: str = "") -> Reading:
        """What the regions of one annotation say, whatever the classes are; `name` is that of the control, for messages."""
        ...

    def read(self, regions: Sequence[Mapping[str, Any]], control: Control) -> Reading:
        """The same by the classes of a control: those of today, and those that answers may still hold."""
        ...

    def find(self, label: str, classes: ClassNames) -> str | None:
        """A label as the project spells it; None: it is none of this project's.

        Of a set, each of its classes; of a number, the number where it is on the scale.
        """
        ...

    def classes_in(self, label: str) -> tuple[str, ...]:
        """The classes that a label names: one, those of a set, or the step of a scale."""
        ...

    def words(self, label: str) -> str:
        """A label for people."""
        ...
