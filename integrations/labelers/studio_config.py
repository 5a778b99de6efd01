"""Label Studio's labeling configuration: write one, read one, and say whether it fits what is asked.

The configuration is XML: an object tag shows a variable of the task's data (`<Text value="$text"/>`), a control
tag takes the answer (`<Choices toName="text">`). We need one control over one text or image, which takes the kind of
label that is asked for (`form.Form`); what is shown beside it is for reading only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from integrations.errors import LabelerError
from integrations.labelers.form import Form
from integrations.labelers.protocol import Kind, ProjectSpec
from integrations.labelers.single_choice import SINGLE_CHOICE

if TYPE_CHECKING:
    from xml.etree import ElementTree as ET  # commands that only read the ledger never need it

# What we add to the data of every task, and what we add where the configuration shows it.
OWN_VARIABLES = ("key", "item_id", "rank", "round")
SHOWN_VARIABLES = ("why", "fields", "neighbours")
_IMAGE_WIDTH = "600px"
_TEXT_HEIGHT = "55vh"  # a longer text scrolls, so that the classes stay in sight
_WHY_STYLE = (
    "font-size: 13px; font-weight: 400; opacity: 0.7; margin: 0 0 8px"  # to be found, not to be read first
)
_OBJECT_TAG: dict[Kind, str] = {"text": "Text", "image": "Image"}
_FILLED_IN = re.compile(r"\$[\w\[\].{}]", re.ASCII)  # the editor puts the task's data in place of it


@dataclass(frozen=True, slots=True)
class Control:
    """The one control that our questions use.

    Attributes:
        kind: what the object it belongs to shows.
        from_name: name of the control.
        to_name: name of the object it belongs to.
        variable: key of the task's data that the object shows.
        classes: its options as they stand in a result, in the order of the configuration.
        cannot_tell: the choice that gives no label; "" when there is none.
        former_classes: choices that were classes once, which answers may still hold.
        former_cannot_tell: choices that gave no label once, likewise.
        shows: which of `SHOWN_VARIABLES` the configuration shows.
        form: the kind of label that it takes.
    """

    kind: Kind
    from_name: str
    to_name: str
    variable: str
    classes: tuple[str, ...]
    cannot_tell: str = ""
    shows: frozenset[str] = frozenset()
    former_classes: frozenset[str] = frozenset()
    former_cannot_tell: frozenset[str] = frozenset()
    form: Form = SINGLE_CHOICE

    @property
    def no_label(self) -> frozenset[str]:
        """The options that give no label, today or once."""
        return self.former_cannot_tell | frozenset(filter(None, [self.cannot_tell]))

    def takes(self, label: str) -> bool:
        """Whether a label names nothing but today's classes."""
        return all(name in self.classes for name in self.form.classes_in(label))


def build_config(spec: ProjectSpec) -> str:
    """The configuration that asks for a label of the classes of `spec`, or for "cannot tell".

    Raises:
        LabelerError: a class cannot be written as XML, or would not come back as it was.
    """
    names = (*spec.classes, *filter(None, [spec.cannot_tell]))
    filled_in = [name for name in names if _FILLED_IN.search(name)]
    if filled_in:
        raise LabelerError(
            f"Label Studio would put data in place of the $ in these classes: {_quoted(filled_in)}. "
            "Name them without a $ before a letter or digit."
        )
    from xml.etree import ElementTree as ET

    text = ET.tostring(_layout(spec, names), encoding="unicode")
    try:
        back = read_control(text, spec.kind, spec.cannot_tell, spec.form).classes
    except LabelerError as exc:
        raise LabelerError(
            f"the classes {_quoted(spec.classes)} cannot be written into a labeling configuration: {exc}"
        ) from exc
    if back != spec.classes:
        changed = [name for name in spec.classes if name not in back] or list(spec.classes)
        raise LabelerError(
            f"these classes would come back changed from a labeling configuration: {_quoted(changed)}. "
            "Use names without control characters, each once."
        )
    return text


def read_control(config: str, kind: Kind, cannot_tell: str = "", form: Form = SINGLE_CHOICE) -> Control:
    """Find the control over a text or an image in a configuration.

    Args:
        config: XML.
        kind: what is asked about.
        cannot_tell: the choice that is no class, if the configuration has it.
        form: the kind of label that is asked for.

    Raises:
        LabelerError: it is not XML, or has none or several such controls, or needs data that we do not have.
    """
    from xml.etree import ElementTree as ET

    try:
        root = ET.fromstring(config)  # noqa: S314 - expat bounds entity expansion since 2.4.1
    except (ET.ParseError, UnicodeEncodeError) as exc:
        raise LabelerError(f"the labeling configuration is not XML ({exc}).") from exc
    tag = _OBJECT_TAG[kind]
    shown = {node.get("name", ""): node.get("value", "") for node in root.iter(tag)}
    fitting = [node for node in root.iter() if node.get("toName") in shown and form.asks(node)]
    if len(fitting) != 1:
        found = ", ".join(
            f"<{node.tag}>"
            for node in root.iter()
            if node.get("toName") or node.get("value", "").startswith("$")
        )
        raise LabelerError(
            f"the labeling configuration needs {form.asked_by} over a <{tag}> for {kind} "
            f"questions and has {len(fitting)}; it holds: {found or 'no tag that asks anything'}."
        )
    control = fitting[0]
    to_name = control.get("toName", "")
    variable = _variable(shown[to_name])
    if variable is None or variable in (*OWN_VARIABLES, *SHOWN_VARIABLES):
        raise LabelerError(
            f"the <{tag}> of the labeling configuration shows {shown[to_name]!r}; it needs a variable of its own, "
            f'such as value="${kind}".'
        )
    variables = _variables(root)
    foreign = sorted(variables - {variable, *OWN_VARIABLES, *SHOWN_VARIABLES})
    if foreign:
        raise LabelerError(
            f"the labeling configuration shows more data than a question has: {_quoted(foreign)}. "
            f"Take these tags out, or show only ${variable}."
        )
    choices = form.options(control)
    classes = tuple(name for name in choices if not cannot_tell or name != cannot_tell)
    if not classes:
        raise LabelerError(f"the <{control.tag}> of the labeling configuration lists nothing to choose.")
    return Control(
        kind=kind,
        from_name=control.get("name", ""),
        to_name=to_name,
        variable=variable,
        classes=classes,
        cannot_tell=cannot_tell if cannot_tell in choices else "",
        shows=frozenset(variables & set(SHOWN_VARIABLES)),
        form=form,
    )


def control_for(config: str, spec: ProjectSpec) -> Control:
    """The control of a configuration, as `read_control` finds it, for a campaign whose classes may have changed.

    A choice that gave no label once is no class, whether the configuration still has it or not.
    """
    found = read_control(config, spec.kind, spec.cannot_tell, spec.form)
    no_label = frozenset(spec.former_cannot_tell) - {spec.cannot_tell}
    return replace(
        found,
        classes=tuple(name for name in found.classes if name not in no_label),
        former_classes=frozenset(spec.former_classes),
        former_cannot_tell=no_label,
    )


def has_known_classes(control: Control, spec: ProjectSpec) -> bool:
    """Whether a configuration has the classes of today, or of an earlier time of the campaign: then it may follow."""
    return set(control.classes) in [set(classes) for classes in (spec.classes, *spec.former_lists)]


def check_classes(control: Control, classes: Iterable[str], where: str) -> None:
    """Compare the classes of a configuration with ours; their order is free.

    Raises:
        LabelerError: they differ; the message lists the missing and the extra ones.
    """
    ours = tuple(classes)
    missing = [name for name in ours if name not in control.classes]
    extra = [name for name in control.classes if name not in ours]
    if not missing and not extra:
        return
    differences = [f"missing there: {_quoted(missing)}"] * bool(missing)
    differences += [f"there but not among yours: {_quoted(extra)}"] * bool(extra)
    raise LabelerError(
        f"the classes of {where} differ from yours ({'; '.join(differences)}). "
        "Make the two lists the same: there in the labeling configuration, here with `curator classes`."
    )


def _layout(spec: ProjectSpec, names: Iterable[str]) -> ET.Element:
    """What annotators see, from top to bottom."""
    from xml.etree import ElementTree as ET

    view = ET.Element("View")
    ET.SubElement(view, "Header", value="$why", size="5", style=_WHY_STYLE)
    item = ET.Element(_OBJECT_TAG[spec.kind], name=spec.kind, value=f"${spec.kind}")
    # A tag with a name is one more thing to import, and where there are two Label Studio takes no upload of images.
    # <Markdown> needs no name, and leaves a line of HTML as it is.
    fields = [ET.Element("Markdown", value="$fields", style="padding: 0 8px 8px")] * spec.shows_fields
    neighbours = [ET.Element("Markdown", value="$neighbours")] * spec.shows_neighbours
    if spec.kind == "image":
        # The editor blows an image up to the whole width: below it the classes would be out of sight.
        item.set("maxWidth", _IMAGE_WIDTH)
        view.append(spec.form.build(spec, names))
        row = ET.SubElement(view, "View", style="display: flex; flex-wrap: wrap; gap: 24px")
        ET.SubElement(row, "View", style=f"flex: 0 1 {_IMAGE_WIDTH}; min-width: 300px").append(item)
        ET.SubElement(row, "View", style="flex: 1 1 240px; overflow-wrap: anywhere").extend(
            [*fields, *neighbours]
        )
    else:
        scrolls = ET.SubElement(
            view, "View", style=f"max-height: {_TEXT_HEIGHT}; overflow-y: auto; overflow-wrap: anywhere"
        )
        scrolls.extend([*fields, item])
        view.extend([spec.form.build(spec, names), *neighbours])
    return view


def _variables(root: ET.Element) -> set[str]:
    """Every data variable that the configuration shows: an import without one of them is refused."""
    found = (_variable(node.get("value", "")) for node in root.iter())
    return {name for name in found if name is not None}


def _variable(value: str) -> str | None:
    return value[1:] if value.startswith("$") and len(value) > 1 else None


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
