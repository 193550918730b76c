"""Clients: sessions, errors, timeouts and retries."""
