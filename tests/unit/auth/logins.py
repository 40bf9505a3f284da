"""A login to keep, and a vault in memory."""

from sfsync.auth.encrypted_store import SealingKey
from sfsync.model.token import Token

CANARY = "cAnArY!AQ.sEcReT+/="
TOKEN = Token(
    access_token=f"00D!{CANARY}",
    refresh_token=f"5Aep{CANARY}",
    instance_url="https://acme.my.salesforce.com",
    id_url="https://login.salesforce.com/id/00D000000000001EAA/005000000000001AAA",
    scope="api refresh_token",
    issued_at=1435269268723,
)
RAW = bytes(range(32))
KEY = SealingKey(RAW, is_passphrase=False)
PASSPHRASE = SealingKey(b"correct horse battery", is_passphrase=True)


class Vault:
    def __init__(self):
        self.kept = {}

    def read(self, profile):
        return self.kept.get(profile)

    def write(self, profile, sealed):
        self.kept[profile] = sealed

    def delete(self, profile):
        self.kept.pop(profile, None)
