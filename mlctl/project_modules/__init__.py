"""The Python modules of a project folder: how they are imported, and their digests."""
