"""Tells a Label Studio where our ML backend and our webhook are, and takes both out again."""

from collections.abc import Iterable
from typing import Any

import httpx
from label_studio_sdk.core.api_error import ApiError

from integrations.errors import LabelerError
from integrations.labelers.label_studio.client import StudioClient
from integrations.labelers.label_studio.connection import AS_THE_ENVIRONMENT_SAYS, Route

# Somebody answered, changed an answer or took one back: all that a waiting round wants to know.
EVENTS = ("ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED")
TIMEOUT = 5.0  # seconds that Label Studio waits for the backend
_REFUSED = (httpx.codes.BAD_REQUEST, httpx.codes.FORBIDDEN)


class BackendClient(StudioClient):
    """The calls about ML backends and webhooks of one project.

    Args:
        url: where Label Studio is, with its scheme.
        token: as in `StudioClient`.
        timeout: seconds that one call may take.
        project: number of the project.
        title: of the backend, which tells ours from others of the project.
        header: of our webhooks, which tells them from others.
        route: as in `StudioClient`.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout: float,
        project: int,
        title: str,
        header: str,
        route: Route = AS_THE_ENVIRONMENT_SAYS,
    ) -> None:
        super().__init__(url, token, timeout=timeout, route=route)
        self._number = project
        self._title = title
        self._header = header

    def register(self, address: str, wake_path: str, user: str, secret: str, wake_secret: str) -> None:
        """Make the backend at `address` and the webhook to its `wake_path` the ones of this campaign.

        What an earlier registration left is replaced, so that doing it twice makes nothing twice and a new port or
        secret counts. Label Studio calls the backend at once: it must be up.

        Raises:
            LabelerError: Label Studio does not reach the address, or may not use it; says what to do.
        """
        # Label Studio quotes a request that it refuses.
        self._secrets.add_login(user, secret)
        self._secrets.add(wake_secret)
        self.unregister()
        before = self.project(self._number).model_version
        with self._calls("register the ML backend", write=True, missing=self._gone(self._number)):
            try:
                self._writes.ml.create(
                    project=self._number,
                    url=address,
                    title=self._title,
                    description="Suggestions of curator's newest model.",
                    is_interactive=False,
                    auth_method="BASIC_AUTH",
                    basic_auth_user=user,
                    basic_auth_pass=secret,
                    timeout=TIMEOUT,
                )
            except ApiError as exc:
                raise self._not_taken(exc, "the ML backend", address) from exc
        if self.project(self._number).model_version != before:
            # Label Studio shows the predictions of the backend's title now; the loop's carry the names of rounds. With
            # the title it would ask for every task of the stream too, and show none at all there once we are dead.
            self.change_project(self._number, model_version=before)
        # It also sends every event with its whole content to the backend, within the annotator's request.
        self._delete_webhooks(_events_of([address]))
        with self._calls("register the webhook", write=True, missing=self._gone(self._number)):
            try:
                self._writes.webhooks.create(
                    project=self._number,
                    url=f"{address}{wake_path}",
                    headers={self._header: wake_secret},
                    send_payload=False,
                    send_for_all_actions=False,
                    actions=EVENTS,
                )
            except ApiError as exc:
                raise self._not_taken(exc, "the webhook", address) from exc

    def unregister(self) -> int:
        """Take our backends and webhooks out of the project; returns how many there were."""
        with self._calls("list the ML backends", missing=self._gone(self._number)):
            ours = [
                found for found in self._reads.ml.list(project=self._number) if found.title == self._title
            ]
        for backend in ours:
            with self._calls("remove the ML backend", write=True, missing=self._gone(self._number)):
                self._writes.ml.delete(int(backend.id or 0))
        return len(ours) + self._delete_webhooks(_events_of(str(found.url) for found in ours))

    def _delete_webhooks(self, addresses: set[str]) -> int:
        """Delete the webhooks with our header, and those to one of these addresses."""
        with self._calls("list the webhooks", missing=self._gone(self._number)):
            found: list[Any] = self._reads.webhooks.list(project=str(self._number))
        ours = [hook for hook in found if self._header in (hook.headers or {}) or hook.url in addresses]
        for hook in ours:
            with self._calls("remove the webhook", write=True, missing=self._gone(self._number)):
                self._writes.webhooks.delete(int(hook.id or 0))
        return len(ours)

    def _not_taken(self, exc: ApiError, what: str, address: str) -> Exception:
        """What a refusal of an address means; the error itself when it is about something else."""
        if exc.status_code not in _REFUSED:
            return exc
        detail = self._failures.refused(exc, "", write=False, missing=None)
        said = str(detail)
        if "reserved" in said or "private" in said or "local" in said.lower():
            return LabelerError(
                f"Label Studio does not take {what} at {address}: it refuses addresses of its own machine or network. "
                "Start it with SSRF_PROTECTION_ENABLED=false and ML_BLOCK_LOCAL_IP=false, on a machine whose users "
                "you trust."
            )
        return exc


def _events_of(addresses: Iterable[str]) -> set[str]:
    """Where Label Studio sends events of itself, once it knows a backend at these addresses."""
    return {f"{address.rstrip('/')}/webhook" for address in addresses}
