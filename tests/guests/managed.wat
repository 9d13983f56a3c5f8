;; A program with instructions of the GC proposal: grows until that fails, and traps then.
(module
  (type $point (struct (field i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (struct.new $point (i32.const 1)))
    (loop $again
      (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (unreachable)))
