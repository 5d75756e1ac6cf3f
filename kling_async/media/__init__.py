"""Files in, files out. Knows neither the client nor the engine."""
