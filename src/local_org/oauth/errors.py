"""An error in the words of OAuth 2.0.

Source: RFC 6749 §5.2; texts: docs/salesforce.md §1.6.
"""


class OAuthError(Exception):
    """An error in the words of OAuth 2.0.

    Args:
        error: the code, for example ``invalid_grant``.
        description: Salesforce's text beside it.
        status: the HTTP status at the token endpoint.
    """

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status
