"""What the org says of itself: its resources, limits, counts, and describes of its objects.

Source: docs/salesforce.md §2.5, §7; REST API Developer Guide, the resource pages named there.
"""

from local_org.api.call import Call, Reply
from local_org.api.router import Endpoint, endpoint
from local_org.records.checks import STORED_OBJECTS
from local_org.state.org import OrgState

_KILOBYTES_PER_RECORD = 2
_UNLIMITED_MEGABYTES = 5


class OrgInfo:
    """The resources that are not about records.

    Args:
        state: the org.
    """

    def __init__(self, state: OrgState) -> None:
        self.state = state

    def endpoints(self) -> list[Endpoint]:
        """Their addresses."""
        return [
            endpoint("GET", "/", self._resources),
            endpoint("GET", "/limits", self._limits),
            endpoint("GET", "/limits/recordCount", self._record_count),
            endpoint("GET", "/sobjects", self._global_describe),
            endpoint("GET", "/sobjects/{}", self._basic_describe),
            endpoint("GET", "/sobjects/{}/describe", self._describe),
        ]

    def _resources(self, call: Call) -> Reply:
        names = ("limits", "sobjects", "query", "queryAll", "composite", "jobs")
        found = {name: f"/services/data/v{call.version}/{name}" for name in names}
        host = call.headers.get("host", "localhost")
        identity = f"http://{host}/id/{self.state.org_id}/{call.user_id}"
        return Reply(body={**found, "identity": identity})

    def _limits(self, _call: Call) -> Reply:
        maximum = self.state.settings.daily_api_requests
        storage = self.state.settings.storage_records
        deliveries = self.state.settings.daily_event_deliveries
        megabytes = _UNLIMITED_MEGABYTES if storage is None else max(1, _megabytes(storage))
        used = _megabytes(sum(len(self.state.table(name).rows) for name in STORED_OBJECTS))
        figures = {
            "DailyApiRequests": (maximum, maximum - self.state.meter.used),
            "DailyBulkApiBatches": (15_000, 15_000),
            "DailyBulkV2QueryJobs": (10_000, 10_000),
            "DailyBulkV2QueryFileStorageMB": (976_562, 976_562),
            "DataStorageMB": (megabytes, max(0, megabytes - used)),
            "FileStorageMB": (20, 20),
            "DailyDeliveredPlatformEvents": (deliveries, deliveries - self.state.deliveries.used),
            "DailyStandardVolumePlatformEvents": (10_000, 10_000),
            "HourlyPublishedPlatformEvents": (50_000, 50_000),
            "HourlyPublishedStandardVolumePlatformEvents": (1_000, 1_000),
            "MonthlyPlatformEventsUsageEntitlement": (0, 0),
        }
        return Reply(
            body={
                name: {"Max": top, "Remaining": max(0, left)}
                for name, (top, left) in figures.items()
            }
        )

    def _record_count(self, call: Call) -> Reply:
        wanted = [name for name in call.query.get("sObjects", "").split(",") if name]
        names = wanted or [table.kind.name for table in self.state.tables]
        with self.state.lock:
            tables = [self.state.table(name) for name in names if self.state.has_object(name)]
            counts = {
                table.kind.name: sum("IsDeleted" not in row for row in table.visible_rows())
                for table in tables
            }
        listed = [{"count": count, "name": name} for name, count in counts.items() if count]
        return Reply(body={"sObjects": listed})

    def _global_describe(self, call: Call) -> Reply:
        names = [table.kind.name for table in self.state.tables]
        seen = sorted(name for name in names if self.state.has_object(name))
        summaries = [self.state.kind(name).summary(call.version) for name in seen]
        return Reply(body={"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": summaries})

    def _basic_describe(self, call: Call, sobject: str) -> Reply:
        summary = self.state.kind(sobject).summary(call.version)
        return Reply(body={"objectDescribe": summary, "recentItems": []})

    def _describe(self, call: Call, sobject: str) -> Reply:
        return Reply(body=self.state.kind(sobject).describe(call.version))


def _megabytes(records: int) -> int:
    return records * _KILOBYTES_PER_RECORD // 1024
