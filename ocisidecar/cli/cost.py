"""The price of a plan on the command line, by the shipped prices or by a price list in a file."""

from __future__ import annotations

import argparse
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ocisidecar.cli import common
from ocisidecar.cli.arguments import Options
from ocisidecar.errors import ConfigError
from ocisidecar.text_files import decoded

if TYPE_CHECKING:
    from ocisidecar.cost.prices import PriceTable
    from ocisidecar.plan.plan import Plan

_USD: Final = "USD"


def add_cost_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the prices."""
    parser.add_argument(
        "--refresh",
        metavar="FILE",
        type=Path,
        help="use the prices of this file in place of those that ship with the program: the JSON of Oracle's "
        "public API for list prices, apexapps.oracle.com/pls/apex/cetools/api/v1/products/, which needs no account",
    )
    parser.add_argument(
        "--currency",
        metavar="CODE",
        default=_USD,
        help="one that FILE has prices in, e.g. EUR (default: %(default)s)",
    )
    parser.add_argument(
        "--discount",
        type=_percent,
        metavar="PERCENT",
        default=Decimal(0),
        help="what is taken off every price (default: %(default)s)",
    )


def print_cost(plan: Plan, prices: PriceTable, options: Options) -> None:
    """Print what a plan costs by these prices, less the discount of the options."""
    from ocisidecar.views import cost_page

    cost = plan.cost(prices=prices, discount=options.discount)
    common.show(cost, cost_page, as_json=options.json)


def prices_of(options: Options) -> PriceTable:
    """Return the prices that the options choose.

    Raises:
        ConfigError: the file is no price list, or lacks the currency.
    """
    from ocisidecar.cost.prices import PriceTable

    if options.refresh is None:
        if options.currency != _USD:
            raise ConfigError(
                f"--currency {options.currency}: the prices that ship with the program are in {_USD}; give a price "
                "list in that currency with --refresh"
            )
        return PriceTable.shipped()
    try:
        text = decoded(options.refresh.read_bytes())
        return PriceTable.from_json(text, currency=options.currency)
    except (UnicodeDecodeError, ConfigError) as error:
        raise ConfigError(f"--refresh {options.refresh}: {error}") from error


def _percent(text: str) -> Decimal:
    try:
        percent = Decimal(text.removesuffix("%"))
    except InvalidOperation:
        percent = Decimal("NaN")
    if not percent.is_finite() or not 0 <= percent < 100:  # noqa: PLR2004 - percent
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of percent from 0 to less than 100")
    return percent / 100
