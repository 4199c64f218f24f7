"""Records of what the service does by itself, as a consequence of a call or of time: one line for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from keystead.audit import record
from keystead.services.call import KEY_RESOURCE
from keystead.services.change import ServiceEvent
from keystead.services.table import Service


def records(
    service: Service, events: Iterable[ServiceEvent], now: float, new_id: Callable[[], str]
) -> tuple[tuple[str, bytes], ...]:
    """The event id and the journal line of each event."""
    return tuple(_record(service, event, now, new_id(), new_id() if event.called else None) for event in events)


def _record(
    service: Service, event: ServiceEvent, now: float, event_id: str, request_id: str | None
) -> tuple[str, bytes]:
    key = event.key
    line = record.service_event(
        event_source=service.event_source,
        event_name=event.name,
        account=key.account,
        region=key.region,
        now=now,
        event_id=event_id,
        resources=((KEY_RESOURCE, key.account, key.arn),),
        details=None if event.called else {"keyId": key.key_id, **dict(event.details)},
        request_id=request_id,
    )
    return event_id, line
