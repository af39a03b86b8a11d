"""The environment variables of a container, with what it learns about the instance that it is in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from ocisidecar.spec import DeploymentSpec, InstanceSpec, LoggingSpec, Plain, PrometheusConfig, SidecarSpec
from ocisidecar.spec.container import EnvironmentValue
from ocisidecar.spec.scrape import RECEIVE_PORT_VARIABLE, SCRAPE_INTERVAL_VARIABLE
from ocisidecar.wire import Body, Ref


@frozen(kw_only=True)
class Place:
    """Where a deployment is, as far as containers need it; empty texts if it is not known.

    Attributes:
        domain: of the realm's endpoints, e.g. `oraclecloud.com`.
        region: name of the region.
        compartment_id: OCID of the deployment's compartment.
    """

    domain: str = ""
    region: str = ""
    compartment_id: str = ""


NOWHERE: Final = Place()


@frozen
class Surroundings:
    """What containers depend on outside their own spec.

    Attributes:
        logging: of their deployment.
        image_prefix: registry and path below which our own images are; None keeps their symbolic names.
        name: of their instance, after that of the deployment.
        place: of their deployment.
        scrape_interval: of its Prometheus, such as `15s`; None if no configuration is generated.
    """

    logging: LoggingSpec
    image_prefix: str | None
    name: str
    place: Place
    scrape_interval: str | None


def surroundings_of(
    deployment: DeploymentSpec, instance: InstanceSpec, *, name: str, image_prefix: str | None, place: Place
) -> Surroundings:
    """Return what the containers of the instance `name` have in common."""
    logging = deployment.logging or LoggingSpec.deployment()
    return Surroundings(
        logging, image_prefix, f"{deployment.name}/{name}", place, scrape_interval=_scrape_interval(instance)
    )


def environment_of(container: SidecarSpec, surroundings: Surroundings) -> Mapping[str, Body]:
    """Return the container's variables.

    A forwarder gets the name of its instance and the realm's domain, one of metrics also region and compartment,
    and Grafana the interval of Prometheus.
    """
    values = dict(container.environment_variables)
    if SCRAPE_INTERVAL_VARIABLE in values and surroundings.scrape_interval is not None:
        values[SCRAPE_INTERVAL_VARIABLE] = surroundings.scrape_interval
    added: dict[str, str] = {}
    sends_metrics = RECEIVE_PORT_VARIABLE in values
    if sends_metrics or "OCISIDECAR_LOG_ID" in values:
        added |= {"OCISIDECAR_INSTANCE": surroundings.name, "OCISIDECAR_DOMAIN": surroundings.place.domain}
    if sends_metrics:
        added |= {
            "OCISIDECAR_REGION": surroundings.place.region,
            "OCISIDECAR_COMPARTMENT_ID": surroundings.place.compartment_id,
        }
    added = {name: value for name, value in added.items() if value}
    return {name: _value(value, surroundings.logging) for name, value in sorted({**added, **values}.items())}


def _value(value: EnvironmentValue, logging: LoggingSpec) -> Body:
    if isinstance(value, Plain):
        return value.value
    if isinstance(value, Ref) and value.key.kind == "log":
        if logging.log_id is not None:
            return logging.log_id
        return Ref(value.key, value.field, deployment=logging.name or "")
    return value


def _scrape_interval(instance: InstanceSpec) -> str | None:
    contents = [content for volume in instance.all_volumes for content in volume.files.values()]
    configs = [content for content in contents if isinstance(content, PrometheusConfig)]
    return f"{configs[0].scrape_interval_in_seconds}s" if configs else None
