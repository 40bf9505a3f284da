"""How the configuration ties a row of the mirror to a record in Salesforce. Pure."""
