"""One class of several: `<Choices choice="single">`. A label is the name of the class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from integrations.class_names import ClassNames
from integrations.labelers.form import Reading
from integrations.labelers.json_values import plain_value

if TYPE_CHECKING:
    from xml.etree import ElementTree as ET  # commands that only read the ledger never need it

    from integrations.labelers.protocol import ProjectSpec
    from integrations.labelers.studio_config import Control

_SINGLE = ("single", "single-radio")
_DIGITS = tuple("0123456789")
_LONGEST_CHOICE = 200  # characters of a choice that is none of the classes, in a message


class SingleChoiceForm:
    """See `integrations.labelers.form.Form`."""

    asked_by = 'exactly one <Choices choice="single">'
    result_type = "choices"

    def build(self, spec: ProjectSpec, options: Iterable[str]) -> ET.Element:
        """A choice per option, with what it means and its key."""
        from xml.etree import ElementTree as ET

        # `required`: an empty submit would come back as an answer without a label
        choices = ET.Element(
            "Choices", name="label", toName=spec.kind, choice="single", required="true", showInLine="true"
        )
        hotkeys = _hotkeys(spec)
        for name in options:
            choice = ET.SubElement(choices, "Choice", value=name)
            for attribute, values in (("hint", spec.descriptions), ("hotkey", hotkeys)):
                if name in values:
                    choice.set(attribute, values[name])
        return choices

    def asks(self, node: ET.Element) -> bool:
        """A control of choices of which one can be taken."""
        return node.tag == "Choices" and node.get("choice", "single") in _SINGLE

    def options(self, node: ET.Element) -> tuple[str, ...]:
        """The choices; an alias, where there is one, is what Label Studio writes into results."""
        return tuple(choice.get("alias") or choice.get("value") or "" for choice in node.iter("Choice"))

    def result(self, control: Control, label: str) -> list[dict[str, Any]]:
        """One region with one choice."""
        return [
            {
                "from_name": control.from_name,
                "to_name": control.to_name,
                "type": self.result_type,
                "value": {"choices": [label]},
            }
        ]

    def given(self, regions: Sequence[Mapping[str, Any]], name: str = "") -> Reading:
        """The one choice."""
        chosen: list[Any] = []
        for region in regions:
            value = region.get("value")
            choices = value.get("choices") if isinstance(value, Mapping) else None
            if not isinstance(choices, list):
                return Reading(problem=f"the answer of {name!r} holds no choices")
            chosen += choices
        if not chosen:
            return Reading(problem="nothing was chosen")
        if len(chosen) > 1:
            return Reading(problem=f"{len(chosen)} classes were chosen instead of one")
        if not isinstance(chosen[0], str):
            return Reading(problem=f"{_shown(chosen[0])} is not one of the classes")
        return Reading(chosen[0])

    def read(self, regions: Sequence[Mapping[str, Any]], control: Control) -> Reading:
        """The class that was chosen."""
        said = self.given(regions, control.from_name)
        if said.label is None:
            return said
        known = (*control.classes, *control.former_classes, *control.no_label)
        # files of answers pass through tools that may change spaces and the spelling of accents
        label = said.label if said.label in known else ClassNames(known).find(said.label)
        if label is None:
            return Reading(problem=f"{_shown(said.label)} is not one of the classes")
        return Reading(cannot_tell=True) if label in control.no_label else Reading(label)

    def find(self, label: str, classes: ClassNames) -> str | None:
        """The class."""
        return classes.find(label)

    def classes_in(self, label: str) -> tuple[str, ...]:
        """It alone."""
        return (label,)

    def words(self, label: str) -> str:
        """Its name."""
        return label


SINGLE_CHOICE = SingleChoiceForm()


def _shown(choice: Any) -> str:
    """A choice as a message has it."""
    return repr(str(plain_value(choice))[:_LONGEST_CHOICE])


def _hotkeys(spec: ProjectSpec) -> dict[str, str]:
    """The keys that were set; and a class that is a digit has that key.

    Label Studio numbers the classes from 1: of the classes 0, 1, 2 the key 1 would choose 0.
    """
    taken = set(spec.hotkeys.values())
    digits = {name: name for name in spec.classes if name in _DIGITS and name not in taken}
    return {**digits, **spec.hotkeys}
