"""Alarms and their notification topics.

Source: oci.monitoring.models.CreateAlarmDetails, AlarmSummary; oci.ons.models.CreateTopicDetails,
TopicAttributesDetails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ocisidecar.resources.facts import Fact
from ocisidecar.resources.kind import Kind, Site
from ocisidecar.spec import AlarmSpec, DeploymentSpec, TopicSpec
from ocisidecar.state.desired import Desired
from ocisidecar.wire import Body, Key, Ref


class Topic(Kind):
    """A notification topic.

    API: ons/20181201, NotificationTopic.  Its OCID is called `topicId`, and names are unique in the tenancy.
    """

    name = "topic"
    heading = "Alarms"
    purpose = "sends alarms to its subscribers"
    client = "ons.NotificationControlPlaneClient"
    noun = "topic"
    has_unique_name = True
    resource_types = ("ons-topics",)
    id_field = "topicId"
    mutable = frozenset({"description"})
    repeated = mutable

    def desire(self, spec: DeploymentSpec, site: Site) -> Iterable[Desired]:
        """Yield the topics that the alarms name."""
        for topic in spec.topics:
            body: dict[str, Body] = {
                "compartmentId": site.identity.compartment_id,
                "name": site.unique_name(topic.name),
                "description": topic.description or f"Alarms of the deployment {spec.name}",
            }
            yield self.desired(topic.name, body, former={"name": site.former_unique_name(topic.name)})


class Alarm(Kind):
    """An alarm.  API: monitoring/20180401, Alarm.

    The list shows only a summary; what it leaves out is compared by hash.
    """

    name = "alarm"
    heading = "Alarms"
    purpose = "watches a metric"
    client = "monitoring.MonitoringClient"
    noun = "alarm"
    resource_types = ("alarms",)
    needs = ("topic",)
    mutable = frozenset(
        {"displayName", "namespace", "query", "severity", "destinations", "isEnabled", "resourceGroup"}
    )
    hidden = frozenset({"pendingDuration", "body", "repeatNotificationDuration", "messageFormat"})

    def desire(self, spec: DeploymentSpec, site: Site) -> Iterable[Desired]:
        """Yield the alarms, watching the metrics of the deployment's compartment."""
        for alarm in spec.effective_alarms:
            body = self._body(alarm, spec, site)
            yield self.desired(alarm.name, body)

    def facts(self, body: Mapping[str, Body]) -> Iterator[Fact]:
        """Yield its query, labelled with its severity, and what its notifications say."""
        yield str(body.get("severity")).lower(), str(body.get("query"))
        if body.get("body"):
            yield "meaning", str(body["body"])

    def _body(self, alarm: AlarmSpec, spec: DeploymentSpec, site: Site) -> dict[str, Body]:
        display_names = [name for instance in spec.instances for name in instance.display_names]
        return {
            "compartmentId": site.identity.compartment_id,
            "metricCompartmentId": site.identity.compartment_id,
            "displayName": site.display_name(alarm.name),
            "namespace": alarm.namespace,
            "resourceGroup": alarm.resource_group,
            "query": alarm.query_for(display_names, spec.name),
            "severity": alarm.severity,
            "destinations": [_destination(one) for one in spec.destinations_of(alarm)],
            "isEnabled": alarm.is_enabled,
            "pendingDuration": alarm.pending_duration,
            "body": alarm.body,
            "repeatNotificationDuration": alarm.repeat_notification_duration,
            "messageFormat": alarm.message_format,
        }


def _destination(destination: str | TopicSpec) -> Body:
    return destination if isinstance(destination, str) else Ref(Key("topic", destination.name))
