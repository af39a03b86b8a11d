"""Output, errors and exit codes of the command line."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
from ast import literal_eval
from datetime import UTC, datetime, timedelta

import oci
import pytest
from attrs import asdict

from ocisidecar import Cancelled, __version__, errors
from ocisidecar.cli import arguments, connection
from ocisidecar.cli.exit_codes import HELP, ExitCode, exit_code_of
from ocisidecar.cli.main import main
from ocisidecar.clock import FastClock
from ocisidecar.emulator import Assumptions, Emulator, Fault
from ocisidecar.emulator.pods import ContainerUsage
from ocisidecar.emulator.services.native_metrics import record_usage
from ocisidecar.emulator.simulated_pods import ContainerScript

SPEC = """
name: web
instances:
  - name: web
    image_url: fra.ocir.io/acme/web:1.4
    memory_in_gbs: 4
    ports: [80]
"""


@pytest.fixture
def emulator():
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "web.yaml"
    path.write_text(SPEC, encoding="utf-8")
    return path


@pytest.fixture
def run(emulator, tmp_path, capsys, monkeypatch):
    """Run a command against the emulator: exit code, standard output, standard error."""
    for name in [name for name in os.environ if name.startswith(("OCISIDECAR_", "OCI_"))]:
        monkeypatch.delenv(name)
    config = emulator.write_config(tmp_path / "emulator")

    def run(command, *arguments):
        where = ("--config", str(config), "--endpoint", emulator.endpoint)
        code = main([command, *where, "--compartment-id", emulator.compartment_id, *map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


class TestCommands:
    """Each command does its part of a deployment's life."""

    def test_an_app_that_crashes_ends_apply_with_its_diagnosis(self, run, spec, emulator):
        """The exit code is 1, and cause and remedy are shown on standard error."""
        emulator.script("web", ContainerScript(exits_after_seconds=0, exit_code=3))
        spec.write_text(f"{SPEC}    container_restart_policy: NEVER\n", encoding="utf-8")
        code, out, err = run("apply", spec)
        assert (code, out) == (1, "")
        assert "web ended with exit code 3" in err
        assert "remedy" in err

    def test_a_create_that_is_refused_ends_apply_with_the_reason_alone(self, run, spec, emulator):
        """An instance that was never created has no diagnosis, so none says that there are no problems."""
        emulator.inject(Fault.error("create_container_instance", "InvalidParameter", "no such thing"))
        code, out, err = run("apply", spec)
        assert (code, out) == (3, "")
        assert "web is not complete: create_container_instance for container-instance/web-0: 400" in err
        assert "no problems found" not in err

    def test_a_roll_back_ends_apply_with_1_and_says_what_runs(self, run, spec, emulator):
        """The plan says so before, progress meanwhile and the error at the end; the old instance stays."""
        spec.write_text(f"{SPEC}    rollout: {{on_failure: roll_back}}\n", encoding="utf-8")
        run("apply", spec)
        old = run("output", spec, "container-instance/web-0")[1]
        emulator.script("*web:1.5", ContainerScript(exits_after_seconds=0, exit_code=3))
        text = spec.read_text(encoding="utf-8").replace("web:1.4", "web:1.5")
        spec.write_text(f"{text}    container_restart_policy: NEVER\n", encoding="utf-8")
        code, out, err = run("apply", spec)
        assert (code, out) == (1, "")
        assert "rolled back: the old one stays until all new ones work" in err
        assert "going back to what ran before" in err
        assert "Rolled back to what ran before: container-instance/web-0." in err
        assert run("output", spec, "container-instance/web-0")[1] == old

    def test_a_deployment_from_beginning_to_end(self, run, spec, emulator):
        """Each command works with a file and with a name, and destroy leaves nothing behind."""
        code, out, _ = run("plan", spec)
        assert (code, "+  container-instance/web-0" in out, emulator.live()) == (0, True, {})
        code, out, err = run("apply", spec)
        assert (code, "web-0  http" in out or "private_ip" in out, "Console: https://" in out) == (0, True, True)
        assert "✓ container-instance/web-0 created" in err
        assert run("plan", spec)[:2] == (0, "No changes; web is up to date (10 resources, USD 23.06 a month).\n")
        code, out, _ = run("verify", spec)
        assert (code, "All checks of web that could run passed" in out) == (0, True)
        code, out, _ = run("status", "web")
        assert (code, "ACTIVE at 10.0.0.2" in out) == (0, True)
        code, out, _ = run("logs", "web", "--container", "web", "--tail", "1")
        assert (code, len(out.splitlines())) == (0, 1)
        code, out, _ = run("diagnose", "web")
        assert (code, out.startswith("web: no problems found; ")) == (0, True)
        code, out, err = run("destroy", "web", "--yes", "--purge")
        assert (code, out, "✓ container-instance/web-0 deleted" in err) == (0, "web: no resources.\n", True)
        assert emulator.live() == {}

    def test_doctor(self, run, spec, emulator):
        """`doctor` checks with and without a spec, changes nothing, and ends with 1 when a check fails."""
        code, out, _ = run("doctor")
        assert (code, out.startswith("Before an apply\n")) == (0, True)
        code, out, _ = run("doctor", spec)
        assert (code, "✓  shapes " in out, "Ready to apply, as far as reading can tell" in out) == (0, True, True)
        assert json.loads(run("doctor", spec, "--json")[1])["statements"]
        spec.write_text(f"{SPEC}    shape: CI.Standard.E44.Flex\n", encoding="utf-8")
        code, out, _ = run("doctor", spec)
        assert (code, "did you mean 'CI.Standard.E4.Flex'?" in out) == (1, True)
        assert not [one for one in emulator.requests if one.is_write]

    def test_json(self, run, spec, emulator):
        """With --json standard output is one JSON document and nothing else."""
        plan = json.loads(run("plan", spec, "--json")[1])
        assert plan["counts"] == {"create": 10}
        applied = json.loads(run("apply", spec, "--json", "--expect", plan["digest"])[1])
        assert applied["resources"]["vcn/main"] in emulator.live()["vcn"]
        assert json.loads(run("status", "web", "--json")[1]) == applied
        assert json.loads(run("verify", "web", "--json")[1])["ok"] is True
        assert json.loads(run("diagnose", "web", "--json")[1])["findings"] == []
        lines = [json.loads(line) for line in run("logs", "web", "--json")[1].splitlines()]
        assert {line["container"] for line in lines} == {"web"}
        assert json.loads(run("destroy", "web", "--yes", "--json")[1])["resources"] == {}

    def test_output_prints_values_for_scripts(self, run, spec, emulator):
        """One value is printed bare, all of them as name=value, and OCIDs by the keys of their resources."""
        run("apply", spec)
        assert run("output", "web", "url") == (0, "http://10.0.0.2:80\n", "")
        assert run("output", spec, "url", "--json")[1] == '"http://10.0.0.2:80"\n'
        lines = dict(line.split("=", 1) for line in run("output", "web")[1].splitlines())
        assert lines["web-0.private_ip"] == "10.0.0.2"
        assert json.loads(run("output", "web", "--json")[1]) == lines
        assert run("output", "web", "vcn/main")[1].split() == emulator.live()["vcn"]

    def test_an_unknown_output_is_wrong_input(self, run, spec):
        """The exit code is 2, nothing is on standard output, and the error names what is known."""
        run("apply", spec)
        code, out, err = run("output", "web", "address")
        assert (code, out) == (2, "")
        assert "no output 'address'; there are web-0.private_ip, web-0.url.80, console, and the OCID of each" in err

    def test_metrics_are_charts_or_json(self, run, spec, emulator):
        """Without a name CPU and memory are shown, with one that metric, and --json has the same rows."""
        run("apply", spec)
        code, out, _ = run("metrics", "web")
        assert (code, out.count("the emulator only simulates these containers")) == (0, 2)
        now = emulator.app.cloud.clock.time()
        (instance,) = emulator.app.cloud.store.all("container-instance", now)
        used = {
            one.id: ContainerUsage(cpu_cores=0.5, memory_bytes=2**30, storage_bytes=0)
            for one in instance.hidden["containers"]
        }
        with emulator.app.cloud.lock:
            record_usage(emulator.app.cloud, instance, now - 60, used)
        code, out, _ = run("metrics", "web", "--metric", "cpu", "--metric", "container_memory")
        assert re.search(r"cpu \(%\), mean every 1m, .*\n +web-0 .*[▁-█].* last 25.0 %", out)
        assert re.search(r"container_memory \(bytes\), .*\n +web-0/web .*█.* last 1 GiB", out)
        (memory,) = json.loads(run("metrics", spec, "--metric", "memory", "--since", "10m", "--json")[1])
        assert [(row["instance"], row["value"]) for row in memory["rows"]] == [("web-0", 25.0)]

    def test_metrics_can_be_listed(self, run, spec):
        """`--list` shows what can be asked for, and takes no metric."""
        run("apply", spec)
        code, out, _ = run("metrics", "web", "--list")
        assert (code, "○  cpu " in out, out.endswith("0 metrics of 8 with data.\n")) == (0, True, True)
        assert json.loads(run("metrics", "web", "--list", "--json")[1])["names"][0]["name"] == "cpu"
        assert run("metrics", "web", "--list", "--metric", "cpu")[::2] == (
            2,
            "ocisidecar: --list shows all metrics: leave out --metric and --promql\n",
        )

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--metric", "cpuu"), "--metric: no metric 'cpuu', did you mean 'cpu'?"),
            (("--promql", "up"), "no Prometheus of web can be asked: web-0: its containers are simulated"),
            (("--promql", "up", "--resolution", "7x"), "--resolution: must be 1s to 60s, "),
            (("--statistic", "maxx"), "--statistic: no statistic 'maxx', did you mean 'max'?"),
            (("--resolution", "7x"), "--resolution: must be 1m to 60m, 1h to 24h or 1d, got '7x'"),
        ],
    )
    def test_a_metric_that_cannot_be_shown_is_wrong_input(self, run, spec, arguments, said):
        """The exit code is 2, and the error names the flag."""
        run("apply", spec)
        code, out, err = run("metrics", "web", *arguments)
        assert (code, out, err.startswith(f"ocisidecar: {said}")) == (2, "", True)

    def test_destroy_keeps_what_is_to_be_retained(self, run, spec, emulator):
        """A retained resource is kept, and the output gives the reason."""
        run("apply", spec)
        code, out, err = run("destroy", "web", "--yes", "--retain", "vcn")
        assert (code, "vcn/main" in out, "as requested" in err) == (0, True, True)
        assert set(emulator.live()) == {"vcn"}

    def test_checks_that_send_nothing(self, run, spec, emulator, monkeypatch):
        """`verify` sends a datapoint, but not with --read-only or --no-telemetry."""
        monkeypatch.setattr(emulator.app.cloud.pods, "containers", "docker")
        run("apply", spec)

        def writes(*arguments):
            before = len(emulator.requests)
            assert run("verify", "web", "--telemetry-timeout", "0", *arguments)[0] == 0
            return {one.operation for one in emulator.requests[before:] if one.is_write}

        assert writes() == {"post_metric_data"}
        assert writes("--read-only") == writes("--no-telemetry") == set()

    def test_a_sick_deployment(self, run, spec, emulator):
        """`verify` and `diagnose` end with 1 and name the problem of a container that runs out of memory."""
        emulator.script("web", ContainerScript(exits_after_seconds=0, is_out_of_memory=True))
        run("apply", spec, "--wait", "ready")
        code, out, _ = run("verify", "web")
        assert (code, "checks of web failed" in out) == (1, True)
        code, out, _ = run("diagnose", "web")
        assert (code, "remedy" in out) == (1, True)


class TestSettingsFile:
    """Each command that accepts a spec file accepts a settings file."""

    @pytest.fixture
    def emulator(self):
        """An emulator with a fast clock: health checks begin 10 s after the start."""
        with Emulator(clock=FastClock(20)) as emulator:
            yield emulator

    @pytest.mark.parametrize(
        ("name", "is_one"),
        [("web.env", True), (".env", True), ("web.env.local", True), ("web.yaml", False), ("environment", False)],
    )
    def test_names(self, name, is_one):
        """A settings file is recognised by `.env` in its name."""
        assert connection.is_settings_file(f"some.env.d/{name}") is is_one

    def test_from_beginning_to_end(self, run, tmp_path, emulator):
        """Each command works with a settings file; in an emulator the values of a tenancy are ignored."""
        path = tmp_path / "web.env"
        path.write_text(
            "CONTAINER_INSTANCE_NAME=web\nCONTAINER_IMAGE=docker.io/acme/web:1\nOCI_CLI_PROFILE=PROD\n"
            "SUBNET_OCID=ocid1.subnet.oc1.fra.a\nTF_BACKEND=oci\n"
        )
        code, out, err = run("plan", path)
        assert (code, "+  container-instance/web-0" in out) == (0, True)
        assert "warning: web.env:5: TF_BACKEND is not used" in err
        assert run("apply", path)[0] == 0
        assert run("verify", path, "--json")[0] == 0
        assert run("status", path)[0] == 0
        assert run("destroy", path, "--yes", "--purge")[0] == 0
        assert emulator.live() == {}

    def test_faults(self, run, tmp_path):
        """Each error in a settings file is reported with file, line and variable, with exit code 2."""
        path = tmp_path / "web.env"
        path.write_text("CONTAINER_COUNT=many\nENABLE_ALARMS=maybe\n")
        code, out, err = run("plan", path)
        assert (code, out) == (2, "")
        assert "web.env:1: CONTAINER_COUNT must be a whole number, got 'many'" in err
        assert "web.env:2: ENABLE_ALARMS must be true or false, got 'maybe'" in err


class TestErrors:
    """An error is one readable message on standard error, not a traceback."""

    def test_a_wrong_spec(self, run, spec):
        """All errors of a spec are reported with their fields, with exit code 2."""
        spec.write_text(SPEC.replace("memory_in_gbs: 4", "memory_in_gbs: 4000\n    replicas: 0"), encoding="utf-8")
        code, out, err = run("plan", spec)
        assert (code, out) == (2, "")
        assert "memory_in_gbs" in err
        assert "replicas" in err

    def test_a_file_that_is_not_there(self, run):
        """The error names a spec file that does not exist."""
        code, _, err = run("plan", "nowhere.yaml")
        assert (code, "nowhere.yaml" in err) == (2, True)

    @pytest.mark.parametrize("command", ["doctor", "plan", "apply"])
    def test_a_name_in_place_of_a_file(self, run, command):
        """`plan` and `apply` say that they need a file when they are given a deployment's name."""
        code, _, err = run(command, "web")
        assert (code, "web does not exist: name a spec file" in err, "Errno" in err) == (2, True, False)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("--container", "wbe"), "--container: no container 'wbe', did you mean 'web'?"),
            (("--instance", "web-7"), "--instance: no instance 'web-7', did you mean 'web-0'?"),
            (("--follow", "--previous"), "--previous: an earlier run cannot be followed"),
        ],
    )
    def test_logs_of_what_is_not_there(self, run, spec, arguments, message):
        """`logs` names the flag that is wrong, and does not speak of a spec."""
        run("apply", spec)
        code, out, err = run("logs", "web", *arguments)
        assert (code, out) == (2, "")
        assert err.startswith(f"ocisidecar: {message}")
        assert "spec" not in err

    @pytest.mark.parametrize(
        ("message", "expected"),
        [
            ("region 'x' (the argument region) is unknown", "region 'x' (--region) is unknown"),
            ("name one (profile=, OCISIDECAR_PROFILE)", "name one (--profile, OCISIDECAR_PROFILE)"),
            ("pass compartment_id=... or set", "pass --compartment-id or set"),
            ("with config={'tenancy': ...}", "with config={'tenancy': ...}"),
            ("one `name=value` line", "one `name=value` line"),
        ],
    )
    def test_flags_in_place_of_arguments(self, message, expected):
        """Messages of the library name flags where Python names arguments."""
        assert connection.with_flags(message) == expected

    def test_a_profile_and_a_region_that_do_not_exist(self, run):
        """A mistake in a connection option is reported with its flag."""
        assert "name one (--profile, OCISIDECAR_PROFILE)" in run("status", "web", "--profile", "WORK")[2]
        assert "(--region)" in run("status", "web", "--region", "nowhere")[2]

    def test_a_busy_port(self, tmp_path, capsys):
        """A busy port is an error of the argument, with a remedy."""
        with socket.create_server(("127.0.0.1", 0)) as busy:
            port = busy.getsockname()[1]
            code = main(["emulator", "--port", str(port), "--config-dir", str(tmp_path)])
        err = capsys.readouterr().err
        assert code == 2
        assert err.startswith(f"ocisidecar: --port {port}: ")
        assert err.endswith("; choose another port, or 0 for a free one\n")

    def test_a_directory_that_cannot_be_made(self, tmp_path, capsys):
        """An unusable --config-dir is not blamed on the port."""
        file = tmp_path / "file"
        file.touch()
        assert main(["emulator", "--config-dir", str(file / "emulator")]) == 2
        err = capsys.readouterr().err
        assert err == f"ocisidecar: --config-dir {file / 'emulator'}: Not a directory\n"

    def test_a_deployment_that_is_not_there(self, run):
        """The error names the deployments that exist."""
        assert run("status", "shop")[::2] == (
            2,
            "ocisidecar: No deployment 'shop' in this compartment and region; existing deployments: none.\n",
        )

    def test_a_configuration_that_is_not_there(self, capsys, tmp_path):
        """The error names a configuration file that does not exist."""
        path = tmp_path / "nowhere"
        assert main(["status", "web", "--config", str(path)]) == 2
        assert str(path) in capsys.readouterr().err

    def test_a_plan_that_is_not_the_expected_one(self, run, spec, emulator):
        """A plan with another digest than --expect changes nothing and ends with 2."""
        code, _, err = run("apply", spec, "--expect", "0123456789abcdef")
        assert (code, "Nothing was changed" in err, emulator.live()) == (2, True, {})

    def test_a_service_that_refuses(self, run, spec, emulator):
        """A refused request ends with 3 and a message that names the operation."""
        emulator.inject(Fault.error("create_subnet", status=400, code="InvalidParameter", message="no such range"))
        code, _, err = run("apply", spec)
        assert code == 3
        assert "create_subnet for subnet/main: 400 InvalidParameter: no such range." in err
        assert "Traceback" not in err

    def test_destroy_without_an_answer(self, run, spec, emulator, monkeypatch):
        """Without a terminal and without --yes nothing is deleted."""
        run("apply", spec)
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        code, _, err = run("destroy", "web")
        assert (code, "add --yes" in err, "vcn" in emulator.live()) == (2, True, True)

    @pytest.mark.parametrize(("answer", "code"), [("web\n", 0), ("yes\n", 2), ("", 2)])
    def test_destroy_asks(self, run, spec, monkeypatch, answer, code):
        """Only the deployment's name confirms its deletion."""

        class Terminal(io.StringIO):
            def isatty(self):
                return True

        run("apply", spec)
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        assert run("destroy", "web")[0] == code
        monkeypatch.undo()

    def test_destroying_nothing_asks_nothing(self, run):
        """Destroying a deployment that does not exist succeeds without a question, with one message."""
        assert run("destroy", "web") == (0, "web: no resources.\n", "web does not exist.\n")

    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (errors.SpecError([]), 2),
            (errors.ConfigError(""), 2),
            (errors.StalePlan(""), 2),
            (errors.DeploymentInUse("", users=()), 2),
            (errors.ServiceCallError(operation="x"), 3),
            (errors.WaitTimedOut("", key="", last_state="", waited_seconds=0), 3),
            (errors.DestroyFailed("", remaining={}, causes={}), 3),
            (Cancelled("enough"), 130),
            (KeyboardInterrupt(), 130),
            (OSError("port is taken"), 2),
        ],
    )
    def test_exit_codes(self, monkeypatch, capsys, error, code):
        """Each class of error ends the program with its exit code and one message."""

        def fail(*_, **__):
            raise error

        monkeypatch.setattr("ocisidecar.emulator.serve", fail)
        assert main(["emulator", "--config-dir", "x"]) == code
        assert capsys.readouterr().err.startswith("ocisidecar: ")

    def test_a_terminal_is_told_how_long_checking_may_take(self, run, spec, monkeypatch):
        """`verify` announces its longest duration on a terminal only."""
        run("apply", spec)
        assert "Checking" not in run("verify", "web")[2]
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        assert "may take up to 9 s to arrive" in run("verify", "web", "--telemetry-timeout", "9")[2]

    def test_failed_checks_have_a_code(self):
        """`ChecksFailed` ends a program as a failed report does."""
        assert exit_code_of(errors.ChecksFailed("", report=None)) is ExitCode.CHECKS_FAILED

    def test_a_defect_of_ours_has_no_code(self):
        """An error that no user can cause keeps its traceback."""
        with pytest.raises(LookupError, match="ValueError has no exit code"):
            exit_code_of(ValueError())


class TestArguments:
    """Arguments are validated before anything else happens."""

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ((), "required: COMMAND"),
            (("fly",), "invalid choice: 'fly'"),
            (("plan",), "required: SPEC"),
            (
                ("logs", "web", "--since", "yesterday"),
                "'yesterday' is neither a duration (90s, 10m, 2h, 1d) nor an RFC 3339 time",
            ),
            (("logs", "web", "--tail", "-1"), "'-1' is not a whole number of at least 0"),
            (("logs", "web", "--tail", "many"), "'many' is not a whole number of at least 0"),
            (("verify", "web", "--max-restarts=-1"), "'-1' is not a whole number of at least 0"),
            (("verify", "web", "--telemetry-timeout=-5"), "'-5' is not a number of seconds"),
            (("verify", "web", "--telemetry-timeout=soon"), "'soon' is not a number of seconds"),
            (("verify", "web", "--telemetry-timeout=inf"), "'inf' is not a number of seconds"),
            (
                ("emulator", "--config-dir", "x", "--port", "99999"),
                "'99999' is not a port: use 0",
            ),
            (("emulator", "--config-dir", "x", "--port", "http"), "'http' is not a port"),
            (
                ("emulator", "--config-dir", "x", "--latencies", "slow"),
                "argument --latencies: invalid choice: 'slow'",
            ),
            (("emulator", "--config-dir", "x", "--seed", "-1"), "'-1' is not a whole number of at least 0"),
            (("emulator", "--config-dir", "x", "--seed", "x"), "'x' is not a whole number of at least 0"),
            (("status", "web", "--compartment-id", "shop"), "argument --compartment-id: 'shop' is not an OCID"),
            (("status", "web", "--compartment-id", "shop"), "the console shows the OCID under Identity"),
            (("doctor", "--endpoint", "127.0.0.1:8000"), "argument --endpoint: '127.0.0.1:8000' is not a URL"),
            (("demo", "--containers", "podman"), "invalid choice: 'podman'"),
        ],
    )
    def test_wrong_arguments(self, capsys, arguments, said):
        """A wrong argument ends with 2 and a message that says what is wrong."""
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
        assert said in capsys.readouterr().err

    @pytest.mark.parametrize(
        "command",
        ["doctor", "plan", "cost", "apply", "verify", "diagnose", "status", "output", "logs", "metrics", "destroy"],
    )
    def test_help(self, capsys, command):
        """The help of each command that talks to OCI lists the connection options and the exit codes."""
        with pytest.raises(SystemExit) as caught:
            main([command, "--help"])
        out = capsys.readouterr().out
        assert caught.value.code == 0
        for option in ("--config", "--profile", "--auth", "--region", "--compartment-id", "--endpoint", "--json"):
            assert option in out
        assert " ".join(out.split()).endswith(HELP)

    def test_assumptions(self, capsys):
        """`emulator --assumptions` prints each assumption with value, effect and evidence, and ends with 0."""
        with pytest.raises(SystemExit) as caught:
            main(["emulator", "--assumptions"])
        blocks = [block.splitlines() for block in capsys.readouterr().out.rstrip("\n").split("\n\n")]
        assert caught.value.code == 0
        shown = {name: literal_eval(value) for name, _, value in (block[0].partition(" = ") for block in blocks)}
        assert shown == asdict(Assumptions())
        for _, effect, evidence in blocks:
            assert re.match(r" {4}\w.*\.$", effect)
            assert re.match(r" {4}(Source|UNCONFIRMED)\b.*: .*\.$", evidence)

    def test_assumptions_on_a_terminal(self, capsys, monkeypatch):
        """On a terminal the texts of the assumptions are wrapped to its width."""
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", "50")
        with pytest.raises(SystemExit):
            main(["emulator", "--assumptions"])
        lines = capsys.readouterr().out.splitlines()
        assert all(len(line) <= 50 for line in lines if line.startswith(" "))

    def test_version(self, capsys):
        """`--version` prints the version."""
        with pytest.raises(SystemExit):
            main(["--version"])
        assert capsys.readouterr().out == f"{__version__}\n"

    @pytest.mark.parametrize(
        ("word", "since"),
        [
            ("90s", timedelta(seconds=90)),
            ("10m", timedelta(minutes=10)),
            ("2h", timedelta(hours=2)),
            ("1d", timedelta(days=1)),
            ("2026-03-01T10:00:00Z", datetime(2026, 3, 1, 10, tzinfo=UTC)),
            ("2026-03-01T10:00:00", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ],
    )
    def test_since(self, word, since):
        """`--since` accepts durations and times; a time without an offset is UTC."""
        assert arguments.parse_since(word) == since


class TestProgram:
    """The program as a separate process, and its output streams."""

    def test_a_reader_that_goes_away_is_no_error(self, monkeypatch):
        """A closed pipe, as in `ocisidecar ... | head`, ends the program with 0."""
        reading, writing = os.pipe()
        os.close(reading)

        def serve(*_, **__):
            sys.stdout.write("endpoint\n")
            sys.stdout.flush()

        monkeypatch.setattr("ocisidecar.emulator.serve", serve)
        with os.fdopen(writing, "w") as stream:
            monkeypatch.setattr(sys, "stdout", stream)
            assert main(["emulator", "--config-dir", "x"]) == 0

    def test_output_in_a_poor_encoding(self, monkeypatch):
        """Characters that the output's encoding lacks are replaced."""
        stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr("ocisidecar.emulator.serve", lambda *_, **__: sys.stdout.write("± web\n"))
        assert main(["emulator", "--config-dir", "x"]) == 0
        stream.flush()
        assert stream.buffer.getvalue() == b"? web\n"

    @pytest.mark.parametrize("command", [("demo",), ("emulator", "--config-dir", "x")])
    def test_what_ends_well_is_0(self, monkeypatch, command):
        """`demo` and `emulator` end with 0 when nothing fails."""
        monkeypatch.setattr("ocisidecar.emulator.serve", lambda *_, **__: None)
        monkeypatch.setattr("ocisidecar.cli.demo.run", lambda *_, **__: None)
        assert main(command) == 0

    def test_emulator(self, tmp_path):
        """`emulator` prints its endpoint, writes a usable configuration and environment, and ends with Ctrl-C."""
        program = [sys.executable, "-m", "ocisidecar", "emulator", "--config-dir", str(tmp_path)]
        with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            facts = dict(process.stdout.readline().split(maxsplit=1) for _ in range(6))
            where = ["--config", str(tmp_path / "config"), "--endpoint", facts["endpoint"].strip()]
            code = main(["destroy", "web", *where, "--compartment-id", facts["compartment"].strip()])
            sourced = subprocess.run(
                [
                    "sh",
                    "-c",
                    '. "$1" && exec "$2" -m ocisidecar destroy web',
                    "sh",
                    facts["environment"].strip(),
                    sys.executable,
                ],
                check=False,
            )
            process.send_signal(signal.SIGINT)
            assert process.stdout.read() == "stopped\n"
        assert (code, sourced.returncode, process.returncode) == (0, 0, 0)

    def test_emulator_with_latencies(self, tmp_path):
        """`emulator --latencies realistic --seed N` takes time for its work and has the identifiers of the seed."""
        program = [sys.executable, "-m", "ocisidecar", "emulator", "--config-dir", str(tmp_path)]
        with subprocess.Popen(
            [*program, "--latencies", "realistic", "--seed", "3"], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            facts = dict(process.stdout.readline().split() for _ in range(6))
            config = oci.config.from_file(facts["config"])
            network = oci.core.VirtualNetworkClient(config, service_endpoint=facts["endpoint"])
            details = {"compartmentId": facts["compartment"], "cidrBlock": "10.0.0.0/16"}
            assert network.create_vcn(details).data.lifecycle_state == "PROVISIONING"
            assert facts["tenancy"] == Emulator(seed=3).tenancy_id
            process.send_signal(signal.SIGINT)
