"""The user's data as feeds for the model; a file for each format, loaded where it is read."""
