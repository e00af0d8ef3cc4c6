"""The Gradio page: the only part of the project that imports gradio."""
