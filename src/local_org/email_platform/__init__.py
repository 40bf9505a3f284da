"""The email platform beside the org: it sends signed webhooks, as PenguinMails' documentation says it does."""
