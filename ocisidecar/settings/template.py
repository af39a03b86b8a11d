"""The settings file that users copy, made from the table of variables."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Final

from ocisidecar.settings.table import Values, variables
from ocisidecar.settings.unused import UNUSED
from ocisidecar.settings.value_types import TEXT
from ocisidecar.settings.variable import Variable

SECTIONS: Final[Mapping[str, str]] = {
    "oci_cli_profile": "Account and region",
    "container_instance_name": "The app and its instances",
    "subnet_ocid": "Network",
    "enable_logging": "Logs",
    "enable_prometheus_sidecar": "Prometheus",
    "enable_prometheus_exporters": "Exporters",
    "enable_management_agent_sidecar": "Metrics in OCI Monitoring",
    "enable_grafana_sidecar": "Grafana",
    "enable_alarms": "Alarms",
    "ocir_region": "Images and their registry",
    "freeform_tags": "Tags",
    "verbose": "Behaviour of the scripts",
}
"""Field → the heading before it in the template."""

_HEAD = """\
# Settings of ocisidecar: what scripts/deploy.py deploys, and where.
#
# Copy this file, fill in what says "your-", and give it to the scripts:
#   cp scripts/oci-monitoring.env.template oci-monitoring.env
#   .venv/bin/python scripts/deploy.py plan --settings oci-monitoring.env
# With --local the scripts use the built-in emulator; this file then works unchanged.
#
# It is parsed, never executed: NAME="value", comments, and ${NAME} for a variable set earlier in this file.
# Environment variables override it. A secret is vault:<OCID of a vault secret>, env:<name of a variable> or
# file:<path, relative to this file>.
"""


def template() -> str:
    """Return the text of `scripts/oci-monitoring.env.template`."""
    return "\n".join([_HEAD.rstrip(), *_body(), "", *_unused(), ""])


def _body() -> Iterator[str]:
    for variable in variables().values():
        if variable.field in SECTIONS:
            yield from ("", f"# ---- {SECTIONS[variable.field]} ".ljust(100, "-"))
        yield ""
        yield from _comment(variable.description)
        if variable.value_type is not TEXT:
            yield from _comment(f"Value: {variable.value_type.allowed}.")
        yield f"export {variable.name}={_quoted(_example(variable))}"


def _example(variable: Variable) -> str:
    if variable.example is not None:
        return variable.example
    default = getattr(Values(), variable.field)
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return ",".join(default)
    return f"{default:g}" if isinstance(default, float) else str(default)


def _quoted(text: str) -> str:
    return f"'{text}'" if '"' in text or text == "{}" else f'"{text}"'


def _unused() -> Iterator[str]:
    yield "# ---- Variables of older files that are not used any more ".ljust(100, "-")
    yield "#"
    for name, reason in UNUSED.items():
        yield from _comment(f"{name}: {reason}.")


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 112, initial_indent="# ", subsequent_indent="#   ", break_on_hyphens=False)
