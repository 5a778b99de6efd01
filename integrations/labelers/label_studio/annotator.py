"""A simulated annotator: answers questions through Label Studio's API as a browser would.

It has an account of its own whose name says what it is, so that nobody takes its answers for a person's.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

import httpx
from label_studio_sdk import LabelStudio

from integrations.errors import LabelerError
from integrations.labelers.studio_config import Control, read_control

EMAIL = "simulated-annotator@curator.local"
_PAGE = 200
_TIMEOUT = 60.0  # seconds


def sign_up(url: str, email: str, password: str, *, invitation: str | None = None) -> str:
    """Make an account by the sign-up form, as a person would; returns its token.

    Args:
        url: address of the server.
        email: name of the account.
        password: its password.
        invitation: token of an invitation link, for a server that takes nobody without.

    Raises:
        LabelerError: the server takes no sign-ups, or has this account already.
    """
    page = "/user/signup/" + (f"?token={invitation}" if invitation else "")
    try:
        return _token_by_form(url, page, email, password)
    except (httpx.HTTPError, ValueError, KeyError) as exc:
        raise LabelerError(
            f"no account for {email} could be made at {url} ({type(exc).__name__}). "
            "Does the server allow sign-ups, and is the name still free?"
        ) from exc


def account_token(url: str, email: str, password: str, owner_token: str) -> str:
    """The token of an account, which is made by an invitation when there is none.

    Args:
        url: address of the server.
        email: name of the account.
        password: its password.
        owner_token: token of somebody who may invite.

    Raises:
        LabelerError: the account has another password, or cannot be made.
    """
    try:
        return _token_by_form(url, "/user/login/", email, password)
    except (httpx.HTTPError, ValueError, KeyError):  # no such account yet
        pass
    try:
        reply = httpx.get(
            f"{url}/api/invite", headers={"Authorization": f"Token {owner_token}"}, timeout=_TIMEOUT
        )
        invitation = str(reply.raise_for_status().json()["token"])
    except (httpx.HTTPError, ValueError, KeyError) as exc:
        raise LabelerError(f"{url} gave no invitation ({type(exc).__name__}).") from exc
    return sign_up(url, email, password, invitation=invitation)


def _token_by_form(url: str, page: str, email: str, password: str) -> str:
    with httpx.Client(base_url=url, follow_redirects=True, timeout=_TIMEOUT) as browser:
        browser.get(page).raise_for_status()
        form = {
            "csrfmiddlewaretoken": browser.cookies.get("csrftoken", ""),
            "email": email,
            "password": password,
        }
        browser.post(page, data=form, headers={"Referer": f"{url}{page}"})
        reply = browser.get("/api/current-user/token")
        return str(reply.raise_for_status().json()["token"])


class SimulatedAnnotator:
    """Answers what is unanswered.

    Args:
        url: address of the server.
        token: legacy token or personal access token of the annotator's own account.
        answer: the data of a task -> the class to choose; None = skip it.
        seconds: lead time to report for every answer.
    """

    def __init__(
        self, url: str, token: str, answer: Callable[[Mapping[str, Any]], str | None], *, seconds: float = 4.0
    ) -> None:
        make: Any = LabelStudio  # its constructor has no types
        self._sdk: LabelStudio = make(
            base_url=url,
            api_key=token,
            max_retries=0,  # a repeated POST would be a second answer
            httpx_client=httpx.Client(timeout=_TIMEOUT, limits=httpx.Limits(max_keepalive_connections=0)),
        )
        self._answer = answer
        self._seconds = seconds

    def run(self, project: int, *, most: int | None = None) -> int:
        """Answer the unanswered tasks of a project, in the order of their ids.

        Args:
            project: number of the project.
            most: stop after so many; None = when none is left.

        Returns:
            How many were answered, skips included.
        """
        control = self._control(project)
        done = 0
        while most is None or done < most:
            tasks = self._unanswered(project)
            if not tasks:
                break
            for task in tasks[: None if most is None else most - done]:
                self._post(task, control)
                done += 1
        return done

    def _control(self, project: int) -> Control:
        config = str(self._sdk.projects.get(project).label_config)
        try:
            return read_control(config, "text")
        except LabelerError:
            return read_control(config, "image")

    def _unanswered(self, project: int) -> list[Any]:
        filters = [
            {"filter": f"filter:tasks:{counter}", "operator": "equal", "type": "Number", "value": 0}
            for counter in ("total_annotations", "cancelled_annotations")
        ]
        query = {"filters": {"conjunction": "and", "items": filters}, "ordering": ["tasks:id"]}
        page: Any = self._sdk.tasks.list(
            project=project, query=json.dumps(query), include="id,data", page_size=_PAGE, resolve_uri=False
        )
        return list(page.items or ())

    def _post(self, task: Any, control: Control) -> None:
        label = self._answer(task.data)
        result = [] if label is None else control.form.result(control, label)
        self._sdk.annotations.create(
            id=task.id,
            result=cast("Any", result),
            was_cancelled=label is None,
            lead_time=self._seconds,
        )
