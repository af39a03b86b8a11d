"""The limits of a run."""

from __future__ import annotations

from attrs import frozen


@frozen
class Limits:
    """The limits of a run.

    Attributes:
        max_workers: requests at a time.
        wait_timeout_seconds: how long one resource may take to become ready or to go.
        settle_seconds: how long containers must keep running to count as healthy where neither health checks nor a
            probe show that they work.  OCI starts one that has ended again after 10 s.  UNCONFIRMED: that delay.
        list_lag_seconds: how long a list may leave out what was created, or show what was removed.  UNCONFIRMED: no
            page of Oracle gives a bound; some seconds are on record.
        search_seconds: how long a destroy asks for what lists may not show yet; 0 trusts the first answer.
    """

    max_workers: int = 16
    wait_timeout_seconds: float = 1200.0
    settle_seconds: float = 10.0
    list_lag_seconds: float = 60.0
    search_seconds: float = 60.0
