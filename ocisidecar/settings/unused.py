"""Variables of older environment files that are ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_TERRAFORM = "Terraform was removed; there is no state file, the tags of the resources are the state"
_MACHINE = "no virtual machine is made: set ENABLE_PROMETHEUS_SIDECAR and ENABLE_GRAFANA_SIDECAR"
_POLICY = "every call is retried according to its error, within MAX_WAIT_TIME"

UNUSED: Final[Mapping[str, str]] = {
    "CREATE_DASHBOARD": "no console dashboard is made: set ENABLE_GRAFANA_SIDECAR, which has dashboards",
    "CREATE_NSG": "a network that the deployment makes has a group that opens exactly the declared ports; with "
    "SUBNET_OCID give your groups as NSG_OCIDS",
    "DASHBOARD_NAME": "no console dashboard is made: set ENABLE_GRAFANA_SIDECAR, which has dashboards",
    "DEPLOY_MONITORING_VM": _MACHINE,
    "ENABLE_AUDIT_LOGS": "OCI's Audit service always records every call; nothing would ever write to another log",
    "ENABLE_GRAFANA": _MACHINE,
    "ENABLE_MANAGEMENT_AGENT": "that agent could not work: set ENABLE_MANAGEMENT_AGENT_SIDECAR",
    "GRAFANA_ADMIN_USER": "it is always admin, and exists only if GRAFANA_ADMIN_PASSWORD is given",
    "LOG_GROUP_NAME": "the log group is named after the deployment, so that it can be found and removed with it",
    "MGMT_AGENT_INSTALL_KEY_NAME": "give the install key itself, with MGMT_AGENT_RESPONSE_FILE",
    "MGMT_AGENT_NAME": "write AgentDisplayName into the response file (MGMT_AGENT_RESPONSE_FILE)",
    "MGMT_AGENT_VERSION": "the version is that of the image: set MGMT_AGENT_SIDECAR_IMAGE",
    "PROMETHEUS_SCRAPE_TIMEOUT": "Prometheus' own default of 10 s holds, or the interval where that is shorter",
    "RETRY_ATTEMPTS": _POLICY,
    "RETRY_DELAY": _POLICY,
    "SSH_PUBLIC_KEY": _MACHINE,
    "TF_BACKEND": _TERRAFORM,
    "TF_LOG": "Terraform was removed: set VERBOSE",
    "TF_PLAN_FILE": "Terraform was removed: `deploy.py plan --json` prints a plan, `--expect` holds a run to it",
    "TF_STATE_BUCKET": _TERRAFORM,
    "TF_WORKSPACE": "Terraform was removed: two deployments differ by CONTAINER_INSTANCE_NAME",
}
"""Variable → why it is not used, and what to do instead."""
