"""Which answers only repeat another: the same person once more, or what an import put there again."""

import json
from collections.abc import Iterable

from curator.ledger import queries, updates
from curator.ledger.store import Ledger, Row


def find_copies(answers: Iterable[Row]) -> dict[str, str]:
    """The answers to one question that are no work of their own.

    A second answer of a person is a version of the first. An answer that came in by an import is a copy when the answer it
    was made from is known here: by its number, and by its seconds then, since another server may have used the same number.

    Args:
        answers: newest versions (`source_id`, `person`, `import_id`, `label`, `skipped`, `seconds`, `created_at`), those
            that were deleted included; `all_seconds`, those of every version, is a JSON list.

    Returns:
        source_id -> that of the first answer it repeats.
    """
    copies: dict[str, str] = {}
    before: list[Row] = []
    for answer in sorted(answers, key=lambda row: (row["created_at"] or "", row["source_id"])):
        first = next((held for held in before if _is_import_of(answer, held)), None) or next(
            (held for held in before if _is_again(answer, held)), None
        )
        before.append(answer)
        if first is not None:
            original = str(first["source_id"])
            copies[str(answer["source_id"])] = copies.get(original, original)
    return copies


def mark_copies(ledger: Ledger, keys: Iterable[str] | None) -> None:
    """Note in the ledger which answers are copies; an imported one is of whoever gave the original.

    Args:
        ledger: inside a transaction.
        keys: of the questions to look at; None = all.
    """
    changed = []
    for answers in queries.answers.answers_of_one_question(ledger, keys).values():
        copies = find_copies(answers)
        by_id = {row["source_id"]: row for row in answers}
        for row in answers:
            original = copies.get(row["source_id"])
            person = row["person"] if original is None else by_id[original]["person"]
            if (original, person) != (row["copy_of"], row["person"]):
                changed.append([row["source_id"], original, person])
    updates.set_copies(ledger, changed)


def _is_import_of(answer: Row, held: Row) -> bool:
    if answer["import_id"] is None or held["source_id"].partition("@")[0] != answer["import_id"]:
        return False
    if answer["seconds"] is None or held["seconds"] is None:
        return bool((answer["label"], answer["skipped"]) == (held["label"], held["skipped"]))
    return answer["seconds"] in json.loads(held["all_seconds"])


def _is_again(answer: Row, held: Row) -> bool:
    # Who skips and then answers after all has not answered twice.
    return bool(answer["person"] == held["person"] and answer["skipped"] == held["skipped"])
