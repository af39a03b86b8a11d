"""Presets: images, limits, permissions, and the arguments of their pinned versions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from oci_lexer_parser import parse_policy_statements

from ocisidecar.spec import (
    AgentResponseFile,
    DeploymentSpec,
    InstanceSpec,
    PrometheusConfig,
    ScrapeTarget,
    SecretRef,
    SidecarSpec,
    VolumeSpec,
)
from ocisidecar.spec.preset_registry import preset_names
from ocisidecar.spec.validate.spec import validate
from ocisidecar.spec.validate.warnings import spec_warnings
from ocisidecar.wire import Key, Ref

SECRET = SecretRef("ocid1.vaultsecret.oc1.fra.secret")
PRESETS: dict[str, Callable[..., SidecarSpec]] = {name: getattr(SidecarSpec, name) for name in preset_names()}
EXPORTERS = [name for name in PRESETS if name.endswith("_exporter")]


def volume_at(sidecar: SidecarSpec, path: str) -> VolumeSpec:
    volume = sidecar.mounts[path].volume
    assert isinstance(volume, VolumeSpec)
    return volume


def with_all(*sidecars: SidecarSpec) -> DeploymentSpec:
    instance = InstanceSpec("web", image_url="nginx:1.27", ocpus=2, sidecars=sidecars)
    return DeploymentSpec("web", [instance.with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")])


def test_every_preset_of_the_contract_is_there():
    """There are exactly these sixteen presets."""
    assert set(PRESETS) == {
        "prometheus",
        "management_agent",
        "log_forwarder",
        "metrics_forwarder",
        "grafana",
        "node_exporter",
        "nginx_exporter",
        "redis_exporter",
        "postgres_exporter",
        "mysql_exporter",
        "blackbox_exporter",
        "cadvisor",
        "alertmanager",
        "otel_collector",
        "process_exporter",
        "statsd_exporter",
    }


@pytest.mark.parametrize("name", PRESETS)
def test_images_are_pinned(name: str):
    """Each preset's image has a version, which is not `latest`, and can be replaced."""
    assert re.search(r":v?\d+\.\d+", PRESETS[name]().image_url)
    assert PRESETS[name](image_url="mine:1").image_url == "mine:1"


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_bounded(name: str):
    """Each preset limits CPU and memory, and all but cAdvisor run without root and capabilities."""
    sidecar = PRESETS[name]()
    assert sidecar.vcpus_limit
    assert sidecar.memory_limit_in_gbs
    if name != "cadvisor":
        assert sidecar.security_context
        assert sidecar.security_context.is_non_root_user_check_enabled
        assert sidecar.security_context.drop_capabilities == ("ALL",)


def test_all_fit_into_one_instance():
    """An instance with all presets is valid on two OCPUs, without a conflict of names, ports, volumes or limits."""
    spec = with_all(*(make() for make in PRESETS.values()))
    assert validate(spec, accepts_symbolic_images=True) == ()


@pytest.mark.parametrize("name", EXPORTERS)
def test_exporters_are_scraped_and_checked(name: str):
    """The port of each exporter's scrape target is that of its listen address and of its health check."""
    sidecar = PRESETS[name]()
    port = sidecar.scrape[0].port
    assert sidecar.scrape[0] == ScrapeTarget(port)
    assert f"--web.listen-address=0.0.0.0:{port}" in sidecar.arguments
    assert [check.port for check in sidecar.health_checks] == [port]


def test_prometheus_scrapes_what_is_there():
    """Prometheus' configuration is generated and read-only, and its data is bounded within the 15 GB."""
    sidecar = SidecarSpec.prometheus(
        remote_write=["https://example.org/write"], scrape_interval_in_seconds=30, retention_size_in_gbs=8
    )
    config = volume_at(sidecar, "/etc/prometheus").files["prometheus.yml"]
    assert config == PrometheusConfig(scrape_interval_in_seconds=30, remote_write=["https://example.org/write"])
    assert "--storage.tsdb.retention.size=8GB" in sidecar.arguments
    assert "--web.cors.origin=none" in sidecar.arguments
    assert sidecar.ephemeral_storage_in_gbs == 9
    own = SidecarSpec.prometheus(config="scrape_configs: []\n")
    assert volume_at(own, "/etc/prometheus").files["prometheus.yml"] == b"scrape_configs: []\n"


def test_prometheus_config_renders():
    """The file holds one job for each target, with labels, parameters and remote writes."""
    config = PrometheusConfig(remote_write=["https://example.org/write"])
    targets = [
        ("web", ScrapeTarget(80, labels={"instance": "w"})),
        (
            "web",
            ScrapeTarget(
                81, path="/probe", parameters={"target": "x"}, fallback_scrape_protocol="OpenMetricsText1.0.0"
            ),
        ),
    ]
    document = json.loads(config.render(targets, labels={"deployment": "shop"}))
    assert document["global"] == {"scrape_interval": "15s", "external_labels": {"deployment": "shop"}}
    assert document["remote_write"] == [{"url": "https://example.org/write"}]
    assert document["scrape_configs"] == [
        {
            "job_name": "web",
            "metrics_path": "/metrics",
            "fallback_scrape_protocol": "PrometheusText0.0.4",
            "static_configs": [{"targets": ["127.0.0.1:80"], "labels": {"container": "web", "instance": "w"}}],
        },
        {
            "job_name": "web-2",
            "metrics_path": "/probe",
            "fallback_scrape_protocol": "OpenMetricsText1.0.0",
            "static_configs": [{"targets": ["127.0.0.1:81"], "labels": {"container": "web"}}],
            "params": {"target": ["x"]},
        },
    ]


def test_blackbox_probes_its_targets():
    """Each target is scraped through /probe with the module of its kind and its own name as instance."""
    sidecar = SidecarSpec.blackbox_exporter(targets=["https://example.org/health", "tcp://127.0.0.1:5432"])
    assert sidecar.scrape[1:] == (
        ScrapeTarget(
            9115,
            path="/probe",
            parameters={"module": "http_2xx", "target": "https://example.org/health"},
            labels={"instance": "https://example.org/health"},
        ),
        ScrapeTarget(
            9115,
            path="/probe",
            parameters={"module": "tcp_connect", "target": "127.0.0.1:5432"},
            labels={"instance": "tcp://127.0.0.1:5432"},
        ),
    )
    content = volume_at(sidecar, "/etc/blackbox_exporter").files["config.yml"]
    assert isinstance(content, bytes)
    modules = json.loads(content)["modules"]
    assert modules["http_2xx"]["prober"] == "http"
    assert modules["tcp_connect"]["prober"] == "tcp"
    assert not sidecar.problems


def test_blackbox_refuses_what_it_cannot_probe():
    """A target without a known scheme, or with a password, is a problem."""
    sidecar = SidecarSpec.blackbox_exporter(targets=["example.org", "https://user:word@example.org"])
    assert len(sidecar.problems) == 2


def test_log_forwarder_ships_to_the_log():
    """The forwarder has the log's OCID, mounts the volume by name and needs only the right to push."""
    sidecar = SidecarSpec.log_forwarder(volume="files", log_name="audit")
    assert sidecar.environment_variables["OCISIDECAR_LOG_ID"] == Ref(Key("log", "audit"))
    assert sidecar.mounts["/logs"].volume == "files"
    (statement,) = sidecar.statements
    assert (statement.verb, statement.resource_type) == ("use", "log-content")
    assert statement.where == "request.permission='LOG_CONTENT_PUSH'"


def test_log_forwarder_has_settings_only_where_they_differ():
    """Patterns, the rule for lines and the proxy are variables of the forwarder unless they are the defaults."""
    plain = set(SidecarSpec.log_forwarder().environment_variables)
    sidecar = SidecarSpec.log_forwarder(
        log_files=["*.log", "!debug.log", "tomcat/catalina.out"], multiline=r"^\d", https_proxy="http://proxy:3128"
    )
    assert not sidecar.problems
    assert {name: one for name, one in sidecar.environment_variables.items() if name not in plain} == {
        "OCISIDECAR_LOG_FILES": "*.log,!debug.log,tomcat/catalina.out",
        "OCISIDECAR_MULTILINE": r"^\d",
        "HTTPS_PROXY": "http://proxy:3128",
    }


@pytest.mark.parametrize(
    "arguments",
    [
        {"log_files": ["/logs/a.log"]},
        {"log_files": ["a.log,b.log"]},
        {"log_files": ["!a.log"]},
        {"log_files": []},
        {"log_files": "*.log"},
        {"multiline": "on"},
        {"multiline": "^("},
        {"multiline": "^a{99999999999}"},
        {"multiline": "^" + "(" * 5000},
    ],
)
def test_log_forwarder_refuses_what_the_forwarder_refuses(arguments):
    """Patterns that match nothing, and rules for lines that are unknown or invalid, are problems of the spec."""
    assert len(SidecarSpec.log_forwarder(**arguments).problems) == 1


def test_metrics_forwarder_posts_to_its_namespace_only():
    """The forwarder may post to its namespace and nothing else, and keeps its state on a volume of its own."""
    sidecar = SidecarSpec.metrics_forwarder(metric_namespace="shop")
    (statement,) = sidecar.statements
    assert (statement.verb, statement.resource_type) == ("use", "metrics")
    assert statement.where == "target.metrics.namespace='shop'"
    assert statement.principal == "computecontainerinstance"
    assert volume_at(sidecar, "/var/lib/metrics-forwarder").kind == "empty_dir"
    assert not sidecar.problems


def test_metrics_forwarder_has_settings_only_where_they_differ():
    """Selectors, histograms, resource group and proxy are variables unless they are the defaults."""
    plain = SidecarSpec.metrics_forwarder().environment_variables
    assert plain["OCISIDECAR_MAX_STREAMS"] == "200"
    sidecar = SidecarSpec.metrics_forwarder(
        resource_group="web",
        metrics=["up", 'http_requests_total{code=~"5.."}'],
        histograms=(0.5, 0.999),
        https_proxy="http://proxy:3128",
    )
    assert not sidecar.problems
    assert {name: one for name, one in sidecar.environment_variables.items() if name not in plain} == {
        "OCISIDECAR_RESOURCE_GROUP": "web",
        "OCISIDECAR_METRICS": 'up\nhttp_requests_total{code=~"5.."}',
        "OCISIDECAR_HISTOGRAMS": "0.5,0.999",
        "HTTPS_PROXY": "http://proxy:3128",
    }
    buckets = SidecarSpec.metrics_forwarder(histograms="buckets")
    assert buckets.environment_variables["OCISIDECAR_HISTOGRAMS"] == "buckets"
    assert not buckets.problems


@pytest.mark.parametrize(
    "arguments",
    [
        {"metric_namespace": "oci_web"},
        {"metric_namespace": "a' or 'b"},
        {"resource_group": "1"},
        {"metrics": "up"},
        {"metrics": [""]},
        {"metrics": ["up\ndown"]},
        {"metrics": ["a b"]},
        {"metrics": ['up{job="a" code="b"}']},
        {"metrics": ['up{job=~"("}']},
        {"histograms": "all"},
        {"histograms": ()},
        {"histograms": (50,)},
        {"max_streams": 0},
        {"max_streams": 5001},
        {"interval_in_seconds": 0},
    ],
)
def test_metrics_forwarder_refuses_what_the_forwarder_refuses(arguments):
    """Names, selectors, quantiles and budgets that the forwarder does not take are problems of the spec."""
    assert len(SidecarSpec.metrics_forwarder(**arguments).problems) == 1


def test_metrics_forwarder_tells_all_problems_at_once():
    """Each wrong argument is a problem of its own."""
    sidecar = SidecarSpec.metrics_forwarder(metric_namespace="-", metrics=["a b", "{"], max_streams=0)
    assert [problem.partition(" ")[0] for problem in sidecar.problems] == [
        "metric_namespace",
        "metrics[0]",
        "metrics[1]",
        "max_streams",
    ]


def test_management_agent_gets_its_key_as_a_file():
    """The install key is in a file, and the agent's statement is limited to its metric namespace."""
    sidecar = SidecarSpec.management_agent(response_file=SECRET, metric_namespace="shop")
    assert volume_at(sidecar, "/etc/management-agent").files == {"input.rsp": SECRET}
    assert not sidecar.problems
    assert sidecar.statements[0].where == "target.metrics.namespace='shop'"
    assert {statement.principal for statement in sidecar.statements} == {"managementagent"}
    made = SidecarSpec.management_agent()
    assert volume_at(made, "/etc/management-agent").files == {"input.rsp": AgentResponseFile()}
    assert not made.problems
    assert "/logs" not in sidecar.mounts
    assert SidecarSpec.management_agent(log_volume="files").mounts["/logs"].volume == "files"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("metric_namespace", "my-app"),
        ("metric_namespace", "oci_computeagent"),
        ("metric_namespace", "a' or 'b"),
        ("scrape_url", "127.0.0.1:9100/metrics"),
        ("scrape_url", "https://127.0.0.1:9100/metrics"),
        ("scrape_url", "http://"),
        ("scrape_url", 'http://127.0.0.1:9090/federate?match[]={job!=""}'),
        ("scrape_url", "http://127.0.0.1:9100/metrics\nnamespace=oci_vcn"),
    ],
)
def test_management_agent_refuses_what_it_cannot_use(name: str, value: str):
    """A value that the agent or Monitoring would refuse at run time is a problem of the spec."""
    (problem,) = SidecarSpec.management_agent(response_file=SECRET, **{name: value}).problems
    assert problem.startswith(f"{name} must be ")


def test_what_the_api_tells_the_agent_is_in_no_variable():
    """URL and namespace go with the response file; the namespace stays for those who look for the metrics."""
    sidecar = SidecarSpec.management_agent(data_source="api", scrape_url="http://h/m", metric_namespace="shop")
    file = AgentResponseFile(scrape_url="http://h/m", metric_namespace="shop")
    assert volume_at(sidecar, "/etc/management-agent").files == {"input.rsp": file}
    assert sidecar.environment_variables == {
        "OCISIDECAR_DATA_SOURCE": "api",
        "OCISIDECAR_METRIC_NAMESPACE": "shop",
    }
    assert not sidecar.problems


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"data_source": "service"}, "data_source must be 'file' or 'api', got 'service'"),
        ({"data_source": "api", "response_file": SECRET}, "data_source 'api' is for agents that register with"),
    ],
)
def test_a_data_source_that_nobody_makes_is_refused(arguments: dict[str, Any], problem: str):
    """The choice is one of two words, and the agents of your own key are yours to tell what to read."""
    (found,) = SidecarSpec.management_agent(**arguments).problems
    assert found.startswith(problem)


@pytest.mark.parametrize("name", PRESETS)
def test_statements_are_policy_syntax(name: str):
    """Every statement of a preset is valid in OCI's policy language."""
    for statement in PRESETS[name]().statements:
        where = f" where {statement.where}" if statement.where else ""
        sentence = f"Allow dynamic-group g to {statement.verb} {statement.resource_type} in compartment c{where}"
        assert parse_policy_statements(sentence)


def test_grafana_has_no_default_password():
    """Grafana has no administrator without a password, and reads a given password from a file."""
    assert SidecarSpec.grafana().environment_variables["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    sidecar = SidecarSpec.grafana(admin_password=SECRET)
    assert "GF_AUTH_ANONYMOUS_ENABLED" not in sidecar.environment_variables
    assert sidecar.environment_variables["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/etc/grafana-secret/admin_password"
    assert volume_at(sidecar, "/etc/grafana-secret").files == {"admin_password": SECRET}


def test_mysql_exporter_uses_what_its_version_accepts():
    """mysqld_exporter 0.15 and later get address and user as flags, and the password from an option file."""
    assert SidecarSpec.mysql_exporter().arguments[:2] == (
        "--mysqld.address=127.0.0.1:3306",
        "--mysqld.username=exporter",
    )
    sidecar = SidecarSpec.mysql_exporter(my_cnf="[client]\npassword=x\n", version="2")
    assert "--config.my-cnf=/etc/mysql-exporter/my.cnf" in sidecar.arguments
    assert "DATA_SOURCE_NAME" not in sidecar.environment_variables
    assert volume_at(sidecar, "/etc/mysql-exporter").secret_version == "2"


def test_exporters_reach_servers_elsewhere():
    """Database exporters take the address and the user of a server outside the instance, such as a managed one."""
    postgres = SidecarSpec.postgres_exporter(data_source_uri="10.0.1.5:5432/shop?sslmode=require", user="metrics")
    assert postgres.environment_variables["DATA_SOURCE_URI"] == "10.0.1.5:5432/shop?sslmode=require"
    assert postgres.environment_variables["DATA_SOURCE_USER"] == "metrics"
    mysql = SidecarSpec.mysql_exporter(address="10.0.1.6:3306", user="metrics")
    assert mysql.arguments[:2] == ("--mysqld.address=10.0.1.6:3306", "--mysqld.username=metrics")
    redis = SidecarSpec.redis_exporter(address="rediss://10.0.1.7:6379")
    assert redis.arguments[0] == "--redis.addr=rediss://10.0.1.7:6379"
    assert validate(with_all(postgres, mysql, redis)) == ()


def test_postgres_exporter_reads_the_password_from_a_file():
    """The PostgreSQL exporter gets address and user as variables, and the password from a file."""
    assert SidecarSpec.postgres_exporter().environment_variables == {
        "DATA_SOURCE_URI": "127.0.0.1:5432/postgres?sslmode=disable",
        "DATA_SOURCE_USER": "postgres_exporter",
    }
    sidecar = SidecarSpec.postgres_exporter(password=SECRET)
    assert sidecar.environment_variables["DATA_SOURCE_PASS_FILE"] == "/etc/postgres-exporter/password"


def test_redis_exporter_reads_the_passwords_from_a_file():
    """The Redis exporter gets a user and a file with passwords only when they are given."""
    assert SidecarSpec.redis_exporter().arguments[0] == "--redis.addr=redis://127.0.0.1:6379"
    assert not SidecarSpec.redis_exporter().mounts
    sidecar = SidecarSpec.redis_exporter(user="metrics", passwords=SECRET)
    assert "--redis.user=metrics" in sidecar.arguments
    assert "--redis.password-file=/etc/redis-exporter/passwords.json" in sidecar.arguments


@pytest.mark.parametrize(
    ("my_cnf", "faulty_lines"),
    [
        ("[client]\npassword = `a#b\"c'd e\\f${DOLLAR}`\n", []),
        ("[client]\n# costs 5 $\npassword=x\n", []),
        ("[client]\npassword = a$b\n", [2]),
        ("[client]\nuser=$me\npassword = `a$`\n", [2, 3]),
        ("[client]\npassword = a\\\n", [2]),
        ("[client]\nssl-ca = /a?\npassword=`a?b`\n", [3]),
    ],
)
def test_mysql_exporter_refuses_what_it_would_misread(my_cnf: str, faulty_lines: list[int]):
    """A `$`, a password's `?`, and a backslash at the end of a line are problems that do not show the line."""
    problems = SidecarSpec.mysql_exporter(my_cnf=my_cnf).problems
    assert [int(problem.partition("line ")[2].partition(":")[0]) for problem in problems] == faulty_lines
    assert not [problem for problem in problems if "a$b" in problem or "$me" in problem]
    assert SidecarSpec.mysql_exporter(my_cnf=my_cnf).environment_variables == {"DOLLAR": "$"}


@pytest.mark.parametrize(
    ("password", "is_refused"),
    [("a #$\"'\\ b", False), ("secret\n", False), (" secret", True), ("secret \n", True), ("secret\t", True)],
)
def test_postgres_exporter_refuses_a_password_with_blanks_at_its_ends(password: str, *, is_refused: bool):
    """A literal password that begins or ends with a blank is a problem; the newline that ends a file is none."""
    assert bool(SidecarSpec.postgres_exporter(password=password).problems) is is_refused


@pytest.mark.parametrize(
    ("passwords", "is_refused"),
    [
        ('{"redis://127.0.0.1:6379": "a#$\\"\\\\"}', False),
        ("secret", True),
        ('{"redis://a": 1}', True),
        ("[]", True),
    ],
)
def test_redis_exporter_refuses_passwords_that_are_not_json(passwords: str, *, is_refused: bool):
    """Literal passwords that are not a JSON object of texts are a problem, which does not show them."""
    problems = SidecarSpec.redis_exporter(passwords=passwords).problems
    assert bool(problems) is is_refused
    assert not [problem for problem in problems if "secret" in problem]


def test_exporters_of_secrets_are_not_judged():
    """A vault secret, whose content is not known, is no problem for any exporter."""
    assert SidecarSpec.mysql_exporter(my_cnf=SECRET).problems == ()
    assert SidecarSpec.postgres_exporter(password=SECRET).problems == ()
    assert SidecarSpec.redis_exporter(passwords=SECRET).problems == ()


def test_redis_exporter_scrapes_nothing_that_a_caller_names():
    """The Redis exporter's endpoint that scrapes any given address is disabled."""
    assert "--disable-scrape-endpoint" in SidecarSpec.redis_exporter().arguments


def test_nginx_exporter_verifies_certificates():
    """With an https address the NGINX exporter verifies the server's certificate, as it does not by default."""
    assert "--nginx.ssl-verify" in SidecarSpec.nginx_exporter(scrape_uri="HTTPS://127.0.0.1/stub_status").arguments
    assert "--nginx.ssl-verify" not in SidecarSpec.nginx_exporter().arguments


def test_nginx_exporter_uses_double_dashes():
    """The flag of the NGINX exporter has two dashes, as 1.0 and later require."""
    assert SidecarSpec.nginx_exporter().arguments[0] == "--nginx.scrape-uri=http://127.0.0.1:80/stub_status"


def test_cadvisor_warns():
    """The cadvisor preset gives a warning that names OCI's metric to use instead."""
    (warning,) = spec_warnings(with_all(SidecarSpec.cadvisor()))
    assert warning.startswith('instances["web"].sidecars["cadvisor"]: cadvisor has almost nothing to report')
    assert "ContainerCpuUsed" in warning


def test_alertmanager_posts_to_the_webhook_of_a_secret():
    """The URL is a file that the configuration names; the Prometheus beside it tells of its alerts."""
    sidecar = SidecarSpec.alertmanager(webhook=SECRET)
    files = volume_at(sidecar, "/etc/alertmanager").files
    assert files["webhook"] == SECRET
    content = files["alertmanager.yml"]
    assert isinstance(content, bytes)
    assert json.loads(content) == {
        "route": {"receiver": "webhook", "group_by": ["alertname"]},
        "receivers": [{"name": "webhook", "webhook_configs": [{"url_file": "/etc/alertmanager/webhook"}]}],
    }
    assert sidecar.environment_variables == {"OCISIDECAR_ALERTMANAGER_PORT": "9093"}
    assert sidecar.warnings == sidecar.problems == ()


def test_alertmanager_says_when_nobody_hears_it():
    """Without a receiver the plan warns; two answers to who hears it are a problem; your own files are there."""
    assert "nobody" in SidecarSpec.alertmanager().warnings[0]
    own = SidecarSpec.alertmanager(config="route: {receiver: a}\nreceivers: [{name: a}]\n", files={"slack": SECRET})
    assert own.warnings == ()
    assert set(volume_at(own, "/etc/alertmanager").files) == {"alertmanager.yml", "slack"}
    assert SidecarSpec.alertmanager(webhook=SECRET, config="a: 1\n").problems == (
        "webhook and config: give one of them",
    )


def test_the_process_exporter_warns_that_it_sees_itself():
    """Each plan says so, except with an image in which other processes run too."""
    spec = with_all(SidecarSpec.process_exporter())
    assert [text for text in spec_warnings(spec) if "sees only its own process" in text]
    assert SidecarSpec.process_exporter(image_url="fra.ocir.io/acme/app-with-exporter:1").warnings == ()


def test_statsd_is_received_inside_the_instance_only():
    """Only the metrics are served to others; a mapping is a mounted file."""
    sidecar = SidecarSpec.statsd_exporter(mapping="mappings: []\n")
    assert "--statsd.listen-udp=127.0.0.1:9125" in sidecar.arguments
    assert "--statsd.mapping-config=/etc/statsd-exporter/mapping.yml" in sidecar.arguments
    assert volume_at(sidecar, "/etc/statsd-exporter").files == {"mapping.yml": b"mappings: []\n"}


def test_the_collector_shows_what_it_receives():
    """What comes in by OTLP, from the instance only, is served at the port that Prometheus scrapes."""
    sidecar = SidecarSpec.otel_collector()
    content = volume_at(sidecar, "/etc/otelcol-contrib").files["config.yaml"]
    assert isinstance(content, bytes)
    config = json.loads(content)
    protocols = config["receivers"]["otlp"]["protocols"]
    assert {one["endpoint"].partition(":")[0] for one in protocols.values()} == {"127.0.0.1"}
    assert config["exporters"]["prometheus"]["endpoint"] == f"0.0.0.0:{sidecar.scrape[0].port}"
    assert config["extensions"]["health_check"]["endpoint"] == f"0.0.0.0:{sidecar.health_checks[0].port}"
