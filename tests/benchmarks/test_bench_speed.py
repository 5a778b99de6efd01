"""The speed benchmark: what it compares is comparable, and what it says follows from what it measured."""

import os
import time
from dataclasses import replace

import numpy as np
import pytest
from benchmarks.bench_speed import CASES, rows_of
from benchmarks.processes import Limits, in_process
from benchmarks.speed import data, k_center, measured, scoring
from benchmarks.speed.case import NAIVE, OURS, Case, Prepared
from benchmarks.speed.report import Report, growth
from benchmarks.speed.row import Row, measure
from benchmarks.tables import write_into

pytestmark = pytest.mark.long


def row(library, n, core, *, threads=1, wall=None, **more):
    case = Case("W", "task", library, (n,), _nothing)
    return Row(case, n, threads, core, core if wall is None else wall, 1, 2.0, 1.5, **more)


def cells(rows, start):
    line = next(line for line in Report(rows).markdown().splitlines() if line.startswith(start))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_ratios_are_to_the_fastest_peer_and_to_numpy():
    """curator's row says how many times as long the best peer and numpy take: processor time on one core, wall on two."""
    rows = [
        row(OURS, 100, 2.0),
        row(OURS, 100, 2.4, threads=2, wall=1.25),
        row(NAIVE, 100, 3.0),
        row("slow", 100, 20.0),
        row("fast", 100, 10.0),
        row("fast", 100, 11.0, threads=2, wall=10.0),
    ]
    found = cells(rows, "| W | task | 100 | curator |")
    assert found[4:] == ["2 / 1.25", "5 x / 8 x", "1.5 x / -", "2", "1.5", ""]


def test_a_size_that_no_peer_was_measured_at_is_extrapolated_and_says_so():
    """A peer that doubled with twice the items is expected to double again; the ratio carries a tilde."""
    rows = [row(OURS, 400, 2.0), row("peer", 100, 5.0), row("peer", 200, 10.0), row("once", 100, 1.0)]
    assert cells(rows, "| W | task | 400 | curator |")[5] == "~10 x"
    assert growth(rows[1:3]) == pytest.approx(1.0)
    assert cells(rows, "| W | task | peer |")[3:] == ["100 to 200", "1.00"]


def test_failures_stand_in_the_table():
    """A case without numbers says why, and is compared with nothing."""
    failed = Row(Case("W", "task", "peer", (100,), _nothing), 100, 1, error="MemoryError: 22 GiB")
    rows = [row(OURS, 100, 1.0), failed]
    assert cells(rows, "| W | task | 100 | peer |")[9] == "fails: MemoryError: 22 GiB"
    assert cells(rows, "| W | task | 100 | curator |")[5] == "-"


def test_every_case_of_curator_and_numpy_is_named_once():
    """Two cases with one name would be taken for one; what needs no package is always measured."""
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert {case.workload for case in CASES} == {"W1", "W1e", *(f"W{n}" for n in range(2, 9)), "W2b"}
    assert all(case.importable for case in CASES if case.library in {OURS, NAIVE})


def test_a_process_keeps_to_its_limits():
    """Threads, cores, memory and time are those that were asked for; what breaks them is said."""
    assert in_process(_threads, limits=Limits(threads=1)).value == ("1", "1", 1)
    assert "OPENBLAS_NUM_THREADS" not in os.environ or os.environ["OPENBLAS_NUM_THREADS"] != "1"
    with pytest.raises(RuntimeError, match=r"took more than 0\.5 s"):
        in_process(time.sleep, 60, limits=Limits(seconds=0.5))
    with pytest.raises(RuntimeError, match="MemoryError"):
        in_process(bytearray, 2**34, limits=Limits(gib=4.0))


def test_a_case_that_failed_is_not_tried_at_a_larger_size():
    """The error is kept for the first size; the next case goes on."""
    cases = [Case("W", "task", name, (1, 2), _raise) for name in ("peer", "other")]
    rows = list(rows_of(cases, None, [1], 60.0, 4.0))
    assert [(found.case.library, found.n, found.error) for found in rows] == [
        ("peer", 1, "ValueError: no"),
        ("other", 1, "ValueError: no"),
    ]


def test_a_stopped_benchmark_goes_on_where_it_was(tmp_path):
    """Rows come back from the file, a torn last line does not; what was measured is not measured again."""
    cases = [Case("W", "task", name, (1, 2), _raise) for name in (OURS, "peer", "other")]
    kept = [Row(cases[0], 1, 1, core_s=2.5, note="it"), Row(cases[1], 1, 1, error="ValueError: no")]
    path = tmp_path / "out" / "rows.jsonl"
    for each in kept:
        measured.append(path, each)
    path.write_text(path.read_text() + '{"case": "W task, ot', encoding="utf-8")
    known = measured.read(path, cases)
    assert [(found.case, found.note, found.core_s) for found in known] == [(cases[0], "it", 2.5)]
    again = rows_of(cases, [1], [1], 60.0, 4.0, known)  # what failed is tried again
    assert [(found.case.library, found.n) for found in again] == [("peer", 1), ("other", 1)]
    measured.append(path, replace(known[0], core_s=3.5))
    assert [(found.case.library, found.core_s) for found in measured.read(path, cases)] == [(OURS, 3.5)]
    path.write_text("[]\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 1 is no measured row"):
        measured.read(path, cases)


def test_sizes_stay_below_the_largest_of_a_case():
    """What a peer cannot do in reasonable time is not tried because somebody asked for a size."""
    assert list(rows_of([Case("W", "task", OURS, (10,), _raise)], [11], [1], 60.0, 4.0)) == []


def test_measuring_warms_up_counts_and_notes():
    """The first runs compile and fault pages in: they do not count; the note is of the last result."""
    runs = []

    def prepare(n):
        return Prepared(lambda: runs.append(n) or len(runs), lambda result: f"{result} runs")

    found = measure(Case("W", "task", OURS, (7,), prepare, warm=3), 7, 1)
    assert runs == [3, 7, 7, 7, 7, 7, 7]
    assert (found.runs, found.note, found.n) == (5, "7 runs", 7)
    assert found.peak_gib >= found.data_gib > 0.0


def test_what_cannot_run_twice_runs_once():
    """A whole round changes its project: one run, no warm-up."""
    runs = []
    case = Case("W", "task", OURS, (7,), lambda n: Prepared(lambda: runs.append(n), once=True), warm=0)
    measure(case, 7, 1)
    assert runs == [7]


def test_curator_and_numpy_find_the_same():
    """The yardstick computes what curator computes: the same 1,000 highest, the same centers."""
    n = 3_000
    for task in ("entropy", "margin", "least confidence"):
        found = [
            np.sort(case.prepare(n).run()[0])
            for case in scoring.CASES
            if case.workload == "W1" and case.task == task and case.library in {OURS, NAIVE}
        ]
        assert len(np.intersect1d(*found)) >= 999  # the last may be a tie
    rows, labeled = data.clustered(1_500), data.labeled_positions(1_500, 50)
    assert k_center.pass_per_pick(rows, labeled, 20) == k_center.float64_picks(rows, labeled, 20)


def test_near_copies_are_near():
    """5 % of the rows have another at a cosine of about 0.95 to 0.999."""
    rows = data.near_copies(2_000)
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -1.0)
    assert 150 <= (cosines.max(axis=1) > 0.93).sum() <= 200
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)


def test_tables_are_put_between_their_marks(tmp_path):
    """What stood there goes, the rest of the page stays; a page without the marks is an error."""
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- t: begin -->\nold\n<!-- t: end -->\nb\n", encoding="utf-8")
    write_into(page, "t", "new")
    assert page.read_text(encoding="utf-8") == "a\n<!-- t: begin -->\nnew\n<!-- t: end -->\nb\n"
    with pytest.raises(ValueError, match="no block 'other'"):
        write_into(page, "other", "new")


def _nothing(_n):
    return Prepared(lambda: None)


def _raise(_n):
    raise ValueError("no")


def _threads():
    return os.environ["OMP_NUM_THREADS"], os.environ["NUMBA_NUM_THREADS"], len(os.sched_getaffinity(0))
