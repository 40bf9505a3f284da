"""The org's stream of change events: Pub/Sub API over gRPC. Nothing above this package knows Avro."""
