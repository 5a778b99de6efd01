"""Label Studio's JSON, both ways: a question becomes a task, an annotation becomes an answer.

Label Studio checks almost nothing: a suggestion for a class that does not exist is stored, and so is an
annotation without a result. So both directions are checked here.
"""

import html
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from integrations.errors import LabelerError
from integrations.labelers.protocol import Answer, Neighbour, Question, QuestionAnswers, Suggestion
from integrations.labelers.studio_config import Control

TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"  # fixed width, so that the text sorts as the time does

Names = Callable[[int], str]  # number of a user -> how we call that person
_NEIGHBOUR_LENGTH = 300  # characters of a neighbour's text: a glance, not a read


def utc(value: object) -> str:
    """A time of Label Studio (a datetime, or ISO 8601 text) as UTC text in `TIME_FORMAT`.

    Raises:
        ValueError: it is neither.
    """
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).strftime(TIME_FORMAT)


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
        "fields": dict(question.fields),
        "neighbours": _neighbours_html(question.neighbours, addresses or {}),
    }
    meta = {"role": question.role, "drawn_with": question.drawn_with}
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
    for name, text in task["data"].items():
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


def read_answer(annotation: Any, control: Control, names: Names) -> Answer:
    """Read one annotation of Label Studio; what its content lacks becomes `Answer.problem`.

    Raises:
        ValueError: it is not an annotation at all: no object, or without the id and time that identify it.
    """
    if not isinstance(annotation, Mapping):
        raise ValueError(f"an annotation is {type(annotation).__name__}, not an object")  # noqa: TRY004 - bad data
    number = annotation.get("id")
    if number is None or annotation.get("created_at") is None:
        raise ValueError("an annotation has no id or no created_at")
    created = utc(annotation["created_at"])
    skipped = annotation.get("was_cancelled") is True
    label, problem = (None, None) if skipped else _label(annotation.get("result"), control)
    cannot_tell = label is not None and label == control.cannot_tell
    return Answer(
        # Label Studio on SQLite hands the id of a deleted annotation out again: the time tells the two apart
        source_id=f"{number}@{created}",
        annotator=_annotator(annotation.get("completed_by"), names),
        label=None if cannot_tell else label,
        skipped=skipped,
        seconds=_seconds(annotation.get("lead_time")),
        created_at=created,
        updated_at=utc(annotation.get("updated_at") or created),
        problem=problem,
        cannot_tell=cannot_tell,
        suggestion=_outcome(annotation, control),
        raw={str(name): _plain(value) for name, value in annotation.items() if name != "prediction"},
    )


def merge_tasks(tasks: Iterable[tuple[str, str, Iterable[Answer]]]) -> tuple[QuestionAnswers, ...]:
    """Bring together what belongs to one key, for a task may stand there twice.

    Args:
        tasks: (key, id of the task, its answers); the first task of a key gives the external id.

    Returns:
        Each key once, in the order of first appearance; answers by time, each `source_id` once.
    """
    ids: dict[str, str] = {}
    answers: dict[str, dict[str, Answer]] = {}
    for key, task_id, given in tasks:
        ids.setdefault(key, task_id)
        known = answers.setdefault(key, {})
        for answer in given:
            known.setdefault(answer.source_id, answer)
    return tuple(
        QuestionAnswers(
            key=key,
            external_id=ids[key],
            answers=tuple(sorted(known.values(), key=lambda answer: (answer.created_at, answer.source_id))),
        )
        for key, known in answers.items()
    )


def task_key(data: Any) -> str | None:
    """Our key in the data of a task; None when the task is not ours."""
    key = data.get("key") if isinstance(data, Mapping) else None
    return key if isinstance(key, str) and key else None


def _prediction(question: Question, suggestion: Suggestion, control: Control) -> dict[str, Any]:
    if suggestion.label not in control.classes:
        raise LabelerError(
            f"the suggestion {suggestion.label!r} for item {question.item_id!r} is none of the project's classes: "
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
    if chosen[0] not in (*control.classes, *filter(None, [control.cannot_tell])):
        return None, f"{chosen[0]!r} is none of the classes"
    return str(chosen[0]), None


def _outcome(annotation: Mapping[Any, Any], control: Control) -> Literal["accepted", "changed"] | None:
    """What the annotator did with the suggestion, as the editor notes it; None where it notes nothing."""
    result = annotation.get("result")
    if annotation.get("was_cancelled") is True or not isinstance(result, list):
        return None
    origins = {
        region.get("origin")
        for region in result
        if isinstance(region, Mapping) and region.get("from_name") == control.from_name
    }
    if origins == {"prediction"}:
        return "accepted"
    # "manual" over a suggestion: it was cleared first, or another annotator's answer was edited
    return "changed" if "prediction-changed" in origins or annotation.get("parent_prediction") else None


def _neighbours_html(neighbours: Iterable[Neighbour], addresses: Mapping[str, str]) -> str:
    """Labeled items as a short list: everything in it is escaped, for it comes from data files."""
    rows = []
    for near in neighbours:
        if near.image is not None:
            address = html.escape(addresses.get(near.image, near.image), quote=True)
            shown = f'<img src="{address}" alt="" style="max-height: 96px; max-width: 160px">'
        else:
            text = " ".join((near.text or "").split())
            cut = text if len(text) <= _NEIGHBOUR_LENGTH else text[:_NEIGHBOUR_LENGTH] + " ..."
            shown = html.escape(cut)
        rows.append(f"<li><b>{html.escape(near.label)}</b>: {shown}</li>")
    return f"<ul>{''.join(rows)}</ul>" if rows else "<p>None yet.</p>"


def _annotator(completed_by: Any, names: Names) -> str:
    if isinstance(completed_by, Mapping):
        email = completed_by.get("email")
        if isinstance(email, str) and email:
            return email
        completed_by = completed_by.get("id")
    return names(completed_by) if isinstance(completed_by, int) else "unknown"


def _seconds(lead_time: Any) -> float | None:
    if isinstance(lead_time, bool) or not isinstance(lead_time, int | float):
        return None
    return float(lead_time) if math.isfinite(lead_time) and lead_time >= 0 else None


def _plain(value: Any) -> Any:
    """The same value as JSON can hold it: times as text, no NaN."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, str | int | float):
        return value
    return utc(value) if isinstance(value, datetime) else str(value)
