"""AWS: reading the actual state, planning changes, applying them. The only importer of boto3."""
