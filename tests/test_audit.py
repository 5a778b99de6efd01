"""`make audit`: a finding fails, and what was not looked up never counts as a pass."""

import http.server
import json
import threading

import pytest
from support import audit
from support.audit import (
    CLEAN,
    FOUND,
    NOT_AUDITED,
    AuditError,
    Finding,
    main,
    read_exceptions,
    read_report,
    verdict,
)

VULNERABLE = {
    ("flask", "0.5"): ("PYSEC-2018-66", "CVE-2018-1000656", "0.12.3"),
    ("leaky", "1.0"): ("PYSEC-2026-7", "CVE-2026-0007", "1.1"),
}


class Osv(http.server.BaseHTTPRequestHandler):
    """Answers as api.osv.dev does."""

    knows_anything = True

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name, version = asked["package"]["name"], asked["version"]
        answer = {}
        if self.knows_anything and (name, version) in VULNERABLE:
            number, alias, fixed = VULNERABLE[name, version]
            ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
            affected = [{"package": {"name": name, "ecosystem": "PyPI"}, "ranges": ranges}]
            answer = {"vulns": [{"id": number, "aliases": [alias], "summary": "bad", "affected": affected}]}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def database(monkeypatch, tmp_path):
    """Address of a database on this machine that pip-audit itself asks."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Osv)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def files(tmp_path):
    """A list of two packages, one of them vulnerable, and no exceptions."""
    (tmp_path / "constraints.txt").write_text("# pinned\nleaky==1.0\ntight==2.0\n")
    (tmp_path / "exceptions.toml").write_text("[exceptions]\n")
    return tmp_path


def run(files, url, *more):
    return main(
        [
            str(files / "constraints.txt"),
            "--exceptions",
            str(files / "exceptions.toml"),
            "--osv-url",
            url,
            *more,
        ]
    )


def test_a_finding_fails(database, files, capsys):
    """With pip-audit itself: named with its version, its ids and the version that mends it; CI's flag changes nothing."""
    for more in ((), ("--allow-unreachable",)):
        assert run(files, database, *more) == FOUND
        assert "VULNERABLE: leaky 1.0: PYSEC-2026-7, CVE-2026-0007 (fixed in 1.1)" in capsys.readouterr().out


def test_nothing_found_is_a_pass(database, files, capsys):
    """Every package was looked up."""
    (files / "constraints.txt").write_text("tight==2.0\n")
    assert run(files, database) == CLEAN
    assert "1 packages looked up, 0 not; 0 vulnerabilities to mend" in capsys.readouterr().out


def test_an_exception_has_a_reason_and_an_end(database, files, capsys):
    """By any of its ids; one without a reason is refused, one that is not needed is said."""
    (files / "exceptions.toml").write_text(
        '[exceptions]\n"CVE-2026-0007" = "never called"\n"OLD-1" = "gone"\n'
    )
    assert run(files, database) == CLEAN
    out = capsys.readouterr().out
    assert "excepted: leaky 1.0" in out
    assert "never called" in out
    assert "no longer needed: the exception OLD-1" in out
    (files / "exceptions.toml").write_text('[exceptions]\n"CVE-2026-0007" = " "\n')
    with pytest.raises(ValueError, match="no reason for CVE-2026-0007"):
        run(files, database)


def test_no_database_is_no_pass(files, capsys):
    """Nobody answers: said, and a failure except for CI, which says it as well."""
    for more, code in (((), NOT_AUDITED), (("--allow-unreachable",), CLEAN)):
        assert run(files, "http://127.0.0.1:1/v1/query", *more) == code
        out = capsys.readouterr().out
        assert "NOT AUDITED: no database of vulnerabilities could be asked" in out
        assert "This is not a pass" in out


def test_a_database_that_knows_nothing_is_no_pass(database, files, capsys, monkeypatch):
    """An answer of "nothing known" to everything, as from a mirror, is not taken for "nothing wrong"."""
    monkeypatch.setattr(Osv, "knows_anything", False)
    assert run(files, database) == NOT_AUDITED
    assert "knows nothing about flask==0.5" in capsys.readouterr().out


def test_a_package_that_was_not_looked_up_is_named():
    """pip-audit skips a package that the database does not have, and ends with 0."""
    found = read_report(
        {
            "dependencies": [
                {"name": "a", "version": "1", "vulns": []},
                {"name": "b", "skip_reason": "Dependency not found on PyPI and could not be audited: b (1)"},
            ]
        }
    )
    code, lines = verdict(found, {"X-1": "reason"})
    assert code == NOT_AUDITED
    assert lines[0] == "NOT AUDITED: Dependency not found on PyPI and could not be audited: b (1)"
    assert lines[-1] == "1 packages looked up, 1 not; 0 vulnerabilities to mend"
    worse = audit.Audit(1, found.skipped, (Finding("c", "1", ("X-2",), ()),))
    assert verdict(worse, {})[0] == FOUND


@pytest.mark.parametrize(
    "report", [None, [], {}, {"dependencies": [3]}, {"dependencies": [{"name": "a", "vulns": [{}]}]}]
)
def test_a_report_of_another_form_is_an_error(report):
    """Never an empty list of findings."""
    with pytest.raises(AuditError, match="cannot be read"):
        read_report(report)


def test_the_exceptions_of_this_repository_have_reasons():
    """The file that `make audit` reads."""
    assert all(reason for reason in read_exceptions(audit.EXCEPTIONS).values())
