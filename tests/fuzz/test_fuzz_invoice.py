"""invoice.csv, however it was typed, exported or cut off."""

import json
import shutil
from pathlib import Path

import pytest
from fuzz.harness import curator, says, scratch
from fuzz.inputs import cases, damaged_bytes
from hypothesis import given
from hypothesis import strategies as st
from support.projects import make_project

from curator.ledger.store import Ledger

GOOD = b"round,amount,kind,currency,note\n1,12.50,label,USD,INV-7\n1,3,review,USD,\n1,0.8,holdout,,late\n"
TOKENS = [
    b"1",
    b"2",
    b"-1",
    b"1e99",
    b"1e999999",
    b"nan",
    b"$",
    b"EUR",
    b"label",
    b"campaign",
    b'"',
    b"\r\n",
    b";",
    b"\x00",
]


@pytest.fixture(scope="module")
def campaign(tmp_path_factory) -> Path:
    """A measured round and an open one."""
    folder = make_project(tmp_path_factory.mktemp("fuzz"), n=40, batch=4, holdout="6")
    for _ in range(2):
        assert curator("round", "--project", folder).code == 0
    return folder


def sums(folder: Path) -> dict[tuple[int, str], int]:
    with Ledger(folder / ".curator" / "ledger.db") as ledger:
        assert ledger.scalar("select count(*) from costs where typeof(amount) <> 'integer'") == 0
        rows = ledger.rows("select round, kind, sum(amount) as amount from costs group by round, kind")
    return {(row["round"], row["kind"]): row["amount"] for row in rows}


@cases
@given(st.one_of(damaged_bytes(GOOD, tokens=TOKENS), st.binary(max_size=60), st.just(GOOD)))
def test_any_invoice_is_booked_or_refused(campaign, content):
    """Booked, the sums are those of its lines and nothing else moved; refused, nothing did, and the file is named."""
    with scratch() as place:
        folder = place / "p"
        shutil.copytree(campaign, folder)
        (place / "invoice.csv").write_bytes(content)
        before = sums(folder)
        done = curator("cost", "import", place / "invoice.csv", "--project", folder, "--json")
        says(done, "invoice.csv")
        if done.code:
            assert sums(folder) == before
            return
        lines = json.loads(done.stdout)["lines"]
        invoiced = {(line["round"], line["kind"]): line["invoiced"] for line in lines}
        assert sums(folder) == before | invoiced
        assert all(number == 1 for number, _kind in invoiced)
        again = curator("cost", "import", place / "invoice.csv", "--project", folder, "--json")
        assert all(line["difference"] == 0 for line in json.loads(again.stdout)["lines"])
