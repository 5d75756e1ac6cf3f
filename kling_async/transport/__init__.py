"""The only rooms that open sockets to the API."""
