"""Settings from environment variables, and their table in the README."""

from __future__ import annotations

import json
import re
from pathlib import Path

import oci
import pytest
from forwarding.settings import SettingsError
from log_forwarder.multiline import rule_of
from log_forwarder.records import split_records
from log_forwarder.settings import Settings

LOG = "ocid1.log.oc1.eu-frankfurt-1.amaaaaaa"
README = Path(__file__).parents[2] / "docker" / "log-forwarder" / "README.md"


def read(**variables):
    return Settings.from_environment({"OCISIDECAR_LOG_ID": LOG, "OCISIDECAR_LOG_DIRECTORY": "/logs", **variables})


@pytest.mark.parametrize(
    ("log_id", "endpoint"),
    [
        (LOG, "https://ingestion.logging.eu-frankfurt-1.oci.oraclecloud.com"),
        ("ocid1.log.oc1.iad.amaaaaaa", "https://ingestion.logging.us-ashburn-1.oci.oraclecloud.com"),
        ("ocid1.log.oc2.us-langley-1.amaaaaaa", "https://ingestion.logging.us-langley-1.oci.oraclegovcloud.com"),
    ],
)
def test_the_endpoint_follows_from_the_log_id(log_id, endpoint):
    """The endpoint's realm and region are those of the log's OCID, which has the region's name or its key."""
    assert read(OCISIDECAR_LOG_ID=log_id).endpoint == endpoint


@pytest.mark.parametrize(("realm", "domain"), sorted(oci.regions.REALMS.items()))
def test_every_realm_is_known(realm, domain):
    """The endpoint is in the domain that the SDK has for the log's realm, for every realm of the SDK."""
    endpoint = read(OCISIDECAR_LOG_ID=f"ocid1.log.{realm}.xx-here-1.a").endpoint
    assert endpoint == f"https://ingestion.logging.xx-here-1.oci.{domain}"


def test_a_given_domain_takes_precedence():
    """OCISIDECAR_DOMAIN replaces the domain of the log's realm."""
    endpoint = read(OCISIDECAR_LOG_ID="ocid1.log.moon.xx-here-1.a", OCISIDECAR_DOMAIN="example.com").endpoint
    assert endpoint == "https://ingestion.logging.xx-here-1.oci.example.com"


def test_a_given_endpoint_takes_precedence():
    """OCISIDECAR_ENDPOINT replaces the endpoint of the log's OCID, with its path and without its last slash."""
    assert read(OCISIDECAR_ENDPOINT="http://10.0.0.1:80/x/").endpoint == "http://10.0.0.1:80/x"


def test_all_errors_are_reported_at_once():
    """The error has one line for each wrong or missing variable, which names it."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(
            {
                "OCISIDECAR_LOG_ID": "ocid1.log.moon.mars.a",
                "OCISIDECAR_BATCH_ENTRIES": "many",
                "OCISIDECAR_SENDERS": "17",
                "OCISIDECAR_MULTILINE": "^(",
                "OCISIDECAR_LOG_FILES": "!*.txt, !/logs/a.log",
                "HTTPS_PROXY": "socks5://user:secret@proxy:1080",
            }
        )
    assert "secret" not in str(caught.value)
    named = [re.search(r"OCISIDECAR_\w+|HTTPS_PROXY", line)[0] for line in str(caught.value).splitlines()]
    assert named == [
        "OCISIDECAR_LOG_DIRECTORY",
        "OCISIDECAR_MULTILINE",
        "OCISIDECAR_LOG_FILES",
        "OCISIDECAR_LOG_FILES",
        "OCISIDECAR_BATCH_ENTRIES",
        "OCISIDECAR_SENDERS",
        "OCISIDECAR_LOG_ID",
    ]


@pytest.mark.parametrize("pattern", ["^(?i)at ", "^(", "^\\"])
def test_an_invalid_pattern_is_an_error(pattern):
    """A beginning of records that is not valid as a part of another regular expression is an error."""
    with pytest.raises(SettingsError, match="OCISIDECAR_MULTILINE is not a valid regular expression"):
        read(OCISIDECAR_MULTILINE=pattern)


def test_another_word_is_an_error():
    """A way to join lines that is neither a known word nor a pattern is an error with the words there are."""
    with pytest.raises(SettingsError, match="must be traces, off or a regular expression that begins with"):
        read(OCISIDECAR_MULTILINE="on")


@pytest.mark.parametrize(
    ("setting", "records"),
    [
        ("off", ["a", "\tat b.C.d(C.java:1)", "c"]),
        ("traces", ["a\n\tat b.C.d(C.java:1)", "c"]),
        ("", ["a\n\tat b.C.d(C.java:1)", "c"]),
        (r"^\S", ["a\n\tat b.C.d(C.java:1)", "c"]),
        ("^a", ["a\n\tat b.C.d(C.java:1)\nc"]),
    ],
)
def test_lines_are_joined_as_set(setting, records):
    """Lines of a trace, none, or all up to the next line that matches a pattern are joined."""
    rule = rule_of(read(OCISIDECAR_MULTILINE=setting).multiline)
    texts = split_records(b"a\n\tat b.C.d(C.java:1)\nc\n", rule, is_final=True).texts
    assert [json.loads(b'"' + text + b'"') for text in texts] == records


@pytest.mark.parametrize("pattern", ["^(", "^a{99999999999}", "^" + "(" * 5000], ids=["open", "large", "deep"])
def test_a_pattern_that_is_none_is_an_error(pattern):
    """What Python's regular expressions cannot be is an error that names the variable."""
    with pytest.raises(SettingsError, match="OCISIDECAR_MULTILINE is not a valid regular expression"):
        read(OCISIDECAR_MULTILINE=pattern)


def test_patterns_of_files_are_separated_by_commas_or_lines():
    """The patterns of the files that are shipped are one a line or separated by commas; none means *.log."""
    assert read(OCISIDECAR_LOG_FILES="*.log, *.out\n!debug.log,").log_files == ("*.log", "*.out", "!debug.log")
    assert read(OCISIDECAR_LOG_FILES=" ").log_files == ("*.log",)


def test_numbers_are_read():
    """Integer settings accept integers only, the others fractions too."""
    settings = read(OCISIDECAR_BATCH_ENTRIES="7", OCISIDECAR_LINGER_SECONDS="0.25")
    assert (settings.batch_entries, settings.linger_seconds) == (7, 0.25)
    with pytest.raises(SettingsError, match="BATCH_ENTRIES"):
        read(OCISIDECAR_BATCH_ENTRIES="7.5")


def test_the_readme_has_every_variable_and_its_default():
    """The README's table has every variable, with the default of the code."""
    rows = dict(re.findall(r"^\| `(OCISIDECAR_\w+)` \| ([^|]+) \|", README.read_text(), re.MULTILINE))
    settings = read()
    numbers = {
        field.metadata["range"].variable: f"{getattr(settings, name):g}"
        for name, field in Settings.__dataclass_fields__.items()
        if "range" in field.metadata
    }
    assert {name: f"{float(text):g}" for name, text in rows.items() if name in numbers} == numbers
    assert set(rows) - set(numbers) == {
        "OCISIDECAR_LOG_ID",
        "OCISIDECAR_LOG_DIRECTORY",
        "OCISIDECAR_DOMAIN",
        "OCISIDECAR_ENDPOINT",
        "OCISIDECAR_INSTANCE",
        "OCISIDECAR_LOG_FILES",
        "OCISIDECAR_MULTILINE",
    }
