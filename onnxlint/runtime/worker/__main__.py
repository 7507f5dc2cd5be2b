"""The process that runs onnxruntime: `python -m onnxlint.runtime.worker MEMORY_LIMIT PARENT`."""

import gc

from onnxlint.bundle import use_bundle
from onnxlint.light_numpy import use_light_numpy
from onnxlint.light_python import use_light_python

if __name__ == "__main__":
    gc.disable()  # what is loaded stays
    use_bundle()
    use_light_python()
    use_light_numpy()
    from onnxlint.runtime.worker.serving import main

    gc.freeze()
    gc.enable()
    main()
