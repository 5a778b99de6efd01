"""Many annotators at work by the API while curator pulls all the time."""

import multiprocessing
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

import httpx
from benchmarks.faults.campaigns import PRICE, Api, Place, make, seconds_for, sign_up_all
from benchmarks.faults.outcome import answers_match
from benchmarks.faults.table import Row, per_second
from support.campaign import Campaign

_HOLDOUT = 20
# What an annotator does next, and how often.
_ACTIONS = {"answer": 80, "skip": 8, "edit": 8, "take back": 4}
_Work = list[tuple[int, str, str]]  # (task, item_id, its true label)


def run(place: Place, *, annotators: int, seconds: float, questions: int) -> Iterator[Row]:
    """Rows of one round of `questions` questions that `annotators` work on for so many seconds."""
    campaign = make(
        place,
        "annotators",
        items=questions + _HOLDOUT + 500,
        batch=questions,
        holdout=_HOLDOUT,
        strategy="random",
    )
    campaign.curator("round")
    tokens = sign_up_all(place.studio, annotators)
    work: _Work = [
        (int(row["external_id"]), row["item_id"], campaign.truth[row["item_id"]])
        for row in campaign.rows("select external_id, item_id from questions order by rank")
    ]
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    people = context.Process(target=_work_all, args=(theirs, place.studio.url, tokens, work, seconds))
    people.start()
    theirs.close()
    pulls = _pull_until_done(campaign, ours)
    done, delays = ours.recv()
    people.join()
    campaign.curator("status")
    given = done["answer"] + done["skip"]
    broken = answers_match(campaign, PRICE) if given else "nobody could answer"
    said = ", ".join(f"{count:,} {what}" for what, count in sorted(done.items()))
    yield Row(
        f"{annotators} annotators at work", said, seconds, per_second(given, seconds, "answers"),
        verdict=f"median {statistics.median(delays):.2f} s per request, longest {max(delays):.1f} s",
    )  # fmt: skip
    held = campaign.rows("select count(*) as n from live_answers")[0]["n"]
    took = sorted(pulls["seconds"])
    complete = campaign.rows("select count(*) as n from state where key = 'last_complete_pull'")[0]["n"]
    yield Row(
        "rounds and status meanwhile", f"{len(took)} pulls, one after another", sum(took),
        f"median {statistics.median(took):.1f} s, longest {took[-1]:.1f} s",
        verdict="a complete pull was needed" if complete else "no complete pull but the first",
    )  # fmt: skip
    yield Row(
        "compare every answer by id", f"{held:,} answers", None,
        broken=broken, verdict="0 lost, 0 doubled, each paid once",
    )  # fmt: skip


def _pull_until_done(campaign: Campaign, people: Connection) -> dict[str, list[float]]:
    seconds = []
    while not people.poll():
        begun = time.perf_counter()
        # The round never ends meanwhile: there are more questions than can be answered.
        if len(seconds) % 2:
            campaign.curator("status")
        else:
            campaign.curator("round", code=3)
        seconds.append(time.perf_counter() - begun)
    return {"seconds": seconds}


def _work_all(pipe: Connection, url: str, tokens: list[str], work: _Work, seconds: float) -> None:
    end = time.monotonic() + seconds
    with ThreadPoolExecutor(len(tokens)) as pool:
        shares = [
            pool.submit(_annotate, url, token, work[place :: len(tokens)], end, place)
            for place, token in enumerate(tokens)
        ]
        results = [share.result() for share in shares]
    pipe.send((sum((done for done, _ in results), Counter()), [delay for _, d in results for delay in d]))


def _annotate(url: str, token: str, work: _Work, end: float, seed: int) -> tuple[Counter[str], list[float]]:
    """One annotator's day; what the server refused is counted, for it may have taken effect all the same."""
    rng, api = random.Random(seed), Api(url, token)
    done: Counter[str] = Counter()
    delays: list[float] = []
    mine: list[tuple[int, str]] = []
    ahead = list(reversed(work))
    while time.monotonic() < end and len(ahead) > 1:
        action = rng.choices(list(_ACTIONS), weights=list(_ACTIONS.values()))[0]
        if action in ("edit", "take back") and not mine:
            continue
        begun = time.monotonic()
        try:
            if action in ("answer", "skip"):
                task, item_id, label = ahead.pop()
                made = api.answer(task, label if action == "answer" else None, seconds_for(item_id))
                if action == "answer":
                    mine.append((made, label))
            elif action == "edit":
                made, label = rng.choice(mine)
                api.edit(made, rng.choice([c for c in ("blue", "green", "red") if c != label]), 9.5)
            else:
                made, _ = mine.pop(rng.randrange(len(mine)))
                api.take_back(made)
            done[action] += 1
        except httpx.HTTPError:
            done[f"failed {action}"] += 1
        delays.append(time.monotonic() - begun)
    api.close()
    return done, delays
