"""Steps of the walk: logging, monitoring, notifications, the registry, scanning and the vault."""

from __future__ import annotations

from datetime import timedelta

import oci

from tests.emulator.contract.checking_client import CheckingClient
from tests.emulator.contract.walker import Walk


def logging(walk: Walk) -> None:
    client, home = walk.client("logging.LoggingManagementClient", "/logging"), walk.home
    client.create_log_group(walk.made(displayName="other", description="other"))
    client.create_log_group(walk.made(displayName="web"))
    group_id = client.made_by_work_request()
    client.list_log_groups(home)
    client.get_log_group(group_id)
    client.update_log_group(group_id, {"description": "changed"})
    client.create_log(group_id, {"displayName": "other", "logType": "CUSTOM"})
    client.create_log(group_id, {"displayName": "app", "logType": "CUSTOM", "retentionDuration": 30})
    log_id = client.made_by_work_request()
    client.list_logs(group_id)
    client.get_log(group_id, log_id)
    client.update_log(group_id, log_id, {"isEnabled": True})
    request_id = walk.exchanges[-1].headers["opc-work-request-id"]
    client.list_work_requests(home)
    client.list_work_request_errors(request_id)
    client.list_work_request_logs(request_id)
    walk.ids |= {"log_group": group_id, "log": log_id}


def entries(walk: Walk) -> None:
    now = walk.now()
    batch = {"source": "web", "type": "app", "defaultlogentrytime": now}
    batch["entries"] = [{"id": str(number), "data": '{"level": "INFO", "n": 1, "ok": true}'} for number in range(2)]
    body = {"specversion": "1.0", "logEntryBatches": [batch]}
    walk.client("loggingingestion.LoggingClient", "/ingestion").put_logs(walk.ids["log"], body)
    search = {"timeStart": now - timedelta(hours=1), "timeEnd": now + timedelta(hours=1), "isReturnFieldInfo": True}
    search["searchQuery"] = f'search "{walk.home}/{walk.ids["log_group"]}/{walk.ids["log"]}"'
    walk.client("loggingsearch.LogSearchClient", "/logging").search_logs(search)


def metrics(walk: Walk) -> None:
    point = {"timestamp": walk.now(), "value": 95.0, "count": 1}
    metric = {
        "namespace": "app",
        "compartmentId": walk.home,
        "name": "Load",
        "datapoints": [point],
        "metadata": {"unit": "1"},
    }
    hosts = [{**metric, "dimensions": {"host": name}} for name in ("a", "b")]
    CheckingClient(
        "monitoring.MonitoringClient", walk.emulator, walk.exchanges, "/telemetry-ingestion"
    ).post_metric_data({"metricData": [*hosts, {**metric, "dimensions": {}}]})
    monitoring = walk.client("monitoring.MonitoringClient", "/telemetry")
    monitoring.summarize_metrics_data(walk.home, {"namespace": "app", "query": "Load[1m].mean()"})
    monitoring.list_metrics(walk.home, {"namespace": "app"})


def alarms(walk: Walk) -> None:
    topics = walk.client("ons.NotificationControlPlaneClient", "/notification")
    topic = topics.create_topic(walk.made(name="alerts"))
    topics.create_topic(walk.made(name="other"))
    topics.list_topics(walk.home)
    topics.get_topic(topic.topic_id)
    topics.update_topic(topic.topic_id, {"description": "changed"})
    data = walk.client("ons.NotificationDataPlaneClient", "/notification")
    data.publish_message(topic.topic_id, {"title": "t", "body": "b"})
    members = {"topicId": topic.topic_id, "protocol": "EMAIL"}
    made = [data.create_subscription(walk.made(**members, endpoint=f"{name}@example.com")) for name in "ab"]
    data.list_subscriptions(walk.home)
    data.get_subscription(made[0].id)
    data.update_subscription(made[0].id, {"freeformTags": {"a": "b"}})
    data.resend_subscription_confirmation(made[0].id)
    tokens = [walk.emulator.confirmation_token(one.id) for one in made]
    data.get_confirm_subscription(made[0].id, tokens[0], "EMAIL")
    data.get_unsubscription(made[1].id, tokens[1], "EMAIL")
    data.delete_subscription(made[0].id)
    monitoring = walk.client("monitoring.MonitoringClient", "/telemetry")
    body = walk.made(metricCompartmentId=walk.home, namespace="app", query="Load[1m].max() > 90", severity="ERROR")
    body |= {"destinations": [topic.topic_id], "isEnabled": True, "displayName": "load"}
    alarm = monitoring.create_alarm(body)
    walk.ids["alarm"] = monitoring.create_alarm({**body, "displayName": "other"}).id
    monitoring.list_alarms(walk.home)
    monitoring.list_alarms_status(walk.home)
    monitoring.get_alarm(alarm.id)
    monitoring.update_alarm(alarm.id, {"severity": "INFO"})
    monitoring.get_alarm_history(alarm.id)
    monitoring.remove_alarm_suppression(alarm.id)
    monitoring.delete_alarm(alarm.id)
    topics.delete_topic(topic.topic_id)


def registry(walk: Walk) -> None:
    client, home = walk.client("artifacts.ArtifactsClient", "/artifacts"), walk.home
    namespace = walk.client("object_storage.ObjectStorageClient", "/objectstorage").get_namespace()
    client.get_container_configuration(home)
    readme = {"content": "read me", "format": "TEXT_PLAIN"}
    repository = client.create_container_repository(walk.made(displayName="web", readme=readme))
    walk.ids["repository"] = client.create_container_repository(walk.made(displayName="other")).id
    images = [walk.emulator.push_image(repository.id, version) for version in ("1", "2")]
    client.list_container_repositories(home)
    client.get_container_repository(repository.id)
    client.update_container_repository(repository.id, {"isPublic": False})
    client.list_container_images(home)
    client.get_container_image(images[0])
    client.update_container_image(images[0], {"freeformTags": {"a": "b"}})
    client.lookup_container_image_by_uri({"imageUri": f"fra.ocir.io/{namespace}/web:1"})
    client.delete_container_image(images[0])
    client.delete_container_repository(repository.id)


def scanning(walk: Walk) -> None:
    client, home = walk.client("vulnerability_scanning.VulnerabilityScanningClient", "/vss-cp-api"), walk.home
    target_id = walk.emulator.cover_by_scanning("web")
    package = {"name": "zlib", "version": "1.2", "cveFixVersion": "1.3", "type": "DEB", "locations": ["/lib"]}
    problem = {
        "name": "CVE-0000-0001",
        "cveReference": "CVE-0000-0001",
        "description": "made up",
        "severity": "HIGH",
        "state": "OPEN",
        "timeFirstDetected": "2026-01-01T00:00:00.000Z",
        "timeLastDetected": "2026-01-01T00:00:00.000Z",
        "vulnerablePackages": [package],
    }
    result_id = walk.emulator.store_scan_result("web", "1", problem)
    client.list_container_scan_targets(home)
    recipe_id = client.get_container_scan_target(target_id).container_scan_recipe_id
    client.list_container_scan_recipes(home)
    client.get_container_scan_recipe(recipe_id)
    client.list_container_scan_results(home, repository="web", image="1", is_latest_only=True)
    client.get_container_scan_result(result_id)
    place = {"compartmentId": walk.emulator.tenancy_id}
    client.change_container_scan_recipe_compartment(recipe_id, place)
    client.change_container_scan_target_compartment(target_id, place)
    client.change_container_scan_result_compartment(result_id, place)


def search(walk: Walk) -> None:
    client = walk.client("resource_search.ResourceSearchClient", "/query")
    client.search_resources(oci.resource_search.models.StructuredSearchDetails(query="query all resources"))
    client.search_resources(oci.resource_search.models.FreeTextSearchDetails(text="vcn"))
    client.list_resource_types()
    client.get_resource_type("vcn")


def vault(walk: Walk) -> None:
    secret_id = walk.emulator.store_secret(b"old", b"new")
    secrets = walk.client("secrets.SecretsClient", "/secrets")
    secrets.get_secret_bundle(secret_id)
    secrets.list_secret_bundle_versions(secret_id)


def limits(walk: Walk) -> None:
    client, tenancy = walk.client("limits.LimitsClient", "/limits"), walk.emulator.tenancy_id
    client.list_services(tenancy)
    client.list_limit_definitions(tenancy, service_name="compute")
    client.list_limit_values(tenancy, "compute")
    domain = walk.client("identity.IdentityClient", "/identity").list_availability_domains(tenancy)[0].name
    client.get_resource_availability("compute", "standard-e4-core-count", walk.home, availability_domain=domain)
    client.get_resource_availability("vcn", "vcn-count", tenancy)
