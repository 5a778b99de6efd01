"""Looks the pinned versions up in the databases of known vulnerabilities: `make audit`.

pip-audit ends with "No known vulnerabilities found" and 0 also when the database knew none of the packages, as behind
a mirror that serves packages only. So a version that is known to be vulnerable is looked up first: a database that
knows nothing about it counts as not reached; and a package that was not looked up is named.

Exit codes: 0 all looked up, nothing found but what is excepted; 1 something was found; 3 not, or not all, looked up
(0 with --allow-unreachable, which CI uses). What is excepted stands with its reason in .ci/audit-exceptions.toml.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
EXCEPTIONS = ROOT / ".ci" / "audit-exceptions.toml"
KNOWN_VULNERABLE = "flask==0.5"  # PYSEC-2018-66, PYSEC-2019-179 and others
# Asked in turn until one answers; both know the advisories of the Python Packaging Authority.
SERVICES = (("--vulnerability-service", "pypi"), ("--vulnerability-service", "osv"))
LIMIT_SECONDS = 300.0
CLEAN, FOUND, NOT_AUDITED = 0, 1, 3


class AuditError(Exception):
    """The database gave no answer that can be relied on."""


@dataclass(frozen=True)
class Finding:
    """A known vulnerability of a pinned version."""

    package: str
    version: str
    ids: tuple[str, ...]
    fixed_in: tuple[str, ...]

    def line(self) -> str:
        """One line for people."""
        way_out = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "no fix yet"
        return f"{self.package} {self.version}: {', '.join(self.ids)} ({way_out})"


@dataclass(frozen=True)
class Audit:
    """What a database said.

    Attributes:
        looked_up: packages that it knows.
        skipped: packages that were not looked up, a reason each.
        findings: what it found.
    """

    looked_up: int
    skipped: tuple[str, ...]
    findings: tuple[Finding, ...]


def audit(requirements: Path, services: Sequence[Sequence[str]] = SERVICES) -> Audit:
    """Look every pinned version up, in the first database that can be relied on.

    Raises:
        AuditError: there is none; says why for each.
    """
    reasons = []
    with tempfile.TemporaryDirectory() as folder:
        canary = Path(folder) / "canary.txt"
        canary.write_text(KNOWN_VULNERABLE + "\n", encoding="utf-8")
        for service in services:
            try:
                _check_database(read_report(_pip_audit(canary, service)))
                return read_report(_pip_audit(requirements, service))
            except AuditError as error:
                reasons.append(f"{' '.join(service[1:])}: {error}")
    raise AuditError("; ".join(reasons))


def read_report(report: Any) -> Audit:
    """What pip-audit's JSON says.

    Raises:
        AuditError: it is not of the form that we know.
    """
    try:
        packages = report["dependencies"]
        skipped = tuple(str(found["skip_reason"]) for found in packages if "skip_reason" in found)
        findings = tuple(
            Finding(
                found["name"],
                found["version"],
                tuple(dict.fromkeys([problem["id"], *problem["aliases"]])),
                tuple(problem["fix_versions"]),
            )
            for found in packages
            if "skip_reason" not in found
            for problem in found["vulns"]
        )
    except (KeyError, TypeError) as error:
        raise AuditError(f"pip-audit's report cannot be read ({type(error).__name__}: {error})") from error
    return Audit(len(packages) - len(skipped), skipped, findings)


def read_exceptions(path: Path) -> dict[str, str]:
    """Id of a vulnerability -> why it is no danger here.

    Raises:
        ValueError: an exception has no reason.
    """
    found = tomllib.loads(path.read_text(encoding="utf-8")).get("exceptions", {})
    blank = [name for name, reason in found.items() if not isinstance(reason, str) or not reason.strip()]
    if blank:
        raise ValueError(f"{path}: no reason for {', '.join(blank)}. Say why it is no danger here.")
    return dict(found)


def verdict(found: Audit, exceptions: dict[str, str]) -> tuple[int, list[str]]:
    """Exit code, and lines that say what was found, excepted, left out and no longer needed."""
    lines, open_findings, used = [], [], set()
    for finding in found.findings:
        excepted = [name for name in finding.ids if name in exceptions]
        used.update(excepted)
        if excepted:
            lines.append(f"excepted: {finding.line()}: {exceptions[excepted[0]]}")
        else:
            open_findings.append(finding)
    lines += [f"VULNERABLE: {finding.line()}" for finding in open_findings]
    lines += [f"NOT AUDITED: {reason}" for reason in found.skipped]
    unused = [] if found.skipped else sorted(exceptions.keys() - used)
    lines += [f"no longer needed: the exception {name}. Remove it." for name in unused]
    lines.append(
        f"{found.looked_up} packages looked up, {len(found.skipped)} not; {len(open_findings)} vulnerabilities to mend"
    )
    code = FOUND if open_findings else NOT_AUDITED if found.skipped else CLEAN
    return code, lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit and print; returns the exit code."""
    parser = argparse.ArgumentParser(
        description="Look pinned versions up in databases of known vulnerabilities."
    )
    parser.add_argument("requirements", nargs="?", type=Path, default=ROOT / "constraints.txt")
    parser.add_argument("--exceptions", type=Path, default=EXCEPTIONS)
    parser.add_argument(
        "--allow-unreachable", action="store_true", help="no failure when no database answers"
    )
    parser.add_argument("--osv-url", help="ask only this server, which speaks like OSV")
    options = parser.parse_args(arguments)
    services = SERVICES
    if options.osv_url:
        services = (("--vulnerability-service", "osv", "--osv-url", options.osv_url),)
    exceptions = read_exceptions(options.exceptions)
    try:
        code, lines = verdict(audit(options.requirements, services), exceptions)
    except AuditError as error:
        code, lines = NOT_AUDITED, [f"NOT AUDITED: no database of vulnerabilities could be asked ({error})."]
    if code == NOT_AUDITED:
        lines.append("This is not a pass: run `make audit` where the database can be reached.")
    print("\n".join(lines))  # noqa: T201 - this is its output
    return CLEAN if code == NOT_AUDITED and options.allow_unreachable else code


def _check_database(canary: Audit) -> None:
    if not canary.findings:
        raise AuditError(f"it knows nothing about {KNOWN_VULNERABLE}, which is vulnerable")


def _pip_audit(requirements: Path, service: Sequence[str]) -> Any:
    """pip-audit's report as JSON. Its exit code says too little: it is 1 for a finding and for most failures."""
    command = [
        *(sys.executable, "-m", "pip_audit", "--requirement", str(requirements), *service),
        # the list is complete: nothing is resolved or installed
        *("--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off", "--timeout", "30"),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise AuditError(f"no answer within {LIMIT_SECONDS:.0f} s") from error
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise AuditError(last[:300]) from error


if __name__ == "__main__":
    sys.exit(main())
