"""One SQLite database for all that must survive: group commit, limits, migrations, atomic files."""

from gateway.store.batch import Insert, Receipt
from gateway.store.database import migrate, open_database
from gateway.store.files import preallocate, replace_atomically, sync_directory
from gateway.store.settings import StoreSettings
from gateway.store.store import Store

__all__ = [
    "Insert",
    "Receipt",
    "Store",
    "StoreSettings",
    "migrate",
    "open_database",
    "preallocate",
    "replace_atomically",
    "sync_directory",
]
