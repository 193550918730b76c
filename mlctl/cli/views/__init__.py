"""Tables and texts that several commands show."""
