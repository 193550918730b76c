"""Which names are known, and which are dangerous."""

import re
from typing import Final

Name = tuple[str, str]  # module, qualified name

# Names that the reader of the program treats in a way of their own.
WRAPPER: Name = ("joblib.numpy_pickle", "NumpyArrayWrapper")
DTYPE: Name = ("numpy", "dtype")
PARTIAL: Name = ("functools", "partial")
MEMMAP: Name = ("numpy", "memmap")
CHECK: Name = ("sklearn.utils.validation", "check_array")
RECONSTRUCTOR: Name = ("copyreg", "_reconstructor")
OBJECT: Name = ("builtins", "object")


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


_ALLOWED: Final[dict[str, frozenset[str]]] = {
    module: words(names)
    for modules, names in {
        "builtins": "object list dict set frozenset tuple int float complex bool str bytes bytearray slice range",
        "collections": "OrderedDict defaultdict",
        "copyreg": "_reconstructor",
        "_codecs": "encode",
        "joblib.numpy_pickle": "NumpyArrayWrapper",
        # Not object_, which gives back what it is given.
        "numpy": "ndarray dtype bool bool_ int8 int16 int32 int64 intc intp uint8 uint16 uint32 uint64 uintc uintp "
        "longlong ulonglong float16 float32 float64 longdouble float128 complex64 complex128 str_ bytes_ datetime64 "
        "timedelta64 generic number integer signedinteger unsignedinteger floating inexact complexfloating flexible "
        "character abs absolute log log1p log2 log10 exp exp2 expm1 sqrt cbrt square reciprocal sign negative positive "
        "sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh floor ceil rint mean median max min "
        "sum std var maximum minimum nan_to_num",
        # Where NumPy before 2.1 says that its elementwise functions are.
        "numpy.core._multiarray_umath numpy._core._multiarray_umath": "absolute log log1p log2 log10 exp exp2 expm1 "
        "sqrt cbrt square reciprocal sign negative positive sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh "
        "arccosh arctanh floor ceil rint maximum minimum",
        "numpy.core.multiarray numpy._core.multiarray": "_reconstruct scalar",
        "numpy.core.numeric numpy._core.numeric": "_frombuffer",
        "numpy.ma": "MaskedArray",
        "numpy.ma.core": "MaskedArray _mareconstruct",
        "numpy.random._pickle": "__bit_generator_ctor __generator_ctor __randomstate_ctor",
        "numpy.random._mt19937": "MT19937",
        "numpy.random._pcg64": "PCG64 PCG64DXSM",
        "numpy.random._philox": "Philox",
        "numpy.random._sfc64": "SFC64",
        "numpy.random.bit_generator numpy.random._bit_generator": "SeedSequence __pyx_unpickle_SeedSequence",
        "scipy.interpolate scipy.interpolate._bsplines": "BSpline _BSpline",
        "scipy._lib.array_api_compat.numpy scipy._lib.array_api_compat.numpy._aliases": "asarray",
        "sklearn.cluster._kmeans": "_kmeans_single_lloyd _kmeans_single_elkan",
        "sklearn.compose._column_transformer": "make_column_selector",
        "sklearn.feature_selection._mutual_info": "mutual_info_classif mutual_info_regression",
        "sklearn.feature_selection._univariate_selection": "f_classif f_oneway f_regression r_regression chi2",
        "sklearn.utils sklearn.utils._bunch": "Bunch",
        "sklearn.utils._metadata_requests": "MetadataRequest MethodMetadataRequest",
        "sklearn.utils.validation": "check_array",
        "pandas": "Categorical CategoricalDtype DataFrame DatetimeIndex Index Int64Dtype MultiIndex RangeIndex Series "
        "StringDtype NA",
        "pandas.arrays": "ArrowStringArray DatetimeArray IntegerArray",
        "pandas._libs.arrays": "__pyx_unpickle_NDArrayBacked",
        "pandas._libs.internals": "_unpickle_block",
        "pandas._libs.tslibs.timestamps": "_unpickle_timestamp",
        "pandas._libs.tslibs.offsets": "Day",
        "pandas.core.arrays.categorical": "Categorical",
        "pandas.core.dtypes.dtypes": "CategoricalDtype",
        "pandas.core.frame": "DataFrame",
        "pandas.core.series": "Series",
        "pandas.core.indexes.base": "Index _new_Index",
        "pandas.core.indexes.range": "RangeIndex",
        "pandas.core.indexes.multi": "MultiIndex",
        "pandas.core.indexes.datetimes": "DatetimeIndex _new_DatetimeIndex",
        "pandas.core.internals.managers": "BlockManager SingleBlockManager",
    }.items()
    for module in modules.split()
}
# Rules for what scikit-learn moves about between releases: (module, name). Its packages are listed because
# those left out (callback, datasets, externals, utils, tests) open files, connections and threads.
_PACKAGES = (
    "_loss|base|calibration|cluster|compose|covariance|cross_decomposition|decomposition|discriminant_analysis|dummy|"
    "ensemble|feature_extraction|feature_selection|frozen|gaussian_process|impute|isotonic|kernel_approximation|"
    "kernel_ridge|linear_model|manifold|metrics|mixture|model_selection|multiclass|multioutput|naive_bayes|neighbors|"
    "neural_network|pipeline|preprocessing|random_projection|semi_supervised|svm|tree"
)
_SKLEARN = rf"sklearn\.(?:{_PACKAGES})(?:\.(?!tests\b|conftest\b)\w+)*"
_RULES: Final = [
    (re.compile(module, re.ASCII), re.compile(name, re.ASCII))
    for module, name in (
        # CamelCase, or one of the classes that are capitals alone: other capitals are constants.
        (_SKLEARN, r"_?[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*"),
        (_SKLEARN, "CCA|DBSCAN|HDBSCAN|MAE|MDS|MSE|NMF|OAS|OPTICS|PCA|PLSSVD|RBF|RFE|RFECV|SVC|SVR|TSNE"),
        (_SKLEARN, r"__pyx_unpickle_[A-Z]\w*"),
        # Its compiled losses gave their module without the package until 1.7.
        (r"_loss", r"(?:__pyx_unpickle_)?Cy[A-Z][A-Za-z]*"),
        (r"sklearn\.(?:neighbors|metrics)\._?\w+", "newObj"),
        (r"sklearn\.metrics\._(?:classification|regression|ranking)", r"[a-z]\w*_(?:score|error|loss)"),
        (r"scipy\.sparse(?:\._?(?:csr|csc|coo|dok|lil|dia|bsr))?", r"(?:csr|csc|coo|dok|lil|dia|bsr)_(?:matrix|array)"),
    )
]
# Names that modules of those packages import from elsewhere.
_FOREIGN = words(
    "BytesIO CalledProcessError Client Connection FunctionType GzipFile Listener LinearOperator Memory MethodType "
    "ModuleType NamedTemporaryFile Parallel Path PathLike Popen Process Queue StringIO TemporaryDirectory Thread "
    "ThreadpoolController Any Callable CallbackSupportMixin Counter Generic Integral Iterable List Mapping "
    "MutableMapping NamedTuple NodeData NodeHeapData Number Parameter Protocol Real Sequence TypeVar UserList"
)
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
    """Whether a name is part of a fitted model of scikit-learn and lets a pickle run no code of its choosing."""
    if name in _ALLOWED.get(module, ()):
        return True
    # scipy.stats is missing on purpose: its distributions, when loaded, execute a text that the pickle holds.
    return name not in _FOREIGN and any(m.fullmatch(module) and n.fullmatch(name) for m, n in _RULES)


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
