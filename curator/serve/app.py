"""Label Studio's ML backend protocol over the suggestions of a campaign."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from curator.serve.connections import report_quietly
from curator.serve.gate import Gate
from curator.serve.secret import WAKE_PATH
from curator.serve.suggest import Asked, Suggester
from curator.serve.wakeup import WakeUp
from integrations.errors import LabelerError
from integrations.labelers.form import Form
from integrations.labelers.protocol import Kind, Suggestion
from integrations.labelers.single_choice import SINGLE_CHOICE
from integrations.labelers.studio_config import Control, read_control
from integrations.labelers.studio_json import task_key


class _Task(BaseModel):
    data: Any = None


class _Predict(BaseModel):
    """What we read of a request; all else in it, a token and a user's password among it, is passed over."""

    tasks: list[_Task]
    label_config: str = ""


def make_app(
    suggester: Suggester,
    wake_up: WakeUp,
    kind: Kind,
    secret: str,
    say: Callable[[str], None],
    form: Form = SINGLE_CHOICE,
) -> Gate:
    """The application, behind its gate.

    Args:
        suggester: of the campaign.
        wake_up: called when Label Studio says that something was answered.
        kind: what the campaign asks about.
        secret: that callers must show.
        say: told, in a sentence, what a person should know.
        form: the kind of label that is asked for.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        report_quietly(asyncio.get_running_loop(), say)
        await suggester.warm_up()
        yield
        suggester.close()

    # Pages that describe the interface would only describe it to strangers.
    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    control_of = lru_cache(maxsize=4)(lambda config: read_control(config, kind, form=form))

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "UP"}

    @app.post("/setup")
    async def setup() -> dict[str, str]:
        # The body brings a user's token: it is not even read.
        return {"model_version": await suggester.version() or ""}

    @app.get("/versions")
    async def versions() -> dict[str, list[str]]:
        version = await suggester.version()
        return {"versions": [] if version is None else [version]}

    @app.post("/predict")
    async def predict(request: _Predict) -> dict[str, list[Any]]:
        control = control_of(request.label_config)
        asked = [_asked(task.data) for task in request.tasks]
        found = await suggester.suggest(asked)
        return {"results": [_result(suggestion, control) for suggestion in found]}

    @app.post("/webhook")
    async def webhook() -> dict[str, str]:
        # "Start training" in Label Studio: a round is run, and paid for, by `curator round` alone.
        return {}

    @app.post(WAKE_PATH, status_code=204)
    async def wake() -> Response:
        wake_up.call()
        return Response(status_code=204)

    # What came is never sent back, as the default answers would.
    @app.exception_handler(RequestValidationError)
    async def unreadable(_request: Request, _exc: RequestValidationError) -> JSONResponse:
        return JSONResponse({"detail": "not a request of the ML backend protocol"}, 422)

    @app.exception_handler(LabelerError)
    async def unfit(_request: Request, _exc: LabelerError) -> JSONResponse:
        return JSONResponse({"detail": "the labeling configuration does not fit this campaign"}, 422)

    return Gate(app, secret, say)


def _asked(data: Any) -> Asked:
    """The question behind a task; one that nobody has asked when the task is not ours."""
    key = task_key(data)
    item_id = data.get("item_id") if key is not None else None
    return Asked(key or "", item_id if isinstance(item_id, str) else "")


def _result(suggestion: Suggestion | None, control: Control) -> dict[str, Any] | list[Any]:
    """A prediction; or an empty list, of which Label Studio keeps nothing: an empty prediction would be kept and shown."""
    if suggestion is None or not control.takes(suggestion.label):
        return []
    return {
        "result": control.form.result(control, suggestion.label),
        "score": suggestion.score,
        "model_version": suggestion.model_version,
    }
