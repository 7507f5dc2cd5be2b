"""The process that runs onnxruntime: `python -m onnxlint.runtime.worker MEMORY_LIMIT PARENT`."""

from onnxlint.light_numpy import use_light_numpy

if __name__ == "__main__":
    use_light_numpy()
    from onnxlint.runtime.worker.serving import main

    main()
