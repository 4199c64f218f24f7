"""Markers as they leave and come back: sealed, so that a caller can neither read nor make one.

They are valid on every worker and after a restart, since their key hangs below the root key.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Final

from keystead import errors
from keystead.crypto.hierarchy import Hierarchy
from keystead.domain.pages import Marker

_PURPOSE: Final = b"page"


def seal(hierarchy: Hierarchy, marker: Marker, random: Callable[[int], bytes]) -> str:
    """A NextMarker."""
    return base64.urlsafe_b64encode(hierarchy.seal_token(_PURPOSE, marker.encode(), random)).decode()


def open_marker(hierarchy: Hierarchy, text: str) -> bytes:
    """What a Marker holds; InvalidMarkerException when it is none of ours."""
    try:
        token = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise errors.invalid_marker() from error
    opened = hierarchy.open_token(_PURPOSE, token)
    if opened is None:
        raise errors.invalid_marker()
    return opened
