"""Sources of connection settings: arguments, variables and files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocisidecar.credentials.settings import Hidden, Setting, did_you_mean, expand, find, gather
from ocisidecar.errors import ConfigError

# Sources of the region in order of precedence.
FILE_SOURCES = ("OCISIDECAR_REGION", "OCI_CLI_REGION", "file", "OCI_REGION")


def settings(config=None, *, environment, profile=None, is_file_needed=True, **arguments):
    return gather(
        config, profile=profile, arguments=arguments, environment=environment, is_file_needed=is_file_needed
    )


@given(present=st.sets(st.sampled_from(FILE_SOURCES), min_size=1))
def test_the_strongest_source_wins_whatever_else_says_something(tmp_path_factory, present):
    """The region comes from OCISIDECAR_*, OCI_CLI_*, the file's profile or OCI_REGION, in this order."""
    path = tmp_path_factory.mktemp("law") / "config"
    path.write_text("[DEFAULT]\nuser=x\n" + ("region=file\n" if "file" in present else ""))
    found = settings(path, environment={name: name for name in present if name != "file"})
    strongest = next(source for source in FILE_SOURCES if source in present)
    assert found.by_name["region"].value == strongest


def test_an_argument_beats_every_variable():
    """An argument takes precedence over every variable."""
    found = settings({}, environment={"OCISIDECAR_REGION": "b"}, region="a")
    assert found.get("region") == Setting("a", "the argument region")


def test_an_empty_variable_says_nothing():
    """An empty variable counts as not set."""
    environment = {"OCISIDECAR_ENDPOINT": "", "OCI_CLI_ENDPOINT": "http://127.0.0.1:1"}
    assert find("endpoint", argument=None, environment=environment) == Setting(
        "http://127.0.0.1:1", "OCI_CLI_ENDPOINT"
    )


@pytest.mark.parametrize(
    ("argument", "environment", "expected"),
    [
        ("ocid1.a", {"OCISIDECAR_COMPARTMENT_ID": "ocid1.b"}, Setting("ocid1.a", "the argument compartment_id")),
        (None, {"OCISIDECAR_COMPARTMENT_ID": "ocid1.b"}, Setting("ocid1.b", "OCISIDECAR_COMPARTMENT_ID")),
        (None, {"OCI_CLI_COMPARTMENT_ID": "ocid1.c"}, None),
    ],
)
def test_find_takes_the_argument_or_the_variable(argument, environment, expected):
    """A setting that files do not contain is the argument or our variable."""
    assert find("compartment_id", argument=argument, environment=environment) == expected


def test_a_mapping_is_complete():
    """No variable of the identity complements a mapping, but the region may come from a variable."""
    environment = {"OCI_CLI_USER": "other", "OCI_CLI_KEY_FILE": "/other", "OCI_CLI_REGION": "r", "OCI_REGION": "s"}
    found = settings({"tenancy": "t"}, environment=environment)
    assert {name: setting.value for name, setting in found.by_name.items()} == {"tenancy": "t", "region": "r"}
    with pytest.raises(ConfigError, match=r"^config has no user, key_file: add them\.$"):
        found.require("user", "tenancy", "key_file")


def test_a_mappings_region_beats_the_environment():
    """A mapping's region overrides the environment's."""
    found = settings({"region": "a"}, environment={"OCISIDECAR_REGION": "b"})
    assert found.by_name["region"].value == "a"


def test_entries_that_are_none_or_empty_count_as_missing():
    """Entries that are None or empty, as in the SDK's DEFAULT_CONFIG, count as missing."""
    assert not settings({"pass_phrase": None, "user": ""}, environment={}).by_name


def test_a_path_is_text():
    """key_file may be a Path."""
    found = settings({"key_file": Path("/k.pem")}, environment={})
    assert found.by_name["key_file"].value == "/k.pem"


def test_an_entry_that_is_no_text_is_refused_without_its_value():
    """A key in bytes is refused by its entry's name, and not shown."""
    with pytest.raises(ConfigError, match=r"^key_content \(config\) must be text: give a str\.$"):
        settings({"key_content": b"-----BEGIN"}, environment={})


def test_oci_clis_variables_override_the_file(write_config, environment):
    """OCI_CLI_USER replaces the profile's user, as in oci-cli."""
    write_config(DEFAULT={"user": "file", "tenancy": "file"})
    found = settings(environment=environment | {"OCI_CLI_USER": "variable"})
    assert {name: setting.value for name, setting in found.by_name.items()} == {
        "user": "variable",
        "tenancy": "file",
    }


def test_variables_alone_need_no_file(environment):
    """With variables for the identity a missing ~/.oci/config is not an error, and errors name variables."""
    found = settings(environment=environment | {"OCI_CLI_USER": "u"})
    assert found.place == "the environment"
    with pytest.raises(ConfigError, match=r"the environment has no key_file: add it .* or set OCI_CLI_KEY_FILE\."):
        found.require("key_file")


def test_no_file_is_read_when_none_is_needed(write_config, environment):
    """A broken ~/.oci/config does not affect a principal."""
    write_config().write_text("junk")
    assert not settings(environment=environment, is_file_needed=False).by_name


@pytest.mark.parametrize("variable", ["OCISIDECAR_CONFIG_FILE", "OCI_CLI_CONFIG_FILE", "OCI_CONFIG_FILE"])
def test_the_file_can_be_named_by_a_variable(write_config, environment, home, variable):
    """Each of the three variables replaces ~/.oci/config, even where that exists."""
    write_config(DEFAULT={"user": "default"})
    write_config(home / "other", DEFAULT={"user": "other"})
    found = settings(environment=environment | {variable: "~/other"})
    assert found.get("user") == Setting("other", f"profile DEFAULT of {home / 'other'}")


def test_a_profile_inherits_from_default(write_config, environment):
    """Entries that a profile lacks come from DEFAULT, as the SDK reads files."""
    write_config(DEFAULT={"user": "u", "tenancy": "t"}, WORK={"user": "w"})
    found = settings(environment=environment | {"OCI_CLI_PROFILE": "OTHER"}, profile="WORK")
    assert [found.by_name[name].value for name in ("user", "tenancy")] == ["w", "t"]


def test_the_profile_can_be_named_by_a_variable(write_config, environment):
    """OCISIDECAR_PROFILE takes precedence over OCI_CLI_PROFILE."""
    write_config(A={"user": "a"}, B={"user": "b"})
    found = settings(environment=environment | {"OCISIDECAR_PROFILE": "A", "OCI_CLI_PROFILE": "B"})
    assert found.by_name["user"].value == "a"


def test_a_byte_order_mark_is_no_part_of_the_file(write_config, environment):
    """A file that begins with a byte order mark is read."""
    path = write_config()
    path.write_bytes("[DEFAULT]\nuser=u\n".encode("utf-8-sig"))
    assert settings(environment=environment).by_name["user"].value == "u"


def test_a_mapping_has_no_profiles():
    """A profile beside a mapping is refused rather than ignored."""
    with pytest.raises(ConfigError, match="config is a mapping: leave one of them out"):
        settings({}, environment={}, profile="WORK")


def test_a_missing_file_says_how_to_make_one(environment, home):
    """The error names the path and `oci setup config`."""
    with pytest.raises(
        ConfigError, match=rf"{home}/.oci/config does not exist: make it with oci-cli's `oci setup config`"
    ):
        settings(environment=environment)


def test_an_unreadable_file_says_why(environment, home):
    """The error contains the system's reason."""
    with pytest.raises(ConfigError, match=r"cannot be read \(Is a directory\)"):
        settings(home, environment=environment)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("pass_phrase=secret", 1),
        ("[DEFAULT]\nuser=u\npass_phrase secret", 3),
        ("[A]\nuser=u\n[A]\npass_phrase=secret", 3),
        ("[A]\npass_phrase=a\npass_phrase=secret", 3),
    ],
)
def test_a_file_that_is_no_ini_is_named_with_the_line_but_not_its_text(environment, home, text, line):
    """The parser's message quotes the line, which may be a secret; ours gives its number, and chains nothing."""
    path = home / "config"
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf"{path} is not an INI file \(line {line}\)") as info:
        settings(path, environment=environment)
    assert "secret" not in str(info.value)
    assert info.value.__cause__ is info.value.__context__ is None


def test_an_unknown_profile_is_answered_with_the_nearest_one(write_config, environment):
    """The error lists the profiles of the file and suggests the nearest one."""
    write_config(DEFAULT={"user": "u"}, WORK={"user": "w"})
    with pytest.raises(ConfigError, match=r"no profile WROK \(did you mean WORK\?\): it has DEFAULT, WORK;"):
        settings(environment=environment, profile="WROK")


def test_default_must_have_entries(write_config, environment):
    """A file without any entry of DEFAULT has no profile DEFAULT, although the parser always makes one."""
    path = write_config()
    path.write_text("")
    with pytest.raises(ConfigError, match="has no profile DEFAULT: it has none;"):
        settings(environment=environment)


def test_a_file_must_not_hold_the_key_itself(write_config, environment):
    """key_content in a file is refused, as the SDK does."""
    write_config(DEFAULT={"key_content": "x"})
    with pytest.raises(ConfigError, match="has key_content, which a file must not contain"):
        settings(environment=environment)


def test_the_home_directory_is_the_environments(home, tmp_path_factory):
    """~/ means HOME of the environment that is passed in; without one, the process's."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert expand("~/x", {"HOME": str(elsewhere)}) == elsewhere / "x"
    assert expand("~/x", {}) == home / "x"
    assert expand("x/~/y", {}) == Path("x/~/y")


def test_nothing_shows_a_value(write_config, environment):
    """The repr of settings, of the environment and of a mapping holds no value."""
    write_config(DEFAULT={"pass_phrase": "tell-no-one"})
    found = settings(environment=Hidden(environment | {"OCI_CLI_KEY_CONTENT": "tell-no-one"}))
    assert found.by_name["pass_phrase"].value == found.by_name["key_content"].value == "tell-no-one"
    assert "tell-no-one" not in repr(found)


def test_hidden_is_a_faithful_view():
    """A hidden mapping differs from the original only in its repr."""
    assert dict(Hidden({"a": "b"})) == {"a": "b"}
    assert len(Hidden({"a": "b"})) == 1


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("EU-Frankfurt1", ["eu-frankfurt-1", "us-ashburn-1"], " (did you mean eu-frankfurt-1?)"),
        ("WROK", ["WORK"], " (did you mean WORK?)"),
        ("xyz", ["WORK"], ""),
    ],
)
def test_did_you_mean(word, known, hint):
    """Near words are suggested whatever their case, and far ones are not."""
    assert did_you_mean(word, known) == hint
