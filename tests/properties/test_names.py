"""Laws of the names that services keep unique."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from ocisidecar.resources.kind import Site
from ocisidecar.state.identity import Identity

names = st.from_regex(re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}"), fullmatch=True)
dashed = st.lists(st.sampled_from(["shop", "eu", "a", "main", "4", "-", "9-a"]), max_size=4).map(
    lambda words: "-".join(["a", *words])
)
pairs = st.tuples(names | dashed, names | dashed | st.just("main"))


def unique_name(pair: tuple[str, str]) -> str:
    deployment, name = pair
    return Site(Identity("tenancy", "eu-frankfurt-1", "compartment", deployment), "home").unique_name(name)


@given(one=pairs, other=pairs)
def test_two_resources_never_get_one_name(one, other):
    """Different pairs of deployment and resource have different unique names."""
    assert (unique_name(one) == unique_name(other)) == (one == other)


@given(words=st.lists(st.sampled_from(["shop", "eu", "oncall", "agents", "main"]), min_size=2, max_size=5))
def test_a_dash_in_a_name_is_not_the_dash_between_names(words):
    """However a text with dashes is split into deployment and resource, each split has its own unique name."""
    splits = {("-".join(words[:place]), "-".join(words[place:])) for place in range(1, len(words))}
    splits.add(("-".join(words), "main"))
    assert len({unique_name(pair) for pair in splits}) == len(splits)


@given(pair=pairs)
def test_services_accept_every_unique_name(pair):
    """Names of topics have at most 256 characters, those of groups at most 100, of letters, digits, '-' and '_'."""
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,256}", unique_name(pair))
    assert all(len(unique_name((pair[0], group))) <= 100 for group in ("main", "agents"))
