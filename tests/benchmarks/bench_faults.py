"""Load and faults, measured against a real Label Studio that is started for it.

    python tests/benchmarks/bench_faults.py [PART ...] [--small] [--write docs/measured/faults.md]

Parts: load, annotators, weather, kills, rivals, disks; all of them by default, in an hour or two. The exit code is 1
when something that must hold did not. `--small` takes sizes that end in minutes; single sizes have options of their own.
"""

# ruff: noqa: T201  a benchmark prints its table

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from benchmarks.faults import annotators, campaign_in_bad_weather, kills, load, rivals  # noqa: E402
from benchmarks.faults.campaigns import Place  # noqa: E402
from benchmarks.faults.table import Row, markdown  # noqa: E402
from benchmarks.tables import write_into  # noqa: E402
from support.campaign import TOKEN  # noqa: E402
from support.local_studio import LocalStudio  # noqa: E402

BAD_DAYS = ROOT / "tests" / "curator" / "test_bad_days.py"
# What is asked for, and what `--small` asks for.
SIZES = {
    "questions": (100_000, 2_000, "load: questions pushed and pulled"),
    "answers": (3_000, 200, "load: of them answered"),
    "annotators": (20, 6, "annotators: at work"),
    "minutes": (10.0, 0.5, "annotators: for so long"),
    "open_questions": (8_000, 1_000, "annotators: questions in their round"),
    "faults": (1_000, 60, "weather: faults that do harm"),
    "fault_rounds": (30, 3, "weather: rounds of the campaign"),
    "kill_rounds": (2, 1, "kills: rounds of each campaign"),
    "server_questions": (3_000, 600, "kills: questions in a push that the server does not survive"),
    "server_kills": (6, 2, "kills: of the server, in imports and in pulls"),
    "starts": (20, 3, "rivals: campaigns begun twice at the same moment"),
}


def parts(place: Place, chosen: list[str], size: dict[str, float]) -> Iterator[Row]:
    """Rows of the chosen parts."""
    n = {name: int(value) for name, value in size.items()}
    if "load" in chosen:
        yield from load.run(place, questions=n["questions"], answers=n["answers"])
    if "annotators" in chosen:
        yield from annotators.run(
            place, annotators=n["annotators"], seconds=60 * size["minutes"], questions=n["open_questions"]
        )
    if "weather" in chosen:
        yield from campaign_in_bad_weather.run(
            place, faults=n["faults"], rounds=n["fault_rounds"], share=0.35
        )
    if "kills" in chosen:
        yield from kills.of_curator(place, rounds=n["kill_rounds"])
        yield from kills.of_server(
            place, questions=n["server_questions"], pushes=n["server_kills"], pulls=n["server_kills"]
        )
    if "rivals" in chosen:
        yield from rivals.run(place, starts=n["starts"])
    if "disks" in chosen:
        yield disks()


def disks() -> Row:
    """The tests of full disks, read-only files, torn pages and clocks that jump: they are small as they are."""
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(BAD_DAYS)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = done.stdout.strip().splitlines() or ["no output"]
    return Row(
        "full disk, read-only, torn page, clock set back", str(BAD_DAYS.relative_to(ROOT)),
        time.perf_counter() - begun, broken=lines[-1] if done.returncode else "", verdict=lines[-1],
    )  # fmt: skip


def main() -> int:
    """Run, print, write; returns the exit code."""
    names = ["load", "annotators", "weather", "kills", "rivals", "disks"]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", nargs="*", default=[], help=f"of {', '.join(names)}")
    parser.add_argument("--small", action="store_true", help="sizes that end in minutes")
    parser.add_argument("--write", type=Path, help="Markdown file whose block `bench-faults` gets the table")
    for name, (full, small, what) in SIZES.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=float, help=f"{what} ({full:,}; small {small:,})"
        )
    given = parser.parse_args()
    unknown = [part for part in given.part if part not in names]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}: {', '.join(names)}")
    size = {
        name: getattr(given, name) if getattr(given, name) is not None else (small if given.small else full)
        for name, (full, small, _) in SIZES.items()
    }
    executable = Path(os.environ.get("CURATOR_LABEL_STUDIO", ROOT / ".venv-studio" / "bin" / "label-studio"))
    rows: list[Row] = []
    begun = time.perf_counter()
    with (
        tempfile.TemporaryDirectory(prefix="curator-faults-") as folder,
        LocalStudio(executable, ROOT / ".studio") as studio,
    ):
        os.environ[TOKEN] = studio.token
        place = Place(Path(folder), studio, executable, ROOT / ".studio")
        for row in parts(place, given.part or names, size):
            print(" | ".join(row.cells()), flush=True)
            rows.append(row)
    broken = [row for row in rows if row.broken]
    table = markdown(rows)
    print(f"\n{table}\n\n{len(broken)} broken, {time.perf_counter() - begun:.0f} s in all")
    if given.write:
        machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"
        write_into(given.write, "bench-faults", f"Measured on {machine}.\n\n{table}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
