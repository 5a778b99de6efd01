"""What a campaign came to, in the ledger and at the server, without what differs between two runs of the same seed."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from support.campaign import Campaign

from curator.ledger.store import Ledger

Facts = dict[str, Any]

# Two runs differ in these: when, which campaign, and the server's own numbers.
_OWN = ("key", "external_id", "source_id", "raw", "cursor")


def in_ledger(folder: Path) -> Facts:
    """Decisions, answers, labels, money and measures."""
    with Ledger(folder / ".curator" / "ledger.db") as ledger:
        item_of = {row["key"]: row["item_id"] for row in ledger.rows("select key, item_id from questions")}
        tables = (
            "rounds",
            "holdout",
            "picks",
            "questions",
            "answers",
            "labels",
            "costs",
            "evaluations",
            "gains",
            "comparisons",
            "looks",
        )
        return {
            name: sorted(
                (_plain(row, item_of) for row in ledger.rows(f"select * from {name}")),
                key=lambda row: json.dumps(row, sort_keys=True),
            )
            for name in tables
        }


def _plain(row: Facts, item_of: dict[str, str]) -> Facts:
    kept = {name: value for name, value in row.items() if name not in _OWN and not name.endswith("_at")}
    if "key" in row:
        kept["item_id"] = item_of[row["key"]]
    if "config" in kept:  # the address of the server is in it
        config = json.loads(kept["config"])
        config["labeler"].pop("url")
        config["data"].pop("source", None)
        kept["config"] = config
    return kept


def at_server(campaign: Campaign) -> Facts:
    """Tasks, answers, tabs and what annotators see, by the server's API."""
    tasks = sorted(
        (
            {
                "item_id": task["data"]["item_id"],
                "data": {name: value for name, value in task["data"].items() if name != "key"},
                "meta": task["meta"],
                "suggestions": [(found["model_version"], found["score"]) for found in task["predictions"]],
                "answers": sorted(
                    (json.dumps(a["result"], sort_keys=True), a["was_cancelled"], a["lead_time"])
                    for a in task["annotations"]
                ),
            }
            for task in all_tasks(campaign)
        ),
        key=lambda task: json.dumps(task, sort_keys=True),
    )
    views: Any = campaign.api.views.list(project=campaign.number)
    return {
        "tasks": tasks,
        "tabs": sorted(view.model_dump()["data"]["title"] for view in views),
        "model_version": campaign.api.projects.get(campaign.number).model_version,
        "projects": len(projects_of(campaign)),
    }


def projects_of(campaign: Campaign) -> list[int]:
    """Numbers of the projects at the server that were made for a campaign."""
    (row,) = campaign.rows("select value from state where key = 'campaign'")
    return [project.id for project in campaign.api.projects.list(title=row["value"])]


def all_tasks(campaign: Campaign, *, page: int = 1000) -> Iterator[Facts]:
    """Every task of a campaign's project as the server tells it, with its annotations."""
    with httpx.Client(
        base_url=campaign.studio.url,
        headers={"Authorization": f"Token {campaign.studio.token}"},
        timeout=120.0,
    ) as client:
        number, seen, total = 1, 0, 1
        while seen < total:
            found = client.get(
                "/api/tasks/",
                params={
                    "project": campaign.number,
                    "query": json.dumps({"ordering": ["tasks:id"]}),
                    "include": "id,data,meta,predictions,annotations,result,completed_by,was_cancelled,lead_time,"
                    "created_at,updated_at,model_version,score",
                    "fields": "all",
                    "page": number,
                    "page_size": page,
                },
            ).raise_for_status()
            total = found.json()["total"]
            yield from found.json()["tasks"]
            number, seen = number + 1, seen + page


def first_difference(expected: Facts, found: Facts) -> str:
    """Where two outcomes differ, in one line; "" when they do not."""
    for name, rows in expected.items():
        if rows == found[name]:
            continue
        if not isinstance(rows, list):
            return f"{name} is {found[name]!r} instead of {rows!r}"
        missing = [row for row in rows if row not in found[name]]
        added = [row for row in found[name] if row not in rows]
        counts = f"{len(found[name])} instead of {len(rows)} {name}"
        return f"{counts}; missing {str(missing[:1])[:600]}; added {str(added[:1])[:600]}"
    return ""


def asked_once(campaign: Campaign) -> str:
    """Whether each question of the ledger is one task at the server, and no other is there; what is wrong, or ""."""
    asked = campaign.rows("select key, state, external_id from questions")
    there = Counter(task["data"].get("key") for task in all_tasks(campaign))
    doubled = [key for key, count in there.items() if count > 1]
    missing = [row["key"] for row in asked if row["state"] == "asked" and row["key"] not in there]
    waiting = [row["key"] for row in asked if row["state"] in ("outbox", "sending")]
    unknown = set(there) - {row["key"] for row in asked}
    problems = {
        "doubled": doubled, "missing at the server": missing, "not sent": waiting, "unknown": sorted(unknown),
    }  # fmt: skip
    return "; ".join(f"{len(keys)} {what} ({keys[0]})" for what, keys in problems.items() if keys)


def answers_match(campaign: Campaign, price: int) -> str:
    """Whether the ledger holds exactly the server's answers, each paid once; what is wrong, or "".

    Args:
        campaign: whose answers were all pulled.
        price: of a label, in micro-units.
    """
    there = {}
    for task in all_tasks(campaign):
        for given in task["annotations"]:
            chosen = [choice for region in given["result"] or [] for choice in region["value"]["choices"]]
            there[f"{given['id']}@{_utc(given['created_at'])}"] = (
                task["data"]["key"],
                None if given["was_cancelled"] else chosen[0],
                int(given["was_cancelled"]),
                given["lead_time"],
            )
    live = campaign.rows("select source_id, key, label, skipped, seconds from live_answers")
    held = {row["source_id"]: (row["key"], row["label"], row["skipped"], row["seconds"]) for row in live}
    lost = [source for source in there if source not in held]
    doubled = [source for source in held if source not in there]
    changed = [source for source in there if source in held and there[source] != held[source]]
    paid = {
        row["source_id"]: row["paid"]
        for row in campaign.rows("select source_id, sum(amount) as paid from costs group by source_id")
    }
    owed = campaign.rows("select source_id, max(not skipped) as work from answers group by source_id")
    wrong = [row["source_id"] for row in owed if paid.get(row["source_id"], 0) != price * row["work"]]
    problems = {
        "lost": lost, "that the server does not hold": doubled, "not as they are at the server": changed,
        "not paid exactly once": wrong,
    }  # fmt: skip
    return "; ".join(f"{len(found)} answers {what} ({found[0]})" for what, found in problems.items() if found)


def _utc(time: str) -> str:
    moment = datetime.fromisoformat(time).astimezone(UTC).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='microseconds')}Z"
