"""The effect of each pickle operation on the machine."""

import re
from collections.abc import Callable
from typing import Any

from mlctl.pickle_audit.arrays import set_array, set_data_type
from mlctl.pickle_audit.machine import Machine
from mlctl.pickle_audit.names import NDARRAY, OBJECT, WRAPPER, Name
from mlctl.pickle_audit.refusal import printable, refuse
from mlctl.pickle_audit.states import set_state
from mlctl.pickle_audit.values import (
    OTHER,
    WRAPPER_ARGUMENTS,
    Array,
    Dict,
    DType,
    Global,
    List,
    Made,
    Odd,
    Set,
    Tuple,
    Wrapper,
    is_plain,
)

_PICKLE = "pickle"


class Operations(Machine):
    """One method an operation; the names are those of pickletools, in small letters."""

    def steps(self) -> dict[str, Callable[[Any], None]]:
        """The methods by the names of their operations."""
        return {name[4:].upper(): getattr(self, name) for name in dir(self) if name.startswith("_op_")}

    def _op_proto(self, value: Any) -> None:
        if value > 5:
            refuse(f"pickle protocol {value} is not known")
        if self.started:
            self.odd((_PICKLE, "PROTO"), "in the middle of the file")
        self.protocol = value

    def _op_frame(self, value: Any) -> None:
        if self.source.position < self.frame_end:
            refuse("a frame begins inside another")
        self.frame_end = self.source.position + value

    def _op_none(self, _: Any) -> None:
        self.stack.append(None)

    def _op_newtrue(self, _: Any) -> None:
        self.stack.append(True)

    def _op_newfalse(self, _: Any) -> None:
        self.stack.append(False)

    def _op_mark(self, _: Any) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def _op_pop(self, _: Any) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.marked()

    def _op_pop_mark(self, _: Any) -> None:
        self.marked()

    def _op_dup(self, _: Any) -> None:
        self.odd((_PICKLE, "DUP"), "an operation that pickle does not write")
        self._share(self.stack[-1])

    def _op_get(self, value: Any) -> None:
        self._share(self.memo[value])

    _op_binget = _op_long_binget = _op_get

    def _share(self, value: Any) -> None:
        if type(value) is Wrapper:
            refuse("an array of joblib that is used twice")
        if type(value) is Dict:
            value.shared = True
        self.stack.append(value)

    def _op_put(self, value: Any) -> None:
        if type(value) not in (int, bool) or value < 0:
            refuse("a memo entry without a number")
        if value != len(self.memo):
            # pickle counts on. A reader in C makes room for all numbers below, and a second value may mislead.
            self.odd((_PICKLE, "PUT"), "a memo entry out of order")
        self.memo[value] = self.stack[-1]

    _op_binput = _op_long_binput = _op_put

    def _op_memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _op_empty_list(self, _: Any) -> None:
        self.stack.append(List([]))

    def _op_list(self, _: Any) -> None:
        items = self.marked()
        self.keep(*items)
        self.stack.append(List(items))

    def _op_append(self, _: Any) -> None:
        self._extend([self.stack.pop()])

    def _op_appends(self, _: Any) -> None:
        self._extend(self.marked())

    def _extend(self, items: list[Any]) -> None:
        self.keep(*items)
        target = self._changed(List)
        if type(target) is List:
            target.items += items

    def _op_empty_set(self, _: Any) -> None:
        self.stack.append(Set(frozen=False))

    def _op_additems(self, _: Any) -> None:
        self._members(self.marked())
        self._changed(Set)

    def _op_frozenset(self, _: Any) -> None:
        self._members(self.marked())
        self.stack.append(Set(frozen=True))

    def _members(self, items: list[Any]) -> None:
        self.keep(*items)
        if not all(map(is_plain, items)):
            self.odd(("builtins", "set"), "a member whose comparison may run code")

    def _changed(self, kind: type) -> Any:
        """The object at the top, about to be changed by an operation that is for objects of this kind."""
        target = self.stack[-1]
        if type(target) is Global:
            self.trick("change of " + printable(".".join(target.name)))
        elif type(target) in (Wrapper, DType):
            refuse("a change of what a model never changes")
        elif type(target) is Made and target.kind in ("unknown", "odd"):
            pass
        elif type(target) is Set and target.frozen:
            self.odd(("builtins", "frozenset"), "changed, which no model does")
        elif type(target) is not kind and not (kind is Dict and type(target) is Made and target.kind == "dict"):
            name = target.origin if type(target) is Made else (_PICKLE, type(target).__name__)
            self.odd(name, "changed, which no model does")
        return target

    def _op_empty_dict(self, _: Any) -> None:
        self.stack.append(Dict())

    def _op_dict(self, _: Any) -> None:
        items = self.marked()
        self.stack.append(Dict())
        self._fill(items)

    def _op_setitem(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._fill([key, value])

    def _op_setitems(self, _: Any) -> None:
        self._fill(self.marked())

    def _fill(self, items: list[Any]) -> None:
        if len(items) % 2:
            refuse("a dictionary with a key and no value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            # joblib's place-holder of an array keeps the class of the array.
            self.keep(key, None if key == "subclass" and type(value) is Global and value.name == NDARRAY else value)
        if not all(map(is_plain, items[::2])):
            self.odd(("builtins", "dict"), "a key whose comparison may run code")
        table = self._changed(Dict)
        if type(table) is not Dict:
            if type(table) is Made and table.origin[1] == "Bunch" and not all(type(key) is str for key in items[::2]):
                self.odd(table.origin, "a key that is not text")
            return
        if table.frozen:
            refuse("a change of the fields of a data type")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) is str:
                table.entries[key] = value
            else:
                table.exact = False

    def _op_empty_tuple(self, _: Any) -> None:
        self.stack.append(Tuple([]))

    def _op_tuple(self, _: Any) -> None:
        self._push_tuple(self.marked())

    def _op_tuple1(self, _: Any) -> None:
        self._push_tuple([self.stack.pop()])

    def _op_tuple2(self, _: Any) -> None:
        self._push_tuple([self.stack.pop() for _ in range(2)][::-1])

    def _op_tuple3(self, _: Any) -> None:
        self._push_tuple([self.stack.pop() for _ in range(3)][::-1])

    def _push_tuple(self, items: list[Any]) -> None:
        if [each.name for each in items[:2] if type(each) is Global] == [WRAPPER, OBJECT] and items[2:] == [None]:
            self.stack.append(WRAPPER_ARGUMENTS)
            return
        self.check(*items)
        self.stack.append(Tuple(items))

    def _op_global(self, value: Any) -> None:
        if value is OTHER:
            refuse("a name that is too long")
        self.push_global(*value)

    def _op_stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if type(name) is not str or type(module) is not str:
            self.check(name, module)
            self.trick("a name made while loading")
            self.stack.append(OTHER)
            return
        self.push_global(module, name)

    def _op_ext1(self, value: Any) -> None:
        self.trick(f"extension code {value}")
        self.stack.append(OTHER)

    _op_ext2 = _op_ext4 = _op_ext1

    def _op_persid(self, _: Any) -> None:
        self.trick("persistent id")
        self.stack.append(OTHER)

    def _op_binpersid(self, _: Any) -> None:
        self.check(self.stack.pop())
        self._op_persid(None)

    def _op_next_buffer(self, _: Any) -> None:
        refuse("a part of the pickle is in another file")

    _op_readonly_buffer = _op_next_buffer

    def _op_reduce(self, _: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self.stack.append(self.call(function, arguments, new=False))

    def _op_newobj(self, _: Any) -> None:
        arguments, kind = self.stack.pop(), self.stack.pop()
        self.stack.append(self.call(kind, arguments, new=True))

    def _op_newobj_ex(self, _: Any) -> None:
        keywords, arguments, kind = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self.check(keywords, kind)
        self._unwritten(kind, "NEWOBJ_EX")
        self.stack.append(self.call(kind, arguments, new=True))

    def _op_inst(self, value: Any) -> None:
        self._op_global(value)
        kind = self.stack.pop()
        self._instance(kind, self.marked(), "INST")

    def _op_obj(self, _: Any) -> None:
        kind, *items = self.marked()
        self._instance(kind, items, "OBJ")

    def _instance(self, kind: Any, items: list[Any], operation: str) -> None:
        """An instance as Python 2 wrote it: a call."""
        self.check(kind, *items)
        self._unwritten(kind, operation)
        self.stack.append(self.call(kind, Tuple(items), new=False))

    def _unwritten(self, kind: Any, operation: str) -> None:
        if type(kind) is Global:
            self.odd(kind.name, f"called by {operation}, an operation that no model has")

    def _op_build(self, _: Any) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        self.check(state)
        if type(target) is Wrapper:
            self.stack[-1] = self.read_array(state)
        elif type(target) is DType:
            set_data_type(target, state)
        elif type(target) is Global:
            self._changed(Made)
        elif type(target) is Array:
            self._build(("numpy", "ndarray"), set_array, target, state)
        elif type(target) is Made and target.kind != "odd":
            self._build(target.origin, set_state, target, state)
        elif type(target) is Made:
            refuse(f"a state for the result of {printable('.'.join(target.origin))}")
        elif target is not OTHER:
            refuse("a state for what takes none")
        version = state.entries.get("_sklearn_version") if type(state) is Dict else None
        if type(version) is str and re.fullmatch(r"[0-9A-Za-z.+]{1,40}", version, re.ASCII):
            # The outermost estimator is built last.
            self.version = version

    def _build(self, name: Name, rule: Callable[[Any, Any], None], target: Any, state: Any) -> None:
        self.work(state, *(state.items if type(state) is Tuple else ()))
        try:
            rule(target, state)
        except Odd as why:
            self.odd(name, f"its state: {why}")
