"""What curator 0.2 added: annotators, whole bills, comparisons, forecasts, the random arm, advice, people, changes of classes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from curator.ledger.schema.v0_1 import migrations

if TYPE_CHECKING:
    from sqlite_utils import Database

__all__ = ["migrations"]


@migrations()
def m005_annotators(db: Database) -> None:
    """What annotators were shown with each question, how many of them are asked, and what they did with it."""
    questions, answers = db.table("questions"), db.table("answers")
    questions.add_column("suggestion_shown", int)  # 0: computed, but kept back; null: there was none
    questions.add_column("answers_wanted", int, not_null_default=1)  # by different annotators
    questions.add_column("why", str)  # the line that says why it was asked
    questions.add_column("neighbours", str)  # item ids of the labeled items shown with it, JSON
    answers.add_column("cannot_tell", int, not_null_default=0)  # the annotator looked, and could not decide
    answers.add_column("suggestion", str)  # accepted | changed; null: none was shown, or it is not known
    # Even between classes: asked again. 0 on older labels, which were not.
    db.table("labels").add_column("tied", int, not_null_default=0)
    db.table("looks").add_column("times", int, not_null_default=1)  # a restored round is measured once more
    # Before this, every suggestion was shown.
    db.execute("update questions set suggestion_shown = 1 where suggestion is not null")


@migrations()
def m006_costs(db: Database) -> None:
    """A bill of more than answers: review, fixed sums, compute, and what was really invoiced."""
    # Views are made anew: a table that is rebuilt takes its name away from under them for a moment.
    db.execute("drop view gain")
    costs = db.table("costs")
    costs.transform(not_null={"key": False})  # null: of a round or of the campaign, not of an answer
    costs.add_column(
        "capped_seconds", float
    )  # that are paid: capped, or imputed; null where time is not paid
    costs.add_column("note", str)  # of an invoice
    db.execute(
        "update costs set capped_seconds = seconds where basis = 'per hour'"
    )  # nothing was capped before
    costs.create_index(["round", "kind"])
    # From here on a kind may also be review | round | campaign | compute; a basis review | per round | per campaign |
    # compute | invoice; a source also invoiced (what corrects the rest to the invoice) | assumed.
    # `cost` is what was paid for training labels, all told, since the measured round before: a round that could not be measured
    # is paid by the next one that was, as its labels are in that one's gain. Hold-out and campaign are in total_cost.
    db.create_view(
        "gain",
        """
        with spent as materialized (
            select round, sum(amount) as amount,
                   sum(case when kind in ('holdout', 'campaign') then 0 else amount end) as bought
            from costs group by round
        ), paid as (
            select g.*, coalesce((select sum(bought) from spent s where s.round > g.before and s.round <= g.round), 0)
                       as cost,
                   coalesce((select sum(amount) from spent s where s.round <= g.round), 0) as total_cost
            from (select *, lag(round, 1, 0) over (order by round) as before from gains) g
        )
        select p.round, r.labels, p.cost, p.total_cost, p.metric, p.value, p.gain, p.gain_low, p.gain_high,
               p.gain * 1000000.0 / nullif(p.cost, 0) as gain_per_dollar
        from paid p join rounds r on r.id = p.round
        order by p.round
        """,
    )
    # What is known of each sum: once a round's kind was invoiced, all of it is.
    db.create_view(
        "bill",
        """
        select c.round, c.kind, case when i.round is null then c.source else 'invoiced' end as source,
               sum(c.amount) as amount
        from costs c left join (select distinct round, kind from costs where source = 'invoiced') i
             on i.round = c.round and i.kind = c.kind
        group by 1, 2, 3 order by 1, 2, 3
        """,
    )


@migrations()
def m007_comparisons(db: Database) -> None:
    """Every measured round against earlier ones: 1, 2, 3 and 5 back, and the first; a single late gain seldom shows."""
    db.table("comparisons").create(
        {
            "round": int,
            "previous": int,  # the measured round it is compared with
            "metric": str,  # one that is compared, see curator/evidence/metrics.py, in its unit
            "before": float,
            "after": float,
            "gain": float,  # positive = better, also for log loss and cost
            "low": float,  # of `level`, two-level bootstrap
            "high": float,
            "level": float,
            "decision_low": float,  # the same, for who looks after every round
            "decision_high": float,
            "looks": int,  # at the hold-out so far; the decision interval corrects for the plan of 10, 20, 40, ...
            "lost_share": float,  # of hold-out items: right before, wrong after (by the mean over seeds)
            "won_share": float,  # wrong before, right after
            "mcnemar_p": float,  # of equal accuracy
            "detectable": float,  # smallest gain this hold-out shows with 80% power; null: none
            "cost": int,  # micro-units of the labels in between
            "worth": float,  # the gain worth paying that for; null: nobody said
            "worth_why": str,  # its inputs
            "verdict": str,  # real | worse | flat | not shown
        },
        pk=("round", "previous", "metric"),
        foreign_keys=[("round", "rounds", "id"), ("previous", "rounds", "id")],
        not_null={"before", "after", "gain", "low", "high", "level", "looks", "cost", "verdict"},
    )


@migrations()
def m008_forecasts(db: Database) -> None:
    """What was forecast after each round, and how it compared with the rounds that came."""
    db.table("forecasts").create(
        {
            "made_after": int,  # the last round that the forecast saw
            "labels": int,  # that it is for
            "now": int,  # labels of that last round
            "rounds_seen": int,
            "holdout_items": int,
            "metric": str,
            "levels": str,  # JSON: probabilities of the quantiles
            "quantiles": str,  # JSON: of the true metric
            "shown": str,  # JSON: of the metric as the same hold-out will show it
            "widths": str,  # JSON: factors on the widths from the track record, by horizon
            "method": str,  # version
            "regime": str,  # strategy, model, encoder, classes, metric: digest; forecasts do not cross a change of it
            "made_at": str,
        },
        pk=("made_after", "labels"),
        foreign_keys=[("made_after", "rounds", "id")],
        not_null={"now", "metric", "levels", "quantiles", "shown", "method", "regime"},
    )
    db.table("forecast_scores").create(
        {
            "made_after": int,
            "round": int,  # that came
            "labels": int,
            "horizon": float,  # labels / labels at the forecast
            "value": float,  # as measured
            "median": float,
            "hit50": int,  # 1: inside the interval of that content
            "hit80": int,
            "hit95": int,
            "error": float,  # value - median
            "crps": float,
            "distance": float,  # |error| / half the 80% interval on that side, before the widths' factors
        },
        pk=("made_after", "round"),
        foreign_keys=[("made_after", "rounds", "id"), ("round", "rounds", "id")],
        not_null={"labels", "horizon", "value", "median", "hit50", "hit80", "hit95", "error", "crps"},
    )


@migrations()
def m009_arm(db: Database) -> None:
    """The random arm: which picks are of it, what it says about the live pool, and what it says was saved."""
    db.table("picks").add_column("arm", int, not_null_default=0)  # 1: drawn uniformly from all candidates
    db.table("pool_estimates").create(
        {
            "round": int,  # that asked the items; its picks were judged by the model that chose them
            "quantity": str,  # accuracy (of that model on the live pool) | share (of a class in the whole pool)
            "class": str,  # '' of accuracy
            "method": str,  # arm (Wilson) | lure (Farquhar, Gal & Rainforth, 2021) | arm and labels
            "value": float,  # 0 to 1
            "low": float,  # 95%
            "high": float,
            "items": int,  # random items that it rests on
        },
        pk=("round", "quantity", "class"),
        foreign_keys=[("round", "rounds", "id")],
        not_null={"class", "method", "value", "low", "high", "items"},
    )
    db.table("savings").create(
        {
            "round": int,
            "status": str,  # measured | not measured
            "reason": str,  # why it was not measured
            "method": str,
            "level": float,  # of the intervals, 0 to 1
            "labels": int,  # training labels that were bought, the arm's included
            "arm_labels": int,
            "spent": int,  # micro-units: for those labels
            "lift": float,  # metric points: arm + strategy over the same number of random labels, at arm_labels
            "lift_low": float,
            "lift_high": float,
            "same_labels": float,  # labels the campaign needed for what the arm's labels reach
            "saved_labels": float,
            "saved": int,  # micro-units; negative: random labels would have been cheaper
            "saved_low": int,
            "saved_high": int,  # null: open, "at least"
            "inputs": str,  # JSON: what the numbers were made of
            "computed_at": str,
        },
        pk="round",
        foreign_keys=[("round", "rounds", "id")],
        not_null={"status", "labels", "arm_labels", "spent", "computed_at"},
    )


@migrations()
def m010_stop(db: Database) -> None:
    """What was said after each measured round: go on, or stop."""
    db.table("verdicts").create(
        {
            "round": int,
            "word": str,  # continue | stop | too early to say | not known | hard stop: budget, deadline or target
            "reasons": str,  # sentences, JSON
            "inputs": str,  # every number it was decided by, JSON; amounts in micro-units, gains in metric points 0-1
            "settings": str,  # of curator.toml that it depends on, JSON: changed since, it is decided anew
            "changed": float,  # share of fixed random items that this model calls otherwise than the one before
            "kappa": float,  # Cohen's, of the same two
            "said_at": str,
        },
        pk="round",
        foreign_keys=[("round", "rounds", "id")],
        not_null={"word", "reasons", "inputs", "settings", "said_at"},
    )


@migrations()
def m011_people(db: Database) -> None:
    """Who answered is a number at a server, not a name; and which answers only repeat another."""
    db.table("people").create(
        {
            "id": int,
            "annotator": str,  # what answers and costs call this person: the name as last seen, made unique
            "name": str,  # as last seen; "" = never known
            "names": str,  # every name this person ever had, the newest last, JSON
        },
        pk="id",
        not_null={"annotator", "name", "names"},
    )
    db.table("identities").create(
        {
            "origin": str,  # of the number: a server, an export; "" = before this was known; name | unknown: no number
            "number": str,
            "person": int,
        },
        pk=("origin", "number"),
        foreign_keys=[("person", "people", "id")],
        not_null={"person"},
    )
    answers = db.table("answers")
    answers.add_column("person", int)
    answers.add_column("import_id", str)  # number it had where it was exported, if it came in by an import
    # The answer that this one merely repeats: the same person once more, or a copy. It is not work, and owed nothing.
    answers.add_column("copy_of", str)
    _introduce_people(db)
    # Everything is pulled once: what was known so far says nothing of imports.
    db.execute("delete from state where key = 'cursor'")


_NO_NAMES = ("unknown", "Deleted")  # what removed people were called before m011


def _introduce_people(db: Database) -> None:
    """A person for each user number in the answers as they came, or for each name where they carry none.

    A name may have stood for several people ("Deleted"), and a person may have had several: the number decides, and of
    an answer whose author is gone by now its first version.
    """
    person_of: dict[tuple[str, str], int] = {}
    names: dict[int, dict[str, None]] = {}
    of_answer: dict[str, int] = {}
    rows = db.execute(
        "select source_id, annotator, json_extract(raw, '$.completed_by'), json_extract(raw, '$.completed_by.id') "
        "from answers order by source_id, version"
    )
    for source_id, annotator, user, inner in rows.fetchall():
        number = inner if inner is not None else user if isinstance(user, int) else None
        if number is not None:
            who = ("", str(number))
        elif annotator == "unknown":
            who = ("unknown", "1")
        else:
            who = ("name", annotator)
        if source_id not in of_answer or number is not None:
            of_answer[source_id] = person_of.setdefault(who, len(person_of) + 1)
        if annotator not in (*_NO_NAMES, f"user-{number}"):
            known = names.setdefault(of_answer[source_id], {})
            known.pop(annotator, None)
            known[annotator] = None
    taken: set[str] = set()
    for (origin, number), person in person_of.items():
        its = list(names.get(person, ()))
        shown = its[-1] if its else "unknown" if origin == "unknown" else f"user-{number}"
        if shown in taken:
            shown = f"{shown} ({number})"
        taken.add(shown)
        db.execute(
            "insert into people (id, annotator, name, names) values (?, ?, ?, ?)",
            [person, shown, its[-1] if its else "", json.dumps(its)],
        )
        db.execute("insert into identities values (?, ?, ?)", [origin, number, person])
    db.conn.executemany(
        "update answers set person = ? where source_id = ?",
        [(who, source) for source, who in of_answer.items()],
    )
    db.execute("update answers set annotator = (select p.annotator from people p where p.id = person)")
    # Costs of an answer and of its review; what no answer stands behind has no annotator.
    db.execute(
        "update costs set annotator = (select a.annotator from answers a where a.version = 1 and a.source_id = "
        "replace(costs.source_id, 'review:', '')) where annotator is not null and exists (select 1 from answers a "
        "where a.version = 1 and a.source_id = replace(costs.source_id, 'review:', ''))"
    )


@migrations()
def m013_charges(db: Database) -> None:
    """A bill that is derived from all answers: corrections say why, and what is not known is null, never 0."""
    # Views are made anew: a table that is rebuilt takes its name away from under them for a moment.
    db.execute("drop view gain")
    db.execute("drop view bill")
    # null: the first charge of an answer; else why a later row corrects what is on the bill by its amount.
    db.table("costs").add_column("reason", str)
    # JSON of [cost] that answers to this round's questions are paid by; null: as in `config`, when it was opened.
    db.table("rounds").add_column("rates", str)
    # null: what the labels in between cost is not known.
    db.table("comparisons").transform(not_null={"cost": False})
    db.table("savings").transform(not_null={"spent": False})
    # From here on a source of costs may also be: not known (time is paid, and nobody's time is known; its amount is 0).
    # The newest row of a source_id says what is known of all its rows; once a round's kind was invoiced, all of it is.
    db.create_view(
        "bill",
        """
        with charged as materialized (
            select source_id, max(version), round, kind, source, sum(amount) as amount from costs group by source_id
        ), invoiced as (
            select distinct round, kind from costs where source = 'invoiced'
        )
        select c.round, c.kind, case when i.round is null then c.source else 'invoiced' end as source,
               case when i.round is null and c.source = 'not known' then null else sum(c.amount) end as amount,
               count(*) as entries
        from charged c left join invoiced i on i.round = c.round and i.kind = c.kind
        group by 1, 2, 3 order by 1, 2, 3
        """,
    )
    # As before, but null where any part of the sum is not known.
    db.create_view(
        "gain",
        """
        with spent as materialized (
            select round, sum(amount) as amount, max(amount is null) as unknown,
                   sum(case when kind in ('holdout', 'campaign') then 0 else amount end) as bought,
                   max(kind not in ('holdout', 'campaign') and amount is null) as bought_unknown
            from bill group by round
        ), paid as (
            select g.*,
                   (select case when max(bought_unknown) then null else coalesce(sum(bought), 0) end
                    from spent s where s.round > g.before and s.round <= g.round) as cost,
                   (select case when max(unknown) then null else coalesce(sum(amount), 0) end
                    from spent s where s.round <= g.round) as total_cost
            from (select *, lag(round, 1, 0) over (order by round) as before from gains) g
        )
        select p.round, r.labels, p.cost, p.total_cost, p.metric, p.value, p.gain, p.gain_low, p.gain_high,
               p.gain * 1000000.0 / nullif(p.cost, 0) as gain_per_dollar
        from paid p join rounds r on r.id = p.round
        order by p.round
        """,
    )


@migrations()
def m015_classes(db: Database) -> None:
    """How the classes changed while the campaign ran, and labels that the user owned already."""
    db.table("class_changes").create(
        {
            "id": int,  # 0: the classes that the campaign began with
            "kind": str,  # start | add | rename | merge | split
            "sources": str,  # names before, JSON
            "targets": str,  # names after, JSON
            "asks": str,  # whose earlier answers no longer say enough: nothing | hold-out (all of them) | all (of the sources)
            "classes": str,  # all classes after it, in order, JSON
            "measured": int,  # the newest round measured before it
            "changed_at": str,  # UTC, as answers have it
        },
        pk="id",
        not_null={"kind", "sources", "targets", "asks", "classes", "measured", "changed_at"},
    )
    # Labels as they came in a file of the user's; `labels` has what they amount to.
    db.table("imported_labels").create(
        {
            "item_id": str,
            "version": int,
            "label": str,
            "classes": int,  # the newest of class_changes then: what the name meant
            "file": str,
            "imported_at": str,
        },
        pk=("item_id", "version"),
        not_null={"label", "classes", "file", "imported_at"},
    )
    labels = db.table("labels")
    labels.add_column(
        "source", str, not_null_default="answers"
    )  # answers | imported | file (of the hold-out)
    # The change of classes since which its answers no longer say enough; null: they do.
    labels.add_column("outdated", int)
    # The newest of class_changes when it was sent: an answer is given under that one, or a later one.
    db.table("questions").add_column("classes", int, not_null_default=0)
    db.table("rounds").add_column(
        "imported", int, not_null_default=0
    )  # of its labels: from files of the user's
    db.table("gains").add_column(
        "note", str
    )  # what else lies between it and the round before; or why there is no gain
    # Until now the classes of a campaign could not change.
    db.execute(
        """
        insert into class_changes (id, kind, sources, targets, asks, classes, measured, changed_at)
        select 0, 'start', '[]', '[]', 'nothing', json_extract(config, '$.project.classes'), 0,
               strftime('%Y-%m-%dT%H:%M:%f000Z', opened_at)
        from rounds where json_extract(config, '$.project.classes') is not null order by id limit 1
        """
    )
