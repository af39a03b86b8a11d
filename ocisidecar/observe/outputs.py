"""What a deployment offers to others: the addresses of its instances, and the URLs of the ports that it opens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ocisidecar.observe.instances import Instance
from ocisidecar.observe.snapshot import DeploymentReader
from ocisidecar.wire import Json, text

_NETWORK_CLIENT = "core.VirtualNetworkClient"
_GROUP = "network-security-group/"
_MAX_PORTS = 32


def read_outputs(
    reader: DeploymentReader,
    resources: Mapping[str, str],
    instances: Sequence[Instance],
    base_url: Callable[[Instance, int], str | None],
) -> dict[str, str]:
    """Return addresses and URLs by name: `web-0.private_ip`, `web-0.public_ip`, `web-0.url.80`.

    Takes one list for each network security group of the deployment, and the reads of the addresses.  Ports in an
    existing subnet are not the deployment's, and a range of more than 32 ports is not a list of services: they have
    no URLs, and neither has an instance that is not running.

    Args:
        reader: of the deployment.
        resources: key → OCID.
        instances: of the deployment.
        base_url: gives the base URL of an instance's port, or None.
    """
    groups = [live_id for key, live_id in resources.items() if key.startswith(_GROUP)]
    rules = [
        rule
        for group in groups
        for rule in reader.caller.pages(
            _NETWORK_CLIENT, "list_network_security_group_security_rules", group, direction="INGRESS"
        )
    ]
    admitted = (admitted_ports(rule) for rule in rules)
    ports = sorted({port for ports in admitted if len(ports) <= _MAX_PORTS for port in ports})
    outputs: dict[str, str] = {}
    for instance in instances:
        addresses = {"private_ip": instance.private_ip, "public_ip": instance.public_ip}
        outputs.update({f"{instance.name}.{name}": address for name, address in addresses.items() if address})
        urls = {port: base_url(instance, port) for port in ports} if instance.is_active else {}
        outputs.update({f"{instance.name}.url.{port}": url for port, url in urls.items() if url})
    return outputs


def admitted_ports(rule: Mapping[str, Json]) -> range:
    """Return the TCP ports that a security rule admits."""
    if text(rule, "direction") != "INGRESS" or text(rule, "protocol") not in {"6", "all"}:
        return range(0)
    options = rule.get("tcpOptions")
    span = options.get("destinationPortRange") if isinstance(options, Mapping) else None
    if not isinstance(span, Mapping):
        return range(1, 65536)
    return range(int(text(span, "min")), int(text(span, "max")) + 1)
