"""Grafana's dashboards, checked without Grafana; tests/containers runs their queries on a Prometheus."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from ocisidecar.spec import SidecarSpec
from ocisidecar.spec.scrape import SCRAPE_INTERVAL_VARIABLE

GRAFANA = Path(__file__).parents[2] / "docker" / "grafana"
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))

each_dashboard = pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)


def read(path: Path) -> dict[str, Any]:
    """Return the dashboard in a file."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def lost(given: object, kept: object, where: str = "") -> Iterator[str]:
    """Yield the paths of the values in `given` that `kept` does not have or that differ there."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for name, value in given.items():
            yield from lost(value, kept.get(name), f"{where}.{name}")
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for number, (one, other) in enumerate(zip(given, kept, strict=True)):
            yield from lost(one, other, f"{where}[{number}]")
    elif given != kept:
        yield where


def known_to_grafana(document: dict[str, Any]) -> object:
    """Read and write a dashboard with Grafana's own models, which drop unknown fields."""
    register_default_plugins()
    return json.loads(JSONEncoder().encode(Dashboard.from_json(document)))


@each_dashboard
def test_grafana_knows_every_field(path: Path) -> None:
    """Grafana's own models read and write every dashboard without dropping a field."""
    document = read(path)
    assert not list(lost(document, known_to_grafana(document)))


def test_a_field_that_grafana_does_not_know_is_found() -> None:
    """A misspelt field of a panel is reported by the check that the previous test uses."""
    document = read(DASHBOARDS[0])
    document["panels"][0]["gridPosition"] = {}
    assert list(lost(document, known_to_grafana(document))) == [".panels[0].gridPosition"]


@each_dashboard
def test_panels_ask_the_provisioned_source(path: Path) -> None:
    """Every panel has the provisioned data source, queries that are not empty, and a unique id."""
    sources = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    panels = read(path)["panels"]
    assert all(panel["datasource"]["uid"] == sources[0]["uid"] for panel in panels)
    assert all(target["expr"] for panel in panels for target in panel["targets"])
    assert len({panel["id"] for panel in panels}) == len(panels)


@each_dashboard
def test_panels_do_not_overlap(path: Path) -> None:
    """Each cell of the grid of 24 columns belongs to at most one panel."""
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in read(path)["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_dashboards_have_unique_uids_and_titles() -> None:
    """No two dashboards have the same uid, with which Grafana would replace one by the other, or title."""
    documents = [read(path) for path in DASHBOARDS]
    assert len({document["uid"] for document in documents}) == len(documents)
    assert len({document["title"] for document in documents}) == len(documents)


def test_rates_are_taken_over_the_interval_of_prometheus() -> None:
    """The data source's interval is a variable that the preset sets too, with a default in the image."""
    source = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())["datasources"][0]
    assert source["jsonData"]["timeInterval"] == f"${{{SCRAPE_INTERVAL_VARIABLE}}}"
    assert f"{SCRAPE_INTERVAL_VARIABLE}=15s" in (GRAFANA / "Dockerfile").read_text()
    assert SidecarSpec.grafana().environment_variables[SCRAPE_INTERVAL_VARIABLE] == "15s"


def test_dashboards_are_provisioned() -> None:
    """The directory of the dashboards' provider is the one to which the image copies them."""
    provider = yaml.safe_load((GRAFANA / "provisioning/dashboards/ocisidecar.yml").read_text())["providers"][0]
    assert f"COPY dashboards {provider['options']['path']}" in (GRAFANA / "Dockerfile").read_text()
