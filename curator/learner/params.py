"""What the parameters of the head may be; everything that is wrong is said at once."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from curator.errors import ConfigError


def check_head_params(params: Mapping[str, Any]) -> None:
    """Raise one `ConfigError` that names every parameter of `EmbeddingHead` that cannot be."""
    p = params
    rules: list[tuple[str, bool, str]] = [
        ("hidden", _is_whole(p["hidden"]) and p["hidden"] >= 0, "a whole number, 0 or more"),
        ("weight_decay", _is_real(p["weight_decay"]) and p["weight_decay"] > 0, "a number above 0"),
        *((name, isinstance(p[name], bool), "true or false") for name in ("class_balanced", "prototype")),
        ("spreading", isinstance(p["spreading"], bool), "true or false"),
        *(
            (name, _is_real(p[name]) and 0 <= p[name] < 1, "a number from 0 to below 1")
            for name in ("dropout", "label_smoothing")
        ),
        ("mixup", _is_real(p["mixup"]) and p["mixup"] >= 0, "a number, 0 or more"),
        ("early_stopping", isinstance(p["early_stopping"], bool), "true or false"),
        ("temperature", p["temperature"] in ("none", "cv"), '"none" or "cv"'),
        ("n_seeds", _is_whole(p["n_seeds"]) and p["n_seeds"] >= 1, "a whole number, 1 or more"),
        (
            "random_state",
            _is_whole(p["random_state"]) and p["random_state"] >= 0,
            "a whole number, 0 or more",
        ),
        ("device", p["device"] in ("auto", "cpu", "cuda"), '"auto", "cpu" or "cuda"'),
        (
            "max_iter",
            p["max_iter"] is None or (_is_whole(p["max_iter"]) and p["max_iter"] >= 1),
            "a whole number, 1 or more, or unset",
        ),
        ("tol", _is_real(p["tol"]) and p["tol"] > 0, "a number above 0"),
    ]
    wrong = [f"{name} = {p[name]!r} (must be {rule})" for name, right, rule in rules if not right]
    if wrong:
        raise ConfigError(f"The head cannot be built: {'; '.join(wrong)}.")


def _is_whole(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _is_real(value: object) -> bool:
    return _is_whole(value) or (isinstance(value, (float, np.floating)) and bool(np.isfinite(value)))
