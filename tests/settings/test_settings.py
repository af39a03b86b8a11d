"""Reading settings: the sources of a value, and all problems at once."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from ocisidecar import ConfigError, Provisioner, SettingProblem, Settings, SettingsError
from ocisidecar.emulator import Emulator
from ocisidecar.settings.table import Values, variables
from ocisidecar.settings.template import SECTIONS
from ocisidecar.settings.unused import UNUSED

SECRET_TEXT = "k]j64r{1sJSSF-;)K8"
TEMPLATE = Path(__file__).parent.parent.parent / "scripts" / "oci-monitoring.env.template"

OLD_FILE = {
    "OCI_CLI_PROFILE", "OCI_REGION", "OCI_TENANCY_OCID", "OCI_COMPARTMENT_OCID", "CONTAINER_INSTANCE_NAME",
    "CONTAINER_IMAGE", "CONTAINER_SHAPE", "CONTAINER_OCPUS", "CONTAINER_MEMORY_GB", "CONTAINER_COUNT",
    "CONTAINER_PORT", "CONTAINER_ENV_VARS", "AVAILABILITY_DOMAIN", "VCN_OCID", "SUBNET_OCID", "ASSIGN_PUBLIC_IP",
    "NSG_OCIDS", "ENABLE_LOGGING", "LOG_GROUP_NAME", "LOG_RETENTION_DAYS", "ENABLE_AUDIT_LOGS", "LOG_LEVEL",
    "ENABLE_MANAGEMENT_AGENT", "MGMT_AGENT_NAME", "MGMT_AGENT_INSTALL_KEY_NAME", "MGMT_AGENT_VERSION",
    "PROMETHEUS_SCRAPE_INTERVAL", "PROMETHEUS_SCRAPE_TIMEOUT", "PROMETHEUS_METRICS_PORT", "PROMETHEUS_METRICS_PATH",
    "ENABLE_SHARED_VOLUMES", "ENABLE_MANAGEMENT_AGENT_SIDECAR", "MGMT_AGENT_SIDECAR_IMAGE",
    "MGMT_AGENT_SIDECAR_MEMORY_GB", "MGMT_AGENT_SIDECAR_OCPUS", "ENABLE_PROMETHEUS_SIDECAR",
    "PROMETHEUS_SIDECAR_IMAGE", "PROMETHEUS_SIDECAR_MEMORY_GB", "PROMETHEUS_SIDECAR_OCPUS",
    "ENABLE_LOG_FORWARDER_SIDECAR", "LOG_FORWARDER_SIDECAR_IMAGE", "LOG_FORWARDER_SIDECAR_MEMORY_GB",
    "LOG_FORWARDER_SIDECAR_OCPUS", "APP_WITH_METRICS_IMAGE", "ENABLE_GRAFANA_SIDECAR", "GRAFANA_SIDECAR_IMAGE",
    "GRAFANA_SIDECAR_MEMORY_GB", "GRAFANA_SIDECAR_OCPUS", "GRAFANA_ADMIN_USER", "GRAFANA_ADMIN_PASSWORD",
    "ENABLE_PROMETHEUS_EXPORTERS", "ENABLE_NGINX_EXPORTER", "ENABLE_REDIS_EXPORTER", "ENABLE_POSTGRES_EXPORTER",
    "ENABLE_MYSQL_EXPORTER", "ENABLE_BLACKBOX_EXPORTER", "CREATE_DASHBOARD", "DASHBOARD_NAME", "METRICS_NAMESPACE",
    "NOTIFICATION_TOPIC_OCID", "ENABLE_ALARMS", "CPU_ALARM_THRESHOLD", "MEMORY_ALARM_THRESHOLD", "TF_BACKEND",
    "TF_STATE_BUCKET", "TF_WORKSPACE", "TF_PLAN_FILE", "OCIR_USERNAME", "OCIR_AUTH_TOKEN", "OCIR_PASSWORD",
    "OCIR_NAMESPACE", "OCIR_REGION", "OCIR_ENDPOINT", "VERSION", "BUILD_PLATFORM", "FREEFORM_TAGS", "DEFINED_TAGS",
    "VERBOSE", "DRY_RUN", "AUTO_APPROVE", "CLEANUP_ON_FAILURE", "MAX_WAIT_TIME", "RETRY_ATTEMPTS", "RETRY_DELAY",
    "DEPLOY_MONITORING_VM", "ENABLE_GRAFANA", "SSH_PUBLIC_KEY", "CREATE_NSG", "ALLOWED_CIDR",
}  # fmt: skip

FROM_OCIR = (
    "ENABLE_PROMETHEUS_SIDECAR=false\nENABLE_PROMETHEUS_EXPORTERS=false\nCONTAINER_IMAGE=fra.ocir.io/acme/web:1.4\n"
)


def problems(call):
    """Return the problems of a call that must fail."""
    with pytest.raises(SettingsError) as caught:
        call()
    return {(one.place, one.variable): one.message for one in caught.value.problems}


class TestTable:
    """The table of variables."""

    def test_every_variable_of_the_old_file_is_honoured_or_explained(self):
        """Every variable of the old file is either known or listed as unused, and none is both."""
        assert variables().keys() | UNUSED.keys() >= OLD_FILE
        assert not variables().keys() & UNUSED.keys()

    def test_sections_name_fields(self):
        """Each heading of the template belongs to a field that exists."""
        assert SECTIONS.keys() <= {one.field for one in variables().values()}

    def test_defaults_are_what_an_empty_file_gives(self, tmp_path):
        """A file without assignments gives all defaults."""
        path = tmp_path / "empty.env"
        path.touch()
        assert Settings.from_env_file(path, environment={}).values == Values()

    def test_an_empty_value_is_none(self, settings):
        """A variable with an empty value has its default."""
        read = settings("".join(f"export {name}=''\n" for name in variables()))
        assert read.values == Values()


class TestSources:
    """The sources of a value."""

    def test_the_environment_counts_before_the_file(self, settings):
        """The environment overrides the file, with a warning that names the overridden line."""
        read = settings("CONTAINER_COUNT=2\n", environment={"CONTAINER_COUNT": "3"})
        assert read.values.container_count == 3
        (warning,) = read.warnings
        assert (warning.place, warning.variable) == ("web.env:5", "CONTAINER_COUNT")

    def test_the_environment_reaches_references(self, settings):
        """References in the file use values from the environment."""
        read = settings(
            "APP_WITH_METRICS_IMAGE=a:1\nCONTAINER_IMAGE=$APP_WITH_METRICS_IMAGE\n",
            environment={"APP_WITH_METRICS_IMAGE": "b:2"},
        )
        assert read.values.container_image == "b:2"

    @pytest.mark.parametrize(
        ("variable", "field"),
        [
            ("OCISIDECAR_REGION", "oci_region"),
            ("OCI_CLI_REGION", "oci_region"),
            ("OCISIDECAR_PROFILE", "oci_cli_profile"),
            ("OCISIDECAR_IMAGE_PREFIX", "ocisidecar_image_prefix"),
        ],
    )
    def test_the_usual_variables_of_a_connection_count_too(self, settings, variable, field):
        """OCISIDECAR_… and OCI_CLI_… variables of the environment override the file's connection."""
        read = settings("OCI_REGION=eu-frankfurt-1\n", environment={variable: "x"})
        assert getattr(read.values, field) == "x"

    def test_the_last_assignment_counts(self, settings):
        """Of several assignments the last one is effective, as in a shell, with a warning."""
        read = settings("CONTAINER_COUNT=2\nCONTAINER_COUNT=3\n")
        assert read.values.container_count == 3
        assert [str(one) for one in read.warnings] == [
            "web.env:6: CONTAINER_COUNT is set again, which overrides line 5"
        ]


def test_settings_pickle(settings):
    """Settings pickle, with their secrets."""
    read = settings(f"OCIR_AUTH_TOKEN='{SECRET_TEXT}'\n")
    copy = pickle.loads(pickle.dumps(read))  # noqa: S301 our own bytes
    assert copy == read
    assert copy.deployment_spec() == read.deployment_spec()


class TestProblems:
    """Problems, reported all at once with file, line and variable."""

    def test_all_at_once(self, settings):
        """One error holds problems of syntax, types and values, and missing variables."""
        found = problems(
            lambda: settings(
                "CONTAINER_OCPUS=many\nENABLE_ALARMS=perhaps\nSUBNET_OCID=web\nCONTAINER_COUNT=0\nA=$(id)\n"
                "LOG_RETENTION_DAYS=365\nCONTAINER_INSTANCE_NAME=''\n"
            )
        )
        assert found == {
            ("web.env:5", "CONTAINER_OCPUS"): "must be a number such as 0.5, got 'many'",
            ("web.env:6", "ENABLE_ALARMS"): "must be true or false, got 'perhaps'",
            ("web.env:7", "SUBNET_OCID"): "must be an OCID, ocid1.subnet.…, got 'web'",
            ("web.env:8", "CONTAINER_COUNT"): "must be 1 to 1000 replicas, got 0",
            ("web.env:9", "A"): "contains a command, which is not executed: write its result",
            ("web.env:10", "LOG_RETENTION_DAYS"): "must be one of 30, 60, 90, 120, 150, 180 days, got 365",
            ("web.env:11", "CONTAINER_INSTANCE_NAME"): "is required but not set: Name of the deployment, of the "
            "instance and of the app's container.",
        }

    @pytest.mark.parametrize(
        ("lines", "variable", "said"),
        [
            ("CONTAINER_SHAPE='CI Flex'", "CONTAINER_SHAPE", "must be a shape"),
            ("CONTAINER_OCPUS=100", "CONTAINER_OCPUS", "must be 1 to 64 OCPUs on CI.Standard.E4.Flex"),
            ("CONTAINER_MEMORY_GB=900", "CONTAINER_MEMORY_GB", "must be 1 to 64 GB with 1 OCPUs"),
            ("CONTAINER_IMAGE='my image'", "CONTAINER_IMAGE", "must be an image reference"),
            ("CONTAINER_PORT=99999", "CONTAINER_PORT", "must be 1 to 65535"),
            ("AVAILABILITY_DOMAIN=10", "AVAILABILITY_DOMAIN", "must be 1, 'AD-1'"),
            ("CONTAINER_ENV_VARS=PORT", "CONTAINER_ENV_VARS", "NAME=value pairs"),
            ("CONTAINER_ENV_VARS=API_KEY=x", "CONTAINER_ENV_VARS", "looks like a secret"),
            ("ALLOWED_CIDR=everybody", "ALLOWED_CIDR", "an IPv4 CIDR block"),
            ("EGRESS_CIDR=everybody", "EGRESS_CIDR", "destinations separated by commas, each vcn or a CIDR block"),
            ("EGRESS_CIDR=none,vcn", "EGRESS_CIDR", "none alone for no destination"),
            (f"{FROM_OCIR}EGRESS_CIDR=10.0.0.999/24", "EGRESS_CIDR", "must be 'vcn' or an IPv4 CIDR block"),
            (f"{FROM_OCIR}EGRESS_CIDR=vcn:99999", "EGRESS_CIDR", "must be 1 to 65535"),
            ("EGRESS_CIDR=vcn:5432", "EGRESS_CIDR", "OCI pulls"),
            ("PROMETHEUS_SIDECAR_OCPUS=7", "PROMETHEUS_SIDECAR_OCPUS", "must be at most 2 logical CPUs"),
            ("PROMETHEUS_SIDECAR_MEMORY_GB=70", "PROMETHEUS_SIDECAR_MEMORY_GB", "must be at most 16 GB"),
            ("PROMETHEUS_SIDECAR_IMAGE='a b'", "PROMETHEUS_SIDECAR_IMAGE", "must be an image reference"),
            ("PROMETHEUS_METRICS_PORT=8081\nPROMETHEUS_METRICS_PATH=x", "PROMETHEUS_METRICS_PATH", "an URL path"),
            ("FREEFORM_TAGS=Environment", "FREEFORM_TAGS", "a JSON object"),
            ("DEFINED_TAGS='[]'", "DEFINED_TAGS", "a JSON object"),
            ("CONTAINER_OCPUS=nan", "CONTAINER_OCPUS", "must be a number"),
            ("CONTAINER_COUNT=1_000", "CONTAINER_COUNT", "must be a whole number"),
            (f"CONTAINER_COUNT=1{400 * '0'}", "CONTAINER_COUNT", "must be a whole number"),
            ("CPU_ALARM_THRESHOLD=120", "CPU_ALARM_THRESHOLD", "a number from 0 to 100"),
            ("METRICS_NAMESPACE=oci_shop", "METRICS_NAMESPACE", "not with oci_ or oracle_"),
            ("MAX_WAIT_TIME=0", "MAX_WAIT_TIME", "whole seconds, at least 1"),
            ("NSG_OCIDS=ocid1.networksecuritygroup.oc1.fra.a", "NSG_OCIDS", "needs SUBNET_OCID"),
            ("VCN_OCID=ocid1.vcn.oc1.fra.a", "VCN_OCID", "needs SUBNET_OCID"),
            ("ENABLE_LOG_FORWARDER_SIDECAR=true\nENABLE_LOGGING=false", "ENABLE_LOG_FORWARDER_SIDECAR", "needs"),
            ("ENABLE_MANAGEMENT_AGENT_SIDECAR=true", "MGMT_AGENT_RESPONSE_FILE", "make an install key"),
            ("OCIR_USERNAME=ns/ada", "OCIR_USERNAME", "needs OCIR_AUTH_TOKEN"),
            ("ENABLE_LOG_FORWARDER_SIDECAR=true", "OCIR_NAMESPACE", "scripts/build_all.py"),
            ("ENABLE_LOG_FORWARDER_SIDECAR=true\nOCIR_NAMESPACE=ns", "OCIR_REGION", "scripts/build_all.py"),
            ("OCIR_REGION=frankfurt", "OCIR_REGION", "a region's key such as fra"),
            ("OCIR_ENDPOINT=https://fra.ocir.io", "OCIR_ENDPOINT", "a host such as fra.ocir.io"),
            ("OCIR_NAMESPACE='My tenancy'", "OCIR_NAMESPACE", "lower-case words"),
            ("OCIR_REPOSITORY=/shop/", "OCIR_REPOSITORY", "lower-case words"),
            ("OCISIDECAR_IMAGE_PREFIX=https://r/p", "OCISIDECAR_IMAGE_PREFIX", "a registry with a path"),
            ("PROMETHEUS_SCRAPE_INTERVAL=0", "PROMETHEUS_SCRAPE_INTERVAL", "must be 1 to 3600 s, got 0"),
            ("MGMT_AGENT_RESPONSE_FILE=vault:mine", "MGMT_AGENT_RESPONSE_FILE", "vault:ocid1.vaultsecret"),
            ("OCIR_AUTH_TOKEN=env:TOKEN", "OCIR_AUTH_TOKEN", "TOKEN, which is not set"),
            ("OCIR_AUTH_TOKEN=file:nowhere", "OCIR_AUTH_TOKEN", "cannot be read"),
            ("OCIR_AUTH_TOKEN=file:~no-such-user/a", "OCIR_AUTH_TOKEN", "cannot be: Could not determine home"),
            ("OCIR_AUTH_TOKEN='file:a\0b'", "OCIR_AUTH_TOKEN", "cannot be: embedded null byte"),
            ("OCIR_AUTH_TOKEN=file:/dev/zero", "OCIR_AUTH_TOKEN", "larger than 1000000 bytes"),
            ("FREEFORM_TAGS='" + '{"a":' * 9000 + "'", "FREEFORM_TAGS", "must be"),
            ('FREEFORM_TAGS=\'{"a":"\\ud800"}\'', "FREEFORM_TAGS", "which is not a character"),
            ("CONTAINER_INSTANCE_NAME=your-name", "CONTAINER_INSTANCE_NAME", "is not filled in: 'your-name'"),
            ("CONTAINER_IMAGE='<region>.ocir.io/x'", "CONTAINER_IMAGE", "is not filled in"),
            ("OCI_TENANCY_OCID=ocid1.tenancy...", "OCI_TENANCY_OCID", "is not filled in"),
        ],
    )
    def test_each_problem_names_its_variable(self, settings, lines, variable, said):
        """A problem that validation finds in the spec names the variable in the file."""
        found = problems(lambda: settings(lines + "\n").deployment_spec())
        assert [said in message for (_, name), message in found.items() if name == variable] == [True]

    def test_a_file_without_end_is_not_read(self):
        """A device or a huge file is refused after 8 MB."""
        with pytest.raises(SettingsError, match="larger than 8 MB"):
            Settings.from_env_file("/dev/zero")

    def test_a_name_that_only_looks_like_the_templates(self, settings):
        """A value is a placeholder only where `your-` begins a part of it, not within a word."""
        lines = "CONTAINER_IMAGE=docker.io/acme/bring-your-own:1\n"
        assert settings(lines).deployment_spec().instance("web").image_url == "docker.io/acme/bring-your-own:1"

    @pytest.mark.parametrize(
        "line", ["CONTAINER_PORT=99999", "CONTAINER_INSTANCE_NAME='My web'", "PROMETHEUS_SCRAPE_INTERVAL=0"]
    )
    def test_a_mistake_is_told_once(self, settings, line):
        """A wrong value is one problem, however many parts of the spec it reaches."""
        with pytest.raises(SettingsError) as caught:
            settings(f"{line}\n").deployment_spec()
        (problem,) = caught.value.problems
        assert str(problem).startswith(f"web.env:5: {line.partition('=')[0]} must be ")

    def test_a_file_that_is_not_there(self, tmp_path):
        """A missing file is a ConfigError that names the file."""
        with pytest.raises(ConfigError, match=r"nowhere\.env: cannot be read"):
            Settings.from_env_file(tmp_path / "nowhere.env")

    def test_what_is_unused_is_told_with_the_problems(self, tmp_path):
        """An error lists the warnings too, so that a misspelt name shows beside the variable that is missing."""
        path = tmp_path / "web.env"
        path.write_text("CONTAINER_OCPUS=two\nCONTAINER_INSTANCE_NAM=web\n")
        with pytest.raises(SettingsError) as caught:
            Settings.from_env_file(path, local=True)
        assert [one.place for one in caught.value.warnings] == ["web.env:2"]
        assert "did you mean 'CONTAINER_INSTANCE_NAME'" in str(caught.value)

    def test_errors_pickle(self):
        """A SettingsError pickles with its problems and warnings."""
        error = SettingsError([SettingProblem("web.env:1", "A", "is wrong")])
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301 our own bytes
        assert (str(copy), copy.problems) == (str(error), error.problems)


class TestWarnings:
    """Warnings about unused, unknown and doubtful settings."""

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("TF_BACKEND=local", "TF_BACKEND is not used: Terraform was removed"),
            ('SSH_PUBLIC_KEY="$(cat ~/.ssh/id_rsa.pub)"', "SSH_PUBLIC_KEY is not used: no virtual machine is made"),
            (
                "CONTAINER_SHAP=x",
                "CONTAINER_SHAP is an unknown variable, did you mean 'CONTAINER_SHAPE'?: it is ignored",
            ),
            ("HELLO=x", "HELLO is an unknown variable: it is ignored"),
            (
                f"OCIR_AUTH_TOKEN='{SECRET_TEXT}'",
                "OCIR_AUTH_TOKEN contains the secret itself: better write where it is",
            ),
            ("PROMETHEUS_METRICS_PORT=9090", "PROMETHEUS_METRICS_PORT 9090 is the Prometheus sidecar's own port"),
            (
                "BUILD_PLATFORM=linux/arm64",
                "BUILD_PLATFORM leaves out linux/amd64, which is what CI.Standard.E4.Flex runs",
            ),
            ("ASSIGN_PUBLIC_IP=true", "ASSIGN_PUBLIC_IP gives a public address that is not reachable"),
        ],
    )
    def test_each_has_its_line(self, settings, line, said):
        """A warning has the file, the line and the variable, and says what to do."""
        (warning,) = settings(line + "\n").warnings
        assert str(warning).startswith(f"web.env:5: {said}")

    def test_a_helper_that_is_referred_to_is_no_mistake(self, settings):
        """An unknown variable is not warned about when another value refers to it."""
        assert settings("HOST=fra.ocir.io\nCONTAINER_IMAGE=$HOST/acme/web:1\n").warnings == (
            SettingProblem("web.env:6", "CONTAINER_IMAGE", "is set again, which overrides line 3"),
        )


class TestSecrets:
    """Secrets, which are references and are never shown."""

    @pytest.mark.parametrize("reference", ["env:TOKEN", "file:token", SECRET_TEXT])
    def test_a_secret_is_read_and_never_shown(self, settings, tmp_path, reference):
        """A secret from a variable, a file or the settings themselves shows in no repr, warning or plan."""
        (tmp_path / "token").write_text(SECRET_TEXT + "\n")
        lines = f"OCIR_AUTH_TOKEN='{reference}'\nOCIR_USERNAME=ns/ada\nCONTAINER_IMAGE=fra.ocir.io/ns/web:1\n"
        read = settings(lines, environment={"TOKEN": SECRET_TEXT})
        assert read.values.ocir_auth_token.text == SECRET_TEXT
        spec = read.deployment_spec()
        assert spec.instance("web").image_pull_secrets[0].password == SECRET_TEXT
        assert SECRET_TEXT not in f"{read!r}{read}{read.warnings}{spec!r}"

    @pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\n\n"])
    @pytest.mark.parametrize("reference", ["env:TOKEN", "file:token", "file:token16"])
    def test_line_breaks_at_the_end_are_no_part_of_a_secret(self, settings, tmp_path, reference, ending):
        """A variable and a file of any encoding give the same secret; blanks are part of it."""
        (tmp_path / "token").write_bytes(f"{SECRET_TEXT} {ending}".encode())
        (tmp_path / "token16").write_bytes(f"{SECRET_TEXT} {ending}".encode("utf-16"))
        lines = f"OCIR_AUTH_TOKEN='{reference}'\nOCIR_USERNAME=ns/ada\n"
        read = settings(lines, environment={"TOKEN": f"{SECRET_TEXT} {ending}"})
        assert read.values.ocir_auth_token.text == f"{SECRET_TEXT} "

    @pytest.mark.parametrize("content", [b"", b"\n", b"\xff\x00"])
    def test_a_file_without_a_secret_is_refused(self, settings, tmp_path, content):
        """An empty file, and one that is not text, are no secret."""
        (tmp_path / "token").write_bytes(content)
        read = settings("OCIR_AUTH_TOKEN=file:token\nOCIR_USERNAME=ns/ada\n")
        with pytest.raises(SettingsError, match=r"token, which is (empty|not text)"):
            read.require("OCIR_AUTH_TOKEN")

    def test_a_file_with_secrets_that_others_may_read(self, settings, tmp_path):
        """A warning says so where others may read a settings file that contains a secret."""
        settings(f"OCIR_AUTH_TOKEN='{SECRET_TEXT}'\nOCIR_USERNAME=ns/ada\n")
        path = tmp_path / "web.env"

        def doubts(mode: int) -> list[str]:
            path.chmod(mode)
            read = Settings.from_env_file(path, environment={})
            return [one.message.partition("; ")[2] for one in read.warnings if "chmod" in one.message]

        assert doubts(0o600) == []
        assert doubts(0o640) == [f"other users may read this file: `chmod 600 {path}`"]

    def test_a_file_in_utf_16_is_read(self, tmp_path):
        """PowerShell's `>` writes UTF-16."""
        path = tmp_path / "web.env"
        path.write_bytes("CONTAINER_INSTANCE_NAME=web\r\nCONTAINER_IMAGE=a/b:1\r\n".encode("utf-16"))
        assert Settings.from_env_file(path, environment={}).values.container_instance_name == "web"

    def test_a_secret_in_a_vault_stays_there(self, settings):
        """A secret in a vault enters the spec as a reference only."""
        secret = "ocid1.vaultsecret.oc1.fra.a"
        read = settings(
            f"ENABLE_GRAFANA_SIDECAR=true\nGRAFANA_SIDECAR_IMAGE=g:1\nGRAFANA_ADMIN_PASSWORD=vault:{secret}\n"
        )
        assert read.values.grafana_admin_password.text is None
        assert read.warnings == ()

    @pytest.mark.parametrize("reference", ["env:NOWHERE", "file:nowhere", "vault:ocid1.vaultsecret.oc1.fra.a"])
    def test_an_emulator_needs_no_secrets(self, settings, reference):
        """For an emulator a missing secret counts as not given, and so does the registry's user."""
        lines = "CONTAINER_IMAGE=fra.ocir.io/ns/web:1\nOCIR_USERNAME=ns/ada\nENABLE_MANAGEMENT_AGENT_SIDECAR=true\n"
        names = ("OCIR_AUTH_TOKEN", "GRAFANA_ADMIN_PASSWORD", "MGMT_AGENT_RESPONSE_FILE")
        given_lines = "".join(f"{name}={reference}\n" for name in names)
        spec = settings(f"{lines}ENABLE_GRAFANA_SIDECAR=true\n{given_lines}", local=True).deployment_spec()
        assert spec.instance("web").image_pull_secrets == ()

    def test_a_secret_that_is_not_there_is_told_once(self, settings):
        """A missing secret is one problem, which names the variable or file where it should be."""
        lines = "OCIR_USERNAME=ns/ada\nCONTAINER_IMAGE=fra.ocir.io/ns/web:1\nENABLE_GRAFANA_SIDECAR=true\n"
        secrets = "OCIR_AUTH_TOKEN=env:NOWHERE\nGRAFANA_ADMIN_PASSWORD=file:nowhere\nGRAFANA_SIDECAR_IMAGE=g:1\n"
        read = settings(lines + secrets)
        found = problems(read.deployment_spec)
        assert {name for _, name in found} == {"OCIR_AUTH_TOKEN", "GRAFANA_ADMIN_PASSWORD"}
        with pytest.raises(SettingsError, match="NOWHERE, which is not set"):
            read.require("OCIR_AUTH_TOKEN")
        read.require("OCIR_PASSWORD")

    def test_a_problem_of_a_secret_does_not_quote_it(self, settings):
        """The problem of a malformed secret does not contain the secret."""
        assert SECRET_TEXT not in str(problems(lambda: settings(f"OCIR_AUTH_TOKEN='vault:{SECRET_TEXT}'\n")))

    def test_the_environment_of_the_app_does_not_show(self, settings):
        """No message contains values of CONTAINER_ENV_VARS, whether they can be read or not."""
        read = settings(f"CONTAINER_ENV_VARS='DSN={SECRET_TEXT}'\n")
        found = problems(lambda: settings(f"CONTAINER_ENV_VARS='{SECRET_TEXT}'\n"))
        assert SECRET_TEXT not in f"{read!r}{found}"

    def test_an_unfilled_secret_does_not_show(self, settings):
        """A literal secret that looks like a placeholder is not shown, because it may be a real one."""
        found = problems(lambda: settings("OCIR_AUTH_TOKEN='your-hunter-secret'\n").deployment_spec())
        assert "hunter" not in str(found)


class TestProvisioner:
    """The connection settings of a provisioner."""

    def test_local_settings_bring_an_emulator(self, clock):
        """The unchanged template can be applied, verified and destroyed without an account."""
        settings = Settings.from_env_file(TEMPLATE, local=True, environment={})
        assert settings.warnings == ()
        with settings.provisioner(clock=clock) as provisioner:
            spec = settings.deployment_spec()
            assert provisioner.apply(spec).verify(spec).ok
            provisioner.destroy(spec, purge=True)
            assert provisioner.emulator.live() == {}

    def test_the_template_as_it_stands_is_not_for_a_tenancy(self):
        """For a tenancy each placeholder of the template is a problem with its line."""
        settings = Settings.from_env_file(TEMPLATE, environment={})
        lines = TEMPLATE.read_text().splitlines()
        found = problems(settings.deployment_spec)
        assert {name for _, name in found} == {"OCI_COMPARTMENT_OCID", "OCIR_NAMESPACE"}
        for place, name in found:
            assert lines[int(place.rpartition(":")[2]) - 1].startswith(f"export {name}=")
        with pytest.raises(SettingsError, match="OCI_COMPARTMENT_OCID is not filled in"):
            settings.provisioner()

    def test_a_tenancy_gets_what_the_settings_say(self, settings, monkeypatch):
        """Compartment, image prefix and wait time of the file reach the provisioner."""
        with Emulator() as emulator:
            for name, value in emulator.environment.items():
                monkeypatch.setenv(name, value)
            lines = f"OCI_TENANCY_OCID={emulator.tenancy_id}\nOCI_COMPARTMENT_OCID={emulator.compartment_id}\n"
            with settings(lines).provisioner() as provisioner:
                assert provisioner.compartment_id == emulator.compartment_id
            other = f"OCI_TENANCY_OCID=ocid1.tenancy.oc1..other\n{lines.partition(chr(10))[2]}"
            with pytest.raises(
                SettingsError, match=r"web\.env:5: OCI_TENANCY_OCID is ocid1\.tenancy\.oc1\.\.other"
            ):
                settings(other).provisioner()

    def test_settings_of_an_account_do_not_reach_an_emulator(self, settings, clock):
        """OCIDs and vault secrets of a tenancy are ignored for an emulator."""
        read = settings(
            'SUBNET_OCID=ocid1.subnet.oc1.fra.a\nDEFINED_TAGS=\'{"Operations.CostCenter":"42"}\'\n'
            "ENABLE_MANAGEMENT_AGENT_SIDECAR=true\nMGMT_AGENT_RESPONSE_FILE=vault:ocid1.vaultsecret.oc1.fra.a\n"
            "NOTIFICATION_TOPIC_OCID=ocid1.onstopic.oc1.fra.a\nENABLE_ALARMS=true\n",
            local=True,
        )
        assert isinstance(read, Settings)
        with read.provisioner(clock=clock) as provisioner:
            assert isinstance(provisioner, Provisioner)
            assert provisioner.apply(read.deployment_spec()).verify().ok
