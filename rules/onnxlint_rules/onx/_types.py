"""What a declared type does not specify."""

from typing import Any


def gap(declared: Any) -> str | None:
    """What a type lacks, if something; of sequences and maps also what they hold."""
    match kind := declared.WhichOneof("value"):
        case "sequence_type" | "optional_type":
            return gap(getattr(declared, kind).elem_type)
        case "map_type":
            no_key = None if declared.map_type.key_type else "key type"
            return no_key or gap(declared.map_type.value_type)
        case "opaque_type":
            return None if declared.opaque_type.name else "opaque type name"
        case None:
            return "element type"
    return None if getattr(declared, kind).elem_type else "element type"
