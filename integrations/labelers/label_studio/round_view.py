"""The tab of a round in Label Studio's data manager: its questions, and what an annotator can make use of."""

from integrations.labelers.label_studio.client import StudioClient, task_filter

# Columns of the data manager that say nothing to an annotator.
_HIDDEN = (
    "tasks:inner_id",
    "tasks:data.key",
    "tasks:data.item_id",  # of a folder of classes it names the class
    "tasks:data.round",
    "tasks:data.fields",
    "tasks:data.neighbours",
    "tasks:predictions_model_versions",
    "tasks:predictions_score",
    "tasks:predictions_results",
    "tasks:annotations_results",
    "tasks:annotations_ids",
    "tasks:file_upload",
    "tasks:storage_filename",
    "tasks:draft_exists",
    "tasks:total_predictions",
    "tasks:created_at",
    "tasks:updated_at",
    "tasks:updated_by",
    "tasks:avg_lead_time",
)
_WIDTHS = {"tasks:data.text": 480, "tasks:data.image": 200, "tasks:data.why": 320}  # pixels


def open_round_view(client: StudioClient, number: int, round_: int) -> int:
    """The round's tab, the leftmost of all, so that the data manager opens with it; made if need be."""
    title = f"Round {round_}"
    views = client.views(number)
    view = min((found for found, its_title in views if its_title == title), default=None)
    if view is None:
        view = client.create_view(
            number,
            title,
            [task_filter("data.round", "equal", "Number", round_)],
            # "Label All Tasks" looks at no tab: it goes by the number of the task, and so by rank too, since
            # questions are sent in that order. It gives a task to one person at a time; what is labeled "as
            # displayed" may be given to two.
            order="tasks:data.rank",
            hidden=_HIDDEN,
            widths=_WIDTHS,
        )
    if views and views[0][0] != view:
        client.order_views(number, [view, *(found for found, _ in views if found != view)])
    return view
