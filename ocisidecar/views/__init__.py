"""Plans, deployments, reports and diagnoses as text, in a terminal and in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocisidecar.views.cost import cost_page
from ocisidecar.views.deployment import deployment_page, outputs_page, status_page
from ocisidecar.views.findings import findings_page
from ocisidecar.views.metrics import metric_names_page, metrics_page
from ocisidecar.views.notebook import as_html
from ocisidecar.views.plan import plan_page
from ocisidecar.views.preflight import preflight_page
from ocisidecar.views.report import report_page
from ocisidecar.views.terminal import as_text, show

if TYPE_CHECKING:
    from ocisidecar.cost.cost import Cost
    from ocisidecar.deployment import Deployment
    from ocisidecar.observe.metrics import MetricNames, Metrics
    from ocisidecar.plan.plan import Plan
    from ocisidecar.verify.findings import Diagnosis
    from ocisidecar.verify.report import Preflight, Report

__all__ = [
    "cost_html",
    "cost_page",
    "cost_text",
    "deployment_html",
    "deployment_page",
    "deployment_text",
    "findings_html",
    "findings_page",
    "findings_text",
    "metric_names_html",
    "metric_names_page",
    "metric_names_text",
    "metrics_html",
    "metrics_page",
    "metrics_text",
    "outputs_page",
    "plan_html",
    "plan_page",
    "plan_text",
    "preflight_html",
    "preflight_page",
    "preflight_text",
    "report_html",
    "report_page",
    "report_text",
    "show",
    "status_page",
]


def plan_text(plan: Plan) -> str:
    """Return a plan as plain text."""
    return as_text(plan_page(plan))


def plan_html(plan: Plan) -> str:
    """Return a plan as HTML."""
    return as_html(plan_page(plan))


def cost_text(cost: Cost) -> str:
    """Return a cost as plain text."""
    return as_text(cost_page(cost))


def cost_html(cost: Cost) -> str:
    """Return a cost as HTML."""
    return as_html(cost_page(cost))


def deployment_text(deployment: Deployment) -> str:
    """Return a deployment's resources as plain text."""
    return as_text(deployment_page(deployment))


def deployment_html(deployment: Deployment) -> str:
    """Return a deployment's resources as HTML."""
    return as_html(deployment_page(deployment))


def report_text(report: Report) -> str:
    """Return a report as plain text."""
    return as_text(report_page(report))


def report_html(report: Report) -> str:
    """Return a report as HTML."""
    return as_html(report_page(report))


def preflight_text(report: Preflight) -> str:
    """Return the checks before an apply as plain text."""
    return as_text(preflight_page(report))


def preflight_html(report: Preflight) -> str:
    """Return the checks before an apply as HTML."""
    return as_html(preflight_page(report))


def findings_text(diagnosis: Diagnosis) -> str:
    """Return a diagnosis as plain text."""
    return as_text(findings_page(diagnosis))


def findings_html(diagnosis: Diagnosis) -> str:
    """Return a diagnosis as HTML."""
    return as_html(findings_page(diagnosis))


def metrics_text(metrics: Metrics) -> str:
    """Return the charts of a metric as plain text."""
    return as_text(metrics_page(metrics))


def metrics_html(metrics: Metrics) -> str:
    """Return the charts of a metric as HTML."""
    return as_html(metrics_page(metrics))


def metric_names_text(names: MetricNames) -> str:
    """Return the metrics that can be asked for as plain text."""
    return as_text(metric_names_page(names))


def metric_names_html(names: MetricNames) -> str:
    """Return the metrics that can be asked for as HTML."""
    return as_html(metric_names_page(names))
