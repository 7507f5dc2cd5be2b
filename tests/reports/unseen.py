"""Reports whose defect no model file shows: bad and good file are equally plausible."""

from reports.report import Unseen

REPORTS = (
    Unseen(
        "onnx/onnxmltools#646",
        "XGBoost's reg:logistic exported without its sigmoid",
        "the trees are a valid regression by themselves; only the source model shows that "
        "their sum goes through a sigmoid. `--reference` or a test data set shows it",
    ),
    Unseen(
        "microsoft/onnxruntime#11892",
        "XGBoost's base_score added to the margins as the probability that it is",
        "the file only has another bias; with labels, PRD009 reports the scores as miscalibrated",
    ),
    Unseen(
        "onnx/onnxmltools#517",
        "trees that early stopping had discarded were exported too",
        "additional trees are valid; only the training shows that they were discarded",
    ),
    Unseen(
        "microsoft/onnxruntime#4201",
        "n-grams across a removed stop word are counted by scikit-learn, not by onnxruntime",
        "the file is unambiguous; the two runtimes interpret it differently",
    ),
    Unseen(
        "pytorch/pytorch#53887",
        "an instance normalisation with running statistics exported without them",
        "the file contains an ordinary InstanceNormalization without statistics",
    ),
    Unseen(
        "PaddlePaddle/Paddle2ONNX#930",
        "a hard sigmoid with the slope 0.2 where the layer has 1/6",
        "PaddlePaddle's own networks use both slopes, so the slope is not evidence",
    ),
    Unseen(
        "onnx/tensorflow-onnx#914",
        "a bilinear resize of TensorFlow 2 exported with the coordinates of TensorFlow 1",
        "both are valid and in use; PRT008 reports the coordinate mode as an info",
    ),
)
