"""How items are chosen: can the strategies that curator.toml names be used."""

from curator.config import Config
from curator.errors import ConfigError
from curator.project import check_strategy
from integrations.findings import Finding, fail, ok


def check_acquisition(config: Config) -> Finding:
    """Whether the strategies of later batches and of the first one are there."""
    chosen = config.acquisition
    try:
        check_strategy(chosen.strategy)
        check_strategy(chosen.seed_strategy)
    except ConfigError as exc:
        return fail(
            "strategy", str(exc), "Mend [acquisition] in curator.toml; `curator strategies` lists them."
        )
    named, seed = (
        spec if isinstance(spec, str) else " + ".join(spec)
        for spec in (chosen.strategy, chosen.seed_strategy)
    )
    return ok("strategy", f"{named}; the first batch by {seed}")
