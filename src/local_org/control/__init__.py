"""What stands outside the API: people's and admins' work over HTTP (``/_local``), and the page to watch the org on."""
