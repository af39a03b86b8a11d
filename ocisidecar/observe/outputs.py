"""What a deployment offers to others: the addresses of its instances, and the URLs of the ports that it opens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ocisidecar.observe.instances import Instance
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.resources.instance_request import SHARED_GROUP, group_key
from ocisidecar.wire import Json, text

_NETWORK_CLIENT = "core.VirtualNetworkClient"
_MAX_PORTS = 32


def read_outputs(
    reader: DeploymentReader,
    resources: Mapping[str, str],
    instances: Sequence[Instance],
    base_url: Callable[[Instance, int], str | None],
) -> dict[str, str]:
    """Return addresses and URLs by name: `web-0.private_ip`, `web-0.public_ip`, `web-0.url.80`.

    An instance has URLs for the ports that its own network security group admits.  Takes one list for each group,
    and the reads of the addresses.  Ports in an existing subnet are not the deployment's, and a range of more than
    32 ports is not a list of services: they have no URLs, and neither has an instance that is not running.

    Args:
        reader: of the deployment.
        resources: key → OCID.
        instances: of the deployment.
        base_url: gives the base URL of an instance's port, or None.
    """
    groups = {instance.name: own_group(instance.name, resources) for instance in instances}
    ports = {group: _ports(reader, group) for group in sorted({*groups.values()} - {""})}
    outputs: dict[str, str] = {}
    for instance in instances:
        addresses = {"private_ip": instance.private_ip, "public_ip": instance.public_ip}
        outputs.update({f"{instance.name}.{name}": address for name, address in addresses.items() if address})
        admitted = ports.get(groups[instance.name], ()) if instance.is_active else ()
        urls = {port: base_url(instance, port) for port in admitted}
        outputs.update({f"{instance.name}.url.{port}": url for port, url in urls.items() if url})
    return outputs


def own_group(instance: str, resources: Mapping[str, str]) -> str:
    """Return the OCID of the group that a deployment made for an instance such as `web-0`; empty if there is none.

    A deployment that an earlier version made, and that was not applied since, has one group for all.
    """
    for key in (group_key(instance.rpartition("-")[0]), SHARED_GROUP):
        if str(key) in resources:
            return resources[str(key)]
    return ""


def _ports(reader: DeploymentReader, group: str) -> list[int]:
    operation = "list_network_security_group_security_rules"
    admitted = map(admitted_ports, reader.caller.pages(_NETWORK_CLIENT, operation, group, direction="INGRESS"))
    return sorted({port for ports in admitted if len(ports) <= _MAX_PORTS for port in ports})


def admitted_ports(rule: Mapping[str, Json]) -> range:
    """Return the TCP ports that a security rule admits."""
    if text(rule, "direction") != "INGRESS" or text(rule, "protocol") not in {"6", "all"}:
        return range(0)
    options = rule.get("tcpOptions")
    span = options.get("destinationPortRange") if isinstance(options, Mapping) else None
    if not isinstance(span, Mapping):
        return range(1, 65536)
    return range(int(text(span, "min")), int(text(span, "max")) + 1)
