;; A program that begins with 64 MiB of memory, and does nothing.
(module (memory (export "memory") 1024) (func (export "_start")))
