"""The labeler: can it be worked with, as far as that can be seen without asking anybody anything."""

from dataclasses import dataclass, replace
from pathlib import Path

from curator.config import Config
from curator.errors import CuratorError
from curator.ledger import queries
from curator.ledger.health import reading
from curator.pool.problems import counted
from curator.project.labeler import Former, exchange_folder, project_spec, studio_route
from curator.rounds.classes.choices import CANNOT_TELL, names_ever
from integrations.errors import LabelerError
from integrations.findings import Finding, fail, ok
from integrations.labelers.protocol import ProjectSpec
from integrations.labelers.registry import LABELERS, find_labeler


def check_labeler(folder: Path, config: Config, sample: str | None) -> list[Finding]:
    """The checks of the labeler that curator.toml names.

    Args:
        folder: of the project.
        config: curator.toml.
        sample: path or address of one image of the pool; None for a pool of texts.
    """
    name = config.labeler.name
    try:
        known = _known(folder / ".curator" / "ledger.db")
        spec = project_spec(config, known.campaign, folder, former=Former(cannot_tell=known.cannot_tell))
        if name in _CHECKS:
            return _CHECKS[name](folder, config, spec, known, sample)
        if name not in LABELERS:
            find_labeler(name)
            return [
                ok("labeler", f"{name} can be loaded; labelers from other packages are not checked further")
            ]
    except (CuratorError, LabelerError) as exc:
        return [fail("labeler", str(exc), "Fix this, then run `curator doctor` again.")]
    return []


@dataclass(frozen=True)
class _Known:
    """What the ledger knows of the labeler.

    Attributes:
        campaign: its id.
        project: the project there.
        reached: up to when answers were pulled.
        cannot_tell: the choices that gave no label once.
    """

    campaign: str
    project: str | None
    reached: str | None
    cannot_tell: tuple[str, ...]


def _known(ledger: Path) -> _Known:
    with reading(ledger) as opened:
        facts = queries.unopened.read_state(opened)
        names = queries.unopened.cannot_tell_names(opened)
    return _Known(
        campaign=facts.get("campaign", ""),
        project=facts.get("labeler_project"),
        reached=facts.get("cursor"),
        cannot_tell=names_ever(facts.get(CANNOT_TELL), names),
    )


def _label_studio(
    folder: Path, config: Config, spec: ProjectSpec, found: _Known, sample: str | None
) -> list[Finding]:
    from curator.studio.credentials import WAYS, find_token
    from integrations.labelers.label_studio.diagnosis import Expected, diagnose

    labeler = config.labeler
    if not labeler.url:
        return [fail("server", "[labeler] in curator.toml has none", 'Add url = "http://localhost:8080".')]
    token = find_token(labeler.url)
    if not token:
        return [fail("token", f"none for {labeler.url}", f"{WAYS[:1].upper()}{WAYS[1:]}")]
    known = found.project or (None if labeler.project is None else str(labeler.project))
    expected = Expected(
        project=known,
        spec=spec,
        images=labeler.images,
        image_root=labeler.image_root,
        sample=sample,
        overlap=labeler.overlap,
        reached=found.reached,
    )
    return diagnose(labeler.url, token, expected, route=studio_route(config, folder))


def _files(
    folder: Path, config: Config, spec: ProjectSpec, found: _Known, _sample: str | None
) -> list[Finding]:
    from integrations.labelers.files import FilesLabeler

    place = exchange_folder(config, folder)
    if found.project is None:
        return [ok("labeler", f"the first round creates {place}")]
    labeler = FilesLabeler(place)
    labeler.prepare(replace(spec, holder=""), found.project)
    questions, answers = labeler.question_count(), labeler.answer_count()
    return [
        ok(
            "labeler",
            f"{place}: {counted(questions, 'question')}, {counted(answers, 'answer')}, all readable",
        )
    ]


# labeler -> how it is looked into
_CHECKS = {"label-studio": _label_studio, "files": _files}
