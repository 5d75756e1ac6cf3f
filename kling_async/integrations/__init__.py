"""Where this package meets others: web frameworks, Redis, OpenTelemetry. Each module needs its extra, and no other."""
