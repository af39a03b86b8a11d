"""Which endpoint is one of which protocol."""

import pytest

from ocisidecar.emulator.subscription_endpoints import endpoint_error, is_on_loopback

LONG = "https://example.com/" + "x" * 493


@pytest.mark.parametrize(
    ("protocol", "good", "bad"),
    [
        ("EMAIL", "ops@example.com", "ops"),
        ("EMAIL", "o.p+s@mail.example.com", "ops@example.com, more@example.com"),
        ("SMS", "+14255550100", "0171 2345"),
        ("ORACLE_FUNCTIONS", "ocid1.fnfunc.oc1.eu-frankfurt-1.aaaa", "ocid1.fnapp.oc1.eu-frankfurt-1.aaaa"),
        ("SLACK", "https://hooks.slack.com/services/T0/B0/x", "https://example.com/services/T0"),
        (
            "PAGERDUTY",
            "https://events.pagerduty.com/integration/0123456789abcdef/enqueue",
            "https://events.pagerduty.com/v2/enqueue",
        ),
        ("HTTPS", "https://example.com/", "http://example.com/"),
        ("CUSTOM_HTTPS", "https://user:word@example.com/a?b=c", "http://example.com/"),
        ("CUSTOM_HTTPS", "http://127.0.0.1:8080/", "https:// "),
        ("CUSTOM_HTTPS", LONG[:512], LONG),
    ],
)
def test_an_endpoint_has_the_form_of_its_protocol(protocol, good, bad):
    """An endpoint of another form, or a URL of more than 512 characters, is refused."""
    assert endpoint_error(protocol, good) is None
    assert endpoint_error(protocol, bad) is not None


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("http://127.0.0.1:1/", True),
        ("http://localhost/a", True),
        ("https://[::1]:8443/", True),
        ("http://127.0.0.1.example.com/", False),
        ("http://127.0.0.1:99999/", False),
        ("https://example.com/?127.0.0.1", False),
        ("ops@localhost", False),
        ("ftp://127.0.0.1/", False),
        ("http://[::1/", False),
    ],
)
def test_only_urls_of_this_machine_are_on_the_loopback_interface(endpoint, expected):
    """A host that only looks like the loopback interface is not on it."""
    assert is_on_loopback(endpoint) is expected
