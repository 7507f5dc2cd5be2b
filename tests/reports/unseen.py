"""Reports whose defect no model file shows: bad and good file are equally plausible."""

from reports.report import Unseen

REPORTS = (
    Unseen(
        "onnx/onnxmltools#646",
        "XGBoost's reg:logistic exported without its sigmoid",
        "the trees are a sound regression by themselves; only the model it was made of knows "
        "that its sum was to go through a sigmoid. `--reference` or a test data set shows it",
    ),
    Unseen(
        "microsoft/onnxruntime#11892",
        "XGBoost's base_score added to the margins as the probability that it is",
        "another bias of the same kind; with labels, PRD009 says that the scores are off",
    ),
    Unseen(
        "onnx/onnxmltools#517",
        "the trees that early stopping had thrown away were exported too",
        "more trees are no mistake to anybody who did not see the training",
    ),
    Unseen(
        "microsoft/onnxruntime#4201",
        "n-grams across a removed stop word are counted by scikit-learn, not by onnxruntime",
        "the file says what is meant; the two runtimes read it differently",
    ),
    Unseen(
        "pytorch/pytorch#53887",
        "an instance normalisation with running statistics exported without them",
        "what is left is an ordinary InstanceNormalization; the statistics are not in the file",
    ),
    Unseen(
        "PaddlePaddle/Paddle2ONNX#930",
        "a hard sigmoid with the slope 0.2 where the layer has 1/6",
        "PaddlePaddle's own networks use both slopes, so the number alone proves nothing",
    ),
    Unseen(
        "onnx/tensorflow-onnx#914",
        "a bilinear resize of TensorFlow 2 exported with the coordinates of TensorFlow 1",
        "both are legal and in use; PRT008 tells the coordinates as an info",
    ),
)
