;; A program that grows two memories in turn until that fails, and then ends well. It has no
;; globals, and an export with the name that farlet would like for its own.
(module
  (memory $one (export "memory") 1)
  (memory $two i64 1)
  (func (export "farlet_memory_limit_hit"))
  (func (export "_start")
    (loop $again
      (br_if $again (i32.ne (memory.grow $one (i32.const 1)) (i32.const -1))))
    (loop $again
      (br_if $again (i64.ne (memory.grow $two (i64.const 1)) (i64.const -1)))))
  (data (memory $one) (i32.const 0) "x"))
