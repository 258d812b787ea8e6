"""The Sphinx configuration of these pages."""

from importlib.metadata import version as installed_version

project = "ddbevents"
author = "The ddbevents contributors"
project_copyright = author
version = release = installed_version("ddbevents")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
default_role = "code"  # docstrings mark code with single backticks, like Markdown
napoleon_numpy_docstring = False
napoleon_attr_annotations = False  # the signature has the types already
napoleon_use_ivar = True  # describe an attribute once if it is in both the docstring and the class body

html_theme = "furo"
html_title = f"ddbevents {release}"
