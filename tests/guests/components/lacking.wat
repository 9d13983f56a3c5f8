;; A command that imports two interfaces that no host has.
(module
  (import "farlet:tests/one" "call" (func $one))
  (import "farlet:tests/two" "call" (func $two))
  (func (export "wasi:cli/run@0.2.6#run") (result i32)
    (call $one) (call $two) (i32.const 0)))
