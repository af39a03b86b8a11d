"""The unmodified oci-cli as an independent client of the emulator.

It pins other versions than the SDK's, so it has a separate virtual environment:
`scripts/environments.sh`.  Or OCISIDECAR_OCI_CLI names the executable; with
`none` these tests are skipped.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from attrs import frozen

pytestmark = pytest.mark.cli

ROOT = Path(__file__).parents[2]


@frozen
class OciCli:
    """The executable, pointed at an endpoint by a configuration file."""

    executable: str
    endpoint: str
    config_file: Path
    home: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [self.executable, "--config-file", str(self.config_file), "--endpoint", self.endpoint]
        return subprocess.run(
            [*command, *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
            env={
                "HOME": str(self.home),
                "PATH": os.environ["PATH"],
                "OCI_CLI_SUPPRESS_FILE_PERMISSIONS_WARNING": "1",
            },
        )

    def __call__(self, *arguments: str, **options: object) -> object:
        """Return the `data` of the answer; options are written `--like-this`, objects as JSON."""
        for name, value in options.items():
            shown = value if isinstance(value, str) else json.dumps(value)
            arguments = (*arguments, f"--{name.replace('_', '-')}", shown)
        done = self.run(*arguments)
        assert done.returncode == 0, f"oci {' '.join(arguments)}\n{done.stderr}"
        return json.loads(done.stdout)["data"] if done.stdout.strip() else None

    def refusal(self, *arguments: str) -> dict[str, object]:
        """Return the error response; oci-cli itself would retry a 409 for a minute and a half."""
        done = self.run("--no-retry", *arguments)
        assert done.returncode == 1, done.stdout
        return dict(json.loads(done.stderr[done.stderr.index("{") :]))


@pytest.fixture(scope="module")
def executable() -> str:
    local = ROOT / ".venv-cli" / "bin" / "oci"
    found = os.environ.get("OCISIDECAR_OCI_CLI") or (str(local) if local.exists() else shutil.which("oci"))
    if found in {None, "none"}:
        pytest.skip("no oci-cli: neither OCISIDECAR_OCI_CLI, nor .venv-cli/bin/oci, nor oci on PATH, names one")
    return found


@pytest.fixture(scope="module")
def oci(executable: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OciCli]:
    folder = tmp_path_factory.mktemp("oci-cli")
    command = [sys.executable, "-m", "ocisidecar", "emulator", "--port", "0", "--config-dir", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as emulator:
        assert emulator.stdout is not None
        try:
            endpoint = next(found[0] for line in emulator.stdout if (found := re.search(r"http://[\d.:]+", line)))
            yield OciCli(executable, endpoint, folder / "config", folder)
        finally:
            emulator.terminate()


@pytest.fixture(scope="module")
def compartment_id(oci: OciCli) -> str:
    return oci("iam", "compartment", "list")[0]["id"]


@pytest.fixture(scope="module")
def vcn_id(oci: OciCli, compartment_id: str) -> str:
    vcn = oci(
        "network", "vcn", "create", compartment_id=compartment_id, cidr_blocks=["10.0.0.0/16"],
        wait_for_state="AVAILABLE",
    )  # fmt: skip
    return vcn["id"]


@pytest.fixture(scope="module")
def subnet_id(oci: OciCli, compartment_id: str, vcn_id: str) -> str:
    subnet = oci(
        "network", "subnet", "create", compartment_id=compartment_id, vcn_id=vcn_id, cidr_block="10.0.1.0/24",
        wait_for_state="AVAILABLE",
    )  # fmt: skip
    return subnet["id"]


@pytest.fixture(scope="module")
def log_group_id(oci: OciCli, compartment_id: str) -> str:
    request = oci(
        "logging", "log-group", "create", compartment_id=compartment_id, display_name="web",
        wait_for_state="SUCCEEDED",
    )  # fmt: skip
    return request["resources"][0]["identifier"]


@pytest.fixture(scope="module")
def log_id(oci: OciCli, log_group_id: str) -> str:
    request = oci(
        "logging", "log", "create", log_group_id=log_group_id, display_name="app", log_type="CUSTOM",
        wait_for_state="SUCCEEDED",
    )  # fmt: skip
    return request["resources"][0]["identifier"]


@pytest.fixture(scope="module")
def topic_id(oci: OciCli, compartment_id: str) -> str:
    return oci("ons", "topic", "create", compartment_id=compartment_id, name="alerts")["topic-id"]


def test_network_security_rules_added_are_listed(oci, compartment_id, vcn_id):
    """An NSG made with oci-cli holds exactly the rule that oci-cli added."""
    nsg = oci("network", "nsg", "create", compartment_id=compartment_id, vcn_id=vcn_id)
    rule = {
        "direction": "INGRESS",
        "protocol": "6",
        "source": "10.0.0.0/16",
        "sourceType": "CIDR_BLOCK",
        "tcpOptions": {"destinationPortRange": {"min": 80, "max": 80}},
    }
    oci("network", "nsg", "rules", "add", nsg_id=nsg["id"], security_rules=[rule])
    (listed,) = oci("network", "nsg", "rules", "list", nsg_id=nsg["id"])
    assert listed["source"] == "10.0.0.0/16"
    assert listed["tcp-options"]["destination-port-range"] == {"min": 80, "max": 80}


def test_a_vcn_with_a_subnet_cannot_be_deleted(oci, vcn_id, subnet_id):
    """The service refuses with 409 IncorrectState and names the VCN."""
    assert subnet_id
    refusal = oci.refusal("network", "vcn", "delete", "--force", "--vcn-id", vcn_id)
    assert (refusal["status"], refusal["code"]) == (409, "IncorrectState")
    assert refusal["message"] == f"{vcn_id} is associated with Subnet that is in use"


def test_a_wrong_key_is_not_authenticated(oci, tmp_path):
    """A request signed with a key that is not the user's gets 401 NotAuthenticated."""
    key = tmp_path / "key.pem"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    key.chmod(0o600)
    text = re.sub(r"(?m)^key_file\s*=.*$", f"key_file={key}", oci.config_file.read_text())
    (tmp_path / "config").write_text(text)
    (tmp_path / "config").chmod(0o600)
    stranger = OciCli(oci.executable, oci.endpoint, tmp_path / "config", tmp_path)
    refusal = stranger.refusal("iam", "compartment", "list")
    assert (refusal["status"], refusal["code"]) == (401, "NotAuthenticated")


def test_dynamic_group_and_policy_are_created(oci, compartment_id):
    """Identity accepts a matching rule and a statement that names the group."""
    rule = f"ALL {{resource.type='computecontainerinstance', resource.compartment.id='{compartment_id}'}}"
    group = oci("iam", "dynamic-group", "create", name="web", description="web", matching_rule=rule)
    statement = f"Allow dynamic-group id {group['id']} to use log-content in compartment id {compartment_id}"
    policy = oci(
        "iam", "policy", "create", compartment_id=compartment_id, name="web", description="web",
        statements=[statement],
    )  # fmt: skip
    assert policy["statements"] == [statement]
    assert policy["lifecycle-state"] == "ACTIVE"


def test_log_entries_put_are_found(oci, compartment_id, log_group_id, log_id):
    """What put-logs sent is what search-logs finds, with its data parsed into fields."""
    now = datetime.now(UTC)
    entry = {"id": str(uuid4()), "time": now.isoformat(), "data": json.dumps({"level": "ERROR", "n": 1})}
    batch = {"source": "web", "type": "app", "defaultlogentrytime": now.isoformat(), "entries": [entry]}
    oci("logging-ingestion", "put-logs", log_id=log_id, specversion="1.0", log_entry_batches=[batch])
    answer = oci(
        "logging-search", "search-logs",
        search_query=f"search \"{compartment_id}/{log_group_id}/{log_id}\" | where data.level = 'ERROR'",
        time_start=(now - timedelta(minutes=5)).isoformat(),
        time_end=(now + timedelta(minutes=5)).isoformat(),
    )  # fmt: skip
    (result,) = answer["results"]
    assert result["data"]["logContent"]["id"] == entry["id"]
    assert result["data"]["logContent"]["data"] == {"level": "ERROR", "n": 1}


def test_a_container_instance_lives_from_create_to_delete(oci, compartment_id, subnet_id):
    """Create, get, list, update, retrieve-logs and delete, waiting for work requests as oci-cli does."""
    commands = ("container-instances", "container-instance")
    domains = oci("iam", "availability-domain", "list")
    request = oci(
        *commands, "create",
        compartment_id=compartment_id,
        availability_domain=domains[0]["name"],
        display_name="web",
        shape="CI.Standard.E4.Flex",
        shape_config={"ocpus": 1, "memoryInGBs": 4},
        containers=[{"imageUrl": "busybox", "displayName": "web"}],
        vnics=[{"subnetId": subnet_id}],
        wait_for_state="SUCCEEDED",
    )  # fmt: skip
    instance_id = next(
        one["identifier"] for one in request["resources"] if ".computecontainerinstance." in one["identifier"]
    )
    got = oci(*commands, "get", container_instance_id=instance_id)
    assert got["lifecycle-state"] == "ACTIVE"
    assert [one["id"] for one in oci(*commands, "list", compartment_id=compartment_id)["items"]] == [instance_id]

    oci(*commands, "update", "--force", container_instance_id=instance_id, display_name="renamed",
        wait_for_state="SUCCEEDED")  # fmt: skip
    assert oci(*commands, "get", container_instance_id=instance_id)["display-name"] == "renamed"

    container = ("--container-id", got["containers"][0]["container-id"])
    output = oci.run("container-instances", "container", "retrieve-logs", *container, "--file", "-")
    assert re.match(r"\d{4}-\d\d-\d\dT\S+ std(out|err) F ", output.stdout), output.stderr

    oci(*commands, "delete", "--force", container_instance_id=instance_id, wait_for_state="SUCCEEDED")
    assert oci(*commands, "get", container_instance_id=instance_id)["lifecycle-state"] == "DELETED"


def test_metrics_posted_are_summarized_and_watched_by_an_alarm(oci, compartment_id, topic_id):
    """A posted value comes back through a query; an alarm over it is OK until it has breached for a minute."""
    now = datetime.now(UTC)
    moments = [now + timedelta(minutes=minute) for minute in range(-1, 4)]
    metric = {
        "namespace": "web",
        "compartmentId": compartment_id,
        "name": "Load",
        "dimensions": {"host": "web-0"},
        "datapoints": [{"timestamp": moment.isoformat(), "value": 95.0} for moment in moments],
    }
    posted = oci("monitoring", "metric-data", "post", metric_data=[metric])
    assert posted["failed-metrics-count"] == 0
    (series,) = oci(
        "monitoring", "metric-data", "summarize-metrics-data",
        compartment_id=compartment_id, namespace="web", query_text='Load[1m]{host = "web-0"}.mean()',
    )  # fmt: skip
    assert {point["value"] for point in series["aggregated-datapoints"]} == {95.0}

    alarm = oci(
        "monitoring", "alarm", "create",
        compartment_id=compartment_id,
        metric_compartment_id=compartment_id,
        display_name="load",
        namespace="web",
        query_text="Load[1m].mean() > 90",
        severity="CRITICAL",
        destinations=[topic_id],
        is_enabled=True,
    )  # fmt: skip
    assert alarm["lifecycle-state"] == "ACTIVE"
    (status,) = oci("monitoring", "alarm-status", "list-alarms-status", compartment_id=compartment_id)
    assert (status["display-name"], status["severity"], status["status"]) == ("load", "CRITICAL", "OK")


def test_the_written_key_gives_no_warning(oci: OciCli) -> None:
    """A call with the written configuration writes nothing to stderr, also with the session's profile."""
    for options in ((), ("--profile", "SESSION", "--auth", "security_token")):
        done = oci.run(*options, "iam", "region", "list")
        assert (done.returncode, done.stderr) == (0, "")
