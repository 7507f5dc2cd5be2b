"""Statistics of tensors: in compiled passes or in numpy, added up over runs."""
