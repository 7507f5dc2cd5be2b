"""The worker process that runs onnxruntime, and the client that talks to it."""
