"""The labeler: can it be worked with, as far as that can be seen without asking anybody anything."""

from pathlib import Path

from curator.config import Config
from curator.errors import CuratorError
from curator.labelers import project_spec, studio_route
from curator.ledger.health import reading
from integrations.errors import LabelerError
from integrations.findings import Finding, fail, ok
from integrations.labelers.registry import LABELERS, labeler_class


def check_labeler(folder: Path, config: Config, sample: str | None) -> list[Finding]:
    """The checks of the labeler that curator.toml names.

    Args:
        folder: of the project.
        config: curator.toml.
        sample: path or address of one image of the pool; None for a pool of texts.
    """
    name = config.labeler.name
    try:
        campaign, project, reached = _known(folder / ".curator" / "ledger.db")
        if name == "label-studio":
            return _label_studio(folder, config, campaign, project, reached, sample)
        if name == "files":
            return [_files(folder, config, campaign, project)]
        if name not in LABELERS:
            labeler_class(name)
            return [ok("labeler", f"{name} can be loaded; a third party's labeler is not looked into")]
    except (CuratorError, LabelerError) as exc:
        return [fail("labeler", str(exc), "Mend that, then run `curator doctor` again.")]
    return []


def _known(ledger: Path) -> tuple[str, str | None, str | None]:
    """What the ledger knows of the labeler: the campaign, the project there, up to when answers were pulled."""
    with reading(ledger) as opened:
        facts = dict(opened.execute("select key, value from state").fetchall())
    return str(facts.get("campaign", "")), facts.get("labeler_project"), facts.get("cursor")


def _label_studio(
    folder: Path,
    config: Config,
    campaign: str,
    project: str | None,
    reached: str | None,
    sample: str | None,
) -> list[Finding]:
    from curator.credentials import WAYS, find_token
    from integrations.labelers.label_studio.diagnosis import Expected, diagnose

    labeler = config.labeler
    if not labeler.url:
        return [fail("server", "[labeler] in curator.toml names none", 'Add url = "http://localhost:8080".')]
    token = find_token(labeler.url)
    if not token:
        return [fail("token", f"none for {labeler.url}", f"{WAYS[:1].upper()}{WAYS[1:]}")]
    known = project or (None if labeler.project is None else str(labeler.project))
    expected = Expected(
        project=known,
        spec=project_spec(config, campaign, folder),
        images=labeler.images,
        image_root=labeler.image_root,
        sample=sample,
        overlap=labeler.overlap,
        reached=reached,
    )
    return diagnose(labeler.url, token, expected, route=studio_route(config, folder))


def _files(folder: Path, config: Config, campaign: str, project: str | None) -> Finding:
    from integrations.labelers.files import FilesLabeler

    place = folder / (config.labeler.folder or "labeling")
    if project is None:
        return ok("labeler", f"the first round makes {place}")
    labeler = FilesLabeler(place)
    labeler.prepare(project_spec(config, campaign, folder), project)
    answers = labeler.answer_count()
    return ok(
        "labeler", f"{place}: {labeler.question_count():,} questions, {answers:,} answers, all readable"
    )
