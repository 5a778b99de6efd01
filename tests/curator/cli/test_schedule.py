"""The examples for cron and CI do what they say: their shell lines are run, with known labels answering."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from support.projects import make_project
from support.studio import FilesDriver

from curator.cli.app import app
from curator.project.project import Project

ROOT = Path(__file__).resolve().parents[3]
SCHEDULE = ROOT / "data" / "schedule"
CRON = (SCHEDULE / "cron.example").read_text(encoding="utf-8")
WORKFLOW = (SCHEDULE / "github-workflow.yml").read_text(encoding="utf-8")


def cron_settings() -> dict[str, str]:
    """The variables that the crontab sets; cron hands them on as they stand."""
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", CRON, re.MULTILINE))


def cron_commands() -> list[str]:
    """The commands of the crontab: what follows the five fields of the time."""
    return re.findall(r"^[\d*/](?:\S+)?(?:\s+\S+){4}\s+(.*)$", CRON, re.MULTILINE)


def workflow_script(name: str) -> str:
    """The shell lines of a step of the workflow."""
    step = WORKFLOW[WORKFLOW.index(f"- name: {name}\n") :]
    lines = step[step.index("run: |\n") + len("run: |\n") :].splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip())
    script = []
    for line in lines:
        if line.strip() and len(line) - len(line.lstrip()) < indent:
            break
        script.append(line[indent:])
    return "\n".join(script)


@pytest.fixture
def programs(tmp_path, curator_program) -> Path:
    """A folder with `curator` and `python`, as the PATH of a job has them."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "curator").symlink_to(curator_program)
    (folder / "python").symlink_to(sys.executable)
    return folder


def shell(
    script: str, programs: Path, cwd: Path, *program: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run shell lines with no terminal anywhere, and with no more environment than a job has."""
    path = f"{programs}:/usr/local/bin:/usr/bin:/bin"
    kept = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    return subprocess.run(
        [*(program or ("/bin/sh",)), "-c", script],
        env={**kept, "HOME": str(cwd), **environment, "PATH": path},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def answered_by_files(folder: Path) -> FilesDriver:
    """Lets a campaign by files go on: every question asked so far gets an answer."""
    person = FilesDriver(folder / "labeling")
    with Project(folder) as project:
        for row in project.ledger.rows("select key from questions order by rank"):
            person.answer(row["key"], "red")
    return person


def test_the_crontab_is_one(programs):
    """Settings and two commands; no percent sign, which cron would take for a new line."""
    assert set(cron_settings()) == {"SHELL", "PATH", "MAILTO", "CAMPAIGN"}
    assert len(cron_commands()) == 2
    assert not any("%" in command for command in cron_commands())


def test_the_cron_lines_run_a_campaign(tmp_path, programs):
    """With known labels: a call sends, the next measures; nothing is printed but the status, so nothing is mailed."""
    folder = make_project(tmp_path / "p", n=60, batch=6, holdout="10")
    (folder / "token.env").write_text("export LABEL_STUDIO_API_KEY=none\n")
    run_round, morning = cron_commands()
    settings = {**cron_settings(), "CAMPAIGN": str(folder)}
    for _ in range(2):
        done = shell(run_round, programs, tmp_path, settings["SHELL"], **settings)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    first, second = [json.loads(line) for line in (folder / "rounds.jsonl").read_text().splitlines()]
    assert first["opened"] == 1
    assert (second["measured"]["round"], second["opened"]) == (1, 2)
    done = shell(morning, programs, tmp_path, settings["SHELL"], **settings)
    assert done.returncode == 0
    assert "accuracy (95%)" in done.stdout


def test_the_cron_line_is_silent_while_it_waits_and_loud_when_it_fails(tmp_path, programs):
    """Exit code 3 is no news; a failure is printed, and so mailed, with what to do."""
    folder = make_project(tmp_path / "p", labeler="files", n=60, batch=6, holdout="10")
    (folder / "token.env").write_text("")
    settings = {**cron_settings(), "CAMPAIGN": str(folder)}
    for _ in range(2):
        done = shell(cron_commands()[0], programs, tmp_path, **settings)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads((folder / "rounds.jsonl").read_text().splitlines()[-1])["waiting"]
    config = folder / "curator.toml"
    config.write_text(config.read_text().replace('kind = "text"', 'kind = "sound"'))
    done = shell(cron_commands()[0], programs, tmp_path, **settings)
    assert "Error:" in done.stdout
    assert "project.kind" in done.stdout
    assert "Traceback" not in done.stdout


def test_the_workflow_step_tells_waiting_from_failing(tmp_path, programs):
    """Its lines as the runner takes them (bash -e): 0 with a summary while it waits and when it goes on, else the code."""
    folder = make_project(tmp_path / "campaigns" / "reviews", labeler="files", n=60, batch=6, holdout="10")
    summary = tmp_path / "summary.md"
    (tmp_path / "temp").mkdir()
    assert "CURATOR_INSTANCE:" in WORKFLOW
    job = {
        "CAMPAIGN": re.search(r"CAMPAIGN: (\S+)", WORKFLOW).group(1),
        "CURATOR_INSTANCE": "a test",
        "GITHUB_STEP_SUMMARY": str(summary),
        "RUNNER_TEMP": str(tmp_path / "temp"),
    }
    assert tmp_path / job["CAMPAIGN"] == folder

    def step(name: str) -> subprocess.CompletedProcess[str]:
        return shell(workflow_script(name), programs, tmp_path, "/bin/bash", "-e", **job)

    for _ in range(2):
        assert step("Round").returncode == 0
    answered_by_files(folder)
    done = step("Round")
    assert done.returncode == 0, done.stderr
    assert summary.read_text().splitlines() == [
        "round 1 is out, 16 questions",
        "waiting: 0 of 16 answered",
        "round 2 is out, 6 questions",
    ]
    config = folder / "curator.toml"
    kept = config.read_text()
    config.write_text("name = ")
    assert step("Round").returncode == 2
    config.write_text(kept)
    done = step("Back it up")
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "temp" / "backup").iterdir())


def commands() -> list[list[str]]:
    """Every command as words, those of groups included."""

    def walk(command, words):
        found = getattr(command, "commands", None)
        if found is None:
            return [words]
        return [leaf for name, inner in sorted(found.items()) for leaf in walk(inner, [*words, name])]

    return walk(typer.main.get_command(app), [])


def test_no_command_asks_a_question():
    """No prompt, no confirmation, no hidden input anywhere: a job without a terminal would hang in it."""
    asking = {"prompt", "confirm", "getpass", "getchar", "pause"}
    found = []
    for path in sorted((ROOT / "curator").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in asking:
                    found.append(f"{path.name}:{node.lineno} {name}")
            if isinstance(node, ast.keyword) and node.arg in ("prompt", "confirmation_prompt", "hide_input"):
                found.append(f"{path.name}:{node.lineno} {node.arg}=")
    assert found == []


def test_no_command_waits_for_a_terminal(tmp_path, programs):
    """Each command without arguments and without a terminal comes to an end by itself, in an empty folder."""
    ends = {"demo", "studio up"}  # would do the whole thing
    for words in commands():
        if " ".join(words) not in ends:
            done = shell(f"curator {' '.join(words)}", programs, tmp_path)
            assert done.returncode in (0, 1, 2), f"{words}: {done.returncode} {done.stderr}"
            assert "Traceback" not in done.stderr, words
