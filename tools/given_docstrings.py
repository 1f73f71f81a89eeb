"""For `make docs`: docstrings that stand below what they describe, as those of named tuples do.

mkdocs.yml names this file to griffe, which reads the package's files without running them.
"""

import ast

import griffe


class GivenDocstrings(griffe.Extension):
    """Read ``Name.__doc__ = "..."`` as the docstring of a module's name."""

    def on_module_members(self, *, node, mod, agent, **more):
        """Called when a module has been read."""
        for part in node.body:
            target = part.targets[0] if isinstance(part, ast.Assign) else None
            if isinstance(target, ast.Attribute) and target.attr == "__doc__":
                described = mod.members[ast.unparse(target.value)]
                described.docstring = griffe.Docstring(
                    ast.literal_eval(part.value),
                    lineno=part.lineno,
                    parent=described,
                    parser=agent.docstring_parser,
                    parser_options=agent.docstring_options,
                )
