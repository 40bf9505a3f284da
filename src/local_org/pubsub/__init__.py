"""The Pub/Sub API: Salesforce's gRPC service for change events, on a listener of its own.

Needs the extra ``realtime`` (grpcio, protobuf); nothing here is imported before the org serves it.
"""
