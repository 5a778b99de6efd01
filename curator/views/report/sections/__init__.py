"""The sections of the page, in its order: a new one is its module, its template beside it, and its line here."""

from curator.views.report.section import Section
from curator.views.report.sections.annotators import Annotators
from curator.views.report.sections.cards import Cards
from curator.views.report.sections.classes import Classes
from curator.views.report.sections.confusion import Confusion
from curator.views.report.sections.fit import Fit
from curator.views.report.sections.gain_per_dollar import GainPerDollar
from curator.views.report.sections.last_round import LastRound
from curator.views.report.sections.learning_curve import LearningCurve
from curator.views.report.sections.picks import Picks
from curator.views.report.sections.pool_map import PoolMap
from curator.views.report.sections.slices import Slices

SECTIONS: tuple[type[Section], ...] = (
    LastRound,
    Cards,
    LearningCurve,
    GainPerDollar,
    Fit,
    Classes,
    Slices,
    Confusion,
    PoolMap,
    Annotators,
    Picks,
)
