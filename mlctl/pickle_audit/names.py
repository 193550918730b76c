"""Tables of known names with their purpose, and of dangerous names.

A name is known by exact tables alone: a module of scikit-learn also holds whatever it imports, which no rule over
module names can tell apart. ``known.json`` is generated from what scikit-learn itself defines (release 1.6 and
later; ``tests/support/known_types.py`` makes and checks it). A table is chosen over a look into the installed modules
because an audit then imports nothing, answers the same on every machine, and can be reviewed. A class that a later
release adds is "unknown" until the table has it: no error, and the user decides.
"""

import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Final

Name = tuple[str, str]  # module, qualified name

# Names that the reader of the program treats in a way of their own.
WRAPPER: Name = ("joblib.numpy_pickle", "NumpyArrayWrapper")
DTYPE: Name = ("numpy", "dtype")
NDARRAY: Name = ("numpy", "ndarray")
PARTIAL: Name = ("functools", "partial")
GETATTR: Name = ("builtins", "getattr")
MEMMAP: Name = ("numpy", "memmap")
CHECK: Name = ("sklearn.utils.validation", "check_array")
RECONSTRUCTOR: Name = ("copyreg", "_reconstructor")
OBJECT: Name = ("builtins", "object")
BUNCH: Name = ("sklearn.utils._bunch", "Bunch")
TRIPLET: Name = ("sklearn.impute._iterative", "_ImputerTriplet")


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


def _names(table: dict[str, str]) -> frozenset[Name]:
    """The names of a table: modules in its keys, what they define in its values."""
    return frozenset(
        (module, name) for modules, found in table.items() for module in modules.split() for name in found.split()
    )


_GENERATED: Final = json.loads(Path(__file__).with_name("known.json").read_text(encoding="utf-8"))


def _generated(kind: str) -> frozenset[Name]:
    return frozenset((module, name) for module, names in _GENERATED[kind].items() for name in names)


# Classes that are made with no arguments, and whose state is a dictionary of attributes.
PLAIN: Final = _generated("plain") | _names(
    {
        "scipy.interpolate scipy.interpolate._bsplines": "BSpline _BSpline",
        "scipy.sparse._csr": "csr_matrix csr_array",
        "scipy.sparse._csc": "csc_matrix csc_array",
        "scipy.sparse._coo": "coo_matrix coo_array",
        "scipy.sparse._bsr": "bsr_matrix bsr_array",
        "scipy.sparse._dia": "dia_matrix dia_array",
    }
)
# Instances that can be called, and the names of methods, which no attribute of a model has.
CALLABLE: Final = _generated("callable")
METHODS: Final = frozenset(_GENERATED["methods"][""])
# Compiled classes, each kind of which has a form of its own.
# Until release 1.7 compiled losses gave their module as `_loss`. Later it is any file of that name on Python's path.
_OLD_LOSSES = version("scikit-learn").startswith("1.6.")
LOSSES: Final = frozenset(each for each in _generated("loss") if _OLD_LOSSES or each[0] != "_loss")
DISTANCES: Final = _generated("distance")
NEIGHBORS: Final = _generated("neighbors")
TREE: Name = ("sklearn.tree._tree", "Tree")
MASKED: Final = _names({"numpy.ma numpy.ma.core": "MaskedArray"})
GENERATORS: Final = _names(
    {
        "numpy.random._mt19937": "MT19937",
        "numpy.random._pcg64": "PCG64 PCG64DXSM",
        "numpy.random._philox": "Philox",
        "numpy.random._sfc64": "SFC64",
    }
)
SEEDS: Final = _names({"numpy.random.bit_generator numpy.random._bit_generator": "SeedSequence"})
INDEXES: Final = _names({"pandas pandas.core.indexes.base": "Index", "pandas pandas.core.indexes.range": "RangeIndex"})
# What may stand as a value: types of elements, and functions that a model is given.
_ELEMENTWISE = (
    "absolute log log1p log2 log10 exp exp2 expm1 sqrt cbrt square reciprocal sign negative positive sin cos tan "
    "arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh floor ceil rint maximum minimum"
)
TYPES: Final = _names(
    {
        "builtins": "object list dict set frozenset tuple int float complex bool str bytes bytearray",
        # Not object_, which gives back what it is given.
        "numpy": "bool bool_ int8 int16 int32 int64 intc intp uint8 uint16 uint32 uint64 uintc uintp longlong "
        "ulonglong float16 float32 float64 longdouble float128 complex64 complex128 str_ bytes_ datetime64 timedelta64 "
        "generic number integer signedinteger unsignedinteger floating inexact complexfloating flexible character",
    }
)
FUNCTIONS: Final = _generated("function") | _names(
    {
        "numpy": _ELEMENTWISE + " abs mean median max min sum std var nan_to_num",
        # Where NumPy before 2.1 says that its elementwise functions are.
        "numpy.core._multiarray_umath numpy._core._multiarray_umath": _ELEMENTWISE,
        "scipy._lib.array_api_compat.numpy scipy._lib.array_api_compat.numpy._aliases": "asarray",
    }
)
# What is called, or handed to what is called, and is nowhere else.
_FORMS: Final = _names(
    {
        "builtins": "slice range",
        "collections": "OrderedDict defaultdict",
        "copyreg": "_reconstructor",
        "_codecs": "encode",
        "functools": "partial",
        "joblib.numpy_pickle": "NumpyArrayWrapper",
        "numpy": "ndarray dtype",
        "numpy.core.multiarray numpy._core.multiarray": "_reconstruct scalar",
        "numpy.core.numeric numpy._core.numeric": "_frombuffer",
        "numpy.ma.core": "_mareconstruct",
        "numpy.random._pickle": "__bit_generator_ctor __generator_ctor __randomstate_ctor",
        "numpy.random.bit_generator numpy.random._bit_generator": "__pyx_unpickle_SeedSequence",
        "pandas.core.indexes.base": "_new_Index",
        "sklearn.impute._iterative": "_ImputerTriplet",
        "sklearn.metrics._dist_metrics sklearn.neighbors._kd_tree sklearn.neighbors._ball_tree": "newObj",
        "sklearn.tree._tree": "Tree",
        "sklearn.utils._bunch": "Bunch",
        "sklearn.utils.validation": "check_array",
    }
) | frozenset((module, f"__pyx_unpickle_{name}") for module, name in LOSSES)
_KNOWN: Final = (
    PLAIN | LOSSES | DISTANCES | NEIGHBORS | MASKED | GENERATORS | SEEDS | INDEXES | TYPES | FUNCTIONS | _FORMS
) - {PARTIAL}
# Nothing else may be kept in a list, a dictionary or an attribute; repeated splits keep the class of the single ones.
VALUES: Final = TYPES | FUNCTIONS | _names({"sklearn.model_selection._split": "KFold StratifiedKFold"})

# What gives access to the machine: modules with all below them,
_DANGEROUS_MODULES = words(
    "_ctypes _frozen_importlib _frozen_importlib_external _imp _io _operator _osx_support _pickle _posixsubprocess "
    "_socket _thread antigravity asyncio bdb cProfile cffi cloudpickle code codeop commands concurrent ctypes dill "
    "distutils doctest ensurepip fileinput ftplib gc glob http idlelib imaplib imp importlib inspect io "
    "joblib.externals linecache logging.config logging.handlers marshal mmap multiprocessing nt ntpath "
    "numpy.ctypeslib numpy.distutils numpy.f2py numpy.lib numpy.testing operator os pandas.core.computation "
    "pandas.io pathlib pdb pickle pip pkgutil platform popen2 poplib posix posixpath profile pty pydoc requests "
    "resource runpy scipy.io setuptools shelve shutil signal site smtplib socket socketserver sqlite3 ssl subprocess "
    "sys sysconfig telnetlib tempfile threading timeit tkinter torch.hub torch.serialization torch.storage trace "
    "types urllib venv webbrowser xmlrpc yaml zipimport"
)
# built-in functions, names that are the same thing wherever they are found,
_DANGEROUS_BUILTINS = words(
    "__import__ breakpoint compile delattr dir eval exec exit getattr globals hasattr help input locals memoryview "
    "open quit setattr vars"
)
_DANGEROUS_ANYWHERE = words("__import__ eval exec execfile getattr setattr system popen _ufunc_reconstruct")
# and what libraries read and write files with.
_LIBRARIES = words("dask joblib numpy pandas scipy sklearn torch")
_FILES = re.compile(
    r"(?:load|loads|dump|dumps|load\w*txt|read_\w+|to_pickle|fetch_\w+|load_file|load_svmlight_files?|save\w*|"
    r"fromfile|genfromtxt|fromregex|DataSource|HDFStore|ExcelFile|ExcelWriter)",
    re.ASCII,
)


def is_known(module: str, name: str) -> bool:
    """Whether a name is part of what a fitted model of scikit-learn consists of."""
    return (module, name) in _KNOWN


def is_dangerous(module: str, name: str) -> bool:
    """Whether a name opens the machine to a pickle: processes, files, imports, code, attributes of anything."""
    if is_known(module, name):
        return False
    # A dotted name walks through attributes: in `sklearn.utils`, `os.system`.
    parts, steps = module.split("."), name.split(".")
    if any(".".join(parts[:count]) in _DANGEROUS_MODULES for count in range(1, len(parts) + 1)):
        return True
    if any(step in _DANGEROUS_MODULES or step.startswith("__") for step in steps[:-1]):
        return True
    last = steps[-1]
    if last in _DANGEROUS_ANYWHERE or (module in ("builtins", "__builtin__") and last in _DANGEROUS_BUILTINS):
        return True
    return parts[0] in _LIBRARIES and _FILES.fullmatch(last) is not None
