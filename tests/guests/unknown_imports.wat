;; A program that wants more than WASI preview 1.
(module
  (import "env" "foo" (func))
  (import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))
  (import "wasi_snapshot_preview1" "sock_teleport" (func (param i32) (result i32)))
  (import "env" "memory" (memory 1))
  (func (export "_start")))
