"""One API request and its reply as plain values, and the table of addresses that handles them."""
