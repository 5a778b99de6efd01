"""Label Studio's JSON, both ways: a question becomes a task, an annotation becomes an answer.

Label Studio checks almost nothing: a suggestion for a class that does not exist is stored, and so is an
annotation without a result. So both directions are checked here.
"""

import html
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from integrations.class_names import ClassNames
from integrations.errors import LabelerError
from integrations.labelers.protocol import Answer, Identity, Neighbour, Question, QuestionAnswers, Suggestion
from integrations.labelers.studio_config import Control

TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"  # fixed width, so that the text sorts as the time does

Names = Callable[[int], str]  # number of a user -> name; "" = not known
_NEIGHBOUR_LENGTH = 300  # characters of a neighbour's text: a glance, not a read
_LONGEST_CHOICE = 200  # characters of a choice that is not one of the classes, in a message
_LONGEST_TIME = 366 * 24 * 3600.0  # seconds; what claims to have taken longer was not measured
_DEEPEST = 50  # levels of an annotation that are kept; Label Studio's own have six
_CUT = "..."


def utc(value: object) -> str:
    """A time of Label Studio (a datetime, or ISO 8601 text) as UTC text in `TIME_FORMAT`.

    Raises:
        ValueError: it is neither.
    """
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError as exc:
        raise ValueError(f"{moment.isoformat()} is no time in UTC") from exc
    # not strftime: it writes the year 33 with two digits
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def task_json(
    question: Question, control: Control, shown: str, addresses: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Write a question as a task for Label Studio's import.

    The same question always gives the same `data`. What annotators must not see goes into `meta`; with it, a lost
    ledger can be rebuilt from the tasks.

    Args:
        question: what to ask.
        control: the control of the project's labeling configuration.
        shown: the text, or the address of the image, that the annotator sees.
        addresses: image of a neighbour -> its address; one that is missing is its own.

    Raises:
        LabelerError: the suggestion is not one that this project can show, or the text cannot be sent.
    """
    beside: dict[str, Any] = {
        "why": question.why,
        "fields": _fields_html(question.fields),
        "neighbours": _neighbours_html(question.neighbours, addresses or {}),
    }
    # `fields` once more, as they are: what annotators see of them is HTML
    meta = {"role": question.role, "drawn_with": question.drawn_with, "fields": dict(question.fields) or None}
    task: dict[str, Any] = {
        "data": {
            control.variable: shown,
            "key": question.key,
            "item_id": question.item_id,
            "rank": question.rank,
            "round": question.round,
            **{name: value for name, value in beside.items() if name in control.shows},
        },
        "meta": {name: value for name, value in meta.items() if value is not None},
    }
    for name, text in (*task["data"].items(), *question.fields.items()):
        _check_unicode(question, name, text)
    if question.suggestion is not None:
        task["predictions"] = [_prediction(question, question.suggestion, control)]
    return task


def choice_result(control: Control, label: str) -> list[dict[str, Any]]:
    """The result that stands for one chosen class, in a prediction as in an annotation."""
    return [
        {
            "from_name": control.from_name,
            "to_name": control.to_name,
            "type": "choices",
            "value": {"choices": [label]},
        }
    ]


def check_questions(questions: Iterable[Question], chunk_size: int) -> None:
    """Refuse a `send` that cannot be right: too many at once, or a key twice.

    Raises:
        LabelerError: says which.
    """
    keys = [question.key for question in questions]
    if len(keys) > chunk_size:
        raise LabelerError(f"{len(keys)} questions at once; at most {chunk_size} can be sent in one go.")
    doubled = sorted({key for key in keys if keys.count(key) > 1})
    if doubled:
        raise LabelerError(
            f"the key {doubled[0]!r} stands for {keys.count(doubled[0])} of the questions to send."
        )


def question_text(question: Question) -> str:
    """The text of a question that must have one."""
    if question.text is None:
        raise LabelerError(f"item {question.item_id!r} has no text to show; the project asks about texts.")
    return question.text


def question_image(question: Question) -> str:
    """The image of a question that must have one."""
    if not question.image:
        raise LabelerError(f"item {question.item_id!r} has no image to show; the project asks about images.")
    return question.image


def read_answer(annotation: Any, control: Control, names: Names, origin: str) -> Answer:
    """Read one annotation of Label Studio; what its content lacks becomes `Answer.problem`.

    Args:
        annotation: as it came.
        control: the control of the project's labeling configuration.
        names: of the users.
        origin: where users and annotations got their numbers.

    Raises:
        ValueError: it is not an annotation at all: no object, or without the id and time that identify it.
    """
    if not isinstance(annotation, Mapping):
        raise ValueError(f"an annotation is {type(annotation).__name__}, not an object")  # noqa: TRY004 - bad data
    number = annotation.get("id")
    if not _is_number(number) or annotation.get("created_at") is None:
        raise ValueError("an annotation has no id or no created_at")
    created = utc(annotation["created_at"])
    skipped = annotation.get("was_cancelled") is True
    label, problem = (None, None) if skipped else _label(annotation.get("result"), control)
    cannot_tell = label is not None and label in _no_label(control)
    annotator, user = _who(annotation.get("completed_by"), names)
    imported = annotation.get("import_id")
    return Answer(
        # Label Studio on SQLite hands the id of a deleted annotation out again: the time tells the two apart
        source_id=f"{number}@{created}",
        annotator=annotator,
        label=None if cannot_tell else label,
        skipped=skipped,
        seconds=_seconds(annotation.get("lead_time")),
        created_at=created,
        updated_at=utc(annotation.get("updated_at") or created),
        problem=problem,
        cannot_tell=cannot_tell,
        suggestion=_outcome(annotation, control),
        raw={
            _storable(str(name)): _plain(value) for name, value in annotation.items() if name != "prediction"
        },
        identity=None if user is None else Identity(origin, str(user)),
        import_id=str(imported) if _is_number(imported) else None,
    )


def merge_tasks(tasks: Iterable[tuple[str, str, Iterable[Answer]]]) -> tuple[QuestionAnswers, ...]:
    """Bring together what belongs to one key, for a task may stand there twice.

    Args:
        tasks: (key, id of the task, its answers); the first task of a key gives the external id.

    Returns:
        Each key once, in the order of first appearance; answers by time, each `source_id` of an origin once: the first.
    """
    ids: dict[str, str] = {}
    answers: dict[str, list[Answer]] = {}
    for key, task_id, given in tasks:
        ids.setdefault(key, task_id)
        known = answers.setdefault(key, [])
        for answer in given:
            if not any(_is_same(answer, other) for other in known):
                known.append(answer)
    return tuple(
        QuestionAnswers(
            key=key,
            external_id=ids[key],
            answers=tuple(sorted(known, key=lambda answer: (answer.created_at, answer.source_id))),
        )
        for key, known in answers.items()
    )


def _is_same(one: Answer, other: Answer) -> bool:
    """Whether two answers to one question are versions of one annotation."""
    # An export made after a user was deleted no longer says whose the annotation is.
    unknown = one.identity is None or other.identity is None
    return one.source_id == other.source_id and (
        unknown or one.identity.origin == other.identity.origin  # type: ignore[union-attr]
    )


def task_key(data: Any) -> str | None:
    """Our key in the data of a task; None when the task is not ours."""
    key = data.get("key") if isinstance(data, Mapping) else None
    # half a character is in none of the keys that we write, and no ledger could hold it
    return key if isinstance(key, str) and key and _storable(key) == key else None


def _prediction(question: Question, suggestion: Suggestion, control: Control) -> dict[str, Any]:
    if suggestion.label not in control.classes:
        raise LabelerError(
            f"the suggestion {suggestion.label!r} for item {question.item_id!r} is not one of the project's classes: "
            f"{', '.join(map(repr, control.classes))}."
        )
    if not 0.0 <= suggestion.score <= 1.0:  # false for NaN as well
        raise LabelerError(
            f"the suggestion for item {question.item_id!r} has the score {suggestion.score}; "
            "it must be a probability from 0 to 1."
        )
    if not suggestion.model_version:
        raise LabelerError(f"the suggestion for item {question.item_id!r} does not say which model made it.")
    return {
        "result": choice_result(control, suggestion.label),
        "score": float(suggestion.score),
        "model_version": suggestion.model_version,
    }


def _check_unicode(question: Question, name: str, value: object) -> None:
    try:
        str(value).encode()
    except UnicodeEncodeError as exc:
        raise LabelerError(
            f"the {name} of item {question.item_id!r} holds half a character at position {exc.start} "
            "and cannot be sent as UTF-8. Repair it in the data."
        ) from exc


def _label(result: Any, control: Control) -> tuple[str | None, str | None]:
    """(label, None), or (None, why no label can be read)."""
    if not isinstance(result, list):
        return None, "the annotation has no result"
    chosen: list[Any] = []
    for region in result:
        if isinstance(region, Mapping) and region.get("from_name") == control.from_name:
            value = region.get("value")
            choices = value.get("choices") if isinstance(value, Mapping) else None
            if not isinstance(choices, list):
                return None, f"the answer of {control.from_name!r} holds no choices"
            chosen += choices
    if not chosen:
        return None, "nothing was chosen"
    if len(chosen) > 1:
        return None, f"{len(chosen)} classes were chosen instead of one"
    choices = (*control.classes, *control.former_classes, *_no_label(control))
    label = chosen[0] if chosen[0] in choices else None
    if label is None and isinstance(chosen[0], str):
        # files of answers pass through tools that may change spaces and the spelling of accents
        label = ClassNames(choices).find(chosen[0])
    if label is None:
        return None, f"{str(_plain(chosen[0]))[:_LONGEST_CHOICE]!r} is not one of the classes"
    return label, None


def _no_label(control: Control) -> frozenset[str]:
    """The choices that give no label, today or once."""
    return control.former_cannot_tell | frozenset(filter(None, [control.cannot_tell]))


def _outcome(annotation: Mapping[Any, Any], control: Control) -> Literal["accepted", "changed"] | None:
    """What the annotator did with the suggestion, as the editor notes it; None where it notes nothing."""
    result = annotation.get("result")
    if annotation.get("was_cancelled") is True or not isinstance(result, list):
        return None
    origins = [
        region.get("origin")
        for region in result
        if isinstance(region, Mapping) and region.get("from_name") == control.from_name
    ]
    if origins and all(origin == "prediction" for origin in origins):
        return "accepted"
    # "manual" over a suggestion: it was cleared first, or another annotator's answer was edited
    return "changed" if "prediction-changed" in origins or annotation.get("parent_prediction") else None


def _fields_html(fields: Mapping[str, str]) -> str:
    """What is shown beside an item, a line for each field; everything in it is escaped, for it comes from data files."""
    return "".join(f"<div><b>{_html(name)}</b>: {_html(text)}</div>" for name, text in fields.items())


def _neighbours_html(neighbours: Iterable[Neighbour], addresses: Mapping[str, str]) -> str:
    """Labeled items as a short list, text or thumbnails, escaped; "" for none: no heading over nothing."""
    rows = []
    for near in neighbours:
        address = addresses.get(near.image or "", near.image or "")
        # Of several s3 addresses in one text Label Studio resolves one only: the name has to do.
        if address and not address.lower().startswith("s3:"):
            shown = f'<img src="{html.escape(address, quote=True)}" alt="" style="max-height:96px;max-width:160px">'
        else:
            text = " ".join((near.text or address.rpartition("/")[2]).split())
            shown = _html(text if len(text) <= _NEIGHBOUR_LENGTH else text[:_NEIGHBOUR_LENGTH] + " ...")
        rows.append(f"<li><b>{_html(near.label)}</b>: {shown}</li>")
    return f"<p><b>Labeled items like this one</b></p><ul>{''.join(rows)}</ul>" if rows else ""


def _html(text: str) -> str:
    """Text as it stands, in one line of HTML: an empty line inside would end what is read as HTML."""
    return html.escape(text).replace("\r\n", "\n").replace("\r", "\n").replace("\n", "<br>")


def name_of(email: Any) -> str:
    """The name of a user whose e-mail is this; "" of one who was removed, whom Label Studio lists as `Deleted`."""
    return _storable(email) if isinstance(email, str) and "@" in email else ""


def _who(completed_by: Any, names: Names) -> tuple[str, int | None]:
    """Name and number of the user who gave an answer; neither is known of a user who was deleted."""
    email = None
    if isinstance(completed_by, Mapping):
        email, completed_by = completed_by.get("email"), completed_by.get("id")
    user = completed_by if _is_number(completed_by) else None
    return name_of(email) or ("" if user is None else names(user)), user


def _seconds(lead_time: Any) -> float | None:
    if not _is_number(lead_time) and not isinstance(lead_time, float):
        return None
    return float(lead_time) if 0 <= lead_time <= _LONGEST_TIME else None  # false for NaN as well


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _plain(value: Any, depth: int = _DEEPEST) -> Any:
    """The same value as JSON and the ledger can hold it: times as text, no NaN, no half characters, not too deep."""
    if isinstance(value, Mapping):
        entries = value.items() if depth else [(_CUT, _CUT)]
        return {_storable(str(name)): _plain(inner, depth - 1) for name, inner in entries}
    if isinstance(value, list | tuple):
        return [_plain(inner, depth - 1) for inner in value] if depth else [_CUT]
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, datetime):
        return utc(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, int | float) else str(value)


def _storable(text: str) -> str:
    """The text with a question mark for each half of a character, which JSON can name but UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()
