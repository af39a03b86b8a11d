"""Small price lists in the form of Oracle's public one."""

from __future__ import annotations

import json


def item(number, *prices, currency="USD", metric="OCPU Per Hour", model="PAY_AS_YOU_GO"):
    """Return a part with (price, beginning of its range) for each tier."""
    tiers = [
        {
            "model": model,
            "value": float(value) if not isinstance(value, str | bool) else value,
            "rangeMin": float(above),
        }
        for value, above in prices
    ]
    if len(tiers) == 1 and not tiers[0]["rangeMin"]:
        del tiers[0]["rangeMin"]
    return {
        "partNumber": number,
        "displayName": f"the part {number}",
        "metricName": metric,
        "serviceCategory": "for a test",
        "currencyCodeLocalizations": [{"currencyCode": currency, "prices": tiers}],
    }


def price_list(*items):
    """Return a price list as the service answers it, beside a part that nothing here needs."""
    other = {"partNumber": "B1", "currencyCodeLocalizations": None}
    return json.dumps({"lastUpdated": "2027-01-02T15:45:00.000Z", "items": [other, *items]})
