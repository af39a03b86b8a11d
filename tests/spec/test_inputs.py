"""Spec files as people and programs write them: YAML 1.2, variables, encodings, and texts that are no spec."""

from __future__ import annotations

import codecs
import json
import random
from contextlib import suppress
from pathlib import Path

import pytest

from ocisidecar.errors import SpecError
from ocisidecar.spec import DeploymentSpec, InstanceSpec
from ocisidecar.spec.deployment import as_deployment
from ocisidecar.spec.files import dump_spec, load_spec
from ocisidecar.spec.validate.spec import validate
from ocisidecar.spec.validate.warnings import spec_warnings

WEB = "name: web\nimage_url: a/b:1\n"
MAX_DEPTH = 64


def refusal(text: str | Path, **variables: str) -> list[str]:
    with pytest.raises(SpecError) as raised:
        load_spec(text, environment=variables)
    return [line.removeprefix("  - ") for line in str(raised.value).splitlines()[1:]]


def problems(text: str) -> list[str]:
    return [problem.message for problem in validate(load_spec(text, environment={}))]


def value(written: str) -> object:
    """Return what a freeform tag becomes that is written so."""
    return load_spec(f"name: web\nfreeform_tags: {{a: {written}}}", environment={}).freeform_tags["a"]


class TestPlainWords:
    """Words without quotes mean what YAML 1.2's core schema says."""

    @pytest.mark.parametrize(
        "word",
        ["22:22", "1:30:00", "190:20:30.15", "1_000", "0b11", "2024-01-01", "2024-01-01 10:00:00", "=", "0x", "1e"],
    )
    def test_are_text_where_yaml_1_1_has_numbers_and_dates(self, word: str):
        """Base 60, underscores, binary numbers and dates are the text that stands there."""
        assert value(word) == word

    @pytest.mark.parametrize(
        ("word", "number"), [("0123", 123), ("0o17", 15), ("0x1F", 31), ("-7", -7), ("1e3", 1000.0), (".5", 0.5)]
    )
    def test_are_numbers_where_they_look_so(self, word: str, number: float):
        """A leading zero does not make a number octal; 0o and 0x do what they say."""
        assert value(word) == number

    def test_a_port_in_base_60_is_refused(self):
        """`22:22` opens no port 1342."""
        assert problems(f"{WEB}ports: [22:22]") == ["must be a whole number, got '22:22'"]

    @pytest.mark.parametrize("word", ["yes", "No", "ON", "off"])
    def test_that_yaml_1_1_takes_for_booleans_need_quotes(self, word: str):
        """`no` is text in YAML 1.2 and false in YAML 1.1, so it is refused as a value until it has quotes."""
        assert problems(f"{WEB}freeform_tags: {{a: {word}}}") == [f"must be text, got {word!r}; put it in quotes"]
        assert problems(f"{WEB}freeform_tags: {{a: '{word}', {word}: b}}") == []

    @pytest.mark.parametrize(
        "text",
        ["0o17", "1e3", "yes", "22:22", "0123", "2024-01-01", "~", "", "true", "<<", "=", "1_0", "null", "${A}"],
    )
    def test_are_written_so_that_every_reader_takes_them_for_text(self, text: str):
        """Text that looks like something else comes back from a dump as the text that it was."""
        tags = json.dumps({"name": "web", "freeform_tags": {"a": text.replace("$", "$$")}})
        spec = load_spec(tags, environment={})
        assert spec.freeform_tags["a"] == text
        assert load_spec(dump_spec(spec), environment={}) == spec


class TestMergeKeys:
    """`<<` puts the keys of other mappings into one."""

    @pytest.mark.parametrize(
        ("text", "tags"),
        [
            ("x-a: &a {k: '1', l: '1'}\nfreeform_tags: {<<: *a, l: '2'}", {"k": "1", "l": "2"}),
            ("x-a: [&a {k: '1'}, &b {k: '2', l: '2'}]\nfreeform_tags: {<<: [*a, *b]}", {"k": "1", "l": "2"}),
            ("x-b: {y: {z: &b {<<: &a {k: '1'}, k: '2'}}}\nfreeform_tags: {<<: *b}", {"k": "2"}),
            ("freeform_tags: {<<: &a {k: '1'}, l: '2'}\nx-a: *a", {"k": "1", "l": "2"}),
        ],
    )
    def test_the_nearest_key_wins(self, text: str, tags: dict[str, str]):
        """A mapping's own keys win over merged ones, and an earlier source over a later one, also if nested."""
        assert load_spec(f"name: web\n{text}", environment={}).freeform_tags == tags

    def test_take_only_mappings(self):
        """A merge of anything else is refused with its place."""
        assert refusal("name: web\nfreeform_tags: {<<: [1]}") == [
            "line 2, column 22: a merge key takes a mapping, or a list of mappings"
        ]


class TestExtensions:
    """Keys that begin with `x-` may hold anything, in every part."""

    def test_are_ignored_in_every_part(self):
        """They are no unknown keys, and what they hold is neither read nor expanded."""
        text = (
            "x-note: $1 ${\nname: web\nnetwork: {private: {dns_label: web, x-why: 1}, x-who: me}\ninstances:\n"
            "  - {name: web, image_url: a/b:1, x-a: [1], ports: [{port: 80, x-b: {}}],\n"
            "     sidecars: [{preset: prometheus, x-c: 1}], mounts: {/l: {empty_dir: logs, x-d: 1}}}\n"
        )
        spec = load_spec(text, environment={})
        assert validate(spec, accepts_symbolic_images=True) == ()
        assert "x-" not in dump_spec(spec)

    def test_are_names_like_others_where_names_are_free(self):
        """The header `x-api-key` of a health check is a header."""
        spec = load_spec(f"{WEB}health_checks: [{{http: {{port: 80, headers: {{x-key: a}}}}}}]", environment={})
        assert spec.instances[0].app.health_checks[0].headers == {"x-key": "a"}


class TestVariables:
    """Values hold variables in the notation of Docker Compose."""

    ENVIRONMENT = {"A": "1", "EMPTY": "", "DOLLAR": "p$w${A}"}  # noqa: RUF012

    @pytest.mark.parametrize(
        ("written", "text"),
        [
            ("$A", "1"),
            ("${A}", "1"),
            ("x${A}y$A", "x1y1"),
            ("$$A", "$A"),
            ("$${A}", "${A}"),
            ("$$$$", "$$"),
            ("${NONE:-d}", "d"),
            ("${NONE-d}", "d"),
            ("${EMPTY:-d}", "d"),
            ("${EMPTY-d}", ""),
            ("${A:-d}", "1"),
            ("${NONE:-${EMPTY:-${A}}}", "1"),
            ("${A:-${NONE:?unused}}", "1"),
            ("${EMPTY?set}", ""),
            ("${A:?set}", "1"),
            ("${A:+t}", "t"),
            ("${EMPTY:+t}", ""),
            ("${EMPTY+t}", "t"),
            ("${NONE+t}", ""),
            ("$DOLLAR", "p$w${A}"),
            ("${NONE:-a:b c}", "a:b c"),
        ],
    )
    @pytest.mark.parametrize("quote", ["'", '"'])
    def test_are_replaced_in_texts(self, written: str, text: str, quote: str):
        """Each form gives what the Compose specification says; what a variable holds is not expanded again."""
        document = f"name: web\nfreeform_tags: {{a: {quote}{written}{quote}}}"
        assert load_spec(document, environment=self.ENVIRONMENT).freeform_tags["a"] == text

    @pytest.mark.parametrize(
        ("written", "problem"),
        [
            ("${NONE:?say which}", "needs the environment variable NONE: say which"),
            ("${NONE?}", "needs the environment variable NONE: it is not set"),
            ("${EMPTY:?}", "needs the environment variable EMPTY: it is not set"),
            (
                "hunter$2",
                "holds a $ that begins no variable: write ${NAME} or ${NAME:-default}, and $$ for a $ itself",
            ),
            ("${A", "holds a $ that begins no variable: write ${NAME} or ${NAME:-default}, and $$ for a $ itself"),
            ("${A:-x", "holds a ${ without its }: write ${NAME} or ${NAME:-default}, and $$ for a $ itself"),
            ("${A:-" * 40 + "}" * 40, "nests more than 16 defaults"),
        ],
    )
    def test_that_are_missing_or_malformed_are_faults_with_their_place(self, written: str, problem: str):
        """A fault names the field and the line, and shows nothing of a value that may be a password."""
        text = f"name: web\nfreeform_tags:\n  a: '{written}'"
        assert refusal(text, **self.ENVIRONMENT) == [f"line 3, column 3: freeform_tags.a: {problem}"]

    def test_of_a_part_with_a_name_have_its_path_and_place(self):
        """The path of a fault names the part and quotes keys with dots, so that the place is that of the value."""
        text = "name: shop\ninstances:\n- name: web\n  image_url: a:1\n  environment_variables: {B.c: $NONE$}\n"
        (problem,) = refusal(text.replace("$NONE$", "'${NONE?}'"))
        assert problem.startswith('line 5, column 27: instances["web"].environment_variables["B.c"]: needs the ')

    @pytest.mark.parametrize(
        "part",
        [
            "network:\n  existing: {subnet_id: ocid1.subnet.oc1..a, nsg_ids: '$NONE$'}",
            "logging:\n  deployment: {log_names: '$NONE$'}",
            "logging:\n  deployment: {log_names: [a, '$NONE$']}",
            "alarms:\n- silent_agent: {destinations: '$NONE$'}",
            "alarms:\n- cpu_utilization: '$NONE$'",
            "topic: {name: a, subscriptions: '$NONE$'}",
            "network: '$NONE$'",
        ],
    )
    def test_that_are_missing_are_the_only_fault_of_any_part(self, part: str):
        """A part that cannot be made without a variable is not made, and only the variable is told."""
        (problem,) = refusal(f"name: shop\ninstances: []\n{part}".replace("$NONE$", "${NONE:?}"))
        assert problem.endswith(": needs the environment variable NONE: it is not set")

    def test_become_numbers_and_booleans_where_those_are_expected(self):
        """A field that takes a number gets one, and a text field the text, with and without quotes."""
        text = (
            f"{WEB}replicas: ${{N}}\nocpus: '${{N}}'\nports: [$P, {{port: $P, protocol: udp}}]\n"
            "environment_variables: {PORT: $P}\nvnic: {assign_public_ip: ${NO:-false}}"
        )
        text = text.replace("\nvnic: {assign_public_ip: ${NO:-false}}", "")
        spec = load_spec(text, environment={"N": "2", "P": "8080"})
        (web,) = spec.instances
        assert (web.replicas, web.ocpus, [port.port for port in web.ports]) == (2, 2, [8080, 8080])
        assert web.environment_variables == {"PORT": "8080"}
        assert validate(spec) == ()

    def test_that_are_no_numbers_are_told_as_text(self):
        """A variable with another text is a problem of its field."""
        spec = load_spec(f"{WEB}replicas: ${{N}}", environment={"N": "two"})
        assert [problem.message for problem in validate(spec)] == ["must be a whole number, got 'two'"]

    def test_that_are_not_set_are_empty_with_a_warning(self):
        """An unset variable is an empty text; the plan warns, and a problem that it causes names it."""
        spec = load_spec(f"{WEB}environment_variables: {{A: $NONE}}", environment={})
        assert spec.instances[0].environment_variables == {"A": ""}
        (warning,) = spec_warnings(spec)
        assert warning == (
            "environment_variables.A: the environment variable NONE is not set and stands for an empty text: set "
            "it, or write ${NONE:-} if that is meant"
        )
        (problem,) = validate(load_spec("name: web\nimage_url: a/b:$NONE", environment={}))
        assert problem.message.endswith("(NONE is not set)")

    def test_come_from_the_process_by_default(self, monkeypatch: pytest.MonkeyPatch):
        """Without the argument the variables are those of the process."""
        monkeypatch.setenv("OCISIDECAR_TEST_VARIABLE", "here")
        assert load_spec("name: ${OCISIDECAR_TEST_VARIABLE}\ninstances: []").name == "here"


class TestAllProblemsAtOnce:
    """One run names every problem of a file, each with line, column and path."""

    def test_of_loading_and_of_validation(self, tmp_path: Path):
        """Unknown keys hide no wrong value, in the part that has them, in others, and in those below."""
        path = tmp_path / "shop.yaml"
        path.write_text(
            "name: shop\n"
            "instnces: []\n"
            "network: privat\n"
            "instances:\n"
            "  - name: web\n"
            "    image_url: nginx:1.27\n"
            "    memory_in_gb: 4\n"
            "    replicas: 0\n"
            "    ports:\n"
            "      - 70000\n"
            "    sidecars:\n"
            "      - {name: one, image: b:1, memory_limit_in_gbs: -1}\n"
            "      - preset: promtheus\n"
            "  - {image_url: x:1, ocpus: two}\n"
        )
        with pytest.raises(SpecError) as raised:
            load_spec(path, environment={})
        places = [(problem.place, problem.path) for problem in raised.value.problems]
        assert sorted(places) == [
            ("line 10, column 9", 'instances["web"].ports[0].port'),
            ("line 12, column 21", 'instances["web"].sidecars["one"].image'),
            ("line 12, column 33", 'instances["web"].sidecars["one"].memory_limit_in_gbs'),
            ("line 12, column 9", 'instances["web"].sidecars["one"].image_url'),
            ("line 13, column 9", 'instances["web"].sidecars[1].preset'),
            ("line 14, column 22", "instances[1].ocpus"),
            ("line 14, column 5", "instances[1].name"),
            ("line 2, column 1", "instnces"),
            ("line 3, column 1", "network"),
            ("line 7, column 5", 'instances["web"].memory_in_gb'),
            ("line 8, column 5", 'instances["web"].replicas'),
        ]
        assert f"11 errors in {path}:" in str(raised.value)
        assert "  - line 8, column 5: instances" in str(raised.value)

    @pytest.mark.parametrize(
        ("text", "place"),
        [
            (f"{WEB}replicas: 0", "line 3, column 1"),
            ('{\n\t"name": "web",\n\t"image_url": "a:1",\n\t"replicas": 0\n}', "line 4, column 2"),
            ("name: web\nnetwork:\n  existing:\n    subnet_id: x\ninstances: []", "line 4, column 5"),
            (
                "x-a: &a\n  replicas: 0\nname: web\ninstances: [{name: w, image_url: a:1, <<: *a}]",
                "line 2, column 3",
            ),
            (f'{WEB}freeform_tags:\n  "a.b[0]": 1', "line 4, column 3"),
        ],
    )
    def test_of_a_value_have_its_place(self, text: str, place: str):
        """A problem has the place of its value, also in JSON, below forms, through merges, and with odd names."""
        found = validate(load_spec(text, environment={}))
        assert {problem.place for problem in found} == {place}

    def test_a_spec_made_in_python_has_no_places(self):
        """Only specs that were read from a file have lines."""
        spec = load_spec(f"{WEB}replicas: 0", environment={})
        assert {problem.place for problem in validate(spec.with_instance(spec.instances[0]))} == {
            "line 3, column 1"
        }


class TestTextsThatAreNoSpec:
    """A text from anywhere is a spec or one sentence, and never a traceback."""

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("name: web\ninstances: &a [*a]", "line 2, column 16: the alias *a stands within what it repeats"),
            ("name: &a {b: *a}", "line 1, column 14: the alias *a stands within what it repeats"),
            ("name: &a {<<: *a}", "line 1, column 15: the alias *a stands within what it repeats"),
            ("name: " + "[" * 3000, "line 1, column 70: is nested deeper than 64 levels"),
            ('{"name": ' + "[" * 100000 + "]" * 100000 + "}", "is nested deeper than 64 levels"),
            ('{"name": ' + "[" * 70 + "]" * 70 + "}", "is nested deeper than 64 levels"),
            (
                f"name: web\nports: [{'9' * 5000}]",
                "line 2, column 9: the number 999999999999… is beyond 64 bits: put it in quotes if it is text",
            ),
            (
                f'{{"name": {"9" * 5000}}}',
                "line 1, column 10: the number 999999999999… is beyond 64 bits: put it in quotes if it is text",
            ),
            (
                '{"name": "web",\n "a": "\\ud800"}',
                "line 2, column 2: half of a surrogate pair, \\ud800 to \\udfff alone, is not a character",
            ),
            (
                'name: "\\udfff"',
                "line 1, column 1: half of a surrogate pair, \\ud800 to \\udfff alone, is not a character",
            ),
            ("name: \x1b[2J", "line 1, column 7: the character U+001B is not allowed"),
            ('{"name": NaN}', "NaN is not JSON"),
            ("name: !!timestamp a", "line 1, column 7: the tag !!timestamp is not of YAML 1.2's core schema"),
            ("name: !!binary YWI=", "line 1, column 7: the tag !!binary is not of YAML 1.2's core schema"),
            ("name: !!set {a, b}", "line 1, column 7: the tag !!set is not of YAML 1.2's core schema"),
        ],
    )
    def test_are_refused_in_a_sentence(self, text: str, problem: str):
        """Cycles, depth, long numbers, half characters and control characters are refused with their place."""
        assert refusal(text) == [problem]

    def test_aliases_that_repeat_each_other_are_bounded(self):
        """Ten lines that expand to a billion values are refused."""
        lines = ["name: web", "x-0: &x0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
        lines += [f"x-{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 10)]
        assert refusal("\n".join(lines)) == ["holds more than 200000 values, with those that aliases repeat"]

    @pytest.mark.parametrize(
        "text", ["name: web\ninstances: [[a]]", "name: [a]\ninstances: {a: b}", "instances: [1, null]"]
    )
    def test_wrong_shapes_are_problems(self, text: str):
        """Lists, mappings and scalars in the wrong place are problems of their fields."""
        try:
            found = validate(load_spec(text, environment={}))
        except SpecError as error:
            found = error.problems
        assert found

    @pytest.mark.parametrize("given", ["text", "7", "true", "[a]"])
    def test_a_form_without_arguments_takes_none(self, given: str):
        """A value below the name of a form that has no arguments is a problem of that form."""
        (problem,) = refusal(f"name: web\nlogging: {{none: {given}}}")
        assert "logging.none: takes no arguments, got" in problem

    def test_a_name_that_no_file_has_is_a_problem(self):
        """A file's name with a NUL is a file that cannot be read."""
        text = f'{WEB}volumes: [{{config_file: {{name: a, files: {{b: {{file: "c\\0"}}}}}}}}]'
        assert any("cannot read" in problem for problem in problems(text))

    def test_what_is_not_unicode_is_a_problem_of_its_field(self):
        """Half of a surrogate pair, as variables of the environment may hold, is refused wherever it stands."""
        text = (
            f"{WEB}environment_variables: {{A: '${{HALF}}'}}\n"
            "volumes: [{config_file: {name: a, files: {b: '${HALF}'}}}]"
        )
        message = "holds half of a surrogate pair, \\ud800 to \\udfff alone, which is not a character"
        assert refusal(text, HALF="a\udcff") == [
            f'line 4, column 43: volumes[0].config_file.files["b"]: {message}',
            f'line 3, column 25: instances["web"].environment_variables["A"]: {message}',
        ]

    @pytest.mark.parametrize("names", [{"a\ud800": "b"}, {"a": "\ud800"}])
    def test_names_that_are_not_unicode_are_problems(self, names: dict[str, str]):
        """Also a spec that was made in Python may hold no half of a surrogate pair, in names or values."""
        found = validate(as_deployment(InstanceSpec("web", image_url="a/b:1", freeform_tags=names)))
        assert len(found) == 1
        assert "surrogate" in found[0].message

    @pytest.mark.parametrize("field", ["ocpus", "replicas", "ephemeral_storage_in_gbs"])
    def test_a_number_beyond_64_bits_is_a_problem(self, field: str):
        """A whole number that no request can hold is one problem of its field, whatever the field is for."""
        spec = DeploymentSpec("web", [InstanceSpec("web", image_url="a/b:1", **{field: 10**400})])
        found = [(problem.path, problem.message) for problem in validate(spec)]
        assert found == [(f'instances["web"].{field}', "is a number beyond 64 bits")]

    def test_a_file_without_end_is_not_read(self):
        """A device or a huge file is refused after 8 MB."""
        assert refusal(Path("/dev/zero")) == ["the file cannot be read: it is larger than 8 MB"]

    def test_no_mutation_of_a_spec_raises_anything_else(self):
        """Texts near to specs, seeded, load or are refused with `SpecError`."""
        seed = random.Random(11)
        base = (
            "name: web\nnetwork: {existing: {subnet_id: x}}\n"
            "alarms: [{cpu_utilization: {threshold: 90}}]\ninstances:\n"
            "  - {name: web, image_url: 'a:1', ports: [80], environment_variables: {A: ${B:-1}},\n"
            "     mounts: {/a: {empty_dir: b}}, sidecars: [prometheus, {preset: grafana}],\n"
            "     volumes: [{config_file: {name: c, files: {x: {secret: y}}}}], health_checks: [{tcp: 80}]}\n"
        )
        pieces = [
            "[",
            "]",
            "{",
            "}",
            ": ",
            ", ",
            "&a ",
            "*a",
            "<<: ",
            "~",
            "1e9",
            "-",
            "'",
            '"',
            "$",
            "${",
            "\n",
            "!!int ",
            "? ",
        ]
        for _ in range(400):
            text = base
            for _ in range(seed.randint(1, 4)):
                at = seed.randrange(len(text))
                text = text[:at] + seed.choice(pieces) + text[at + seed.randint(0, 6) :]
            with suppress(SpecError):
                validate(load_spec(f"{text}\n", environment={}))


class TestEncodings:
    """Files of all systems are read."""

    @pytest.mark.parametrize(
        "encoded",
        [
            f"{WEB}freeform_tags: {{a: ü}}\n".encode("utf-8-sig"),
            f"{WEB}freeform_tags: {{a: ü}}\n".replace("\n", "\r\n").encode(),
            f"{WEB}freeform_tags: {{a: ü}}\n".encode("utf-16"),
            codecs.BOM_UTF16_BE + f"{WEB}freeform_tags: {{a: ü}}\n".encode("utf-16-be"),
            f"{WEB}freeform_tags: {{a: ü}}\n".encode("utf-32"),
        ],
    )
    def test_are_recognised_by_their_mark(self, tmp_path: Path, encoded: bytes):
        """UTF-8 with and without a mark, UTF-16 and UTF-32 with one, and CR LF give the same spec."""
        (tmp_path / "web.yaml").write_bytes(encoded)
        spec = load_spec(tmp_path / "web.yaml", environment={})
        assert spec == load_spec(f"{WEB}freeform_tags: {{a: ü}}", environment={})
        assert spec == load_spec(f"\ufeff{WEB}freeform_tags: {{a: ü}}", environment={})

    def test_a_json_file_may_have_a_mark(self, tmp_path: Path):
        """JSON with a byte order mark is read."""
        (tmp_path / "web.json").write_bytes(b'\xef\xbb\xbf{"name": "web",\r\n"image_url": "a:1"}')
        assert load_spec(tmp_path / "web.json", environment={}).name == "web"
