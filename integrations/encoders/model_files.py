"""Which model a name stands for, told from its files: no weights are loaded to find out that nothing changed."""

from hashlib import blake2b
from pathlib import Path

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
    from huggingface_hub import try_to_load_from_cache

    # short names belong to sentence-transformers
    for repository in (name, f"sentence-transformers/{name}"):
        cached = try_to_load_from_cache(repository, "config.json")
        if isinstance(cached, str):
            # .../snapshots/COMMIT/config.json: the commit names every file of the model
            state.update(f"{repository}\0{Path(cached).parent.name}".encode())
            return state.hexdigest()
    return None
