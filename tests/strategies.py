"""Hypothesis strategies for specs that pass validation in the emulator, for laws about all of them.

Each strategy is made once, not anew within each draw: making strategies takes longer than drawing from them.
"""

from __future__ import annotations

import string
from functools import cache
from typing import Any

from attrs import evolve
from hypothesis import strategies as st

from ocisidecar.spec import (
    AccessSpec,
    AlarmSpec,
    DeploymentSpec,
    DnsConfig,
    EgressRule,
    EgressSpec,
    HealthCheck,
    ImagePullSecret,
    InstanceSecurityContext,
    InstanceSpec,
    LoggingSpec,
    Mount,
    NetworkSpec,
    PlacementSpec,
    Plain,
    Port,
    RelabelRule,
    RepositorySpec,
    RolloutSpec,
    ScrapeTarget,
    SecretRef,
    SecurityContext,
    SidecarSpec,
    Statement,
    TopicSpec,
    VolumeSpec,
)
from ocisidecar.spec.secret_names import is_secret_name
from ocisidecar.spec.secret_texts import secret_in
from ocisidecar.spec.security import CAPABILITIES
from ocisidecar.wire import Key, Ref

LOWER = string.ascii_lowercase


def ocids(kind: str) -> st.SearchStrategy[str]:
    """Return a strategy for OCIDs of a resource type."""
    return st.text(LOWER + string.digits, min_size=4, max_size=8).map(lambda end: f"ocid1.{kind}.oc1.fra.{end}")


names = st.builds(
    lambda head, tail: head + tail, st.sampled_from(LOWER), st.text(LOWER + "-_0123456789", max_size=8)
).filter(lambda name: not is_secret_name(name))
texts = st.text(max_size=30).filter(lambda text: secret_in(text) is None)
some_text = texts.filter(bool)
maybe_booleans = st.none() | st.booleans()
tag_names = st.text(LOWER + "-_:/", min_size=1, max_size=10).filter(lambda name: not is_secret_name(name))
tag_maps = st.dictionaries(tag_names, texts, max_size=2)
defined_tag_maps = st.dictionaries(names, st.dictionaries(names, texts, max_size=2), max_size=2)
cidr_blocks = st.sampled_from(["10.1.0.0/16", "0.0.0.0/0", "203.0.113.7/32"])
secret_refs = st.builds(SecretRef, ocids("vaultsecret"), version=st.none() | st.integers(1, 9))
contents = texts | st.binary(max_size=20) | secret_refs
label_names = (
    st.text(string.ascii_uppercase, min_size=1, max_size=6)
    .map(lambda name: f"V_{name}_V")
    .filter(lambda name: not is_secret_name(name))
)
environments = st.dictionaries(
    label_names, texts | st.builds(Plain, texts) | st.just(Ref(Key("log", "app"))), max_size=3
)

security_contexts = st.builds(
    SecurityContext,
    run_as_user=st.integers(1, 70000),
    run_as_group=st.none() | st.integers(0, 70000),
    is_non_root_user_check_enabled=maybe_booleans,
    is_root_file_system_readonly=maybe_booleans,
    add_capabilities=st.lists(st.sampled_from(CAPABILITIES), max_size=2),
    drop_capabilities=st.lists(st.sampled_from(CAPABILITIES), max_size=2),
)
statements = st.builds(
    Statement,
    st.sampled_from(["inspect", "read", "use", "manage"]),
    st.sampled_from(["metrics", "object-family"]),
    where=st.none() | st.just("target.metrics.namespace='web'"),
    reason=some_text,
    principal=st.sampled_from(["computecontainerinstance", "managementagent"]),
)
timings: dict[str, Any] = {
    "name": st.none() | some_text,
    "initial_delay_in_seconds": st.integers(0, 60),
    "interval_in_seconds": st.integers(1, 60),
    "timeout_in_seconds": st.integers(1, 60),
    "failure_threshold": st.integers(1, 5),
    "success_threshold": st.integers(1, 5),
    "failure_action": st.sampled_from(["KILL", "NONE"]),
}


@cache
def health_checks(port: int) -> st.SearchStrategy[HealthCheck]:
    """Return a strategy for health checks of a port."""
    headers = st.dictionaries(names, texts, max_size=2)
    http = st.builds(HealthCheck.http, st.just(port), path=st.just("/health"), headers=headers, **timings)
    return http | st.builds(HealthCheck.tcp, st.just(port), **timings)


@cache
def volumes(name: str) -> st.SearchStrategy[VolumeSpec]:
    """Return a strategy for volumes of all kinds with this name."""
    files = st.dictionaries(st.sampled_from(["a.toml", "conf.d/b.ini", "x"]), contents, min_size=1, max_size=3)
    return st.one_of(
        st.builds(
            VolumeSpec.empty_dir, st.just(name), backing_store=st.sampled_from(["EPHEMERAL_STORAGE", "MEMORY"])
        ),
        st.builds(VolumeSpec.config_file, st.just(name), files, secret_version=st.none() | some_text),
        st.builds(
            VolumeSpec.file_system,
            st.just(name),
            mount_target_id=ocids("mounttarget"),
            export_id=ocids("export"),
            mount_options=st.dictionaries(names, st.none() | some_text, max_size=2),
            is_encrypted_in_transit=maybe_booleans,
        ),
    )


PRESETS = (
    SidecarSpec.prometheus(),
    SidecarSpec.management_agent(),
    SidecarSpec.management_agent(data_source="api"),
    SidecarSpec.log_forwarder(),
    SidecarSpec.grafana(),
    SidecarSpec.node_exporter(),
    SidecarSpec.nginx_exporter(),
    SidecarSpec.redis_exporter(passwords="{}"),
    SidecarSpec.postgres_exporter(password=SecretRef("ocid1.vaultsecret.oc1.fra.pg")),
    SidecarSpec.mysql_exporter(my_cnf="[client]\npassword=x\n"),
    SidecarSpec.blackbox_exporter(),
    SidecarSpec.cadvisor(),
    SidecarSpec.alertmanager(webhook=SecretRef("ocid1.vaultsecret.oc1.fra.hook")),
    SidecarSpec.statsd_exporter(mapping="mappings: []\n"),
)


@cache
def sidecars(index: int) -> st.SearchStrategy[SidecarSpec]:
    """Return a strategy for sidecars that are not presets; the index makes names, volumes and ports unique."""
    port = 20000 + index
    return st.builds(
        SidecarSpec,
        st.just(f"extra-{index}"),
        image_url=st.just("ghcr.io/acme/extra:1.0"),
        command=st.lists(some_text, max_size=2),
        arguments=st.lists(some_text, max_size=2),
        working_directory=st.none() | st.just("/srv"),
        environment_variables=environments,
        mounts=st.fixed_dictionaries(
            {
                "/own": st.builds(Mount, volumes(f"own-{index}"), is_read_only=maybe_booleans),
                "/logs": st.just("logs"),
            }
        ),
        health_checks=st.lists(health_checks(port), max_size=2),
        scrape=st.lists(
            st.builds(
                ScrapeTarget,
                st.just(port),
                path=st.sampled_from(["/metrics", "/probe"]),
                parameters=st.dictionaries(names, texts, max_size=1),
                labels=st.dictionaries(st.sampled_from(["instance", "team"]), texts, max_size=1),
                bearer_token=st.none() | st.just(SecretRef("ocid1.vaultsecret.oc1.fra.token")),
                interval_in_seconds=st.none() | st.integers(10, 3600),
                timeout_in_seconds=st.none() | st.integers(1, 10),
                drop_metrics=st.lists(st.sampled_from(["go_.*", "a"]), max_size=2),
                metric_relabel=st.lists(
                    st.builds(RelabelRule, action=st.just("labeldrop"), regex=st.just("path")), max_size=1
                ),
            ),
            max_size=2,
        ),
        statements=st.lists(statements, max_size=2),
        is_essential=st.booleans(),
        vcpus_limit=st.none() | st.floats(0.01, 0.1),
        memory_limit_in_gbs=st.none() | st.floats(0.01, 0.1),
        is_resource_principal_disabled=maybe_booleans,
        security_context=st.none() | security_contexts,
        warnings=st.lists(some_text, max_size=1),
    )


preset_sidecars = st.lists(st.sampled_from(PRESETS), max_size=3, unique_by=lambda preset: preset.name)
other_sidecars = st.one_of([st.tuples(*(sidecars(index) for index in range(count))) for count in range(3)])
sizes = st.sampled_from(
    [{"ocpus": ocpus, "memory_in_gbs": memory} for ocpus in (2, 4.0, 8) for memory in (None, ocpus * 8)]
)
replica_counts = st.sampled_from(
    [{"replicas": 1}, {"replicas": 1, "private_ip": "10.0.0.9"}, {"replicas": 2}, {"replicas": 3}]
)
instance_fields = st.fixed_dictionaries(
    {
        "image_url": st.sampled_from(["fra.ocir.io/acme/web:1.4", "nginx:1.27"]),
        "shape": st.sampled_from(["CI.Standard.E4.Flex", "CI.Standard.E3.Flex", "CI.Standard.Next.Flex"]),
        "environment_variables": environments,
        "ports": st.lists(
            st.builds(
                Port,
                st.integers(1, 65535),
                sources=st.lists(cidr_blocks | st.just("vcn"), min_size=1, max_size=2),
                protocol=st.sampled_from(["tcp", "udp"]),
            ),
            max_size=2,
            unique_by=lambda port: (port.protocol, port.port),
        ),
        "placement": st.builds(
            PlacementSpec,
            availability_domains=st.lists(st.sampled_from([1, "AD-2", "Uocm:PHX-AD-3"]), max_size=2),
            fault_domains=st.lists(st.integers(1, 3), max_size=2),
            shapes=st.lists(st.just("CI.Standard.E3.Flex"), max_size=1),
            spread=st.booleans(),
        ),
        "rollout": st.builds(
            RolloutSpec,
            replace=st.sampled_from(["overlap", "stop_first"]),
            max_unavailable=st.integers(0, 2),
            probe=st.none() | health_checks(80),
            healthy_timeout_in_seconds=st.integers(1, 900),
            on_failure=st.sampled_from(["keep", "roll_back"]),
        ),
        "image_pull_secrets": st.lists(
            st.builds(ImagePullSecret.vault, st.just("ghcr.io"), secret_id=ocids("vaultsecret"))
            | st.builds(ImagePullSecret.basic, st.just("ghcr.io"), username=some_text, password=some_text),
            max_size=1,
        ),
        "container_restart_policy": st.sampled_from(["ALWAYS", "NEVER", "ON_FAILURE"]),
        "dns_config": st.none() | st.builds(DnsConfig, nameservers=st.just(["169.254.169.254"])),
        "security_context": st.none()
        | st.builds(
            InstanceSecurityContext,
            fs_group=st.none() | st.integers(0, 9),
            fs_group_change_policy=st.sampled_from([None, "ALWAYS", "ON_ROOT_MISMATCH"]),
        ),
        "container_security_context": st.none() | security_contexts,
        "display_name": st.none() | some_text,
        "skip_source_dest_check": maybe_booleans,
        "freeform_tags": tag_maps,
        "vnic_defined_tags": defined_tag_maps,
    }
)
sub_paths = st.none() | st.just("a/b")


@st.composite
def instances(draw: st.DrawFn, name: str) -> InstanceSpec:
    """Draw an instance of this name that fits its shape."""
    sidecars = (*draw(preset_sidecars), *draw(other_sidecars))
    options = draw(sizes) | draw(replica_counts) | draw(instance_fields)
    return (
        InstanceSpec(name, sidecars=sidecars, **options)
        .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
        .with_volume(draw(volumes("data")), mount_path="/data", sub_path=draw(sub_paths))
    )


egress_rules = st.builds(
    EgressRule,
    st.just("vcn") | cidr_blocks,
    ports=st.lists(st.integers(1, 65535), max_size=3),
    protocol=st.sampled_from(["tcp", "udp"]),
)
egresses = st.none() | st.builds(
    lambda rules: EgressSpec([EgressRule("0.0.0.0/0"), *rules]), st.lists(egress_rules, max_size=2)
)
"""Whatever else they name, all TCP ports are let out: images come from registries on the internet."""
networks = st.one_of(
    st.builds(NetworkSpec.private, dns_label=st.none() | st.just("web")),
    st.just(NetworkSpec.public(cidr_block="10.0.0.0/20")),
    st.builds(NetworkSpec.existing, ocids("subnet"), nsg_ids=st.lists(ocids("networksecuritygroup"), max_size=2)),
    st.just(NetworkSpec.of("Platform", is_public_ip_assigned=True)),
)
accesses = st.one_of(
    st.builds(
        AccessSpec.deployment,
        defined_tag=st.none() | st.just("ops.deployment"),
        statements=st.lists(statements, max_size=2),
    ),
    st.builds(AccessSpec.of, st.just("Platform"), defined_tag=st.none() | st.just("ops.deployment")),
    st.builds(AccessSpec.existing, ocids("dynamicgroup") | st.just("Default/group")),
    st.just(AccessSpec.none()),
)
loggings = st.one_of(
    st.builds(
        LoggingSpec.deployment,
        log_names=st.just(["audit", "app"]),
        retention_duration_in_days=st.sampled_from([30, 180]),
    ),
    st.builds(LoggingSpec.existing, log_id=ocids("log")),
    st.builds(LoggingSpec.existing, log_group_id=ocids("loggroup")),
    st.just(LoggingSpec.of("Platform")),
)
topics = st.builds(
    TopicSpec,
    st.just("ops"),
    description=st.just("on call"),
    subscriptions=st.just(
        (
            "mailto:ops@example.com",
            "sms:+14255550100",
            "https://example.com/hook",
            "ocid1.fnfunc.oc1.fra.page",
            SecretRef("ocid1.vaultsecret.oc1.fra.slack", version=2),
        )
    ),
)
one_topic = st.lists(topics, min_size=1, max_size=1)
alarms = st.one_of(
    st.builds(AlarmSpec.cpu_utilization, st.integers(1, 99), destinations=one_topic),
    st.builds(AlarmSpec.memory_utilization, severity=st.sampled_from(["INFO", "ERROR"]), destinations=one_topic),
    st.builds(AlarmSpec.ephemeral_storage, destinations=one_topic),
    st.builds(AlarmSpec.absence, destinations=st.lists(ocids("onstopic"), min_size=1, max_size=1)),
    st.builds(
        AlarmSpec,
        st.just("custom"),
        query=st.just("requests[1m].rate() > 5"),
        namespace=st.just("web"),
        resource_group=st.none() | st.just("a.b"),
        pending_duration=st.sampled_from(["PT1M", "PT1H"]),
        body=st.none() | some_text,
        repeat_notification_duration=st.none() | st.just("PT4H"),
        message_format=st.sampled_from(["RAW", "PRETTY_JSON"]),
        is_enabled=st.booleans(),
        destinations=one_topic,
    ),
)


instance_names = st.lists(names, min_size=1, max_size=2, unique=True)
deployment_fields = st.fixed_dictionaries(
    {
        "network": st.none() | networks,
        "access": st.none() | accesses,
        "logging": st.none() | loggings,
        "alarms": st.lists(alarms, max_size=2, unique_by=lambda alarm: alarm.name),
        "topic": st.none() | st.builds(TopicSpec, st.just("own"), subscriptions=st.just(["mailto:me@example.com"])),
        "repositories": st.lists(
            st.builds(RepositorySpec, st.just("acme/web"), is_public=st.booleans()),
            max_size=1,
        ),
        "freeform_tags": tag_maps,
        "defined_tags": defined_tag_maps,
    }
)


@st.composite
def deployments(draw: st.DrawFn) -> DeploymentSpec:
    """Draw a deployment that passes validation where our own images may be symbolic."""
    chosen = [draw(instances(name)) for name in draw(instance_names)]
    if len({one.private_ip for one in chosen if one.private_ip}) < sum(bool(one.private_ip) for one in chosen):
        chosen[1:] = [evolve(one, private_ip=None) for one in chosen[1:]]  # both may be in one subnet
    spec = DeploymentSpec(draw(names), chosen, **draw(deployment_fields))
    if spec.effective_network.kind == "existing":
        return spec
    return evolve(spec, instances=[evolve(one, egress=draw(egresses)) for one in spec.instances])
