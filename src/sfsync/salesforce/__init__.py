"""The org side: everything that knows how Salesforce is spoken to."""
