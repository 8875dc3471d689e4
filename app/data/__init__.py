"""Questions, statutes and training records: read, checked, split, mixed, written."""
