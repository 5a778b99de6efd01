"""`curator cost`: the bill on a terminal, and invoices that override it without overwriting anything."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.projects import dump, make_project
from typer.testing import CliRunner

from curator.cli.app import app
from curator.errors import DataError
from curator.ledger.store import Ledger
from curator.money.bill import by_source
from curator.money.invoice import import_invoice
from curator.project.project import Project
from curator.rounds.run import run_round


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """Two measured rounds and an open one."""
    folder = make_project(tmp_path_factory.mktemp("invoice") / "p", n=120, batch=10, holdout="20")
    with Project(folder) as project:
        for _ in range(3):
            run_round(project)
    return folder


@pytest.fixture
def folder(campaign, tmp_path):
    import shutil

    shutil.copytree(campaign, tmp_path / "p")
    return tmp_path / "p"


def curator(*args):
    return CliRunner().invoke(app, ["cost", *map(str, args)])


def invoice(folder, text):
    path = folder / "invoice.csv"
    path.write_text(text, encoding="utf-8")
    return path


def bring_in(folder, text):
    with Ledger(folder / ".curator" / "ledger.db") as ledger:
        return import_invoice(ledger, invoice(folder, text), "USD")


def amounts(folder):
    with Ledger(folder / ".curator" / "ledger.db") as ledger:
        rows = ledger.rows("select round, kind, sum(amount) as amount from costs group by round, kind")
    return {(row["round"], row["kind"]): row["amount"] for row in rows}


def test_what_was_invoiced_is_what_was_spent(folder):
    """$0.80 was recorded for round 2, $1.00 invoiced: 20 cents are added, and gain per dollar follows."""
    with Ledger(folder / ".curator" / "ledger.db") as ledger:
        before = ledger.one("select * from gain where round = 2")
    (line,) = bring_in(folder, "round,amount,currency,note\n2,1.00,USD,INV-7\n")
    assert (line.recorded, line.invoiced, line.difference) == (800_000, 1_000_000, 200_000)
    with Ledger(folder / ".curator" / "ledger.db") as ledger:
        after = ledger.one("select * from gain where round = 2")
        assert (before["cost"], after["cost"]) == (800_000, 1_000_000)
        assert after["total_cost"] == before["total_cost"] + 200_000
        assert after["gain_per_dollar"] == pytest.approx(before["gain_per_dollar"] * 0.8)
        row = ledger.one("select * from costs where source = 'invoiced'")
        assert (row["key"], row["basis"], row["note"]) == (None, "invoice", "INV-7")
        # the rest of round 2 is known by the invoice now, too
        assert by_source(ledger)["invoiced"] == 1_000_000
    assert amounts(folder)[2, "label"] == 1_000_000


def test_the_same_file_again_changes_nothing_and_another_replaces(folder):
    """Nothing is overwritten: a second invoice is a second row, by difference, and may be lower."""
    text = 'round,amount,kind\n1,"$2",label\n1,5,holdout\n2,0.8,\n'
    bring_in(folder, text)
    once = dump(folder)
    assert [line.difference for line in bring_in(folder, text)] == [0, 0, 0]
    assert dump(folder) == once
    bring_in(folder, "round,amount\n1,0.5\n")
    assert amounts(folder)[1, "label"] == 500_000
    with Ledger(folder / ".curator" / "ledger.db") as ledger:
        rows = ledger.rows(
            "select version, amount from costs where source_id = 'invoice:1:label' order by version"
        )
    assert rows[1] == {"version": 2, "amount": -1_500_000}
    # an invoice that agrees is on record: the sum is an invoiced one from then on
    assert amounts(folder)[2, "label"] == 800_000
    assert {row["source_id"] for row in dump(folder)["costs"]} >= {"invoice:2:label"}


def test_a_kind_that_nothing_was_recorded_for(folder):
    """An agency's fee for review becomes a line of the bill, and part of the round's cost."""
    bring_in(folder, "round,amount,kind\n2,3.5,review\n2,100,campaign\n")
    with Ledger(folder / ".curator" / "ledger.db") as ledger:
        gain = ledger.one("select cost, total_cost from gain where round = 2")
    assert gain["cost"] == 800_000 + 3_500_000  # the campaign's is not this round's
    assert gain["total_cost"] == sum(amounts(folder)[key] for key in amounts(folder) if key[0] <= 2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("round,amount\n9,1\n", "line 2, column round: there is no round 9 (the ledger has rounds 1 to 3)"),
        ("round,amount\n3,1\n", "line 2, column round: round 3 is still open"),
        ("round,amount\nx,1\n", "line 2, column round: 'x' is not the number"),
        ("round,amount,currency\n1,1,EUR\n", "line 2, column currency: 'EUR', but this campaign is in USD"),
        ("round,amount\n1,1\n2,many\n", "line 3, column amount: 'many' is not an amount"),
        ("round,amount\n1,-3\n", "line 2, column amount"),
        ("round,amount\n1,1e999999\n", "line 2, column amount"),
        ("round,amount,kind\n1,1,pizza\n", "line 2, column kind: 'pizza' is not one of label, holdout"),
        ("round,amount,kind\n1,1,\n2,1,\n1,2,label\n", "line 4, round 1, label, is on line 2 already"),
        ("round,amount\n1\n", "line 2: 1 cells, the first line has 2"),
        ("amount\n1\n", "line 1: no column `round`"),
        ("round,amount,total\n1,1,1\n", "line 1: column `total` is not known"),
        ("round,amount,amount\n1,1,1\n", "line 1: column `amount` appears twice"),
        ("", "is empty"),
        ('round,amount\n"1,1\n', "is not a CSV file"),
    ],
)
def test_a_line_that_cannot_be_used_stops_all_of_it(folder, text, says):
    """The message names line and column, and the ledger is as it was."""
    before = dump(folder)
    with pytest.raises(DataError) as caught:
        bring_in(folder, text)
    assert says in str(caught.value)
    assert dump(folder) == before


def test_a_dry_run_says_what_would_change_and_changes_nothing(folder):
    """Same table, nothing written."""
    before = dump(folder)
    path = invoice(folder, "round,amount\n2,1.00\n1,0.9\n")
    shown = curator("import", path, "--project", folder, "--dry-run")
    assert shown.exit_code == 0, shown.output
    assert "2 of 2 amounts would change" in shown.stdout
    assert dump(folder) == before
    done = json.loads(curator("import", path, "--project", folder, "--json").stdout)
    assert done["dry_run"] is False
    assert next(line["difference"] for line in done["lines"]) == 200_000
    assert amounts(folder)[2, "label"] == 1_000_000


def test_a_file_that_is_not_there_is_said(folder):
    """Exit code 1 and a sentence."""
    result = curator("import", folder / "none.csv", "--project", folder)
    assert result.exit_code == 1
    assert "cannot be read" in result.stderr


def test_the_bill_on_a_terminal(folder):
    """Round, kind, source and amount; the total is their sum, and the rate card is in words."""
    bring_in(folder, "round,amount\n2,1.00\n")
    text = curator("show", "--project", folder).stdout
    assert "Answers: $0.08 each, skips are free" in text
    line = next(line for line in text.splitlines() if line.startswith("2"))
    assert line.split() == ["2", "training", "labels", "invoiced", "$1.00"]
    found = json.loads(curator("show", "--project", folder, "--json").stdout)
    assert found["total"] == sum(row["amount"] for row in found["bill"]) == sum(amounts(folder).values())
    assert found["hours"] is None


@given(
    st.dictionaries(
        st.tuples(st.sampled_from([1, 2]), st.sampled_from(["label", "holdout", "review", "compute"])),
        st.integers(0, 10**9),
        min_size=1,
    )
)
def test_after_an_import_every_sum_is_the_invoice(campaign, invoiced):
    """Whatever was recorded and whatever was invoiced before: sums over `costs` are the newest invoice."""
    lines = [f"{number},{amount / 1e6:.6f},{kind}" for (number, kind), amount in invoiced.items()]
    bring_in(campaign, "\n".join(["round,amount,kind", *lines]) + "\n")
    now = amounts(campaign)
    assert {key: now[key] for key in invoiced} == invoiced
