"""The deployment that settings describe, setting by setting."""

from __future__ import annotations

import re

import pytest

from ocisidecar import (
    AlarmSpec,
    EgressRule,
    EgressSpec,
    NetworkSpec,
    PlacementSpec,
    Port,
    ScrapeTarget,
    SecretRef,
    TopicSpec,
)
from ocisidecar.errors import SettingsError
from ocisidecar.resources.access import statements_of
from ocisidecar.settings.deployment import platforms
from ocisidecar.settings.table import variables

FROM_OCIR = (
    "CONTAINER_IMAGE=fra.ocir.io/acme/web:1.4\nENABLE_PROMETHEUS_SIDECAR=false\nENABLE_PROMETHEUS_EXPORTERS=false\n"
)
SUBNET = "ocid1.subnet.oc1.fra.a"
GROUP = "ocid1.networksecuritygroup.oc1.fra.a"
TOPIC = "ocid1.onstopic.oc1.fra.a"
SECRET = "ocid1.vaultsecret.oc1.fra.a"


@pytest.fixture
def spec(settings):
    """A function that returns the deployment of these lines."""
    return lambda lines="", **options: settings(lines, **options).deployment_spec()


@pytest.fixture
def web(spec):
    """A function that returns the instance of these lines."""
    return lambda lines="", **options: spec(lines, **options).instance("web")


def names(instance):
    return [sidecar.name for sidecar in instance.sidecars]


class TestApp:
    """The app and its instances."""

    def test_at_least(self, web):
        """A name and an image make an instance with Prometheus, the node exporter and shared volumes."""
        instance = web()
        assert (instance.image_url, instance.ports, instance.replicas) == (
            "docker.io/acme/web:1.4",
            (Port(8080),),
            1,
        )
        assert names(instance) == ["prometheus", "node-exporter"]
        assert sorted(instance.mounts) == ["/logs", "/metrics"]

    def test_every_setting_of_the_instance(self, web):
        """The file sets the instance's shape, size, number of replicas, port and availability domain."""
        instance = web(
            "CONTAINER_SHAPE=CI.Standard.A1.Flex\nCONTAINER_OCPUS=4\nCONTAINER_MEMORY_GB=8\nCONTAINER_COUNT=3\n"
            "CONTAINER_PORT=9000\nAVAILABILITY_DOMAIN=2\n"
        )
        assert (instance.shape, instance.ocpus, instance.memory_in_gbs) == ("CI.Standard.A1.Flex", 4, 8)
        assert instance.replicas == 3
        assert instance.ports == (Port(9000),)
        assert instance.health_checks[0].port == 9000
        assert instance.placement == PlacementSpec(availability_domains=[2])

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("ENV=production,DEBUG=false", {"ENV": "production", "DEBUG": "false"}),
            ("DNS_SERVERS=8.8.8.8,8.8.4.4", {"DNS_SERVERS": "8.8.8.8,8.8.4.4"}),
            ("A=x=y,B=", {"A": "x=y", "B": ""}),
            ('{"A":"1,2","B":"x"}', {"A": "1,2", "B": "x"}),
            ('A="b=1,c=2",D=3', {"A": "b=1,c=2", "D": "3"}),
            ('A="say x, y" , B=z', {"A": "say x, y", "B": "z"}),
            ("URL=http://x/?a=1,NAME=abc==,B=1", {"URL": "http://x/?a=1", "NAME": "abc==", "B": "1"}),
            ("OTEL_RESOURCE_ATTRIBUTES=service.name=web", {"OTEL_RESOURCE_ATTRIBUTES": "service.name=web"}),
            ("spring.a=1,spring.b=2", {"spring.a": "1", "spring.b": "2"}),
        ],
    )
    def test_environment(self, web, text, expected):
        """A comma begins a new pair only if a name follows; a value in quotes may hold anything."""
        assert web(f"CONTAINER_ENV_VARS='{text}'\n").environment_variables == expected

    @pytest.mark.parametrize(
        "text",
        [
            "OTEL=service.name=web,deployment.environment=prod",
            "JAVA_OPTS=-Da=1,b=2",
            "JAVA_OPTS=-Xmx1g -Da=1,b=2",
            "URL=http://x/?a=1,b=2",
            "CONNECTION=Server=db;Timeout=1,retries=2",
            "A=x,service.name=web",
            "A= b , C = d",
        ],
    )
    def test_ambiguous_environment(self, web, text):
        """Pairs that may be part of the value before them are refused, with the form that is clear."""
        with pytest.raises(SettingsError, match=r'may hold pairs itself: put each value in quotes, as in A="b=1'):
            web(f"CONTAINER_ENV_VARS='{text}'\n")

    @pytest.mark.parametrize("text", ["A=1,A=2", 'A="1",B=2,A=3', '{"A": "1", "A": "2"}'])
    def test_a_name_that_is_there_twice(self, web, text):
        """No value is silently taken for another of the same name."""
        with pytest.raises(SettingsError, match="CONTAINER_ENV_VARS has A twice"):
            web(f"CONTAINER_ENV_VARS='{text}'\n")

    def test_log_level(self, web):
        """The app gets LOG_LEVEL as a variable, unless CONTAINER_ENV_VARS sets it."""
        assert web("LOG_LEVEL=DEBUG\n").environment_variables == {"LOG_LEVEL": "DEBUG"}
        own = web("LOG_LEVEL=DEBUG\nCONTAINER_ENV_VARS=LOG_LEVEL=INFO\n")
        assert own.environment_variables == {"LOG_LEVEL": "INFO"}

    def test_without_shared_volumes(self, web):
        """ENABLE_SHARED_VOLUMES=false leaves the app without volumes."""
        assert web("ENABLE_SHARED_VOLUMES=false\n").mounts == {}

    def test_the_demonstration_app(self, web):
        """Without CONTAINER_IMAGE the app is the demonstration app, with the URL that build_all.py wrote."""
        assert web("CONTAINER_IMAGE=\n", local=True).image_url == "ocisidecar/app-with-metrics:0.1.0"
        written = "CONTAINER_IMAGE=\nAPP_WITH_METRICS_IMAGE=fra.ocir.io/ns/app:1\n"
        instance = web(f"{written}CONTAINER_PORT=9000\n")
        assert (instance.image_url, instance.environment_variables) == ("fra.ocir.io/ns/app:1", {"PORT": "9000"})

    @pytest.mark.parametrize(
        ("lines", "scrape"),
        [
            ("PROMETHEUS_METRICS_PORT=8081\n", (ScrapeTarget(8081),)),
            ("PROMETHEUS_METRICS_PORT=8081\nPROMETHEUS_METRICS_PATH=/m\n", (ScrapeTarget(8081, path="/m"),)),
            ("PROMETHEUS_METRICS_PORT=9090\n", ()),
            ("PROMETHEUS_METRICS_PORT=9090\nENABLE_PROMETHEUS_SIDECAR=false\n", (ScrapeTarget(9090),)),
        ],
    )
    def test_metrics_of_the_app(self, web, lines, scrape):
        """The app is scraped at the port that the file gives, unless that is Prometheus' own port."""
        assert web(lines).scrape == scrape


class TestNetwork:
    """Network, addresses and open ports of the instances."""

    def test_private_by_default(self, spec):
        """Without further settings instances have no public address and no open port."""
        assert spec().network == NetworkSpec.private()

    def test_public_to_the_named_only(self, spec):
        """ALLOWED_CIDR alone is the source of the app's port, and no other port is open."""
        deployment = spec("ASSIGN_PUBLIC_IP=true\nALLOWED_CIDR='203.0.113.7/32, 198.51.100.0/24'\n")
        assert deployment.network == NetworkSpec.public()
        ports = deployment.instance("web").ports
        assert ports == (Port(8080, sources=["203.0.113.7/32", "198.51.100.0/24"]),)

    def test_prometheus_is_open_to_the_named_only(self, web):
        """PROMETHEUS_ALLOWED_CIDR opens port 9090 to its sources, and without it the port is closed."""
        assert web().ports == (Port(8080),)
        assert web("PROMETHEUS_ALLOWED_CIDR=vcn\n").ports == (Port(8080), Port(9090))
        ports = web("PROMETHEUS_ALLOWED_CIDR=203.0.113.7/32\nALLOWED_CIDR=198.51.100.0/24\n").ports
        assert ports == (Port(8080, sources=["198.51.100.0/24"]), Port(9090, sources=["203.0.113.7/32"]))

    @pytest.mark.parametrize(
        ("text", "egress"),
        [
            ("none", EgressSpec()),
            ("vcn", EgressSpec(["vcn"])),
            (
                "vcn:5432, vcn:6379,203.0.113.0/24:443",
                EgressSpec([EgressRule("vcn", ports=[5432, 6379]), EgressRule("203.0.113.0/24", ports=[443])]),
            ),
            (
                "10.0.0.2/32:53/udp,10.0.0.2/32:53",
                EgressSpec(
                    [EgressRule("10.0.0.2/32", ports=[53], protocol="udp"), EgressRule("10.0.0.2/32", ports=[53])]
                ),
            ),
            ("vcn:80,vcn", EgressSpec(["vcn"])),
        ],
    )
    def test_egress_is_narrowed(self, web, text, egress):
        """EGRESS_CIDR names destinations, and without it instances may connect to everything."""
        assert web().egress is None
        lines = f"{FROM_OCIR}EGRESS_CIDR='{text}'\n"
        assert web(lines).egress == egress

    def test_existing(self, spec):
        """An existing subnet and its groups are used unchanged."""
        deployment = spec(f"SUBNET_OCID={SUBNET}\nNSG_OCIDS={GROUP}\nASSIGN_PUBLIC_IP=yes\n")
        assert deployment.network == NetworkSpec.existing(SUBNET, nsg_ids=[GROUP], is_public_ip_assigned=True)


class TestSidecars:
    """The sidecars and their settings."""

    def test_all(self, web):
        """Each sidecar has a switch, and all sidecars together fit into one instance."""
        switches = [name for name in variables() if re.fullmatch(r"ENABLE_.*_(SIDECAR|EXPORTERS?)", name)]
        lines = "".join(f"{switch}=true\n" for switch in switches)
        instance = web(f"{lines}CONTAINER_OCPUS=2\n", local=True)
        assert names(instance) == [
            "prometheus", "node-exporter", "nginx-exporter", "redis-exporter", "postgres-exporter",
            "mysql-exporter", "blackbox-exporter", "log-forwarder", "metrics-forwarder", "management-agent",
            "grafana",
        ]  # fmt: skip
        off = lines.replace("true", "false")
        assert names(web(off)) == []

    @pytest.mark.parametrize(("shape", "vcpus"), [("CI.Standard.E4.Flex", 0.5), ("CI.Standard.A1.Flex", 0.25)])
    def test_ocpus_are_turned_into_logical_cpus(self, web, shape, vcpus):
        """A quarter of an OCPU is half a logical CPU on x86 and a quarter of one on Arm."""
        (sidecar, _) = web(
            f"CONTAINER_SHAPE={shape}\nPROMETHEUS_SIDECAR_OCPUS=0.25\nPROMETHEUS_SIDECAR_MEMORY_GB=0.75\n"
        ).sidecars
        assert (sidecar.vcpus_limit, sidecar.memory_limit_in_gbs) == (vcpus, 0.75)

    @pytest.mark.parametrize(
        ("prefix", "switch", "name"),
        [
            ("PROMETHEUS_SIDECAR", "PROMETHEUS_SIDECAR", "prometheus"),
            ("LOG_FORWARDER_SIDECAR", "LOG_FORWARDER_SIDECAR", "log-forwarder"),
            ("METRICS_FORWARDER_SIDECAR", "METRICS_FORWARDER_SIDECAR", "metrics-forwarder"),
            ("MGMT_AGENT_SIDECAR", "MANAGEMENT_AGENT_SIDECAR", "management-agent"),
            ("GRAFANA_SIDECAR", "GRAFANA_SIDECAR", "grafana"),
        ],
    )
    def test_image_and_limits_of_each(self, web, prefix, switch, name):
        """The file sets a sidecar's image, memory and CPU; an empty value keeps the preset's."""
        lines = f"ENABLE_{switch}=true\n"
        limits = f"{prefix}_IMAGE=r/i:1\n{prefix}_MEMORY_GB=0.3\n{prefix}_OCPUS=0.2\n"
        by_name = {one.name: one for one in web(lines + limits, local=True).sidecars}
        sidecar = by_name[name]
        assert (sidecar.image_url, sidecar.memory_limit_in_gbs, sidecar.vcpus_limit) == ("r/i:1", 0.3, 0.4)
        preset = {one.name: one for one in web(lines, local=True).sidecars}[name]
        assert preset.memory_limit_in_gbs
        assert preset.vcpus_limit

    def test_scrape_interval(self, web):
        """PROMETHEUS_SCRAPE_INTERVAL is the interval in Prometheus' configuration."""
        volume = web("PROMETHEUS_SCRAPE_INTERVAL=60\n").sidecars[0].mounts["/etc/prometheus"].volume
        assert volume.files["prometheus.yml"].scrape_interval_in_seconds == 60

    def test_management_agent(self, web):
        """The agent's install key comes from the vault; it reads Prometheus, or the app without Prometheus."""
        lines = f"ENABLE_MANAGEMENT_AGENT_SIDECAR=true\nMGMT_AGENT_RESPONSE_FILE=vault:{SECRET}\n"
        image = "MGMT_AGENT_SIDECAR_IMAGE=r/i:1\nMETRICS_NAMESPACE=shop\n"
        agent = web(lines + image).sidecars[-1]
        assert agent.mounts["/etc/management-agent"].volume.files["input.rsp"] == SecretRef(SECRET)
        assert agent.mounts["/logs"].volume == "logs"
        assert agent.environment_variables["OCISIDECAR_METRIC_NAMESPACE"] == "shop"
        assert "/federate" in agent.environment_variables["OCISIDECAR_SCRAPE_URL"]
        alone = web(f"{lines}{image}ENABLE_PROMETHEUS_SIDECAR=false\nPROMETHEUS_METRICS_PORT=8081\n").sidecars[-1]
        assert alone.environment_variables["OCISIDECAR_SCRAPE_URL"] == "http://127.0.0.1:8081/metrics"

    def test_grafana_has_sources_of_its_own_and_no_default_password(self, web):
        """Grafana's port is open to the VCN, whatever the app's sources; admin exists only with a password."""
        image = "ENABLE_GRAFANA_SIDECAR=true\nGRAFANA_SIDECAR_IMAGE=r/i:1\nALLOWED_CIDR=203.0.113.0/24\n"
        instance = web(image)
        assert instance.ports == (Port(8080, sources=["203.0.113.0/24"]), Port(3000))
        own = web(f"{image}GRAFANA_ALLOWED_CIDR=10.0.0.0/24\n")
        assert own.ports == (Port(8080, sources=["203.0.113.0/24"]), Port(3000, sources=["10.0.0.0/24"]))
        assert "/etc/grafana-secret" not in instance.sidecars[-1].mounts
        secured = web(f"{image}GRAFANA_ADMIN_PASSWORD=env:P\nSECRETS_VERSION=2\n", environment={"P": "x"})
        volume = secured.sidecars[-1].mounts["/etc/grafana-secret"].volume
        assert (volume.files["admin_password"], volume.secret_version) == (b"x", "2")

    def test_exporters_ask_the_app_at_its_port(self, web):
        """The NGINX and blackbox exporters probe CONTAINER_PORT."""
        nginx, blackbox = web(
            "CONTAINER_PORT=9000\nENABLE_NGINX_EXPORTER=on\nENABLE_BLACKBOX_EXPORTER=on\n"
        ).sidecars[2:]
        assert "--nginx.scrape-uri=http://127.0.0.1:9000/stub_status" in nginx.arguments
        assert blackbox.scrape[1].parameters["target"] == "http://127.0.0.1:9000/"


SENT = (
    "ENABLE_PROMETHEUS_SIDECAR=true\nENABLE_METRICS_FORWARDER_SIDECAR=true\nOCIR_NAMESPACE=ns\nOCI_REGION=fra\n"
    "PROMETHEUS_METRICS_PORT=8081\n"
)
"""Settings with which the metrics of Prometheus are sent."""


class TestLogsAndAlarms:
    """Logging and alarms."""

    def test_logging(self, spec):
        """Logging is a log with the file's retention, or none when it is switched off."""
        assert spec("LOG_RETENTION_DAYS=90\n").logging.retention_duration_in_days == 90
        assert spec("ENABLE_LOGGING=false\n").logging.kind == "none"

    def test_no_alarms_by_default(self, spec):
        """Alarms are created only with ENABLE_ALARMS=true."""
        assert spec().alarms == ()

    @pytest.mark.parametrize(
        ("line", "destinations", "topic"),
        [
            (f"NOTIFICATION_TOPIC_OCID={TOPIC}\n", [TOPIC], None),
            ("", [], TopicSpec("alarms")),
            (
                "NOTIFICATION_SUBSCRIPTIONS=mailto:ops@example.com,https://example.com/hook\n",
                [],
                TopicSpec("alarms", subscriptions=["mailto:ops@example.com", "https://example.com/hook"]),
            ),
        ],
    )
    def test_alarms_notify_somebody(self, spec, line, destinations, topic):
        """There are alarms for CPU, memory, storage and absence, and each has a topic."""
        made = spec(f"ENABLE_ALARMS=true\nCPU_ALARM_THRESHOLD=70\nMEMORY_ALARM_THRESHOLD=90.5\n{line}")
        assert made.topic == topic
        assert made.alarms == (
            AlarmSpec.cpu_utilization(70, destinations=destinations),
            AlarmSpec.memory_utilization(90.5, destinations=destinations),
            AlarmSpec.ephemeral_storage(destinations=destinations),
            AlarmSpec.absence(destinations=destinations),
        )

    def test_alarms_have_the_names_of_spec_files(self, spec):
        """ALARMS names the ready alarms, once each, and they look where METRICS_NAMESPACE says."""
        made = spec(
            f"ENABLE_ALARMS=true\nALARMS=restarts,cpu_utilization,restarts\nCPU_ALARM_THRESHOLD=70\n{SENT}"
            "METRICS_NAMESPACE=shop\nMETRICS_FORWARDER_SIDECAR_METRICS=up,process_start_time_seconds\n"
        )
        assert made.alarms == (AlarmSpec.restarts(metric_namespace="shop"), AlarmSpec.cpu_utilization(70))

    def test_recommended_alarms_are_those_that_fit(self, spec):
        """`recommended` stands for the ready alarms that something sends the metrics for; thresholds are kept."""
        oci = {"cpu-utilization", "memory-utilization", "ephemeral-storage", "absence"}
        alarms = "ENABLE_ALARMS=true\nALARMS=recommended\nMEMORY_ALARM_THRESHOLD=90\n"
        assert {one.name for one in spec(alarms).alarms} == oci
        made = spec(f"{alarms}{SENT}").alarms
        assert {one.name for one in made} == {*oci, "scrape-target-down", "silent-agent"}
        assert AlarmSpec.memory_utilization(90) in made
        assert {one.namespace for one in made if one.measured_by != "oci"} == {"container_monitoring"}

    def test_an_alarm_on_what_is_not_sent_is_refused(self, spec):
        """The problem names ALARMS, and the sidecar that would have to send the metric."""
        with pytest.raises(SettingsError, match=r"ALARMS .*process_start_time_seconds.* metrics forwarder"):
            spec(f"ENABLE_ALARMS=true\nALARMS=restarts\n{SENT}")


class TestImages:
    """Image URLs, and the rights and credentials to pull them."""

    def test_image_prefix(self, settings):
        """The image prefix is made of region, namespace and path, or given whole."""
        registry = "OCIR_NAMESPACE=ns\nOCI_REGION=eu-frankfurt-1\n"
        assert settings().image_prefix is None
        assert settings(registry).image_prefix == "ocir.eu-frankfurt-1.oci.oraclecloud.com/ns/ocisidecar"
        assert settings(f"{registry}OCIR_REGION=fra\nOCIR_REPOSITORY=x\n").image_prefix == "fra.ocir.io/ns/x"
        assert settings(f"{registry}OCIR_ENDPOINT=127.0.0.1:5000\n").image_prefix == "127.0.0.1:5000/ns/ocisidecar"
        assert settings(f"{registry}OCISIDECAR_IMAGE_PREFIX=r/p\n").image_prefix == "r/p"

    def test_images_of_the_tenancy_are_pulled_by_a_policy(self, spec):
        """The dynamic group may read the repository of an image in OCIR, and no other one."""

        def pulls(text=""):
            found = statements_of(spec(text), image_prefix=None)
            return [(one.verb, one.where) for one in found if one.resource_type == "repos"]

        assert pulls("CONTAINER_IMAGE=fra.ocir.io/ns/web:1\n") == [("read", "target.repo.name='web'")]
        assert pulls() == []

    @pytest.mark.parametrize("host", ["fra.ocir.io", "ocir.eu-frankfurt-1.oci.oraclecloud.com"])
    def test_credentials_are_for_the_registry_that_the_images_are_in(self, spec, host):
        """Pull credentials name the registry host in the image's URL, whatever the spelling of OCIR_REGION."""
        deployment = spec(
            f"OCI_REGION=eu-frankfurt-1\nOCIR_USERNAME=ns/ada\nOCIR_PASSWORD=env:T\nCONTAINER_IMAGE={host}/ns/web:1\n",
            environment={"T": "x"},
        )
        (secret,) = deployment.instance("web").image_pull_secrets
        assert (secret.registry_endpoint, secret.username) == (host, "ns/ada")
        assert all(one.resource_type != "repos" for one in statements_of(deployment, image_prefix=None))

    @pytest.mark.parametrize("name", ["ada", "ns/ada"])
    def test_the_user_stands_behind_the_namespace(self, web, name):
        """The registry's user name begins with the namespace, whether the file writes it or not."""
        (secret,) = web(
            f"OCIR_NAMESPACE=ns\nOCIR_USERNAME={name}\nOCIR_PASSWORD=env:T\nCONTAINER_IMAGE=fra.ocir.io/ns/web:1\n",
            environment={"T": "x"},
        ).image_pull_secrets
        assert secret.username == "ns/ada"

    @pytest.mark.parametrize("name", ["ada", "ns/ada"])
    def test_the_namespace_may_be_known_from_the_image_alone(self, web, name):
        """Without OCIR_NAMESPACE the namespace comes from the image's URL, as build_all.py writes it."""
        (secret,) = web(
            f"OCIR_USERNAME={name}\nOCIR_PASSWORD=env:T\nCONTAINER_IMAGE=fra.ocir.io/ns/web:1\n",
            environment={"T": "x"},
        ).image_pull_secrets
        assert secret.username == "ns/ada"

    def test_credentials_in_a_vault(self, web):
        """Credentials in a vault become a pull secret that OCI reads at each pull."""
        (secret,) = web(
            f"OCIR_USERNAME=ns/ada\nOCIR_AUTH_TOKEN=vault:{SECRET}\nCONTAINER_IMAGE=fra.ocir.io/ns/web:1\n"
        ).image_pull_secrets
        assert (secret.kind, secret.secret_id) == ("vault", SECRET)


class TestPlatforms:
    """Platforms for which images are built."""

    @pytest.mark.parametrize(
        ("lines", "expected"),
        [
            ("", ("linux/amd64",)),
            ("CONTAINER_SHAPE=CI.Standard.A1.Flex\n", ("linux/arm64",)),
            ("CONTAINER_SHAPE=CI.Standard.E9.Flex\n", ("linux/amd64",)),
            ("BUILD_PLATFORM=linux/amd64,linux/arm64\n", ("linux/amd64", "linux/arm64")),
        ],
    )
    def test_images_are_for_the_shape_or_as_the_file_says(self, settings, lines, expected):
        """Images are built for the shape's platform, unless the file gives platforms."""
        read = settings(lines)
        assert (platforms(read.values), read.warnings) == (expected, ())


class TestTags:
    """Free-form and defined tags."""

    def test_both_kinds(self, spec):
        """The file gives free-form tags, and defined tags in either spelling."""
        deployment = spec(
            'FREEFORM_TAGS=\'{"Environment":"Development"}\'\n'
            'DEFINED_TAGS=\'{"Ops.CostCenter":"42","Ops":{"Project":"x"}}\'\n'
        )
        assert deployment.freeform_tags == {"Environment": "Development"}
        assert deployment.defined_tags == {"Ops": {"CostCenter": "42", "Project": "x"}}
