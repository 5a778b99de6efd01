"""Which model a name stands for, told from its files: no weights are loaded to find out that nothing changed."""

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

from integrations.errors import EncoderError

WEIGHTS = (".safetensors", ".bin", ".json", ".txt", ".model")


def model_fingerprint(name: str, *settings: str) -> str | None:
    """A hash that changes when the model does.

    Args:
        name: folder of a model, or its name on the Hugging Face hub.
        settings: whatever else decides on the numbers.

    Returns:
        16 hexadecimal characters; None for a model of the hub that was not downloaded yet.
    """
    state = blake2b("\0".join(settings).encode(), digest_size=8)
    folder = Path(name)
    if folder.is_dir():
        for path in sorted(folder.rglob("*")):
            if path.suffix in WEIGHTS and path.is_file():
                state.update(path.relative_to(folder).as_posix().encode() + b"\0")
                with path.open("rb") as file:
                    while piece := file.read(2**20):
                        state.update(piece)
        return state.hexdigest()
    # comes with the extras only
    from huggingface_hub import try_to_load_from_cache

    # a name without an owner belongs to sentence-transformers
    for repository in (name,) if "/" in name else (name, f"sentence-transformers/{name}"):
        try:
            cached = try_to_load_from_cache(repository, "config.json")
        except ValueError:
            # no possible name of a model; loading it says so
            return None
        if isinstance(cached, str):
            # .../snapshots/COMMIT/config.json: the commit names every file of the model
            state.update(f"{repository}\0{Path(cached).parent.name}".encode())
            return state.hexdigest()
    return None


def fingerprint_after(name: str, load: Callable[[], object], *settings: str) -> str:
    """The fingerprint of a model; one that is not here yet is loaded, which downloads it.

    Raises:
        EncoderError: the model cannot be loaded, or was put where its files cannot be found.
    """
    found = model_fingerprint(name, *settings)
    if found is None:
        load()
        found = model_fingerprint(name, *settings)
    if found is None:
        raise EncoderError(
            f"model {name}: loaded, but its files are not in the Hugging Face cache, so a change of the model would go"
            " unnoticed. Give the folder that holds the model."
        )
    return found
