"""Settings from environment variables, and their table in the README."""

from __future__ import annotations

import json
import re
from pathlib import Path

import oci
import pytest
from log_forwarder.records import continuation_pattern, split_records
from log_forwarder.settings import Settings, SettingsError

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
                "OCISIDECAR_CONTINUATION": "(",
            }
        )
    named = [re.search(r"OCISIDECAR_\w+", line)[0] for line in str(caught.value).splitlines()]
    assert named == [
        "OCISIDECAR_LOG_DIRECTORY",
        "OCISIDECAR_CONTINUATION",
        "OCISIDECAR_BATCH_ENTRIES",
        "OCISIDECAR_SENDERS",
        "OCISIDECAR_LOG_ID",
    ]


@pytest.mark.parametrize("pattern", ["(?i)at ", "(", "\\"])
def test_an_invalid_continuation_is_an_error(pattern):
    """A continuation that is not valid as a part of another regular expression is an error."""
    with pytest.raises(SettingsError, match="OCISIDECAR_CONTINUATION is not a valid regular expression"):
        read(OCISIDECAR_CONTINUATION=pattern)


@pytest.mark.parametrize(
    ("pattern", "records"),
    [("", ["a", " b", "c"]), (r"^\s", ["a\n b", "c"]), (r"(?!\w)", ["a\n b", "c"]), (r"\s+b$", ["a\n b", "c"])],
)
def test_continuations_of_many_kinds_work(pattern, records):
    """An empty continuation, one with an anchor and one that describes first lines join the lines they should."""
    texts = split_records(
        b"a\n b\nc\n", continuation_pattern(read(OCISIDECAR_CONTINUATION=pattern).continuation), is_final=True
    ).texts
    assert [json.loads(b'"' + text + b'"') for text in texts] == records


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
        "OCISIDECAR_CONTINUATION",
    }
