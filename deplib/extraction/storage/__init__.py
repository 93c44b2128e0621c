"""Features on disk: one file a recording, a ledger, atomic writes, claims of running processes."""
