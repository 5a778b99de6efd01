"""What a check found: the common value of `curator doctor` and of the checks that adapters bring."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a diagnosis.

    Attributes:
        name: what was looked at, a few words.
        state: ok; warn = works, but something is to be known; fail = a round would not work, or not rightly.
        detail: what was found.
        remedy: what to do about it; "" where nothing is to be done.
    """

    name: str
    state: State
    detail: str
    remedy: str = ""


def ok(name: str, detail: str) -> Finding:
    """Nothing to do."""
    return Finding(name, "ok", detail)


def warn(name: str, detail: str, remedy: str) -> Finding:
    """Works, but."""
    return Finding(name, "warn", detail, remedy)


def fail(name: str, detail: str, remedy: str) -> Finding:
    """Has to be mended first."""
    return Finding(name, "fail", detail, remedy)
