"""The bill of one pull: what each new answer and each edit adds, and its share of the review."""

import json
import statistics
from collections import defaultdict
from collections.abc import Iterable
from fractions import Fraction
from functools import cached_property

from curator.config import CostSection
from curator.ledger.store import Ledger, Row
from curator.money.caps import Caps
from curator.money.cost import Before, Worked, charge_answer, pays_time, rate_of
from integrations.labelers.protocol import Answer, QuestionAnswers

_REVIEW = "review:"  # before the source id of the answer that is reviewed


class Charges:
    """Cost rows of one pull. Caps and imputed times look at all answers of the campaign, this pull's included."""

    def __init__(
        self, ledger: Ledger, cost: CostSection, questions: Iterable[QuestionAnswers], round_id: int
    ) -> None:
        """Take what was pulled; `round_id` pays."""
        self.rows: list[Row] = []
        self._ledger = ledger
        self._cost = cost
        self._pulled = [answer for question in questions for answer in question.answers]
        self._round = round_id

    def add(self, answer: Answer, question: Row, held: Row | None, version: int) -> None:
        """Charge for a version of an answer; `held` is the version before, if there is one."""
        seconds = answer.seconds
        worked = Worked(
            answer.annotator,
            answer.skipped,
            seconds,
            cap=self._caps.of(answer.annotator) if seconds is not None and self._is_timed(answer) else None,
            typical=self._typical_seconds if seconds is None and self._is_timed(answer) else None,
        )
        before = None if held is None else Before(self._charged.get(answer.source_id, 0), held["seconds"])
        charge = charge_answer(self._cost, worked, before)
        common = {
            "round": self._round,
            "kind": "holdout" if question["role"] == "holdout" else "label",
            "key": question["key"],
            "annotator": answer.annotator,
            "currency": self._cost.currency,
        }
        if charge is not None:
            self.rows.append(
                {
                    **common,
                    "source_id": answer.source_id,
                    "version": version,
                    "seconds": seconds,
                    "capped_seconds": charge.capped_seconds,
                    "amount": charge.amount,
                    "basis": charge.basis,
                    "source": charge.source,
                }
            )
        self._review(answer, common)

    def _review(self, answer: Answer, common: Row) -> None:
        """Some answers are looked at once more; which ones is not known, so each pays its share, once."""
        name = f"{_REVIEW}{answer.source_id}"
        if not self._cost.review_share or answer.skipped or name in self._charged:
            return
        share = Fraction(str(self._cost.review_share)) * (self._cost.micro_per_review or 0)
        # A look at a hold-out answer belongs to the hold-out's line, as the answer does.
        kind = "review" if common["kind"] == "label" else common["kind"]
        self.rows.append(
            {
                **common,
                "kind": kind,
                "source_id": name,
                "version": 1,
                "seconds": None,
                "capped_seconds": None,
                "amount": round(share),
                "basis": "review",
                "source": "assumed",
            }
        )

    def _is_timed(self, answer: Answer) -> bool:
        return rate_of(self._cost, answer.annotator).micro_per_hour is not None

    @cached_property
    def _charged(self) -> dict[str, int]:
        """Source id -> micro-units on the bill, of the answers of this pull and their reviews."""
        ids = [answer.source_id for answer in self._pulled]
        rows = self._ledger.rows(
            "select source_id, sum(amount) as amount from costs "
            "where source_id in (select value from json_each(?)) group by source_id",
            [json.dumps(ids + [f"{_REVIEW}{source_id}" for source_id in ids])],
        )
        return {row["source_id"]: int(row["amount"]) for row in rows}

    @cached_property
    def _times(self) -> dict[str, list[float]]:
        """Annotator -> the times measured so far, this pull's included; none where nobody is paid for time."""
        if not pays_time(self._cost):
            return {}
        held = self._ledger.rows(
            "select source_id, annotator, seconds from live_answers where seconds is not null"
        )
        known = {row["source_id"]: (row["annotator"], row["seconds"]) for row in held}
        known |= {a.source_id: (a.annotator, a.seconds) for a in self._pulled if a.seconds is not None}
        times: dict[str, list[float]] = defaultdict(list)
        for annotator, seconds in known.values():
            times[annotator].append(seconds)
        return times

    @cached_property
    def _caps(self) -> Caps:
        return Caps(self._times)

    @cached_property
    def _typical_seconds(self) -> float | None:
        """The median of all times, to impute."""
        known = [seconds for times in self._times.values() for seconds in times]
        return statistics.median(known) if known else None
