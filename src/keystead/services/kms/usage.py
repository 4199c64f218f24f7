"""GetKeyLastUsage: when a key was last used with success, by which operation, and as which audit event.

https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyLastUsage.html. A use by this worker is known at once, one
by another worker within seconds (`services.uses`). Every key is tracked from its making on."""

from __future__ import annotations

import math

from keystead.domain.keytypes import KeyTypes
from keystead.model.generated.kms import GetKeyLastUsageRequest, GetKeyLastUsageResponse, KeyLastUsageData
from keystead.services.call import Call
from keystead.services.table import operation


@operation("GetKeyLastUsage", keys=KeyTypes.ANY, logged={"key_id": None})
def get_key_last_usage(call: Call[GetKeyLastUsageRequest]) -> GetKeyLastUsageResponse:
    key = call.key(call.request.key_id)
    use = call.facts.last_use(key)
    told = KeyLastUsageData()  # of a key that was never used AWS tells an empty structure
    if use is not None:
        told = KeyLastUsageData(
            operation=use.operation,
            timestamp=float(math.floor(use.at)),  # whole seconds, like the event
            cloud_trail_event_id=use.event_id,
            kms_request_id=use.request_id,
        )
    return GetKeyLastUsageResponse(
        key_id=key.key_id, key_last_usage=told, tracking_start_date=key.created, key_creation_date=key.created
    )
