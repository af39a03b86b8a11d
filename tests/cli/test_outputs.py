"""How an output is found by a name or by a part of one."""

from __future__ import annotations

import re

import pytest

from ocisidecar.cli.outputs import find_output
from ocisidecar.errors import ConfigError

ONE = {"web-0.private_ip": "10.0.0.2", "web-0.url.80": "http://10.0.0.2:80", "console": "https://console"}
TWO = {**ONE, "web-1.url.80": "http://10.0.0.3:80", "web-10.url.80": "http://10.0.0.4:80"}


@pytest.mark.parametrize("word", ["web-0.url.80", "web-0.url", "url.80", "url", "80"])
def test_a_name_or_a_part_that_no_other_has(word):
    """A whole name, and every part of one that is whole words, finds the value."""
    assert find_output(ONE, word) == "http://10.0.0.2:80"


def test_a_part_names_whole_words():
    """`web-1.url` is not found in `web-10.url.80`."""
    assert find_output(TWO, "web-1.url") == "http://10.0.0.3:80"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("url", "'url' means several outputs: web-0.url.80, web-1.url.80, web-10.url.80"),
        ("adress", "no output 'adress'; there are web-0.private_ip, web-0.url.80, console, web-1.url.80"),
        ("consol", "did you mean 'console'?"),
    ],
)
def test_what_is_unknown_or_means_several_is_refused_with_the_names(word, said):
    """The error lists the names, and the nearest one for a typing error."""
    with pytest.raises(ConfigError, match=re.escape(said)):
        find_output(TWO, word)
