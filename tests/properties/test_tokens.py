"""Laws of retry tokens: the same for the same create, and for nothing else."""

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
    """OCI takes 64 characters at most, and any that are printable."""
    token = retry_token(*create)
    assert len(token) <= 64
    assert token.isalnum()


@given(one=creates, other=creates)
def test_equal_creates_alone_share_a_token(one, other):
    """Two creates that shared a token would share a resource."""
    assert (retry_token(*one) == retry_token(*other)) == (one == other)
