"""Which API versions there are.

Source: docs/salesforce.md §2.1; REST API Developer Guide, "Versions".
"""

import re

from local_org.api_error import ApiError, not_found

NEWEST_VERSION = 68
OLDEST_VERSION = 41
_RETIRED_BELOW = 31
_SEASONS = ("Winter", "Spring", "Summer")
_WINTER_26 = 65


def versions() -> list[dict[str, str]]:
    """The reply of ``/services/data/``: every version that answers, ascending."""
    return [
        {"label": _season(number), "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
        for number in range(OLDEST_VERSION, NEWEST_VERSION + 1)
    ]


def _season(version: int) -> str:
    """The release name: three a year, v65 being Winter '26."""
    releases = version - _WINTER_26
    return f"{_SEASONS[releases % 3]} '{26 + releases // 3}"


def check_version(segments: list[str]) -> None:
    """Refuse a path whose first part is no version that answers.

    Raises:
        ApiError: 410 for a retired version, 404 for anything else.
    """
    found = re.fullmatch(r"v(\d+)\.0", segments[0]) if segments else None
    if found is None:
        raise not_found()
    number = int(found[1])
    if number < _RETIRED_BELOW:
        raise ApiError(
            "UNSUPPORTED_API_VERSION",
            f"The requested API version ({number}.0) is retired",
            status=410,
        )
    if number > NEWEST_VERSION:
        raise not_found()
