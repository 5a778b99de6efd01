"""curator.toml: what the user writes, checked at load into frozen values.

Each setting is described once, in its `Field`: that feeds the file that `curator init` writes, the help of its options and
docs/reference/settings.md. Secrets are never in it: `curator.studio.credentials` says where the labeler's token comes from.
"""

from curator.config.load import CONFIG_NAME, Config, load_config, parse_config
from curator.config.money import CostSection, RateSection, StopSection
from curator.config.sections import (
    AcquisitionSection,
    DataSection,
    EncoderSection,
    HoldoutSection,
    Kind,
    LabelerSection,
    ModelSection,
    ProjectSection,
)

__all__ = [
    "CONFIG_NAME",
    "AcquisitionSection",
    "Config",
    "CostSection",
    "DataSection",
    "EncoderSection",
    "HoldoutSection",
    "Kind",
    "LabelerSection",
    "ModelSection",
    "ProjectSection",
    "RateSection",
    "StopSection",
    "load_config",
    "parse_config",
]
