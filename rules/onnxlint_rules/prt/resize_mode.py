"""PRT008 resize-mode."""

from collections import defaultdict
from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, Shapes, Targets, rule
from onnxlint_rules.prt._resizes import DEFAULT, copies_pixels, mode_of


@rule("PRT008", "resize-mode", severity=Severity.INFO, ops=("Resize", "Upsample"))
def resize_mode(graph: Graph, shapes: Shapes, targets: Targets) -> Iterator[Finding]:
    """A Resize coordinate mode that importers implement differently or not at all.

    Why: there are seven ways to map pixels between a small and a large image, and an importer
    without one uses another: the image shifts by half a pixel and nothing fails (TensorRT issue
    273; onnxruntime issue 28086 measured 0.29). Reported once per mode. Nearest neighbour with
    integer factors is exempt, as all modes but one copy pixels there. A warning where a target is
    known not to support the mode.
    Fix: export with opset 13 or newer and half_pixel coordinates
    (`interpolate(align_corners=False)`), or compare the outputs on the target.

    Bad:
    net (float[1, 1, 4, 4] x) => (float[1, 1, 6, 6] y)
    <float[4] scales = {1, 1, 1.5, 1.5}>
    {
        y = Resize <mode = "linear", coordinate_transformation_mode = "align_corners">
            (x, "", scales)
    }

    Good:
    # each pixel twice
    net (float[1, 1, 4, 4] x) => (float[1, 1, 8, 8] y)
    <float[4] scales = {1, 1, 2, 2}>
    {
        y = Resize <mode = "nearest", coordinate_transformation_mode = "asymmetric",
                    nearest_mode = "floor"> (x, "", scales)
    }
    """
    modes: dict[str, list[Node]] = defaultdict(list)
    for node in graph.nodes("Resize", "Upsample"):
        mode = mode_of(node)
        if mode != DEFAULT and not copies_pixels(node, mode, graph, shapes):
            modes[mode].append(node)
    for mode, nodes in modes.items():
        lacking = [t.name for t in targets if t.resize_modes is not None
                   and mode not in t.resize_modes]  # fmt: skip
        does = "does" if len(lacking) == 1 else "do"
        known = f"; {', '.join(lacking)} {does} not support it" if lacking else ""
        yield Finding.of_nodes(
            nodes,
            f"coordinate mode {mode} is implemented differently by importers{known}",
            severity=Severity.WARNING if lacking else None,
            hint=f"export with {DEFAULT} coordinates, or compare the outputs on the target",
        )
