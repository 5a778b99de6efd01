"""The sealed sample again, as its questions name it."""

from curator.care.restore.asked import UNKNOWN_ROLE, Taken
from curator.care.restore.result import RestoreReport
from curator.errors import ConfigError, CuratorError
from curator.ledger import queries, restoring
from curator.pool.catalogue import Pool
from curator.project.holdout import seal_sample
from curator.project.project import Project
from curator.rounds.select import draw_holdout


def seal_sample_again(project: Project, taken: Taken, report: RestoreReport) -> None:
    """Enter the drawn sample: the same draw again where it fits what was asked, else the items that were asked.

    Raises:
        CuratorError: the questions do not say which of them are the hold-out's, and the draw cannot tell.
    """
    ledger = project.ledger
    asked, trained, unknown = (
        queries.questions.items_asked_as(ledger, role) for role in ("holdout", "train", UNKNOWN_ROLE)
    )
    if _drawn_again(project, asked, trained, unknown):
        report.restored.append(
            f"hold-out: the seed draws the same {project.config.holdout.size:,} items that were asked about"
        )
    elif unknown:
        raise CuratorError(
            f"{len(unknown):,} questions (from curator 0.1.0) do not say whether they belong to the hold-out, and the seed in "
            "curator.toml does not draw it from these data files. Put the seed, [holdout] size and the data files back as they were."
        )
    else:
        _enter_asked(project, taken, report)
    with ledger.write():
        restoring.give_roles(ledger, UNKNOWN_ROLE)


def _drawn_again(project: Project, asked: set[str], trained: set[str], unknown: set[str]) -> bool:
    """Whether the seeded draw fits the questions; it is then in the ledger.

    It was drawn from the pool as it was before the first round. What came in later are segments of their own, so
    every pool that began with these segments is tried.
    """
    whole = project.pool
    segments = [segment for segment in whole.segments if segment.role == "pool"]
    try:
        for end in range(1, len(segments) + 1):
            project.pool = Pool(whole.folder, whole.kind, tuple(segments[:end]))
            try:
                draw_holdout(project)
            except ConfigError:
                continue  # too small a pool for it
            drawn = set(queries.holdout.holdout_ids(project.ledger))
            if asked <= drawn and not drawn & trained and (not unknown or drawn <= unknown | asked):
                return True
            with project.ledger.write():
                restoring.unseal(project.ledger)
    finally:
        project.pool = whole
    return False


def _enter_asked(project: Project, taken: Taken, report: RestoreReport) -> None:
    ledger, size = project.ledger, project.config.holdout.size
    with ledger.write():
        seal_sample(ledger, sorted(taken.drawn.items()))
    report.missing.append(
        "The hold-out was taken from the questions that asked about it: the seed draws another sample from this pool (data files "
        "are missing or changed, or the seed or size in curator.toml was changed)."
    )
    if len(taken.drawn) != size:
        report.missing.append(
            f"The hold-out has {len(taken.drawn):,} items now, but [holdout] size in curator.toml is {size:,}: set it to "
            f"{len(taken.drawn)} before the next round."
        )
