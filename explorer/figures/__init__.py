"""Arrays and figures made of traces and geometry."""
