"""The views: operations, one incident, the audit."""
