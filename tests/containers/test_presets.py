"""Presets in one pod with what they watch: databases with passwords, probes, and an app without a Content-Type.

`test_images.py` runs those of nginx and Redis, the node exporter and every query of the dashboards.
"""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote

import pytest

from ocisidecar.engine import Engine, RunningPod
from ocisidecar.engine.owner import CONTAINER, POD
from ocisidecar.resources.instance_request import compose
from ocisidecar.spec import (
    AlertingRule,
    DeploymentSpec,
    InstanceSpec,
    RecordingRule,
    RelabelRule,
    RemoteWrite,
    ScrapeTarget,
    SecretRef,
    SidecarSpec,
    VolumeSpec,
)
from ocisidecar.spec.third_party_images import PROMETHEUS, REDIS
from ocisidecar.wire import Ref, resolve_fields
from tests.certificates import make_identity
from tests.spec.prometheus_files import BAD, BAD_RULES, GOOD, GOOD_RULES
from tests.standins.images import MARIADB, POSTGRES, PYTHON

NAME = f"presets-{os.getpid()}"
PASSWORD = "a#b$c${D}\"d'e f\\g`h;i%jk&l/m@n:o=p{q}\\"
"""Without `?`, with which the MySQL exporter cannot log in: the preset refuses it."""

USER = SecretRef("ocid1.vaultsecret.oc1.fra.user")
TOKEN = SecretRef("ocid1.vaultsecret.oc1.fra.token")
HOOK = SecretRef("ocid1.vaultsecret.oc1.fra.hook")
SECRETS = {USER.secret_id: PASSWORD, TOKEN.secret_id: "a-token", HOOK.secret_id: "http://127.0.0.1:8000/hook"}

APP = f"""
import base64, collections, http.server

PASSWORD = {PASSWORD!r}
WANTED = {{
    "GET": "Basic " + base64.b64encode(("ops:" + PASSWORD).encode()).decode(),
    "/write": "Bearer a-token",
    "/hook": None,
}}
received = collections.Counter()

class Metrics(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        is_known = self.headers.get("Authorization") == WANTED["GET"]
        self.send_response_only(200 if is_known else 401)
        self.end_headers()
        if is_known:
            counts = "".join('app_received{{path="%s"}} %d\\n' % one for one in received.items())
            self.wfile.write(("app_answers 1\\napp_dropped 1\\n" + counts).encode())

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        is_known = self.path in WANTED and self.headers.get("Authorization") == WANTED[self.path]
        received[self.path] += is_known
        self.send_response_only(204 if is_known else 401)
        self.end_headers()

http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Metrics).serve_forever()
"""


def with_file(name: str, image: str, path: str, text: str, *command: str) -> SidecarSpec:
    """Return a database that reads a file."""
    directory, _, file = path.rpartition("/")
    config = VolumeSpec.config_file(f"{name}-config", {file: text})
    return SidecarSpec(name, image_url=image, command=command, mounts={directory: config})


def doubled(text: str, *characters: str) -> str:
    """Return a text with each of these characters twice."""
    for character in characters:
        text = text.replace(character, character * 2)
    return text


INITIAL_SQL = "/docker-entrypoint-initdb.d/init.sql"
REDIS_CONFIG = "/etc/redis-config/redis.conf"
REDIS_PASSWORD = "requirepass " + json.dumps(PASSWORD) + "\nprotected-mode no\n"
MARIADB_ROLE = (
    f"CREATE USER IF NOT EXISTS exporter@'%' IDENTIFIED BY '{doubled(PASSWORD, chr(92), chr(39))}';\n"
    "GRANT PROCESS, REPLICATION CLIENT, SLAVE MONITOR, SELECT ON *.* TO exporter@'%';\n"
)
POSTGRES_ROLE = f"CREATE ROLE postgres_exporter LOGIN PASSWORD '{doubled(PASSWORD, chr(39))}' IN ROLE pg_monitor\n"
WEB = (
    InstanceSpec(
        "web",
        image_url=PYTHON,
        command=["python3", "-c", APP],
        memory_in_gbs=8,
        scrape=ScrapeTarget(
            8000,
            username="ops",
            password=USER,
            timeout_in_seconds=1,
            drop_metrics=["app_drop.*"],
            metric_relabel=[RelabelRule(action="labeldrop", regex="nothing")],
        ),
    )
    .with_sidecar(with_file("mariadb", MARIADB, INITIAL_SQL, MARIADB_ROLE))
    .with_sidecar(with_file("postgres", POSTGRES, INITIAL_SQL, POSTGRES_ROLE))
    .with_sidecar(with_file("redis", REDIS.url, REDIS_CONFIG, REDIS_PASSWORD, "redis-server", REDIS_CONFIG))
    .with_sidecar(
        SidecarSpec.mysql_exporter(my_cnf=f"[client]\npassword = `{PASSWORD.replace('$', '${DOLLAR}')}`\n")
    )
    .with_sidecar(SidecarSpec.postgres_exporter(password=PASSWORD))
    .with_sidecar(SidecarSpec.redis_exporter(passwords=json.dumps({"redis://127.0.0.1:6379": PASSWORD})))
    .with_sidecar(
        SidecarSpec.blackbox_exporter(targets=("http://127.0.0.1:9093/-/healthy", "tcp://127.0.0.1:5432"))
    )
    .with_sidecar(SidecarSpec.alertmanager(webhook=HOOK))
    .with_sidecar(SidecarSpec.process_exporter())
    .with_sidecar(
        SidecarSpec.prometheus(
            scrape_interval_in_seconds=1,
            rules=[
                RecordingRule("app:answers:sum", "sum(app_answers)", labels={"team": "shop"}),
                AlertingRule("Answers", "app:answers:sum == 1", annotations={"summary": "{{ $value }} answers"}),
            ],
            rule_files={"own.yml": "groups: [{name: own, rules: [{record: 'own:one', expr: '1'}]}]"},
            remote_write=[
                RemoteWrite(
                    "http://127.0.0.1:8000/write",
                    bearer_token=TOKEN,
                    keep_metrics=["app_.*"],
                    max_shards=1,
                    http_headers={"X-Scope-OrgID": "shop", "X-Api-Key": TOKEN},
                ),
                RemoteWrite(
                    "https://127.0.0.1:1/write",
                    certificate_authority=make_identity().certificate,
                    server_name="nobody",
                ),
            ],
        )
    )
)


def content(reference: Ref) -> str:
    """Return what stands in a body for a secret, or for another resource."""
    if reference.key.kind != "secret":
        return str(reference)
    return base64.b64encode(SECRETS[reference.key.name].encode()).decode()


@pytest.fixture(scope="module")
def pod(engine: Engine, images: Mapping[str, str]):
    body = compose(DeploymentSpec("web", [WEB]), WEB, replica=0).body
    pod = engine.run_pod(resolve_fields(body, content), name=NAME, images=images)
    try:
        yield pod
    finally:
        pod.close()


def get(pod: RunningPod, port: int, path: str) -> tuple[int, str]:
    """Return the status and the text of a response; 0 if there is none."""
    connection = HTTPConnection(pod.address, port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


def query(pod: RunningPod, expression: str) -> list[dict[str, Any]]:
    """Return the series that Prometheus returns for an expression; none while it starts."""
    status, text = get(pod, 9090, f"/api/v1/query?query={quote(expression)}")
    return json.loads(text)["data"]["result"] if status == 200 else []


def value(pod: RunningPod, expression: str) -> float:
    """Return the value of an expression's only series; NaN if there is none."""
    found = query(pod, expression)
    return float(found[0]["value"][1]) if len(found) == 1 else float("nan")


def test_every_target_is_up(pod: RunningPod, eventually: Callable[..., None]) -> None:
    """Prometheus scrapes every container that declares metrics, also one that answers without a Content-Type."""
    targets = sum(len(container.scrape) for container in WEB.containers)
    eventually(lambda: len(query(pod, "up == 1")) == targets, seconds=60)
    assert value(pod, "app_answers") == 1
    assert query(pod, "app_dropped") == []


@pytest.mark.parametrize("metric", ["mysql_up", "pg_up", "redis_up"])
def test_passwords_may_have_any_character(pod: RunningPod, metric: str, eventually: Callable[..., None]) -> None:
    """Each database exporter logs in with a password of quotes, blanks and all that files and shells interpret."""
    eventually(lambda: value(pod, metric) == 1)


def test_probes_answer(pod: RunningPod, eventually: Callable[..., None]) -> None:
    """The blackbox exporter's HTTP and TCP probes succeed, each with its target as instance."""
    eventually(
        lambda: (
            {one["metric"]["instance"] for one in query(pod, "probe_success == 1")}
            == {"http://127.0.0.1:9093/-/healthy", "tcp://127.0.0.1:5432"}
        )
    )


def test_databases_are_measured(pod: RunningPod, eventually: Callable[..., None]) -> None:
    """The exporters report connections and sizes, for which their users' rights suffice."""
    names = ("mysql_global_status_threads_connected", "pg_stat_database_numbackends", "redis_connected_clients")
    eventually(lambda: all(query(pod, name) for name in names))
    assert query(pod, "pg_database_size_bytes")


def test_redis_exporter_scrapes_no_other_server(pod: RunningPod, eventually: Callable[..., None]) -> None:
    """A caller cannot make the exporter send its password to an address of the caller's choice."""
    eventually(lambda: get(pod, 9121, "/metrics")[0] == 200)
    assert get(pod, 9121, "/scrape?target=redis://127.0.0.1:1")[0] == 404


@pytest.mark.parametrize(
    ("container", "check", "words"),
    [
        ("prometheus", ["promtool", "check", "config", "/etc/prometheus/prometheus.yml"], "SUCCESS: 2 rules found"),
        ("alertmanager", ["/bin/amtool", "check-config", "/etc/alertmanager/alertmanager.yml"], "SUCCESS"),
    ],
)
@pytest.mark.usefixtures("pod")
def test_generated_configuration_is_valid(engine: Engine, container: str, check: list[str], words: str) -> None:
    """The programs' own tools accept the configuration, the rules and the files that are generated."""
    labels = [f"{POD}={NAME}", f"{CONTAINER}={container}"]
    (found,) = engine.api.containers(filters={"label": labels})
    made = engine.api.exec_create(found["Id"], check)
    said = engine.api.exec_start(made["Id"]).decode()
    assert engine.api.exec_inspect(made["Id"])["ExitCode"] == 0, said
    assert words in said


def test_rules_are_evaluated(pod: RunningPod, eventually: Callable[..., None]) -> None:
    """Rules of the spec and of a file are series like any other."""
    eventually(lambda: value(pod, 'app:answers:sum{team="shop"}') == 1)
    assert value(pod, "own:one") == 1


def test_other_systems_receive_samples(pod: RunningPod, eventually: Callable[..., None]) -> None:
    """A remote write logs in with the token from its file."""
    eventually(lambda: value(pod, 'app_received{path="/write"}') > 0)


def test_the_process_exporter_sees_itself_only(pod: RunningPod, eventually: Callable[..., None]) -> None:
    """The exporter has one group with one process, as its warning says."""
    eventually(lambda: value(pod, "namedprocess_namegroup_num_procs") == 1)


def test_alerts_reach_the_webhook(pod: RunningPod, eventually: Callable[..., None]) -> None:
    """Prometheus tells Alertmanager of an alert, and that posts it to the URL in its file, after 30 seconds."""
    eventually(lambda: value(pod, 'app_received{path="/hook"}') > 0, seconds=90)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [("check config --syntax-only", GOOD, BAD), ("check rules --lint=none", GOOD_RULES, BAD_RULES)],
    ids=["config", "rules"],
)
def test_promtool_agrees_about_files(
    images: Mapping[str, str], check: str, good: Mapping[str, str], bad: Mapping[str, tuple[str, str]]
) -> None:
    """Each file that the checks before a call take or refuse is taken or refused by promtool."""
    files = {**good, **{f"bad-{name}": text for name, (text, _) in bad.items()}}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, text in files.items():
            header = tarfile.TarInfo(name)
            header.size = len(text.encode())
            tar.addfile(header, io.BytesIO(text.encode()))
    each = f"for file in *; do promtool {check} $file >&2 && echo $file; done"
    command = ["docker", "run", "--rm", "--interactive", "--entrypoint=sh", images[PROMETHEUS.url], "-c"]
    script = f"mkdir /tmp/files && cd /tmp/files && tar x && {each}"
    ended = subprocess.run([*command, script], input=archive.getvalue(), capture_output=True, check=False)
    assert {*ended.stdout.decode().split()} == {*good}, ended.stderr.decode()
