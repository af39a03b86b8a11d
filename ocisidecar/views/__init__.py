"""What people see: plans, deployments, reports and findings, in a terminal and in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocisidecar.views.notebook import as_html
from ocisidecar.views.plan import plan_page
from ocisidecar.views.terminal import as_text, renderable

if TYPE_CHECKING:
    from ocisidecar.plan import Plan


def plan_text(plan: Plan) -> str:
    """Return a plan as plain text."""
    return as_text(plan_page(plan))


def plan_html(plan: Plan) -> str:
    """Return a plan as HTML."""
    return as_html(plan_page(plan))
