"""PRT: portability to a target."""
