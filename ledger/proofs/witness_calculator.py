"""Runs the circuit's WebAssembly witness calculator (circom 2's interface) under wasmtime.

groth16py interprets the same module, which takes twelve times as long (1.85 s against 0.15 s at 600 readings).
A small module of our own moves numbers in bulk between Python and circom's one-word-at-a-time interface.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import wasmtime

from ledger.proofs.field import FIELD, check_element

_PAGE = 65_536
_ELEMENT = 32
_ASSERTION = 4
_PUMP = """
(module
  (import "circom" "getWitness" (func $get (param i32)))
  (import "circom" "readSharedRWMemory" (func $read (param i32) (result i32)))
  (import "circom" "writeSharedRWMemory" (func $write (param i32 i32)))
  (import "circom" "setInputSignal" (func $set (param i32 i32 i32)))
  (memory (export "memory") 1)
  (func $address (param $element i32) (param $word i32) (result i32)
    (i32.add (i32.shl (local.get $element) (i32.const 5)) (i32.shl (local.get $word) (i32.const 2))))
  (func (export "put") (param $high i32) (param $low i32) (param $count i32) (local $i i32) (local $w i32)
    (loop $element
      (if (i32.lt_u (local.get $i) (local.get $count)) (then
        (local.set $w (i32.const 0))
        (loop $word
          (call $write (local.get $w) (i32.load (call $address (local.get $i) (local.get $w))))
          (br_if $word (i32.lt_u (local.tee $w (i32.add (local.get $w) (i32.const 1))) (i32.const 8))))
        (call $set (local.get $high) (local.get $low) (local.get $i))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $element)))))
  (func (export "take") (param $count i32) (local $i i32) (local $w i32)
    (loop $element
      (if (i32.lt_u (local.get $i) (local.get $count)) (then
        (call $get (local.get $i))
        (local.set $w (i32.const 0))
        (loop $word
          (i32.store (call $address (local.get $i) (local.get $w)) (call $read (local.get $w)))
          (br_if $word (i32.lt_u (local.tee $w (i32.add (local.get $w) (i32.const 1))) (i32.const 8))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $element))))))
"""


class FalseStatement(Exception):
    """A constraint of the circuit does not hold for these inputs."""


class WitnessCalculator:
    """One compiled circuit; compiling takes seconds, each witness a fraction of one.

    `native` is what `compile_natively` gave: machine code, which is run unchecked, so it comes from a file whose
    hash is pinned or not at all. Code of another version or for another processor is set aside.
    """

    def __init__(self, wasm: bytes, *, native: bytes | None = None) -> None:
        self._engine = wasmtime.Engine()
        self._circuit = self._load(wasm, native)
        self._pump = wasmtime.Module(self._engine, _PUMP)

    def calculate(self, inputs: Mapping[str, int | list[int]]) -> bytes:
        """The witness as a `.wtns` file (iden3 binary format, version 2).

        Raises FalseStatement when a constraint does not hold, ValueError when the inputs are not the circuit's.
        """
        store = wasmtime.Store(self._engine)
        circuit = _runtime(self._engine).instantiate(store, self._circuit).exports(store)
        _call(circuit["init"], store, 1)
        linker = wasmtime.Linker(self._engine)
        for name in ("getWitness", "readSharedRWMemory", "writeSharedRWMemory", "setInputSignal"):
            linker.define(store, "circom", name, circuit[name])
        pump = linker.instantiate(store, self._pump).exports(store)
        memory: Any = pump["memory"]
        size = _call(circuit["getWitnessSize"], store)
        _reserve(memory, store, size)
        expected = _call(circuit["getInputSize"], store)
        for name, value in inputs.items():
            values = [value] if isinstance(value, int) else value
            high, low = _signal_hash(name)
            if _call(circuit["getInputSignalSize"], store, high, low) != len(values):
                raise ValueError(f"the circuit has no input {name!r} of {len(values)} values")
            expected -= len(values)
            _reserve(memory, store, len(values))
            memory.write(store, b"".join(check_element(v).to_bytes(_ELEMENT, "little") for v in values), 0)
            _call(pump["put"], store, high, low, len(values))
        if expected:
            raise ValueError(f"{expected} inputs of the circuit are missing")
        _call(pump["take"], store, size)
        return _witness_file(bytes(memory.read(store, 0, size * _ELEMENT)))

    def _load(self, wasm: bytes, native: bytes | None) -> wasmtime.Module:
        if native is not None:
            try:
                return wasmtime.Module.deserialize(self._engine, native)
            except wasmtime.WasmtimeError:
                pass
        return wasmtime.Module(self._engine, wasm)


def compile_natively(wasm: bytes) -> bytes:
    """Machine code for this processor and version of wasmtime."""
    return bytes(wasmtime.Module(wasmtime.Engine(), wasm).serialize())


def _runtime(engine: wasmtime.Engine) -> wasmtime.Linker:
    """What circom's module calls back: an exception code, and three printers that we leave silent because their
    text can hold private values."""
    linker = wasmtime.Linker(engine)
    linker.define_func("runtime", "exceptionHandler", wasmtime.FuncType([wasmtime.ValType.i32()], []), _refuse)
    for name in ("printErrorMessage", "writeBufferMessage", "showSharedRWMemory"):
        linker.define_func("runtime", name, wasmtime.FuncType([], []), lambda: None)
    return linker


def _refuse(code: int) -> None:
    if code == _ASSERTION:
        raise FalseStatement("a constraint of the circuit does not hold")
    raise ValueError(f"the circuit refused its inputs (circom error {code})")


def _call(function: Any, store: wasmtime.Store, *arguments: int) -> int:
    result = function(store, *arguments)
    return int(result) if result is not None else 0


def _reserve(memory: Any, store: wasmtime.Store, elements: int) -> None:
    missing = -(-elements * _ELEMENT // _PAGE) - memory.size(store)
    if missing > 0:
        memory.grow(store, missing)


def _signal_hash(name: str) -> tuple[int, int]:
    """FNV-1a, 64 bits, as two signed words: how circom names its input signals."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 % 2**64
    high, low = state >> 32, state % 2**32
    return high - (high >> 31 << 32), low - (low >> 31 << 32)


def _witness_file(elements: bytes) -> bytes:
    count = len(elements) // _ELEMENT
    header = _ELEMENT.to_bytes(4, "little") + FIELD.to_bytes(_ELEMENT, "little") + count.to_bytes(4, "little")
    sections = [(1, header), (2, elements)]
    body = b"".join(k.to_bytes(4, "little") + len(d).to_bytes(8, "little") + d for k, d in sections)
    return b"wtns" + (2).to_bytes(4, "little") + len(sections).to_bytes(4, "little") + body
