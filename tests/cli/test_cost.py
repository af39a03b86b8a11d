"""`ocisidecar cost`."""

from __future__ import annotations

import json
import os
from decimal import Decimal

import pytest

from ocisidecar.cli.main import main
from ocisidecar.emulator import Emulator
from tests.cost.price_list import item, price_list

SPEC = """\
name: web
instances:
  - {name: web, image_url: docker.io/acme/web:1.4, memory_in_gbs: 4}
"""
DEARER = item("B93113", (Decimal("0.05"), 0)), item("B93114", (Decimal("0.002"), 0))


@pytest.fixture
def cost(tmp_path, capsys, monkeypatch):
    """Run `cost` for the spec: exit code, standard output, standard error."""
    for name in [name for name in os.environ if name.startswith(("OCISIDECAR_", "OCI_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "web.yaml").write_text(SPEC, encoding="utf-8")
    with Emulator() as emulator:
        config = emulator.write_config(tmp_path / "emulator")
        where = ("--config", str(config), "--endpoint", emulator.endpoint)

        def run(*arguments):
            place = ("--compartment-id", emulator.compartment_id)
            code = main(["cost", *where, *place, str(tmp_path / "web.yaml"), *map(str, arguments)])
            said = capsys.readouterr()
            return code, said.out, said.err

        yield run
        assert not [one for one in emulator.requests if one.is_write]


def test_the_price_of_a_spec(cost):
    """The command prints the cost, and with --json the same as data."""
    code, out, _ = cost()
    assert (code, "web: USD 23.06 a month after the change, 0.00 before it.\n" in out) == (0, True)
    assert json.loads(cost("--json")[1])["per_month"] == "23.064"


def test_a_discount_in_percent(cost):
    """Ten percent off leave nine tenths, with or without a percent sign."""
    for given in ("10", "10%"):
        assert json.loads(cost("--json", "--discount", given)[1])["per_month"] == "20.7576"


def test_prices_from_a_file(cost, tmp_path):
    """The prices and the date are those of the file, in the currency that was asked for."""
    file = tmp_path / "prices.json"
    file.write_text(price_list(*DEARER), encoding="utf-16")
    shown = json.loads(cost("--json", "--refresh", file)[1])
    assert (shown["per_month"], shown["as_of"]) == ("43.152", "2027-01-02")
    file.write_text(price_list(item("B93113", (Decimal("0.04"), 0), currency="EUR")), encoding="utf-8")
    code, out, _ = cost("--refresh", file, "--currency", "EUR")
    assert (code, "the price of B93114 (E4 memory) is not known: it is not in the price list" in out) == (0, True)
    assert "web: at least EUR 0.00 a month" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--currency", "EUR"), "--currency EUR: the prices that ship with the program are in USD"),
        (("--refresh", "missing.json"), "missing.json"),
        (
            ("--refresh", "list.json", "--currency", "JPY"),
            "--refresh list.json: the price list has no price in JPY",
        ),
        (("--refresh", "other.json"), "--refresh other.json: not Oracle's price list: it is no JSON"),
        (("--refresh", "bytes.json"), "--refresh bytes.json: "),
    ],
)
def test_a_file_that_cannot_be_used_is_wrong_input(cost, tmp_path, monkeypatch, arguments, said):
    """The error names the option and the file, and nothing is asked of OCI."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.json").write_text(price_list(*DEARER), encoding="utf-8")
    (tmp_path / "other.json").write_text("prices", encoding="utf-8")
    (tmp_path / "bytes.json").write_bytes(b"\xff\x00\xff")
    code, out, err = cost(*arguments)
    assert (code, out, said in err) == (2, "", True), err


@pytest.mark.parametrize("discount", ["100", "-1", "much", "nan"])
def test_a_discount_is_a_number_of_percent(cost, capsys, discount):
    """What is no number from 0 to less than 100 is refused with what was given."""
    with pytest.raises(SystemExit):
        cost(f"--discount={discount}")
    assert f"'{discount}' is not a number of percent" in capsys.readouterr().err
