"""The REST API's resources: records, queries, describes, collections, composite, Tooling."""
