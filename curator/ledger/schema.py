"""The ledger's schema, as numbered migrations. A released migration is never edited: the next one is added.

All money is whole micro-units of the currency (1 USD = 1,000,000). All times are UTC, ISO 8601.
Nothing is ever overwritten that somebody said or was paid for: answers and labels grow by versions,
and what counts now is a view (`live_answers`, `current_labels`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from curator.ledger.migrations import Migrations

if TYPE_CHECKING:
    from sqlite_utils import Database

migrations = Migrations("curator.ledger")


@migrations()
def m001_campaign(db: Database) -> None:
    """What the campaign as a whole knows: its id, the labeler's project, how far answers were pulled."""
    db.table("state").create({"key": str, "value": str}, pk="key", not_null={"value"})
    # The sealed sample. `label` is set only when it came from the user's own labeled file.
    db.table("holdout").create(
        {
            "item_id": str,
            "source": str,  # sample | file
            "label": str,
            "probability": float,  # with which a pool item was drawn; null for a file
            "drawn_at": str,
        },
        pk="item_id",
        not_null={"source", "drawn_at"},
    )


@migrations()
def m002_rounds(db: Database) -> None:
    """A round is one batch: picked, asked, answered, trained on, measured."""
    db.table("rounds").create(
        {
            "id": int,
            "status": str,  # opened | selected | pushed | settled | trained | measured | unmeasured
            "strategy": str,  # as configured: a name, or a mixture as JSON
            "batch": int,  # questions asked for training; the hold-out comes on top
            "candidates": int,  # items that could have been picked
            "seed": int,
            "picked_with": str,  # version of the model that scored the pool; null before there was one
            "model_version": str,  # version of the model trained on this round's labels
            "labels": int,  # training labels the model saw, of all rounds so far
            "holdout_items": int,  # labeled hold-out items that measured it
            "holdout_hash": str,  # of their ids and labels: gains compare only on the same hold-out
            "holdout_duplicates": int,  # near-duplicates of hold-out items, kept out of candidates and training
            "partial": int,  # 1: settled before every question was answered
            "note": str,  # why it could not be measured, classes without a label, ...
            "config": str,  # curator.toml as it was, JSON
            "opened_at": str,
            "selected_at": str,
            "pushed_at": str,
            "settled_at": str,
            "trained_at": str,
            "measured_at": str,
        },
        pk="id",
        not_null={"status", "strategy", "seed", "config", "opened_at"},
        defaults={"partial": 0},
    )
    db.table("picks").create(
        {
            "round": int,
            "item_id": str,
            "rank": int,  # 1 = most worth asking
            "strategy": str,  # which part of a mixture chose it
            "score": float,  # of that strategy; null where it has none
            "entropy": float,  # nats; null before there was a model
            "margin": float,  # 1 - (p1 - p2); 1 is a tie
            "coverage_distance": float,  # 1 - cosine to the nearest item labeled or asked before; null for the first
            "probability": float,  # of being selected, where the strategy defines one
        },
        pk=("round", "item_id"),
        foreign_keys=[("round", "rounds", "id")],
        not_null={"rank", "strategy"},
    )


@migrations()
def m003_questions(db: Database) -> None:
    """The outbox, and what became of each question; then the answers as they came."""
    db.table("questions").create(
        {
            "key": str,  # ours, and the only identity that is trusted: labelers reuse their ids
            "round": int,
            "item_id": str,
            "role": str,  # train | holdout
            "rank": int,  # order of asking, over both roles
            "state": str,  # outbox | sending | asked | withdrawn (deleted at the labeler)
            "external_id": str,
            "suggestion": str,
            "suggestion_score": float,
            "model_version": str,
            "sending_at": str,  # when the request that may have carried it was begun
            "asked_at": str,
        },
        pk="key",
        foreign_keys=[("round", "rounds", "id")],
        not_null={"round", "item_id", "role", "rank", "state"},
    )
    db.table("questions").create_index(["item_id"], unique=False)
    db.table("questions").create_index(["round", "state"])
    db.table("answers").create(
        {
            "source_id": str,  # the labeler's own identity of the answer
            "version": int,  # 1 as first seen; an edit or a deletion adds the next
            "change": str,  # new | edited | deleted
            "key": str,
            "annotator": str,
            "label": str,
            "skipped": int,
            "problem": str,  # why no label could be read
            "seconds": float,  # as measured by the labeler, uncapped
            "created_at": str,
            "updated_at": str,
            "raw": str,  # JSON, as it came
            "round": int,  # the round that was open when it was pulled, and so pays for it
            "pulled_at": str,
        },
        pk=("source_id", "version"),
        foreign_keys=[("key", "questions", "key"), ("round", "rounds", "id")],
        not_null={"change", "key", "annotator", "skipped", "round", "pulled_at"},
    )
    db.table("answers").create_index(["key"])
    db.create_view(
        "live_answers",
        """
        select a.* from answers a
        where a.change <> 'deleted'
          and a.version = (select max(version) from answers b where b.source_id = a.source_id)
        """,
    )
    db.table("labels").create(
        {
            "item_id": str,
            "version": int,
            "role": str,  # train | holdout
            "label": str,  # null: taken back, tied, or skipped by everybody
            "answers": int,  # that gave a label
            "agreement": float,  # share of them that gave this one
            "round": int,  # that asked
            "settled_in": int,  # the round that was open when it was derived
            "settled_at": str,
        },
        pk=("item_id", "version"),
        foreign_keys=[("round", "rounds", "id")],
        not_null={"role", "answers", "settled_at"},
    )
    db.create_view(
        "current_labels",
        """
        select l.* from labels l
        where l.version = (select max(version) from labels m where m.item_id = l.item_id)
        """,
    )


@migrations()
def m004_measures(db: Database) -> None:
    """What each round measured, cost and gained, and every look at the hold-out."""
    db.table("evaluations").create(
        {
            "round": int,
            "split": str,  # train | validation (cross-validated on the training labels) | holdout
            "metric": str,  # one that is evaluated, see curator/evidence/metrics.py; of a class: precision | recall | f1
            "class": str,  # '' over all classes
            "value": float,
            "low": float,  # 95% interval, where one is computed
            "high": float,
            "items": int,
        },
        pk=("round", "split", "metric", "class"),
        foreign_keys=[("round", "rounds", "id")],
        not_null={"class", "value", "items"},
    )
    db.table("gains").create(
        {
            "round": int,
            "previous": int,  # the measured round it is compared with; null for the first
            "metric": str,
            "value": float,
            "value_low": float,
            "value_high": float,
            "gain": float,  # metric points, 0 to 1, after - before on the same items
            "gain_low": float,  # 95%, paired two-level bootstrap over items and training seeds
            "gain_high": float,
            "mcnemar_b": int,  # right before, wrong after (majority of seeds)
            "mcnemar_c": int,  # wrong before, right after
            "mcnemar_p": float,
        },
        pk="round",
        foreign_keys=[("round", "rounds", "id")],
        not_null={"metric", "value"},
    )
    db.table("costs").create(
        {
            "source_id": str,  # the answer that is paid for
            "version": int,
            "round": int,  # that pays: the one open when the answer was pulled
            "kind": str,  # label | holdout
            "key": str,
            "annotator": str,
            "seconds": float,
            "amount": int,  # micro-units
            "currency": str,
            "basis": str,  # per label | per hour
            "source": str,  # measured | imputed (no time came with the answer)
        },
        pk=("source_id", "version"),
        foreign_keys=[("round", "rounds", "id"), ("key", "questions", "key")],
        not_null={"round", "kind", "key", "amount", "currency", "basis", "source"},
    )
    db.table("looks").create(
        {
            "round": int,
            "model_version": str,
            "items": int,
            "purpose": str,
            "looked_at": str,
        },
        pk="round",
        foreign_keys=[("round", "rounds", "id")],
        not_null={"items", "purpose", "looked_at"},
    )
    # `cost` is what this round's training labels cost; the hold-out is a line of its own and is in total_cost.
    db.create_view(
        "gain",
        """
        select g.round, r.labels,
               coalesce((select sum(amount) from costs where round = g.round and kind = 'label'), 0) as cost,
               coalesce((select sum(amount) from costs where round <= g.round), 0) as total_cost,
               g.metric, g.value, g.gain, g.gain_low, g.gain_high,
               g.gain * 1000000.0
                   / nullif((select sum(amount) from costs where round = g.round and kind = 'label'), 0)
                   as gain_per_dollar
        from gains g join rounds r on r.id = g.round
        order by g.round
        """,
    )
    db.create_view(
        "metrics",
        """
        select round, metric,
               max(case when split = 'train' then value end) as train,
               max(case when split = 'validation' then value end) as validation,
               max(case when split = 'holdout' then value end) as holdout,
               max(case when split = 'train' then value end) - max(case when split = 'holdout' then value end)
                   as generalisation_gap
        from evaluations where class = '' group by round, metric order by round, metric
        """,
    )


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
