"""What other packages add to curator through entry points: the same rules for labelers and for encoders.

A name of ours, or one that two packages claim, is refused; whatever goes wrong in somebody else's module becomes an error
that names the package. `strategies.registry` keeps the same rules in lines of its own, since neither package may
import the other.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from integrations.errors import IntegrationError


@dataclass(frozen=True, slots=True)
class Plugins:
    """The entry points of one group.

    Attributes:
        group: of entry points, as a package declares it.
        what: they are, in one word: labeler, encoder.
        ours: names that are taken.
        error: what is raised.
    """

    group: str
    what: str
    ours: Collection[str]
    error: type[IntegrationError]

    def points(self) -> dict[str, EntryPoint]:
        """Entry points by name; imports nothing.

        Raises:
            IntegrationError: a name is ours, or claimed twice.
        """
        points: dict[str, EntryPoint] = {}
        for point in entry_points(group=self.group):
            if point.name in self.ours or point.name in points:
                raise self.error(
                    f"Two {self.what}s are called {point.name!r}; one is from {_package(point)}. "
                    "Uninstall that package, or ask its author for another name."
                )
            points[point.name] = point
        return points

    def load(self, name: str) -> Any:
        """Import what a package registered under `name`.

        Raises:
            IntegrationError: there is no such name, or it cannot be imported.
        """
        points = self.points()
        if name not in points:
            known = ", ".join([*self.ours, *sorted(points)])
            raise self.error(
                f"There is no {self.what} {name!r}; known are: {known}. To use one from another package, install that package first."
            )
        point = points[name]
        try:
            return point.load()
        except Exception as exc:  # somebody else's module may fail in any way
            raise self.error(
                f"The {self.what} {name!r} from {_package(point)} cannot be loaded ({point.value}): "
                f"{type(exc).__name__}: {exc}. Update or reinstall that package."
            ) from exc

    def make(self, name: str, made: Callable[..., Any], *arguments: object, hint: str) -> Any:
        """Call what a package registered under `name`; `hint` says what to do when that fails.

        Raises:
            IntegrationError: it fails, in whatever way.
        """
        try:
            return made(*arguments)
        except self.error:
            raise
        except Exception as exc:
            raise self.refuse(name, f"cannot be made: {type(exc).__name__}: {exc}. {hint}") from exc

    def refuse(self, name: str, problem: str) -> IntegrationError:
        """The error about what a package registered under `name`; `problem` goes on after the name of the package."""
        return self.error(f"The {self.what} {name!r} from {_package(self.points()[name])} {problem}")


def _package(point: EntryPoint) -> str:
    return f"the package {point.dist.name!r}" if point.dist else "an unknown package"
