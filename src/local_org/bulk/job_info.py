"""What a poll answers about a job, and CSV as a reply.

Source: docs/salesforce.md §5.1, §5.2.
"""

from typing import Any

from local_org import timestamps
from local_org.api.call import Reply
from local_org.bulk.ingest_job import IngestJob
from local_org.bulk.query_job import QueryJob

_NO_SNIFF = {"X-Content-Type-Options": "nosniff"}


def csv_reply(content: bytes, headers: dict[str, str] | None = None) -> Reply:
    """A reply that is CSV."""
    return Reply(200, content, {**_NO_SNIFF, **(headers or {})}, "text/csv; charset=UTF-8")


def ingest_info(job: IngestJob, shown_state: str) -> dict[str, Any]:
    """An ingest job in the state that is to be shown."""
    info = {**_common(job, shown_state, job.writer.user_id), "jobType": "V2Ingest"}
    if job.key:
        info["externalIdFieldName"] = job.key
    if job.assignment_rule_id:
        info["assignmentRuleId"] = job.assignment_rule_id
    if shown_state == "Open":
        info["contentUrl"] = f"services/data/v{job.version}/jobs/ingest/{job.job_id}/batches"
        return info
    milliseconds = int(job.busy_seconds * 1000)
    info |= {
        "numberRecordsProcessed": job.processed,
        "numberRecordsFailed": job.failures,
        "retries": 0,
        "totalProcessingTime": milliseconds,
        "apiActiveProcessingTime": milliseconds,
        "apexProcessingTime": 0,
    }
    if job.error and shown_state == "Failed":
        info["errorMessage"] = job.error
    return info


def query_info(job: QueryJob) -> dict[str, Any]:
    """A query job."""
    info = {**_common(job, job.state, job.user_id), "jobType": "V2Query"}
    if job.state in {"UploadComplete", "InProgress"}:
        return info
    return {
        **info,
        "numberRecordsProcessed": job.result.total if job.result else 0,
        "retries": 0,
        "totalProcessingTime": 0,
        "isPkChunkingSupported": True,
    }


def _common(job: IngestJob | QueryJob, shown_state: str, user_id: str) -> dict[str, Any]:
    return {
        "id": job.job_id,
        "operation": job.operation,
        "object": job.sobject,
        "createdById": user_id,
        "createdDate": timestamps.rest_text(job.created_at),
        "systemModstamp": timestamps.rest_text(job.modified_at),
        "state": shown_state,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(job.version),
        "lineEnding": job.dialect.line_ending,
        "columnDelimiter": job.dialect.delimiter,
    }
