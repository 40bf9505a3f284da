"""What the org holds, and who sees what of it and when."""
