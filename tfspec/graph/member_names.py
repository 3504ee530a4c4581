"""Names of weights and modules: what torch's own modules use is given another one."""

from __future__ import annotations

import keyword

# dir(nn.Module()) of torch 2.13, without the names that begin with an underscore
MODULE = frozenset(
    [
        "T_destination",
        "add_module",
        "apply",
        "bfloat16",
        "buffers",
        "call_super_init",
        "children",
        "compile",
        "cpu",
        "cuda",
        "double",
        "dump_patches",
        "eval",
        "extra_repr",
        "float",
        "forward",
        "get_buffer",
        "get_extra_state",
        "get_parameter",
        "get_submodule",
        "half",
        "ipu",
        "load_state_dict",
        "modules",
        "mtia",
        "named_buffers",
        "named_children",
        "named_modules",
        "named_parameters",
        "parameters",
        "register_backward_hook",
        "register_buffer",
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_full_backward_hook",
        "register_full_backward_pre_hook",
        "register_load_state_dict_post_hook",
        "register_load_state_dict_pre_hook",
        "register_module",
        "register_parameter",
        "register_state_dict_post_hook",
        "register_state_dict_pre_hook",
        "requires_grad_",
        "set_extra_state",
        "set_submodule",
        "share_memory",
        "state_dict",
        "to",
        "to_empty",
        "train",
        "training",
        "type",
        "xpu",
        "zero_grad",
        "cache",
        "prefill",
        "decode",
    ]
)


def member_name(name: str) -> str:
    """The name, with an underscore behind it where a module has it already: `forward_`, `return_`.

    A name that begins with an underscore may be torch's or Python's own: it gets a `w` in front.
    """
    if name.startswith("_"):
        return f"w{name}"
    return f"{name}_" if name in MODULE or keyword.iskeyword(name) else name
