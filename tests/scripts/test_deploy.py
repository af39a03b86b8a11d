"""deploy.py, command by command."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from datetime import UTC, datetime

import oci
import pytest

from ocisidecar.cli.scripts import ScriptContext
from ocisidecar.emulator import Fault
from ocisidecar.emulator.simulated_pods import ContainerScript
from ocisidecar.errors import SettingsError
from tests.scripts.conftest import SCRIPTS, SETTINGS, forget_environment, load

TEMPLATE = SCRIPTS / "oci-monitoring.env.template"
COMMANDS = ("validate", "plan", "deploy", "status", "logs", "metrics", "destroy")


@pytest.fixture
def deploy(script, connection, settings):
    """A function that runs a command on the settings file and the emulator of this test."""
    return lambda command, *arguments: script("deploy", command, "--settings", settings, *connection, *arguments)


class TestLocal:
    """With --local a command starts its own emulator and deploys there what it needs."""

    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_command_works_from_the_template_as_it_stands(self, script, command):
        """Each command works from the unchanged template without an account, a configuration or a question."""
        code, out, err = script("deploy", command, "--settings", TEMPLATE, "--local")
        assert (code, "Traceback" in err) == (0, False)
        assert bool(out) is (command != "metrics")

    def test_deploy_rehearses_everything(self, script):
        """`deploy --local` shows plan, deployment and checks; eleven checks need real containers."""
        code, out, err = script("deploy", "deploy", "--settings", TEMPLATE, "--local")
        assert (code, "monitoring-demo: 12 resources." in out) == (0, True)
        assert "12 to create" in err
        assert "All checks of monitoring-demo that could run passed: 41 passed, 11 skipped." in err
        assert "everything is gone when it ends" in err

    def test_as_a_program_of_its_own(self, tmp_path):
        """The script runs from any directory, with an empty home and no configuration."""
        done = subprocess.run(
            [sys.executable, SCRIPTS / "deploy.py", "plan", "--settings", TEMPLATE, "--local", "--json"],
            cwd=tmp_path,
            env={"HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, json.loads(done.stdout)["counts"]) == (0, {"create": 12})

    def test_an_image_that_is_no_pair(self, script, capsys):
        """A value of --image without = is refused."""
        with pytest.raises(SystemExit) as caught:
            script("deploy", "plan", "--settings", TEMPLATE, "--local", "--image", "web")
        assert caught.value.code == 2
        assert "'web' is not two names joined by =" in capsys.readouterr().err


class TestCommands:
    """The same emulator throughout, as a tenancy would be."""

    def test_from_beginning_to_end(self, deploy, emulator):
        """Deploy, status, logs and destroy share nothing but the tags, and leave nothing behind."""
        assert deploy("plan")[1].count("+  container-instance/web-0") == 1
        assert emulator.live() == {}
        code, out, err = deploy("deploy", "--yes")
        assert (code, "container-instance/web-0" in out, "All checks of web that could run passed" in err) == (
            0,
            True,
            True,
        )
        code, out, _ = deploy("status")
        assert (code, "ACTIVE at 10.0.0.2" in out) == (0, True)
        code, out, _ = deploy("logs", "--container", "prometheus", "--json")
        assert {json.loads(line)["container"] for line in out.splitlines()} == {"prometheus"}
        assert deploy("plan")[1] == "No changes; web is up to date (12 resources, USD 36.46 a month).\n"
        assert deploy("deploy")[0] == 0, "nothing to change, nothing to ask"
        code, out, _ = deploy("destroy", "--yes", "--purge")
        assert (code, emulator.live()) == (0, {})

    @pytest.mark.parametrize(
        ("lines", "words"),
        [("", ("--image-prefix", "fra.ocir.io/ns/x")), ("OCIR_NAMESPACE=ns\n", ("--region", "eu-frankfurt-1"))],
    )
    def test_arguments_count_where_settings_say_nothing(self, script, settings, lines, words):
        """An option can replace a setting that the file lacks."""
        settings.write_text(f"CONTAINER_INSTANCE_NAME=web\n{lines}")
        validate = ("deploy", "validate", "--settings", settings, "--compartment-id", "ocid1.compartment.oc1..a")
        assert "is needed to find ocisidecar/" in script(*validate)[2]
        assert script(*validate, *words)[0] == 0

    @pytest.mark.parametrize("command", COMMANDS)
    def test_the_name_is_enough_to_look_and_to_remove(self, settings, monkeypatch, command):
        """Commands that only need the deployment's name work without the registry's token; the others need it."""
        forget_environment(monkeypatch)
        settings.write_text(f"{SETTINGS}OCIR_USERNAME=ns/ada\nOCIR_AUTH_TOKEN=env:NOWHERE\n")
        options = load("deploy")._parser().parse_args([command, "--settings", str(settings)])
        if command in {"validate", "plan", "deploy"}:
            with pytest.raises(SettingsError, match="NOWHERE, which is not set"):
                ScriptContext.read(options, needs_spec=options.needs_spec)
        else:
            assert ScriptContext.read(options, needs_spec=options.needs_spec).name == "web"

    def test_validate_makes_no_request(self, deploy, emulator):
        """`validate` summarises the deployment without a request."""
        code, out, _ = deploy("validate")
        assert code == 0
        assert "web.env is valid: web, 1 x CI.Standard.E4.Flex with 4 containers: web, prometheus, " in out
        assert emulator.requests == ()

    def test_a_second_deploy_keeps_what_the_first_one_made(self, deploy, emulator, settings):
        """A changed setting updates its resource and replaces none."""
        deploy("deploy", "--yes")
        before = emulator.live()
        settings.write_text(f"{SETTINGS}LOG_RETENTION_DAYS=60\n")
        assert deploy("deploy", "--yes")[0] == 0
        assert emulator.live() == before

    def test_metrics_are_those_of_this_deployment(self, deploy, emulator):
        """`metrics` excludes other instances of the compartment."""
        deploy("deploy", "--yes")
        client = oci.monitoring.MonitoringClient(
            emulator.oci_config, service_endpoint=emulator.endpoint, skip_deserialization=True
        )
        for name in ("web-0", "other-0"):
            metric = {
                "namespace": "shop",
                "compartmentId": emulator.compartment_id,
                "name": "orders",
                "dimensions": {"resourceDisplayName": name},
                "datapoints": [{"timestamp": datetime.now(UTC).isoformat(), "value": 7.5}],
            }
            client.post_metric_data({"metricData": [metric]})
        query = 'orders[1m]{resourceDisplayName =~ "$instances"}.sum()'
        code, out, _ = deploy("metrics", "--namespace", "shop", "--query", query)
        assert code == 0
        (line,) = out.splitlines()
        assert line.endswith("orders 7.5  resourceDisplayName=web-0")
        (row,) = json.loads(deploy("metrics", "--namespace", "shop", "--query", query, "--json")[1])
        assert row["value"] == 7.5


class TestBehaviour:
    """DRY_RUN, AUTO_APPROVE, CLEANUP_ON_FAILURE and VERBOSE work in the file and in the environment."""

    @pytest.mark.parametrize("command", ["deploy", "destroy"])
    def test_dry_run_changes_and_verifies_nothing(self, deploy, emulator, monkeypatch, command):
        """With DRY_RUN a command shows the plan, writes nothing and ends with 0."""
        monkeypatch.setenv("DRY_RUN", "true")
        code, _, err = deploy(command, "--yes")
        assert (code, "DRY_RUN: nothing was" in err, emulator.live()) == (0, True, {})
        assert "Checks of" not in err
        assert not any(request.is_write for request in emulator.requests)

    @pytest.mark.parametrize("stdin", [io.StringIO(), None], ids=["empty", "closed"])
    def test_no_terminal_to_ask_on(self, deploy, emulator, monkeypatch, stdin):
        """Without a terminal nothing is changed unless --yes or AUTO_APPROVE is given."""
        monkeypatch.setattr(sys, "stdin", stdin)
        code, _, err = deploy("deploy")
        assert (code, "add --yes or set AUTO_APPROVE" in err, emulator.live()) == (2, True, {})
        monkeypatch.setenv("AUTO_APPROVE", "true")
        assert deploy("deploy")[0] == 0
        assert deploy("destroy", "--purge")[0] == 0

    @pytest.mark.parametrize(("answer", "code"), [("yes\n", 0), ("y\n", 2), ("", 2)])
    def test_the_question(self, deploy, emulator, monkeypatch, answer, code):
        """Only the answer yes confirms a deployment."""

        class Terminal(io.StringIO):
            def isatty(self):
                return True

        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        assert deploy("deploy")[0] == code
        assert bool(emulator.live()) is (code == 0)

    @pytest.mark.parametrize("is_cleaned", [True, False])
    def test_a_first_deployment_that_fails(self, deploy, emulator, settings, is_cleaned):
        """A first deployment that fails is diagnosed, and then deleted only if CLEANUP_ON_FAILURE is set."""
        settings.write_text(f"{SETTINGS}CLEANUP_ON_FAILURE={is_cleaned}\n")
        emulator.script("web", ContainerScript(exits_after_seconds=0, is_out_of_memory=True))
        code, _, err = deploy("deploy", "--yes")
        assert (code, "web is restarting repeatedly" in err, err.count("remedy")) == (1, True, 1)
        assert ("container-instance" in emulator.live()) is not is_cleaned
        if is_cleaned:
            assert err.index("remedy") < err.index("CLEANUP_ON_FAILURE") < err.index("deleted")

    def test_a_working_deployment_survives_a_failed_change(self, deploy, emulator, settings):
        """CLEANUP_ON_FAILURE does not delete a deployment that existed before."""
        deploy("deploy", "--yes")
        settings.write_text(f"{SETTINGS}CLEANUP_ON_FAILURE=true\nENABLE_ALARMS=true\n")
        emulator.inject(Fault.error("create_alarm", status=400, code="InvalidParameter", message="no", times=None))
        code, _, err = deploy("deploy", "--yes")
        assert (code, "create_alarm" in err) == (3, True)
        assert "container-instance" in emulator.live()

    def test_a_refused_service_call(self, deploy, emulator, settings):
        """CLEANUP_ON_FAILURE deletes what exists after a refused request, and the exit code is 3."""
        settings.write_text(f"{SETTINGS}CLEANUP_ON_FAILURE=true\n")
        emulator.inject(Fault.error("create_subnet", status=400, code="InvalidParameter", message="no", times=None))
        code, _, err = deploy("deploy", "--yes")
        assert (code, "create_subnet" in err, emulator.live()) == (3, True, {})

    def test_verbose(self, deploy, settings):
        """With VERBOSE each request is logged to standard error."""
        settings.write_text(f"{SETTINGS}VERBOSE=true\n")
        assert "list_vcns" in deploy("plan")[2]

    def test_a_plan_that_was_approved_elsewhere(self, deploy, emulator):
        """`--expect` refuses a plan with another digest."""
        digest = json.loads(deploy("plan", "--json")[1])["digest"]
        assert deploy("deploy", "--yes", "--expect", "0" * 16)[0] == 2
        assert emulator.live() == {}
        assert deploy("deploy", "--yes", "--expect", digest)[0] == 0


class TestWrongInput:
    """Wrong input ends with one readable message and exit code 2."""

    def test_settings_that_are_not_there(self, script, tmp_path):
        """The error names a settings file that does not exist."""
        code, _, err = script("deploy", "plan", "--settings", tmp_path / "nowhere.env", "--local")
        assert (code, "nowhere.env: cannot be read" in err) == (2, True)

    @pytest.mark.parametrize("words", [("--containers", "docker"), ("--image", "web=web:dev")])
    def test_what_is_for_an_emulator_only(self, deploy, emulator, words):
        """Options for the emulator without --local are an error, and nothing is deployed to the tenancy."""
        code, _, err = deploy("deploy", "--yes", *words)
        assert (code, "need --local" in err, emulator.live()) == (2, True, {})

    def test_a_template_that_is_not_filled_in(self, script):
        """The error lists each placeholder of the template."""
        code, _, err = script("deploy", "plan", "--settings", TEMPLATE)
        assert code == 2
        assert "OCI_COMPARTMENT_OCID is not filled in" in err

    @pytest.mark.parametrize("command", COMMANDS)
    def test_help(self, script, capsys, command):
        """The help of each command lists --settings and --local."""
        with pytest.raises(SystemExit) as caught:
            script("deploy", command, "--help")
        out = capsys.readouterr().out
        assert caught.value.code == 0
        assert "--settings" in out
        assert "--local" in out
