"""The HTTP around the org: the socket, what every request comes through, and the API's gate."""
