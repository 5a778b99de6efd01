"""Machine code from numba that is kept between commands where that is possible, and never a reason to fail.

numba keeps it beside the source (`__pycache__/*.nbi`, `*.nbc`), or else in the user's cache folder, or where
`NUMBA_CACHE_DIR` says. These are pickles and machine code: whoever can write there can run code as the user. So there is
none below `.curator`, which people hand on.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache


class _Kept(FunctionCache):
    """A cache whose faults only cost time: a full disk, a file torn by a power cut, one of another machine."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        except Exception:  # noqa: BLE001 - a pickle that is damaged raises whatever it likes
            with suppress(OSError):
                self.flush()  # type: ignore[no-untyped-call]  # or it would fail for ever
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(OSError):
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]


def njit(*, cache: bool = True, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """`numba.njit`, which also works where compiled code can be kept nowhere: then each process compiles anew.

    Args:
        cache: keep what is compiled.
        options: of `numba.njit`.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        made = numba.njit(**options)(function)
        if cache:
            with suppress(RuntimeError):  # neither the source's folder nor a cache folder can be written
                # what numba's own cache=True does
                made._cache = _Kept(function)  # type: ignore[no-untyped-call]  # noqa: SLF001
        return made

    return decorate


def kept_in() -> Path | None:
    """The folder where compiled code is kept; None when it is kept nowhere."""
    try:
        # numba shows it nowhere else
        return Path(_Kept(kept_in)._cache_path)  # type: ignore[no-untyped-call]  # noqa: SLF001
    except RuntimeError:
        return None
