"""How items are chosen: can the strategies and the model that curator.toml names be used."""

from curator.config import Config
from curator.errors import ConfigError, CuratorError
from curator.project.modal import check_strategy
from integrations.findings import Finding, fail, ok


def check_acquisition(config: Config) -> Finding:
    """Whether the strategies of later batches and of the first one are there."""
    chosen = config.acquisition
    try:
        for spec in (chosen.strategy, chosen.seed_strategy):
            check_strategy(spec, config.kind, allow_code=chosen.allow_code)
    except ConfigError as exc:
        return fail(
            "strategy",
            str(exc),
            "Fix [acquisition] in curator.toml; `curator strategies` lists the strategies.",
        )
    named, seed = (
        spec if isinstance(spec, str) else " + ".join(spec)
        for spec in (chosen.strategy, chosen.seed_strategy)
    )
    return ok("strategy", f"{named}; the first batch by {seed}")


def check_model(config: Config) -> Finding:
    """Whether the model that curator.toml names can be made."""
    section = config.model
    # The head as it comes: nothing of it can be wrong, and building one loads torch.
    if section.name == "head" and not section.params:
        return ok("model", section.name)
    try:
        config.task().new_model(section.name, section.params, section.seeds, config.project.seed)
    except CuratorError as exc:
        return fail("model", str(exc), "Fix [model] in curator.toml.")
    return ok("model", section.name)
