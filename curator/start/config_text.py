"""curator.toml as `curator init` writes it."""

from datetime import date
from decimal import Decimal
from typing import Any

from curator.config import Config
from curator.pool.reading import UNKNOWN


def render_config(config: Config) -> str:
    """curator.toml as a person would like to find it: every setting with what it does."""
    c = config
    lines = [
        "# What curator works with. Edit freely: it is read anew, and checked, by every command.",
        "# The labeler's token does not belong here: export LABEL_STUDIO_API_KEY, or see docs/studio.md.",
        "",
        "[project]",
        f"name = {as_toml(c.project.name)}",
        f"kind = {as_toml(c.project.kind)}  # text or image",
        f"classes = {as_toml(list(c.project.classes))}",
        f"seed = {c.project.seed}  # the same seed and answers give the same picks and numbers again",
        "",
        "[data]  # how to read pool files; `curator add PATH` uses the same columns",
        f"source = {as_toml(c.data.source)}",
    ]
    for column, purpose in (
        ("id", "unset: an item is known by its content"),
        ("text", "what the annotator reads and the encoder sees"),
        ("image", "path or URL of each image"),
        ("label", "known labels: only the replay labeler uses them"),
        ("embedding", "embeddings that come with the data"),
    ):
        value = getattr(c.data, column)
        lines.append(
            f"{column} = {as_toml(value)}  # {purpose}" if value else f'# {column} = "..."  # {purpose}'
        )
    lines.append(
        f"show = {as_toml(list(c.data.show))}  # further columns that annotators see beside the item"
        if c.data.show
        else '# show = ["title", "author"]  # further columns that annotators see beside the item'
    )
    if c.data.label_level is not None:
        lines.append(f"label_level = {c.data.label_level}  # the folder that is the label; 1 = the outermost")
    if c.data.merge_case:
        lines.append(
            "merge_case = true  # labels that differ only by case or unseen characters are one class"
        )
    if c.data.allow_outside:
        lines.append("allow_outside = true  # images may lie outside the folder of the data file")
    lines += [
        _line(name, getattr(c.data, name), example, purpose)
        for name, example, purpose in (
            ("delimiter", ";", "between the fields of a CSV file; unset: found in its header"),
            ("encoding", "cp1252", "of text files; unset: UTF-8 and UTF-16 are recognised, others guessed"),
            ("quoting", "none", "none: double quotes are part of the text; double: they enclose fields"),
            ("header", False, "false: a CSV file has no header, and its columns are column1, column2, ..."),
        )
        if c.data.reading != UNKNOWN or name in ("delimiter", "encoding")
    ]
    lines += [
        "",
        "[encoder]  # tfidf, pixels, precomputed, sentence-transformers:NAME_OR_PATH, transformers:NAME_OR_PATH",
        f"name = {as_toml(c.encoder.name)}",
        "",
        "[model]  # head = regularised and calibrated, on frozen embeddings; or sklearn:MODULE.CLASS",
        f"name = {as_toml(c.model.name)}",
        f"seeds = {c.model.seeds}  # models trained per round; the interval of a gain needs several",
        f"params = {as_toml(c.model.params)}  # e.g. {{hidden = 256, dropout = 0.5}}",
        "",
        "[acquisition]  # `curator strategies` lists what can stand here, modAL's strategies too",
        f"batch = {c.acquisition.batch}  # questions per round",
        f"strategy = {as_toml(c.acquisition.strategy)}  # or a mixture: {{entropy = 0.3, margin = 0.3, coverage = 0.4}}",
        f"seed_batch = {c.acquisition.seed_batch}  # questions of the first round, before any model",
        f"seed_strategy = {as_toml(c.acquisition.seed_strategy)}",
        f"duplicate_cosine = {c.acquisition.duplicate_cosine}  # no pick nearer than this to another, or to an item asked before, while others are left",
        f"random_share = {c.acquisition.random_share}  # of each batch, at least 5 items, drawn at random: measures what was saved; 0: none",
        f"cost_aware = {as_toml(c.acquisition.cost_aware)}  # choose by expected gain per expected cost, where items take unequal time",
        "",
        "[holdout]  # a sealed random sample: measures every round, is never trained on or picked from",
    ]
    if c.holdout.file:
        lines.append(f"file = {as_toml(c.holdout.file)}  # labeled already: costs nothing")
    else:
        lines.append(f"size = {c.holdout.size}  # drawn and labeled in the first round")
    lines += [
        f"metric = {as_toml(c.holdout.metric)}  # what a gain is a gain of: accuracy or macro_f1",
        _line(
            "mistakes",
            c.holdout.mistakes,
            {c.project.classes[0]: {c.project.classes[1]: 5.0}},
            "true class -> predicted class -> what it costs; others 1",
        ),
        "",
        "[labeler]  # label-studio (a server), files (Label Studio's JSON in and out), replay (known labels)",
        f"name = {as_toml(c.labeler.name)}",
    ]
    if c.labeler.name == "label-studio":
        lines.append(
            f"url = {as_toml(c.labeler.url)}" if c.labeler.url else '# url = "http://localhost:8080"'
        )
        lines += [
            _line(
                "proxy",
                c.labeler.proxy,
                "none",
                "or http://HOST:PORT; unset: as HTTPS_PROXY says, never on this machine",
            ),
            _line("ca_file", c.labeler.ca_file, "ca.pem", "certificates of an authority of your own"),
        ]
        lines.append(
            f"project = {c.labeler.project}  # a project that exists already"
            if c.labeler.project
            else "# project = 12  # a project that exists already; unset: curator creates one"
        )
    if c.labeler.name in ("label-studio", "files"):
        lines += _annotator_lines(c)
    if c.labeler.name == "files":
        lines.append(f"folder = {as_toml(c.labeler.folder)}  # questions/ is written, answers/ is read")
    if c.labeler.name not in ("label-studio", "files"):
        lines.append(_cannot_tell_line(c))
    if c.labeler.name == "replay":
        lines.append(f"seconds = {c.labeler.seconds}  # about how long one answer is said to have taken")
        if c.project.kind == "text":
            lines.append(f"seconds_per_word = {c.labeler.seconds_per_word}  # and so much more for each word")
    lines += [
        "",
        "[cost]  # exactly one of price_per_label and hourly_rate, as a decimal in quotes",
        f"currency = {as_toml(c.cost.currency)}",
        _line("price_per_label", c.cost.price_per_label, "0.08", "of an answer; a skip is free"),
        _line("hourly_rate", c.cost.hourly_rate, "25.00", "of measured time"),
        *_money_lines(c),
        "",
    ]
    return "\n".join(lines)


def _line(name: str, value: Any, example: Any, purpose: str) -> str:
    """A setting that need not be there: its value, or an example as a comment."""
    given = value is not None and value != {}
    return f"{'' if given else '# '}{name} = {as_toml(value if given else example)}  # {purpose}"


def _money_lines(c: Config) -> list[str]:
    """What a round costs beside the answers, who is paid otherwise, and when to stop."""
    cost, stop = c.cost, c.stop
    lines = [
        f"paid_to_active = {cost.paid_to_active}  # hours paid per hour of measured work",
        f"review_share = {cost.review_share}  # of the answers, looked at once more ...",
        _line("review_price", cost.review_price, "0.05", "... for this price each"),
        _line("per_round", cost.per_round, "15.00", "set-up, project management"),
        _line("per_campaign", cost.per_campaign, "200.00", "once: tools, onboarding"),
        _line("compute_per_hour", cost.compute_per_hour, "2.50", "of training and scoring"),
        _line("budget", cost.budget, "800", "nothing is asked beyond it: a batch is cut to what is left"),
    ]
    for name, rate in cost.annotators.items():
        lines += ["", f"[cost.annotators.{as_toml(name)}]  # paid otherwise"]
        lines += [f"{key} = {as_toml(value)}" for key, value in rate.model_dump(exclude_none=True).items()]
    if not cost.annotators:
        lines.append('# annotators."anna@example.com" = {hourly_rate = "30.00"}  # who is paid otherwise')
    lines += [
        "",
        "[stop]  # what a better model is worth, and when the campaign is to end",
        _line("value_per_error", stop.value_per_error, "0.50", "what one wrong prediction costs"),
        _line("predictions", stop.predictions, 100_000, "that the model will make while it is used"),
        _line("target", stop.target, 0.92, "of the metric, reached with the lower end of its interval"),
        _line("deadline", stop.deadline, date(2030, 12, 31), "no batch is sent after this day"),
        f"least_per_class = {stop.least_per_class}  # labels; while a class has fewer, the verdict is never to stop",
        _line("floor", stop.floor, 0.5, f"points per 100 {cost.currency} that are worth paying for"),
    ]
    return lines


def _cannot_tell_line(c: Config) -> str:
    return f"cannot_tell = {as_toml(c.labeler.cannot_tell)}  # one choice more, which gives no label; empty: none"


def _annotator_lines(c: Config) -> list[str]:
    """What annotators see: each setting, those that are not used as a comment."""
    labeler = c.labeler
    lines = [
        f"suggestions = {as_toml(labeler.suggestions)}  # of the model: auto (until they are shown to hurt), on, off",
        f"blind_share = {labeler.blind_share}  # asked without a suggestion, to see what suggestions do",
        f"neighbours = {labeler.neighbours}  # nearest labeled items shown with each question",
        _cannot_tell_line(c),
        f"overlap = {labeler.overlap}  # answers per item ...",
        f"overlap_share = {labeler.overlap_share}  # ... for this share of the items",
    ]
    if c.project.kind == "image" and labeler.name == "label-studio":
        lines.append(
            f"images = {as_toml(labeler.images)}  # upload, or local: the server reads them from image_root"
        )
        root = labeler.image_root
        lines.append(f"image_root = {as_toml(root)}" if root else '# image_root = "/srv/images"')
    optional = (
        ("instructions", "instructions.md", "a Markdown file, shown to the annotators"),
        ("descriptions", {c.project.classes[0]: "what it means"}, "shown with the classes"),
        ("hotkeys", {c.project.classes[0]: "q"}, "unset: Label Studio numbers the classes"),
    )
    for name, example, purpose in optional:
        value = getattr(labeler, name)
        lines.append(
            f"{name} = {as_toml(value)}  # {purpose}"
            if value
            else f"# {name} = {as_toml(example)}  # {purpose}"
        )
    return lines


def as_toml(value: Any) -> str:
    """A value as TOML; the standard library only reads TOML, and a template of ours needs seven types."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal | date):
        return str(value)
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in escaped) + '"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(as_toml(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_toml(k)} = {as_toml(v)}" for k, v in value.items()) + "}"
    raise TypeError(f"no TOML for {type(value).__name__}")
