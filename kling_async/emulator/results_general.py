"""What tasks for voices, elements and sounds make. Pure; draws nothing."""
