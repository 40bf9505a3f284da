"""Bulk API 2.0: ingest jobs, query jobs, and the addresses of both."""
