"""Who calls AWS and what they may do: permissions and preflight checks."""
