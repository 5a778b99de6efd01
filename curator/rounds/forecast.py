"""After a round is measured: forecasts for those to come are kept, and those that this round decides are scored."""

from curator.money.score_keeping import keep_score
from curator.money.track_record import add_to_pool, pooled_scores, pooled_widths, record_path
from curator.project import Project


def keep_forecasts(project: Project) -> None:
    """Make and score what is missing; campaigns on known labels do not count in the user's pooled record."""
    path = record_path()
    scores = keep_score(project.ledger, pooled_widths(pooled_scores(path)))
    if project.config.labeler.name != "replay":
        add_to_pool(path, project.campaign, scores)
