"""Label Studio's JSON, both ways: a question becomes a task, an annotation becomes an answer.

Label Studio checks almost nothing: a suggestion for a class that does not exist is stored, and so is an
annotation without a result. So both directions are checked here.
"""

import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from integrations.errors import LabelerError
from integrations.labelers.form import Reading
from integrations.labelers.json_values import plain_value, storable, utc
from integrations.labelers.protocol import Answer, Identity, Neighbour, Question, QuestionAnswers, Suggestion
from integrations.labelers.studio_config import Control

Names = Callable[[int], str]  # number of a user -> name; "" = not known
_NEIGHBOUR_LENGTH = 300  # characters of a neighbour's text: a glance, not a read
_LONGEST_TIME = 366 * 24 * 3600.0  # seconds; what claims to have taken longer was not measured


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
    said = Reading() if skipped else _said(annotation.get("result"), control)
    annotator, user = _who(annotation.get("completed_by"), names)
    imported = annotation.get("import_id")
    return Answer(
        # Label Studio on SQLite hands the id of a deleted annotation out again: the time tells the two apart
        source_id=f"{number}@{created}",
        annotator=annotator,
        label=said.label,
        skipped=skipped,
        seconds=_seconds(annotation.get("lead_time")),
        created_at=created,
        updated_at=utc(annotation.get("updated_at") or created),
        problem=said.problem,
        cannot_tell=said.cannot_tell,
        suggestion=_outcome(annotation, control),
        raw={
            storable(str(name)): plain_value(value)
            for name, value in annotation.items()
            if name != "prediction"
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
    return key if isinstance(key, str) and key and storable(key) == key else None


def _prediction(question: Question, suggestion: Suggestion, control: Control) -> dict[str, Any]:
    if not control.takes(suggestion.label):
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
        "result": control.form.result(control, suggestion.label),
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


def _said(result: Any, control: Control) -> Reading:
    if not isinstance(result, list):
        return Reading(problem="the annotation has no result")
    return control.form.read(regions_of(result, control), control)


def regions_of(result: Sequence[Any], control: Control) -> list[Mapping[str, Any]]:
    """What an annotation says by the control."""
    return [
        region
        for region in result
        if isinstance(region, Mapping) and region.get("from_name") == control.from_name
    ]


def _outcome(annotation: Mapping[Any, Any], control: Control) -> Literal["accepted", "changed"] | None:
    """What the annotator did with the suggestion, as the editor notes it; None where it notes nothing."""
    result = annotation.get("result")
    if annotation.get("was_cancelled") is True or not isinstance(result, list):
        return None
    origins = [region.get("origin") for region in regions_of(result, control)]
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
    return storable(email) if isinstance(email, str) and "@" in email else ""


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
