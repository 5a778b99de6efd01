"""`curator doctor`: looks at everything a round needs, in the order in which things break."""

from collections.abc import Callable, Sequence
from pathlib import Path

from curator.care.checks.installation import check_installation, check_libraries
from curator.care.checks.project import check_acquisition, check_disk, check_folder, check_model
from curator.config import CONFIG_NAME, Config, load_config
from curator.errors import ConfigError, CuratorError
from integrations.findings import Finding, fail, ok

_STATE = ".curator"


def examine(folder: Path, *, libraries: bool = False) -> list[Finding]:
    """Every check that makes sense in `folder`: without a project only those of the installation.

    The libraries that compute are started where `libraries` asks for it, and where there is nothing else to look at.
    Nothing is changed, at the labeler neither, and a broken part hides no other one.
    """
    folder = folder.resolve()
    findings = check_installation()
    state = folder / _STATE
    alone = not (folder / CONFIG_NAME).exists() and not state.exists()
    if alone or libraries:
        findings += check_libraries()
    if alone:
        return [*findings, ok("project", f"none in {folder}: only the installation was checked")]
    config, found = _config(folder)
    findings.append(found)
    if not state.is_dir():
        remedy = "Restore a backup (`curator restore`), or start over: move curator.toml away, then `curator init`."
        return [*findings, fail("folder", f"{state} is missing", remedy)]
    try:
        return findings + _project(folder, state, config)
    except ImportError as exc:
        return [
            *findings,
            fail("project", f"cannot be checked: {exc}", "Install the packages named above first."),
        ]


def failed(findings: Sequence[Finding]) -> bool:
    """Whether something has to be mended."""
    return any(finding.state == "fail" for finding in findings)


def _config(folder: Path) -> tuple[Config | None, Finding]:
    try:
        config = load_config(folder)
    except (ConfigError, OSError) as exc:
        remedy = "Fix it, or restore it from a backup: `curator backup` keeps a copy."
        return None, fail("configuration", str(exc), remedy)
    return config, ok("configuration", f"{CONFIG_NAME} of {config.project.name!r}")


def _project(folder: Path, state: Path, config: Config | None) -> list[Finding]:
    from curator.care.checks.labeler import check_labeler
    from curator.care.checks.ledger import check_ledger
    from curator.care.checks.pool import PoolReport, check_pool

    findings = _guarded("folder", lambda: check_folder(folder))
    pool = PoolReport([])
    if config is not None:
        try:
            pool = check_pool(state, config)
        except ImportError:
            raise
        except Exception as exc:  # noqa: BLE001 - as below
            pool = PoolReport([_fault("pool", exc)])
    findings += _guarded("disk", lambda: [check_disk(folder, pool.missing_bytes)])
    findings += _guarded("ledger", lambda: check_ledger(state / "ledger.db", config))
    findings += pool.findings
    if config is not None:
        findings += _guarded("acquisition", lambda: [check_acquisition(config), check_model(config)])
        sample = pool.sample[0] if pool.sample else None
        findings += _guarded("labeler", lambda: check_labeler(folder, config, sample))
    return findings


def _guarded(name: str, check: Callable[[], list[Finding]]) -> list[Finding]:
    """Whatever makes a check fail is a finding as well."""
    try:
        return check()
    except ImportError:
        raise
    except Exception as exc:  # noqa: BLE001 - a damaged project makes code raise whatever it likes
        return [_fault(name, exc)]


def _fault(name: str, exc: Exception) -> Finding:
    said = str(exc) if isinstance(exc, OSError | CuratorError) else f"{type(exc).__name__}: {exc}"
    return fail(name, f"cannot be checked ({said})", "Fix this, then run `curator doctor` again.")
