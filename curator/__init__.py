"""curator: active-learning data curation with a labeling loop that proves what each dollar gained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from curator.views.api import Project, open_project, query_strategy

__version__ = "0.2.0"
__all__ = ["Project", "__version__", "open_project", "query_strategy"]


def __getattr__(name: str) -> Any:
    # torch and faiss take seconds to import: only those pay who open a project.
    if name in ("Project", "open_project", "query_strategy"):
        from curator.views import api

        return getattr(api, name)
    raise AttributeError(f"module 'curator' has no attribute {name!r}")
