"""Images that lie on our disk, brought to where the annotators' browsers can see them."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from integrations.errors import LabelerError
from integrations.labelers.label_studio.client import StudioClient
from integrations.labelers.label_studio.lots import Lots, TooLargeError

_MOST_FILES = 50  # the server takes 100 in one request
_MOST_BYTES = 32 * 1024 * 1024  # the server takes 250 MB
_REMOTE = ("http://", "https://", "s3://", "gs://")


class ImageUploads:
    """The images of one project, each content uploaded once.

    A file goes up under the hash of its content: after a kill, what is already there is found by name, and the
    name tells the annotators nothing about the item.
    """

    def __init__(self, client: StudioClient, project: int) -> None:
        self._client = client
        self._project = project
        self._known: dict[str, str] | None = None  # name we gave -> address
        self._lots = Lots(_MOST_BYTES, _MOST_FILES)

    def addresses(self, images: Iterable[str]) -> dict[str, str]:
        """Where each image can be seen: an address stays as it is, a local file is uploaded if need be.

        Raises:
            LabelerError: a file cannot be read, or cannot be uploaded.
        """
        names: dict[str, str] = {}  # image -> name we gave
        waiting: dict[str, bytes] = {}
        for image in dict.fromkeys(images):
            if is_address(image):
                continue
            content = _content(image)
            name = hashlib.sha256(content).hexdigest()[:40] + Path(image).suffix.lower()
            names[image] = name
            if name not in self._there() and name not in waiting:
                waiting[name] = content
                if len(waiting) >= _MOST_FILES or sum(map(len, waiting.values())) >= _MOST_BYTES:
                    self._upload(waiting)
                    waiting = {}
        if waiting:
            self._upload(waiting)
        return {image: self._there()[names[image]] if image in names else image for image in images}

    def _there(self) -> dict[str, str]:
        if self._known is None:
            self._known = self._by_name(self._client.uploads(self._project).values())
        return self._known

    def _upload(self, files: dict[str, bytes]) -> None:
        named = list(files.items())
        ids: list[int] = []

        def upload_lot(lot: slice) -> None:
            ids.extend(self._client.upload(self._project, named[lot]))

        try:
            self._lots.send([len(content) for _, content in named], upload_lot)
        except TooLargeError as exc:
            name, content = named[len(ids)]
            exc.args = (f"the image {name} ({len(content):,} bytes) is too large to upload: {exc}",)
            raise
        self._there().update(self._by_name(self._client.uploads(self._project, ids).values()))
        missing = [name for name in files if name not in self._there()]
        if missing:
            raise LabelerError(
                f"{len(missing)} of {len(files)} images were not stored by project {self._project}, first "
                f"{missing[0]}. Does the server accept files with this ending?"
            )

    def _by_name(self, paths: Iterable[str]) -> dict[str, str]:
        """Our name -> address. The server stores under a random prefix: "upload/5/1a2b3c4d-NAME"."""
        return {path.rpartition("-")[2]: f"{self._client.path_prefix()}/data/{path}" for path in paths}


def is_address(image: str) -> bool:
    """Whether an image is an http(s) address or one in a bucket, which the browser or the server finds by itself."""
    return image.lower().startswith(_REMOTE)


def _content(image: str) -> bytes:
    try:
        return Path(image).read_bytes()
    except OSError as exc:
        raise LabelerError(
            f"the image {image} cannot be read ({exc.strerror}). Put it back and try again."
        ) from exc
