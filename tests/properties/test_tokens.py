"""Laws of retry tokens."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocisidecar.state.identity import Identity, retry_token
from ocisidecar.wire import Key

words = st.text("abc-./: ", max_size=6)
creates = st.tuples(
    st.builds(Identity, words, words, words, words),
    st.builds(Key, words.filter(lambda word: "/" not in word), words),
    words,
    words,
    st.integers(0, 9),
)


@given(create=creates)
def test_fits_oci(create):
    """A token has at most 64 characters, all of them letters and digits."""
    token = retry_token(*create)
    assert len(token) <= 64
    assert token.isalnum()


@given(one=creates, other=creates)
def test_equal_creates_alone_share_a_token(one, other):
    """Two creates have the same token when all their arguments are equal, and only then."""
    assert (retry_token(*one) == retry_token(*other)) == (one == other)
