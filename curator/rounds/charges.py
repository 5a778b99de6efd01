"""Charges: bring the bill to what all answers that are known now cost.

What an answer costs hangs on other answers: caps and typical seconds are those of the whole campaign. So charges are not
made answer by answer as these come in; the whole bill is derived from the ledger's answers, and what it differs from the
bill on record is written down. The same answers give the same bill, in whatever order and in how many pulls they came.
The newest version of an answer decides; one that was deleted at the labeler was work, and stays paid.

Nothing on the bill is overwritten: the first row of an answer is its charge, each later one a correction by difference,
with its reason.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from curator.config import CostSection
from curator.errors import DataError
from curator.ledger import queries
from curator.ledger.store import Ledger, Row
from curator.money.caps import Caps
from curator.money.cost import NOT_KNOWN, Charge, Worked, charge_answer
from curator.money.rates import rate_cards, rates_by_person

_DERIVED = "bill_derived"  # of the ledger's state: an earlier curator charged answer by answer
_REVIEW = "review:"  # before the source id of the answer that is reviewed
_SHOWN = ("annotator", "seconds", "capped_seconds", "basis", "source")  # a change of these is a row, too


def reconcile(
    ledger: Ledger, round_id: int, *, news: bool = True, otherwise: str = "derived from all answers"
) -> int:
    """Derive the bill of all answers anew, and put what changed on record.

    Args:
        ledger: inside `write`, with the answers in it.
        round_id: pays for answers that are not on the bill yet; corrections belong to the round that paid.
        news: there are answers since the last time; without them nothing is to be done, but once in a ledger of before.
        otherwise: the reason of a correction that no answer explains.

    Returns:
        Micro-units that the bill has grown by, without what invoices take back.
    """
    if not news and ledger.get(_DERIVED):
        return 0
    ledger.put(_DERIVED, "yes")
    cards = {number: rates_by_person(ledger, card) for number, card in rate_cards(ledger).items()}
    answers = queries.answers.newest_versions(ledger)
    times: dict[str, list[float]] = defaultdict(list)
    # An answer that merely repeats another one was no work: it is owed nothing, and its time is nobody's.
    for answer in answers:
        if answer["seconds"] is not None and not answer["repeats"]:
            times[answer["annotator"]].append(answer["seconds"])
    caps = Caps(times)
    typical = caps.typical()
    recorded = queries.costs.charges_of_answers(ledger)
    rows: list[Row] = []
    for answer in answers:
        card = cards[answer["asked"]]
        payer = recorded.get(answer["source_id"], {}).get("round", round_id)
        for name, kind, charge in _charges(card, answer, caps, typical):
            common = {"key": answer["key"], "annotator": answer["annotator"], "currency": card.currency}
            row = common | {"seconds": None if name.startswith(_REVIEW) else answer["seconds"], "kind": kind}
            before = recorded.get(name)
            rows += _difference(name, charge, row, before, answer, payer, otherwise)
    ledger.insert("costs", rows)
    _keep_invoices(ledger, rows)
    return sum(row["amount"] for row in rows)


@dataclass(frozen=True)
class Repriced:
    """What other rates did to the bill of a round; micro-units, None: not known."""

    round: int
    before: int | None
    after: int | None


def reprice(
    ledger: Ledger, cost: CostSection, rounds: Sequence[int], *, dry_run: bool = False
) -> list[Repriced]:
    """Pay the answers to the questions of these rounds by other rates, by corrections that say so.

    Args:
        ledger: of the campaign.
        cost: the rates.
        rounds: that asked, each once.
        dry_run: only say what would change.

    Returns:
        What each round cost in all, before and after; rounds that paid for answers to these questions are among them.

    Raises:
        DataError: there is no such round. Nothing was changed.
    """
    known = queries.rounds.round_numbers(ledger)
    strange = [str(number) for number in rounds if number not in known]
    if strange:
        there = f"rounds 1 to {known[-1]}" if known else "no rounds yet"
        raise DataError(
            f"There is no round {', '.join(strange)}: the ledger has {there}. Nothing was changed."
        )
    try:
        with ledger.write():
            before = queries.costs.spent_by_round(ledger)
            for number in rounds:
                ledger.update("rounds", number, rates=cost.model_dump_json())
            reconcile(ledger, max(rounds), otherwise="rates changed")
            after = queries.costs.spent_by_round(ledger)
            _undo(dry_run)
    except _UndoneError:
        pass
    return [
        Repriced(number, before.get(number, 0), after.get(number, 0))
        for number in known
        if number in rounds or before.get(number, 0) != after.get(number, 0)
    ]


class _UndoneError(Exception):
    """Takes back what a dry run wrote."""


def _undo(dry_run: bool) -> None:  # noqa: FBT001 - private
    if dry_run:
        raise _UndoneError


def _charges(
    card: CostSection, answer: Row, caps: Caps, typical: float | None
) -> Iterable[tuple[str, str, Charge]]:
    """(source id, kind, charge) of an answer and of its review."""
    kind = "holdout" if answer["role"] == "holdout" else "label"
    who, skipped = answer["annotator"], bool(answer["skipped"])
    charge = charge_answer(card, Worked(who, skipped, answer["seconds"], caps.paid(who), typical))
    share = Fraction(str(card.review_share)) * (card.micro_per_review or 0)
    # Some answers are looked at once more; which ones is not known, so each that is no skip pays its share.
    review = Charge(0 if skipped else round(share), "review", "assumed")
    if answer["repeats"]:
        charge, review = Charge(0, charge.basis, "measured"), Charge(0, "review", "assumed")
    yield answer["source_id"], kind, charge
    # A look at a hold-out answer belongs to the hold-out's line, as the answer does.
    yield f"{_REVIEW}{answer['source_id']}", "review" if kind == "label" else kind, review


def _difference(
    name: str, charge: Charge, row: Row, recorded: Row | None, answer: Row, payer: int, otherwise: str
) -> list[Row]:
    """The row that brings the bill of one source id to its charge; none where it is there already."""
    row |= {
        "source_id": name,
        "capped_seconds": charge.capped_seconds,
        "basis": charge.basis,
        "source": charge.source,
    }
    if recorded is None:
        if answer["repeats"] or (charge.basis == "review" and not charge.amount):
            return []
        return [row | {"version": 1, "round": payer, "amount": charge.amount, "reason": None}]
    amount = charge.amount - recorded["total"]
    if not amount and all(row[column] == recorded[column] for column in _SHOWN):
        return []
    return [
        row
        | {
            "version": recorded["version"] + 1,
            "round": recorded["round"],
            "kind": recorded["kind"],
            "amount": amount,
            "reason": _reason(charge, row, recorded, answer) or otherwise,
        }
    ]


def _reason(charge: Charge, row: Row, recorded: Row, answer: Row) -> str | None:
    """Why a charge is another than the one on record, as far as answers say it."""
    if answer["repeats"]:
        return "repeats another answer"
    if row["annotator"] != recorded["annotator"]:
        return "given by somebody else"
    if charge.basis != recorded["basis"]:
        return None
    if charge.basis == "per hour":
        return _reason_of_time(charge, row, recorded)
    if answer["skipped"]:
        return "skipped after all"
    return None if recorded["total"] else "no longer skipped"


def _reason_of_time(charge: Charge, row: Row, recorded: Row) -> str | None:
    if row["seconds"] != recorded["seconds"]:
        return "time arrived" if recorded["seconds"] is None else "answer edited"
    if charge.source != recorded["source"] and recorded["source"] == NOT_KNOWN:
        return "times of other answers arrived"
    before, now = recorded["capped_seconds"], charge.capped_seconds
    if before is None or now is None or before == now:
        return None
    if row["seconds"] is None:
        return "typical time changed by later answers"
    return f"cap {'lowered' if now < before else 'raised'} by later answers"


def _keep_invoices(ledger: Ledger, rows: list[Row]) -> None:
    """What was invoiced stays: corrections of answers that an invoice was for are taken back on its own line."""
    invoices = queries.costs.invoices(ledger)
    corrections = [row for row in rows if row["version"] > 1 and (row["round"], row["kind"]) in invoices]
    if not corrections:
        return
    first = queries.costs.first_rows(ledger)
    moved: Counter[tuple[int, str]] = Counter()
    for row in corrections:
        place = (row["round"], row["kind"])
        if first[row["source_id"]] < invoices[place]["first"]:
            moved[place] += row["amount"]
    ledger.insert(
        "costs",
        [
            {
                "source_id": invoices[place]["source_id"],
                "version": invoices[place]["n"] + 1,
                "round": place[0],
                "kind": place[1],
                "amount": -amount,
                "currency": rows[0]["currency"],
                "basis": "invoice",
                "source": "invoiced",
                "reason": "what was invoiced stays",
            }
            for place, amount in moved.items()
            if amount
        ],
    )
