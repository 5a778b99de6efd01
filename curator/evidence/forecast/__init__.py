"""Forecast of a learning curve: an average over families that all level off, with intervals that were back-tested."""

from curator.evidence.forecast.core import Forecast, LabelsTo, predict
from curator.evidence.forecast.errors import ForecastRefusedError

__all__ = ["Forecast", "ForecastRefusedError", "LabelsTo", "predict"]
