"""What the org's objects are made of: fields, types, and the standard and custom ones there are."""
