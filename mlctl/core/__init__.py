"""One module for each command. A command takes values, returns a record and reports progress; it never prints."""
