"""Notifications on their way to the endpoints of subscriptions, and when each is tried.  Sends nothing itself.

Source: oci.ons.models.BackoffRetryPolicy for how long a delivery is repeated, and
oci.ons.NotificationDataPlaneClient.publish_message for how many messages an endpoint gets in a minute.
UNCONFIRMED: the delays between two attempts, and that messages beyond the rate are delayed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from attrs import Factory, define, field, frozen

FIRST_RETRY_SECONDS: Final = 5.0
PER_MINUTE: Final[Mapping[str, int]] = {"EMAIL": 10}
PER_MINUTE_OF_HTTP: Final = 60
_MINUTE: Final = 60.0


@frozen(kw_only=True)
class Notification:
    """A message for the endpoint of one subscription, as `Emulator.notifications` shows it.

    Args:
        subscription_id: OCID of the subscription.
        protocol: of the subscription.
        endpoint: of the subscription.
        message_id: the same for all subscriptions of the topic.
        type: Notification or SubscriptionConfirmation.
        title: of the message; empty for none.
        body: of the message.
        accepted_at: when the service accepted it, in seconds since the epoch on the emulator's clock.
        delivered_at: when the endpoint accepted it; None while it has not.
        attempts: how often it was sent.
        state: `pending`, `delivered`, `failed` when the endpoint refused it for as long as it is repeated, or
            `withheld`: the endpoint is not on the loopback interface, and nothing leaves the machine.
        error: of the last attempt; empty if it succeeded.
    """

    subscription_id: str
    protocol: str
    endpoint: str = field(repr=False)
    message_id: str
    type: str
    title: str
    body: str = field(repr=False)
    accepted_at: float
    delivered_at: float | None = None
    attempts: int = 0
    state: str = "pending"
    error: str = ""


@define(eq=False, kw_only=True)
class Delivery:
    """A notification with what its sender needs.

    Args:
        notification: as it is now.
        headers: of the HTTP request.
        repeat_seconds: how long a refused delivery is repeated.
        due_at: when it is tried next.
        scheduled_at: when it is tried first: the rate of its endpoint counts from then, whenever it was sent.
    """

    notification: Notification
    headers: Mapping[str, str]
    repeat_seconds: float
    due_at: float
    scheduled_at: float = 0.0

    @property
    def is_pending(self) -> bool:
        """Whether it is neither delivered nor given up."""
        return self.notification.state == "pending"

    def delay_after(self, attempts: int) -> float:
        """Return how long to wait after so many attempts (>= 1): each time twice as long."""
        return float(FIRST_RETRY_SECONDS * 2 ** (attempts - 1))


@define(eq=False)
class Outbox:
    """All deliveries, in the order in which they were accepted.  Used under the emulator's lock.

    `nudge` is called when something was added that can be sent.
    """

    nudge: Callable[[], None] = field(default=lambda: None)
    deliveries: list[Delivery] = Factory(list)

    def add(self, delivery: Delivery) -> None:
        """Add a delivery; it is due when the rate of its endpoint allows it."""
        delivery.due_at = delivery.scheduled_at = self._allowed_at(delivery)
        self.deliveries.append(delivery)
        if delivery.is_pending:
            self.nudge()

    def _allowed_at(self, delivery: Delivery) -> float:
        """Return when the endpoint may get it: so many messages after the one that many before it."""
        new = delivery.notification
        most = PER_MINUTE.get(new.protocol, PER_MINUTE_OF_HTTP)
        others = [one.scheduled_at for one in self.deliveries if one.notification.endpoint == new.endpoint]
        if len(others) < most:
            return delivery.due_at
        return max(delivery.due_at, sorted(others)[-most] + _MINUTE)

    def due(self, now: float) -> Delivery | None:
        """Return the delivery to try next, or None when nothing is due."""
        pending = [one for one in self.deliveries if one.is_pending and one.due_at <= now]
        return min(pending, key=lambda one: one.due_at, default=None)

    def drop(self, subscription_id: str) -> None:
        """Forget what a subscription that has ended would still get."""
        self.deliveries = [
            one
            for one in self.deliveries
            if not (one.is_pending and one.notification.subscription_id == subscription_id)
        ]
