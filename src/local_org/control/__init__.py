"""What Salesforce does not have: people's work over ``/_local``, and a page to watch."""
