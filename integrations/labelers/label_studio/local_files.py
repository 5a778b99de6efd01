"""Images that the server itself reads from a folder: nothing is copied."""

import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from integrations.errors import LabelerError
from integrations.labelers.label_studio.client import StudioClient
from integrations.labelers.label_studio.uploads import is_address


class LocalFiles:
    """The images of one project below the folder that the server serves (its document root).

    The server shows a file only when some project has a storage connected at a folder above it that is itself
    strictly below the root, so one is connected for each folder directly below the root.
    """

    def __init__(self, client: StudioClient, project: int, root: Path) -> None:
        self._client = client
        self._project = project
        self._root = Path(os.path.abspath(root))  # noqa: PTH100 - as `_address` has it
        self._connected: set[str] | None = None

    def addresses(self, images: Iterable[str]) -> dict[str, str]:
        """Where each image can be seen: an address stays as it is, a file is served from where it lies.

        Raises:
            LabelerError: a file is not there, or lies where the server cannot serve it.
        """
        return {
            image: image if is_address(image) else self._address(image) for image in dict.fromkeys(images)
        }

    def _address(self, image: str) -> str:
        path = Path(os.path.abspath(image))  # noqa: PTH100 - without "..", but a link keeps its name
        try:
            below = path.relative_to(self._root)
        except ValueError:
            raise LabelerError(
                f"the image {image} lies outside {self._root}, the folder that Label Studio serves. "
                'Set [labeler] image_root to a folder above it, or images = "upload".'
            ) from None
        if len(below.parts) < 2:
            raise LabelerError(
                f"the image {image} lies directly in {self._root}; Label Studio serves only folders below it. "
                'Set [labeler] image_root one folder higher, or images = "upload".'
            )
        if not path.is_file():
            raise LabelerError(f"the image {image} is not there. Put it back and try again.")
        self._connect(below.parts[0])
        return f"{self._client.path_prefix()}/data/local-files/?d={quote(below.as_posix())}"

    def _connect(self, folder: str) -> None:
        if self._connected is None:
            self._connected = self._client.local_storages(self._project)
        path = str(self._root / folder)
        if path not in self._connected:
            self._client.connect_local_storage(self._project, path)
            self._connected.add(path)
