"""Plans, deployments, reports and diagnoses in a terminal and in a notebook."""

from __future__ import annotations

import io
import pickle
import re
from html import unescape
from html.parser import HTMLParser

import pytest
from attrs import evolve
from rich.console import Console

from ocisidecar import (
    AlarmSpec,
    Deployment,
    DeploymentSpec,
    ImagePullSecret,
    InstanceSpec,
    Plan,
    Port,
    Provisioner,
    RepositorySpec,
    RolloutSpec,
    SidecarSpec,
    TopicSpec,
    VolumeSpec,
)
from ocisidecar.clock import VirtualClock
from ocisidecar.errors import ConfigError
from ocisidecar.observe.instances import Attachment, Attachments, Container, Instance
from ocisidecar.plan.build import plan_apply, plan_removal
from ocisidecar.plan.plan import Action, Change, Step
from ocisidecar.resources.kind import Site
from ocisidecar.resources.kinds import KINDS
from ocisidecar.spec import as_deployment
from ocisidecar.state.identity import Identity
from ocisidecar.state.observed import Live, Phase, Snapshot
from ocisidecar.verify.causes import CAUSES
from ocisidecar.verify.findings import Diagnosis, Finding
from ocisidecar.verify.report import Check, Report, Status
from ocisidecar.views import (
    deployment_page,
    findings_page,
    outputs_page,
    plan_html,
    plan_page,
    plan_text,
    report_page,
    show,
    status_page,
)
from ocisidecar.views.notebook import as_html
from ocisidecar.views.page import Detail, Page, Row, Section, Tone, purpose_of
from ocisidecar.views.report import WORDINGS
from ocisidecar.views.terminal import TEXT_WIDTH, as_text
from ocisidecar.wire import Key, resolve_fields

IDENTITY = Identity("ocid1.tenancy.oc1..t", "eu-frankfurt-1", "ocid1.compartment.oc1..c", "web")
SITE = Site(IDENTITY, "eu-frankfurt-1", ("Emul:AD-1",), "ocid1.service.oc1..all", "all-fra-services", None)
SECRET = "s3cr3t-value"
WEB = (
    InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4", ocpus=1, memory_in_gbs=4, ports=[80])
    .with_volume(VolumeSpec.empty_dir("metrics"), mount_path="/metrics")
    .with_volume(VolumeSpec.empty_dir("logs"), mount_path="/logs")
    .with_sidecar(SidecarSpec.prometheus())
    .with_sidecar(SidecarSpec.node_exporter())
    .with_sidecar(SidecarSpec.log_forwarder())
)


def plan_for(spec, snapshot=None, **words) -> Plan:
    return plan_apply(as_deployment(spec), SITE, snapshot or Snapshot(), **words)


def as_applied(plan: Plan, *, known=None) -> Snapshot:
    """Return the snapshot after a plan was applied."""
    lives = []
    for key, want in plan.desired.items():
        body = resolve_fields(want.body, lambda ref: f"ocid1.{ref.key.kind}.{ref.key.name}")
        tags = {**(body.get("freeformTags") or {}), **want.tags(IDENTITY)}
        shown = known if key.kind == "container-instance" else None
        lives.append(
            Live(
                key,
                plan.name,
                f"ocid1.{key.kind}.{key.name}",
                "ACTIVE",
                Phase.READY,
                {**body, "freeformTags": tags},
                known=shown,
            )
        )
    return Snapshot(tuple(lives))


def without_digest(text: str) -> str:
    """Return the text without the digest, which changes with every field of a request."""
    return re.sub(r"Digest [0-9a-f]{16}", "Digest …", text) + "\n"


class Elements(HTMLParser):
    """The tags, attributes and text of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.attributes, self.text, self.open = set(), set(), [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


class TestPlan:
    """Pages of plans."""

    def test_everything_new(self, golden):
        """Each new resource has a sign, a key, a purpose and its main properties."""
        plan = plan_for(WEB, warnings=('instances["web"].image_url: can change without a new plan',))
        golden("views/plan_new.txt", without_digest(str(plan)))
        golden("views/plan_new.html", without_digest(plan._repr_html_()))

    def test_changes(self, golden):
        """Updates and replacements are shown field by field; unchanged resources are counted."""
        app = InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4", memory_in_gbs=4, ports=[80])
        known = {
            "image": {"web.imageUrl": "fra.ocir.io/acme/web:1.4"},
            "shape": {"shape": "CI.Standard.E4.Flex", "shapeConfig": {"ocpus": 1.0, "memoryInGBs": 4.0}},
        }
        before = as_applied(plan_for(app), known=known)
        after = evolve(app.with_image("fra.ocir.io/acme/web:1.5"), ports=[80, 443], memory_in_gbs=8)
        golden("views/plan_changes.txt", without_digest(str(plan_for(after, before))))

    @pytest.mark.parametrize("replace", ["overlap", "stop_first"])
    def test_changes_that_can_be_rolled_back(self, golden, replace):
        """A replacement says what happens to old and new ones when it fails."""
        rollout = RolloutSpec(replace=replace, on_failure="roll_back")
        app = InstanceSpec("web", image_url="fra.ocir.io/acme/web:1.4", replicas=3, rollout=rollout)
        before = as_applied(plan_for(app))
        after = app.with_image("fra.ocir.io/acme/web:1.5")
        golden(f"views/plan_roll_back_{replace}.txt", without_digest(str(plan_for(after, before))))

    def test_removal(self, golden):
        """A plan to destroy lists what is deleted, and what is kept and why."""
        snapshot = as_applied(plan_for(WEB))
        plan = plan_removal(IDENTITY, snapshot, retain=(), with_data={Key("log-group", "main"): "holds log lines"})
        golden("views/plan_removal.txt", without_digest(str(plan)))

    def test_nothing_to_do_is_one_line(self):
        """A plan without changes is one line that says so."""
        assert (
            str(plan_for(WEB, as_applied(plan_for(WEB))))
            == "No changes; web is up to date (12 resources, USD 23.06 a month)."
        )

    def test_nothing_to_remove_is_one_line(self):
        """A plan to destroy what does not exist is one line that says so."""
        assert str(plan_removal(IDENTITY, Snapshot(), retain=(), with_data={})) == "web does not exist."

    def test_kept_resources_are_shown_though_nothing_changes(self):
        """A plan to destroy that deletes nothing still lists what is kept."""
        group = Live(Key("log-group", "main"), "web", "ocid1.loggroup", "ACTIVE", Phase.READY, {})
        text = str(plan_removal(IDENTITY, Snapshot((group,)), retain=("log-group",), with_data={}))
        assert "=  log-group/main" in text
        assert "as requested" in text
        assert text.endswith("web: nothing to delete, 1 kept.")

    def test_replicas_are_one_row(self):
        """Fifty equal instances are shown as one row."""
        text = str(plan_for(evolve(WEB, replicas=50)))
        assert "container-instance/web-0 … web-49" in text
        assert "50 ×: runs the app" in text
        assert "61 to create" in text

    def test_downtime_is_shown(self):
        """A replacement that stops the old instance first is shown with its downtime."""
        spec = WEB.with_rollout(RolloutSpec(replace="stop_first"))
        plan = plan_for(spec.with_image("fra.ocir.io/acme/web:1.5"), as_applied(plan_for(spec)))
        assert "yes: the old one is deleted before the new one is created" in str(plan)

    def test_no_replacement_without_a_reason(self):
        """The first detail below a replacement is its reason."""
        plan = plan_for(WEB.with_image("fra.ocir.io/acme/web:1.5"), as_applied(plan_for(WEB)))
        (row,) = plan_page(plan).sections[0].rows
        assert row.details[0] == Detail("image", "changed")

    @pytest.mark.parametrize("action", Action)
    def test_every_action_has_a_sign(self, action):
        """Each action has a sign of one character."""
        step = Step(action=action, key=Key("vcn", "main"), changes=(Change("kept", "for a test"),))
        (section,) = plan_page(Plan(identity=IDENTITY, steps=(step,))).sections
        assert len(section.rows[0].sign) == 1

    def test_signs_differ(self):
        """No two actions have the same sign."""
        steps = tuple(
            Step(action=action, key=Key("vcn", action.name), changes=(Change("kept", ""),)) for action in Action
        )
        (section,) = plan_page(Plan(identity=IDENTITY, steps=steps)).sections
        assert len({row.sign for row in section.rows}) == len(Action)

    def test_no_secret_is_shown(self):
        """No form of a plan contains environment values, file contents or pull secrets."""
        spec = (
            InstanceSpec("web", image_url="web:1", environment_variables={"TOKEN": SECRET})
            .with_volume(VolumeSpec.config_file("conf", {"app.toml": SECRET}), mount_path="/conf")
            .with_pull_secret(ImagePullSecret.basic("fra.ocir.io", username="user", password=SECRET))
        )
        before = as_applied(plan_for(InstanceSpec("web", image_url="web:1", environment_variables={"TOKEN": "x"})))
        for plan in (plan_for(spec), plan_for(spec, before)):
            for shown in (str(plan), plan._repr_html_(), plan.to_json(), repr(plan)):
                assert SECRET not in shown

    def test_facts_of_every_kind(self, golden):
        """Alarms, topics and repositories are shown with their main properties, too."""
        spec = DeploymentSpec("web", [InstanceSpec("web", image_url="web:1", ports=[Port(53, protocol="udp")])])
        spec = spec.with_instance(InstanceSpec("jobs", image_url="jobs:1", sidecars=[SidecarSpec.redis_exporter()]))
        topic = TopicSpec("oncall", subscriptions=["mailto:ops@example.com"])
        alarm = AlarmSpec.cpu_utilization(80, destinations=[topic])
        spec = evolve(spec, alarms=[alarm], repositories=[RepositorySpec("web")])
        golden("views/plan_fleet.txt", without_digest(str(plan_for(spec))))


@pytest.fixture(scope="module")
def deployment():
    with Provisioner.local(clock=VirtualClock()) as provisioner:
        yield provisioner.apply(WEB)


class TestDeployment:
    """Pages of a deployment's resources and of its state."""

    def test_resources(self, deployment):
        """Each resource is on one line that ends with its OCID."""
        lines = str(deployment).splitlines()
        for key, ocid in deployment.resources.items():
            assert any(key in line and line.endswith(ocid) for line in lines)

    def test_printing_makes_no_request(self, deployment):
        """A deployment that came from another process, and has no connection, can be printed."""
        unconnected = pickle.loads(pickle.dumps(deployment))  # noqa: S301 - our own bytes
        with pytest.raises(ConfigError, match="connection"):
            unconnected.refresh()
        assert str(unconnected) == str(deployment)
        assert unconnected._repr_html_() == deployment._repr_html_()

    def test_status_of_what_works(self, deployment):
        """A working instance is shown with its address and its containers."""
        page = status_page(deployment)
        (section,) = page.sections
        (row,) = section.rows
        assert (row.sign, row.subject, row.text) == ("✓", "web-0", "ACTIVE at 10.0.0.2")
        assert [one.label for one in row.details][2:] == ["web", "log-forwarder", "node-exporter", "prometheus"]
        assert page.summary == "web: 1 of 1 instance working, 11 other resources."

    def test_evidence_of_metrics_and_lines_is_shown(self):
        """Checks of telemetry show their evidence even if they pass, and other checks do not."""
        checks = [
            Check(name=name, key="web-0", status=Status.PASSED, detail=f"seen by {name}")
            for name in ("running", "targets-up")
        ]
        running, targets = report_page(Report("web", tuple(checks))).sections[0].rows
        assert running.details == ()
        assert targets.details == (Detail("web-0", "seen by targets-up"),)

    def test_evidence_of_a_fleet_is_cut(self):
        """Failed results are shown first and completely, then five passed ones and the number of the others."""
        checks = [Check(name="targets-up", key=f"web-{n}", status=Status.PASSED, detail="up") for n in range(50)]
        bad = Check(name="targets-up", key="web-50", status=Status.FAILED, detail="down")
        (row,) = report_page(Report("web", (*checks, bad))).sections[0].rows
        assert [one.label for one in row.details] == ["web-50", *(f"web-{n}" for n in range(5)), "…"]
        assert row.details[-1].text == "and 45 more that passed"

    def test_every_check_has_a_wording(self, deployment):
        """Every check of a real report has sentences for its results."""
        assert {check.name for check in deployment.verify(WEB).checks} <= WORDINGS.keys()

    def test_status_of_a_deployment_without_instances(self):
        """A deployment without instances is in a good state."""
        with Provisioner.local(clock=VirtualClock()) as provisioner:
            page = status_page(provisioner.apply(DeploymentSpec("platform")))
        assert (page.sections, page.tone) == ((), Tone.GOOD)


def container(**words) -> Container:
    given = {
        "name": "web",
        "id": "ocid1.computecontainer",
        "instance": "web-0",
        "instance_id": "ocid1.computecontainerinstance",
        "image_url": "web:1",
        "lifecycle_state": "ACTIVE",
        "lifecycle_details": "",
        "is_running": True,
        "health": None,
        "health_checks": (),
        "restart_count": 0,
        "exit_code": None,
        "vcpus_limit": None,
        "memory_limit_in_gbs": None,
        "volume_names": (),
    }
    return Container(**(given | words))


def instance(*containers, attachment=Attachment(), **words) -> Instance:  # noqa: B008 - a frozen value
    given = {
        "name": "web-0",
        "key": "container-instance/web-0",
        "id": "ocid1.computecontainerinstance",
        "display_name": "web-0",
        "lifecycle_state": "ACTIVE",
        "lifecycle_details": "",
        "availability_domain": "AD-1",
        "fault_domain": "FAULT-DOMAIN-1",
        "shape": "CI.Standard.E4.Flex",
        "ocpus": 1.0,
        "memory_in_gbs": 4.0,
        "restart_policy": "ALWAYS",
        "time_created": "",
        "containers": containers,
        "attachments": Attachments(lambda: {"ocid1.computecontainerinstance": attachment}),
    }
    return Instance(**(given | words))


class Standing:
    """The part of a deployment that its status page reads."""

    name = "web"
    identity = IDENTITY
    resources: dict[str, str] = {}  # noqa: RUF012 - never changed
    unconfirmed_subscriptions: dict[str, str] = {}  # noqa: RUF012 - never changed

    def __init__(self, *instances):
        self.instances = instances


class TestOutputs:
    """The page with which an apply ends."""

    @staticmethod
    def row_of(outputs, one):
        """Return the row of an instance, as text and details."""
        standing = Standing(one)
        standing.outputs = {**outputs, "console": "https://console"}
        row = outputs_page(standing).sections[0].rows[0]
        return row.text, {detail.label: detail.text for detail in row.details}

    def test_a_private_instance_says_how_it_is_reached(self):
        """Its URL leads to a private address, so the page names the ways there."""
        attachment = Attachment(private_ip="10.0.0.2")
        outputs = {"web-0.private_ip": "10.0.0.2", "web-0.url.80": "http://10.0.0.2:80"}
        text, details = self.row_of(outputs, instance(attachment=attachment))
        assert text == "http://10.0.0.2:80"
        assert list(details) == ["private_ip", "private"]
        assert "bastion" in details["private"]

    def test_a_public_instance_is_reached_at_its_address(self):
        """No further words are needed."""
        attachment = Attachment(private_ip="10.0.0.2", public_ip="203.0.113.7")
        outputs = {"web-0.public_ip": "203.0.113.7", "web-0.url.80": "http://203.0.113.7:80"}
        assert list(self.row_of(outputs, instance(attachment=attachment))[1]) == ["public_ip"]

    def test_a_stopped_instance_says_how_it_is_started(self):
        """It has a state in place of a URL."""
        text, details = self.row_of({}, instance(lifecycle_state="INACTIVE"))
        assert (text, list(details)) == ("INACTIVE", ["start it"])

    def test_the_next_commands_and_the_console_follow(self):
        """The notes name the console and the commands that come next."""
        standing = Standing()
        standing.outputs = {"console": "https://console"}
        notes = " ".join(outputs_page(standing).notes)
        assert notes.startswith("Console: https://console")
        assert all(word in notes for word in ("status", "verify", "output", "destroy", "logs web --follow"))


class TestStatus:
    """Status pages with the state of instances and containers."""

    def test_addresses(self):
        """The status shows the public address of an instance, or that it has no address yet."""
        public = instance(attachment=Attachment(private_ip="10.0.0.2", public_ip="203.0.113.7"))
        texts = [status_page(Standing(one)).sections[0].rows[0].text for one in (public, instance())]
        assert texts == ["ACTIVE at 10.0.0.2, public 203.0.113.7", "ACTIVE at no address yet"]

    @pytest.mark.parametrize(
        ("words", "sign", "line"),
        [
            ({"health": "HEALTHY"}, "✓", "running, healthy, web:1"),
            ({"health": "UNKNOWN"}, "✓", "running, health unknown so far, web:1"),
            ({"health": "UNHEALTHY"}, "✗", "running, unhealthy, web:1"),
            ({"restart_count": 2}, "✓", "running, 2 restarts, web:1"),
            (
                {"is_running": False, "lifecycle_state": "INACTIVE", "exit_code": 137},
                "✗",
                "INACTIVE, exit code 137, web:1",
            ),
            ({"is_running": False, "lifecycle_details": "Image is missing"}, "✗", "Image is missing, web:1"),
        ],
    )
    def test_containers(self, words, sign, line):
        """A container's line shows its state, and a broken container marks its instance as broken."""
        row = status_page(Standing(instance(container(**words)))).sections[0].rows[0]
        assert (row.sign, row.details[-1]) == (sign, Detail("web", line))

    def test_who_has_not_confirmed(self):
        """A subscription that nobody has confirmed is a note of the status and of the end of an apply."""
        standing = Standing()
        standing.unconfirmed_subscriptions = {"subscription/oncall/mailto:a@example.com": "click the link"}
        standing.outputs = {"console": "https://console"}
        note = "subscription/oncall/mailto:a@example.com is not confirmed and gets no messages: click the link"
        assert status_page(standing).notes == (note,)
        assert note in outputs_page(standing).notes

    def test_a_failed_instance_says_why(self):
        """The status of a failed instance contains OCI's reason, and its summary has the bad tone."""
        failed = instance(lifecycle_state="FAILED", lifecycle_details="Out of host capacity.")
        page = status_page(Standing(failed))
        assert page.sections[0].rows[0].details[0] == Detail("reason", "Out of host capacity.")
        assert (page.summary[:18], page.tone) == ("web: 0 of 1 instan", Tone.BAD)


class TestReport:
    """Pages of reports, with a line for each kind of check."""

    REPORT = Report(
        "web",
        (
            Check(name="running", key="container-instance/web-0/web", status=Status.PASSED, detail="ACTIVE"),
            Check(name="running", key="container-instance/web-0/cache", status=Status.FAILED, detail="exit code 1"),
            Check(name="alarms", key="alarm/cpu", status=Status.WARNED, detail="disabled"),
            Check(name="ready", key="vcn/main", status=Status.PASSED, detail="AVAILABLE"),
            Check(name="metrics-arrive", key="web", status=Status.SKIPPED, reason="containers are simulated"),
        ),
    )

    def test_text(self, golden):
        """Every line states what was found, and results that did not pass have their evidence or reason."""
        golden("views/report.txt", str(self.REPORT) + "\n")

    def test_html_says_the_same(self):
        """A notebook shows every line that the terminal shows."""
        text = " ".join(Elements(self.REPORT._repr_html_()).text)
        assert all(
            word in text
            for word in ("exit code 1", "alarm/cpu", "containers are simulated", "checks of web failed")
        )

    def test_what_is_said_of_several_is_said_once(self):
        """Similar instances are one row with the first one's name and their number, and share equal details."""
        ended = [
            Check(
                name=name, key=f"container-instance/web-{number}/web", status=Status.SKIPPED, reason="it has ended"
            )
            for name in ("health", "logs")
            for number in range(3)
        ]
        health, logs = report_page(Report("web", tuple(ended))).sections[0].rows
        assert (health.details, logs.details) == ((), (Detail("web-0/web", "it has ended (and 2 more)"),))

    def test_a_check_that_was_skipped_is_not_said_to_have_passed(self):
        """If every result of a check was skipped, the summary says that only checks that could run passed."""
        ready = Check(name="ready", key="vcn/main", status=Status.PASSED, detail="AVAILABLE")
        summaries = [
            report_page(Report("web", checks)).summary for checks in ((ready, self.REPORT.checks[-1]), (ready,))
        ]
        assert summaries == [
            "All checks of web that could run passed: 1 passed, 1 skipped.",
            "All checks of web passed: 1 passed.",
        ]

    def test_tone(self):
        """The tone of a report is bad if a check failed, and good otherwise."""
        good = Report("web", self.REPORT.checks[2:])
        assert (report_page(self.REPORT).tone, report_page(good).tone) == (Tone.BAD, Tone.GOOD)
        assert report_page(Report("web", ())).summary == "Nothing to check in web."


class TestFindings:
    """Pages of diagnoses, with causes, evidence and remedies."""

    def test_findings(self, golden):
        """Evidence and remedy stand below each cause."""
        finding = Finding(cause=next(iter(CAUSES)), key="subnet/main", evidence=("subnet/main is gone",))
        golden("views/findings.txt", str(Diagnosis("web", (finding,))) + "\n")
        assert "subnet/main is gone" in Diagnosis("web", (finding,))._repr_html_()

    def test_nothing_found_is_one_line(self):
        """The page of a diagnosis without findings is one line without headings."""
        line = "web: no problems found; verify checks whether metrics and log lines arrive."
        assert as_text(findings_page(Diagnosis("web", ()))) == line


class TestPages:
    """Pages in terminal and notebook, with hostile text."""

    HOSTILE = '<script>alert("x")</script> & \x1b[31mred\x07\r'
    PAGE = Page(
        title=HOSTILE,
        sections=(
            Section(
                "Rows",
                (
                    Row(
                        sign="+", subject=HOSTILE, text=HOSTILE, tone=Tone.GOOD, details=(Detail(HOSTILE, HOSTILE),)
                    ),
                ),
            ),
        ),
        notes=(HOSTILE,),
        summary=HOSTILE,
        tone=Tone.BAD,
    )

    def test_html_is_escaped(self):
        """Text of a service adds no element or attribute to a notebook."""
        elements = Elements(as_html(self.PAGE))
        assert elements.tags == {"div", "p", "b", "table", "tr", "th", "td"}
        assert elements.attributes == {"class", "style", "colspan"}
        assert elements.open == []
        assert "".join(elements.text).count('<script>alert("x")</script>') == 7

    def test_control_characters_do_not_reach_the_terminal(self):
        """Control characters are replaced before text reaches a terminal."""
        text = as_text(self.PAGE)
        assert not [one for one in text if not one.isprintable() and one != "\n"]
        assert "�[31mred" in text

    def test_html_and_text_say_the_same(self):
        """HTML and text of a plan contain the same words."""
        plan = plan_for(WEB)
        html_words = set(" ".join(Elements(plan_html(plan)).text).split())
        assert html_words == set(unescape(plan_text(plan)).split())

    def test_a_page_without_rows(self):
        """A page with only a summary has no table."""
        page = Page(summary="done")
        assert as_text(page) == "done"
        assert Elements(as_html(page)).tags == {"div", "p"}

    def test_a_page_without_summary(self):
        """A page without summary ends with its notes, without an empty last line."""
        page = Page(title="web", notes=("one note",))
        assert as_text(page).splitlines()[-1].endswith("one note")
        assert as_html(page).endswith("one note</p></div>")

    def test_plain_text_has_no_trailing_blanks(self):
        """No line of plain text ends with blanks or exceeds the width."""
        lines = str(plan_for(WEB)).splitlines()
        assert all(line == line.rstrip() and len(line) <= TEXT_WIDTH for line in lines)

    @pytest.mark.parametrize("is_terminal", [True, False])
    def test_colours_are_for_terminals(self, is_terminal):
        """Output to a terminal has colours, and output to a file is plain text."""
        console = Console(file=io.StringIO(), force_terminal=is_terminal, width=200, color_system="standard")
        show(self.PAGE, console)
        written = console.file.getvalue()
        assert ("\x1b[" in written) is is_terminal
        if not is_terminal:
            assert written == as_text(self.PAGE) + "\n"

    def test_every_kind_has_a_purpose(self):
        """Each kind has a purpose, and no two kinds have the same."""
        assert "" not in {purpose_of(kind) for kind in KINDS}
        assert len({purpose_of(kind) for kind in KINDS}) == len(KINDS)

    def test_an_unknown_kind_is_shown_all_the_same(self):
        """Resources of an unknown kind are shown under the heading Other."""
        with_later = {"vcn/main": "ocid1.vcn", "dashboard/main": "ocid1.dashboard"}
        page = deployment_page(Deployment(IDENTITY, with_later))
        assert [one.heading for one in page.sections] == ["Network", "Other"]
