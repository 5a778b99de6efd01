"""The schema of curator 0.1: rounds, questions, answers, labels, costs and measurements."""

from __future__ import annotations

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
