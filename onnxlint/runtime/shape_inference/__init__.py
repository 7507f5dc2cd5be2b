"""Shape inference by native code, as it runs in a child process."""
