"""Models: loading, 4-bit weights, scoring of letters and signs, servers, adapters."""
