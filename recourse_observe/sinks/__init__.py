"""Sinks: observers that pass on what they hear to OpenTelemetry and to logs."""
