;; A program with an own maximum of 4 pages: what it asks for beyond that fails as ever, and makes
;; it trap should it not.
(module
  (memory (export "memory") 1 4)
  (func $want (param i32) (if (local.get 0) (then (unreachable))))
  (func (export "_start")
    (call $want (i32.ne (memory.grow (i32.const 3)) (i32.const 1)))
    (call $want (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))
    (call $want (i32.ne (memory.grow (i32.const -1)) (i32.const -1)))
    (call $want (i32.ne (memory.grow (i32.const 0)) (i32.const 4)))))
