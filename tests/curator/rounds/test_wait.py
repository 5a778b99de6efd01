"""`curator round --wait`: gentle looks, quick wake-ups, servers that are away, laptops that sleep."""

import io
import itertools
import os
import pty
import re
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from rich.console import Console
from support.local_studio import LocalStudio
from support.process import start_curator
from support.projects import dump, edit_config, labels_of, make_project
from support.studio import Fault, FilesDriver, gateway, sdk
from typer.testing import CliRunner

from curator.cli.app import app
from curator.cli.text.waiting import WaitDisplay, waiting_line
from curator.errors import ConfigError, LockedError
from curator.files import project_lock
from curator.project.project import Project
from curator.project.wake import WakeWatch, wake, wake_file
from curator.rounds import wait as waiting_module
from curator.rounds.run import run_round
from curator.rounds.wait import QUICK, Pace, Waiting, duration, elapsed_clock, wait_for_round
from curator.views.status import read_status
from integrations import plugins
from integrations.class_names import ClassNames
from integrations.errors import LabelerError
from integrations.labelers.label_studio.annotator import SimulatedAnnotator
from integrations.labelers.label_studio.client import StudioClient
from integrations.labelers.label_studio.launch import free_port
from integrations.labelers.registry import PLUGINS

ROOT = Path(__file__).resolve().parents[3]
QUESTIONS = 16  # of the first round: a batch of 6 and a hold-out of 10
HOUR = 3600.0


class Campaign:
    """A campaign by files whose first round is out, and the person who answers it."""

    def __init__(self, folder: Path) -> None:
        self.folder = make_project(folder, labeler="files", n=60, batch=6, holdout="10")
        with Project(self.folder) as project:
            run_round(project)
            self.truth = labels_of(project)
            self.asked = project.ledger.rows("select key, item_id from questions order by rank")
        self.person = FilesDriver(self.folder / "labeling")
        self.looks = 0

    def open(self) -> Project:
        self.looks += 1
        return Project(self.folder)

    def answer(self, n: int) -> None:
        """The next `n` questions get their true labels."""
        for row in self.asked[:n]:
            self.person.answer(row["key"], self.truth[row["item_id"]])
        del self.asked[:n]


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    return Campaign(tmp_path / "campaign")


class Time:
    """A clock that only moves when somebody sleeps; what was planned happens on the way."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._plan: list[tuple[float, Callable[[], object]]] = []

    def at(self, seconds: float, act: Callable[[], object]) -> None:
        """Do something so many seconds after the start."""
        self._plan.append((1000.0 + seconds, act))

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds
        for moment, act in [entry for entry in self._plan if entry[0] <= self.now]:
            self._plan.remove((moment, act))
            act()


def test_looks_are_quick_while_answers_come_and_rare_while_none_do(campaign):
    """The pause starts short, grows to --poll and no further, and is short again after an answer."""
    time_ = Time()
    seen: list[tuple[float, int]] = []
    time_.at(400, lambda: campaign.answer(1))
    time_.at(900, lambda: campaign.answer(QUESTIONS - 1))
    report = wait_for_round(
        campaign.open,
        poll=30.0,
        show=lambda state: seen.append((time_.now - 1000, state.answered)),
        clock=time_.clock,
        sleep=time_.sleep,
    )
    assert report.measured["round"] == 1
    assert report.opened == 2
    moments = [moment for moment, _ in seen]
    gaps = [b - a for a, b in itertools.pairwise(moments)]
    assert gaps[0] == pytest.approx(QUICK)
    assert max(gaps) == pytest.approx(30.0)
    noticed = next(i for i, (_, answered) in enumerate(seen) if answered == 1)
    assert 400 <= moments[noticed] <= 430
    assert gaps[noticed] == pytest.approx(QUICK)
    assert [answered for _, answered in seen] == [0] * noticed + [1] * (len(seen) - noticed)


def test_a_look_a_second_is_never_exceeded(campaign):
    """Whoever calls all the time wakes the round often, but not more than twice a second."""
    time_ = Time()
    path = wake_file(campaign.folder / ".curator")

    def sleep(seconds: float) -> None:
        time_.sleep(seconds)
        os.utime(path, ns=(0, int(time_.now * 1e9))) if path.exists() else path.touch()

    report = wait_for_round(campaign.open, poll=HOUR, timeout=20.0, clock=time_.clock, sleep=sleep)
    assert report.waiting
    assert 20 <= campaign.looks <= 42


def test_a_call_wakes_it_at_once(campaign):
    """Whoever waits for an hour looks as soon as the wake file is touched, in real time."""
    found = []
    thread = threading.Thread(
        target=lambda: found.append(wait_for_round(campaign.open, poll=HOUR, sleep=_no_long_sleep))
    )
    thread.start()
    path = wake_file(campaign.folder / ".curator")
    campaign.answer(QUESTIONS)
    while thread.is_alive():  # the test's own time limit ends this when nobody wakes up
        wake(path)
        thread.join(0.3)
    assert found[0].measured["round"] == 1
    assert campaign.looks <= 5


def _no_long_sleep(seconds: float) -> None:
    assert seconds <= 0.25
    time.sleep(seconds)


def test_a_watch_sees_touches_after_it_was_armed(tmp_path):
    """The first touch ever, a later one, and none that was there before."""
    path = tmp_path / "wake"
    watch = WakeWatch(path)
    assert not watch.called
    wake(path)
    assert watch.called
    watch.rearm()
    assert not watch.called
    os.utime(path, ns=(1, 1))
    assert watch.called


def test_a_sleeping_laptop_is_survived(campaign):
    """Eight hours pass within one nap: it looks at once, and one more time even when its time is over."""
    time_ = Time()
    jumped = []

    def sleep(seconds: float) -> None:
        time_.sleep(seconds)
        if not jumped:
            jumped.append(campaign.looks)
            time_.now += 8 * HOUR
            campaign.answer(QUESTIONS)

    report = wait_for_round(campaign.open, poll=60.0, timeout=HOUR, clock=time_.clock, sleep=sleep)
    assert report.measured["round"] == 1
    assert jumped == [2]  # once to find the folder, once to look
    assert campaign.looks == 3


def test_the_clock_counts_sleep_and_nobody_sets_it():
    """On Linux it is the time since boot, which `date --set` does not move and a suspended machine does."""
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= elapsed_clock() <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_at_the_end_of_its_time_it_says_so(campaign):
    """Exit code 3, and the answers that came are in the ledger."""
    campaign.answer(3)
    arguments = ["round", "--project", str(campaign.folder), "--wait", "--timeout", "0"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 3
    assert f"3 of {QUESTIONS} questions answered" in done.stdout
    assert len(dump(campaign.folder)["answers"]) == 3


def test_others_work_while_it_sleeps(campaign):
    """No lock is held between looks: status pulls, and what it pulled is seen by the next look."""
    time_ = Time()
    notes, states = [], []

    def look() -> None:
        campaign.answer(2)
        with Project(campaign.folder) as project:
            notes.extend(read_status(project).notes)

    time_.at(3, look)
    time_.at(60, lambda: campaign.answer(QUESTIONS - 2))
    report = wait_for_round(
        campaign.open,
        show=lambda state: states.append(state.answered),
        clock=time_.clock,
        sleep=time_.sleep,
    )
    assert report.measured["round"] == 1
    assert notes == []
    assert 2 in states


def test_another_curator_at_work_is_waited_for(campaign):
    """Said once, then it goes on; at the end of the time it is the error."""
    time_ = Time()
    said: list[str] = []
    campaign.answer(QUESTIONS)
    held = project_lock(campaign.folder / ".curator" / "lock", "export")
    held.__enter__()
    time_.at(600, lambda: held.__exit__(None, None, None))
    report = wait_for_round(campaign.open, say=said.append, clock=time_.clock, sleep=time_.sleep)
    assert report.measured["round"] == 1
    assert len([line for line in said if "Another curator has been at work since" in line]) == 1
    assert [line for line in said if line.startswith("Continuing after ")] == ["Continuing after 10 min."]

    with (
        project_lock(campaign.folder / ".curator" / "lock", "export"),
        pytest.raises(LockedError, match="curator export"),
    ):
        wait_for_round(campaign.open, timeout=60.0, clock=time_.clock, sleep=time_.sleep)


def test_a_round_that_somebody_else_finished_is_not_waited_for(campaign):
    """The next round is out then, and waiting for that one was not what was asked for."""
    time_ = Time()

    def other() -> None:
        campaign.answer(QUESTIONS)
        with Project(campaign.folder) as project:
            assert run_round(project).opened == 2

    time_.at(5, other)
    report = wait_for_round(campaign.open, clock=time_.clock, sleep=time_.sleep)
    assert report.waiting
    assert report.progress["round"] == 2
    assert "Round 1 was finished by another curator; round 2 is waiting now." in report.notes
    assert time_.now < 1000 + 60


def test_notes_of_a_look_are_said_once(campaign):
    """An answer that was taken back is said when it is seen, not only at the end."""
    time_ = Time()
    said: list[str] = []
    key = campaign.asked[0]["key"]
    campaign.answer(2)
    time_.at(5, lambda: campaign.person.retract(key))
    time_.at(100, lambda: campaign.person.answer(key, "red"))
    time_.at(100, lambda: campaign.answer(QUESTIONS - 2))
    report = wait_for_round(campaign.open, say=said.append, clock=time_.clock, sleep=time_.sleep)
    assert report.opened == 2
    assert [line for line in said if "Deleted at the labeler: 1 answer," in line] == said


def test_a_changed_configuration_ends_it_at_once(campaign):
    """curator.toml is read anew at every look; what a campaign cannot change is refused without further waiting."""
    time_ = Time()
    time_.at(
        50, lambda: edit_config(campaign.folder, 'classes = ["blue", "green", "red"]', 'classes = ["a", "b"]')
    )
    with pytest.raises(ConfigError, match="classes"):
        wait_for_round(campaign.open, clock=time_.clock, sleep=time_.sleep)
    assert time_.now < 1000 + 100


def test_partial_does_not_wait(campaign):
    """--partial settles with what is there, also with --wait."""
    campaign.answer(QUESTIONS - 1)
    report = wait_for_round(campaign.open, partial=True, sleep=_no_long_sleep)
    assert report.measured["round"] == 1
    assert campaign.looks == 2


class AwayLabeler:
    """A third party's labeler over known labels, whose server comes and goes as the test says."""

    name = "away"
    chunk_size = 1000
    settle_seconds = 0.0
    down: Callable[[str], bool] = staticmethod(lambda _call: False)
    answers_limit: int | None = None

    def __init__(self, _options: dict, folder: Path) -> None:
        self._folder = folder

    def __getattr__(self, call: str):
        from integrations.labelers.replay import ReplayLabeler

        with Project(self._folder) as project:
            labels = labels_of(project)
        inner = ReplayLabeler(
            labels, self._folder / ".curator" / "replay.jsonl", answers_limit=type(self).answers_limit
        )
        if call != "prepare":
            inner._classes = ClassNames(tuple(sorted(set(labels.values()))))

        def forward(*args):
            if type(self).down(call):
                raise LabelerError("no server answers", away=True, maybe_done=call == "send")
            return getattr(inner, call)(*args)

        return forward


def test_a_server_that_goes_away_in_the_middle_of_finishing(tmp_path, monkeypatch):
    """Away for an hour between measuring and sending: waited for, said once, and the report still has the measure."""
    away = EntryPoint("away", f"{__name__}:AwayLabeler", PLUGINS.group)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [away] if group == PLUGINS.group else [])
    monkeypatch.setattr(AwayLabeler, "answers_limit", 3)
    folder = make_project(tmp_path / "p", labeler="away", n=60, batch=6, holdout="10")
    with Project(folder) as project:
        assert run_round(project).opened == 1
    time_ = Time()
    said: list[str] = []

    def everything() -> None:
        monkeypatch.setattr(AwayLabeler, "answers_limit", None)
        monkeypatch.setattr(AwayLabeler, "down", staticmethod(lambda call: call == "send"))

    time_.at(30, everything)
    time_.at(HOUR, lambda: monkeypatch.setattr(AwayLabeler, "down", staticmethod(lambda _call: False)))
    report = wait_for_round(
        lambda: Project(folder), say=said.append, clock=time_.clock, sleep=time_.sleep, timeout=2 * HOUR
    )
    assert report.opened == 2
    assert report.measured["round"] == 1
    assert len([line for line in said if "The labeler has been unreachable since" in line]) == 1
    assert re.fullmatch(r"Continuing after (59 min|1 h 0 min)\.", said[-1])

    monkeypatch.setattr(AwayLabeler, "down", staticmethod(lambda _call: True))
    begin = time_.now
    with pytest.raises(LabelerError, match="no server answers"):
        wait_for_round(lambda: Project(folder), timeout=600.0, clock=time_.clock, sleep=time_.sleep)
    assert time_.now == pytest.approx(begin + 600)


@pytest.mark.parametrize(
    ("fault", "away"),
    [
        (Fault(500), True),
        (Fault(502), True),
        (Fault(503), True),
        (Fault(504, body=b"<html>"), True),
        (Fault(429), True),
        (Fault(None), True),
        (Fault(200, body=b"{ torn"), False),
        (Fault(401), False),
        (Fault(403), False),
        (Fault(404), False),
        (Fault(400), False),
        (Fault(302, headers={"Location": "http://127.0.0.1:1/"}), False),
    ],
    ids=lambda value: str(getattr(value, "status", value)),
)
def test_which_errors_are_worth_waiting_for(fault, away, monkeypatch):
    """A server that cannot answer just now may later; one that says no will say no again."""
    with gateway("http://127.0.0.1:9", lambda _method, _path: fault) as way:
        monkeypatch.setattr("integrations.labelers.label_studio.client._READ_RETRIES", 0)
        client = StudioClient(way.url, "t" * 40, timeout=10.0)
        with pytest.raises(LabelerError) as caught:
            client.project(1)
    assert caught.value.away is away
    with pytest.raises(LabelerError) as caught:
        StudioClient(f"http://127.0.0.1:{free_port()}", "t" * 40, timeout=10.0).project(1)
    assert caught.value.away


STATE = Waiting(
    round=3,
    asked=100,
    answered=40,
    left=60,
    where="http://localhost:8080/projects/1",
    annotators=(Pace("ada [night]@example.org", 30, 120.0, 4.25), Pace("bob@example.org", 10, 0.0, None)),
    seconds_left=1800.0,
)


def test_a_terminal_shows_a_table():
    """A row per annotator with answers, rate and median seconds, the time left above; gone before anything else is said."""
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    said: list[str] = []
    with WaitDisplay(said.append, console) as display:
        display.show(STATE)
        shown = console.file.getvalue()
        assert "Round 3: 40 of 100 questions answered, about 30 min left" in shown
        assert re.search(r"ada \[night\]@example.org\s+30\s+120\s+4.2", shown)
        display.show(STATE)
        display.say("Round 3: training")
        assert display._live is None
        with display.bar("scoring", 10) as advance:
            advance(10)
        display.show(STATE)
    assert display._live is None
    assert said == ["Round 3: training"]


def test_without_a_terminal_a_line_a_minute_at_most():
    """Only when there is news; a log of three days of waiting stays short."""
    said: list[str] = []
    now = [0.0]
    display = WaitDisplay(said.append, Console(file=io.StringIO()), clock=lambda: now[0])
    for second in range(600):
        now[0] = float(second)
        answered = 40 if second < 300 else 40 + second
        display.show(Waiting(**{**vars(STATE), "answered": answered}))
    assert said[0] == waiting_line(STATE)
    assert said[0] == "Round 3: 40 of 100 questions answered (ada [night]@example.org 30, bob@example.org 10)"
    assert len(said) == 1 + 5


def test_rates_are_those_of_the_last_half_hour():
    """Who has stopped has none, who has begun a minute ago is not infinitely quick."""
    now = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
    per_hour = waiting_module._per_hour
    assert per_hour([], now) == 0
    assert per_hour([now - timedelta(hours=2)] * 500, now) == 0
    assert per_hour([now - timedelta(hours=2)] + [now - timedelta(minutes=10)] * 15, now) == 30
    assert per_hour([now - timedelta(minutes=10)] * 15, now) == 90
    assert per_hour([now], now) == 60


def test_time_spans_are_readable():
    """To two units, whatever the size."""
    spans = (5, 89, 150, 3599, 2 * HOUR + 60, 50 * HOUR)
    assert [duration(span) for span in spans] == ["5 s", "89 s", "2 min", "1 h 0 min", "2 h 1 min", "2 d 2 h"]


def test_ctrl_c_says_how_to_go_on(campaign):
    """Exit code 130, nothing on stdout, no traceback; and going on is the same command."""
    process = start_curator("round", "--project", str(campaign.folder), "--wait", "--poll", "0.5")
    assert process.stderr.readline().startswith(f"Round 1: 0 of {QUESTIONS} questions answered")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert "Run the same command again to continue." in err
    assert "Traceback" not in err


def test_a_real_terminal_gets_the_live_table(campaign):
    """With stderr on a terminal: the table while it waits, the result on stdout."""
    main, other = pty.openpty()
    campaign.answer(2)
    process = start_curator(
        "round", "--project", str(campaign.folder), "--wait", "--poll", "0.5", stderr=other, env=_terminal()
    )
    os.close(other)
    seen = b""
    while b"annotator-0@example.org" not in seen:
        seen += os.read(main, 65536)
    campaign.answer(QUESTIONS - 2)
    with suppress(OSError):  # how the end of a terminal shows on Linux
        while os.read(main, 65536):
            pass
    out, _ = process.communicate(timeout=60)
    os.close(main)
    assert process.returncode == 0
    assert b"per hour" in seen
    assert f"Round 1: 2 of {QUESTIONS} questions answered".encode() in seen
    assert "Round 1 measured" in out


def _terminal() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    return {**kept, "TERM": "xterm", "COLUMNS": "120"}


def test_a_server_that_is_killed_and_comes_back(tmp_path, studio_executable, monkeypatch):
    """kill -9 of the server while a round waits: said once; after the restart the answers are pulled and it ends."""
    port = free_port()
    server = LocalStudio(studio_executable, ROOT / ".studio", port=port, data=tmp_path / "data")
    with server:
        monkeypatch.setenv("LABEL_STUDIO_API_KEY", server.token)
        folder = make_project(
            tmp_path / "p", labeler="label-studio", url=server.url, n=60, batch=6, holdout="10"
        )
        with Project(folder) as project:
            run_round(project)
            truth, number = labels_of(project), int(project.ledger.get("labeler_project"))
        process = start_curator("round", "--project", str(folder), "--wait", "--poll", "1", "--json")
        lines = [process.stderr.readline()]
        assert lines[0].startswith(f"Round 1: 0 of {QUESTIONS} questions answered")
        os.kill(server.pid, signal.SIGKILL)
        lines.append(process.stderr.readline())
        assert "The labeler has been unreachable since" in lines[1]
        assert "no server answers" in lines[1] or "connection" in lines[1]
        server.stop()
        server.start()
        annotator = SimulatedAnnotator(server.url, server.token, lambda data: truth[data["item_id"]])
        assert annotator.run(number) == QUESTIONS
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        assert "Continuing after" in err
        assert "away since" not in err  # once, above
        assert '"opened": 2' in out
        assert server.token not in "".join(lines) + err + out


def test_what_a_server_refuses_is_not_waited_for(tmp_path, studio, monkeypatch):
    """A wrong token and a deleted project end the wait with exit code 1 and a line that says what to do."""
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", studio.token)
    folder = make_project(tmp_path / "p", labeler="label-studio", url=studio.url, n=60, batch=6, holdout="10")
    with Project(folder) as project:
        run_round(project)
        number = int(project.ledger.get("labeler_project"))
    arguments = ["round", "--project", str(folder), "--wait", "--poll", "0.5"]
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "0" * 40)
    done = CliRunner().invoke(app, arguments)
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "does not accept the token" in done.stderr

    monkeypatch.setenv("LABEL_STUDIO_API_KEY", studio.token)
    time_ = Time()
    api = sdk(studio.url, studio.token)
    time_.at(10, lambda: api.projects.delete(id=number))
    with pytest.raises(LabelerError, match=f"project {number} does not exist at {studio.url}"):
        wait_for_round(lambda: Project(folder), clock=time_.clock, sleep=time_.sleep)
