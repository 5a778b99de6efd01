"""The file of the replay labeler again: a backup knows the order of asking, which is all that the file says."""

from pathlib import Path

from curator.ledger import queries
from curator.ledger.store import Ledger
from integrations.labelers.protocol import Announcement, ProjectSpec, Question
from integrations.labelers.replay import ReplayLabeler


def ask_again(ledger: Ledger, state: Path) -> None:
    """Put every question that was asked to the replay labeler again, in the same order: it answers the same."""
    asked = queries.questions.sent_questions(ledger)
    if not asked:
        return
    labeler = ReplayLabeler({}, state / "replay.jsonl")
    labeler.prepare(ProjectSpec(title="", kind="text", classes=()), None)
    for start in range(0, len(asked), labeler.chunk_size):
        labeler.send(
            [
                Question(key=row["key"], item_id=row["item_id"], round=row["round"], rank=row["rank"])
                for row in asked[start : start + labeler.chunk_size]
            ]
        )
    several = {row["key"]: int(row["answers_wanted"]) for row in asked if row["answers_wanted"] > 1}
    labeler.announce(Announcement(round=1, answers_wanted=several))
