"""Records what a real Label Studio answers to each call of the labeler, for the fuzz tests to damage.

    PYTHONPATH=.:tests python -m fuzz.record

rewrites recorded.json beside it. Run it when another version of Label Studio is supported.
"""

import json
import re
from pathlib import Path
from typing import Any

import httpx
from support.local_studio import LocalStudio
from support.studio import choice, questions, sdk, spec

from integrations.labelers.label_studio.labeler import LabelStudioLabeler
from integrations.labelers.protocol import Announcement

ROOT = Path(__file__).resolve().parents[2]
RECORDED = Path(__file__).with_name("recorded.json")
TITLE = "fuzz"

# What a request is, by its method, its path and something in its parameters.
CALLS = (
    ("list projects", "GET", r"/api/projects/"),
    ("create project", "POST", r"/api/projects/"),
    ("upload", "POST", r"/api/projects/\d+/import\?commit_to_project=false"),
    ("import", "POST", r"/api/projects/\d+/import"),
    ("get project", "GET", r"/api/projects/\d+/"),
    ("change project", "PATCH", r"/api/projects/\d+/"),
    ("list uploads", "GET", r"/api/projects/\d+/file-uploads"),
    ("list answers", "GET", r"/api/tasks/\?.*annotations.*"),
    ("newest task", "GET", r"/api/tasks/\?.*page_size=1&.*"),
    ("list tasks", "GET", r"/api/tasks/"),
    ("change task", "PATCH", r"/api/tasks/\d+/"),
    ("order views", "POST", r"/api/dm/views/order/"),
    ("list views", "GET", r"/api/dm/views/"),
    ("create view", "POST", r"/api/dm/views/"),
    ("list users", "GET", r"/api/users/"),
)


def call_of(request: httpx.Request) -> str:
    """The name of the call that a request makes."""
    target = request.url.raw_path.decode()
    for name, method, pattern in CALLS:
        if request.method == method and re.fullmatch(rf"{pattern}(\?.*)?", target):
            return name
    raise AssertionError(f"a call that is not known here: {request.method} {target}")


def main() -> None:
    """Go once through the labeler's story against a real server."""
    recorded: dict[str, Any] = {}

    def keep(response: httpx.Response) -> None:
        response.read()
        if response.is_success:
            recorded[call_of(response.request)] = response.json() if response.content else None

    with LocalStudio(ROOT / ".venv-studio" / "bin" / "label-studio", ROOT / ".studio") as server:
        labeler = LabelStudioLabeler(server.url, server.token)
        labeler._client._http.event_hooks = {"request": [], "response": [keep]}
        wanted = spec(TITLE, "pos", "neg")
        project = labeler.prepare(wanted, None)
        asked = questions(3)
        ids = labeler.send(asked)
        api = sdk(server.url, server.token)
        api.annotations.create(id=int(ids["k0"]), result=choice("pos"), lead_time=3.5)
        api.annotations.create(id=int(ids["k1"]), result=[], was_cancelled=True)
        for round_ in (1, 2, 2):  # the second tab is put first, the third time it is listed
            labeler.announce(Announcement(round_, None, {"k1": 2}))
        labeler.pull(labeler.pull(None).cursor)
        labeler.prepare(wanted, None)
        files = labeler._client.upload(int(project), [("a.png", b"not really an image")])
        labeler._client.uploads(int(project), files)
        RECORDED.write_text(_without_secrets(recorded, server), encoding="utf-8")


def _without_secrets(recorded: dict[str, Any], server: LocalStudio) -> str:
    text = json.dumps(recorded, indent=1, sort_keys=True)
    text = text.replace(server.token, "0" * 40).replace(server.email, "ann@example.org")
    return re.sub(r'("(?:control_weights_)?token": )"[^"]*"', r'\1""', text) + "\n"


if __name__ == "__main__":
    main()
