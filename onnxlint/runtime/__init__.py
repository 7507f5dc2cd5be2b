"""Running a model: the worker process, its messages, statistics of tensors, synthesised inputs."""
