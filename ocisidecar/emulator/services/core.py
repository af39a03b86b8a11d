"""Core: the service, and what the resources of virtual cloud networks have in common.  API: core/20160918.

Source: oci.core.VirtualNetworkClient and oci.core.models; the texts of refusals are quoted from live answers
except where UNCONFIRMED stands.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network
from typing import Final

from ocisidecar.emulator.declarations import Call, Service
from ocisidecar.emulator.errors import ServiceError, invalid
from ocisidecar.emulator.state import Cloud, Record
from ocisidecar.emulator.work_requests import WorkRequests

CORE: Final = Service(
    name="core",
    prefixes=("iaas",),
    version="/20160918",
    client="core.VirtualNetworkClient",
    page_token_length=1200,
)

CREATE_PHASES: Final = (("PROVISIONING", "network"), ("AVAILABLE", ""))
DELETE_PHASES: Final = (("TERMINATING", "network"), (None, ""))

WORK_REQUESTS: Final = WorkRequests(
    service=CORE,
    client="work_requests.WorkRequestClient",
    ocid="coreservicesworkrequest",
    binding="ab",
    is_action_final=False,
    filters=("resourceId",),
    summary_without=frozenset({"resources"}),
).declare()


def cidr(text: str) -> IPv4Network:
    """Return the CIDR block; ServiceError 400 when the text is not one, or has host bits."""
    try:
        return IPv4Network(text)
    except ValueError as exc:
        raise invalid(f"The requested CIDR {text} is invalid: unable to parse.") from exc


def dns_label(label: str) -> str:
    """Return the label in lower case; ServiceError 400 unless it has up to 15 letters and digits, a letter first.

    Source: oci.core.models.CreateVcnDetails.dns_label, and the tests of Oracle's Terraform provider for the case of
    subnets' labels.  UNCONFIRMED: that of the labels of VCNs and hosts.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,14}", label):
        raise invalid(f"dnsLabel {label} must have 1 to 15 letters or digits and begin with a letter")
    return label.lower()


def mac_suffix(cloud: Cloud) -> str:
    """Return the last three bytes of a new MAC address."""
    digits = cloud.ids.hexadecimal(6).upper()
    return ":".join(digits[index : index + 2] for index in range(0, len(digits), 2))


def require_unused(call: Call, record: Record, users: dict[str, str]) -> None:
    """Raise ServiceError 409 when a resource of one of the kinds refers to `record` by the given member."""
    for kind, member in users.items():
        for user in call.cloud.store.all(kind, call.now):
            value = user.body.get(member)
            if value == record.id or (isinstance(value, list) and record.id in value):
                raise in_use_error(record, kind)


def in_use_error(record: Record, kind: str) -> ServiceError:
    """Return the 409 that refuses to delete a resource while one of `kind` uses it."""
    word = "Gateway" if kind.endswith("-gateway") else kind.title().replace("-", "")
    return ServiceError("IncorrectState", f"{record.id} is associated with {word} that is in use")


def refuse_default(call: Call, record: Record) -> None:
    """Raise ServiceError 409 for a default of an existing VCN, with which it is deleted.  UNCONFIRMED: the text."""
    vcn = call.find("vcn", record.body["vcnId"])
    if record.is_builtin and vcn is not None:
        raise ServiceError("IncorrectState", f"{record.id} is a default of {vcn.id} and cannot be deleted")
