"""What is known of operators, beyond their schemas: one table a trait, each with its reason.

A rule or an analysis that asks "does this operator … ?" takes the trait from here, whichever topic
it stands under. A difference that only one of them makes, of a few names, stands where it is made,
with the reason: `MOVING | {"Slice"}`; one of more names is a trait of its own, beside the one that
it differs from. Operators outside the standard domain are written `com.microsoft::FusedConv`.
"""

from onnxlint.model.graph.operators.arithmetic import *  # noqa: F403
from onnxlint.model.graph.operators.attributes import *  # noqa: F403
from onnxlint.model.graph.operators.caches import *  # noqa: F403
from onnxlint.model.graph.operators.control import *  # noqa: F403
from onnxlint.model.graph.operators.costs import *  # noqa: F403
from onnxlint.model.graph.operators.deciding import *  # noqa: F403
from onnxlint.model.graph.operators.heads import *  # noqa: F403
from onnxlint.model.graph.operators.indexing import *  # noqa: F403
from onnxlint.model.graph.operators.kernels import *  # noqa: F403
from onnxlint.model.graph.operators.layers import *  # noqa: F403
from onnxlint.model.graph.operators.moving import *  # noqa: F403
from onnxlint.model.graph.operators.quantised import *  # noqa: F403
from onnxlint.model.graph.operators.ranges import *  # noqa: F403
from onnxlint.model.graph.operators.shapes import *  # noqa: F403
