;; A program with exports that a command of exec can name. `_initialize` sets what `status` returns;
;; `_start` and `hello` print who they are.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $status (mut i32) (i32.const 1))
  (data (i32.const 32) "_start\nhello\n")
  (func $print (param $from i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $from))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_initialize") (global.set $status (i32.const 7)))
  (func (export "_start") (call $print (i32.const 32) (i32.const 7)))
  (func (export "hello") (call $print (i32.const 39) (i32.const 6)))
  (func (export "status") (result i32) (global.get $status))
  (func (export "crash") (unreachable))
  (func (export "twice") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))
